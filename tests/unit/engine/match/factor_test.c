/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Common beginnings stand once, and are cut between tokens only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/match/factor.h"
#include "setup.h"

#define MOST 5

static const struct {
	const char *name;
	const char *patterns[MOST];
	const char *want;
	const char *bundles;	/* a digit each */
} rows[] = {
	{ "one", { "abc" }, "(?:abc)(*:0)", "0" },
	{ "nothing in common", { "abc", "def" }, "(?:abc)(*:0)|(?:def)(*:1)", "01" },
	{ "a beginning", { "abc", "abd" }, "(?:ab(?:c|d))(*:0)", "00" },
	{ "one ends early", { "ab", "abd" }, "(?:ab(?:|d))(*:0)", "00" },
	{ "the same", { "ab", "ab" }, "(?:ab(?:|))(*:0)", "00" },
	{ "gathered", { "ab", "x", "ac" }, "(?:a(?:b|c))(*:0)|(?:x)(*:1)", "010" },
	{ "a tree", { "abc", "abd", "aef", "aeg", "a" }, "(?:a(?:b(?:c|d)|e(?:f|g)|))(*:0)", "00000" },
	{ "quantifiers stay", { "ab+c", "ab*c", "ab{2}c" }, "(?:a(?:b+c|b*c|b{2}c))(*:0)", "000" },
	{ "groups stay", { "(?:a|b)c", "(?:a|b)d", "(?:a|c)d" }, "(?:(?:a|b)(?:c|d))(*:0)|(?:(?:a|c)d)(*:1)", "001" },
	{ "classes stay", { "[ab]c", "[ab]d", "[ac]d" }, "(?:[ab](?:c|d))(*:0)|(?:[ac]d)(*:1)", "001" },
	{ "escapes stay", { "\\x61b", "\\x62b", "\\pLa", "\\pL" },
	  "(?:\\x61b)(*:0)|(?:\\x62b)(*:1)|(?:\\pL(?:a|))(*:2)", "0122" },
	{ "alternatives stay whole", { "ab|c", "ab", "ac" }, "(?:ab|c)(*:0)|(?:a(?:b|c))(*:1)", "011" },
	{ "options stay whole", { "a(?i)b", "ac" }, "(?:a(?i)b)(*:0)|(?:ac)(*:1)", "01" },
	{ "comments keep their atom", { "a(?#x){2}", "a(?#x){3}" }, "(?:a{2})(*:0)|(?:a{3})(*:1)", "01" },
	{ "nothing at all", { "(?#x)", "", "a" }, "(?:)(*:0)|(?:)(*:1)|(?:a)(*:2)", "012" },
	{ "placeholders", { "<size>: a", "<size>: b" }, "(?:(?:[0-9]{1,15}): (?:a|b))(*:0)", "00" },
};

static void test_rows(void **state)
{
	struct setup s;

	(void)state;
	setup_init(&s, NULL, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pattern p[MOST] = { 0 };
		struct pattern_error err = { 0 };
		struct buf out = { 0 };
		size_t n = 0, bundle[MOST];
		char got[MOST + 1] = "";

		for (; n < MOST && rows[i].patterns[n]; n++)
			assert_int_equal(pattern_expand(&s.c, rows[i].patterns[n], PATTERN_RULE,
							"m", &p[n], &err), 0);
		assert_int_equal(factor_put(p, n, &out, bundle), 0);
		for (size_t k = 0; k < n; k++) {
			got[k] = (char)('0' + bundle[k]);
			pattern_free(&p[k]);
		}
		if (strcmp(buf_cstr(&out), rows[i].want) != 0 || strcmp(got, rows[i].bundles) != 0)
			fail_msg("%s: %s, bundles %s", rows[i].name, buf_cstr(&out), got);
		buf_free(&out);
	}
	setup_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
