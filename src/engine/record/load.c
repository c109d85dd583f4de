/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * History out of the ledger at a start: rows in, calls of the caller's
 * function out, as they were recorded. One statement each, a row at a time.
 */
#include "engine/record/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bailiff/order.h"

#define RECALL_MAX 1000000
#define RECALL_MS (8 * 86400 * (int64_t)1000)

typedef int row_fn(sqlite3_stmt *row, void *arg);

static int each(sqlite3 *db, const char *sql, int64_t param, row_fn *fn, void *arg)
{
	sqlite3_stmt *stmt;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return ledger_errno(db, rc);
	sqlite3_bind_int64(stmt, 1, param);
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		r = fn(stmt, arg);
	if (r == 0 && rc != SQLITE_DONE)
		r = ledger_errno(db, rc);
	sqlite3_finalize(stmt);
	return r;
}

static const char *text(sqlite3_stmt *row, int col)
{
	return (const char *)sqlite3_column_text(row, col);
}

static struct span blob(sqlite3_stmt *row, int col)
{
	const char *p = sqlite3_column_blob(row, col);

	return (struct span){ p, p ? (size_t)sqlite3_column_bytes(row, col) : 0 };
}

static uint64_t number(sqlite3_stmt *row, int col)
{
	return (uint64_t)sqlite3_column_int64(row, col);
}

struct call {
	union {
		store_ban_fn *ban;
		store_verdict_fn *verdict;
		store_order_fn *order;
	};
	void *arg;
};

static int ban_row(sqlite3_stmt *row, void *arg)
{
	const struct call *c = arg;
	struct span addr = blob(row, 2);
	struct ban_row b = {
		.order = number(row, 0), .incident = number(row, 1),
		.scope = text(row, 3), .jail = text(row, 4),
		.since_ms = sqlite3_column_int64(row, 5),
		.until_ms = sqlite3_column_int64(row, 6),
		.reason = text(row, 7), .by = text(row, 8),
	};

	if (addr.n != sizeof(b.addr))
		return -EBADMSG;
	memcpy(&b.addr, addr.p, sizeof(b.addr));
	return c->ban(c->arg, &b);
}

int load_active_bans(struct ledger *l, int64_t now_ms, store_ban_fn *fn, void *arg)
{
	struct call c = { .ban = fn, .arg = arg };

	/* As the index has them, nothing is sorted; of two for one address the longer comes last. */
	return each(ledger_db(l), "SELECT id, incident, addr, scope, jail,"
		    " since_ms, until_ms, reason, by FROM bans INDEXED BY bans_until"
		    " WHERE until_ms > ?1 AND ended_ms IS NULL"
		    " ORDER BY until_ms, id", now_ms, ban_row, &c);
}

static int verdict_row(sqlite3_stmt *row, void *arg)
{
	const struct call *c = arg;
	struct verdict_row v = {
		.id = number(row, 0), .jail = text(row, 1), .key = blob(row, 2),
		.subject = text(row, 3),
		.when_ms = sqlite3_column_int64(row, 4),
		.until_ms = sqlite3_column_int64(row, 5),
		.pos = { number(row, 6), number(row, 7), number(row, 8),
			 number(row, 9) },
		.amount = number(row, 10), .mode = sqlite3_column_int(row, 11),
		.actions = text(row, 12), .made = text(row, 14),
	};

	return c->verdict(c->arg, &v, sqlite3_column_type(row, 13) != SQLITE_NULL);
}

int load_verdicts(struct ledger *l, int64_t since_ms, store_verdict_fn *fn, void *arg)
{
	struct call c = { .verdict = fn, .arg = arg };

	return each(ledger_db(l), "SELECT id, jail, key, subject, at_ms, until_ms,"
		    " dev, ino, fingerprint, offset, amount, mode, actions,"
		    " closed_ms, made FROM verdicts WHERE id IN"
		    " (SELECT id FROM verdicts WHERE at_ms >= ?1 UNION ALL"
		    "  SELECT id FROM verdicts WHERE until_ms > ?1"
		    "  AND closed_ms IS NULL)"
		    " ORDER BY id", since_ms, verdict_row, &c);
}

static int order_row(sqlite3_stmt *row, void *arg)
{
	const struct call *c = arg;

	return c->order(c->arg, number(row, 0), number(row, 1),
			sqlite3_column_int(row, 2), text(row, 3), text(row, 4));
}

int load_open_orders(struct ledger *l, store_order_fn *fn, void *arg)
{
	struct call c = { .order = fn, .arg = arg };

	/* The condition of the index orders_open, word by word. */
	return each(ledger_db(l), "SELECT id, incident, type, what, target"
		    " FROM orders WHERE status IS NULL AND type > 4"
		    " ORDER BY id", 0, order_row, &c);
}

struct recalling {
	struct recall *recall;
	int64_t oldest_ms;
};

/* Newest first; 1 ends it. */
static int recall_row(sqlite3_stmt *row, void *arg)
{
	struct recalling *c = arg;
	int64_t recorded = sqlite3_column_int64(row, 5);
	int r;

	if (c->oldest_ms == INT64_MIN)
		c->oldest_ms = recorded - RECALL_MS;
	if (recorded < c->oldest_ms)
		return 1;
	r = recall_add(c->recall, text(row, 1), blob(row, 2),
		       sqlite3_column_int64(row, 3), number(row, 4), number(row, 0));
	return r == -ENOSPC ? 1 : r;
}

static int count_row(sqlite3_stmt *row, void *arg)
{
	*(int64_t *)arg = sqlite3_column_int64(row, 0);
	return 0;
}

int load_recall(struct ledger *l, struct recall **ret)
{
	struct recalling c = { .oldest_ms = INT64_MIN };
	int64_t n = 0;
	int r;

	r = each(ledger_db(l), "SELECT count(*) FROM (SELECT 1 FROM verdicts"
		 " LIMIT ?1)", RECALL_MAX, count_row, &n);
	if (r == 0)
		r = recall_new((size_t)n, &c.recall);
	if (r < 0)
		return r;
	/* By id, which is the order of recording, not of log time. */
	r = each(ledger_db(l), "SELECT id, jail, key, at_ms, offset, recorded_ms"
		 " FROM verdicts ORDER BY id DESC LIMIT ?1", RECALL_MAX,
		 recall_row, &c);
	if (r < 0) {
		recall_free(&c.recall);
		return r;
	}
	*ret = c.recall;
	return 0;
}

int load_setting(struct ledger *l, const char *key, char **ret)
{
	sqlite3 *db = ledger_db(l);
	sqlite3_stmt *stmt;
	char *value = NULL;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(db, "SELECT value FROM settings WHERE key = ?1",
				-1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return ledger_errno(db, rc);
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		value = strdup(text(stmt, 0));
		r = value ? 0 : -ENOMEM;
	} else if (rc != SQLITE_DONE) {
		r = ledger_errno(db, rc);
	}
	sqlite3_finalize(stmt);
	if (r == 0)
		*ret = value;
	return r;
}
