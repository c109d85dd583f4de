/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which word was meant. */
#include "config/nearest.h"
#include "setup.h"

static const struct { const char *a, *b; size_t want; } distances[] = {
	{ "", "", 0 }, { "a", "", 1 }, { "", "abc", 3 }, { "abc", "abc", 0 }, { "abc", "abd", 1 },
	{ "abc", "acb", 1 }, { "abc", "ac", 1 }, { "ac", "abc", 1 }, { "kitten", "sitting", 3 },
	{ "Allow", "allow", 0 }, { "abcdef", "badcfe", 3 },
	{ "0123456789012345678901234567890123456789012345678", "a", SIZE_MAX },
};

static void test_distance(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(distances); i++) {
		assert_int_equal(nearest_distance(distances[i].a, distances[i].b), distances[i].want);
		assert_int_equal(nearest_distance(distances[i].b, distances[i].a), distances[i].want);
	}
}

static const struct { const char *typed, *names[4], *want; } choices[] = {
	{ "alow", { "logs", "allow", "table" }, "allow" },
	{ "lmit", { "limit", "list" }, "limit" },
	{ "ib", { "ip", "id" }, "ip" },		/* the first of equals */
	{ "x", { "ip", "a" }, NULL },
	{ "nope", { "code" }, NULL },
	{ "acounts", { "account", "accounts" }, "accounts" },
};

static void test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(choices); i++) {
		struct nearest n = { 0 };

		for (size_t k = 0; k < 4 && choices[i].names[k]; k++)
			nearest_try(&n, choices[i].typed, choices[i].names[k]);
		assert_string_equal(n.name ? n.name : "none", choices[i].want ? choices[i].want : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance), cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
