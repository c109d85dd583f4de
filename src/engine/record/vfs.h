/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_VFS_H
#define ENGINE_RECORD_VFS_H

/* The name to hand to sqlite3_open_v2() after ledger_vfs_register(). */
#define LEDGER_VFS "bailiff"

/*
 * Register a VFS that opens names as they are, relative to the current
 * directory. Once is enough, again does no harm. -ENOSYS: SQLite has none.
 */
int ledger_vfs_register(void);

#endif
