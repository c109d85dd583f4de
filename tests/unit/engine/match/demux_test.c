/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From names and first bytes to groups, against asking every group. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/glob.h"
#include "base/hash.h"
#include "engine/match/demux.h"

#define GROUPS 90
#define NAMES 3000	/* more than are remembered */

static const char *globs[GROUPS];
static struct strings programs[GROUPS];
static struct prefix prefix;

/* Group i: its own glob, or none, and first bytes by its number. */
static void make(struct groups *gs, char text[GROUPS][16])
{
	gs->v = calloc(GROUPS, sizeof(*gs->v));
	assert_non_null(gs->v);
	gs->n = GROUPS;
	memset(&prefix.unit.x.first, 0x0f, sizeof(prefix.unit.x.first));
	for (size_t i = 0; i < GROUPS; i++) {
		struct group *g = &gs->v[i];

		snprintf(text[i], sizeof(text[i]), i % 5 ? "*d%zu*" : "d*%zu", i);
		globs[i] = text[i];
		programs[i] = (struct strings){ .n = i % 11 != 0, .v = (char **)&globs[i] };
		g->programs = &programs[i];
		g->log = i % 3 == 0;
		g->enabled = i % 10 > 0;
		g->prefix = i % 13 == 1 ? &prefix : NULL;
		if (i % 7 == 0)
			memset(&g->first, 0xff, sizeof(g->first));
		else if (i % 4)
			g->first.bits[i / 3] |= (uint8_t)(1 << i % 8);
		else
			g->leads = (struct leads){ .n = 1, .v = { { .n = 1, .bytes = { (char)(i * 5) } } } };
		if (i % 6 == 1)
			g->leads.v[g->leads.n++] = (struct lead){ .head = LEAD_ID, .n = i % 2,
								  .bytes = { (char)(i * 7) } };
	}
}

/* Can the text begin so, or (`head`) go on so behind a head? */
static bool may_begin(const struct group *g, bool head, struct span text)
{
	if (g->prefix)
		return !head && first_has(&g->prefix->unit.x.first, text);
	for (size_t i = 0; i < g->leads.n; i++) {
		const struct lead *l = &g->leads.v[i];

		if ((l->head != LEAD_PLAIN) == head &&
		    (l->n == 0 || (text.n > 0 && text.p[0] == l->bytes[0])))
			return true;
	}
	return g->leads.n == 0 && !head && first_has(&g->first, text);
}

static bool wanted(const struct group *g, uint16_t log, bool head, struct span program, struct span text)
{
	if (g->log != log || g->enabled == 0 || !may_begin(g, head, text))
		return false;
	return g->programs->n == 0 || glob_match(g->programs->v[0], program);
}

static void expect(const struct groups *gs, struct demux *d, uint16_t log, bool head,
		   struct span program, struct span text)
{
	const struct tag_class *c = demux_class(d, log, program);
	size_t n, at = 0;
	const uint16_t *list = demux_list(c, head, text, &n);

	for (size_t i = 0; i < gs->n; i++) {
		if (!wanted(&gs->v[i], log, head, program, text))
			continue;
		if (at == n || c->door[list[at++]].group != i)
			fail_msg("'%.*s': group %zu is missing", (int)program.n, program.p, i);
	}
	assert_int_equal(at, n);
	assert_true(!head || n == 0 || c->heads);
}

static void test_all(void **state)
{
	static char text[GROUPS][16];
	struct groups gs;
	struct demux *d;

	(void)state;
	make(&gs, text);
	assert_int_equal(demux_new(&gs, &d), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; round == 2 && i < GROUPS; i++)
			gs.v[i].enabled = i % 9 > 0;
		if (round == 2)
			demux_forget(d);
		for (unsigned i = 0; i < NAMES; i++) {
			char name[80], first = (char)(i * 37);
			int n = i % 50 == 0 ? 0 : snprintf(name, sizeof(name), "%.*sd%u", (int)(i % 60),
				"............................................................", i % 977);

			expect(&gs, d, (uint16_t)(i % 2), i % 3 == 0, (struct span){ name, (size_t)n },
			       (struct span){ &first, i % 17 != 0 });
		}
	}
	demux_free(&d);
	free(gs.v);
}

static void test_none(void **state)
{
	struct groups gs = { 0 };
	struct demux *d;
	size_t n;

	(void)state;
	assert_int_equal(demux_new(&gs, &d), 0);
	demux_list(demux_class(d, 0, SPAN_LIT("sshd")), false, SPAN_LIT("x"), &n);
	assert_int_equal(n, 0);
	demux_list(demux_class(d, 0, (struct span){ NULL, 0 }), true, (struct span){ NULL, 0 }, &n);
	assert_int_equal(n, 0);
	assert_false(demux_class(d, 0, SPAN_LIT("sshd"))->heads);
	demux_free(&d);
}

static void test_too_many(void **state)
{
	struct groups gs = { .n = DEMUX_WAYS_MAX + 1, .v = calloc(DEMUX_WAYS_MAX + 1, sizeof(*gs.v)) };
	struct demux *d = NULL;

	(void)state;
	assert_non_null(gs.v);
	assert_int_equal(demux_new(&gs, &d), -E2BIG);
	assert_null(d);
	free(gs.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_too_many),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
