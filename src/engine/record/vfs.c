/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SQLite's unix VFS makes every name absolute first: getcwd(2) and an lstat(2)
 * of each directory from the root down (os_unix.c, unixFullPathname). The
 * engine stands in its state directory by an inherited descriptor and need not
 * be able to reach it from the root. So this is the system's VFS with one
 * function replaced: a name stays what it is. The current directory must then
 * never change while a ledger is open; the engine changes it once, before.
 */
#include "engine/record/vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

static sqlite3_vfs vfs;

static int full_pathname(sqlite3_vfs *v, const char *name, int size, char *ret)
{
	size_t n = strlen(name);

	(void)v;
	if (n >= (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(ret, name, n + 1);
	return SQLITE_OK;
}

int ledger_vfs_register(void)
{
	sqlite3_vfs *system;

	if (sqlite3_vfs_find(LEDGER_VFS))
		return 0;
	system = sqlite3_vfs_find("unix");
	if (!system)
		return -ENOSYS;
	vfs = *system;
	vfs.zName = LEDGER_VFS;
	vfs.pNext = NULL;
	vfs.xFullPathname = full_pathname;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? 0 : -ENOMEM;
}
