/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_SHIPPED_H
#define CONFIG_SHIPPED_H

/*
 * Where the shipped jails are: the tree's when the program is run from
 * build/ (or a folder below it), else DATADIR/bailiff/jails. NULL-terminated,
 * static.
 */
const char *const *shipped_dirs(void);

#endif
