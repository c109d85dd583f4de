/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was added is found, what differs in one thing is not. */
#include "engine/record/recall.h"

#include <errno.h>

#include "base/hash.h"
#include "place.h"

static void test_many(void **state)
{
	struct recall *r = NULL;
	uint64_t id = 0;

	(void)state;
	hash_init();
	assert_int_equal(recall_new(10000, &r), 0);
	for (int64_t i = 0; i < 10000; i++)
		assert_int_equal(recall_add(r, "jail", SPAN_LIT("key"), i, 7,
					    (uint64_t)i + 1), 0);
	assert_int_equal(recall_add(r, "jail", SPAN_LIT("key"), 5, 7, 99), 0);
	assert_int_equal(recall_add(r, "jail", SPAN_LIT("key"), 10000, 7, 1), -ENOSPC);
	for (int64_t i = 0; i < 10000; i++) {
		assert_true(recall_find(r, "jail", SPAN_LIT("key"), i, 7, &id));
		assert_int_equal(id, i + 1);
		assert_false(recall_find(r, "jail", SPAN_LIT("key"), i, 8, &id));
		assert_false(recall_find(r, "jai", SPAN_LIT("lkey"), i, 7, &id));
	}
	recall_free(&r);
	assert_null(r);
	recall_free(&r);
}

static void test_none(void **state)
{
	struct recall *r = NULL;
	uint64_t id = 0;

	(void)state;
	assert_int_equal(recall_new(0, &r), 0);
	assert_false(recall_find(r, "jail", (struct span){ NULL, 0 }, 0, 0, &id));
	assert_int_equal(recall_add(r, "jail", (struct span){ NULL, 0 }, 0, 0, 1), -ENOSPC);
	recall_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
