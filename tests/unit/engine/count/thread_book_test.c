/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jails that share one set of threads: which do, and that each of them counts
 * exactly what it would count with threads of its own, over long random runs
 * with snapshots in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "engine/count/thread_private.h"

#define T0 1700000000000ll
#define NJAILS 3

enum { F_QID, F_QID2, F_USER, F_NRCPT, NFIELDS };

static struct field fields[] = {
	[F_QID] = { .name = "qid", .type = FIELD_ID },
	[F_QID2] = { .name = "qid2", .type = FIELD_ID },
	[F_USER] = { .name = "user", .type = FIELD_ACCOUNT },
	[F_NRCPT] = { .name = "nrcpt", .type = FIELD_NUMBER },
};

enum { REMEMBER, JOIN, FORGET, GAINED, COUNT, RULES };

#define THREAD_RULES \
	[REMEMBER] = { .verb = VERB_REMEMBER, .pattern = (char *)"client" }, \
	[JOIN] = { .verb = VERB_JOIN, .pattern = (char *)"queued" }, \
	[FORGET] = { .verb = VERB_FORGET, .pattern = (char *)"removed" }, \
	[GAINED] = { .verb = VERB_GAINED, .pattern = (char *)"gained" }

static struct rule once[] = { THREAD_RULES, { .verb = VERB_COUNT, .pattern = (char *)"from" } };
static struct rule each[] = { THREAD_RULES, { .verb = VERB_COUNT, .pattern = (char *)"to", .each = true } };
static struct rule ready[] = { THREAD_RULES, { .verb = VERB_COUNT, .pattern = (char *)"from", .at_once = true } };

#define JAIL(NAME, RULE, WITHIN) { \
	.name = (char *)NAME, .nrules = RULES, .rules = RULE, .threaded = true, .thread_by = F_QID, \
	.thread_keep_ms = 7200000, \
	.limit = { .kind = LIMIT_SUM, .amount = 1000, .value = F_NRCPT, .within_ms = WITHIN, \
		   .nper = 1, .per = { F_USER } } }

static struct jail jails[NJAILS] = {
	JAIL("once", once, 3600000), JAIL("each", each, 900000), JAIL("ready", ready, 3600000),
};

static struct config config = { .njails = NJAILS, .jails = jails, .nfields = NFIELDS, .fields = fields,
				.tracked_max = 4000 };

/* ---- which do */

static size_t books_of(const struct config *c)
{
	struct threads *t = NULL;
	size_t n;

	assert_int_equal(threads_new(c, &t), 0);
	n = t->nbooks;
	threads_free(&t);
	return n;
}

static void test_alike(void **state)
{
	static struct rule counts_first[] = {
		{ .verb = VERB_COUNT, .pattern = (char *)"from" }, { .verb = VERB_REMEMBER, .pattern = (char *)"client" },
	};
	static char *programs[] = { (char *)"postfix*" };
	static uint16_t logs[] = { 1 };
	struct jail two[2] = { jails[0], jails[0] };
	struct config c = config;

	(void)state;
	assert_int_equal(books_of(&config), 1);
	c.jails = two;
	c.njails = 2;
	assert_int_equal(books_of(&c), 1);
	two[1].thread_keep_ms++;
	assert_int_equal(books_of(&c), 2);
	two[1] = jails[0];
	two[1].thread_by = F_USER;
	assert_int_equal(books_of(&c), 2);
	two[1] = jails[0];
	two[1].prefix = (char *)"<content>";
	assert_int_equal(books_of(&c), 2);
	two[1] = jails[0];
	two[1].programs = (struct strings){ 1, programs };
	assert_int_equal(books_of(&c), 2);
	two[1] = jails[0];
	two[1].logs = logs;
	two[1].nlogs = 1;
	assert_int_equal(books_of(&c), 2);
	two[0].verdicts = two[1].verdicts = true;
	two[1].nlogs = 0;
	assert_int_equal(books_of(&c), 2);
	two[0] = two[1] = jails[0];
	two[1].nrules = JOIN + 1;	/* it never forgets */
	assert_int_equal(books_of(&c), 2);
	two[0].rules = two[1].rules = counts_first;
	two[0].nrules = two[1].nrules = 2;
	assert_int_equal(books_of(&c), 2);
}

/* ---- against threads of one's own */

static uint32_t seed = 7;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

static void write_down(void *arg, const struct hit *h, struct event_time when)
{
	struct buf *out = (struct buf *)arg + (h->jail - jails);

	buf_printf(out, "%lld:", (long long)when.ms - T0);
	for (unsigned i = 0; i < h->ncaptures; i++)
		buf_printf(out, " %u=%.*s", h->capture[i].field, (int)h->capture[i].raw.n, h->capture[i].raw.p);
	buf_puts(out, "\n");
}

static void capture(struct hit *h, uint16_t field, const char *text)
{
	h->capture[h->ncaptures++] = (struct capture){
		.field = field, .type = (uint8_t)fields[field].type, .raw = span_of(text), .number = atoi(text),
	};
}

static void take(struct threads *t, const struct jail *j, int rule, uint64_t line, char text[3][16],
		 int64_t when, struct buf *out)
{
	struct hit h = { .jail = j, .rule = &j->rules[rule], .line = line };

	capture(&h, F_QID, text[0]);
	if (rule == JOIN)
		capture(&h, F_QID2, text[1]);
	if (rule == REMEMBER)
		capture(&h, F_USER, text[2]);
	if (rule == COUNT)
		capture(&h, F_NRCPT, text[2] + 1);
	assert_int_equal(threads_take(t, &h, SPAN_LIT("mx"), SPAN_LIT("postfix/qmgr"),
				      (struct event_time){ when }, write_down, out), 0);
}

static void save_and_restore(struct threads **t)
{
	struct threads *fresh = NULL;
	struct buf snap = { .p = NULL };
	struct reader in;

	threads_save(*t, &snap);
	assert_int_equal(buf_error(&snap), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(threads_new(&config, &fresh), 0);
	assert_int_equal(threads_restore(fresh, &in), 0);
	assert_int_equal(in.at, in.n);
	threads_free(t);
	*t = fresh;
	buf_free(&snap);
}

static void random_run(uint32_t step, const int rules[9])
{
	struct buf want[NJAILS] = { { .p = NULL } }, got[NJAILS] = { { .p = NULL } };
	struct threads *own[NJAILS] = { NULL }, *shared = NULL;
	int64_t now = T0;

	assert_int_equal(threads_new(&config, &shared), 0);
	for (size_t i = 0; i < NJAILS; i++)
		assert_int_equal(threads_new(&config, &own[i]), 0);
	for (uint64_t line = 1; line < 400; line++) {
		int rule = rules[rnd(9)];
		char text[3][16];

		now += rnd(step) * 1000;
		snprintf(text[0], sizeof(text[0]), "%c", 'A' + (int)rnd(6));
		snprintf(text[1], sizeof(text[1]), "%c", 'A' + (int)rnd(6));
		snprintf(text[2], sizeof(text[2]), "u%d", 1 + (int)rnd(9));
		for (size_t i = 0; i < NJAILS; i++) {
			take(own[i], &jails[i], rule, 0, text, now, want);
			take(shared, &jails[i], rule, line, text, now, got);
		}
		for (size_t i = 0; i < NJAILS; i++)
			assert_string_equal(buf_cstr(&got[i]), buf_cstr(&want[i]));
		if (rnd(50) == 0)
			save_and_restore(&shared);
	}
	for (size_t i = 0; i < NJAILS; i++) {
		threads_free(&own[i]);
		buf_free(&want[i]);
		buf_free(&got[i]);
	}
	threads_free(&shared);
}

static const uint32_t steps[] = { 1, 3, 60, 600, 3000 };

static void test_waits_as_if_alone(void **state)
{
	static const int rules[9] = { REMEMBER, REMEMBER, REMEMBER, FORGET, FORGET, GAINED, COUNT, COUNT, COUNT };

	(void)state;
	for (int i = 0; i < 500; i++)
		random_run(steps[i % 5], rules);
}

/* What waits in one jail can let a join be known to all: more than each knew alone. */
static void test_joins_as_if_alone(void **state)
{
	static const int rules[9] = { REMEMBER, REMEMBER, JOIN, JOIN, FORGET, GAINED, COUNT, COUNT, COUNT };

	(void)state;
	once[COUNT].at_once = each[COUNT].at_once = true;
	for (int i = 0; i < 500; i++)
		random_run(steps[i % 5], rules);
	once[COUNT].at_once = each[COUNT].at_once = false;
}

static bool knows(const struct threads *t, size_t jail, struct span id)
{
	return threads_known(t, id) & threads_who(t, jail);
}

static void test_kept_once(void **state)
{
	struct buf out[NJAILS] = { { .p = NULL } };
	char text[3][16] = { "A", "B", "u1" };
	struct threads *t = NULL;

	(void)state;
	assert_int_equal(threads_new(&config, &t), 0);
	for (size_t i = 0; i < NJAILS; i++)
		take(t, &jails[i], REMEMBER, 1, text, T0, out);
	assert_int_equal(threads_used(t), 1);
	for (size_t i = 0; i < NJAILS; i++)
		assert_true(knows(t, i, SPAN_LIT("A")));
	for (size_t i = 0; i < NJAILS; i++) {
		assert_int_equal(knows(t, i, SPAN_LIT("A")), i == 0);
		take(t, &jails[i], FORGET, 2, text, T0, out);
	}
	assert_int_equal(threads_used(t), 0);
	threads_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_waits_as_if_alone),
		cmocka_unit_test(test_joins_as_if_alone),
		cmocka_unit_test(test_kept_once),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
