/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Globs on program tags and units, on text that is not terminated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/glob.h"

static const struct { const char *glob, *input; bool want; } rows[] = {
	{ "", "", true }, { "", "a", false }, { "a", "", false }, { "*", "", true }, { "**", "", true },
	{ "?", "", false }, { "sshd", "sshd", true }, { "sshd", "sshd-session", false },
	{ "sshd", "ssh", false }, { "sshd*", "sshd", true }, { "sshd*", "sshd-session", true },
	{ "postfix*", "postfix/submission/smtpd", true }, { "postfix/*", "postfix", false },
	{ "*/smtpd", "postfix/submission/smtpd", true }, { "*/smtpd", "postfix/smtpd2", false },
	{ "*smtpd*", "postfix/smtpd2", true }, { "*", "anything / at all", true },
	{ "p?stfix", "postfix", true }, { "p?stfix", "pstfix", false }, { "??", "a", false },
	{ "?*", "a", true }, { "*?", "", false }, { "a*b*c", "axxbxxbxc", true },
	{ "a*b*c", "axxbxxbx", false }, { "*a*a*", "ba", false }, { "*a*a*", "baxab", true },
	{ "[ab]", "a", false }, { "[ab]", "[ab]", true }, { "a\\*", "a\\xyz", true },
	{ "SSHD", "sshd", false }, { "*.service", "postfix@-.service", true },
};

static void matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = strlen(rows[i].input);
		char *copy = malloc(n);	/* no byte behind it */

		memcpy(copy, rows[i].input, n);
		if (glob_match(rows[i].glob, (struct span){ copy, n }) != rows[i].want)
			fail_msg("'%s' on '%s'", rows[i].glob, rows[i].input);
		free(copy);
	}
}

/* Quadratic at worst: the stars of a stranger's text cost nothing. */
static void slow(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", (struct span){ text, sizeof(text) }));
	assert_true(glob_match("a*", (struct span){ "a\0b", 3 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(matches), cmocka_unit_test(slow) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
