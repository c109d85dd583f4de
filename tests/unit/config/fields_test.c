/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each placeholder takes, and that it stops at its delimiter. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "config/fields.h"
#include "setup.h"

static const struct { const char *field, *text; bool want; } rows[] = {
	{ "ip", "192.0.2.7", true }, { "ip", "2001:db8::1", true }, { "ip", "::ffff:192.0.2.7", true },
	{ "ip", "fe80::1%eth0", true }, { "ip", "1.2.3.4]", false }, { "ip", "1.2.3.4 x", false },
	{ "ip", "", false }, { "ip", "unknown", false },
	{ "host", "unknown", true }, { "host", "mail-1.example.org", true }, { "host", "a[b", false },
	{ "host", "a b", false }, { "host", "", false },
	{ "user", "joe", true }, { "user", "joe@example.org", true }, { "user", "joe+x@y", true },
	{ "user", "joe,sasl_username=boss", false }, { "user", "joe x", false }, { "user", "a>b", false },
	{ "user", "a[b", false }, { "user", "a)b", false }, { "user", "", false },
	{ "qid", "4F1C", true }, { "qid", "B1C2D3E4F5", true }, { "qid", "4Wz0cQ3yPlz9rtZ", true },
	{ "qid", "NOQUEUE", false }, { "qid", "4f1c", false }, { "qid", "warning", false },
	{ "qid", "statistics", false }, { "qid", "AB:", false },
	{ "qid2", "4F1C2", true }, { "qid2", "NOQUEUE", false },
	{ "sender", "", true }, { "sender", "a@b.example", true }, { "sender", "a>b@c", false },
	{ "sender", "\"a>b, c\"@d.example", true }, { "sender", "\"a\\\"> x\"@d", true },
	{ "sender", "\"a>, size=1", false }, { "sender", "a,b", false }, { "sender", "a b", false },
	{ "rcpt", "x@y", true }, { "rcpt", "x>, y", false },
	{ "size", "12345", true }, { "size", "12a", false }, { "size", "", false }, { "nrcpt", "50", true },
	{ "nrcpt", "-1", false }, { "port", "65535", true }, { "port", "123456", false },
	{ "attempts", "3", true }, { "pid", "4711", true }, { "uid", "33", true },
	{ "code", "550", true }, { "code", "5500", false }, { "dsn", "5.7.1", true }, { "dsn", "5.7", false },
	{ "method", "SCRAM-SHA-256", true }, { "method", "A,B", false },
	{ "session", "3JZzgk0USwAly9Zo", true }, { "session", "a>b", false },
	{ "helo", "[192.0.2.1]", true }, { "helo", "a b", false }, { "helo", "a>b", false },
	{ "msgid", "x.y@z", true }, { "msgid", "x> y", false },
	{ "status", "bounced", true }, { "status", "sent (", false },
	{ "command", "END-OF-MESSAGE", true }, { "command", "RCPT from", false },
	{ "reason", "auth failed", true }, { "reason", "a, b", false }, { "reason", "a) b", false },
	{ "path", "/wp-login.php?x=1", true }, { "path", "/ HTTP", false },
	{ "domain", "example.org", true }, { "domain", "a@b", false },
	{ "jail", "sasl-burst", true }, { "jail", "-x", false },
};

static const struct field *find(const char *name)
{
	for (const struct field *f = config_field_table; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	fail_msg("no field %s", name);
	return NULL;
}

static pcre2_code *compile(const char *regex)
{
	pcre2_code *code;
	char whole[1024];
	size_t offset;
	int error;

	snprintf(whole, sizeof(whole), "\\A%s\\z", regex);
	code = pcre2_compile((PCRE2_SPTR)whole, PCRE2_ZERO_TERMINATED, 0, &error, &offset, NULL);
	if (!code)
		fail_msg("%s: error %d at %zu", whole, error, offset);
	return code;
}

static bool takes_whole(const char *regex, const char *text)
{
	pcre2_code *code = compile(regex);
	pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
	int n = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, match, NULL);

	pcre2_match_data_free(match);
	pcre2_code_free(code);
	return n > 0;
}

static uint32_t captures(const char *regex)
{
	pcre2_code *code = compile(regex);
	uint32_t n = 1;

	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
	pcre2_code_free(code);
	return n;
}

static void test_sets(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (takes_whole(find(rows[i].field)->regex, rows[i].text) == rows[i].want)
			continue;
		print_error("<%s> and '%s'\n", rows[i].field, rows[i].text);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Every row is whole: a set or an origin, words for people, no capture of its own. */
static void test_table(void **state)
{
	(void)state;
	for (const struct field *f = config_field_table; f->name; f++) {
		assert_non_null(f->help);
		assert_true(!f->regex == !f->set && !f->regex == !!f->from);
		if (f->from)
			assert_non_null(find(f->from)->regex);
		else
			assert_int_equal(captures(f->regex), 0);
		for (const struct field *g = f + 1; g->name; g++)
			assert_string_not_equal(f->name, g->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sets), cmocka_unit_test(test_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
