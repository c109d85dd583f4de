/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts: growth, its cap, quiet times, shadow; what is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/decide/decide.h"

#define T0 1700000000000ll
#define MIN 60000ll
#define DAY 86400000ll
#define WEEK (7 * DAY)
#define GOOD INT64_MAX
#define CENTURY (100 * 366 * DAY)

static const struct {
	const char *name;
	struct action then[3];
	size_t nthen;
	unsigned earlier;
	int64_t for_ms;		/* of the first action */
	int64_t quiet_ms;	/* GOOD: until the incident is closed */
	int64_t remember_ms;
} rows[] = {
	{ "a plain ban", { { .kind = ACTION_BAN, .for_ms = 10 * MIN } }, 1, 5,
	  10 * MIN, 10 * MIN, 40 * MIN },
	{ "grow, never before", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .grow = 2, .max_ms = WEEK } },
	  1, 0, 10 * MIN, 10 * MIN, 4 * WEEK },
	{ "grow, once before", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .grow = 2, .max_ms = WEEK } },
	  1, 1, 20 * MIN, 20 * MIN, 4 * WEEK },
	{ "grow, nine times before", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .grow = 2, .max_ms = WEEK } },
	  1, 9, 5120 * MIN, 5120 * MIN, 4 * WEEK },
	{ "grow to the cap", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .grow = 2, .max_ms = WEEK } },
	  1, 10, WEEK, WEEK, 4 * WEEK },
	{ "grow far beyond the cap", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .grow = 2, .max_ms = WEEK } },
	  1, 4000000000u, WEEK, WEEK, 4 * WEEK },
	{ "grow without a cap", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .grow = 10 } },
	  1, 4000000000u, CENTURY, CENTURY, 40 * MIN },
	{ "grow by a half", { { .kind = ACTION_BAN, .for_ms = 1000, .grow = 1.5, .max_ms = WEEK } },
	  1, 3, 3375, 3375, 4 * WEEK },
	{ "less than one is no growth", { { .kind = ACTION_BAN, .for_ms = 1000, .grow = 0.5, .max_ms = WEEK } },
	  1, 3, 1000, 1000, 4 * WEEK },
	{ "a cap below", { { .kind = ACTION_BAN, .for_ms = 10 * MIN, .max_ms = MIN } },
	  1, 0, MIN, MIN, 4 * MIN },
	{ "remember as said", { { .kind = ACTION_BAN, .for_ms = MIN, .max_ms = WEEK, .remember_ms = DAY } },
	  1, 0, MIN, MIN, DAY },
	{ "a ban for good", { { .kind = ACTION_BAN } }, 1, 3, 0, GOOD, 0 },
	{ "the longest ban", { { .kind = ACTION_BAN, .for_ms = MIN },
			       { .kind = ACTION_BAN, .for_ms = DAY, .max_ms = DAY },
			       { .kind = ACTION_NOTIFY } }, 3, 0, MIN, DAY, 4 * DAY },
	{ "contain, ban seen, notify", { { .kind = ACTION_CONTAIN },
			       { .kind = ACTION_BAN, .whom = WHOM_SEEN, .for_ms = 6 * 60 * MIN },
			       { .kind = ACTION_NOTIFY } }, 3, 0, 0, GOOD, 24 * 60 * MIN },
	{ "lock", { { .kind = ACTION_LOCK } }, 1, 0, 0, GOOD, 0 },
	{ "hold", { { .kind = ACTION_HOLD } }, 1, 0, 0, GOOD, 0 },
	{ "kick", { { .kind = ACTION_KICK } }, 1, 0, 0, GOOD, 0 },
	{ "deny for an hour", { { .kind = ACTION_DENY, .for_ms = 60 * MIN } }, 1, 0,
	  60 * MIN, 60 * MIN, 240 * MIN },
	{ "deny", { { .kind = ACTION_DENY } }, 1, 0, 0, GOOD, 0 },
	{ "park", { { .kind = ACTION_PARK } }, 1, 0, 0, GOOD, 0 },
	{ "a word only", { { .kind = ACTION_NOTIFY } }, 1, 0, 0, 30 * MIN, 0 },
	{ "a command only", { { .kind = ACTION_RUN } }, 1, 7, 0, 30 * MIN, 0 },
	{ "nothing at all", { { .kind = ACTION_BAN } }, 0, 0, 0, 30 * MIN, 0 },
};

static void test_rows(void **state)
{
	const struct tally t = { .amount = 6, .crossed = true };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jail j = { .mode = MODE_ON, .nthen = rows[i].nthen,
				  .then = (struct action *)rows[i].then,
				  .limit.within_ms = 30 * MIN };
		int64_t until = rows[i].quiet_ms == GOOD ? GOOD : T0 + rows[i].quiet_ms;
		struct verdict v;

		decide(&j, &t, rows[i].earlier, (struct event_time){ T0 }, false, &v);
		if (v.nactions != rows[i].nthen || v.until.ms != until ||
		    (v.nactions && v.action[0].for_ms != rows[i].for_ms) ||
		    decide_remember_ms(&j) != rows[i].remember_ms)
			fail_msg("%s: for %lld until +%lld remember %lld", rows[i].name,
				 (long long)v.action[0].for_ms,
				 (long long)(v.until.ms - T0),
				 (long long)decide_remember_ms(&j));
		assert_ptr_equal(v.jail, &j);
		assert_int_equal(v.when.ms, T0);
		assert_int_equal(v.amount, 6);
		assert_int_equal(v.earlier, rows[i].earlier);
		assert_false(v.shadow);
		for (size_t k = 0; k < v.nactions; k++)
			assert_ptr_equal(v.action[k].action, &j.then[k]);
	}
}

/* Only watched: for as long, but what nobody closes is marked. */
static void test_watched(void **state)
{
	static const struct { struct action action; bool watched; int64_t until; } watched[] = {
		{ { .kind = ACTION_BAN, .for_ms = MIN }, false, T0 + MIN },
		{ { .kind = ACTION_BAN, .for_ms = MIN }, true, T0 + MIN },
		{ { .kind = ACTION_LOCK }, false, INT64_MAX }, { { .kind = ACTION_LOCK }, true, UNTIL_WATCHED },
	};
	const struct tally t = { .amount = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		struct action action = watched[i].action;
		struct jail j = { .nthen = 1, .then = &action };
		struct verdict v;

		decide(&j, &t, 0, (struct event_time){ T0 }, watched[i].watched, &v);
		assert_int_equal(v.shadow, watched[i].watched);
		assert_true(v.until.ms == watched[i].until);
		assert_int_equal(v.nactions, 1);
	}
}

static void test_bounds(void **state)
{
	struct action bans[20] = { { .kind = ACTION_BAN } };
	struct jail j = { .nthen = 20, .then = bans };
	const struct tally t = { .amount = 1 };
	struct verdict v;

	(void)state;
	for (int i = 0; i < 20; i++)
		bans[i] = (struct action){ .kind = ACTION_BAN, .for_ms = INT64_MAX,
					   .max_ms = INT64_MAX };
	decide(&j, &t, 3, (struct event_time){ T0 }, false, &v);
	assert_int_equal(v.nactions, DECIDE_MAX_ACTIONS);
	assert_int_equal(v.until.ms, INT64_MAX);
	assert_int_equal(decide_remember_ms(&j), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_watched),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
