/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in words of the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "config/words.h"

static const struct word_value values[] = {
	{ "user", "joe" }, { "subject", "a <user> is\\<" }, { "empty", "" }, { NULL, NULL },
};

static const struct row { const char *word, *want, *unknown; } rows[] = {
	{ "", "", "" },
	{ "plain", "plain", "" },
	{ "<user>", "joe", "" },
	{ "-u=<user>!", "-u=joe!", "" },
	{ "<user><user>", "joejoe", "" },
	{ "<subject>", "a <user> is\\<", "" },	/* values are not looked into */
	{ "<empty>", "", "" },
	{ "\\<user>", "<user>", "" },
	{ "\\\\<user>", "\\<user>", "" },
	{ "<ip> <user>", "<ip> joe", "ip" },
	{ "<User>", "<User>", "" },
	{ "<", "<", "" },
	{ "<>", "<>", "" },
	{ "<user", "<user", "" },
	{ "1 < 2 <user>", "1 < 2 joe", "" },
};

static void all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span bad = words_unknown(rows[i].word, values);
		struct buf out = { 0 };

		words_fill(rows[i].word, values, &out);
		assert_string_equal(buf_cstr(&out), rows[i].want);
		assert_int_equal(bad.n, strlen(rows[i].unknown));
		assert_memory_equal(bad.n ? bad.p : "", rows[i].unknown, bad.n);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
