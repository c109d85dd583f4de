/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_FOLLOW_H
#define ENGINE_READ_FOLLOW_H

#include <stdbool.h>
#include <sys/types.h>

#include "bailiff/line.h"

/*
 * One open log file, read forward from a position by a descriptor that was
 * handed to us: no paths here. Half lines wait for their end; a line over
 * line_max is cut there, its rest skipped and counted; NUL and any other byte
 * stay as they are, but NULs before a line's first byte (the hole that a
 * crash or a truncation under a writer without O_APPEND leaves) are skipped;
 * "\r\n" loses its "\r".
 *
 * struct position of a file: `offset` is a line's first byte, `fingerprint`
 * the hash of the file's first min(offset, FOLLOW_HEAD) bytes. They had been
 * read when the position was taken, so growth never changes the fingerprint,
 * and each line's position is the same whoever reads the file, live, rotated
 * or compressed.
 */
struct follow;

#define FOLLOW_HEAD 1024

struct follow_stats {
	uint64_t lines, bytes;
	uint64_t cut;		/* lines longer than line_max */
	uint64_t truncated;	/* times the file shrank or was rewritten */
};

/* Takes fd (closed by follow_free, also on failure). -EINVAL: not a regular file. */
int follow_open(int take_fd, uint32_t line_max, struct follow **ret);
void follow_free(struct follow **f);

/* Go on from here. -ESTALE: the file is not the one of `pos` (fingerprint, or too short). */
int follow_seek(struct follow *f, const struct position *pos);
int follow_seek_end(struct follow *f);	/* after the last whole line */

/* The position after the last line that was handed out whole. */
struct position follow_position(const struct follow *f);

/*
 * Read until the end or until `max_bytes` were handed out, calling `fn` for
 * each whole line (its text lives until fn returns). *more: not at the end;
 * false on errors, which are there the next time, too.
 * A file that shrank below our offset or whose bytes before it changed
 * (copytruncate): -ESTALE, nothing read; follow_position() tells what was
 * read of the old content, so that the caller can find the copy; then
 * follow_restart() goes on at 0. Lines handed out before -ESTALE in the same
 * call are good.
 * fn returns 0, or non-zero to stop after this line (returned as it is).
 */
typedef int follow_fn(void *arg, const struct line *line);
int follow_read(struct follow *f, size_t max_bytes, follow_fn *fn, void *arg,
		bool *more);
void follow_restart(struct follow *f);

/* A last line without newline, at the end of a finished file: hand it out. */
int follow_flush(struct follow *f, follow_fn *fn, void *arg);

const struct follow_stats *follow_stats(const struct follow *f);
int follow_fd(const struct follow *f);

/* hash_fixed() of a file's first KB, of what there is; *ret_n: how much. */
int follow_fingerprint(int fd, uint64_t *ret, size_t *ret_n);

/*
 * Does the file begin as the one of `pos` did, and reach its offset? At
 * offset 0 nothing is known of the content, so there inode and device decide.
 */
bool follow_is(int fd, const struct position *pos);

#endif
