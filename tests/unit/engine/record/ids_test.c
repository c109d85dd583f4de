/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ids come once each: from blocks, and from the clock's range without one. */
#include "engine/record/ids.h"

#include "place.h"

#define NOW 1787000000000
#define FAR ((uint64_t)NOW << 11)

static void test_blocks(void **state)
{
	struct ids i;
	uint64_t reserved = 0, used = 0;

	(void)state;
	ids_init(&i, NOW);
	assert_true(FAR < 1ull << 53);
	assert_int_equal(ids_left(&i), 0);
	assert_true(ids_take(&i) == FAR);
	assert_false(ids_unused(&i, &reserved, &used));

	ids_add(&i, 11, 12);
	assert_int_equal(ids_left(&i), 2);
	assert_true(ids_unused(&i, &reserved, &used));
	assert_int_equal(reserved, 12);
	assert_int_equal(used, 10);
	assert_int_equal(ids_take(&i), 11);
	assert_true(ids_has_room(&i));
	ids_add(&i, 13, 14);			/* joins */
	assert_true(ids_has_room(&i));
	ids_add(&i, 100, 101);			/* another engine had 15.. */
	assert_false(ids_has_room(&i));
	assert_false(ids_unused(&i, &reserved, &used));
	assert_int_equal(ids_left(&i), 5);
	assert_int_equal(ids_take(&i), 12);
	assert_int_equal(ids_take(&i), 13);
	assert_int_equal(ids_take(&i), 14);
	assert_int_equal(ids_take(&i), 100);
	assert_true(ids_has_room(&i));
	assert_true(ids_unused(&i, &reserved, &used));
	assert_int_equal(reserved, 101);
	assert_int_equal(used, 100);
	assert_int_equal(ids_take(&i), 101);
	assert_true(ids_take(&i) == FAR + 1);
	assert_int_equal(ids_left(&i), 0);
	assert_int_equal(i.taken, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_blocks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
