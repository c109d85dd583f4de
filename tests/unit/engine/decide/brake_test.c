/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The brake: trips once, at the first ban too many, at exact milliseconds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/decide/decide.h"

#define T0 1700000000000ll

static const struct {
	const char *name;
	uint32_t bans;
	int64_t within;
	int64_t at[8];		/* ends with -1 */
	int trips;		/* index of the ban that trips it, -1: none */
} rows[] = {
	{ "none", 0, 1000, { 0, 0, 0, 0, 0, -1 }, -1 },
	{ "three are fine", 3, 1000, { 0, 1, 2, -1 }, -1 },
	{ "the fourth", 3, 1000, { 0, 1, 2, 1000, 1001, -1 }, 3 },
	{ "just too late", 3, 1000, { 0, 1, 2, 1001, -1 }, -1 },
	{ "a window slides", 3, 1000, { 0, 500, 900, 1400, 1500, -1 }, 4 },
	{ "out of order", 3, 1000, { 900, 100, 1000, 500, -1 }, 3 },
	{ "one", 1, 1000, { 0, 1001, 2001, -1 }, 2 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jail jails[2] = { { .name = (char *)"other" }, {
			.brake = { rows[i].bans, rows[i].within } } };
		struct config c = { .njails = 2, .jails = jails };
		struct brakes *b = NULL;
		int trips = -1;

		assert_int_equal(brakes_new(&c, &b), 0);
		for (int k = 0; rows[i].at[k] >= 0; k++) {
			struct event_time when = { T0 + rows[i].at[k] };
			bool before = brakes_on(b, 1);

			if (brakes_count(b, 1, when)) {
				assert_int_equal(trips, -1);
				assert_false(before);
				trips = k;
			}
			assert_int_equal(brakes_on(b, 1), trips >= 0);
			assert_false(brakes_count(b, 0, when));
		}
		if (trips != rows[i].trips)
			fail_msg("%s: trips at %d, not %d", rows[i].name, trips,
				 rows[i].trips);
		brakes_release(b, 1);
		assert_false(brakes_on(b, 1));
		assert_false(brakes_on(b, 0));
		assert_false(brakes_count(b, 1, (struct event_time){ T0 + 2000 }));
		brakes_free(&b);
	}
}

/* Over a restart: what was counted counts on, and what is on stays on. */
static void test_saved(void **state)
{
	struct jail before[] = { { .name = (char *)"a", .brake = { 3, 1000 } },
				 { .name = (char *)"gone", .brake = { 3, 1000 } },
				 { .name = (char *)"b", .brake = { 1, 1000 } } };
	struct jail after[] = { { .name = (char *)"b", .brake = { 1, 1000 } },
				{ .name = (char *)"none" },
				{ .name = (char *)"a", .brake = { 2, 1000 } } };
	struct config c = { .njails = 3, .jails = before }, d = { .njails = 3, .jails = after };
	struct brakes *b = NULL;
	struct buf saved = { 0 };
	struct reader in;

	(void)state;
	assert_int_equal(brakes_new(&c, &b), 0);
	for (int i = 0; i < 3; i++)
		for (uint16_t k = 0; k < 3; k++)
			brakes_count(b, k, (struct event_time){ T0 + i });
	assert_true(brakes_on(b, 2));
	assert_false(brakes_on(b, 0));
	brakes_save(b, &saved);
	brakes_free(&b);

	assert_int_equal(brakes_new(&d, &b), 0);
	in = (struct reader){ .p = saved.p, .n = saved.n };
	assert_int_equal(brakes_restore(b, &in), 0);
	assert_true(brakes_on(b, 0));
	assert_false(brakes_on(b, 1));
	assert_false(brakes_on(b, 2));
	assert_true(brakes_count(b, 2, (struct event_time){ T0 + 3 }));
	brakes_free(&b);

	assert_int_equal(brakes_new(&d, &b), 0);
	in = (struct reader){ .p = saved.p, .n = saved.n - 1 };
	assert_int_equal(brakes_restore(b, &in), -EBADMSG);
	brakes_free(&b);
	buf_free(&saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_saved) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
