/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/hash.h"
#include "privileged/firewall/held.h"

static struct addr host(uint32_t n)
{
	struct addr a = { { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
			    (uint8_t)n }, ADDR_V4, 32 };

	return a;
}

static void finds_what_was_put(void **state)
{
	struct addr a = host(1), b = host(2), net = host(1);
	struct held *t;

	(void)state;
	net.len = 24;
	assert_int_equal(held_new(&t), 0);
	assert_null(held_find(t, 0, &a));
	assert_null(held_first(t, 0));
	assert_int_equal(held_put(t, 0, &a, 100), 0);
	assert_int_equal(held_find(t, 0, &a)->until_ms, 100);
	assert_null(held_find(t, 0, &b));
	assert_null(held_find(t, 0, &net));
	assert_null(held_find(t, 1, &a));
	assert_int_equal(held_put(t, 0, &a, 200), 0);
	assert_int_equal(held_count(t, 0), 1);
	assert_int_equal(held_find(t, 0, &a)->until_ms, 200);
	assert_true(held_drop(t, 0, &a));
	assert_false(held_drop(t, 0, &a));
	assert_int_equal(held_total(t), 0);
	held_free(&t);
	assert_null(t);
}

/* 20,000 in a random order of ends, some renewed, some dropped: first is first. */
static void gives_them_by_end(void **state)
{
	const uint32_t n = 20000;
	int64_t last = INT64_MIN;
	struct held *t;
	size_t left = 0;

	(void)state;
	srand(1);
	assert_int_equal(held_new(&t), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct addr a = host(i);

		assert_int_equal(held_put(t, i % 2, &a, rand()), 0);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct addr a = host(i);

		if (i % 3 == 0)
			assert_int_equal(held_put(t, i % 2, &a, rand()), 0);
		else if (i % 5 == 0)
			assert_true(held_drop(t, i % 2, &a));
	}
	left = held_count(t, 0);
	while (held_first(t, 0)) {
		struct addr a = held_first(t, 0)->addr;

		assert_true(held_first(t, 0)->until_ms >= last);
		last = held_first(t, 0)->until_ms;
		assert_true(held_drop(t, 0, &a));
		left--;
	}
	assert_int_equal(left, 0);
	assert_int_equal(held_total(t), held_count(t, 1));
	held_clear(t, 1);
	assert_int_equal(held_total(t), 0);
	held_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_put),
		cmocka_unit_test(gives_them_by_end),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
