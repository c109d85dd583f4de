/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries a second out of a journal file, as the engine reads them: message,
 * program, time and position of each entry of our units.
 *
 *   journal_bench FILE
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "engine/read/journal.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int on_entry(void *arg, const struct journal_entry *e)
{
	*(uint64_t *)arg += e->entry.text.n;
	return 0;
}

int main(int argc, char **argv)
{
	char *units[] = { (char *)"postfix*", (char *)"dovecot*", (char *)"ssh*", (char *)"amavis*" };
	struct strings globs = { .n = 4, .v = units };
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct journal *j = NULL;
	uint64_t bytes = 0;
	bool more = true;
	double from;

	hash_init();
	if (fd < 0 || journal_open(&fd, 1, &globs, 4096, &j) < 0) {
		perror(argc > 1 ? argv[1] : "usage: journal_bench FILE");
		return 1;
	}
	from = seconds();
	while (more && journal_read(j, 4096, on_entry, &bytes, &more) == 0)
		;
	from = seconds() - from;
	printf("%.0f %llu %.1f\n", (double)journal_stats(j)->given / from,
	       (unsigned long long)journal_stats(j)->given, (double)bytes / from / 1e6);
	journal_free(&j);
	return 0;
}
