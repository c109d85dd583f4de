/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of lines: newest first, old ones gone for good, and JSON of any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/hash.h"
#include "engine/evidence.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))
#define JOE SPAN_LIT("joe")
#define ANN SPAN_LIT("ann")

static void add(struct evidence *e, uint16_t jail, struct span key, int64_t ms, const char *line)
{
	evidence_add(e, jail, key, (struct event_time){ ms }, span_of(line));
}

/* Lines as "MS:JAIL:LINE," */
static void expect(const struct evidence_line *v, size_t n, const char *want)
{
	struct buf got = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&got, "%d:%u:%.*s,", (int)v[i].when.ms, v[i].jail, (int)v[i].line.n, v[i].line.p);
	assert_string_equal(buf_cstr(&got), want);
	buf_free(&got);
}

static void finds(void **state)
{
	struct evidence_line v[8];
	struct evidence *e;

	(void)state;
	assert_int_equal(evidence_new(65536, &e), 0);
	expect(v, evidence_find(e, 0, JOE, v, 8), "");
	add(e, 0, JOE, 1, "one");
	add(e, 0, ANN, 2, "two");
	add(e, 1, JOE, 3, "three");
	add(e, 0, JOE, 4, "");
	add(e, 0, JOE, 4, "five");
	expect(v, evidence_find(e, 0, JOE, v, 8), "4:0:five,4:0:,1:0:one,");
	expect(v, evidence_find(e, 0, JOE, v, 2), "4:0:five,4:0:,");
	expect(v, evidence_find(e, 0, JOE, v, 0), "");
	expect(v, evidence_find(e, 1, JOE, v, 8), "3:1:three,");
	expect(v, evidence_find(e, 2, JOE, v, 8), "");
	expect(v, evidence_find(e, 0, ANN, v, 8), "2:0:two,");
	expect(v, evidence_find_any(e, JOE, v, 8), "4:0:five,4:0:,3:1:three,1:0:one,");
	expect(v, evidence_find_any(e, SPAN_LIT("nobody"), v, 8), "");
	evidence_free(&e);
	assert_null(e);
	evidence_free(&e);
}

/* One line of one subject, kept by more jails than a record names, by one of them twice. */
static void many_jails(void **state)
{
	struct evidence_line v[16];
	struct evidence *e;

	(void)state;
	assert_int_equal(evidence_new(65536, &e), 0);
	for (uint16_t i = 0; i < 8; i++)
		add(e, i, JOE, 1, "x");
	add(e, 7, JOE, 1, "x");
	add(e, 7, ANN, 1, "x");
	add(e, 7, JOE, 2, "x");
	expect(v, evidence_find_any(e, JOE, v, 16), "2:7:x,1:7:x,1:7:x,1:6:x,1:5:x,1:4:x,1:3:x,1:2:x,1:1:x,1:0:x,");
	expect(v, evidence_find_any(e, JOE, v, 3), "2:7:x,1:7:x,1:7:x,");
	expect(v, evidence_find(e, 5, JOE, v, 16), "1:5:x,");
	expect(v, evidence_find(e, 7, JOE, v, 16), "2:7:x,1:7:x,1:7:x,");
	expect(v, evidence_find(e, 7, ANN, v, 16), "1:7:x,");
	evidence_free(&e);
}

/* Only the beginning of a long line is kept. */
static void long_lines(void **state)
{
	char line[2000];
	struct evidence_line v[8];
	struct evidence *e;

	(void)state;
	memset(line, 'a', sizeof(line));
	assert_int_equal(evidence_new(65536, &e), 0);
	for (size_t n = 511; n <= 513; n++)
		evidence_add(e, 0, JOE, (struct event_time){ 0 }, (struct span){ line, n });
	evidence_add(e, 0, JOE, (struct event_time){ 0 }, (struct span){ line, sizeof(line) });
	assert_int_equal(evidence_find(e, 0, JOE, v, 8), 4);
	assert_int_equal(v[0].line.n, 512);
	assert_int_equal(v[1].line.n, 512);
	assert_int_equal(v[2].line.n, 512);
	assert_int_equal(v[3].line.n, 511);
	evidence_free(&e);
}

/*
 * Round and round: what is found is always the newest of that subject without
 * a gap, and each line is whole.
 */
static void wraps(void **state)
{
	static struct evidence_line v[4096];
	char line[64];
	struct evidence *e;

	(void)state;
	assert_int_equal(evidence_new(10000, &e), 0);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned who = i * 7 % 3;
		char key[8];
		size_t n;

		snprintf(key, sizeof(key), "key%u", who);
		snprintf(line, sizeof(line), "%u %.*s", i, (int)(i % 40), "----------------------------------------");
		add(e, 0, span_of(key), i, line);
		if (i % 97)
			continue;
		n = evidence_find(e, 0, span_of(key), v, COUNT(v));
		assert_in_range(n, i < 300 ? 1 : 20, 120);
		for (size_t k = 0; k < n; k++) {
			snprintf(line, sizeof(line), "%d ", (int)v[k].when.ms);
			assert_int_equal(v[k].when.ms, i - 3 * k);
			assert_memory_equal(v[k].line.p, line, strlen(line));
			assert_int_equal(v[k].line.n, strlen(line) + (size_t)v[k].when.ms % 40);
		}
	}
	evidence_free(&e);
}

/* The line of many jails: each finds it, whole, for as long as it finds its record. */
static void shared_lines(void **state)
{
	static struct evidence_line v[4096];
	char line[64];
	struct evidence *e;

	(void)state;
	assert_int_equal(evidence_new(10000, &e), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), "%d --------------------", i / 500);
		add(e, (uint16_t)(i % 7), JOE, i, line);
		for (size_t n = evidence_find_any(e, JOE, v, COUNT(v)), k = 0; k < n; k++) {
			snprintf(line, sizeof(line), "%d --------------------", (int)v[k].when.ms / 500);
			assert_int_equal(v[k].when.ms, i - (int)k);
			assert_int_equal(v[k].line.n, strlen(line));
			assert_memory_equal(v[k].line.p, line, strlen(line));
			assert_true(n > 60 || i < 100);
		}
	}
	evidence_free(&e);
}

static const struct { const char *name; struct span input; const char *want; } texts[] = {
	{ "plain", SPAN_LIT("a b"), "\"a b\"" },
	{ "none", { NULL, 0 }, "\"\"" },
	{ "quotes", SPAN_LIT("a\"b"), "\"a\\\"b\"" },
	{ "a backslash and a tab, as JSON has them", SPAN_LIT("a\\b\tc"), "\"a\\\\b\\tc\"" },
	{ "no line of its own", SPAN_LIT("a\nb\0c"), "\"a\\\\x0Ab\\\\x00c\"" },
	{ "UTF-8", SPAN_LIT("\xc3\xa9"), "\"\xc3\xa9\"" },
	{ "not UTF-8", SPAN_LIT("\xe9\xff"), "\"\\\\xE9\\\\xFF\"" },
};

static void json_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buf got = { 0 };
		json_t *back;

		json_put_bytes(&got, texts[i].input);
		if (strcmp(buf_cstr(&got), texts[i].want) != 0)
			fail_msg("%s: %s", texts[i].name, buf_cstr(&got));
		back = json_loads(buf_cstr(&got), JSON_DECODE_ANY, NULL);
		assert_true(json_is_string(back));
		json_decref(back);
		buf_free(&got);
	}
}

static void json_lines(void **state)
{
	struct buf got = { 0 };
	struct evidence *e;

	(void)state;
	assert_int_equal(evidence_new(65536, &e), 0);
	evidence_json(e, 0, JOE, 10, &got);
	assert_string_equal(buf_cstr(&got), "[]");
	buf_clear(&got);
	add(e, 0, JOE, 1, "one");
	add(e, 0, JOE, 2, "two");
	add(e, 0, JOE, 3, "th\"ree");
	evidence_json(e, 0, JOE, 2, &got);
	assert_string_equal(buf_cstr(&got), "[\"two\",\"th\\\"ree\"]");
	for (int i = 0; i < 200; i++)
		add(e, 0, JOE, 4, "x");
	buf_clear(&got);
	evidence_json(e, 0, JOE, 1000, &got);
	assert_int_equal(got.n, 64 * 4 + 1);
	buf_free(&got);
	evidence_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds), cmocka_unit_test(many_jails), cmocka_unit_test(long_lines),
		cmocka_unit_test(wraps), cmocka_unit_test(shared_lines),
		cmocka_unit_test(json_texts), cmocka_unit_test(json_lines),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
