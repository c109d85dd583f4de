/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What patterns begin with, and which texts begin so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine/match/lead.h"
#include "setup.h"

static struct setup s;

static void put_lead(const struct lead *l, struct buf *out)
{
	if (l->head == LEAD_ID)
		buf_puts(out, "ID: ");
	else if (l->head == LEAD_WORD)
		buf_printf(out, "WORD%.*s: ", l->ntail, l->tail);
	buf_put(out, l->bytes, l->n);
}

static struct leads leads(const char *pattern)
{
	struct pattern p = { 0 };
	struct pattern_error err;
	struct leads l;

	assert_int_equal(pattern_expand(&s.c, pattern, PATTERN_RULE, "m", &p, &err), 0);
	leads_of(&p, &l);
	assert_true(l.tokens <= pattern_tokens(&p));
	pattern_free(&p);
	return l;
}

#define SERVICE "<service>-login: "

static const struct { const char *pattern, *leads; unsigned tokens, bytes; } rows[] = {
	{ "warning: <host>\\[<ip>\\]", "warning: ", 9, 9 },
	{ "", "", 0, 0 },
	{ "<ip> b", "", 0, 0 },
	{ "abc", "abc", 3, 3 },
	{ "ab?c", "a", 1, 1 }, { "ab{2}", "a", 1, 1 }, { "ab+", "a", 1, 1 }, { "ab*?", "a", 1, 1 },
	{ "ab(?#x)?", "a", 1, 1 },
	{ "a\\.\\<b\\d", "a.<b", 4, 4 },
	{ "a\\nb", "a", 1, 1 }, { "a\\x41", "a", 1, 1 }, { "a\\Qb\\E", "", 0, 0 },
	{ "a.b", "a", 1, 1 }, { "a[b]c", "a", 1, 1 }, { "a(b)c", "a", 1, 1 },
	{ "^ab", "", 0, 0 },
	{ "a$", "a", 1, 1 },
	{ "ab|ac", "", 0, 0 },
	{ "a(?i)b", "", 0, 0 }, { "(?x)a b", "", 0, 0 },
	{ "ab\\Gc", "", 0, 0 },
	{ "a(?<user>b)\\k<user>", "", 0, 0 },
	{ "<qid>: removed$", "ID: removed", 10, 7 },
	{ "(?:NOQUEUE|<qid>): reject: <command>", "ID: reject: ", 11, 8 },
	{ "<qid2>: client=<host>", "ID: client=", 10, 7 },
	{ "<qid>: <ip>", "ID: ", 3, 0 },
	{ "[0-9A-Za-z]{4,30}: to=\\<", "ID: to=<", 7, 4 },
	{ "<qid>:x", "", 0, 0 }, { "<qid>:? x", "", 0, 0 }, { "<qid>+: x", "", 0, 0 }, { "<qid>", "", 0, 0 },
	{ "(?:(?:NOQUEUE|<qid>): )?too", "too|ID: too", 0, 0 },
	{ "(?:(?:NOQUEUE|<qid>): )?<ip>", "", 0, 0 },
	{ "<qid>: a++b", "", 0, 0 },	/* what has no way back is not read loosely */
	{ "<session>: x", "", 0, 0 },
	{ SERVICE "x", "WORD-login: x", 10, 1 },
	{ SERVICE "(?:Login|Logged in): <user>", "WORD-login: Login: |WORD-login: Logged in: ", 9, 0 },
	{ "<service>: x", "WORD: x", 4, 1 },
	{ "<service>-login x", "", 0, 0 }, { "<service>-a-long-one: x", "", 0, 0 },
	{ "(?:ab|c)d", "abd|cd", 0, 0 },
	{ "x(?:a|b)(?:c|d)e", "xa|xb", 1, 1 },
	{ "x(?:a|b|)c", "xac|xbc|xc", 1, 1 },
	{ "(?:a|)c", "ac|c", 0, 0 }, { "(?:a|)<ip>", "", 0, 0 },
	{ "(?:a\\.|b)", "a.|b", 0, 0 }, { "x(?:a\\||b)", "x", 1, 1 },
	{ "x(?:a|b)?", "x", 1, 1 }, { "x(?:a|b+)", "x", 1, 1 }, { "x(?:a|(?i)b)", "x", 1, 1 },
	{ "(?:a|b|c|d|e|f|g|h)", "a|b|c|d|e|f|g|h", 0, 0 }, { "(?:a|b|c|d|e|f|g|h|i)", "", 0, 0 },
	{ "0123456789012345678901234567890123456789", "01234567890123456789012345678901", 32, 32 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct leads l = leads(rows[i].pattern);
		struct buf out = { 0 };

		for (size_t k = 0; k < l.n; k++) {
			if (k > 0)
				buf_puts(&out, "|");
			put_lead(&l.v[k], &out);
		}
		if (strcmp(buf_cstr(&out), rows[i].leads) != 0 || l.tokens != rows[i].tokens ||
		    l.bytes != rows[i].bytes)
			fail_msg("%s: '%s' %u %u", rows[i].pattern, buf_cstr(&out), l.tokens, l.bytes);
		buf_free(&out);
	}
}

/* Of each text every beginning, and every one with a byte changed. */
static void test_fits(void **state)
{
	char text[LEAD_MAX + 1] = "abcdefghijklmnopqrstuvwxyzABCDEF";

	(void)state;
	for (size_t n = 1; n <= LEAD_MAX; n++) {
		char begin[LEAD_MAX + 1];
		struct leads l;

		snprintf(begin, sizeof(begin), "%.*s", (int)n, text);
		l = leads(begin);
		assert_int_equal(l.v[0].n, n);
		for (size_t k = 0; k <= LEAD_MAX; k++) {
			struct span t = { text, k };

			assert_int_equal(lead_fits(&l.v[0], t, lead_word(t)), k >= n);
		}
		for (size_t k = 0; k < LEAD_MAX; k++) {
			struct span t = { text, LEAD_MAX };

			text[k] ^= 1;
			assert_int_equal(lead_fits(&l.v[0], t, lead_word(t)), k >= n);
			text[k] ^= 1;
		}
	}
}

static const struct { const char *a, *b; bool exclude; } pairs[] = {
	{ "<qid>: to=x", "<qid>: removed", true },
	{ "<qid>: to=x", "<qid2>: client=", true },
	{ "<qid>: to=x", "(?:NOQUEUE|<qid>): client=", true },
	{ "<qid>: to=x", "<qid>: to=<ip>", false },
	{ "<qid>: to=x", "<qid>: <ip>", false },
	{ "<qid>: to=x", "warning: to=y", false },
	{ "<qid>: to=x", "<qid>: a|<qid>: b", false },
	{ "<qid>: to=x", "<service>: to=y", true },
	{ "<qid>: to=x", "<service>: to=<ip>", false },
	{ "<qid>: to=x", "(?:(?:NOQUEUE|<qid>): )?too", false },
	{ "<qid>: to=x", "<qid>: (?:from|tO)", true },
	{ "<qid>: to=x", "<qid>: (?:from|to)", false },
	{ "abc", "abd", true }, { "abc", "ab", false }, { "abc", "", false },
};

static void test_exclude(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct leads a = leads(pairs[i].a), b = leads(pairs[i].b);

		if (leads_exclude(&a, &b) != pairs[i].exclude || leads_exclude(&b, &a) != pairs[i].exclude)
			fail_msg("%s, %s", pairs[i].a, pairs[i].b);
	}
}

static const struct { const char *text; size_t end; bool id, login; } heads[] = {
	{ "4F1C: x", 6, true, false }, { "4F1: x", 5, false, false }, { "4F1C:x", 0, false, false },
	{ "4F1C:", 0, false, false }, { "4F1C: ", 6, true, false },
	{ "", 0, false, false }, { "4F1C", 0, false, false }, { ": x", 0, false, false },
	{ "NOQUEUE: x", 9, true, false },
	{ "012345678901234567890123456789: x", 32, true, false },
	{ "0123456789012345678901234567890: x", 33, false, false },
	{ "4\xc3\xa9" "C1: x", 0, false, false },
	{ "imap-login: x", 12, false, true }, { "-login: x", 8, false, false },
	{ "a-login-login: x", 15, false, true }, { "imap-Login: x", 12, false, false },
	{ "01234567890123456789012345678901-login: x", 40, false, true },
	{ "012345678901234567890123456789012-login: x", 41, false, false },
	{ "0123456789012345678901234567890123456789012345-login: x", 0, false, false },
};

static void test_heads(void **state)
{
	struct leads id = leads("<qid>: "), login = leads(SERVICE);

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct span text = span_of(heads[i].text);
		struct head h = head_of(text);

		assert_int_equal(h.end, heads[i].end);
		if (h.end == 0)
			continue;
		assert_int_equal(head_fits(&h, &id.v[0], text), heads[i].id);
		assert_int_equal(head_fits(&h, &login.v[0], text), heads[i].login);
	}
}

/* Where a head ends is told sooner, of long texts, too; what has none may seem to have one. */
static void test_head_end(void **state)
{
	static const char bytes[] = "aaaaaaaa7Z.-_ ::(";
	char text[64];

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		struct span part = { text, (size_t)random() % sizeof(text) };
		size_t end;

		for (size_t i = 0; i < part.n; i++)
			text[i] = bytes[(size_t)random() % (round % 3 ? sizeof(bytes) - 1 : 13)];
		if (part.n > 1 && round % 3 == 0) {
			end = (size_t)random() % (part.n - 1);
			memcpy(text + end, ": ", 2);
		}
		end = head_of(part).end;
		assert_true(end == 0 ? head_end(part) <= part.n : head_end(part) == end);
	}
	assert_int_equal(head_end(SPAN_LIT("connect from mail.example.com[192.0.2.1]: x")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_fits),
		cmocka_unit_test(test_exclude), cmocka_unit_test(test_heads),
		cmocka_unit_test(test_head_end),
	};
	int failed;

	setup_init(&s, NULL, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	setup_fini(&s);
	return failed;
}
