/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs one fuzz target over every file of a corpus directory, with whatever
 * compiler is at hand: what once was found stays found. The bytes are given
 * in a block of exactly their size, so that sanitizers see a read past it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1: replayed; 0: no regular file; -errno. */
static int replay(const char *path)
{
	_cleanup_(close_file) FILE *f = fopen(path, "rb");
	_cleanup_(free_ptr) uint8_t *data = NULL;
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	data = malloc((size_t)st.st_size);
	if (!data && st.st_size > 0)
		return -ENOMEM;
	if (fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		return -EIO;
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	return 1;
}

/* By name, so that each run is the same; V=1 tells each, so that a crash has a name. */
static int replay_all(const char *dir, int *ret_n)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort), r = 0;
	char path[4096];

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		free(entries[i]);
		if (r < 0)
			continue;
		if (getenv("V"))
			fprintf(stderr, "%s\n", path);
		r = replay(path);
		*ret_n += r > 0;
		if (r < 0)
			fprintf(stderr, "%s: %s\n", path, strerror(-r));
	}
	free(entries);
	return r;
}

int main(int argc, char **argv)
{
	int n = 0, r;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	r = replay_all(argv[1], &n);
	if (r < 0 || n == 0) {
		fprintf(stderr, "%s: %s\n", argv[1], r < 0 ? strerror(-r) : "no corpus file");
		return 1;
	}
	printf("%d inputs\n", n);
	return 0;
}
