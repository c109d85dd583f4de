/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Percentiles of amounts of any size, and how they are rounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/quantile.h"

static void test_small(void **state)
{
	struct quantile *q = calloc(1, sizeof(*q));

	(void)state;
	assert_int_equal(quantile_of(q, 999), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		quantile_add(q, i);
	assert_int_equal(quantile_of(q, 999), 999);
	assert_int_equal(quantile_of(q, 500), 500);
	assert_int_equal(quantile_of(q, 1000), 1000);
	quantile_add(q, 1);
	assert_int_equal(quantile_of(q, 999), 999);
	free(q);
}

static void test_large(void **state)
{
	(void)state;
	for (uint64_t amount = 1; amount < UINT64_MAX / 3; amount = amount * 3 + 1) {
		struct quantile *q = calloc(1, sizeof(*q));
		uint64_t got;

		quantile_add(q, amount);
		got = quantile_of(q, 999);
		assert_true(got >= amount);
		assert_true(got - amount <= amount / 128);
		free(q);
	}
}

static void test_round(void **state)
{
	static const uint64_t rows[][2] = {
		{ 0, 0 }, { 1, 1 }, { 99, 99 }, { 100, 100 }, { 101, 110 }, { 123, 130 }, { 999, 1000 },
		{ 5010000, 5100000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(quantile_round(rows[i][0]), rows[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small), cmocka_unit_test(test_large), cmocka_unit_test(test_round),
	};

	return cmocka_run_group_tests_name("quantile", tests, NULL, NULL);
}
