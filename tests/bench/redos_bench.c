/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dearest line that a search finds for each shipped jail, in microseconds
 * for the whole of matching (all jails of its log), and for a pattern that a
 * user wrote without thinking. Lines are made from the jails' own tests
 * (tests/worst.h); the dearest ones are made dearer in some rounds.
 *
 *   redos_bench CONF [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "worst.h"

#define KEPT 8
#define TIMES 5
#define TIMES_KEPT 50

struct kept { double us; struct worst w; char program[64]; };

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void none(void *arg, const struct hit *h)
{
	(void)arg;
	(void)h;
}

/* The least of some runs: what the machine's other work adds is not the line's. */
static double cost(struct matcher *m, uint16_t log, const char *program, const struct worst *w, unsigned times)
{
	struct entry e = { .program = span_of(program), .text = { w->line, w->n }, .repeat = 1 };
	double best = 1e12;

	for (unsigned i = 0; i < times; i++) {
		double from = now_us(), took;

		matcher_run(m, log, &e, none, NULL);
		took = now_us() - from;
		best = took < best ? took : best;
	}
	return best;
}

static void keep(struct matcher *m, uint16_t log, struct kept v[KEPT], double us, const struct worst *w, const char *program)
{
	size_t least = 0;

	for (size_t i = 1; i < KEPT; i++)
		if (v[i].us < v[least].us)
			least = i;
	/* Of so many lines some meet a busy moment each time: only the line is to be measured. */
	if (us > v[least].us)
		us = cost(m, log, program, w, TIMES_KEPT);
	if (us > v[least].us) {
		v[least].us = us;
		v[least].w = *w;
		snprintf(v[least].program, sizeof(v[least].program), "%s", program);
	}
}

/* The dearest line of a jail. */
static struct kept search(struct matcher *m, const struct jail *j, unsigned rounds)
{
	static struct kept v[KEPT];
	struct worst w = { .state = 1 };
	size_t best = 0;
	char buf[64];

	memset(v, 0, sizeof(v));
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < j->ntests; i++) {
			for (size_t k = 0; k < j->tests[i].nlines; k++) {
				const struct jail_test_line *l = &j->tests[i].lines[k];
				struct span s = worst_program(j, l, buf);
				char program[64];

				snprintf(program, sizeof(program), "%.*s", (int)s.n, s.p);

				for (unsigned n = 0; n < 40; n++) {
					worst_make(&w, span_of(l->text));
					keep(m, j->logs[0], v, cost(m, j->logs[0], program, &w, TIMES), &w, program);
				}
			}
		}
		for (size_t i = 0; i < KEPT && v[i].us > 0; i++) {
			struct kept from = v[i];

			for (unsigned n = 0; n < 20; n++) {
				worst_make(&w, (struct span){ from.w.line, from.w.n });
				keep(m, j->logs[0], v, cost(m, j->logs[0], from.program, &w, TIMES), &w, from.program);
			}
		}
	}
	for (size_t i = 1; i < KEPT; i++)
		if (v[i].us > v[best].us)
			best = i;
	return v[best];
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 4;
	struct matcher *m = NULL;
	struct config *c = NULL;
	struct match_trouble t[16];

	if (argc < 2 || worst_load(argv[1], &c, &m) < 0)
		return 1;
	for (size_t i = 0; i < c->njails; i++) {
		struct kept k;
		size_t n;

		if (c->jails[i].nrules == 0 || c->jails[i].ntests == 0)
			continue;
		k = search(m, &c->jails[i], rounds);
		printf("%s %.1f\n", c->jails[i].name, k.us);
		if (getenv("REDOS_LINES"))
			printf("\t%s: %.*s\n", k.program, (int)k.w.n, k.w.line);
		n = matcher_troubles(m, t, 16);
		for (size_t at = 0; at < n; at++)
			printf("limit %s:%u\n", t[at].jail->name, t[at].rule ? t[at].rule->place.line : 0);
	}
	matcher_free(&m);
	config_free(&c);
	return 0;
}
