/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gauges: told once, the bound, snapshots that know jails by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "base/hash.h"
#include "engine/count/levels.h"

static struct jail jails[2] = { { .name = (char *)"a" }, { .name = (char *)"b" } };
static struct jail turned[2] = { { .name = (char *)"b" }, { .name = (char *)"a" } };
static struct config config = { .njails = 2, .jails = jails };
static struct config other = { .njails = 2, .jails = turned };

#define ALL SPAN_LIT("all")

static bool tell(struct levels *l, uint16_t jail, struct span who, int64_t at, uint64_t value)
{
	return levels_add(l, jail, who, (struct event_time){ at }, value, 10, 8);
}

static void test_once(void **state)
{
	struct levels *l;

	(void)state;
	assert_int_equal(levels_new(&config, &l), 0);
	assert_false(tell(l, 0, ALL, 1, 10));
	assert_true(tell(l, 0, ALL, 2, 11));
	assert_true(tell(l, 1, ALL, 2, 11));
	assert_false(tell(l, 0, ALL, 3, 12));
	assert_false(tell(l, 0, ALL, 4, 8));
	assert_false(tell(l, 0, ALL, 5, 11));
	assert_false(tell(l, 0, ALL, 4, 7));	/* late */
	assert_false(tell(l, 0, ALL, 5, 11));
	assert_false(tell(l, 0, ALL, 6, 7));
	assert_true(tell(l, 0, ALL, 6, 11));
	levels_clear(l, 0, ALL);
	assert_true(tell(l, 0, ALL, 7, 11));
	levels_free(&l);
}

static void test_snapshot(void **state)
{
	struct levels *l, *back;
	struct buf snap = { 0 };
	struct reader in;

	(void)state;
	assert_int_equal(levels_new(&config, &l), 0);
	assert_int_equal(levels_new(&other, &back), 0);
	tell(l, 0, ALL, 2, 11);
	levels_save(l, &snap);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(levels_restore(back, &in), 0);
	assert_false(tell(back, 1, ALL, 3, 11));	/* it was too high before */
	assert_true(tell(back, 0, ALL, 3, 11));
	in = (struct reader){ .p = snap.p, .n = snap.n - 1 };
	assert_int_equal(levels_restore(back, &in), -EBADMSG);
	buf_free(&snap);
	levels_free(&l);
	levels_free(&back);
}

static void test_bound(void **state)
{
	struct levels *l;
	char name[32];

	(void)state;
	assert_int_equal(levels_new(&config, &l), 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		assert_true(tell(l, 0, span_of(name), i, 11));
	}
	assert_int_equal(levels_forgotten(l), 5000 - 4096);
	assert_false(tell(l, 0, SPAN_LIT("q4999"), 5000, 11));
	assert_true(tell(l, 0, SPAN_LIT("q0"), 5000, 11));
	levels_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once), cmocka_unit_test(test_snapshot), cmocka_unit_test(test_bound),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
