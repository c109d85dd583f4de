/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TEST_RECORD_PLACE_H
#define TEST_RECORD_PLACE_H

/* A directory of its own for each test, entered and, at the end, removed. */

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int place_enter(void **state)
{
	char *dir = strdup("/tmp/bailiff-record-XXXXXX");

	if (!dir || !mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	*state = dir;
	return 0;
}

static inline int place_leave(void **state)
{
	char *name = *state;
	DIR *dir = opendir(name);
	const struct dirent *e;

	if (!dir || chdir("/") < 0)
		return -1;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(name);
	free(name);
	return 0;
}

/* How many files here have names that begin like this. */
static inline unsigned place_count(const char *prefix)
{
	DIR *dir = opendir(".");
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return n;
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, place_enter, place_leave)

#endif
