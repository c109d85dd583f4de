/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a jail's pattern becomes, and what is refused, with its offset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "engine/match/pattern.h"
#include "setup.h"

static const struct field few[] = {
	{ .name = "ip", .type = FIELD_ADDR, .regex = "[0-9.]+" },
	{ .name = "user", .type = FIELD_ACCOUNT, .regex = "\\w+" },
	{ .name = "net", .type = FIELD_ADDR, .from = "ip" },
	{ .name = "own" },
	{ .name = "content", .regex = ".*" },
	{ .name = "qid", .type = FIELD_ID, .regex = "[0-9A-F]+" },
};

static const struct config small = { .nfields = 6, .fields = (struct field *)few };

static const struct {
	const char *name, *pattern, *want;
	bool only_here;		/* the loader's lighter reader sees it otherwise */
} kept[] = {
	{ "plain", "connect from", "connect from", false },
	{ "placeholder", "a <ip> b", "a (?<ip>[0-9.]+) b", false },
	{ "in brackets", "<<user>>", "<(?<user>\\w+)>", false },
	{ "quantified", "<ip>?", "(?<ip>[0-9.]+)?", false },
	{ "escaped", "\\<ip>", "\\<ip>", false },
	{ "escaped backslash before it", "\\\\<ip>", "\\\\(?<ip>[0-9.]+)", false },
	{ "no name", "to=<[^>]*>", "to=<[^>]*>", false },
	{ "empty", "from=<>", "from=<>", false },
	{ "lone <", "a < b", "a < b", false },
	{ "name without >", "<ip ", "<ip ", false },
	{ "at the end", "<ip", "<ip", false },
	{ "named group", "(?<own>x)", "(?<own>x)", false },
	{ "named group of a field", "(?<ip>x)", "(?<ip>x)", false },
	{ "Python's named group", "(?P<own>x)", "(?<own>x)", false },
	{ "Perl's named group", "(?'own'x)", "(?<own>x)", false },
	{ "look-behind", "(?<=<)<ip>(?<!a)", "(?<=<)(?<ip>[0-9.]+)(?<!a)", false },
	{ "reference", "<ip> \\k<ip>", "(?<ip>[0-9.]+) \\k<ip>", false },
	{ "reference in braces", "<ip> \\g{ip} \\k{ip} \\k'ip' (?P=ip)",
	  "(?<ip>[0-9.]+) \\g{ip} \\k{ip} \\k'ip' (?P=ip)", false },
	{ "condition", "<ip>?(?(<ip>)a|b)(?(ip)a|b)(?('ip')a|b)",
	  "(?<ip>[0-9.]+)?(?(<ip>)a|b)(?(ip)a|b)(?('ip')a|b)", false },
	{ "condition by look-ahead", "(?(?=<ip>)a|b)", "(?(?=(?<ip>[0-9.]+))a|b)", false },
	{ "class", "[<ip>]", "[<ip>]", false },
	{ "class with ]", "[]<ip>][^]<ip>]<ip>", "[]<ip>][^]<ip>](?<ip>[0-9.]+)", false },
	{ "class with a POSIX class", "[[:alpha:]<ip>]", "[[:alpha:]<ip>]", false },
	{ "class with an escape", "[\\]<ip>\\1]", "[\\]<ip>\\1]", false },
	{ "quotation", "\\Q<ip>(*\\1\\E<ip>", "\\Q<ip>(*\\1\\E(?<ip>[0-9.]+)", false },
	{ "quotation without end", "\\Qa(", "\\Qa(\\E", false },
	{ "comment", "a(?# <ip> \\1 (*X)b", "ab", false },
	{ "control character", "\\c[<ip>]", "\\c[(?<ip>[0-9.]+)]", true },
	{ "plain group", "(a|<ip>)", "(a|(?<ip>[0-9.]+))", false },
	{ "options", "(?i)<ip>(?i:a)", "(?i)(?<ip>[0-9.]+)(?i:a)", false },
	{ "extended", "(?x) <ip> # (*V) \\1 <ip>", "(?x) (?<ip>(?-x)[0-9.]+) # (*V) \\1 <ip>\n", true },
	{ "extended within", "(?x: # )\n)# <ip>", "(?x: # )\n)# (?<ip>[0-9.]+)", true },
	{ "octal", "\\0<ip>", "\\0(?<ip>[0-9.]+)", false },
	{ "hex", "\\x{3c}ip>", "\\x{3c}ip>", false },
	{ "branch reset", "(?|a|b)", "(?|a|b)", false },
	{ "atomic", "(?>a)", "(?>a)", false },
};

static const struct {
	const char *name, *pattern, *want;
} renamed[] = {
	{ "captures go", "a <ip> (?<own>b) (?P<own>c)", "a (?:[0-9.]+) (?:b) (?:c)" },
	{ "what is referred to", "<ip> \\k<ip>", "(?:[0-9.]+) (?:[0-9.]+)" },
	{ "beforehand", "(?:\\k{ip}|<ip><user>)+", "(?:(?:[0-9.]+)|(?:[0-9.]+)(?:\\w+))+" },
	{ "own ones referred to stay", "(?<own>a) <ip> \\k<own>", "(?<m0>a) (?<m1>[0-9.]+) \\k<m0>" },
	{ "own and placeholder", "(?<ip>a) <ip> \\k<ip>", "(?<m0>a) (?<m0>[0-9.]+) \\k<m0>" },
	{ "no way back", "<ip>++ \\k<ip>", "(?<m0>[0-9.]+)++ \\k<m0>" },
	{ "looking around", "<ip> (?!\\k<ip>)", "(?<m0>[0-9.]+) (?!\\k<m0>)" },
	{ "a queue id", "<qid>: x", "(?:[0-9A-Za-z]{4,30}): x" },
	{ "or none", "(?:NOQUEUE|<qid>): x", "(?:[0-9A-Za-z]{4,30}): x" },
	{ "or something else", "(?:NOQUEUE|<qid>|y): x",
	  "(?:NOQUEUE|(?:[0-9A-Za-z]{4,30})|y): x" },
	{ "none looked for", "(?!<qid>)(?:(?=<qid>).)", "(?!(?:[0-9A-F]+))(?:(?=(?:[0-9A-F]+)).)" },
	{ "conditions", "<ip>?(?(<ip>)a|b)", "(?<m0>[0-9.]+)?(?(<m0>)a|b)" },
};

static const struct {
	const char *name, *pattern;
	size_t offset;
	const char *why;	/* part of the message */
} refused[] = {
	{ "unknown", "abc <usr>", 4, "<usr>" },
	{ "unknown, upper case", "<IP>", 0, "<IP>" },
	{ "derived", "a <net>", 2, "made from another" },
	{ "own name as placeholder", "<own>", 0, "<own>" },
	{ "content elsewhere", "x<content>", 1, "only in `prefix`" },
	{ "capture nobody knows", "(?<what>x)", 0, "not known" },
	{ "verb", "a(*ACCEPT)", 1, "verbs" },
	{ "verb at the start", "(*UTF)a", 0, "verbs" },
	{ "mark", "a(*:9)b", 1, "verbs" },
	{ "alphabetic assertion", "(*pla:a)", 0, "verbs" },
	{ "\\K", "ab\\Kc", 2, "\\K" },
	{ "\\C", "a\\C", 1, "\\C" },
	{ "(?R)", "a(?R)?", 1, "recursion" },
	{ "(?0)", "a(?0)?", 1, "recursion" },
	{ "(?1)", "(a)(?1)", 3, "recursion" },
	{ "(?+1)", "(?+1)(a)", 0, "recursion" },
	{ "(?-1)", "(a)(?-1)", 3, "recursion" },
	{ "(?&x)", "<ip>(?&ip)", 4, "recursion" },
	{ "(?P>x)", "<ip>(?P>ip)", 4, "recursion" },
	{ "\\g<x>", "<ip>\\g<ip>", 4, "recursion" },
	{ "\\g'x'", "<ip>\\g'ip'", 4, "recursion" },
	{ "(?C)", "a(?C)b", 1, "callout" },
	{ "(?C1)", "a(?C1)b", 1, "callout" },
	{ "\\1", "(a)\\1", 3, "back-reference" },
	{ "\\9", "(a)\\9", 3, "back-reference" },
	{ "\\g1", "(a)\\g1", 3, "back-reference" },
	{ "\\g{1}", "(a)\\g{1}", 3, "back-reference" },
	{ "\\g{-1}", "(a)\\g{-1}", 3, "back-reference" },
	{ "\\g-1", "(a)\\g-1", 3, "back-reference" },
	{ "(?(1)", "(a)?(?(1)b)", 4, "named" },
	{ "(?(-1)", "(a)?(?(-1)b)", 4, "named" },
	{ "(?(R)", "(?(R)a|b)", 0, "condition" },
	{ "(?(R&x)", "(?(R&ip)a|b)", 0, "condition" },
	{ "(?(DEFINE)", "(?(DEFINE)a)", 0, "condition" },
	{ "verb as a condition", "(?(*pla:a)b)", 2, "verbs" },
	{ "callout in a condition", "(?(?C9)(?=a)b)", 2, "callout" },
	{ "after a quotation", "\\Q(?R)\\E(?R)", 8, "recursion" },
	{ "after a class", "[(?R)](?R)", 6, "recursion" },
	{ "quotation in a class", "[\\Qa]\\E]", 1, "in a class" },
	{ "open group", "a(b", 3, "without its )" },
	{ "open class", "a[bc", 1, "without its ]" },
	{ "closed group", "a)b", 1, "without its (" },
	{ "comment without end", "a(?#", 1, "comment" },
};

static void test_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		struct pattern p = { 0 };
		struct pattern_error err = { 0 };
		int rc = pattern_expand(&small, kept[i].pattern, PATTERN_RULE, NULL, &p, &err);

		if (rc != 0 || strcmp(buf_cstr(&p.text), kept[i].want) != 0)
			fail_msg("%s: %d '%s' %s", kept[i].name, rc, buf_cstr(&p.text), err.text);
		pattern_free(&p);
	}
}

static void test_renamed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++) {
		struct pattern p = { 0 };
		struct pattern_error err = { 0 };
		int rc = pattern_expand(&small, renamed[i].pattern, PATTERN_RULE, "m", &p, &err);

		if (rc != 0 || strcmp(buf_cstr(&p.text), renamed[i].want) != 0)
			fail_msg("%s: %d '%s' %s", renamed[i].name, rc, buf_cstr(&p.text), err.text);
		pattern_free(&p);
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct pattern p = { 0 };
		struct pattern_error err = { 0 };
		int rc = pattern_expand(&small, refused[i].pattern, PATTERN_RULE, NULL, &p, &err);

		if (rc != -EINVAL || err.offset != refused[i].offset ||
		    !strstr(err.text, refused[i].why))
			fail_msg("%s: %d, offset %zu, %s", refused[i].name, rc, err.offset, err.text);
		pattern_free(&p);
	}
}

/* <content> belongs to the prefix. */
static void test_prefix(void **state)
{
	struct pattern p = { 0 };
	struct pattern_error err = { 0 };

	(void)state;
	assert_int_equal(pattern_expand(&small, "a: <content>$", PATTERN_PREFIX, NULL, &p, &err), 0);
	assert_string_equal(buf_cstr(&p.text), "a: (?<content>.*)$");
	pattern_free(&p);
}

/* The loader's reader finds the same placeholders and refuses no more. */
static void test_agrees_with_loader(void **state)
{
	struct placeholder_scan s;
	struct placeholder_part part;
	int rc;

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		unsigned fields = 0, want = 0;

		if (kept[i].only_here)
			continue;
		placeholder_begin(&s, span_of(kept[i].pattern));
		while ((rc = placeholder_next(&s, &part)) > 0)
			fields += part.kind == PART_FIELD;
		if (rc < 0)
			fail_msg("%s: refused: %s", kept[i].name, s.error);
		for (const char *p = kept[i].want; (p = strstr(p, "[0-9.]+)")); p++)
			want++;
		for (const char *p = kept[i].want; (p = strstr(p, "\\w+)")); p++)
			want++;
		if (fields != want)
			fail_msg("%s: %u placeholders, the loader sees %u",
				 kept[i].name, want, fields);
	}
}

static void test_origin(void **state)
{
	struct pattern p = { 0 };
	struct pattern_error err = { 0 };

	(void)state;
	assert_int_equal(pattern_expand(&small, "<ip>x", PATTERN_RULE, NULL, &p, &err), 0);
	assert_int_equal(pattern_origin(&p, 0), 0);
	assert_int_equal(pattern_origin(&p, 8), 0);
	assert_int_equal(pattern_origin(&p, p.text.n - 1), 4);
	assert_int_equal(pattern_origin(&p, p.text.n), 5);
	pattern_free(&p);
}

static const struct {
	const char *pattern;
	bool searches, tied;
	unsigned literal;
	const char *forged;
} traits[] = {
	{ "warning: <host>\\[<ip>\\]", false, false, 9, NULL },
	{ ".*rhost=<ip>", true, false, 6, "ip" },
	{ "user=.* rip=<ip>", false, false, 5, "ip" },
	{ "<ip> .*end", false, false, 3, NULL },
	{ "^Connection lost", false, true, 15, NULL },
	{ "\\AConn", false, true, 4, NULL },
	{ "\\d+ \\w+", false, false, 1, NULL },
	{ "abc?d", false, false, 2, NULL },
	{ "(?:.*) x", true, false, 2, NULL },
};

static void test_traits(void **state)
{
	struct setup s;

	(void)state;
	setup_init(&s, NULL, 0);
	for (size_t i = 0; i < sizeof(traits) / sizeof(*traits); i++) {
		struct pattern p = { 0 };
		struct pattern_error err = { 0 };

		if (pattern_expand(&s.c, traits[i].pattern, PATTERN_RULE, NULL, &p, &err) != 0)
			fail_msg("%s: %s", traits[i].pattern, err.text);
		if (p.traits.searches != traits[i].searches || p.traits.tied != traits[i].tied ||
		    p.traits.literal != traits[i].literal ||
		    !p.traits.forged != !traits[i].forged)
			fail_msg("%s: searches %d tied %d literal %u forged %s", traits[i].pattern,
				 p.traits.searches, p.traits.tied, p.traits.literal,
				 p.traits.forged ? p.traits.forged : "-");
		pattern_free(&p);
	}
	setup_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_agrees_with_loader),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_traits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
