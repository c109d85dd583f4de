/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes into the ledger comes back: after a restart, and as answers. */
#include "engine/record/store.h"

#include <errno.h>

#include "ask.h"

#define T0 1787000000000

struct seen {
	unsigned n;
	char text[400];
};

static int see_ban(void *arg, const struct ban_row *b)
{
	struct seen *s = arg;
	char addr[ADDR_TEXT_MAX];

	s->n++;
	sprintf(s->text + strlen(s->text), "%llu %s %s %s %s;",
		(unsigned long long)b->order, addr_print(&b->addr, addr), b->scope,
		b->reason, b->by ? b->by : "-");
	return 0;
}

static int see_verdict(void *arg, const struct verdict_row *v, bool closed)
{
	struct seen *s = arg;

	s->n++;
	assert_true(span_eq(v->key, SPAN_LIT("k\0ey")));
	assert_true(v->pos.fingerprint == ~0ull);
	sprintf(s->text + strlen(s->text), "%llu %s %s%s;",
		(unsigned long long)v->id, v->jail, v->subject, closed ? " closed" : "");
	return 0;
}

static int see_order(void *arg, uint64_t id, uint64_t incident, int type,
		     const char *what, const char *target)
{
	struct seen *s = arg;

	s->n++;
	sprintf(s->text + strlen(s->text), "%d %d %d %s %s;", (int)id, (int)incident,
		type, what, target);
	return 0;
}

static int stop_early(void *arg, const struct ban_row *b)
{
	(void)b;
	++*(int *)arg;
	return -EINTR;
}

static void test_history(void **state)
{
	struct store *s = start_store();
	struct seen bans = { 0 }, verdicts = { 0 };
	struct addr gone = addr_of("198.51.100.4");
	struct addr both = addr_of("2001:db8::/64");
	struct verdict_row v;
	struct ban_row b;
	int calls = 0;

	(void)state;
	b = ban_of(1, "192.0.2.7", T0, T0 + 1000);
	store_ban(s, &b);
	b = ban_of(2, "2001:db8::/64", T0 - 5, INT64_MAX);
	b.by = "uid 0 (root)";
	store_ban(s, &b);
	b = ban_of(3, "198.51.100.4", T0, T0 + 9000);
	store_ban(s, &b);
	b = ban_of(4, "203.0.113.9", T0 - 9000, T0);
	store_ban(s, &b);
	b = ban_of(5, "198.51.100.4", T0 + 1, T0 + 9000);
	b.scope = "ssh";
	store_ban(s, &b);
	store_unban(s, &gone, "mail", T0, "uid 0 (root)");
	v = verdict_at(10, T0, 100);
	store_verdict(s, &v);
	v = verdict_at(11, T0 - 86400000, 50);
	store_verdict(s, &v);
	v = verdict_at(12, T0 - 86400000, 60);
	v.until_ms = INT64_MAX;
	store_verdict(s, &v);
	v = verdict_at(13, T0 + 1, 160);
	store_verdict(s, &v);
	store_incident_closed(s, 13, T0 + 5, "undo", "uid 0 (root)");
	store_close(&s);
	assert_null(s);

	s = open_store();
	assert_int_equal(store_active_bans(s, T0, see_ban, &bans), 0);
	assert_string_equal(bans.text, "1 192.0.2.7 mail 5 in 10m -;"
			    "5 198.51.100.4 ssh 5 in 10m -;"
			    "2 2001:db8::/64 mail 5 in 10m uid 0 (root);");
	assert_int_equal(store_verdicts_since(s, T0, see_verdict, &verdicts), 0);
	assert_string_equal(verdicts.text, "10 postfix-sasl 192.0.2.7;"
			    "12 postfix-sasl 192.0.2.7;"
			    "13 postfix-sasl 192.0.2.7 closed;");
	assert_int_equal(store_active_bans(s, T0, stop_early, &calls), -EINTR);
	assert_int_equal(calls, 1);
	store_unban(s, &both, NULL, T0, NULL);
	store_unban(s, &gone, NULL, T0 + 2, NULL);
	store_close(&s);

	s = open_store();
	bans = (struct seen){ 0 };
	assert_int_equal(store_active_bans(s, T0, see_ban, &bans), 0);
	assert_string_equal(bans.text, "1 192.0.2.7 mail 5 in 10m -;");
	store_close(&s);
}

static void test_known(void **state)
{
	static const struct {
		const char *name;
		const char *jail, *key;
		int64_t when;
		uint64_t ino, offset;
		bool want;
	} rows[] = {
		{ "the same", "postfix-sasl", "k\0ey", T0, 2, 100, true },
		{ "copied away", "postfix-sasl", "k\0ey", T0, 77, 100, true },
		{ "another jail", "dovecot", "k\0ey", T0, 2, 100, false },
		{ "another subject", "postfix-sasl", "k\0ez", T0, 2, 100, false },
		{ "another time", "postfix-sasl", "k\0ey", T0 + 1, 2, 100, false },
		{ "another place", "postfix-sasl", "k\0ey", T0, 2, 101, false },
	};
	struct store *s = start_store();
	struct verdict_row v = verdict_at(42, T0, 100), w = verdict_at(43, T0, 100);
	struct seen seen = { 0 };
	uint64_t id = 0;

	(void)state;
	store_verdict(s, &v);
	store_verdict(s, &w);
	/* Recorded now, though the log is of another year. */
	v = verdict_at(44, T0 - 400 * 86400000ll, 1);
	store_verdict(s, &v);
	assert_false(store_knows(s, v.jail, v.key, v.when_ms, &v.pos, &id));
	store_close(&s);

	s = open_store();
	assert_int_equal(store_verdicts_since(s, 0, see_verdict, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(store_start(s), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct position pos = { 1, rows[i].ino, 3, rows[i].offset };
		struct span key = { rows[i].key, 4 };

		id = 0;
		if (store_knows(s, rows[i].jail, key, rows[i].when, &pos, &id) !=
		    rows[i].want)
			fail_msg("%s", rows[i].name);
		assert_int_equal(id, rows[i].want ? 42 : 0);
	}
	assert_true(store_knows(s, v.jail, v.key, v.when_ms, &v.pos, &id));
	assert_int_equal(id, 44);
	store_close(&s);
}

static void test_ids(void **state)
{
	struct store *s = open_store();
	uint64_t last = 0;

	(void)state;
	assert_int_equal(store_next_id(s), 1);
	assert_int_equal(store_next_id(s), 2);
	store_close(&s);
	s = start_store();
	assert_int_equal(store_next_id(s), 3);
	for (int i = 0; i < 200000; i++) {
		uint64_t id = store_next_id(s);

		assert_true(id > last);
		last = id;
		if (i % 1000 == 0)
			sync_store(s);
	}
	assert_int_equal(last, 200003);
	store_close(&s);
	s = open_store();
	assert_int_equal(store_next_id(s), 200004);
	store_close(&s);
}

static void test_orders(void **state)
{
	struct store *s = start_store();
	struct outcome o = { .id = 21, .type = ORDER_LOCK, .status = OUTCOME_DONE };
	struct seen orders = { 0 }, bans = { 0 };
	struct ban_row b;

	(void)state;
	store_order(s, 20, 1, ORDER_BAN, "ban", "192.0.2.7", T0);
	store_order(s, 21, 1, ORDER_LOCK, "lock", "joe", T0);
	store_order(s, 22, 1, ORDER_NOTIFY, "notify", "root", T0);
	store_order(s, 23, 1, ORDER_RUN, "run", "x", T0);
	store_order(s, 23, 2, ORDER_RUN, "run", "x", T0);	/* its verdict, once more */
	store_outcome(s, &o, T0 + 3);
	b = ban_of(30, "192.0.2.7", T0, T0 + 1000);
	store_ban(s, &b);
	b = ban_of(31, "192.0.2.0/24", T0, T0 + 1000);
	store_ban(s, &b);
	b = ban_of(32, "192.0.2.9", T0, T0 + 1000);
	store_ban(s, &b);
	o = (struct outcome){ .id = 30, .type = ORDER_BAN, .status = OUTCOME_REFUSED };
	store_outcome(s, &o, T0 + 3);
	o = (struct outcome){ .id = 31, .type = ORDER_BAN, .status = OUTCOME_DONE,
			      .addr = addr_of("192.0.2.1") };
	store_outcome(s, &o, T0 + 3);
	o = (struct outcome){ .id = 32, .type = ORDER_BAN, .status = OUTCOME_FAILED };
	store_outcome(s, &o, T0 + 3);
	store_close(&s);

	s = open_store();
	assert_int_equal(store_open_orders(s, see_order, &orders), 0);
	assert_string_equal(orders.text, "22 1 10 notify root;23 2 9 run x;");
	assert_int_equal(store_active_bans(s, T0, see_ban, &bans), 0);
	assert_string_equal(bans.text, "31 192.0.2.1 mail 5 in 10m -;"
			    "32 192.0.2.9 mail 5 in 10m -;");
	store_close(&s);
}

static void test_settings(void **state)
{
	struct store *s = open_store();

	(void)state;
	assert_null(store_get_setting(s, "jail.sshd.mode"));
	store_setting(s, "jail.sshd.mode", "off");
	store_setting(s, "jail.sshd.mode", "shadow");
	store_setting(s, "gone", "x");
	store_setting(s, "gone", NULL);
	store_close(&s);
	s = open_store();
	assert_string_equal(store_get_setting(s, "jail.sshd.mode"), "shadow");
	assert_null(store_get_setting(s, "gone"));
	store_close(&s);
}

/* ---- answers ---- */

static void record_incidents(struct store *s)
{
	struct verdict_row v = verdict_at(1, T0 + 123, 100);
	struct ban_row b = ban_of(2, "192.0.2.7", T0 + 123, T0 + 600123);
	struct outcome o = { .id = 2, .type = ORDER_BAN, .status = OUTCOME_DONE,
			     .text = "added" };

	store_verdict(s, &v);
	b.incident = 1;
	store_ban(s, &b);
	store_order(s, 2, 1, ORDER_BAN, "ban", "192.0.2.7", T0 + 124);
	store_outcome(s, &o, T0 + 125);

	v = verdict_at(5, T0 + 50000, 200);
	v.jail = "sasl-burst";
	v.subject = "joe";
	v.until_ms = INT64_MAX;
	v.evidence = "not JSON \xff";
	store_verdict(s, &v);
	store_order(s, 6, 5, ORDER_LOCK, "lock", "joe", T0 + 50001);
	o = (struct outcome){ .id = 6, .type = ORDER_LOCK, .status = OUTCOME_REFUSED,
			      .text = "joe is on protect" };
	store_outcome(s, &o, T0 + 50002);
	store_order(s, 7, 5, ORDER_NOTIFY, "notify", "root", T0 + 50003);

	b = ban_of(8, "2001:db8:1:2::/64", T0, INT64_MAX);
	b.jail = "hand";
	b.incident = 9;
	b.by = "uid 0 (root)";
	store_hand(s, 9, "ban", "2001:db8:1:2::/64", "noise", "uid 0 (root)", T0);
	store_ban(s, &b);
	store_hand(s, 10, "pause", "", NULL, "uid 0 (root)", T0 - 1);
}

static void assert_json(const json_t *got, const char *want)
{
	json_t *w = json_loads(want, JSON_DECODE_ANY, NULL);

	assert_non_null(w);
	if (!json_equal(got, w)) {
		char *text = json_dumps(got, JSON_REAL_PRECISION(14) | JSON_ENCODE_ANY);

		print_error("got %s\nwant %s\n", text, want);
		free(text);
		fail();
	}
	json_decref(w);
}

static void test_incidents(void **state)
{
	struct store *s = start_store();
	json_t *a = NULL, *list;

	(void)state;
	record_incidents(s);
	assert_int_equal(ask_store(s, STORE_Q_INCIDENTS, "{\"now\":1787000060000}", &a), 0);
	list = json_object_get(a, "incidents");
	assert_int_equal(json_array_size(list), 4);
	assert_json(json_array_get(list, 0),
		    "{\"id\":5,\"time\":1787000050.0,\"until\":null,\"jail\":\"sasl-burst\","
		    "\"subject\":\"joe\",\"mode\":\"on\",\"amount\":5,\"state\":\"open\","
		    "\"what\":null,\"reason\":null,\"by\":null,"
		    "\"orders\":{\"refused\":1,\"waiting\":1}}");
	assert_json(json_array_get(list, 1),
		    "{\"id\":1,\"time\":1787000000.123,\"until\":1787000600.123,"
		    "\"jail\":\"postfix-sasl\",\"subject\":\"192.0.2.7\",\"mode\":\"on\","
		    "\"amount\":5,\"state\":\"open\",\"what\":null,\"reason\":null,"
		    "\"by\":null,\"orders\":{\"done\":1}}");
	assert_json(json_array_get(list, 2),
		    "{\"id\":9,\"time\":1787000000.0,\"until\":null,\"jail\":\"hand\","
		    "\"subject\":\"2001:db8:1:2::/64\",\"mode\":\"hand\",\"amount\":0,"
		    "\"state\":\"open\",\"what\":\"ban\",\"reason\":\"noise\","
		    "\"by\":\"uid 0 (root)\",\"orders\":{}}");
	json_decref(a);

	store_incident_closed(s, 5, T0 + 55000, "undo", "uid 0 (root)");
	assert_int_equal(ask_store(s, STORE_Q_INCIDENTS,
				   "{\"open\":true,\"now\":1787000700000}", &a), 0);
	list = json_object_get(a, "incidents");
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "id")), 9);
	json_decref(a);

	assert_int_equal(ask_store(s, STORE_Q_INCIDENTS, "{\"limit\":1}", &a), 0);
	assert_int_equal(json_array_size(json_object_get(a, "incidents")), 1);
	json_decref(a);
	assert_int_equal(ask_store(s, STORE_Q_INCIDENTS, "[", &a), -EINVAL);
	assert_null(a);
	store_close(&s);
}

static void test_show(void **state)
{
	struct store *s = start_store();
	json_t *a = NULL;

	(void)state;
	record_incidents(s);
	/* By the id of its order. */
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":2,\"now\":1787000700000}", &a), 0);
	assert_json(a, "{\"id\":1,\"time\":1787000000.123,\"until\":1787000600.123,"
		    "\"jail\":\"postfix-sasl\",\"subject\":\"192.0.2.7\",\"mode\":\"on\","
		    "\"amount\":5,\"state\":\"closed\",\"what\":null,\"reason\":null,"
		    "\"by\":null,\"actions\":[{\"do\":\"ban\"}],\"evidence\":[\"a line\"],"
		    "\"closed\":{\"time\":1787000600.123,\"how\":\"expired\",\"by\":null},"
		    "\"orders\":[{\"id\":2,\"what\":\"ban\",\"target\":\"192.0.2.7\","
		    "\"time\":1787000000.124,\"outcome\":{\"status\":\"done\",\"code\":0,"
		    "\"text\":\"added\",\"time\":1787000000.125}}],"
		    "\"bans\":[{\"id\":2,\"incident\":1,\"addr\":\"192.0.2.7\","
		    "\"scope\":\"mail\",\"jail\":\"postfix-sasl\",\"since\":1787000000.123,"
		    "\"until\":1787000600.123,\"reason\":\"5 in 10m\",\"by\":null,"
		    "\"ended\":null,\"ended_why\":null,\"ended_by\":null}]}");
	json_decref(a);

	store_incident_closed(s, 5, T0 + 55000, "undo", "uid 0 (root)");
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":5}", &a), 0);
	assert_json(json_object_get(a, "closed"),
		    "{\"time\":1787000055.0,\"how\":\"undo\",\"by\":\"uid 0 (root)\"}");
	assert_json(json_object_get(a, "evidence"), "\"not JSON \\\\xFF\"");
	assert_json(json_object_get(json_array_get(json_object_get(a, "orders"), 1),
				    "outcome"), "null");
	json_decref(a);

	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":9}", &a), 0);
	assert_json(json_object_get(a, "closed"), "null");
	assert_int_equal(json_array_size(json_object_get(a, "bans")), 1);
	json_decref(a);
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":777}", &a), -ENOENT);
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{}", &a), -ENOENT);
	store_close(&s);
}

static void test_verdicts_of(void **state)
{
	static const struct {
		const char *arg;
		size_t verdicts, bans, hand;
	} rows[] = {
		{ "{\"subject\":\"192.0.2.7\"}", 1, 1, 0 },
		{ "{\"subject\":\"joe\"}", 1, 0, 0 },
		{ "{\"subject\":\"2001:db8:1:2::99\"}", 0, 1, 1 },
		{ "{\"subject\":\"2001:db8:1:3::99\"}", 0, 0, 0 },
		{ "{\"subject\":\"x' OR 1=1 --\"}", 0, 0, 0 },
	};
	struct store *s = start_store();
	json_t *a = NULL;

	(void)state;
	record_incidents(s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ask_store(s, STORE_Q_VERDICTS_OF, rows[i].arg, &a), 0);
		assert_int_equal(json_array_size(json_object_get(a, "verdicts")),
				 rows[i].verdicts);
		assert_int_equal(json_array_size(json_object_get(a, "bans")), rows[i].bans);
		assert_int_equal(json_array_size(json_object_get(a, "hand")), rows[i].hand);
		json_decref(a);
	}
	assert_int_equal(ask_store(s, STORE_Q_VERDICTS_OF, NULL, &a), -EINVAL);
	store_close(&s);
}

static void test_digest(void **state)
{
	struct store *s = start_store();
	json_t *a = NULL;

	(void)state;
	record_incidents(s);
	assert_int_equal(ask_store(s, STORE_Q_DIGEST,
				   "{\"since\":1787000000000,\"until\":1787000090000}", &a), 0);
	assert_json(json_object_get(a, "jails"),
		    "[{\"jail\":\"hand\",\"verdicts\":0,\"shadow\":0,\"bans\":1,\"done\":0,"
		    "\"refused\":0,\"failed\":0,\"unknown\":0,\"proposed\":0},"
		    "{\"jail\":\"postfix-sasl\",\"verdicts\":1,\"shadow\":0,\"bans\":1,"
		    "\"done\":1,\"refused\":0,\"failed\":0,\"unknown\":0,\"proposed\":0},"
		    "{\"jail\":\"sasl-burst\",\"verdicts\":1,\"shadow\":0,\"bans\":0,"
		    "\"done\":0,\"refused\":1,\"failed\":0,\"unknown\":0,\"proposed\":0}]");
	assert_json(json_object_get(a, "refused"),
		    "[{\"jail\":\"sasl-burst\",\"what\":\"lock\",\"status\":\"refused\","
		    "\"reason\":\"joe is on protect\",\"count\":1,\"example\":\"joe\"}]");
	assert_json(json_object_get(a, "networks"),
		    "[{\"network\":\"192.0.2.0/24\",\"bans\":1},"
		    "{\"network\":\"2001:db8:1::/48\",\"bans\":1}]");
	assert_json(json_object_get(a, "accounts"),
		    "[{\"incident\":5,\"id\":6,\"what\":\"lock\",\"target\":\"joe\","
		    "\"time\":1787000050.001,\"status\":\"refused\"},"
		    "{\"incident\":5,\"id\":7,\"what\":\"notify\",\"target\":\"root\","
		    "\"time\":1787000050.003,\"status\":\"waiting\"}]");
	json_decref(a);
	assert_int_equal(ask_store(s, STORE_Q_DIGEST, "{\"since\":1}", &a), 0);
	json_decref(a);
	store_close(&s);
}

static void record_order(struct store *s, uint64_t id, uint64_t incident, uint16_t type,
			 const char *what, uint16_t status, int32_t code)
{
	struct outcome o = { .id = id, .type = type, .status = status, .code = code };

	store_order(s, id, incident, type, what, "joe", T0);
	store_outcome(s, &o, T0);
}

static void assert_still(struct store *s, const char *arg, const char *want)
{
	json_t *a = NULL;

	assert_int_equal(ask_store(s, STORE_Q_STILL, arg, &a), 0);
	assert_json(json_object_get(a, "still"), want);
	json_decref(a);
}

/* What an unlock leaves: nothing of a lock by hand, of mail that was not there, of other accounts. */
static void test_still(void **state)
{
	struct store *s = start_store();

	(void)state;
	record_incidents(s);
	assert_still(s, "{\"user\":\"joe\"}", "[]");
	record_order(s, 20, 5, ORDER_LOCK, "lock", OUTCOME_DONE, 0);
	assert_still(s, "{\"user\":\"joe\"}", "[{\"incident\":5,\"what\":[]}]");
	record_order(s, 21, 5, ORDER_DENY, "deny", OUTCOME_DONE, 0);
	record_order(s, 22, 5, ORDER_DENY, "deny", OUTCOME_DONE, 0);
	record_order(s, 23, 5, ORDER_PARK, "park", OUTCOME_REFUSED, 0);
	record_order(s, 24, 5, ORDER_HOLD, "hold", OUTCOME_DONE, 0);
	assert_still(s, "{\"user\":\"joe\"}", "[{\"incident\":5,\"what\":[\"deny\"]}]");
	store_hand(s, 30, "lock", "joe", NULL, "uid 0", T0);
	record_order(s, 31, 30, ORDER_LOCK, "lock", OUTCOME_DONE, 0);
	store_hand(s, 40, "contain", "joe", NULL, "uid 0", T0);
	record_order(s, 41, 40, ORDER_HOLD, "hold", OUTCOME_DONE, 2);
	assert_still(s, "{\"user\":\"joe\"}",
		     "[{\"incident\":5,\"what\":[\"deny\"]},{\"incident\":40,\"what\":[\"hold\"]}]");
	assert_still(s, "{\"user\":\"jo\"}", "[]");
	store_incident_closed(s, 5, T0, "undo", "uid 0");
	store_incident_closed(s, 40, T0, "undo", "uid 0");
	assert_still(s, "{\"user\":\"joe\"}", "[]");
	store_close(&s);
}

/* ---- the rest ---- */

static void test_snapshot(void **state)
{
	const struct snapshot_section section = { "windows", SPAN_LIT("counts") };
	struct store *s = start_store();
	struct snapshot *snap = NULL;
	struct got g = { 0 };
	struct span got;

	(void)state;
	record_incidents(s);
	assert_int_equal(store_snapshot(s, "snapshot", &section, 1, got_answer, &g), 0);
	assert_true(await(s, &g, 10000));
	assert_int_equal(g.error, 0);
	assert_int_equal(store_waiting(s), 0);
	assert_int_equal(snapshot_open(AT_FDCWD, "snapshot", &snap), 0);
	assert_true(snapshot_get(snap, "windows", &got));
	assert_true(span_eq(got, section.bytes));
	snapshot_close(&snap);
	assert_int_equal(store_snapshot(s, "s", &section, STORE_SECTIONS_MAX + 1,
					got_answer, &g), -EINVAL);
	store_close(&s);
}

static void test_prune(void **state)
{
	struct store *s = start_store();
	struct seen seen = { 0 };
	json_t *a = NULL;

	(void)state;
	record_incidents(s);
	for (int i = 0; i < 5000; i++) {
		struct ban_row b = ban_of(100 + (uint64_t)i, "192.0.2.1", 10, 20);

		store_ban(s, &b);
	}
	sync_store(s);
	store_prune(s, T0 + 700000);
	for (int i = 0; i < 500; i++) {
		if (ask_store(s, STORE_Q_SHOW, "{\"id\":1}", &a) == -ENOENT)
			break;
		json_decref(a);
		usleep(10000);
	}
	/* What is open stays: the lock, the ban for good. */
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":5}", &a), 0);
	assert_int_equal(json_array_size(json_object_get(a, "orders")), 2);
	json_decref(a);
	store_close(&s);
	s = open_store();
	assert_int_equal(store_active_bans(s, 0, see_ban, &seen), 0);
	assert_int_equal(seen.n, 1);
	store_close(&s);
}

static void test_flood_of_questions(void **state)
{
	struct store *s = open_store();
	struct got g = { 0 };
	int r = 0, n = 0;

	(void)state;
	while (r == 0 && n < 100000)
		if ((r = store_sync(s, got_answer, &g)) == 0)
			n++;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(n, 1024);
	assert_int_equal(store_start(s), 0);
	assert_true(await(s, &g, 10000));
	assert_int_equal(store_trouble(s), 0);
	store_close(&s);
	assert_int_equal(store_open(&s, &g.done), 0);
	store_close(&s);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(test_history),
		PLACED(test_known),
		PLACED(test_ids),
		PLACED(test_orders),
		PLACED(test_settings),
		PLACED(test_incidents),
		PLACED(test_show),
		PLACED(test_verdicts_of),
		PLACED(test_digest),
		PLACED(test_still),
		PLACED(test_snapshot),
		PLACED(test_prune),
		PLACED(test_flood_of_questions),
	};

	return cmocka_run_group_tests(tests, start_hash, NULL);
}
