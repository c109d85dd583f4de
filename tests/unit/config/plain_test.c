/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read without libyaml is what libyaml reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/hash.h"
#include "plain.h"

static const char sample[] =
	"# a comment\n"
	"about: it's \"one\" [of] {many}, isn't it:no   # and this\n"
	"log: mail\n"
	"program: ['postfix*', '*/smtpd', \"a b\"]\n"
	"match:\n"
	"  - 'it''s <ip>: '\n"
	"\n"
	"  # of the list\n"
	"  - remember: '<qid>: x'\n"
	"    each: true\n"
	"  - plain <text> here\n"
	"limit: {count: 5, per: ip, within: 10m, with: [{distinct: a, over: 2}, b]}\n"
	"then: []\n"
	"tests:\n"
	"- line: 'y'\n"
	"  hit:\n"
	"    ip: 2001:db8::1\n"
	"  places: {}\n"
	"- lines:\n"
	"  - a\n"
	"  - {at: 1m, line: 'x, y'}\n"
	"  verdict: none";

static const struct { const char *text; enum plain_told want; } rows[] = {
	{ sample, PLAIN_SAME },
	{ "{a: b, 'c d': [1, \"2\"]} # one line\n", PLAIN_SAME },
	{ "a : b\n", PLAIN_NOT }, { "a: b: c\n", PLAIN_NOT }, { "a:b\n", PLAIN_NOT },
	{ "", PLAIN_NOT }, { "# nothing\n", PLAIN_NOT }, { "a\n", PLAIN_NOT },
	{ "a:\n", PLAIN_NOT }, { "a:\nb: c\n", PLAIN_NOT }, { "a:\n  b\n", PLAIN_NOT },
	{ "a: b\n  c\n", PLAIN_NOT }, { "a: b\n c: d\n", PLAIN_NOT }, { "a:\n    b: c\n  d: e\n", PLAIN_NOT },
	{ "a: 'b\n  c'\n", PLAIN_NOT }, { "a: 'b' c\n", PLAIN_NOT }, { "a: 'b'# c\n", PLAIN_NOT },
	{ "a: \"\\x41\"\n", PLAIN_NOT }, { "a: \"\\\"\n", PLAIN_NOT },
	{ "a: [b,\n  c]\n", PLAIN_NOT }, { "a: [b, ]\n", PLAIN_NOT }, { "a: [b: c]\n", PLAIN_NOT },
	{ "a: {b}\n", PLAIN_NOT }, { "a: {b:c}\n", PLAIN_NOT }, { "a: {'b':c}\n", PLAIN_NOT }, { "a: [b\n", PLAIN_NOT },
	{ "a: {b: c:}\n", PLAIN_NOT }, { "a: [b #c]\n", PLAIN_NOT }, { "a: [b]]\n", PLAIN_NOT },
	{ "a: &b c\n", PLAIN_NOT }, { "a: *b\n", PLAIN_NOT }, { "a: !b c\n", PLAIN_NOT }, { "a: |\n  b\n", PLAIN_NOT },
	{ "a: b\na: c\n", PLAIN_NOT }, { "<<: {a: b}\n", PLAIN_NOT }, { "? a\n: b\n", PLAIN_NOT },
	{ "---\na: b\n", PLAIN_NOT }, { "a: b\n...\n", PLAIN_NOT }, { "%YAML 1.1\n---\na: b\n", PLAIN_NOT },
	{ "a: b\tc\n", PLAIN_NOT }, { "a: b\r\n", PLAIN_NOT }, { "a: \xc3\xa4\n", PLAIN_NOT }, { " a: b\n", PLAIN_NOT },
	{ "- a\n- - b\n", PLAIN_NOT }, { "-\n  a: b\n", PLAIN_NOT }, { "- a\nb: c\n", PLAIN_NOT }, { "a: b\n- c\n", PLAIN_NOT },
	{ "[a]\nb: c\n", PLAIN_NOT }, { "a: ~\nb: null\n", PLAIN_SAME },
};

static void texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (plain_compare(span_of(rows[i].text)) != rows[i].want)
			fail_msg("%zu: '%s'", i, rows[i].text);
}

/* A long key is not one for libyaml. */
static void long_key(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_puts(&b, "- ");
	for (int i = 0; i < 1500; i++)
		buf_putc(&b, 'k');
	assert_int_equal(plain_compare(buf_span(&b)), PLAIN_SAME);
	buf_puts(&b, ": v\n");
	assert_int_equal(plain_compare(buf_span(&b)), PLAIN_NOT);
	buf_free(&b);
}

static uint32_t below(uint64_t *seed, uint32_t n)
{
	*seed += 0x9e3779b97f4a7c15u;
	return (uint32_t)(hash_fixed(seed, sizeof(*seed)) % n);
}

/* Some lines of the sample, with bytes put in or left out. */
static void change(uint64_t *seed, struct buf *out)
{
	static const char bytes[] = "ab: -#'\"[]{},\n\n  ?|>&*!%@\\~<.";
	size_t from = below(seed, sizeof(sample) - 1), n;

	while (from > 0 && sample[from - 1] != '\n')
		from--;
	n = below(seed, (uint32_t)(sizeof(sample) - from));
	buf_clear(out);
	for (size_t i = 0; i < n; i++) {
		uint32_t what = below(seed, 120);

		if (what == 0)
			buf_putc(out, bytes[below(seed, sizeof(bytes) - 1)]);
		if (what != 1)
			buf_putc(out, sample[from + i]);
	}
}

static void changed(void **state)
{
	unsigned told[3] = { 0 };
	struct buf b = { 0 };
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		enum plain_told t;

		change(&seed, &b);
		t = plain_compare(buf_span(&b));
		if (t == PLAIN_DIFFERS)
			fail_msg("'%s'", buf_cstr(&b));
		told[t]++;
	}
	buf_free(&b);
	assert_true(told[PLAIN_SAME] > 1000 && told[PLAIN_NOT] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(long_key),
		cmocka_unit_test(changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
