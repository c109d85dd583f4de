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
	const char *want;	/* {n} stands for (?Cn) */
} rows[] = {
	{ "one", { "abc" }, "(?>abc){0}" },
	{ "nothing in common", { "abc", "def" }, "(?>abc){0}|(?>def){1}" },
	{ "a beginning", { "abc", "abd" }, "ab(?:(?>c){0}|(?>d){1})" },
	{ "one ends early", { "ab", "abd" }, "ab(?:{0}|(?>d){1})" },
	{ "the same", { "ab", "ab" }, "ab(?:{0}|{1})" },
	{ "gathered", { "ab", "x", "ac" }, "a(?:(?>b){0}|(?>c){2})|(?>x){1}" },
	{ "a tree", { "abc", "abd", "aef", "aeg", "a" },
	  "a(?:b(?:(?>c){0}|(?>d){1})|e(?:(?>f){2}|(?>g){3})|{4})" },
	{ "quantifiers stay", { "ab+c", "ab*c", "ab{2}c" }, "a(?:(?>b+c){0}|(?>b*c){1}|(?>b{2}c){2})" },
	{ "groups stay", { "(?:a|b)c", "(?:a|b)d", "(?:a|c)d" },
	  "(?:a|b)(?:(?>c){0}|(?>d){1})|(?>(?:a|c)d){2}" },
	{ "classes stay", { "[ab]c", "[ab]d", "[ac]d" }, "[ab](?:(?>c){0}|(?>d){1})|(?>[ac]d){2}" },
	{ "escapes stay", { "\\x61b", "\\x62b", "\\pLa", "\\pL" },
	  "(?>\\x61b){0}|(?>\\x62b){1}|\\pL(?:(?>a){2}|{3})" },
	{ "alternatives stay whole", { "ab|c", "ab", "ac" }, "(?>ab|c){0}|a(?:(?>b){1}|(?>c){2})" },
	{ "options stay whole", { "a(?i)b", "ac" }, "(?>a(?i)b){0}|(?>ac){1}" },
	{ "comments keep their atom", { "a(?#x){2}", "a(?#x){3}" }, "(?>a{2}){0}|(?>a{3}){1}" },
	{ "nothing at all", { "(?#x)", "", "a" }, "{0}|{1}|(?>a){2}" },
	{ "placeholders", { "<size>: a", "<size>: b" }, "(?:[0-9]{1,15}): (?:(?>a){0}|(?>b){1})" },
};

/* {n} as (?Cn), where nothing is quantified by it. */
static void put_want(const char *want, struct buf *out)
{
	for (const char *p = want; *p; p++) {
		if (*p == '{' && (p == want || strchr("():|", p[-1])))
			buf_printf(out, "(?C%c)", *++p), p++;
		else
			buf_putc(out, *p);
	}
}

static void test_rows(void **state)
{
	struct setup s;

	(void)state;
	setup_init(&s, NULL, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pattern p[MOST] = { 0 };
		const struct pattern *list[MOST];
		struct pattern_error err = { 0 };
		struct buf out = { 0 }, want = { 0 };
		size_t n = 0;

		for (; n < MOST && rows[i].patterns[n]; n++)
			assert_int_equal(pattern_expand(&s.c, rows[i].patterns[n], PATTERN_RULE,
							"m", &p[n], &err), 0);
		for (size_t k = 0; k < n; k++)
			list[k] = &p[k];
		assert_int_equal(factor_put(list, n, 0, &out), 0);
		for (size_t k = 0; k < n; k++)
			pattern_free(&p[k]);
		put_want(rows[i].want, &want);
		if (strcmp(buf_cstr(&out), buf_cstr(&want)) != 0)
			fail_msg("%s: %s", rows[i].name, buf_cstr(&out));
		buf_free(&out);
		buf_free(&want);
	}
	setup_fini(&s);
}

/* What all begin with can be left out; far numbers are text. */
static void test_skip(void **state)
{
	struct pattern p[2] = { 0 };
	const struct pattern *list[300];
	struct pattern_error err;
	struct buf out = { 0 };
	struct setup s;

	(void)state;
	setup_init(&s, NULL, 0);
	assert_int_equal(pattern_expand(&s.c, "abc", PATTERN_RULE, "m", &p[0], &err), 0);
	assert_int_equal(pattern_expand(&s.c, "ab", PATTERN_RULE, "m", &p[1], &err), 0);
	list[0] = &p[0];
	list[1] = &p[1];
	assert_int_equal(factor_put(list, 2, 2, &out), 0);
	assert_string_equal(buf_cstr(&out), "(?>c)(?C0)|(?C1)");
	buf_clear(&out);
	for (size_t i = 0; i < 300; i++)
		list[i] = &p[1];
	assert_int_equal(factor_put(list, 300, 2, &out), 0);
	assert_non_null(strstr(buf_cstr(&out), "|(?C255)|(?C{256})|"));
	buf_free(&out);
	pattern_free(&p[0]);
	pattern_free(&p[1]);
	setup_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_skip) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
