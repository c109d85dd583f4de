/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `incidents`, `show`, `why`, `unlock` and the digest ask, answered out of the
 * ledger as JSON. Takes a question and its arguments, gives text; runs in the
 * ledger's thread between commits, where a second is no harm. Each statement's
 * columns stand beside it as a table.
 *
 * Parameters are the same everywhere: ?1 limit or id, ?2 since or "open only",
 * ?3 now or until, ?4 the type of an order that locks; the rest are subjects.
 */
#include "engine/record/answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bailiff/config.h"
#include "bailiff/order.h"
#include "base/addr.h"
#include "base/clock.h"
#include "engine/record/rows.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 10000

static void free_json(json_t **j)
{
	json_decref(*j);
}

#define _json_ __attribute__((cleanup(free_json)))

static struct value number(int64_t i)
{
	return (struct value){ .type = VALUE_INT, .i = i };
}

struct question {
	sqlite3 *db;
	int64_t now_ms;
	json_t *arg;
};

static int64_t arg_number(const struct question *q, const char *name, int64_t other)
{
	const json_t *j = json_object_get(q->arg, name);

	return json_is_number(j) ? (int64_t)json_number_value(j) : other;
}

static int64_t arg_limit(const struct question *q)
{
	int64_t n = arg_number(q, "limit", LIMIT_DEFAULT);

	return n < 1 ? 1 : n > LIMIT_MAX ? LIMIT_MAX : n;
}

/* ---- incidents ---- */

#define VERDICT_COLUMNS "id, at_ms, until_ms, jail, subject, mode, amount," \
	" CASE WHEN closed_ms IS NULL AND until_ms > ?3 THEN 'open'" \
	"  ELSE 'closed' END, NULL, made, NULL"

/* A deed by hand is open while an account is locked or a ban holds by it. */
#define HAND_COLUMNS "id, at_ms, NULL, 'hand', target, -1, 0," \
	" CASE WHEN closed_ms IS NULL AND (EXISTS (SELECT 1 FROM orders o" \
	"   WHERE o.incident = hand.id AND o.type = ?4)" \
	"  OR EXISTS (SELECT 1 FROM bans b WHERE b.incident = hand.id" \
	"   AND b.ended_ms IS NULL AND b.until_ms > ?3)) THEN 'open'" \
	"  ELSE 'closed' END AS state, what, reason, by"

static const struct column incident_columns[] = {
	{ "id", COLUMN_NUMBER }, { "time", COLUMN_TIME }, { "until", COLUMN_TIME },
	{ "jail", COLUMN_TEXT }, { "subject", COLUMN_TEXT },
	{ "mode", COLUMN_MODE }, { "amount", COLUMN_NUMBER },
	{ "state", COLUMN_TEXT }, { "what", COLUMN_TEXT },
	{ "reason", COLUMN_TEXT }, { "by", COLUMN_TEXT }, { 0 }
};

static const char incidents_sql[] =
	"SELECT * FROM ("
	" SELECT * FROM (SELECT " VERDICT_COLUMNS " FROM verdicts"
	"  WHERE ?2 = 0 OR (closed_ms IS NULL AND until_ms > ?3)"
	"  ORDER BY at_ms DESC, id DESC LIMIT ?1)"
	" UNION ALL"
	" SELECT * FROM (SELECT " HAND_COLUMNS " FROM hand"
	"  WHERE ?2 = 0 OR state = 'open' ORDER BY at_ms DESC, id DESC LIMIT ?1))"
	" ORDER BY at_ms DESC, id DESC LIMIT ?1";

static const struct column count_columns[] = {
	{ "status", COLUMN_STATUS }, { "n", COLUMN_NUMBER }, { 0 }
};

/* {"status":S,"n":N} -> S: N */
static int add_count(void *object, json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "status"));

	return json_object_set(object, name, json_object_get(row, "n")) < 0 ?
	       -ENOMEM : 0;
}

static int put_counts(sqlite3 *db, json_t *incident)
{
	struct value id = number(json_integer_value(json_object_get(incident, "id")));
	json_t *counts = json_object();

	if (json_object_set_new(incident, "orders", counts) < 0)
		return -ENOMEM;
	return rows_each(db, "SELECT status, count(*) FROM orders"
			 " WHERE incident = ?1 GROUP BY status", &id, 1,
			 count_columns, add_count, counts);
}

static int put_all_counts(sqlite3 *db, json_t *incidents)
{
	size_t i;
	json_t *incident;
	int r = 0;

	json_array_foreach(incidents, i, incident) {
		r = put_counts(db, incident);
		if (r < 0)
			break;
	}
	return r;
}

/* A new array, filled by sql, under `name` in `into`. */
static int put_rows(const struct question *q, json_t *into, const char *name,
		    const char *sql, const struct value *v, unsigned n,
		    const struct column *columns, json_t **ret)
{
	json_t *array = json_array();

	if (json_object_set_new(into, name, array) < 0)
		return -ENOMEM;
	if (ret)
		*ret = array;
	return rows_array(q->db, sql, v, n, columns, array);
}

static int ask_incidents(const struct question *q, json_t *answer)
{
	bool open = json_is_true(json_object_get(q->arg, "open"));
	struct value v[] = {
		number(arg_limit(q)), number(open), number(q->now_ms),
		number(ORDER_LOCK),
	};
	json_t *list = NULL;
	int r = put_rows(q, answer, "incidents", incidents_sql, v, 4,
			 incident_columns, &list);

	return r < 0 ? r : put_all_counts(q->db, list);
}

/* ---- show ---- */

static const char find_sql[] =
	"SELECT coalesce((SELECT id FROM verdicts WHERE id = ?1),"
	" (SELECT id FROM hand WHERE id = ?1),"
	" (SELECT incident FROM orders WHERE id = ?1),"
	" (SELECT incident FROM bans WHERE id = ?1))";

static const char show_sql[] =
	"SELECT " VERDICT_COLUMNS ", actions,"
	" (SELECT lines FROM evidence e WHERE e.id = verdicts.id),"
	" closed_ms, closed_how, closed_by FROM verdicts WHERE id = ?1"
	" UNION ALL SELECT " HAND_COLUMNS ", NULL, NULL,"
	" closed_ms, closed_how, closed_by FROM hand WHERE id = ?1 LIMIT 1";

static const struct column show_columns[] = {
	{ "id", COLUMN_NUMBER }, { "time", COLUMN_TIME }, { "until", COLUMN_TIME },
	{ "jail", COLUMN_TEXT }, { "subject", COLUMN_TEXT },
	{ "mode", COLUMN_MODE }, { "amount", COLUMN_NUMBER },
	{ "state", COLUMN_TEXT }, { "what", COLUMN_TEXT },
	{ "reason", COLUMN_TEXT }, { "by", COLUMN_TEXT },
	{ "actions", COLUMN_JSON }, { "evidence", COLUMN_JSON },
	{ "closed_time", COLUMN_TIME }, { "closed_how", COLUMN_TEXT },
	{ "closed_by", COLUMN_TEXT }, { 0 }
};

static const char show_orders_sql[] =
	"SELECT id, what, target, at_ms, status, code, text, outcome_ms"
	" FROM orders WHERE incident = ?1 ORDER BY at_ms, id LIMIT 1000";

static const struct column order_columns[] = {
	{ "id", COLUMN_NUMBER }, { "what", COLUMN_TEXT }, { "target", COLUMN_TEXT },
	{ "time", COLUMN_TIME }, { "status", COLUMN_STATUS },
	{ "code", COLUMN_NUMBER }, { "text", COLUMN_TEXT },
	{ "outcome_time", COLUMN_TIME }, { 0 }
};

#define BAN_COLUMNS "SELECT id, incident, addr, scope, jail, since_ms," \
	" until_ms, reason, by, ended_ms, ended_why, ended_by FROM bans"

static const struct column ban_columns[] = {
	{ "id", COLUMN_NUMBER }, { "incident", COLUMN_NUMBER },
	{ "addr", COLUMN_ADDR }, { "scope", COLUMN_TEXT }, { "jail", COLUMN_TEXT },
	{ "since", COLUMN_TIME }, { "until", COLUMN_TIME },
	{ "reason", COLUMN_TEXT }, { "by", COLUMN_TEXT },
	{ "ended", COLUMN_TIME }, { "ended_why", COLUMN_TEXT },
	{ "ended_by", COLUMN_TEXT }, { 0 }
};

/* Keys of `row` that go into an object of their own, under other names. */
struct fold { const char *key, *as; };

static int fold(json_t *row, const char *name, const struct fold *f, bool present)
{
	json_t *o = present ? json_object() : json_null();
	int r = o ? 0 : -ENOMEM;

	for (; f->key && r == 0; f++) {
		if (present && json_object_set(o, f->as, json_object_get(row, f->key)) < 0)
			r = -ENOMEM;
		json_object_del(row, f->key);
	}
	if (r < 0)
		json_decref(o);
	else if (json_object_set_new(row, name, o) < 0)
		r = -ENOMEM;
	return r;
}

static int fold_outcome(json_t *order)
{
	static const struct fold outcome[] = {
		{ "status", "status" }, { "code", "code" }, { "text", "text" },
		{ "outcome_time", "time" }, { 0 }
	};
	bool present = !json_is_null(json_object_get(order, "outcome_time"));

	return fold(order, "outcome", outcome, present);
}

/* A verdict whose time is over is closed by nobody. */
static int fold_closed(json_t *incident, int64_t now_ms)
{
	static const struct fold closed[] = {
		{ "closed_time", "time" }, { "closed_how", "how" },
		{ "closed_by", "by" }, { 0 }
	};
	const json_t *until = json_object_get(incident, "until");
	bool by_deed = !json_is_null(json_object_get(incident, "closed_time"));
	bool by_time = json_is_real(until) &&
		       json_real_value(until) * 1000 <= (double)now_ms;

	if (!by_deed && by_time) {
		json_object_set(incident, "closed_time", json_object_get(incident, "until"));
		json_object_set_new(incident, "closed_how", json_string("expired"));
	}
	return fold(incident, "closed", closed, by_deed || by_time);
}

static int put_orders(const struct question *q, json_t *incident,
		      const struct value *id)
{
	json_t *orders = NULL, *order;
	size_t i;
	int r = put_rows(q, incident, "orders", show_orders_sql, id, 1,
			 order_columns, &orders);

	if (r < 0)
		return r;
	json_array_foreach(orders, i, order) {
		r = fold_outcome(order);
		if (r < 0)
			return r;
	}
	return 0;
}

static int update(void *into, json_t *row)
{
	return json_object_update(into, row) < 0 ? -ENOMEM : 0;
}

static int ask_show(const struct question *q, json_t *answer)
{
	static const struct column found[] = { { "id", COLUMN_NUMBER }, { 0 } };
	struct value v[] = {
		number(arg_number(q, "id", 0)), number(0), number(q->now_ms),
		number(ORDER_LOCK),
	};
	int r = rows_each(q->db, find_sql, v, 1, found, update, answer);

	if (r < 0)
		return r;
	v[0].i = json_integer_value(json_object_get(answer, "id"));
	json_object_clear(answer);
	r = rows_each(q->db, show_sql, v, 4, show_columns, update, answer);
	if (r < 0)
		return r;
	if (!json_object_get(answer, "id"))
		return -ENOENT;
	r = fold_closed(answer, q->now_ms);
	if (r == 0)
		r = put_orders(q, answer, &v[0]);
	if (r == 0)
		r = put_rows(q, answer, "bans", BAN_COLUMNS " WHERE incident = ?1"
			     " ORDER BY since_ms, id LIMIT 1000", v, 1,
			     ban_columns, NULL);
	return r;
}

/* ---- why ---- */

/* An address is looked for as itself and within these prefixes. */
static const uint8_t wider[2][4] = { { 32, 24, 16, 8 }, { 128, 64, 56, 48 } };

#define SUBJECTS 5		/* ?5 to ?9: texts; ?10 to ?13: addresses */
#define OF_VALUES (4 + SUBJECTS + 4)
#define OF_SUBJECT "(?5, ?6, ?7, ?8, ?9)"
#define OF_ADDR "(?10, ?11, ?12, ?13)"

static const char of_verdicts_sql[] =
	"SELECT " VERDICT_COLUMNS ", actions,"
	" (SELECT lines FROM evidence e WHERE e.id = verdicts.id),"
	" closed_ms, closed_how, closed_by FROM verdicts"
	" WHERE subject IN " OF_SUBJECT
	" OR id IN (SELECT incident FROM bans WHERE addr IN " OF_ADDR ")"
	" ORDER BY id DESC LIMIT ?1";

static const char of_bans_sql[] =
	BAN_COLUMNS " WHERE addr IN " OF_ADDR " ORDER BY since_ms DESC LIMIT ?1";

static const char of_hand_sql[] =
	"SELECT " HAND_COLUMNS " FROM hand WHERE target IN " OF_SUBJECT
	" ORDER BY at_ms DESC LIMIT ?1";

struct subjects {
	char text[4][ADDR_TEXT_MAX];
	struct addr addr[4];
};

static void fill_subjects(const char *subject, struct subjects *s, struct value *v)
{
	struct addr a;

	v[4] = (struct value){ .type = VALUE_TEXT, .s = span_of(subject) };
	if (addr_parse(span_of(subject), &a) < 0)
		return;
	for (int i = 0; i < 4; i++) {
		s->addr[i] = addr_mask(&a, wider[a.family == ADDR_V6][i]);
		addr_print(&s->addr[i], s->text[i]);
		v[5 + i] = (struct value){
			.type = VALUE_TEXT, .s = span_of(s->text[i]),
		};
		v[4 + SUBJECTS + i] = (struct value){
			.type = VALUE_BLOB,
			.s = { (const char *)&s->addr[i], sizeof(s->addr[i]) },
		};
	}
}

static int ask_verdicts_of(const struct question *q, json_t *answer)
{
	const char *subject = json_string_value(json_object_get(q->arg, "subject"));
	struct value v[OF_VALUES] = {
		number(arg_limit(q)), number(0), number(q->now_ms),
		number(ORDER_LOCK),
	};
	struct subjects s;
	json_t *list = NULL, *verdict;
	size_t i;
	int r;

	if (!subject)
		return -EINVAL;
	fill_subjects(subject, &s, v);
	if (json_object_set(answer, "subject", json_object_get(q->arg, "subject")) < 0)
		return -ENOMEM;
	r = put_rows(q, answer, "verdicts", of_verdicts_sql, v, OF_VALUES,
		     show_columns, &list);
	if (r == 0)
		r = put_all_counts(q->db, list);
	if (r < 0)
		return r;
	json_array_foreach(list, i, verdict) {
		r = fold_closed(verdict, q->now_ms);
		if (r < 0)
			return r;
	}
	r = put_rows(q, answer, "bans", of_bans_sql, v, OF_VALUES, ban_columns, NULL);
	if (r == 0)
		r = put_rows(q, answer, "hand", of_hand_sql, v, OF_VALUES,
			     incident_columns, NULL);
	return r;
}

/* ---- digest ---- */

static const struct column jail_columns[] = {
	{ "jail", COLUMN_TEXT }, { "verdicts", COLUMN_NUMBER },
	{ "shadow", COLUMN_NUMBER }, { "bans", COLUMN_NUMBER },
	{ "done", COLUMN_NUMBER }, { "refused", COLUMN_NUMBER },
	{ "failed", COLUMN_NUMBER }, { "unknown", COLUMN_NUMBER },
	{ "proposed", COLUMN_NUMBER }, { 0 }
};

static const char jails_sql[] =
	"SELECT jail, sum(v), sum(s), sum(b), sum(o0), sum(o1), sum(o2), sum(o3),"
	" sum(o4) FROM ("
	" SELECT jail, count(*) AS v, sum(mode = 1) AS s, 0 AS b, 0 AS o0,"
	"  0 AS o1, 0 AS o2, 0 AS o3, 0 AS o4 FROM verdicts"
	"  WHERE at_ms >= ?2 AND at_ms < ?3 GROUP BY jail"
	" UNION ALL SELECT jail, 0, 0, count(*), 0, 0, 0, 0, 0 FROM bans"
	"  WHERE since_ms >= ?2 AND since_ms < ?3 GROUP BY jail"
	" UNION ALL SELECT coalesce(v.jail, 'hand'), 0, 0, 0, total(status = 0),"
	"  total(status = 1), total(status = 2), total(status = 3),"
	"  total(status = 4)"
	"  FROM orders o LEFT JOIN verdicts v ON v.id = o.incident"
	"  WHERE o.at_ms >= ?2 AND o.at_ms < ?3 GROUP BY 1)"
	" GROUP BY jail ORDER BY jail";

static const struct column refused_columns[] = {
	{ "jail", COLUMN_TEXT }, { "what", COLUMN_TEXT }, { "status", COLUMN_STATUS },
	{ "reason", COLUMN_TEXT }, { "count", COLUMN_NUMBER },
	{ "example", COLUMN_TEXT }, { 0 }
};

static const char refused_sql[] =
	"SELECT coalesce(v.jail, 'hand'), what, status, text, count(*), min(target)"
	" FROM orders o LEFT JOIN verdicts v ON v.id = o.incident"
	" WHERE o.at_ms >= ?2 AND o.at_ms < ?3 AND status IN (1, 2, 3)"
	" GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT ?1";

static const struct column network_columns[] = {
	{ "network", COLUMN_NETWORK }, { "bans", COLUMN_NUMBER }, { 0 }
};

/* /24 of IPv4, /48 of IPv6: the bytes of those and the family. */
static const char networks_sql[] =
	"SELECT CAST(substr(addr, 1, CASE WHEN substr(addr, 17, 1) = x'04' THEN 3"
	"  ELSE 6 END) || substr(addr, 17, 1) AS BLOB), count(*) FROM bans"
	" WHERE since_ms >= ?2 AND since_ms < ?3"
	" GROUP BY 1 ORDER BY 2 DESC LIMIT ?1";

static const struct column account_columns[] = {
	{ "incident", COLUMN_NUMBER }, { "id", COLUMN_NUMBER },
	{ "what", COLUMN_TEXT }, { "target", COLUMN_TEXT },
	{ "time", COLUMN_TIME }, { "status", COLUMN_STATUS }, { 0 }
};

static const char accounts_sql[] =
	"SELECT incident, id, what, target, at_ms, status FROM orders"
	" WHERE at_ms >= ?2 AND at_ms < ?3 AND type >= ?4 ORDER BY at_ms LIMIT ?1";

_Static_assert(OUTCOME_DONE == 0 && OUTCOME_REFUSED == 1 &&
	       OUTCOME_FAILED == 2 && OUTCOME_UNKNOWN == 3 &&
	       OUTCOME_PROPOSED == 4, "jails_sql has them as numbers");
_Static_assert(MODE_SHADOW == 1, "jails_sql has it as a number");

static int ask_digest(const struct question *q, json_t *answer)
{
	static const struct {
		const char *name, *sql;
		const struct column *columns;
	} part[] = {
		{ "jails", jails_sql, jail_columns },
		{ "refused", refused_sql, refused_columns },
		{ "networks", networks_sql, network_columns },
		{ "accounts", accounts_sql, account_columns },
	};
	struct value v[] = {
		number(20), number(arg_number(q, "since", 0)),
		number(arg_number(q, "until", INT64_MAX)), number(ORDER_LOCK),
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]) && r == 0; i++)
		r = put_rows(q, answer, part[i].name, part[i].sql, v, 4,
			     part[i].columns, NULL);
	return r;
}

/* ---- locks ---- */

static const struct column lock_columns[] = {
	{ "user", COLUMN_TEXT }, { "since", COLUMN_TIME }, { "incident", COLUMN_NUMBER },
	{ "by", COLUMN_TEXT }, { "state", COLUMN_TEXT }, { 0 }
};

/* A lock that was done, and that no later unlock or undo of the account ended. */
static const char locks_sql[] =
	"SELECT target, max(at_ms), incident,"
	" coalesce((SELECT jail FROM verdicts v WHERE v.id = o.incident),"
	"  (SELECT by FROM hand h WHERE h.id = o.incident)), 'locked'"
	" FROM orders o WHERE type = ?4 AND status = 0 AND NOT EXISTS ("
	"  SELECT 1 FROM orders u WHERE u.target = o.target AND u.status = 0"
	"   AND u.type IN (?1, ?2) AND u.at_ms >= o.at_ms)"
	" GROUP BY target ORDER BY 2";

static int ask_locks(const struct question *q, json_t *answer)
{
	struct value v[] = {
		number(ORDER_UNLOCK), number(ORDER_UNDO), number(0), number(ORDER_LOCK),
	};

	return put_rows(q, answer, "locks", locks_sql, v, 4, lock_columns, NULL);
}

/* ---- still ---- */

static const struct column still_columns[] = {
	{ "incident", COLUMN_NUMBER }, { "what", COLUMN_JSON }, { 0 }
};

/*
 * What open incidents did to an account, but for its lock. One of a jail counts
 * if that was all: the jail says no more of the account while it is open.
 */
static const char still_sql[] =
	"WITH open AS (SELECT id, 1 AS jail FROM verdicts"
	"  WHERE closed_ms IS NULL AND until_ms > ?3"
	" UNION ALL SELECT id, 0 FROM hand WHERE closed_ms IS NULL)"
	" SELECT incident, json_group_array(DISTINCT what) FILTER (WHERE type <> ?4)"
	" FROM open JOIN orders o ON o.incident = open.id"
	" WHERE target = ?5 AND status = 0 AND (type IN (?1, ?2)"
	"  OR (type = ?6 AND code > 0) OR (type = ?4 AND jail))"
	" GROUP BY incident ORDER BY incident";

static int ask_still(const struct question *q, json_t *answer)
{
	const char *user = json_string_value(json_object_get(q->arg, "user"));
	struct value v[] = {
		number(ORDER_DENY), number(ORDER_PARK), number(q->now_ms), number(ORDER_LOCK),
		{ .type = VALUE_TEXT, .s = span_of(user ? user : "") }, number(ORDER_HOLD),
	};

	return put_rows(q, answer, "still", still_sql, v, 6, still_columns, NULL);
}

/* ---- all of them ---- */

static int (*const ask[])(const struct question *q, json_t *answer) = {
	[STORE_Q_INCIDENTS] = ask_incidents,
	[STORE_Q_SHOW] = ask_show,
	[STORE_Q_VERDICTS_OF] = ask_verdicts_of,
	[STORE_Q_LOCKS] = ask_locks,
	[STORE_Q_STILL] = ask_still,
	[STORE_Q_DIGEST] = ask_digest,
};

int answer_make(struct ledger *l, enum store_query q, const char *arg_json,
		char **ret)
{
	_json_ json_t *arg = json_loads(arg_json ? arg_json : "{}", 0, NULL);
	_json_ json_t *answer = json_object();
	struct question question = { .db = ledger_db(l), .arg = arg };
	char *text;
	int r;

	if ((size_t)q >= sizeof(ask) / sizeof(ask[0]) || !json_is_object(arg))
		return -EINVAL;
	question.now_ms = arg_number(&question, "now", clock_wall().ms);
	r = ask[q](&question, answer);
	if (r < 0)
		return r;
	/* 14 digits: seconds with milliseconds, exactly. */
	text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(14));
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
