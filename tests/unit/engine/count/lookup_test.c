/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lookup: ids come back by their hash through splits, removals and churn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "engine/count/lookup.h"

#define IDS 20000

static uint64_t hash_of(const void *arg, uint32_t id)
{
	(void)arg;
	return hash_fixed(&id, sizeof(id));
}

static bool has(const struct lookup *l, uint32_t id, unsigned *candidates)
{
	struct lookup_at at;
	bool found = false;

	for (uint32_t i = lookup_first(l, hash_of(NULL, id), &at);
	     i != LOOKUP_NONE; i = lookup_next(&at)) {
		found |= i == id;
		++*candidates;
	}
	return found;
}

static void test_churn(void **state)
{
	static bool in[IDS];
	unsigned candidates = 0, n = 0;
	struct lookup l;

	(void)state;
	assert_int_equal(lookup_init(&l, hash_of, NULL), 0);
	srand(1);
	for (int i = 0; i < 400000; i++) {
		uint32_t id = (uint32_t)rand() % IDS;

		if (!in[id])
			assert_int_equal(lookup_insert(&l, hash_of(NULL, id), id), 0);
		else
			lookup_remove(&l, hash_of(NULL, id), id);
		in[id] = !in[id];
		n += in[id] ? 1 : -1u;
	}
	for (uint32_t id = 0; id < IDS; id++)
		assert_int_equal(has(&l, id, &candidates), in[id]);
	/* Few other candidates up to the end of a probe, and a bounded size. */
	assert_in_range(candidates, n, n + n / 4);
	assert_in_range(lookup_bytes(&l), 1, 14 * IDS);
	for (uint32_t id = 0; id < IDS; id++)
		if (in[id])
			lookup_remove(&l, hash_of(NULL, id), id);
	for (uint32_t id = 0; id < IDS; id++)
		assert_false(has(&l, id, &candidates));
	lookup_remove(&l, hash_of(NULL, 1), 1);
	lookup_fini(&l);
}

static void test_largest_id(void **state)
{
	const uint32_t id = LOOKUP_MAX_IDS - 1;
	unsigned candidates = 0;
	struct lookup l;

	(void)state;
	assert_int_equal(lookup_init(&l, hash_of, NULL), 0);
	assert_int_equal(lookup_insert(&l, hash_of(NULL, id), id), 0);
	assert_int_equal(lookup_insert(&l, hash_of(NULL, 0), 0), 0);
	assert_true(has(&l, id, &candidates));
	assert_true(has(&l, 0, &candidates));
	lookup_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_largest_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
