/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is written: one row in the table below for each kind of record, with
 * the statements it is for, all of them handed the record's values as ?1, ?2,
 * ... Statements are prepared once; a batch is one transaction around many.
 *
 * synchronous=FULL: the log is fsynced at each commit. With NORMAL a power
 * failure would lose the commits since the last checkpoint, and with them
 * reserved ids (the runner knows what it did by id) and mails already sent
 * (which go at most once). It costs one fsync a batch, in a thread that
 * nothing waits for, and while the disk is busy the next batch grows.
 */
#include "engine/record/ledger.h"

#include <errno.h>

#include "engine/record/ledger_private.h"

static const char *const statements[RECORD_KINDS][LEDGER_STATEMENTS_MAX] = {
	/* id evidence jail key subject at until dev ino fingerprint offset
	 * amount mode actions recorded made */
	[RECORD_VERDICT] = {
		"INSERT OR IGNORE INTO verdicts (id, jail, key, subject, at_ms,"
		" until_ms, dev, ino, fingerprint, offset, amount, mode, actions,"
		" recorded_ms, made) VALUES"
		" (?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
		"INSERT OR IGNORE INTO evidence (id, lines) VALUES (?1, ?2)",
	},
	/* id incident addr scope jail since until reason by */
	[RECORD_BAN] = {
		"INSERT OR IGNORE INTO bans (id, incident, addr, scope, jail,"
		" since_ms, until_ms, reason, by)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		"INSERT OR REPLACE INTO bans (id, incident, addr, scope, jail,"
		" since_ms, until_ms, reason, by)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	},
	/* addr scope at by */
	[RECORD_UNBAN] = {
		"UPDATE bans SET ended_ms = ?3, ended_why = 'unban', ended_by = ?4"
		" WHERE addr = ?1 AND (?2 IS NULL OR scope = ?2)"
		" AND ended_ms IS NULL AND until_ms > ?3",
	},
	/*
	 * id incident type what target at. One that is there already: a crash
	 * came before its verdict was recorded, which is another incident now.
	 */
	[RECORD_ORDER] = {
		"INSERT INTO orders (id, incident, type, what, target, at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (id) DO UPDATE SET incident = excluded.incident",
	},
	/* id status code text at */
	[RECORD_OUTCOME] = {
		"UPDATE orders SET status = ?2, code = ?3, text = ?4,"
		" outcome_ms = ?5 WHERE id = ?1",
	},
	/* id addr */
	[RECORD_BAN_DONE] = {
		"UPDATE bans SET addr = ?2 WHERE id = ?1 AND addr <> ?2",
	},
	/* id at */
	[RECORD_BAN_REFUSED] = {
		"UPDATE bans SET ended_ms = ?2, ended_why = 'refused'"
		" WHERE id = ?1 AND ended_ms IS NULL",
	},
	/* id at how by */
	[RECORD_CLOSED] = {
		"UPDATE verdicts SET closed_ms = ?2, closed_how = ?3,"
		" closed_by = ?4 WHERE id = ?1 AND closed_ms IS NULL",
		"UPDATE hand SET closed_ms = ?2, closed_how = ?3,"
		" closed_by = ?4 WHERE id = ?1 AND closed_ms IS NULL",
	},
	/* id what target reason by at */
	[RECORD_HAND] = {
		"INSERT OR REPLACE INTO hand (id, what, target, reason, by, at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	},
	/* key value */
	[RECORD_SETTING] = {
		"DELETE FROM settings WHERE key = ?1",
		"INSERT INTO settings SELECT ?1, ?2 WHERE ?2 IS NOT NULL",
	},
};

/*
 * A second statement that depends on what the first did. A ban is there already
 * next to never, and a statement that might replace costs SQLite a copy of each
 * page that it touches, to go back to if it must.
 */
static const enum { ALWAYS, IF_CHANGED, IF_UNCHANGED } second[RECORD_KINDS] = {
	[RECORD_VERDICT] = IF_CHANGED, [RECORD_BAN] = IF_UNCHANGED,
};

static bool is_due(const struct ledger *l, unsigned kind, int at)
{
	if (at == 0 || second[kind] == ALWAYS)
		return true;
	return (sqlite3_changes(l->db) > 0) == (second[kind] == IF_CHANGED);
}

/* Rows that one step deletes, so that bans wait little for it. */
#define PRUNE_ROWS "2000"

/* ?1: before. In this order: an order is old when its incident is gone. */
static const char *const prunes[LEDGER_PRUNES] = {
	"DELETE FROM bans WHERE id IN (SELECT id FROM bans"
	" WHERE until_ms < ?1 LIMIT " PRUNE_ROWS ")",
	"DELETE FROM bans WHERE id IN (SELECT id FROM bans"
	" WHERE ended_ms < ?1 LIMIT " PRUNE_ROWS ")",
	"DELETE FROM verdicts WHERE id IN (SELECT id FROM verdicts"
	" WHERE until_ms < ?1 LIMIT " PRUNE_ROWS ")",
	"DELETE FROM verdicts WHERE id IN (SELECT id FROM verdicts"
	" WHERE at_ms < ?1 AND closed_ms < ?1 LIMIT " PRUNE_ROWS ")",
	"DELETE FROM hand WHERE id IN (SELECT id FROM hand WHERE at_ms < ?1"
	" AND (closed_ms < ?1 OR NOT EXISTS (SELECT 1 FROM orders o"
	"  WHERE o.incident = hand.id AND o.type > 4))"
	" LIMIT " PRUNE_ROWS ")",
	"DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE at_ms < ?1"
	" AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.id = incident)"
	" AND NOT EXISTS (SELECT 1 FROM hand h WHERE h.id = incident)"
	" AND NOT EXISTS (SELECT 1 FROM bans b WHERE b.id = orders.id)"
	" LIMIT " PRUNE_ROWS ")",
};

/* Commands run as they are. */
static const char *const plain[LEDGER_PLAINS] = {
	[LEDGER_BEGIN] = "BEGIN IMMEDIATE",
	[LEDGER_COMMIT] = "COMMIT",
	[LEDGER_ROLLBACK] = "ROLLBACK",
	[LEDGER_RESERVE] = "UPDATE meta SET value = value + ?1 WHERE key = 'ids'"
			   " RETURNING value",
	[LEDGER_RETURN] = "UPDATE meta SET value = ?2"
			  " WHERE key = 'ids' AND value = ?1",
};

int ledger_errno(sqlite3 *db, int rc)
{
	int error = 0;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
		return -EINVAL;
	case SQLITE_READONLY:
		return -EROFS;
	}
	/* Only for these two does SQLite keep the errno of the call that failed. */
	if (db && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN))
		error = sqlite3_system_errno(db);
	return error > 0 ? -error : -EIO;
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT,
				    ret, NULL);

	return rc == SQLITE_OK ? 0 : ledger_errno(db, rc);
}

int ledger_prepare(struct ledger *l)
{
	int r = 0;

	for (int kind = 0; kind < RECORD_KINDS; kind++)
		for (int i = 0; i < LEDGER_STATEMENTS_MAX && r == 0; i++)
			if (statements[kind][i])
				r = prepare(l->db, statements[kind][i],
					    &l->record[kind][i]);
	for (int i = 0; i < LEDGER_PRUNES && r == 0; i++)
		r = prepare(l->db, prunes[i], &l->prune[i]);
	for (int i = 0; i < LEDGER_PLAINS && r == 0; i++)
		r = prepare(l->db, plain[i], &l->plain[i]);
	return r;
}

void ledger_finalize(struct ledger *l)
{
	for (int kind = 0; kind < RECORD_KINDS; kind++)
		for (int i = 0; i < LEDGER_STATEMENTS_MAX; i++)
			sqlite3_finalize(l->record[kind][i]);
	for (int i = 0; i < LEDGER_PRUNES; i++)
		sqlite3_finalize(l->prune[i]);
	for (int i = 0; i < LEDGER_PLAINS; i++)
		sqlite3_finalize(l->plain[i]);
}

sqlite3 *ledger_db(struct ledger *l)
{
	return l->db;
}

int ledger_trouble(const struct ledger *l)
{
	return l->trouble;
}

/* Run to the end; *ret, if any, is the first column of the first row. */
static int run(struct ledger *l, sqlite3_stmt *stmt, int64_t *ret)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW && ret)
		*ret = sqlite3_column_int64(stmt, 0);
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(stmt);
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	if (rc != SQLITE_OK)
		rc = ledger_errno(l->db, rc);
	sqlite3_reset(stmt);
	return rc;
}

void ledger_bind(sqlite3_stmt *stmt, int at, const struct value *v)
{
	const char *p = v->s.n > 0 ? v->s.p : "";

	switch (v->type) {
	case VALUE_NULL:
		sqlite3_bind_null(stmt, at);
		break;
	case VALUE_INT:
		sqlite3_bind_int64(stmt, at, v->i);
		break;
	case VALUE_TEXT:
		sqlite3_bind_text(stmt, at, p, (int)v->s.n, SQLITE_STATIC);
		break;
	case VALUE_BLOB:
		sqlite3_bind_blob(stmt, at, p, (int)v->s.n, SQLITE_STATIC);
		break;
	}
}

int ledger_begin(struct ledger *l)
{
	return run(l, l->plain[LEDGER_BEGIN], NULL);
}

int ledger_apply(struct ledger *l, const struct record *r)
{
	sqlite3_stmt **stmt = l->record[r->kind];
	int ret = 0;

	for (int i = 0; i < LEDGER_STATEMENTS_MAX && stmt[i] && ret == 0 && is_due(l, r->kind, i); i++) {
		int n = sqlite3_bind_parameter_count(stmt[i]);

		for (int at = 1; at <= n; at++)
			ledger_bind(stmt[i], at, &r->v[at - 1]);
		ret = run(l, stmt[i], NULL);
		sqlite3_clear_bindings(stmt[i]);
	}
	return ret;
}

int ledger_commit(struct ledger *l)
{
	return run(l, l->plain[LEDGER_COMMIT], NULL);
}

void ledger_rollback(struct ledger *l)
{
	/* SQLite rolls back by itself on a full disk and the like. */
	if (!sqlite3_get_autocommit(l->db))
		run(l, l->plain[LEDGER_ROLLBACK], NULL);
}

int ledger_reserve_ids(struct ledger *l, uint64_t n, uint64_t *ret)
{
	sqlite3_stmt *stmt = l->plain[LEDGER_RESERVE];
	int64_t last = 0;
	int r;

	sqlite3_bind_int64(stmt, 1, (int64_t)n);
	r = run(l, stmt, &last);
	if (r == 0 && last < (int64_t)n)
		r = -EBADMSG;
	if (r == 0)
		*ret = (uint64_t)last;
	return r;
}

int ledger_return_ids(struct ledger *l, uint64_t reserved, uint64_t used)
{
	sqlite3_stmt *stmt = l->plain[LEDGER_RETURN];

	sqlite3_bind_int64(stmt, 1, (int64_t)reserved);
	sqlite3_bind_int64(stmt, 2, (int64_t)used);
	return run(l, stmt, NULL);
}

int ledger_prune_step(struct ledger *l, int64_t before_ms)
{
	for (int i = 0; i < LEDGER_PRUNES; i++) {
		int r;

		sqlite3_bind_int64(l->prune[i], 1, before_ms);
		r = run(l, l->prune[i], NULL);
		if (r < 0)
			return r;
		if (sqlite3_changes(l->db) > 0)
			return 1;
	}
	return 0;
}
