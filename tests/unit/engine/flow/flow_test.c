/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose message an id is, what it adds up to, and what goes when there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/flow/flow_private.h"
#include "engine/flow/top.h"
#include "engine/flow/trace.h"

static const struct accounts accounts = { .default_domain = NULL };
static int64_t now_ms;

static struct event_time tell(void *arg)
{
	(void)arg;
	return (struct event_time){ now_ms };
}

static struct flow *make(size_t messages, int64_t window_ms)
{
	struct flow_options o = {
		.messages_max = messages, .bytes_max = 1 << 26, .window_ms = window_ms, .details = true, .patient = true,
	};
	struct flow *f;

	now_ms = 1000000;
	assert_int_equal(flow_new(&accounts, &o, &f), 0);
	return f;
}

static void say(struct flow *f, const char *program, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct flow *f, const char *program, const char *fmt, ...)
{
	struct entry e = { .program = span_of(program), .host = SPAN_LIT("mx"), .repeat = 1 };
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e.text = span_of(text);
	now_ms += 10;
	flow_take(f, &e, tell, NULL);
}

static void sent(struct flow *f, const char *id, const char *to, const char *relay, const char *status, const char *text)
{
	say(f, "postfix/smtp", "%s: to=<%s>, relay=%s, delay=1, delays=0/0/0/1, dsn=2.0.0, status=%s (%s)", id, to, relay, status, text);
}

/* "joe msgs rcpts bytes addresses bounces" of the first row, by `what`. */
static const char *first(struct flow *f, enum top_what what)
{
	static char text[200];
	struct top *t;
	json_t *j, *r;

	assert_int_equal(top_new(what, NULL, &t), 0);
	top_add_all(t, f, 0);
	j = top_json(t, TOP_MSGS, 10);
	r = json_array_get(json_object_get(j, "rows"), 0);
#define N(name) (long long)json_integer_value(json_object_get(r, name))
	snprintf(text, sizeof(text), "%s %lld %lld %lld %lld %lld", r ? json_string_value(json_object_get(r, "name")) : "-",
		 N("msgs"), N("rcpts"), N("bytes"), N("addresses"), N("bounces"));
#undef N
	json_decref(j);
	top_free(&t);
	return text;
}

static size_t found(struct flow *f, const char *text, const char **by)
{
	struct trace t;
	json_t *j;
	size_t n;

	trace_init(&t, &accounts, text, 100);
	j = trace_json(&t, f);
	n = json_array_size(json_object_get(j, "messages"));
	assert_int_equal(n, json_integer_value(json_object_get(j, "found")));
	if (by) {
		const char *word = json_string_value(json_object_get(j, "by"));

		*by = !word ? "" : strcmp(word, "id") == 0 ? "id" : strcmp(word, "user") == 0 ? "user" : "message-id";
	}
	json_decref(j);
	return n;
}

static void test_life(void **state)
{
	struct flow *f = make(100, 0);
	const char *by;

	(void)state;
	say(f, "postfix/submission/smtpd", "4F1C: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=Joe");
	say(f, "postfix/cleanup", "4F1C: message-id=<m@x>");
	for (int i = 0; i < 3; i++) {	/* retries */
		say(f, "postfix/qmgr", "4F1C: from=<joe@x>, size=500, nrcpt=%d (queue active)", i ? 1 : 2);
		if (i == 0)
			sent(f, "4F1C", "a@Y.example", "mx[198.51.100.1]:25", "bounced", "no");
		sent(f, "4F1C", "b@y.example", "mx[198.51.100.1]:25", i < 2 ? "deferred" : "sent", "x");
	}
	say(f, "postfix/qmgr", "4F1C: removed");
	assert_string_equal(first(f, TOP_USERS), "joe 1 2 500 1 1");
	assert_string_equal(first(f, TOP_SENDERS), "joe@x 1 2 500 1 1");
	assert_string_equal(first(f, TOP_CLIENTS), "203.0.113.9 1 2 500 1 1");
	assert_string_equal(first(f, TOP_DOMAINS), "y.example 1 2 500 1 1");
	assert_int_equal(found(f, "4F1C", &by), 1);
	assert_string_equal(by, "id");
	assert_int_equal(found(f, "<m@x>", &by), 1);
	assert_string_equal(by, "message-id");
	assert_int_equal(found(f, "JOE", &by), 1);
	assert_string_equal(by, "user");
	assert_int_equal(found(f, "ann", &by), 0);
	/* the id, again */
	say(f, "postfix/smtpd", "4F1C: client=x[203.0.113.10], sasl_method=PLAIN, sasl_username=joe");
	sent(f, "4F1C", "c@z.example", "mx[198.51.100.1]:25", "bounced", "no");
	assert_string_equal(first(f, TOP_USERS), "joe 2 2 500 2 2");
	/* and by nobody: a bounce of Postfix's own */
	say(f, "postfix/qmgr", "4F1C: removed");
	say(f, "postfix/cleanup", "4F1C: message-id=<n@x>");
	sent(f, "4F1C", "c@z.example", "mx[198.51.100.1]:25", "bounced", "no");
	assert_string_equal(first(f, TOP_USERS), "joe 2 2 500 2 2");
	assert_int_equal(found(f, "4F1C", NULL), 3);
	flow_free(&f);
}

static void submit(struct flow *f, const char *id, const char *client)
{
	say(f, "postfix/smtpd", "%s: client=%s", id, client);
	say(f, "postfix/qmgr", "%s: from=<joe@x>, size=500, nrcpt=1 (queue active)", id);
}

static void test_filter(void **state)
{
	static const struct { const char *client, *relay; bool same; } rows[] = {
		{ "localhost[127.0.0.1]", "127.0.0.1[127.0.0.1]:10024", true },
		{ "localhost[::1]", "filter[private/amavis]", true },
		{ "amavis[10.0.0.5]", "amavis[10.0.0.5]:10024", true },
		{ "gate[198.51.100.7]", "gate[198.51.100.7]:25", true },
		/* an answer that names a message of somebody else's */
		{ "localhost[127.0.0.1]", "mx[198.51.100.7]:25", false },
		{ "home[203.0.113.9]", "mx[198.51.100.7]:25", false },
		{ "home[203.0.113.9]", "127.0.0.1[127.0.0.1]:10024", false },
		{ "home[203.0.113.9]", "filter[private/amavis]", false },
		{ "localhost[127.0.0.1], sasl_method=PLAIN, sasl_username=boss", "127.0.0.1[127.0.0.1]:10024", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow *f = make(100, 0);

		submit(f, "4F1C", "x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
		submit(f, "4F1D", rows[i].client);
		sent(f, "4F1D", "a@y", "mx[198.51.100.1]:25", "bounced", "no");
		say(f, "postfix/qmgr", "4F1D: removed");
		sent(f, "4F1C", "a@y", rows[i].relay, "sent", "250 Ok: queued as 4F1D");
		assert_string_equal(first(f, TOP_CLIENTS), rows[i].same ? "203.0.113.9 1 1 500 1 1" :
				    strstr(rows[i].client, "203.0") ? "203.0.113.9 2 2 1000 1 1" : first(f, TOP_CLIENTS));
		assert_int_equal(found(f, "4F1D", NULL), 1);
		assert_int_equal(found(f, "joe", NULL), 1);
		flow_free(&f);
	}
}

/* A filter before the queue. */
static void test_proxy(void **state)
{
	struct flow *f = make(5000, 0);

	(void)state;
	say(f, "postfix/submission/smtpd", "NOQUEUE: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
	submit(f, "4F1C", "localhost[127.0.0.1]");
	say(f, "postfix/submission/smtpd", "proxy-accept: END-OF-MESSAGE: 250 Ok: queued as 4F1C; from=<joe@x>");
	assert_string_equal(first(f, TOP_USERS), "joe 1 1 500 1 0");
	assert_string_equal(first(f, TOP_CLIENTS), "203.0.113.9 1 1 500 1 0");
	/* told once, and not of a message that somebody else handed in */
	submit(f, "4F1D", "localhost[127.0.0.1]");
	say(f, "postfix/submission/smtpd", "proxy-accept: END-OF-MESSAGE: 250 Ok: queued as 4F1D; from=<joe@x>");
	say(f, "postfix/submission/smtpd", "NOQUEUE: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
	submit(f, "4F1E", "x[203.0.113.10]");
	submit(f, "4F1F", "localhost[127.0.0.1], sasl_method=PLAIN, sasl_username=ann");
	say(f, "postfix/submission/smtpd", "proxy-accept: END-OF-MESSAGE: 250 Ok: queued as 4F1E; from=<joe@x>");
	say(f, "postfix/submission/smtpd", "proxy-accept: END-OF-MESSAGE: 250 Ok: queued as 4F1F; from=<joe@x>");
	assert_int_equal(found(f, "joe", NULL), 1);
	/* more processes than there is room for */
	for (int i = 0; i < 3000; i++) {
		char program[40];

		snprintf(program, sizeof(program), "postfix/n%d/smtpd", i);
		say(f, program, "NOQUEUE: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=zoe");
	}
	submit(f, "4F20", "localhost[127.0.0.1]");
	say(f, "postfix/n2999/smtpd", "proxy-accept: END-OF-MESSAGE: 250 Ok: queued as 4F20; from=<joe@x>");
	assert_int_equal(found(f, "zoe", NULL), 1);
	flow_free(&f);
}

static void test_chains(void **state)
{
	struct flow *f = make(100, 0);

	(void)state;
	/* three in a row, tied from behind, and a tie that would close the ring */
	submit(f, "4F1A", "localhost[127.0.0.1]");
	submit(f, "4F1B", "localhost[127.0.0.1]");
	submit(f, "4F1C", "localhost[127.0.0.1]");
	sent(f, "4F1B", "a@y", "127.0.0.1[127.0.0.1]:25", "sent", "250 queued as 4F1C");
	sent(f, "4F1A", "a@y", "127.0.0.1[127.0.0.1]:25", "sent", "250 queued as 4F1B");
	say(f, "postfix/smtpd", "4F1D: client=localhost[127.0.0.1], orig_queue_id=4F1D");
	say(f, "postfix/smtpd", "4F1E: client=localhost[127.0.0.1], orig_queue_id=4F1C");
	sent(f, "4F1E", "a@y", "127.0.0.1[127.0.0.1]:25", "sent", "250 queued as 4F1A");
	sent(f, "4F1A", "a@y", "127.0.0.1[127.0.0.1]:25", "sent", "250 queued as 4F1A");
	assert_string_equal(first(f, TOP_CLIENTS), "127.0.0.1 2 1 500 1 0");	/* A and D */
	assert_int_equal(flow_messages(f), 5);
	flow_drop(f, flow_at(f, f->all.first));
	assert_int_equal(flow_messages(f), 1);
	flow_free(&f);
}

static void test_instances(void **state)
{
	struct flow *f = make(100, 0);

	(void)state;
	say(f, "postfix/smtpd", "4F1C: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
	say(f, "postfix-out/smtpd", "4F1C: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=ann");
	say(f, "postfix/qmgr", "4F1C: from=<joe@x>, size=500, nrcpt=7 (queue active)");
	say(f, "postfix-out/qmgr", "4F1C: from=<ann@x>, size=100, nrcpt=1 (queue active)");
	assert_string_equal(first(f, TOP_USERS), "ann 1 1 100 1 0");
	/* smtpd with a name of its own */
	say(f, "submission/smtpd", "4F1D: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=zoe");
	say(f, "postfix/qmgr", "4F1D: from=<zoe@x>, size=70, nrcpt=3 (queue active)");
	assert_string_equal(first(f, TOP_SENDERS), "ann@x 1 1 100 1 0");
	assert_int_equal(found(f, "zoe", NULL), 1);
	assert_int_equal(found(f, "4F1D", NULL), 1);
	flow_free(&f);
}

static bool last_two(void *arg, struct flow *f, struct message *m)
{
	return trace_keeps(arg, f, m);
}

static void test_bounds(void **state)
{
	struct trace t;
	struct flow *f;
	json_t *j;

	(void)state;
	f = make(50, 0);
	for (int i = 0; i < 500; i++)
		submit(f, i % 2 ? "4F1C" : "4F1D", "x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
	assert_int_equal(flow_messages(f), 50);
	assert_int_equal(flow_forgotten(f), 450);
	flow_free(&f);
	/* by age */
	f = make(1000, 1000);
	for (int i = 0; i < 500; i++)
		submit(f, "4F1C", "x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
	assert_in_range(flow_messages(f), 49, 52);
	assert_int_equal(flow_forgotten(f), 0);
	flow_free(&f);
	/* what trace looks for stays: the last two */
	f = make(20, 0);
	trace_init(&t, &accounts, "ann", 2);
	f->o.gone = last_two;
	f->o.arg = &t;
	for (int i = 0; i < 500; i++) {
		char id[16];

		snprintf(id, sizeof(id), "4F%04X", (unsigned)i);
		submit(f, id, i % 50 == 7 ? "x[203.0.113.9], sasl_method=PLAIN, sasl_username=ann" : "x[203.0.113.9]");
	}
	j = trace_json(&t, f);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(j, "messages"), 0), "id")), "4F0197");
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(j, "messages"), 1), "id")), "4F01C9");
	json_decref(j);
	flow_free(&f);
}

static void test_saved(void **state)
{
	struct flow *f = make(100, 0), *g = make(100, 0);
	struct buf out = { 0 }, again = { 0 };
	struct reader in;

	(void)state;
	submit(f, "4F1C", "x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe");
	submit(f, "4F1D", "localhost[127.0.0.1]");
	sent(f, "4F1C", "a@y", "127.0.0.1[127.0.0.1]:25", "sent", "250 queued as 4F1D");
	sent(f, "4F1D", "a@y", "mx[198.51.100.1]:25", "deferred", "later");
	say(f, "postfix/bounce", "4F1D: sender non-delivery notification: 4F1E");
	flow_save(f, &out);
	in = (struct reader){ .p = out.p, .n = out.n };
	assert_int_equal(flow_restore(g, &in), 0);
	assert_string_equal(first(g, TOP_USERS), "joe 1 1 500 1 0");
	/* the retry finds its recipient, the id its message */
	sent(g, "4F1D", "a@y", "mx[198.51.100.1]:25", "bounced", "no");
	say(g, "postfix/qmgr", "4F1D: removed");
	assert_string_equal(first(g, TOP_USERS), "joe 1 1 500 1 1");
	assert_string_equal(first(g, TOP_DOMAINS), "y 1 1 500 1 1");
	assert_int_equal(found(g, "4F1D", NULL), 1);
	flow_free(&g);
	/* cut or changed anywhere: refused or restored, and good to use */
	for (size_t i = 0; i < out.n; i++) {
		char kept = out.p[i];

		g = make(100, 0);
		in = (struct reader){ .p = out.p, .n = i };
		assert_true(flow_restore(g, &in) < 0);
		flow_free(&g);
		for (int bit = 0; bit < 8; bit++) {
			out.p[i] = (char)(kept ^ 1 << bit);
			g = make(100, 0);
			in = (struct reader){ .p = out.p, .n = out.n };
			if (flow_restore(g, &in) == 0) {
				sent(g, "4F1D", "a@y", "mx[198.51.100.1]:25", "deferred", "a longer answer than it was before");
				first(g, TOP_DOMAINS);
				found(g, "4F1D", NULL);
				buf_clear(&again);
				flow_save(g, &again);
			}
			flow_free(&g);
		}
		out.p[i] = kept;
	}
	buf_free(&out);
	buf_free(&again);
	flow_free(&f);
}

/* An id over and over, and a message with more recipients than there is room for. */
static void test_hostile(void **state)
{
	struct flow *f = make(3000, 0);

	(void)state;
	for (int i = 0; i < 20000; i++)
		submit(f, "4F1C", "x[203.0.113.9]");
	assert_int_equal(flow_messages(f), 3000);
	for (int i = 0; i < 20000; i++) {
		char to[32];

		snprintf(to, sizeof(to), "r%d@y", i);
		sent(f, "4F1C", to, "mx[198.51.100.1]:25", i % 3 ? "sent" : "deferred", "x");
	}
	assert_true(flow_bytes(f) < 8u << 20);
	flow_free(&f);
}

static void test_slots(void **state)
{
	struct slots s = { 0 };
	uint32_t *v;
	bool made;

	(void)state;
	/* keys that collide, added and removed in turn */
	for (uint64_t i = 0; i < 3000; i++) {
		v = slots_add(&s, (i % 7) + (i << 32), (uint32_t)i, &made);
		assert_true(v && made);
	}
	for (uint64_t i = 0; i < 3000; i += 2)
		slots_del(&s, (i % 7) + (i << 32));
	assert_int_equal(s.n, 1500);
	for (uint64_t i = 0; i < 3000; i++) {
		v = slots_find(&s, (i % 7) + (i << 32));
		assert_int_equal(v != NULL, i % 2);
		if (v)
			assert_int_equal(*v, i);
	}
	s.max = 1500;
	assert_null(slots_add(&s, 12345, 0, &made));
	slots_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life), cmocka_unit_test(test_filter), cmocka_unit_test(test_proxy), cmocka_unit_test(test_chains),
		cmocka_unit_test(test_instances), cmocka_unit_test(test_bounds), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_slots), cmocka_unit_test(test_saved),
	};

	hash_init();
	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
