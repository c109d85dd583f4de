/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spans of time in words, and moments as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "base/clock.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))
#define HOUR 3600000ll
#define DAY (24 * HOUR)

static const struct { const char *input; int error; int64_t want; } spans[] = {
	{ "500ms", 0, 500 }, { "90s", 0, 90000 }, { "10m", 0, 600000 }, { "1h", 0, HOUR },
	{ "1d", 0, DAY }, { "2w", 0, 14 * DAY }, { "1h30m", 0, HOUR + 30 * 60000 },
	{ "1w2d3h4m5s6ms", 0, 9 * DAY + 3 * HOUR + 245006 }, { "0s", 0, 0 }, { "007m", 0, 420000 },
	{ "1m1m", 0, 120000 }, { "36600d", 0, 36600 * DAY },
	{ "36601d", -ERANGE, 0 }, { "36600d1ms", -ERANGE, 0 }, { "99999999999999999999s", -ERANGE, 0 },
	{ "3162240000001ms", -ERANGE, 0 }, { "9223372036854775807w", -ERANGE, 0 },
	{ "", -EINVAL, 0 }, { "10", -EINVAL, 0 }, { "m", -EINVAL, 0 }, { "10 m", -EINVAL, 0 },
	{ "10m ", -EINVAL, 0 }, { " 10m", -EINVAL, 0 }, { "-1m", -EINVAL, 0 }, { "+1m", -EINVAL, 0 },
	{ "1.5h", -EINVAL, 0 }, { "10min", -EINVAL, 0 }, { "10M", -EINVAL, 0 }, { "1y", -EINVAL, 0 },
	{ "1h30", -EINVAL, 0 }, { "1hm", -EINVAL, 0 },
};

static void parse_span(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(spans); i++) {
		int64_t got = -7;
		int r = clock_parse_span(spans[i].input, &got);

		if (r != spans[i].error || got != (r < 0 ? -7 : spans[i].want))
			fail_msg("'%s': %d, %lld", spans[i].input, r, (long long)got);
	}
}

static const struct { int64_t input; const char *want; } printed[] = {
	{ 0, "0s" }, { -5, "0s" }, { 1, "1ms" }, { 999, "999ms" }, { 1000, "1s" }, { 1500, "1s500ms" },
	{ 60000, "1m" }, { 600000, "10m" }, { 5400000, "1h30m" }, { DAY, "1d" }, { 7 * DAY, "1w" },
	{ 9 * DAY + 3 * HOUR + 245006, "1w2d3h4m5s6ms" }, { 36600 * DAY, "5228w4d" },
};

static void print_span(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(printed); i++) {
		char buf[40];
		int64_t back;

		assert_string_equal(clock_print_span(printed[i].input, buf, sizeof(buf)), printed[i].want);
		assert_int_equal(clock_parse_span(buf, &back), 0);
		assert_int_equal(back, printed[i].input < 0 ? 0 : printed[i].input);
	}
}

/* Never past its buffer, however small that is. */
static void print_span_cut(void **state)
{
	char buf[8] = "";

	(void)state;
	memset(buf, '#', sizeof(buf));
	clock_print_span(9 * DAY + 3 * HOUR + 245006, buf, 4);
	assert_memory_equal(buf, "1w2\0####", 8);
}

static const struct { int64_t input; const char *want; } moments[] = {
	{ 0, "1970-01-01T00:00:00Z" }, { 999, "1970-01-01T00:00:00Z" }, { -1, "1969-12-31T23:59:59Z" },
	{ -1000, "1969-12-31T23:59:59Z" }, { 1787307072123, "2026-08-21T10:11:12Z" },
	{ 951782400000, "2000-02-29T00:00:00Z" },
};

static void print(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(moments); i++) {
		char buf[32];

		assert_string_equal(clock_print(moments[i].input, buf, sizeof(buf)), moments[i].want);
	}
}

static void clocks(void **state)
{
	struct mono before = clock_mono();
	int64_t seconds = time(NULL);
	struct wall now = clock_wall();

	(void)state;
	assert_in_range(now.ms / 1000 - seconds + 2, 0, 4);
	assert_true(clock_mono().ms >= before.ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_span), cmocka_unit_test(print_span),
		cmocka_unit_test(print_span_cut), cmocka_unit_test(print), cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
