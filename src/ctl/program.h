/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_PROGRAM_H
#define CTL_PROGRAM_H

#include "bailiff/config.h"
#include "base/buf.h"

/* Programs of the mail server, started by the caller's own rights and PATH. */

/* A helper's words and then `more` (NULL-terminated), as they would be typed. */
void program_print(const struct strings *helper, const char *const *more, struct buf *out);

/*
 * Run it to its end: its exit status, or -errno. What it prints to standard
 * output goes to `out`, a megabyte at most; `quiet`: what it complains of is
 * not shown.
 */
int program_run(const struct strings *helper, const char *const *more, bool quiet, struct buf *out);

/* Can it be found? And does it run on this host, where its files are ours to see? */
bool program_is_there(const struct strings *helper);
bool program_is_here(const struct strings *helper);

/* A file that is not there is made with this mode and group, whole; one that is stays as it is. */
int program_write(const char *path, const char *text, unsigned mode, unsigned gid);

#endif
