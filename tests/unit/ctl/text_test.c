/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strangers' text on a terminal, spans, moments, sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "ctl/text.h"

static void escapes(void **state)
{
	static const struct { const char *in; size_t n; const char *want; size_t width; } rows[] = {
		{ "plain", 5, "plain", 5 },
		{ "a\x1b[31mred", 9, "a\\x1B[31mred", 12 },
		{ "a\nb\tc\r", 6, "a\\x0Ab\\x09c\\x0D", 15 },
		{ "a\0b", 3, "a\\x00b", 6 },
		{ "\x7f", 1, "\\x7F", 4 },
		{ "\xc3\xa4rger", 6, "\xc3\xa4rger", 5 },
		{ "\xe6\xbc\xa2", 3, "\xe6\xbc\xa2", 2 },		/* two columns wide */
		{ "\xff\xc3", 2, "\\xFF\\xC3", 8 },
		{ "\xc0\x80", 2, "\\xC0\\x80", 8 },		/* overlong NUL */
		{ "\xed\xa0\x80", 3, "\\xED\\xA0\\x80", 12 },	/* a surrogate */
		{ "\xc2\x9b" "31m", 5, "\\xC2\\x9B31m", 11 },	/* CSI as one character */
		{ "a\xe2\x80\xae" "b", 5, "a\\xE2\\x80\\xAE" "b", 14 },	/* right to left override */
		{ "a\\x1B", 5, "a\\x1B", 5 },			/* escaped by the engine */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out = { 0 };

		assert_int_equal(text_put(&out, (struct span){ rows[i].in, rows[i].n }),
				 rows[i].width);
		assert_string_equal(buf_cstr(&out), rows[i].want);
		buf_free(&out);
	}
}

static void spans(void **state)
{
	static const struct { int64_t ms; const char *want; } rows[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 500, "500ms" }, { 1000, "1s" }, { 59400, "59s" },
		{ 60000, "1m" }, { 59700, "1m" }, { 95000, "95s" }, { 120000, "2m" },
		{ 9 * 60000 + 58000, "10m" }, { 3600000, "1h" }, { 5400000, "90m" },
		{ 7200000, "2h" }, { 86400000, "1d" }, { 86399000, "1d" }, { 36 * 3600000, "36h" },
		{ 7 * 86400000LL, "7d" }, { -600000, "10m" },
	};
	char buf[40];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(text_span(rows[i].ms, buf, sizeof(buf)), rows[i].want);
}

static void moments(void **state)
{
	const struct wall now = { 1787307072000 };	/* 2026-08-21T10:11:12Z */
	static const struct { int64_t in; const char *want; } rows[] = {
		{ 540000, "in 9m (10:20:12)" },
		{ -300000, "5m ago (10:06:12)" },
		{ 0, "0s ago (10:11:12)" },
		{ -1991, "2s ago (10:11:10)" },
		{ 20, "in 0s (10:11:12)" },
		{ 3 * 86400000LL, "in 3d (2026-08-24 10:11)" },
		{ 24 * 3600000LL, "in 1d (2026-08-22 10:11)" },
		{ -365 * 86400000LL, "365d ago (2025-08-21 10:11)" },
	};
	char buf[80];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(text_when(now.ms + rows[i].in, now, buf, sizeof(buf)),
				    rows[i].want);
}

static void sizes(void **state)
{
	static const struct { double n; const char *want; } rows[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 KB" }, { 1234567, "1.2 MB" },
		{ 9e18, "9000.0 PB" },
	};
	char buf[40];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(text_bytes(rows[i].n, buf, sizeof(buf)), rows[i].want);
}

static void no_colours_in_a_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	text_init(fds[1]);
	assert_string_equal(text_colour("failed"), "");
	assert_string_equal(text_bold(), "");
	assert_string_equal(text_plain(), "");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes), cmocka_unit_test(spans), cmocka_unit_test(moments),
		cmocka_unit_test(sizes), cmocka_unit_test(no_colours_in_a_pipe),
	};

	text_init(STDERR_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
