/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bans that the engine knows: by address and scope, and by order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/bans.h"

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static struct ban *put(struct bans *b, const char *addr, uint16_t scope, uint64_t order, int64_t until)
{
	struct ban ban = {
		.addr = addr_of(addr), .scope = scope, .order = order, .incident = order + 1000,
		.since_ms = 1, .until_ms = until, .reason = (char *)"why",
	}, *ret;

	assert_int_equal(bans_put(b, &ban, &ret), 0);
	return ret;
}

static struct ban *find(struct bans *b, const char *addr, uint16_t scope)
{
	struct addr a = addr_of(addr);

	return bans_find(b, &a, scope);
}

static int begin(void **state)
{
	return bans_new((struct bans **)state);
}

static int end(void **state)
{
	bans_free((struct bans **)state);
	assert_null(*state);
	bans_free((struct bans **)state);
	return 0;
}

static void nothing(void **state)
{
	struct bans *b = *state;
	size_t at = 0;

	assert_null(find(b, "192.0.2.1", 0));
	assert_null(bans_by_order(b, 0));
	assert_null(bans_next(b, &at));
	assert_int_equal(bans_count(b), 0);
	bans_expire(b, (struct wall){ INT64_MAX });
}

static void finds(void **state)
{
	struct bans *b = *state;
	struct ban *one = put(b, "192.0.2.1", 1, 11, 100), *two = put(b, "192.0.2.1", 2, 12, 100);
	struct ban *net = put(b, "192.0.2.0/24", 1, 13, 100);

	assert_ptr_equal(find(b, "192.0.2.1", 1), one);
	assert_ptr_equal(find(b, "192.0.2.1", 2), two);
	assert_null(find(b, "192.0.2.1", 0));
	assert_ptr_equal(find(b, "192.0.2.0/24", 1), net);
	assert_null(find(b, "192.0.2.2", 1));	/* within a ban is not it */
	assert_ptr_equal(bans_by_order(b, 12), two);
	assert_null(bans_by_order(b, 14));
	assert_int_equal(bans_count(b), 3);
	assert_string_equal(one->reason, "why");
}

static void replaces(void **state)
{
	struct bans *b = *state;
	struct ban again = { .addr = addr_of("192.0.2.1"), .scope = 1, .order = 22, .until_ms = 900 }, *ret;

	put(b, "192.0.2.1", 1, 11, 100);
	assert_int_equal(bans_put(b, &again, &ret), 0);
	assert_int_equal(bans_count(b), 1);
	assert_null(bans_by_order(b, 11));
	assert_ptr_equal(bans_by_order(b, 22), ret);
	assert_ptr_equal(find(b, "192.0.2.1", 1), ret);
	assert_int_equal(ret->until_ms, 900);
	assert_null(ret->reason);
	/* With what it was itself made of. */
	again = *put(b, "192.0.2.2", 1, 33, 100);
	assert_int_equal(bans_put(b, &again, &ret), 0);
	assert_string_equal(ret->reason, "why");
	assert_int_equal(bans_count(b), 2);
}

static void removes(void **state)
{
	struct bans *b = *state;

	put(b, "192.0.2.1", 1, 11, 100);
	put(b, "192.0.2.2", 1, 12, 100);
	put(b, "192.0.2.3", 1, 13, 100);
	bans_remove(b, find(b, "192.0.2.1", 1));
	assert_int_equal(bans_count(b), 2);
	assert_null(find(b, "192.0.2.1", 1));
	assert_null(bans_by_order(b, 11));
	bans_remove(b, find(b, "192.0.2.3", 1));
	bans_remove(b, find(b, "192.0.2.2", 1));
	assert_int_equal(bans_count(b), 0);
	assert_null(find(b, "192.0.2.2", 1));
}

/* The order's answer: the prefix was narrowed to its host. */
static void renames(void **state)
{
	struct bans *b = *state;
	struct addr host = addr_of("192.0.2.9"), same;
	struct ban *ban = put(b, "192.0.2.0/24", 1, 11, 100);

	bans_rename(b, ban, &host);
	assert_ptr_equal(find(b, "192.0.2.9", 1), ban);
	assert_null(find(b, "192.0.2.0/24", 1));
	assert_ptr_equal(bans_by_order(b, 11), ban);
	same = ban->addr;
	bans_rename(b, ban, &same);
	assert_ptr_equal(find(b, "192.0.2.9", 1), ban);
	/* Onto one that is there: that one was the same element. */
	ban = put(b, "192.0.2.0/24", 1, 12, 500);
	put(b, "192.0.2.9", 2, 13, 500);
	bans_rename(b, ban, &host);
	assert_ptr_equal(find(b, "192.0.2.9", 1), ban);
	assert_null(bans_by_order(b, 11));
	assert_int_equal(bans_count(b), 2);
	assert_non_null(find(b, "192.0.2.9", 2));
}

static void expires(void **state)
{
	struct bans *b = *state;

	put(b, "192.0.2.1", 1, 11, 99);
	put(b, "192.0.2.2", 1, 12, 100);
	put(b, "192.0.2.3", 1, 13, 101);
	put(b, "192.0.2.4", 1, 14, INT64_MAX);
	bans_expire(b, (struct wall){ 100 });
	assert_int_equal(bans_count(b), 2);
	assert_null(find(b, "192.0.2.2", 1));
	assert_non_null(find(b, "192.0.2.3", 1));
	assert_non_null(find(b, "192.0.2.4", 1));
}

static void walks(void **state)
{
	struct bans *b = *state;
	uint64_t seen = 0;
	size_t at = 0;
	struct ban *ban;

	put(b, "192.0.2.1", 1, 1, 100);
	put(b, "192.0.2.2", 1, 2, 100);
	put(b, "192.0.2.3", 1, 4, 100);
	while ((ban = bans_next(b, &at)))
		seen += ban->order;
	assert_int_equal(seen, 7);
}

/* Many, growing and shrinking; ended ones go without being asked for. */
static void many(void **state)
{
	struct bans *b = *state;
	struct addr a = { .family = ADDR_V4, .len = 32 };
	struct ban *ret;

	for (uint32_t i = 0; i < 100000; i++) {
		struct ban ban = { .scope = 1, .order = i + 1, .since_ms = i, .until_ms = i + 10000 };

		memcpy(a.b, &i, sizeof(i));
		ban.addr = a;
		assert_int_equal(bans_put(b, &ban, &ret), 0);
	}
	assert_true(bans_count(b) < 32000);
	bans_expire(b, (struct wall){ 100000 });
	assert_int_equal(bans_count(b), 9999);
	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(a.b, &i, sizeof(i));
		assert_int_equal(bans_find(b, &a, 1) != NULL, i > 90000);
		assert_int_equal(bans_by_order(b, i + 1) != NULL, i > 90000);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing), TEST(finds), TEST(replaces), TEST(removes), TEST(renames), TEST(expires),
		TEST(walks), TEST(many),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
