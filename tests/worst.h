/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_WORST_H
#define TESTS_WORST_H

/*
 * Lines made to be dear: what a jail knows from its own tests, with a piece of
 * it repeated until the line is as long as lines are matched, and an end that
 * fits, fits not quite, or is missing. Backtracking wants just that: a
 * beginning that matches in many ways, and an end that matches in none. The
 * only chance is a seeded generator; the same run makes the same lines.
 */

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "config/load.h"
#include "engine/match/match.h"
#include "engine/offline_pack.h"

#define WORST_LINE 4096

struct worst {
	uint64_t state;
	size_t n;
	char line[WORST_LINE];
};

/* splitmix64, as in tests/bench/genlog.c */
static inline uint32_t worst_below(struct worst *w, uint32_t n)
{
	uint64_t z = (w->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((((z ^ (z >> 31)) >> 32) * n) >> 32);
}

static inline void worst_put(struct worst *w, const char *p, size_t n, size_t most)
{
	if (w->n >= most)
		return;
	if (n > most - w->n)
		n = most - w->n;
	memcpy(w->line + w->n, p, n);
	w->n += n;
}

/* A line into w->line. */
static inline void worst_make(struct worst *w, struct span seed)
{
	static const char fill[] = " aA0[]<>(),:;@=.-'\"\\\t\xff";
	static const char *const ends[] = { "", "!", " ", "]", ">", ": ", "\x01", "]:25" };
	uint32_t at = worst_below(w, (uint32_t)seed.n + 1);
	uint32_t left = (uint32_t)seed.n - at;
	uint32_t len = left ? 1 + worst_below(w, left < 64 ? left : 64) : 0;
	const char *end = ends[worst_below(w, 8)];
	size_t tail = seed.n - at < WORST_LINE / 2 ? seed.n - at : WORST_LINE / 2;
	size_t most = WORST_LINE - tail - strlen(end);
	unsigned how = worst_below(w, 4);

	w->n = 0;
	worst_put(w, seed.p, at, most);
	while (w->n < most) {
		if (how == 0 || len == 0) {	/* one byte, again and again */
			memset(w->line + w->n, fill[worst_below(w, sizeof(fill) - 1)], most - w->n);
			w->n = most;
		} else {
			worst_put(w, seed.p + at, len, most);
			if (how == 1)
				worst_put(w, &fill[worst_below(w, sizeof(fill) - 1)], 1, most);
		}
	}
	if (how != 2)
		worst_put(w, seed.p + at, tail, WORST_LINE);
	worst_put(w, end, strlen(end), WORST_LINE);
}

/* The program of a test line: its own, or the jail's first without its stars. */
static inline struct span worst_program(const struct jail *j, const struct jail_test_line *l,
					char buf[64])
{
	const char *glob = j->programs.n ? j->programs.v[0] : "";
	size_t n = 0;

	if (l->program)
		return span_of(l->program);
	for (; *glob && n < 63; glob++)
		if (*glob != '*')
			buf[n++] = *glob;
	return (struct span){ buf, n };
}

/* The shipped jails, all of them enabled; from the root of the tree. */
static inline int worst_load(const char *conf, struct config **c, struct matcher **m)
{
	static const char *const shipped[] = { NULL };
	struct complaints bad = { 0 };
	struct pack *pack = NULL;
	int r;

	hash_init();
	r = offline_pack(conf, shipped, NULL, NULL, &pack);
	if (r == 0)
		r = config_load(pack, &bad, c);
	pack_free(&pack);
	if (r == 0)
		r = matcher_new(*c, false, &bad, m);
	complaints_free(&bad);
	for (size_t i = 0; r == 0 && i < (*c)->njails; i++)
		matcher_enable(*m, &(*c)->jails[i], true);
	return r;
}

#endif
