/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_HISTORY_H
#define ENGINE_READ_HISTORY_H

#include "engine/read/follow.h"

/*
 * A finished log, read once from start to end: plain, .gz or .zst (told by
 * their magic bytes), or a pipe. Decompression runs in a thread beside the
 * reader (made by history_open, before the sandbox counts threads).
 * Lines are cut, and NULs and "\r" treated, as in follow.h; line.pos counts
 * decompressed bytes and has the same fingerprint as the plain file's.
 */
struct history_file;

/*
 * Takes fd, closed also on failure. `offset`: skip that many (decompressed)
 * bytes. -EISDIR; -ENOTSUP: compressed by something else (.xz, .bz2, .lz4).
 */
int history_open(int take_fd, uint32_t line_max, uint64_t offset,
		 struct history_file **ret);
void history_close(struct history_file **h);

/*
 * Next line, borrowed until the next call. 1: a line; 0: the end; -EBADMSG:
 * damaged compressed data, what came before was handed out; -errno.
 */
int history_next(struct history_file *h, struct line *ret);

/* The position after the last line handed out, as follow_position(). */
struct position history_position(const struct history_file *h);
int64_t history_mtime_ms(const struct history_file *h);	/* 0: a pipe has none */
const struct follow_stats *history_stats(const struct history_file *h);

/*
 * follow_is() for rotated parts that may be compressed. Of a compressed one
 * only the start is looked at, not whether it reaches the offset. Leaves the
 * descriptor's offset at 0.
 */
bool history_is(int fd, const struct position *pos);

#endif
