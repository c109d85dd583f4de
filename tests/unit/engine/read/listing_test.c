/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a listing of the queue is summed up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "engine/read/listing.h"

#define LINE(queue, at, sender) "{\"queue_name\": \"" queue "\", \"queue_id\": \"4F1C\", \"arrival_time\": " at \
	", \"message_size\": 300, \"forced_expire\": false, \"sender\": \"" sender "\", \"recipients\": [" \
	"{\"address\": \"a@b.example\", \"delay_reason\": \"x\"}]}\n"

static void feed(struct listing *l, const char *text)
{
	const char *nl;

	listing_begin(l);
	for (; (nl = strchr(text, '\n')); text = nl + 1)
		listing_line(l, (struct span){ text, (size_t)(nl - text) });
	if (*text)
		listing_line(l, span_of(text));
}

static const struct { const char *name, *text, *want; unsigned bad; } rows[] = {
	{ "empty", "", "queue=all messages=0 active=0 deferred=0 hold=0 growth=0 oldest=0\n", 0 },
	{ "every queue", LINE("active", "900", "joe@x.example") LINE("deferred", "100", "joe@x.example")
	  LINE("hold", "500", "Joe@x.example") LINE("incoming", "990", ""),
	  "queue=all messages=4 active=1 deferred=1 hold=1 growth=4 oldest=900\n"
	  "queue=sender sender=<joe@x.example> messages=3 share=75\n"
	  "queue=sender sender=<> messages=1 share=25\n", 0 },
	{ "fewer", LINE("active", "1000", "b"), "queue=all messages=1 active=1 deferred=0 hold=0 growth=0 oldest=0\n"
	  "queue=sender sender=<b> messages=1 share=100\n", 0 },
	{ "a clock that went back", LINE("active", "2000", "b"), "queue=all messages=1 active=1 deferred=0 hold=0 "
	  "growth=0 oldest=0\nqueue=sender sender=<b> messages=1 share=100\n", 0 },
	{ "bad lines", "postqueue: warning\n{}\n[1]\n{\"queue_name\": 1}\n" LINE("active", "999", "b") "{\"queue",
	  "queue=all messages=1 active=1 deferred=0 hold=0 growth=0 oldest=1\n"
	  "queue=sender sender=<b> messages=1 share=100\n", 5 },
	{ "only bad lines", "x\ny\n", NULL, 2 },
	{ "nothing ends a sender", LINE("active", "999", "a> messages=999999 share=100\\nqueue=all, \\\"recipients\\\": [")
	  LINE("active", "999", "b\xc3\xa4"),
	  "queue=all messages=2 active=2 deferred=0 hold=0 growth=1 oldest=1\n"
	  "queue=sender sender=<a??messages=999999?share=100?queue=all???recipients?:?[> messages=1 share=50\n"
	  "queue=sender sender=<b?" "?> messages=1 share=50\n", 0 },
};

static void test_rows(void **state)
{
	struct listing *l;

	(void)state;
	assert_int_equal(listing_new(&l), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = { 0 };
		int r;

		feed(l, rows[i].text);
		assert_int_equal(listing_bad(l), rows[i].bad);
		r = listing_end(l, 1000, &out);
		assert_int_equal(r, rows[i].want ? 0 : -EBADMSG);
		if (strcmp(buf_cstr(&out), rows[i].want ? rows[i].want : "") != 0)
			fail_msg("%s: got\n%s", rows[i].name, buf_cstr(&out));
		buf_free(&out);
	}
	listing_free(&l);
}

/* A line cut in its recipients is still an entry; the biggest senders are told, no more. */
static void test_bounds(void **state)
{
	char line[512];
	struct listing *l;
	struct buf out = { 0 };
	size_t told = 0;

	(void)state;
	assert_int_equal(listing_new(&l), 0);
	listing_begin(l);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(line, sizeof(line), "{\"queue_name\": \"active\", \"queue_id\": \"A\", \"arrival_time\": 1, "
			 "\"sender\": \"s%u@x\", \"recipients\": [{\"addr", i % 7 ? 70000 + i % 3 : i);
		listing_line(l, span_of(line));
	}
	assert_int_equal(listing_bad(l), 0);
	assert_int_equal(listing_end(l, 2, &out), 0);
	for (size_t i = 0; i < out.n; i++)
		told += out.p[i] == '\n';
	assert_int_equal(told, 1 + LISTING_SENDERS_TOLD);
	assert_non_null(strstr(buf_cstr(&out), "queue=all messages=100000 active=100000 "));
	assert_non_null(strstr(buf_cstr(&out), " share=28\n"));
	buf_free(&out);
	listing_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bounds),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
