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
#define PHASES 8	/* where lines are mostly hits, each eighth costs more (group.c) */
#define TIMES (2 * PHASES)
#define TIMES_KEPT (10 * PHASES)
#define AGAIN 5

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

/*
 * The least of some runs in each phase, since what the machine's other work adds
 * is not the line's; and of the phases the dearest.
 */
static double cost(struct matcher *m, uint16_t log, const char *program, const struct worst *w, unsigned times)
{
	struct entry e = { .program = span_of(program), .text = { w->line, w->n }, .repeat = 1 };
	double least[PHASES], most = 0;

	for (unsigned i = 0; i < times; i++) {
		double from = now_us(), took;

		matcher_run(m, log, &e, none, NULL);
		took = now_us() - from;
		if (i < PHASES || took < least[i % PHASES])
			least[i % PHASES] = took;
	}
	for (unsigned i = 0; i < PHASES; i++)
		most = least[i] > most ? least[i] : most;
	return most;
}

static void keep(struct matcher *m, uint16_t log, struct kept v[KEPT], const struct worst *w, const char *program)
{
	double us = cost(m, log, program, w, TIMES);
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

/* The dearest lines of a jail. */
static void search(struct matcher *m, const struct jail *j, unsigned rounds, struct kept v[KEPT])
{
	struct worst w = { .state = 1 };
	char buf[64];

	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < j->ntests; i++) {
			for (size_t k = 0; k < j->tests[i].nlines; k++) {
				const struct jail_test_line *l = &j->tests[i].lines[k];
				struct span s = worst_program(j, l, buf);
				char program[64];

				snprintf(program, sizeof(program), "%.*s", (int)s.n, s.p);

				for (unsigned n = 0; n < 40; n++) {
					worst_make(&w, span_of(l->text));
					keep(m, j->logs[0], v, &w, program);
				}
			}
		}
		for (size_t i = 0; i < KEPT && v[i].us > 0; i++) {
			struct kept from = v[i];

			for (unsigned n = 0; n < 20; n++) {
				worst_make(&w, (struct span){ from.w.line, from.w.n });
				keep(m, j->logs[0], v, &w, from.program);
			}
		}
	}
}

/* Once more, when other moments may be less busy. */
static void measure_again(struct matcher *m, uint16_t log, struct kept v[KEPT])
{
	for (size_t i = 0; i < KEPT && v[i].us > 0; i++) {
		double us = cost(m, log, v[i].program, &v[i].w, TIMES_KEPT);

		v[i].us = us < v[i].us ? us : v[i].us;
	}
}

static void tell(const struct jail *j, const struct kept v[KEPT])
{
	size_t best = 0;

	for (size_t i = 1; i < KEPT; i++)
		if (v[i].us > v[best].us)
			best = i;
	printf("%s %.1f\n", j->name, v[best].us);
	if (getenv("REDOS_LINES"))
		printf("\t%s: %.*s\n", v[best].program, (int)v[best].w.n, v[best].w.line);
}

static bool counts(const struct jail *j)
{
	return j->nrules > 0 && j->ntests > 0 && j->nlogs > 0;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 4;
	struct matcher *m = NULL;
	struct config *c = NULL;
	struct match_trouble t[16];
	struct kept (*v)[KEPT];
	size_t n;

	if (argc < 2 || worst_load(argv[1], &c, &m) < 0)
		return 1;
	v = calloc(c->njails + 1, sizeof(*v));
	if (!v)
		return 1;
	for (size_t i = 0; i < c->njails; i++)
		if (counts(&c->jails[i]))
			search(m, &c->jails[i], rounds, v[i]);
	for (unsigned again = 0; again < AGAIN; again++)
		for (size_t i = 0; i < c->njails; i++)
			if (counts(&c->jails[i]))
				measure_again(m, c->jails[i].logs[0], v[i]);
	for (size_t i = 0; i < c->njails; i++)
		if (counts(&c->jails[i]))
			tell(&c->jails[i], v[i]);
	while ((n = matcher_troubles(m, t, 16)) > 0)
		for (size_t at = 0; at < n; at++)
			printf("limit %s:%u\n", t[at].jail->name, t[at].rule ? t[at].rule->place.line : 0);
	free(v);
	matcher_free(&m);
	config_free(&c);
	return 0;
}
