/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_INFLATE_H
#define ENGINE_READ_INFLATE_H

#include <stdbool.h>
#include <stddef.h>

/* A descriptor's bytes, decompressed if they are gzip or zstd, else as they are. */
struct inflate;

/*
 * Does not take fd. wake_fd: reading a pipe is given up (end of data) when
 * this becomes readable; -1: none. -ENOTSUP: compressed by something else.
 */
int inflate_open(int fd, int wake_fd, struct inflate **ret);
void inflate_free(struct inflate **i);

bool inflate_compressed(const struct inflate *i);

/*
 * Fill p with up to n bytes; *ret: how many, fewer than n only at the end.
 * -EBADMSG: damaged or cut off; *ret is set to what came before.
 */
int inflate_read(struct inflate *i, char *p, size_t n, size_t *ret);

#endif
