/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose failures are no guesses, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/hash.h"
#include "engine/count/contained.h"

#define AT(ms) ((struct event_time){ ms })
#define HOURS(n) ((n) * 3600000LL)

static struct contained c, again;

static void test_time(void **state)
{
	(void)state;
	assert_false(contained_has(&c, SPAN_LIT("joe"), AT(1)));
	contained_add(&c, SPAN_LIT("joe"));
	assert_true(contained_has(&c, SPAN_LIT("joe"), AT(HOURS(10000))));
	assert_false(contained_has(&c, SPAN_LIT("ann"), AT(1)));
	contained_end(&c, SPAN_LIT("joe"), HOURS(10));
	contained_end(&c, SPAN_LIT("ann"), HOURS(10));
	assert_true(contained_has(&c, SPAN_LIT("joe"), AT(HOURS(58) - 1)));
	assert_false(contained_has(&c, SPAN_LIT("joe"), AT(HOURS(58))));
	assert_false(contained_has(&c, SPAN_LIT("ann"), AT(HOURS(10))));
	contained_add(&c, SPAN_LIT("joe"));
	assert_true(contained_has(&c, SPAN_LIT("joe"), AT(HOURS(100))));
}

static void test_bound_and_snapshot(void **state)
{
	struct buf out = { 0 };
	struct reader in;
	char name[16];

	(void)state;
	contained_end(&c, SPAN_LIT("joe"), 0);
	for (int i = 0; i < 1500; i++)
		contained_add(&c, (struct span){ name, (size_t)snprintf(name, sizeof(name), "u%d", i) });
	assert_int_equal(c.n, 1024);
	assert_false(contained_has(&c, SPAN_LIT("joe"), AT(1)));
	assert_true(contained_has(&c, SPAN_LIT("u1499"), AT(1)));
	contained_save(&c, &out);
	in = (struct reader){ .p = out.p, .n = out.n };
	assert_int_equal(contained_restore(&again, &in), 0);
	assert_int_equal(again.n, 1024);
	assert_true(contained_has(&again, SPAN_LIT("u1499"), AT(1)));
	in = (struct reader){ .p = out.p, .n = 15 };
	assert_true(contained_restore(&again, &in) < 0);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time), cmocka_unit_test(test_bound_and_snapshot),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
