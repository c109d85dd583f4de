/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What counting costs: updates a second and bytes a subject of a jail with
 * `count: 5`, for growing numbers of strangers, beside what the process
 * really holds. Hits come in random order, each subject four times, so that
 * none crosses the limit; then once more, all of them firing.
 *
 *   count_bench [STRANGERS...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "engine/count/window.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, pages = 0;

	if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4096;
}

static uint32_t random_below(uint32_t n)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)((x >> 32) * n >> 32);
}

static size_t make_key(uint32_t i, char key[19])
{
	memset(key, 0, 19);
	key[0] = FIELD_ADDR;
	if (i % 2) {
		memcpy(key + 1, "\x20\x01\x0d\xb8", 4);
		memcpy(key + 5, &i, 4);
		key[17] = ADDR_V6;
		key[18] = 64;
	} else {
		memcpy(key + 1, &i, 4);
		key[17] = ADDR_V4;
		key[18] = 32;
	}
	return 19;
}

static void run(uint32_t strangers)
{
	struct action ban = { .kind = ACTION_BAN, .for_ms = 600000 };
	struct jail jail = { .name = (char *)"j", .nthen = 1, .then = &ban,
		.limit = { .kind = LIMIT_COUNT, .amount = 5, .within_ms = 600000,
			   .nper = 1, .weight = 1, .v6_len = 64 } };
	struct config c = { .njails = 1, .jails = &jail, .tracked_max = 1u << 24 };
	long before = resident(), after;
	uint32_t updates = strangers < 1000000 ? 4000000 : strangers < 4000000 ? strangers * 4 : strangers;
	uint64_t fired = 0;
	struct windows *w = NULL;
	struct tally t;
	double t0, t1, t2;
	char key[19];
	struct window_hit h = { .weight = 1 };

	if (windows_new(&c, &w) < 0)
		exit(1);
	t0 = seconds();
	for (uint32_t i = 0; i < strangers; i++) {
		h.key = (struct span){ key, make_key(i, key) };
		h.when.ms = 1700000000000ll + i / 100;
		windows_add(w, &h, &t);
	}
	t1 = seconds();
	for (uint32_t i = 0; i < updates; i++) {
		h.key = (struct span){ key, make_key(random_below(strangers), key) };
		h.when.ms = 1700000000000ll + strangers / 100 + i / 100;
		windows_add(w, &h, &t);
		if (t.crossed) {
			windows_clear(w, 0, h.key);
			fired++;
		}
	}
	t2 = seconds();
	after = resident();
	printf("%9u strangers: %5.2f M new/s  %5.2f M updates/s  %5.1f bytes each  %5.1f resident  (%llu fired)\n",
	       strangers, strangers / (t1 - t0) / 1e6, updates / (t2 - t1) / 1e6,
	       (double)windows_bytes(w) / strangers,
	       (double)(after - before) / strangers, (unsigned long long)fired);
	windows_free(&w);
}

int main(int argc, char **argv)
{
	static const uint32_t usual[] = { 1000, 10000, 100000, 1000000, 10000000 };

	hash_init();
	for (int i = 1; i < argc; i++)
		run((uint32_t)strtoul(argv[i], NULL, 10));
	if (argc == 1)
		for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
			run(usual[i]);
	return 0;
}
