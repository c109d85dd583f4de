/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_RUNDIR_H
#define CTL_RUNDIR_H

#include <stddef.h>

/*
 * Where the sockets are: the key `run:` of FILE, or of the installed
 * configuration when `conf` is NULL. A broken FILE is said and searched for
 * the key all the same. -ENOENT, -EACCES, ...: FILE cannot be read (said).
 */
int rundir_find(const char *conf, char *ret, size_t size);

#endif
