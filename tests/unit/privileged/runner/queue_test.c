/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which lines of postqueue -j are an account's messages, and where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

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
		{ "B2", 100, 110 }, { "A1", 100, 110 }, { "C3", 100, 110 }, { "A1", 500, 510 }, { "D4", 1, 2 },
	};
	static const char listing[] = LINE("active", "A1", "105") LINE("hold", "B2", "111") "\nnonsense\n"
				      LINE("deferred", "E5", "105") LINE("hold", "C3", "110");
	static const enum queue_place places[] = { QUEUE_ACTIVE, QUEUE_GONE, QUEUE_GONE, QUEUE_HOLD, QUEUE_GONE };
	struct queue_items q, again;
	struct buf text = { 0 };
	size_t bad;

	(void)state;
	assert_int_equal(queue_items_new(want, 5, &q), 0);
	queue_look(&q, span_of(listing), &bad);
	assert_int_equal(bad, 1);
	for (size_t i = 0; i < 5; i++)
		if (q.v[i].last != places[i])
			fail_msg("%zu %s: %d", i, q.v[i].want.id, q.v[i].last);
	assert_int_equal(queue_count(&q, -1, QUEUE_GONE), 3);
	queue_manifest(&q, QUEUE_ACTIVE, &text);
	queue_manifest(&q, QUEUE_HOLD, &text);
	assert_string_equal(buf_cstr(&text), "A1 105\nC3 110\n");
	assert_int_equal(queue_items_read(buf_span(&text), &again), 0);
	assert_int_equal(again.n, 2);
	assert_true(queue_has(&again, "C3", 110) && !queue_has(&again, "C3", 111));
	queue_items_free(&again);
	queue_items_free(&q);
	buf_free(&text);
}

static void test_bad_manifest(void **state)
{
	static const char *const rows[] = { "A", "A \n", "A 1", "A 1\n-B 2\n", "A x\n", "\n", " 1\n" };
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
		cmocka_unit_test(test_bad_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
