/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed bytes in lines, wherever they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/match/needle.h"

static const struct {
	const char *needle, *line;
	bool want;
} rows[] = {
	{ "failure; ", "authentication failure; x", true },
	{ "failure; ", "authentication failure;", false },
	{ "failure; ", ";;;;;;;;;failure; ", true },
	{ "failure; ", "; failure", false },
	{ "failure; ", "failur", false },
	{ "failure; ", "", false },
	{ "abc", "abc", true },
	{ "abc", "ababc", true },
	{ "abc", "abd", false },
	{ ";x", ";;;x", true },
	{ "x;", "x;", true },
	{ "", "", true },
	{ "", "abc", true },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct needle d;

		needle_set(&d, span_of(rows[i].needle));
		if (needle_in(&d, span_of(rows[i].line)) != rows[i].want)
			fail_msg("'%s' in '%s'", rows[i].needle, rows[i].line);
	}
}

static void test_long(void **state)
{
	struct needle d;

	(void)state;
	needle_set(&d, SPAN_LIT("0123456789012345678901234567890123456789and more"));
	assert_int_equal(d.n, NEEDLE_MAX);
	assert_true(needle_in(&d, SPAN_LIT("0123456789012345678901234567890123456789x")));
}

/* Any number of its rarest byte before it, wherever the line ends. */
static void test_full_of_its_rarest(void **state)
{
	char line[300];
	struct needle d;

	(void)state;
	needle_set(&d, SPAN_LIT("a;b"));
	for (size_t n = 0; n < 200; n++) {
		memset(line, ';', sizeof(line));
		assert_false(needle_in(&d, (struct span){ line, n + 3 }));
		memcpy(line + n, "a;b", 3);
		assert_true(needle_in(&d, (struct span){ line, n + 3 }));
		assert_true(needle_in(&d, (struct span){ line, sizeof(line) }));
		assert_false(needle_in(&d, (struct span){ line, n + 2 }));
		/* Begun in each of them, ended in the last. */
		for (size_t k = 0; k < n; k++)
			line[k] = k % 2 ? ';' : 'a';
		assert_true(needle_in(&d, (struct span){ line, n + 3 }));
		assert_false(needle_in(&d, (struct span){ line, n + 2 }));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_full_of_its_rarest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
