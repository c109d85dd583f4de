/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "bailiff/span.h"

/* Whole files by descriptor; interrupted and short writes are gone on with. Errors are -errno. */
int file_write(int fd, struct span s);
/* All of `from`, from its start, to `to`. -EFBIG: it is more than `max` bytes, part is written. */
int file_copy(int from, int to, size_t max);

#endif
