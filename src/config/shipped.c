/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program run from build/ is a developer's or a test's: its jails are the tree's. */
#include "config/shipped.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef BAILIFF_DATADIR
#define BAILIFF_DATADIR "/usr/local/share"
#endif

/* .../build/bailiffd or .../build/fault/bailiffd -> .../jails */
static bool in_tree(char *path, size_t size)
{
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", path, size - 8);
	char *slash;

	if (n < 0)
		return false;
	path[n] = 0;
	for (int up = 0; up < 3 && (slash = strrchr(path, '/')); up++) {
		*slash = 0;
		slash = strrchr(path, '/');
		if (!slash || strcmp(slash, "/build") != 0)
			continue;
		strcpy(slash, "/jails");
		return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	}
	return false;
}

const char *const *shipped_dirs(void)
{
	static char path[PATH_MAX];
	static const char *dirs[2];

	if (!in_tree(path, sizeof(path)))
		snprintf(path, sizeof(path), "%s/bailiff/jails", BAILIFF_DATADIR);
	dirs[0] = path;
	return dirs;
}
