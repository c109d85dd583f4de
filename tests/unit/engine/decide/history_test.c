/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was decided before: quiet times, earlier verdicts, bounds, snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/hash.h"
#include "engine/decide/decide.h"

#define T0 1700000000000ll

static struct field fields[] = { { .name = "ip" }, { .name = "user" } };
static struct action ban = { .kind = ACTION_BAN, .for_ms = 1000, .max_ms = 10000 };
static struct jail jails[] = {
	{ .name = (char *)"sasl", .nthen = 1, .then = &ban, .limit.nper = 1 },
	{ .name = (char *)"burst", .limit = { .nper = 1, .per = { 1 } } },
};
static struct config config = {
	.njails = 2, .jails = jails, .nfields = 2, .fields = fields,
	.tracked_max = 100,
};

static struct event_time at(int64_t ms)
{
	return (struct event_time){ T0 + ms };
}

#define KEY SPAN_LIT("joe")

static void test_quiet(void **state)
{
	static const struct { int64_t when; bool want; } rows[] = {
		{ -5001, false }, { -5000, true }, { -1, true }, { 0, true },
		{ 9999, true }, { 10000, false }, { 10001, false },
		{ 94999, false }, { 95000, true }, { 199999, true }, { 200000, false },
	};
	struct history *h = NULL;

	(void)state;
	assert_int_equal(history_new(&config, &h), 0);
	assert_false(history_quiet(h, 0, KEY, at(0)));
	assert_int_equal(history_add(h, 0, KEY, at(100000), at(200000)), 0);
	assert_int_equal(history_add(h, 0, KEY, at(0), at(10000)), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (history_quiet(h, 0, KEY, at(rows[i].when)) != rows[i].want)
			fail_msg("at %lld", (long long)rows[i].when);
	assert_false(history_quiet(h, 1, KEY, at(0)));
	assert_false(history_quiet(h, 0, SPAN_LIT("jo"), at(0)));
	history_clear(h, 0, KEY);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(history_quiet(h, 0, KEY, at(rows[i].when)));
	assert_int_equal(history_earlier(h, 0, KEY, at(0)), 2);
	/* What is known stays as it is, cleared. */
	assert_int_equal(history_add(h, 0, KEY, at(0), at(10000)), 0);
	assert_false(history_quiet(h, 0, KEY, at(5)));
	assert_int_equal(history_add(h, 0, KEY, at(20), at(10000)), 0);
	assert_true(history_quiet(h, 0, KEY, at(25)));
	history_clear(h, 1, KEY);
	history_free(&h);
	history_free(&h);
}

static void test_earlier(void **state)
{
	struct history *h = NULL;

	(void)state;
	assert_int_equal(history_new(&config, &h), 0);
	for (int i = 0; i < 10; i++)
		history_add(h, 0, KEY, at(i * 100), at(i * 100 + 10));
	history_add(h, 0, KEY, at(900), at(910));
	assert_int_equal(history_earlier(h, 0, KEY, at(0)), 10);
	assert_int_equal(history_earlier(h, 0, KEY, at(1)), 9);
	assert_int_equal(history_earlier(h, 0, KEY, at(900)), 1);
	assert_int_equal(history_earlier(h, 0, KEY, at(901)), 0);
	assert_int_equal(history_earlier(h, 1, KEY, at(0)), 0);
	for (int i = 0; i < 1000; i++)
		history_add(h, 1, KEY, at(i), at(i));
	assert_int_equal(history_earlier(h, 1, KEY, at(0)), 255);
	assert_int_equal(history_used(h), 2);
	history_free(&h);
}

static struct span key(char *buf, int i)
{
	return (struct span){ buf, (size_t)sprintf(buf, "subject %d", i) };
}

static void test_bounds(void **state)
{
	static char big[SUBJECT_KEY_MAX + 1];
	struct history *h = NULL;
	char buf[32];

	(void)state;
	assert_int_equal(history_new(&config, &h), 0);
	assert_int_equal(history_add(h, 0, (struct span){ big, sizeof(big) },
				     at(0), at(1)), -E2BIG);
	for (int i = 0; i < 50; i++)
		history_add(h, 1, key(buf, i), at(i), (struct event_time){ INT64_MAX });
	for (int i = 0; i < 1000; i++)
		history_add(h, 0, key(buf, i), at(i), at(1000000));
	assert_int_equal(history_used(h), 100);
	assert_int_equal(history_forgotten(h), 950);
	for (int i = 0; i < 50; i++)
		assert_true(history_quiet(h, 1, key(buf, i), at(500000)));
	assert_true(history_quiet(h, 0, key(buf, 950), at(500000)));
	assert_false(history_quiet(h, 0, key(buf, 949), at(500000)));
	/* Closed incidents are like others again. */
	history_clear(h, 1, key(buf, 0));
	for (int i = 1000; i < 1100; i++)
		history_add(h, 0, key(buf, i), at(i), at(1000000));
	assert_int_equal(history_earlier(h, 1, key(buf, 0), at(0)), 0);
	assert_int_equal(history_earlier(h, 1, key(buf, 1), at(0)), 1);
	/* Open ones alone: the oldest goes. */
	for (int i = 50; i < 200; i++)
		history_add(h, 1, key(buf, i), at(2000 + i), (struct event_time){ INT64_MAX });
	assert_int_equal(history_used(h), 100);
	assert_false(history_quiet(h, 1, key(buf, 99), at(500000)));
	assert_true(history_quiet(h, 1, key(buf, 100), at(500000)));
	history_free(&h);
}

/* What is found is what was not given back, in whatever order they come and go. */
static void test_coming_and_going(void **state)
{
	enum { KEYS = 300, PAIRS = 2 * KEYS, MAX = 100 };
	struct history *h = NULL;
	int last[PAIRS] = { 0 };
	uint32_t random = 1;
	char buf[32];

	(void)state;
	assert_int_equal(history_new(&config, &h), 0);
	for (int i = 1; i <= 20000; i++) {
		random = random * 1664525 + 1013904223;
		int pair = (int)(random >> 8) % PAIRS;

		assert_int_equal(history_add(h, (uint16_t)(pair % 2), key(buf, pair / 2), at(i), at(INT32_MAX)), 0);
		last[pair] = i;
		if (i % 500)
			continue;
		for (int k = 0; k < PAIRS; k++) {
			int newer = 0;

			for (int m = 0; m < PAIRS; m++)
				newer += last[m] > last[k];
			assert_int_equal(history_quiet(h, (uint16_t)(k % 2), key(buf, k / 2), at(i)),
					 last[k] > 0 && newer < MAX);
		}
	}
	history_free(&h);
}

static void test_what_is_over_goes(void **state)
{
	struct history *h = NULL;
	char buf[32];

	(void)state;
	/* Remembered for 40 s. */
	assert_int_equal(history_new(&config, &h), 0);
	for (int i = 0; i < 1000; i++)
		history_add(h, 0, key(buf, i), at(i * 1000), at(i * 1000 + 1000));
	assert_in_range(history_used(h), 40, 42);
	assert_int_equal(history_forgotten(h), 0);
	assert_int_equal(history_earlier(h, 0, key(buf, 960), at(0)), 1);
	history_free(&h);
}

/* What lasts as long as its jail watches keeps nobody else from going. */
static void test_watched(void **state)
{
	struct history *h = NULL;
	char buf[32];

	(void)state;
	assert_int_equal(history_new(&config, &h), 0);
	history_watch(h, 0, true);
	history_add(h, 0, key(buf, 5000), at(0), (struct event_time){ UNTIL_WATCHED });
	for (int i = 0; i < 1000; i++)
		history_add(h, 0, key(buf, i), at(i * 1000), at(i * 1000 + 1000));
	assert_in_range(history_used(h), 41, 43);
	assert_true(history_quiet(h, 0, key(buf, 5000), at(999999)));
	history_watch(h, 0, false);
	assert_false(history_quiet(h, 0, key(buf, 5000), at(999999)));
	history_free(&h);
}

static void fill(struct history *h)
{
	char buf[32];

	for (int i = 0; i < 10; i++) {
		history_add(h, 0, key(buf, i), at(i), at(5000));
		history_add(h, 0, key(buf, i), at(i + 100), at(20000));
		history_add(h, 1, key(buf, i), at(i), (struct event_time){ INT64_MAX });
	}
	history_clear(h, 0, key(buf, 3));
}

static void test_snapshot(void **state)
{
	struct history *h = NULL, *back = NULL;
	struct buf snap = { .p = NULL }, again = { .p = NULL };
	struct jail swapped[] = { jails[1], jails[0] };
	struct config c = config;
	struct reader in;
	char buf[32];

	(void)state;
	assert_int_equal(history_new(&config, &h), 0);
	fill(h);
	history_save(h, &snap);
	assert_int_equal(history_new(&config, &back), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(history_restore(back, &in), 0);
	assert_int_equal(in.at, in.n);
	history_save(back, &again);
	assert_int_equal(again.n, snap.n);
	assert_memory_equal(again.p, snap.p, snap.n);
	history_free(&back);

	/* Jails in another order, one of them of another kind. */
	swapped[1].limit.per[0] = 1;
	c.jails = swapped;
	assert_int_equal(history_new(&c, &back), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(history_restore(back, &in), 0);
	assert_int_equal(history_used(back), 10);
	assert_true(history_quiet(back, 0, key(buf, 3), at(99999)));
	assert_false(history_quiet(back, 1, key(buf, 3), at(200)));
	history_free(&back);

	for (size_t cut = 0; cut < snap.n; cut++) {
		assert_int_equal(history_new(&config, &back), 0);
		in = (struct reader){ .p = snap.p, .n = cut };
		assert_int_equal(history_restore(back, &in), -EBADMSG);
		history_free(&back);
	}
	for (size_t i = 0; i < snap.n; i++) {
		snap.p[i] ^= (char)(1 + i % 255);
		assert_int_equal(history_new(&config, &back), 0);
		in = (struct reader){ .p = snap.p, .n = snap.n };
		history_restore(back, &in);
		history_free(&back);
		snap.p[i] ^= (char)(1 + i % 255);
	}
	history_free(&h);
	buf_free(&snap);
	buf_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_earlier),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_coming_and_going),
		cmocka_unit_test(test_what_is_over_goes),
		cmocka_unit_test(test_watched),
		cmocka_unit_test(test_snapshot),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
