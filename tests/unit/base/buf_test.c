/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffers and their reader: sticky errors, bounds, and text made harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/buf.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static void grows(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%d,", i % 10);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.n, 20000);
	assert_memory_equal(buf_cstr(&b), "0,1,2,3,4,5,6,7,8,9,0,", 22);
	assert_int_equal(strlen(buf_cstr(&b)), 20000);
	buf_clear(&b);
	assert_string_equal(buf_cstr(&b), "");
	buf_putc(&b, 'x');
	buf_put(&b, "\0y", 2);
	buf_puts(&b, "");
	assert_true(span_eq(buf_span(&b), SPAN_LIT("x\0y")));
	buf_free(&b);
	assert_null(b.p);
	buf_puts(&b, "again");
	assert_string_equal(buf_cstr(&b), "again");
	buf_free(&b);
	buf_free(&b);
}

/* What does not fit is left out whole, and nothing follows it. */
static void bounded(void **state)
{
	static const struct { size_t max; const char *first, *second, *third, *want; int error; } rows[] = {
		{ 6, "abc", "def", "", "abcdef", 0 },
		{ 6, "abc", "def", "g", "abcdef", -E2BIG },
		{ 6, "abc", "defg", "h", "abc", -E2BIG },
		{ 6, "abcdefg", "h", "i", "", -E2BIG },
		{ 0, "abcdefg", "h", "i", "abcdefghi", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = { .max = rows[i].max };

		buf_puts(&b, rows[i].first);
		buf_printf(&b, "%s", rows[i].second);
		buf_put_escaped(&b, span_of(rows[i].third));
		assert_int_equal(buf_error(&b), rows[i].error);
		assert_true(span_eq(buf_span(&b), span_of(rows[i].want)));
		assert_string_equal(buf_cstr(&b), rows[i].error ? "" : rows[i].want);
		buf_clear(&b);
		assert_int_equal(buf_error(&b), 0);
		buf_puts(&b, "ok");
		assert_string_equal(buf_cstr(&b), "ok");
		buf_free(&b);
		assert_int_equal(b.max, rows[i].max);
	}
}

static const struct { const char *name; struct span input; const char *want; } escapes[] = {
	{ "nothing", { "", 0 }, "" },
	{ "plain", SPAN_LIT("SASL LOGIN: a b ~"), "SASL LOGIN: a b ~" },
	{ "controls", SPAN_LIT("a\n\r\t\x1b[0m\x7f"), "a\\x0A\\x0D\\x09\\x1B[0m\\x7F" },
	{ "NUL", SPAN_LIT("a\0b"), "a\\x00b" },
	{ "a backslash is never the beginning of ours", SPAN_LIT("\\x41"), "\\\\x41" },
	{ "two bytes", SPAN_LIT("\xc3\xa9"), "\xc3\xa9" },
	{ "first and last of two bytes", SPAN_LIT("\xc2\xa0\xdf\xbf"), "\xc2\xa0\xdf\xbf" },
	{ "C1 controls", SPAN_LIT("\xc2\x80\xc2\x9b"), "\\xC2\\x80\\xC2\\x9B" },
	{ "writing turned around", SPAN_LIT("a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\x8f"),
	  "a\\xE2\\x80\\xAEb\\xE2\\x81\\xA6c\\xE2\\x80\\x8F" },
	{ "beside these", SPAN_LIT("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"),
	  "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa" },
	{ "overlong slash", SPAN_LIT("\xc0\xaf\xc1\xbf"), "\\xC0\\xAF\\xC1\\xBF" },
	{ "three bytes", SPAN_LIT("\xe2\x82\xac\xe0\xa0\x80\xef\xbf\xbd"), "\xe2\x82\xac\xe0\xa0\x80\xef\xbf\xbd" },
	{ "overlong of three", SPAN_LIT("\xe0\x9f\xbf"), "\\xE0\\x9F\\xBF" },
	{ "surrogates", SPAN_LIT("\xed\xa0\x80\xed\x9f\xbf"), "\\xED\\xA0\\x80\xed\x9f\xbf" },
	{ "four bytes", SPAN_LIT("\xf0\x9f\x93\xac\xf4\x8f\xbf\xbf"), "\xf0\x9f\x93\xac\xf4\x8f\xbf\xbf" },
	{ "overlong of four", SPAN_LIT("\xf0\x8f\xbf\xbf"), "\\xF0\\x8F\\xBF\\xBF" },
	{ "past U+10FFFF", SPAN_LIT("\xf4\x90\x80\x80\xf5\x80\x80\x80"),
	  "\\xF4\\x90\\x80\\x80\\xF5\\x80\\x80\\x80" },
	{ "cut short", SPAN_LIT("\xe2\x82"), "\\xE2\\x82" },
	{ "cut by another", SPAN_LIT("\xe2\x82\x41\xc3"), "\\xE2\\x82" "A\\xC3" },
	{ "a tail alone", SPAN_LIT("\x80\xbf\xff\xfe"), "\\x80\\xBF\\xFF\\xFE" },
};

static void escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(escapes); i++) {
		struct buf b = { 0 };

		buf_put_escaped(&b, escapes[i].input);
		if (strcmp(buf_cstr(&b), escapes[i].want) != 0)
			fail_msg("%s: '%s'", escapes[i].name, buf_cstr(&b));
		buf_free(&b);
	}
}

static void there_and_back(void **state)
{
	struct buf b = { 0 };
	struct reader r;

	(void)state;
	buf_put_u8(&b, 0xab);
	buf_put_u16(&b, 0xabcd);
	buf_put_u32(&b, 0xabcdef01);
	buf_put_u64(&b, 0xabcdef0123456789);
	buf_put_span(&b, SPAN_LIT("one\0two"));
	buf_put_span(&b, (struct span){ NULL, 0 });
	r = (struct reader){ .p = b.p, .n = b.n };
	assert_int_equal(reader_u8(&r), 0xab);
	assert_int_equal(reader_u16(&r), 0xabcd);
	assert_int_equal(reader_u32(&r), 0xabcdef01);
	assert_true(reader_u64(&r) == 0xabcdef0123456789);
	assert_true(span_eq(reader_span(&r), SPAN_LIT("one\0two")));
	assert_int_equal(reader_span(&r).n, 0);
	assert_int_equal(r.at, r.n);
	assert_int_equal(r.error, 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(r.error, -EBADMSG);
	buf_free(&b);
}

/* However short the input: zeros, an error that stays, and no byte past the end. */
static void cut_short(void **state)
{
	static const char bytes[15] = { 1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(bytes); n++) {
		char *copy = test_malloc(n + 1);
		struct reader r = { .p = copy, .n = n };

		memcpy(copy, bytes, n);
		reader_u8(&r);
		reader_u16(&r);
		reader_u32(&r);
		assert_int_equal(reader_u64(&r), n < 15 ? 0 : 4);
		assert_int_equal(r.error, n < 15 ? -EBADMSG : 0);
		assert_true(r.at <= n);
		assert_int_equal(reader_u8(&r), 0);
		assert_null(reader_bytes(&r, 0).p);
		test_free(copy);
	}
}

static void lengths_that_lie(void **state)
{
	static const struct { struct span input; size_t want; int error; } rows[] = {
		{ SPAN_LIT("\0\0\0\0"), 0, 0 },
		{ SPAN_LIT("\3\0\0\0abc"), 3, 0 },
		{ SPAN_LIT("\4\0\0\0abc"), 0, -EBADMSG },
		{ SPAN_LIT("\xff\xff\xff\xff" "abc"), 0, -EBADMSG },
		{ SPAN_LIT("\3\0\0"), 0, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reader r = { .p = rows[i].input.p, .n = rows[i].input.n };

		assert_int_equal(reader_span(&r).n, rows[i].want);
		assert_int_equal(r.error, rows[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows), cmocka_unit_test(bounded), cmocka_unit_test(escaped),
		cmocka_unit_test(there_and_back), cmocka_unit_test(cut_short),
		cmocka_unit_test(lengths_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
