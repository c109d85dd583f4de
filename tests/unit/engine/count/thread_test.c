/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads: stories of mails as Postfix logs them, the bounds, snapshots, and
 * a long random run against a model that searches lists.
 *
 * A line of a story is "SECONDS VERB ID [user=U] [nrcpt=N]"; verbs: R and S
 * (two rules that remember), C (count), E (count, each), F (forget), G
 * (gained), J ID ID2 (join), M (match), T (count, tells), O (count, each, at once).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/hash.h"
#include "engine/count/thread_private.h"

#define T0 1700000000000ll

enum { F_QID, F_QID2, F_USER, F_NRCPT, F_USER_DOMAIN, F_IP, NFIELDS };

static struct field fields[] = {
	[F_QID] = { .name = "qid", .type = FIELD_ID },
	[F_QID2] = { .name = "qid2", .type = FIELD_ID },
	[F_USER] = { .name = "user", .type = FIELD_ACCOUNT },
	[F_NRCPT] = { .name = "nrcpt", .type = FIELD_NUMBER },
	[F_USER_DOMAIN] = { .name = "user_domain", .type = FIELD_DOMAIN, .from = "user" },
	[F_IP] = { .name = "ip", .type = FIELD_ADDR },
};

static const char letters[] = "RSCEFGJMTO";

static struct rule rules[] = {
	{ .verb = VERB_REMEMBER, .pattern = (char *)"client" },
	{ .verb = VERB_REMEMBER, .pattern = (char *)"message-id" },
	{ .verb = VERB_COUNT, .pattern = (char *)"from" },
	{ .verb = VERB_COUNT, .pattern = (char *)"to", .each = true },
	{ .verb = VERB_FORGET, .pattern = (char *)"removed" },
	{ .verb = VERB_GAINED, .pattern = (char *)"gained" },
	{ .verb = VERB_JOIN, .pattern = (char *)"queued" },
	{ .verb = VERB_MATCH, .pattern = (char *)"match" },
	{ .verb = VERB_COUNT, .pattern = (char *)"telling", .tells = true },
	{ .verb = VERB_COUNT, .pattern = (char *)"at once", .each = true, .at_once = true },
};

static struct jail jail = {
	.name = (char *)"recipients", .nrules = 10, .rules = rules,
	.threaded = true, .thread_by = F_QID, .thread_keep_ms = 5 * 86400000ll,
	.limit = { .kind = LIMIT_SUM, .amount = 1000, .value = F_NRCPT,
		   .within_ms = 3600000, .nper = 1, .per = { F_USER } },
};

static struct config config = {
	.njails = 1, .jails = &jail, .nfields = NFIELDS, .fields = fields,
	.tracked_max = 4000,
};

static struct span host = { "mx", 2 };
static struct span program = { "postfix/smtpd", 13 };

/* ---- stories */

static struct span get(const struct hit *h, uint16_t field)
{
	for (unsigned i = 0; i < h->ncaptures; i++)
		if (h->capture[i].field == field)
			return h->capture[i].raw;
	return (struct span){ "-", 1 };
}

/* What went out: "joe 5@12" for 5 recipients at second 12. */
static void write_down(void *arg, const struct hit *h, struct event_time when)
{
	struct buf *out = arg;
	struct span user = get(h, F_USER), n = get(h, F_NRCPT);

	assert_ptr_equal(h->jail, &jail);
	for (unsigned i = 0; i < h->ncaptures; i++) {
		const struct capture *c = &h->capture[i];

		assert_int_equal(c->type, fields[c->field].type);
		if (c->type == FIELD_NUMBER)
			assert_int_equal(c->number, strtol(c->raw.p, NULL, 10));
		if (c->type == FIELD_ADDR)
			assert_int_equal(c->addr.b[0], c->raw.p[0]);
	}
	if (out->n)
		buf_puts(out, ", ");
	buf_printf(out, "%.*s %.*s@%lld", (int)user.n, user.p, (int)n.n, n.p,
		   (long long)(when.ms - T0) / 1000);
}

static void capture(struct hit *h, uint16_t field, const char *text)
{
	struct capture *c = &h->capture[h->ncaptures++];

	*c = (struct capture){ .field = field, .type = (uint8_t)fields[field].type,
			       .raw = span_of(text) };
	if (c->type == FIELD_NUMBER)
		c->number = atoi(text);
	if (c->type == FIELD_ADDR)
		c->addr = (struct addr){ .b = { (uint8_t)text[0] },
					 .family = ADDR_V4, .len = 32 };
}

static void tell(struct threads *t, const char *line, struct buf *out)
{
	struct hit h = { .jail = &jail };
	char word[6][64] = { "" };
	int n = sscanf(line, "%63s %63s %63s %63s %63s %63s", word[0], word[1],
		       word[2], word[3], word[4], word[5]);
	long long seconds = atoll(word[0]);

	h.rule = &rules[strchr(letters, word[1][0]) - letters];
	capture(&h, F_QID, word[2]);
	for (int i = 3; i < n; i++) {
		if (strncmp(word[i], "user=", 5) == 0)
			capture(&h, F_USER, word[i] + 5);
		else if (strncmp(word[i], "nrcpt=", 6) == 0)
			capture(&h, F_NRCPT, word[i] + 6);
		else if (strncmp(word[i], "ip=", 3) == 0)
			capture(&h, F_IP, word[i] + 3);
		else
			capture(&h, F_QID2, word[i]);
	}
	assert_int_equal(threads_take(t, &h, host, program,
				      (struct event_time){ T0 + seconds * 1000 },
				      write_down, out), 0);
}

static const struct {
	const char *name;
	const char *line[12];
	const char *want;
} stories[] = {
	{ "a message",
	  { "0 R A user=joe", "1 C A nrcpt=5", "2 F A" }, "joe 5@1" },
	{ "a deferred newsletter says it at every retry",
	  { "0 R A user=joe", "1 C A nrcpt=50", "900 C A nrcpt=50",
	    "4000 C A nrcpt=50", "90000 C A nrcpt=50" }, "joe 50@1" },
	{ "a message of nobody's",
	  { "1 C A nrcpt=5", "2 C A nrcpt=5", "3 F A" }, "" },
	{ "each",
	  { "0 R A user=joe", "1 E A nrcpt=5", "2 E A nrcpt=6" },
	  "joe 5@1, joe 6@2" },
	{ "a count that tells; said again it is a new message",
	  { "0 T A user=joe nrcpt=2", "1 E A nrcpt=3", "2 T A user=ann nrcpt=4", "3 E A nrcpt=5" },
	  "joe 2@0, joe 3@1, ann 4@2, ann 5@3" },
	{ "a count that tells but half",
	  { "0 T A user=joe", "1 E A nrcpt=3" }, "joe 3@1" },
	{ "at once, or not at all",
	  { "0 O A nrcpt=2", "1 R A user=joe", "2 O A nrcpt=3" }, "joe 3@2" },
	{ "told afterwards",
	  { "0 E A nrcpt=5", "1 E A nrcpt=6", "2 R A user=joe", "3 E A nrcpt=7" },
	  "joe 5@0, joe 6@1, joe 7@3" },
	{ "told afterwards, once",
	  { "0 C A nrcpt=5", "1 C A nrcpt=6", "2 R A user=joe", "3 C A nrcpt=7" },
	  "joe 5@0" },
	{ "told too late",
	  { "0 E A nrcpt=5", "3601 R A user=joe" }, "" },
	{ "told just in time",
	  { "0 E A nrcpt=5", "3600 R A user=joe" }, "joe 5@0" },
	{ "a second client= is a new message",
	  { "0 R A user=joe", "1 C A nrcpt=5", "2 R A user=ann", "3 C A nrcpt=6" },
	  "joe 5@1, ann 6@3" },
	{ "two rules tell one thread",
	  { "0 S A nrcpt=3", "1 R A user=joe", "2 C A" }, "joe 3@2" },
	{ "the first that tells holds",
	  { "0 R A user=joe", "1 S A user=ann", "2 C A nrcpt=4" }, "joe 4@2" },
	{ "its own captures win",
	  { "0 R A user=joe nrcpt=3", "2 C A nrcpt=4" }, "joe 4@2" },
	{ "forgotten and used again",
	  { "0 R A user=joe", "1 F A", "2 C A nrcpt=6", "3 R A user=ann" },
	  "ann 6@2" },
	{ "an id without an account is used again",
	  { "0 C A nrcpt=9", "1 F A", "60 R A user=joe", "61 C A nrcpt=2" },
	  "joe 2@61" },
	{ "a success drops what waited",
	  { "0 E A nrcpt=1", "1 G A", "2 E A nrcpt=2", "3 R A user=joe" },
	  "joe 2@2" },
	{ "a count that tells all by itself",
	  { "0 C A nrcpt=1 user=joe", "1 C A nrcpt=1 user=joe",
	    "2 E B nrcpt=1 user=joe", "3 E B nrcpt=1 user=joe" },
	  "joe 1@0, joe 1@2, joe 1@3" },
	{ "a content filter in order",
	  { "0 R A user=joe", "1 C A nrcpt=5", "2 J A B", "3 C B nrcpt=5",
	    "4 F A", "5 E B nrcpt=1", "6 F B", "7 E B nrcpt=2" },
	  "joe 5@1, joe 1@5" },
	{ "a content filter, the second life first",
	  { "0 R A user=joe", "1 C B nrcpt=5", "2 E B nrcpt=1", "3 F B",
	    "4 J A B", "5 E B nrcpt=9" }, "joe 5@1, joe 1@2" },
	{ "a content filter, counted already",
	  { "0 R A user=joe", "1 C A nrcpt=5", "2 C B nrcpt=5", "3 F B",
	    "4 J A B", "5 F A" }, "joe 5@1" },
	{ "two filters, the last life first",
	  { "0 R A user=joe", "1 E C nrcpt=5", "2 F C", "3 J B C",
	    "4 E B nrcpt=6", "5 F B", "6 J A B" }, "joe 5@1, joe 6@4" },
	{ "two filters in order",
	  { "0 R A user=joe", "1 J A B", "2 J B C", "3 E C nrcpt=5" },
	  "joe 5@3" },
	{ "a stranger's server says our second id is somebody else's message",
	  { "0 R A user=boss", "1 R B user=joe", "2 J A B", "3 C B nrcpt=5",
	    "4 C A nrcpt=6" }, "joe 5@3, boss 6@4" },
	{ "a joined id begins anew",
	  { "0 R A user=joe", "1 J A B", "2 R B user=ann", "3 E B nrcpt=5",
	    "4 E A nrcpt=6" }, "ann 5@3, joe 6@4" },
	{ "joined to itself, and twice",
	  { "0 R A user=joe", "1 J A A", "2 J A B", "3 J A B", "4 J B A",
	    "5 E B nrcpt=5" }, "joe 5@5" },
	{ "joined strangers",
	  { "0 J A B", "1 E B nrcpt=5", "2 R A user=joe" }, "" },
	{ "a join, then the beginning",
	  { "0 E B nrcpt=5", "1 J A B", "2 R A user=joe" }, "joe 5@0" },
	{ "kept for five days",
	  { "0 R A user=joe", "432000 E A nrcpt=1", "864001 E A nrcpt=1" },
	  "joe 1@432000" },
	{ "no id, no thread",
	  { "0 M A nrcpt=3" }, "- 3@0" },
};

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct threads *t = NULL;
		struct buf out = { .p = NULL };

		assert_int_equal(threads_new(&config, &t), 0);
		for (int k = 0; stories[i].line[k]; k++)
			tell(t, stories[i].line[k], &out);
		if (strcmp(buf_cstr(&out), stories[i].want) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", stories[i].name,
				 buf_cstr(&out), stories[i].want);
		assert_int_equal(threads_forgotten(t), 0);
		threads_free(&t);
		buf_free(&out);
	}
}

static void test_derived_fields(void **state)
{
	struct threads *t = NULL;
	struct buf out = { .p = NULL };

	(void)state;
	jail.limit.per[0] = F_USER_DOMAIN;
	assert_int_equal(threads_new(&config, &t), 0);
	tell(t, "0 C A nrcpt=5", &out);
	assert_int_equal(out.n, 0);
	tell(t, "1 R A user=joe@x ip=7", &out);
	assert_string_equal(buf_cstr(&out), "joe@x 5@0");
	threads_free(&t);
	buf_free(&out);
	jail.limit.per[0] = F_USER;
}

static void test_hosts_and_instances_are_apart(void **state)
{
	struct threads *t = NULL;
	struct buf out = { .p = NULL };

	(void)state;
	assert_int_equal(threads_new(&config, &t), 0);
	tell(t, "0 R A user=joe", &out);
	program = SPAN_LIT("postfix/qmgr");
	tell(t, "1 E A nrcpt=1", &out);
	program = SPAN_LIT("postfix-out/qmgr");
	tell(t, "2 E A nrcpt=2", &out);
	program = SPAN_LIT("postfix/smtpd");
	host = SPAN_LIT("mx2");
	tell(t, "3 E A nrcpt=3", &out);
	host = SPAN_LIT("mx");
	assert_string_equal(buf_cstr(&out), "joe 1@1");
	assert_int_equal(threads_used(t), 3);
	threads_free(&t);
	buf_free(&out);
}

/* ---- bounds */

static void test_strangers_push_out_no_account(void **state)
{
	struct threads *t = NULL;
	struct buf out = { .p = NULL };
	char line[64];

	(void)state;
	assert_int_equal(threads_new(&config, &t), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "0 R own%d user=u%d", i, i);
		tell(t, line, &out);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "1 C id%d nrcpt=1", i);
		tell(t, line, &out);
	}
	assert_int_equal(threads_used(t), 1000);
	assert_int_equal(threads_forgotten(t), 4100);
	tell(t, "2 C own0 nrcpt=7", &out);
	tell(t, "2 C own99 nrcpt=8", &out);
	assert_string_equal(buf_cstr(&out), "u0 7@2, u99 8@2");
	/* Accounts beyond the cap: the longest idle go. */
	for (int i = 100; i < 1100; i++) {
		snprintf(line, sizeof(line), "3 R own%d user=u%d", i, i);
		tell(t, line, &out);
	}
	assert_int_equal(threads_used(t), 1000);
	buf_clear(&out);
	tell(t, "4 E own1 nrcpt=1", &out);
	tell(t, "4 E own1099 nrcpt=2", &out);
	assert_string_equal(buf_cstr(&out), "u1099 2@4");
	threads_free(&t);
	buf_free(&out);
}

static void test_waiting_is_bounded(void **state)
{
	struct threads *t = NULL;
	struct buf out = { .p = NULL };
	char line[64];

	(void)state;
	config.tracked_max = 1 << 20;
	assert_int_equal(threads_new(&config, &t), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "%d E A nrcpt=%d", i, i);
		tell(t, line, &out);
	}
	assert_int_equal(threads_waiting(t), 64);
	assert_int_equal(threads_forgotten(t), 36);
	for (int i = 0; i < 70000; i++) {
		snprintf(line, sizeof(line), "100 E id%d nrcpt=1", i);
		tell(t, line, &out);
	}
	assert_in_range(threads_waiting(t), 65000, 65536);
	assert_int_equal(out.n, 0);
	tell(t, "101 R id69999 user=joe", &out);
	assert_string_equal(buf_cstr(&out), "joe 1@100");
	threads_free(&t);
	buf_free(&out);
	config.tracked_max = 4000;
}

static void test_names_are_bounded(void **state)
{
	struct threads *t = NULL;
	struct buf out = { .p = NULL };
	char line[64];

	(void)state;
	assert_int_equal(threads_new(&config, &t), 0);
	tell(t, "0 R A user=joe", &out);
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "1 J A second%d", i);
		tell(t, line, &out);
	}
	assert_int_equal(threads_forgotten(t), 1000 - 63);
	tell(t, "2 E A nrcpt=1", &out);
	tell(t, "2 E second999 nrcpt=2", &out);
	tell(t, "2 E second1 nrcpt=3", &out);
	assert_string_equal(buf_cstr(&out), "joe 1@2, joe 2@2");
	threads_free(&t);
	buf_free(&out);
}

static void test_long_lines_are_bounded(void **state)
{
	static char text[4000];
	struct threads *t = NULL;
	struct buf out = { .p = NULL };

	(void)state;
	config.tracked_max = 1 << 20;
	memset(text, 'x', sizeof(text));
	assert_int_equal(threads_new(&config, &t), 0);
	for (int i = 0; i < 60000; i++) {
		struct hit h = { .jail = &jail, .rule = &rules[2] };
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		capture(&h, F_QID, id);
		h.capture[h.ncaptures++] = (struct capture){
			.field = F_USER_DOMAIN, .type = FIELD_DOMAIN,
			.raw = { text, sizeof(text) } };
		assert_int_equal(threads_take(t, &h, host, program,
				 (struct event_time){ T0 }, write_down, &out), 0);
	}
	assert_in_range(threads_bytes(t), 1 << 20, 42 << 20);
	assert_true(threads_forgotten(t) > 40000);
	threads_free(&t);
	buf_free(&out);
	config.tracked_max = 4000;
}

static bool knows(const struct threads *t, size_t number, struct span id)
{
	return threads_known(t, id) & threads_who(t, number);
}

/* Of ids that no thread has nothing is said but by a rare clash, and of others always. */
static void test_gate(void **state)
{
	struct threads *t;
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(threads_new(&config, &t), 0);
	assert_false(knows(t, 0, SPAN_LIT("A")));
	assert_false(threads_known(t, SPAN_LIT("A")));
	tell(t, "0 R A user=joe", &out);
	assert_true(threads_known(t, SPAN_LIT("A")));
	tell(t, "0 J A B", &out);
	assert_true(knows(t, 0, SPAN_LIT("A")));
	assert_true(knows(t, 0, SPAN_LIT("B")));
	assert_false(knows(t, 0, SPAN_LIT("C")));
	tell(t, "1 O C nrcpt=3", &out);
	assert_false(knows(t, 0, SPAN_LIT("C")));
	tell(t, "2 F A", &out);
	assert_false(knows(t, 0, SPAN_LIT("A")));
	assert_true(knows(t, 0, SPAN_LIT("B")));
	tell(t, "3 F B", &out);
	assert_false(knows(t, 0, SPAN_LIT("B")));
	assert_int_equal(threads_used(t), 0);
	buf_free(&out);
	threads_free(&t);
}

static void test_odd_ids(void **state)
{
	static char text[600];
	struct threads *t = NULL;
	struct buf out = { .p = NULL };
	struct hit h = { .jail = &jail, .rule = &rules[0] };

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(threads_new(&config, &t), 0);
	h.capture[h.ncaptures++] = (struct capture){ .field = F_QID,
		.type = FIELD_ID, .raw = { text, sizeof(text) } };
	assert_int_equal(threads_take(t, &h, host, program,
			 (struct event_time){ T0 }, write_down, &out), 0);
	h.ncaptures = 0;
	assert_int_equal(threads_take(t, &h, host, program,
			 (struct event_time){ T0 }, write_down, &out), 0);
	h.rule = &rules[2];
	capture(&h, F_USER, "joe");
	capture(&h, F_NRCPT, "3");
	assert_int_equal(threads_take(t, &h, (struct span){ NULL, 0 },
			 (struct span){ NULL, 0 },
			 (struct event_time){ T0 }, write_down, &out), 0);
	assert_string_equal(buf_cstr(&out), "joe 3@0");
	assert_int_equal(threads_used(t), 0);
	threads_free(&t);
	buf_free(&out);
}

/* ---- the model: lists that are searched */

#define IDS 6
#define M_WAITS 64

struct m_wait { char verb; int n; long when; };
struct m_thread {
	bool used, begun, counted, by_r, by_s;
	int user;		/* 0: not told */
	long touched;
	int nwaits;
	struct m_wait wait[M_WAITS];
	struct { bool has, joined, ended; } id[IDS];
};

static struct m_thread m[IDS * 2];

static struct m_thread *m_find(int id)
{
	for (int i = 0; i < IDS * 2; i++)
		if (m[i].used && m[i].id[id].has)
			return &m[i];
	return NULL;
}

static struct m_thread *m_new(int id, long now)
{
	for (int i = 0; i < IDS * 2; i++) {
		if (m[i].used)
			continue;
		memset(&m[i], 0, sizeof(m[i]));
		m[i].used = true;
		m[i].touched = now;
		m[i].id[id].has = true;
		return &m[i];
	}
	abort();
}

static void m_drop_name(struct m_thread *th, int id)
{
	th->id[id].has = th->id[id].joined = th->id[id].ended = false;
	th->used = false;
	for (int i = 0; i < IDS; i++)
		th->used |= th->id[i].has;
}

static bool m_expired(const struct m_thread *th, long now)
{
	return th->touched < now - (th->begun || th->counted ? 7200 : 3600);
}

static void m_out(struct buf *out, int user, int n, long when)
{
	buf_printf(out, "%su%d %d@%ld", out->n ? ", " : "", user, n, when);
}

static void m_release(struct m_thread *th, long now, struct buf *out)
{
	int kept = 0;

	for (int i = 0; i < th->nwaits; i++) {
		struct m_wait w = th->wait[i];

		if (w.when < now - 3600)
			continue;
		if (w.verb == 'C' && th->counted)
			continue;
		if (!th->user) {
			th->wait[kept++] = w;
			continue;
		}
		m_out(out, th->user, w.n, w.when);
		if (w.verb == 'C')
			th->counted = true;
	}
	th->nwaits = kept;
}

static void m_put_wait(struct m_thread *th, struct m_wait w)
{
	int at = th->nwaits;

	assert_true(th->nwaits < M_WAITS);
	for (; at > 0 && th->wait[at - 1].when > w.when; at--)
		th->wait[at] = th->wait[at - 1];
	th->wait[at] = w;
	th->nwaits++;
}

static void m_remember(int id, char verb, int user, long now, struct buf *out)
{
	struct m_thread *th = m_find(id);

	if (th && (th->id[id].ended || th->id[id].joined ||
		   (verb == 'R' ? th->by_r : th->by_s))) {
		m_drop_name(th, id);
		th = NULL;
	}
	if (!th)
		th = m_new(id, now);
	if (!th->user)
		th->user = user;
	th->begun = true;
	*(verb == 'R' ? &th->by_r : &th->by_s) = true;
	m_release(th, now, out);
}

static void m_count(int id, char verb, int n, long now, struct buf *out)
{
	struct m_thread *th = m_find(id);

	if (th && th->id[id].ended) {
		m_drop_name(th, id);
		th = NULL;
	}
	if (th && th->counted && verb == 'C')
		return;
	if (!th)
		th = m_new(id, now);
	if (th->user) {
		m_out(out, th->user, n, now);
		th->counted |= verb == 'C';
		return;
	}
	for (int i = 0; i < th->nwaits && verb == 'C'; i++)
		if (th->wait[i].verb == 'C')
			return;
	if (th->nwaits < M_WAITS)
		m_put_wait(th, (struct m_wait){ verb, n, now });
}

static void m_join(int a, int b, long now, struct buf *out)
{
	struct m_thread *th = m_find(a), *second = m_find(b);

	if (a == b)
		return;
	if (second && m_expired(second, now)) {
		second->used = false;
		second = NULL;
	}
	if (th == second || (second && second->begun))
		return;
	if (!second) {
		th->id[b].has = th->id[b].joined = true;
		return;
	}
	if (!th) {
		second->id[b].joined = true;
		second->id[a].has = true;
		second->touched = now;
		if (second->id[b].ended)
			m_drop_name(second, b);
		return;
	}
	th->counted |= second->counted;
	if (second->touched > th->touched)
		th->touched = second->touched;
	for (int i = 0; i < second->nwaits; i++)
		m_put_wait(th, second->wait[i]);
	for (int i = 0; i < IDS; i++)
		if (second->id[i].has && !second->id[i].ended)
			th->id[i].has = th->id[i].joined = true;
	second->used = false;
	m_release(th, now, out);
}

static void m_tell(char verb, int a, int b, int value, long now, struct buf *out)
{
	struct m_thread *th = m_find(a);

	if (th && m_expired(th, now)) {
		th->used = false;
		th = NULL;
	}
	if (th)
		th->touched = now;
	switch (verb) {
	case 'R':
	case 'S':
		m_remember(a, verb, value, now, out);
		break;
	case 'C':
	case 'E':
		m_count(a, verb, value, now, out);
		break;
	case 'F':
		if (th && !th->begun && th->nwaits)
			th->id[a].ended = true;
		else if (th)
			m_drop_name(th, a);
		break;
	case 'G':
		if (th) {
			th->nwaits = 0;
			th->used = th->begun || th->counted;
		}
		break;
	default:
		m_join(a, b, now, out);
	}
}

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

static void save_and_restore(struct threads **t)
{
	struct threads *fresh = NULL;
	struct buf snap = { .p = NULL }, again = { .p = NULL };
	struct reader in;

	threads_save(*t, &snap);
	assert_int_equal(buf_error(&snap), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(threads_new(&config, &fresh), 0);
	assert_int_equal(threads_restore(fresh, &in), 0);
	assert_int_equal(in.at, in.n);
	assert_in_range(threads_used(fresh), 0, threads_used(*t));
	threads_save(fresh, &again);
	assert_int_equal(again.n, snap.n);
	assert_memory_equal(again.p, snap.p, snap.n);
	threads_free(t);
	*t = fresh;
	buf_free(&snap);
	buf_free(&again);
}

static void random_run(uint32_t step)
{
	struct buf want = { .p = NULL }, got = { .p = NULL }, story = { .p = NULL };
	struct threads *t = NULL;
	long now = 0;

	memset(m, 0, sizeof(m));
	jail.thread_keep_ms = 7200000;
	assert_int_equal(threads_new(&config, &t), 0);
	for (int i = 0; i < 400; i++) {
		char verb = "RRSCCEEFGJJ"[rnd(11)], line[64];
		int a = (int)rnd(IDS), b = (int)rnd(IDS), value = 1 + (int)rnd(9);

		now += rnd(step);
		snprintf(line, sizeof(line), verb == 'J' ? "%ld %c %c %c" :
			 strchr("RS", verb) ? "%ld %c %c user=u%d" :
			 strchr("CE", verb) ? "%ld %c %c nrcpt=%d" : "%ld %c %c",
			 now, verb, 'A' + a, verb == 'J' ? 'A' + b : value);
		buf_printf(&story, "%s\n", line);
		tell(t, line, &got);
		m_tell(verb, a, b, value, now, &want);
		if (strcmp(buf_cstr(&got), buf_cstr(&want)) != 0)
			fail_msg("%sgot  %s\nwant %s\n", buf_cstr(&story),
				 buf_cstr(&got), buf_cstr(&want));
		buf_clear(&got);
		buf_clear(&want);
		if (rnd(100) == 0)
			save_and_restore(&t);
	}
	assert_int_equal(threads_forgotten(t), 0);
	threads_free(&t);
	buf_free(&want);
	buf_free(&got);
	buf_free(&story);
	jail.thread_keep_ms = 5 * 86400000ll;
}

static void test_against_model(void **state)
{
	static const uint32_t steps[] = { 1, 3, 60, 600, 3000 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		random_run(steps[i % 5]);
}

/* ---- snapshots */

static void make_snapshot(struct buf *snap)
{
	struct threads *t = NULL;
	struct buf out = { .p = NULL };

	assert_int_equal(threads_new(&config, &t), 0);
	tell(t, "0 R A user=joe ip=7", &out);
	tell(t, "1 J A B", &out);
	tell(t, "1 C C nrcpt=4 ip=8", &out);
	tell(t, "1 E C nrcpt=5", &out);
	tell(t, "1 F C", &out);
	threads_save(t, snap);
	threads_free(&t);
	buf_free(&out);
}

static void test_restore_keeps_what_it_can(void **state)
{
	static struct rule fewer[] = {
		{ .verb = VERB_JOIN, .pattern = (char *)"queued" },
		{ .verb = VERB_COUNT, .pattern = (char *)"to", .each = true },
	};
	static struct field other[] = {
		{ .name = "extra", .type = FIELD_TEXT },
		{ .name = "qid", .type = FIELD_ID },
		{ .name = "qid2", .type = FIELD_ID },
		{ .name = "nrcpt", .type = FIELD_NUMBER },
		{ .name = "user", .type = FIELD_ACCOUNT },
	};
	struct jail changed = jail;
	struct config c = { .njails = 1, .jails = &changed, .nfields = 5,
			    .fields = other, .tracked_max = 4000 };
	struct threads *t = NULL;
	struct buf snap = { .p = NULL };
	struct reader in;

	(void)state;
	make_snapshot(&snap);
	changed.rules = fewer;
	changed.nrules = 2;
	changed.thread_by = 1;
	changed.limit.per[0] = 4;
	changed.limit.value = 3;
	assert_int_equal(threads_new(&c, &t), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(threads_restore(t, &in), 0);
	assert_int_equal(threads_used(t), 2);
	assert_int_equal(threads_waiting(t), 1);
	assert_int_equal(t->begun.first->told->n, 1);
	assert_int_equal(t->begun.first->nnames, 2);
	threads_free(&t);

	changed.name = (char *)"renamed";
	assert_int_equal(threads_new(&c, &t), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(threads_restore(t, &in), 0);
	assert_int_equal(threads_used(t), 0);
	threads_free(&t);
	buf_free(&snap);
}

static void test_restore_garbage(void **state)
{
	struct buf snap = { .p = NULL }, out = { .p = NULL };
	struct threads *t = NULL;
	struct reader in;

	(void)state;
	make_snapshot(&snap);
	for (size_t cut = 0; cut < snap.n; cut++) {
		assert_int_equal(threads_new(&config, &t), 0);
		in = (struct reader){ .p = snap.p, .n = cut };
		assert_int_equal(threads_restore(t, &in), -EBADMSG);
		assert_int_equal(threads_used(t), 0);
		assert_int_equal(threads_waiting(t), 0);
		threads_free(&t);
	}
	for (int i = 0; i < 5000; i++) {
		size_t at = rnd((uint32_t)snap.n);
		char was = snap.p[at];

		snap.p[at] = (char)rnd(256);
		assert_int_equal(threads_new(&config, &t), 0);
		in = (struct reader){ .p = snap.p, .n = snap.n };
		threads_restore(t, &in);
		threads_free(&t);
		snap.p[at] = was;
	}
	buf_free(&snap);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_derived_fields),
		cmocka_unit_test(test_hosts_and_instances_are_apart),
		cmocka_unit_test(test_strangers_push_out_no_account),
		cmocka_unit_test(test_waiting_is_bounded),
		cmocka_unit_test(test_names_are_bounded),
		cmocka_unit_test(test_long_lines_are_bounded),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_odd_ids),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_restore_keeps_what_it_can),
		cmocka_unit_test(test_restore_garbage),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
