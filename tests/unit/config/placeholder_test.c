/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a `<` is a placeholder: parts are written {name} and {?own}. */
#include "config/placeholder.h"
#include "setup.h"

static const struct { const char *pattern, *want; } rows[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "<ip>", "{ip}" },
	{ "a<ip>b<user>", "a{ip}b{user}" },
	{ "<<user>>", "<{user}>" },
	{ "<ip><ip>", "{ip}{ip}" },
	{ "<a b>", "<a b>" },
	{ "<>", "<>" },
	{ "<1a>", "<1a>" },
	{ "<ip", "<ip" },
	{ "\\<ip>", "\\<ip>" },
	{ "\\\\<ip>", "\\\\{ip}" },
	{ "[<ip>]<ip>", "[<ip>]{ip}" },
	{ "[]<ip>]<ip>", "[]<ip>]{ip}" },
	{ "[^]<ip>]<ip>", "[^]<ip>]{ip}" },
	{ "[[:alpha:]<ip>]<ip>", "[[:alpha:]<ip>]{ip}" },
	{ "[\\]<ip>]<ip>", "[\\]<ip>]{ip}" },
	{ "\\Q<ip>\\E<ip>", "\\Q<ip>\\E{ip}" },
	{ "\\Q<ip>", "\\Q<ip>" },
	{ "(?<own>.)", "{?own}.)" },
	{ "(?P<own>.)", "{?own}.)" },
	{ "(?'own'.)", "{?own}.)" },
	{ "(?<=<)<ip>(?<!<)", "(?<=<){ip}(?<!<)" },
	{ "x(?<own>.)<ip>", "x{?own}.){ip}" },
	{ "\\k<own><ip>", "\\k<own>{ip}" },
	{ "(?P=own)", "(?P=own)" },
	{ "(?(<own>)a|<ip>)", "(?(<own>)a|{ip})" },
	{ "(?#<ip>)<ip>", "(?#<ip>){ip}" },
	{ "(?:<ip>)", "(?:{ip})" },
	{ "(?i)<ip>(?-i:x)", "(?i){ip}(?-i:x)" },
	{ "\\g{own}", "\\g{own}" },
	{ "\\", "\\" },
	{ "[", "[" },
	{ "<abcdefghijklmnopqrstuvwxyzabcdef>", "<abcdefghijklmnopqrstuvwxyzabcdef>" },
	{ "(*ACCEPT)", "!0" },
	{ "x(*SKIP)", "!1" },
	{ "x\\K", "!1" },
	{ "x\\C", "!1" },
	{ "[\\K\\C\\1]", "[\\K\\C\\1]" },
	{ "\\1", "!0" },
	{ "\\0", "\\0" },
	{ "\\g1", "!0" },
	{ "\\g{1}", "!0" },
	{ "\\g{-1}", "!0" },
	{ "\\g-1", "!0" },
	{ "\\g<own>", "!0" },
	{ "\\g'own'", "!0" },
	{ "(?R)", "!0" },
	{ "(?0)", "!0" },
	{ "(?+1)", "!0" },
	{ "(?-1)", "!0" },
	{ "(?&own)", "!0" },
	{ "(?P>own)", "!0" },
	{ "(?C)", "!0" },
	{ "(?(1)a)", "!0" },
	{ "(?(+1)a)", "!0" },
	{ "(?(R)a)", "!0" },
	{ "(?(DEFINE)a)", "!0" },
};

static void describe(struct span pattern, int (*next)(struct placeholder_scan *,
		     struct placeholder_part *), struct buf *out)
{
	struct placeholder_scan s;
	struct placeholder_part p;
	int err;

	placeholder_begin(&s, pattern);
	while ((err = next(&s, &p)) > 0) {
		struct span shown = p.kind == PART_TEXT ? p.text : p.name;

		buf_puts(out, p.kind == PART_FIELD ? "{" : p.kind == PART_OWN ? "{?" : "");
		buf_put(out, shown.p, shown.n);
		buf_puts(out, p.kind == PART_TEXT ? "" : "}");
	}
	if (err < 0) {
		buf_clear(out);
		buf_printf(out, "!%zu", s.error_at);
		assert_non_null(s.error);
	}
}

static void test_patterns(void **state)
{
	struct buf b = { 0 };
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&b);
		describe(span_of(rows[i].pattern), placeholder_next, &b);
		wrong += differs(rows[i].pattern, buf_cstr(&b), rows[i].want);
	}
	buf_free(&b);
	assert_int_equal(wrong, 0);
}

static void test_words(void **state)
{
	struct buf b = { 0 };

	(void)state;
	describe(SPAN_LIT("a=<user>[<ip>]\\<x><y z>"), placeholder_next_in_word, &b);
	assert_string_equal(buf_cstr(&b), "a={user}[{ip}]\\{x}<y z>");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
