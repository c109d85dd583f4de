/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which lines of a queue's listing an admin means, and which are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "engine/pick.h"

#define LINE(sender, to) "{\"queue_name\": \"deferred\", \"queue_id\": \"4F1C\", \"arrival_time\": 1700000000, " \
	"\"message_size\": 4, \"forced_expire\": false, \"sender\": \"" sender "\", \"recipients\": [" to "]}"
#define TO(address) "{\"address\": \"" address "\", \"delay_reason\": \"x\"}"

static bool takes(enum pick_kind kind, const char *text, const char *line)
{
	json_t *m = pick_parse(span_of(line));
	struct pick *p = NULL;
	char why[200];
	bool yes;

	assert_non_null(m);
	assert_int_equal(pick_new(kind, text, &p, why, sizeof(why)), 0);
	yes = pick_takes(p, m);
	pick_free(&p);
	json_decref(m);
	return yes;
}

static void test_takes(void **state)
{
	static const struct row {
		enum pick_kind kind;
		const char *text, *line;
		bool yes;
	} rows[] = {
		{ PICK_ALL, "", LINE("a@b", ""), true },
		{ PICK_SENDER, "A@b", LINE("a@B", TO("x@y")), true },
		{ PICK_SENDER, "x@y", LINE("a@b", TO("x@y")), false },
		{ PICK_SENDER, "a@b", LINE("a@b.example", ""), false },
		{ PICK_SENDER, "<>", LINE("", TO("x@y")), true },
		{ PICK_SENDER, "<>", LINE("<>@b", ""), false },
		{ PICK_DOMAIN, "B.example", LINE("a@b.Example", ""), true },
		{ PICK_DOMAIN, "b.example", LINE("a@evil-b.example", ""), false },
		{ PICK_DOMAIN, "b.example", LINE("a@c.b.example", ""), false },
		{ PICK_DOMAIN, "y", LINE("a@b", TO("x@z") ", " TO("x@y")), true },
		{ PICK_DOMAIN, "b", LINE("\\\"x@y\\\"@b", ""), true },
		{ PICK_DOMAIN, "y\\\"", LINE("\\\"x@y\\\"@b", ""), false },
		{ PICK_MATCH, "^x@", LINE("a@b", TO("x@y")), true },
		{ PICK_MATCH, "@b$", LINE("a@b", TO("x@y")), true },
		{ PICK_MATCH, "delay|deferred|x$", LINE("a@b", TO("x@y")), false },
		{ PICK_MATCH, "^$", LINE("", TO("x@y")), true },
		{ PICK_MATCH, "a\\x00b", LINE("a\\u0000b", ""), true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (takes(rows[i].kind, rows[i].text, rows[i].line) != rows[i].yes)
			fail_msg("%zu: %s", i, rows[i].text);
}

static void test_expressions(void **state)
{
	static const char evil[] = LINE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "");
	json_t *m = pick_parse(span_of(evil));
	struct pick *p = NULL;
	char why[200];

	(void)state;
	assert_int_equal(pick_new(PICK_MATCH, "(", &p, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "at character 2"));
	assert_int_equal(pick_new(PICK_MATCH, "\\C", &p, why, sizeof(why)), -EINVAL);
	assert_int_equal(pick_new(PICK_MATCH, "(*UTF)x", &p, why, sizeof(why)), -EINVAL);
	assert_int_equal(pick_new(PICK_MATCH, "^(a+)+$", &p, why, sizeof(why)), 0);
	assert_false(pick_takes(p, m));		/* within the bound, and said */
	assert_int_equal(pick_given_up(p), 1);
	pick_free(&p);
	json_decref(m);
}

/* A stranger's bytes hide no message; what is none is none. */
static void test_lines(void **state)
{
	static const struct { const char *line, *sender; } rows[] = {
		{ LINE("a\xff\xfe@b", ""), "a??@b" },
		{ LINE("\xc3\xa4@b", ""), "\xc3\xa4@b" },
		{ LINE("\\u001b[2J@b", ""), "\x1b[2J@b" },
		{ LINE("x\\\", \\\"queue_id\\\": \\\"EVIL", ""), "x\", \"queue_id\": \"EVIL" },
		{ "", NULL }, { "[]", NULL }, { "{}", NULL }, { "Mail queue is empty", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"-d\", \"arrival_time\": 1, \"sender\": \"\"}", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"\", \"arrival_time\": 1, \"sender\": \"\"}", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\", \"arrival_time\": 1, \"sender\": \"\"}", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": -1, \"sender\": \"\"}", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": 99999999999, \"sender\": \"\"}", NULL },
		{ "{\"queue_name\": 1, \"queue_id\": \"A\", \"arrival_time\": 1, \"sender\": \"\"}", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": 1}", NULL },
		{ "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": 1, \"sender\": \"cut", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *m = pick_parse(span_of(rows[i].line));

		if (!m != !rows[i].sender ||
		    (m && strcmp(json_string_value(json_object_get(m, "sender")), rows[i].sender) != 0))
			fail_msg("%zu: %s", i, rows[i].line);
		if (m)
			assert_string_equal(json_string_value(json_object_get(m, "queue_id")), "4F1C");
		json_decref(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes), cmocka_unit_test(test_expressions), cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
