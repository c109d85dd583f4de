/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which lines of postqueue -j are an account's messages, and where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "privileged/runner/queue.h"

#define REST ", \"message_size\": 4, \"sender\": \"a@b\", \"recipients\": []}"

static void test_parse(void **state)
{
	static const struct row {
		const char *name, *line;
		int ret;
		enum queue_place place;
		const char *id;
		int64_t arrival;
	} rows[] = {
		{ "deferred", "{\"queue_name\": \"deferred\", \"queue_id\": \"4F1C\", \"arrival_time\": 1700000000" REST,
		  0, QUEUE_WAITS, "4F1C", 1700000000 },
		{ "active", "{\"queue_name\": \"active\", \"queue_id\": \"3Pt2mN2VXxznjll\", \"arrival_time\": 1" REST,
		  0, QUEUE_ACTIVE, "3Pt2mN2VXxznjll", 1 },
		{ "hold", "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": 2" REST, 0, QUEUE_HOLD, "A", 2 },
		{ "no such queue", "{\"queue_name\": \"corrupt\", \"queue_id\": \"A\", \"arrival_time\": 2" REST, -EBADMSG, 0, "", 0 },
		{ "no id", "{\"queue_name\": \"hold\", \"queue_id\": \"\", \"arrival_time\": 2" REST, -EBADMSG, 0, "", 0 },
		{ "an option", "{\"queue_name\": \"hold\", \"queue_id\": \"-d\", \"arrival_time\": 2" REST, -EBADMSG, 0, "", 0 },
		{ "a long id", "{\"queue_name\": \"hold\", \"queue_id\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\", \"arrival_time\": 2" REST,
		  -EBADMSG, 0, "", 0 },
		{ "no time", "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": x" REST, -EBADMSG, 0, "", 0 },
		{ "another order", "{\"queue_id\": \"A\", \"queue_name\": \"hold\"}", -EBADMSG, 0, "", 0 },
		{ "cut", "{\"queue_name\": \"hold\", \"queue_id\": \"A\", \"arrival_time\": 2", -EBADMSG, 0, "", 0 },
		{ "empty", "", -EBADMSG, 0, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct queue_message m;

		if (queue_parse(span_of(rows[i].line), &m) != rows[i].ret)
			fail_msg("%s", rows[i].name);
		if (rows[i].ret == 0 && (m.place != rows[i].place || strcmp(m.id, rows[i].id) != 0 ||
					 m.arrival_s != rows[i].arrival))
			fail_msg("%s: %d %s %lld", rows[i].name, m.place, m.id, (long long)m.arrival_s);
	}
}

#define LINE(queue, id, at) "{\"queue_name\": \"" queue "\", \"queue_id\": \"" id "\", \"arrival_time\": " at \
	", \"sender\": \"\\\"queue_id\\\": \\\"A1\\\"\"}\n"

/* An id is a message only with its time: short ids are used again. */
static void test_look(void **state)
{
	static const struct queued want[] = {
		{ "B2", 100, 110, 0, 0 }, { "A1", 100, 110, 0, 0 }, { "C3", 100, 110, 0, 0 },
		{ "A1", 500, 510, 0, 0 }, { "D4", 1, 2, 0, 0 },
	};
	static const char listing[] = LINE("active", "A1", "105") LINE("hold", "B2", "111") "\nnonsense\n"
				      LINE("deferred", "E5", "105") LINE("hold", "C3", "110");
	static const enum queue_place places[] = { QUEUE_ACTIVE, QUEUE_GONE, QUEUE_GONE, QUEUE_HOLD, QUEUE_GONE };
	struct queue_items q, again;
	struct buf text = { 0 };
	static const struct queue_of of = { .home = 7 };
	size_t bad = 0;

	(void)state;
	assert_int_equal(queue_items_new(want, 5, &q), 0);
	queue_start(&q);
	queue_look(&q, span_of(listing), &of, &bad);
	assert_int_equal(bad, 1);
	for (size_t i = 0; i < 5; i++)
		if (q.v[i].last != places[i])
			fail_msg("%zu %s: %d", i, q.v[i].want.id, q.v[i].last);
	assert_int_equal(queue_count(&q, -1, QUEUE_GONE), 3);
	for (size_t i = 0; i < 5; i++)
		if (q.v[i].last != QUEUE_GONE)
			queue_manifest(&q.v[i], i == 3 ? 7 : 0, &text);
	assert_string_equal(buf_cstr(&text), "A1 105\nC3 110 7\n");
	assert_int_equal(queue_items_read(buf_span(&text), &again), 0);
	assert_int_equal(again.n, 2);
	assert_int_equal(again.v[0].want.home, 0);
	assert_int_equal(again.v[1].want.home, 7);
	assert_true(queue_has(&again, "C3", 110) && !queue_has(&again, "C3", 111));
	queue_items_free(&again);
	queue_items_free(&q);
	buf_free(&text);
}

/* Several instances use the same ids: a name in the log, or a directory, tells them apart. */
static void test_instances(void **state)
{
	static const struct row {
		const char *name;
		struct queued want;
		bool found;
	} rows[] = {
		{ "nothing known", { "A1", 100, 110, 0, 0 }, true },
		{ "its name", { "A1", 100, 110, 20, 0 }, true },
		{ "a service's own name", { "A1", 100, 110, 99, 0 }, true },
		{ "another's name", { "A1", 100, 110, 21, 0 }, false },
		{ "its directory", { "A1", 100, 110, 0, 7 }, true },
		{ "another's directory", { "A1", 100, 110, 0, 8 }, false },
		{ "the directory is surer", { "A1", 100, 110, 21, 7 }, true },
	};
	static const uint32_t others[] = { 21, 22 };
	static const struct queue_of of = { .instance = 3, .home = 7, .nothers = 2, .others = others };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct queue_items q;
		size_t bad = 0;

		assert_int_equal(queue_items_new(&rows[i].want, 1, &q), 0);
		queue_start(&q);
		queue_look(&q, span_of(LINE("active", "A1", "105")), &of, &bad);
		if ((q.v[0].last != QUEUE_GONE) != rows[i].found || (rows[i].found && q.v[0].instance != 3))
			fail_msg("%s", rows[i].name);
		queue_items_free(&q);
	}
}

/* For people only: as the listing escapes it, and never past its end. */
static void test_sender(void **state)
{
	static const struct { const char *line, *want; } rows[] = {
		{ "{\"queue_name\": \"hold\", \"forced_expire\": false, \"sender\": \"a@b\", \"recipients\": []}", "a@b" },
		{ "{, \"sender\": \"\", \"x\": 1}", "" },
		{ "{, \"sender\": \"\\\"a\\\\\"@b\"", "\\\"a\\\\" },
		{ "{, \"sender\": \"cut", "cut" },
		{ "{, \"sender\": \"cut\\", "cut\\" },
		{ "{, \"sender\": ", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span got = queue_sender(span_of(rows[i].line));

		if (got.n != strlen(rows[i].want) || (got.n && memcmp(got.p, rows[i].want, got.n) != 0))
			fail_msg("%zu: %.*s", i, (int)got.n, got.n ? got.p : "");
	}
}

static void test_bad_manifest(void **state)
{
	static const char *const rows[] = { "A", "A \n", "A 1", "A 1\n-B 2\n", "A x\n", "\n", " 1\n",
					    "A 1 \n", "A 1 2 3\n", "A 1 x\n", "A 1234567890123\n" };
	struct queue_items q;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (queue_items_read(span_of(rows[i]), &q) != -EBADMSG)
			fail_msg("%s", rows[i]);
	assert_int_equal(queue_items_read(span_of(""), &q), 0);
	assert_int_equal(q.n, 0);
	queue_items_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_look),
		cmocka_unit_test(test_bad_manifest), cmocka_unit_test(test_instances), cmocka_unit_test(test_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
