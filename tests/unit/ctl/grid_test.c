/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables and facts: widths, empty columns, alignment, hostile and odd members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "ctl/grid.h"
#include "ctl/text.h"

static const struct wall now = { 1787307072000 };	/* 2026-08-21T10:11:12Z */

static const struct column columns[] = {
	{ "NAME", "name", CELL_TEXT }, { "N", "n", CELL_NUMBER },
	{ "ENDS", "until", CELL_UNTIL }, { "DEEP", "a.b", CELL_WORD }, { 0 }
};

static const struct { const char *name, *in, *want; } tables[] = {
	{ "widths by content, numbers to the right",
	  "[{\"name\":\"a\",\"n\":5,\"until\":null},{\"name\":\"longer\",\"n\":12345,\"until\":1787307612}]",
	  "NAME        N  ENDS\n"
	  "a           5  for good\n"
	  "longer  12345  in 9m (10:20:12)\n" },
	{ "a column of nothing is left out, a line ends without blanks",
	  "[{\"name\":\"a\",\"a\":{\"b\":\"x\"}},{\"name\":\"b\"}]",
	  "NAME  DEEP\n"
	  "a     x\n"
	  "b\n" },
	{ "width counts columns, not bytes",
	  "[{\"name\":\"\\u00e4\\u6f22\",\"n\":1},{\"name\":\"abcdef\",\"n\":2}]",
	  "NAME    N\n"
	  "\xc3\xa4\xe6\xbc\xa2     1\n"
	  "abcdef  2\n" },
	{ "no cell can break a line or reach the terminal",
	  "[{\"name\":\"x\\ny\\u001b[2J\\u009b\",\"n\":1}]",
	  "NAME                   N\n"
	  "x\\x0Ay\\x1B[2J\\xC2\\x9B  1\n" },
	{ "other types than expected",
	  "[{\"name\":[\"a\",{\"k\":1}],\"n\":\"many\",\"until\":\"soon\",\"a\":7}, 3, null, [1],"
	  " {\"name\":true,\"n\":1.5,\"until\":1e308}]",
	  "NAME        N  ENDS\n"
	  "a, k 1   many  soon\n"
	  "\n\n\n"
	  "yes     1.500  in 1136721d (5138-11-16 09:46)\n" },
	{ "nothing", "[]", "" },
	{ "no array", "{\"name\":\"x\"}", "" },
};

static void rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		json_t *v = json_loads(tables[i].in, 0, NULL);
		struct buf out = { 0 };

		assert_non_null(v);
		grid_rows(&out, v, columns, now);
		if (strcmp(buf_cstr(&out), tables[i].want) != 0)
			fail_msg("%s:\n%s", tables[i].name, buf_cstr(&out));
		buf_free(&out);
		json_decref(v);
	}
}

static void facts(void **state)
{
	static const struct column list[] = {
		{ "Name", "name", CELL_TEXT }, { "Bytes", "fw.bytes", CELL_BYTES },
		{ "Absent", "absent", CELL_TEXT }, { "Within", "within", CELL_SPAN }, { 0 }
	};
	json_t *v = json_loads("{\"name\":\"a\\u0007\",\"fw\":{\"bytes\":1500},\"within\":600}", 0, NULL);
	struct buf out = { 0 };

	(void)state;
	grid_facts(&out, v, list, now);
	assert_string_equal(buf_cstr(&out), "Name:    a\\x07\nBytes:   1.5 KB\nWithin:  10m\n");
	buf_clear(&out);
	grid_facts(&out, NULL, list, now);
	assert_string_equal(buf_cstr(&out), "");
	buf_free(&out);
	json_decref(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rows), cmocka_unit_test(facts) };

	setenv("TZ", "UTC", 1);
	setenv("NO_COLOR", "1", 1);
	tzset();
	text_init(STDOUT_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
