/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>

#include "bailiff/span.h"

/* Whole files by descriptor; interrupted and short writes are gone on with. Errors are -errno. */
int file_write(int fd, struct span s);
/* All of `from`, from its start, to `to`. -EFBIG: it is more than `max` bytes, part is written. */
int file_copy(int from, int to, size_t max);

/*
 * A memfd that nobody changes any more, by whatever descriptor; and: is it one?
 * It is to have been made with MFD_ALLOW_SEALING.
 */
int file_seal(int fd);
bool file_is_sealed(int fd);

#endif
