/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's tables, as steps from each version to the next: row N of the
 * table below turns version N into N + 1. What has been released never changes
 * here; a new need is a new row. The version is SQLite's user_version.
 *
 * Times are milliseconds since the epoch, INT64_MAX for "no end"; ids are
 * store_next_id()'s, which grow as rows are recorded. Indices are few, and all
 * but one grow at their end: one that is hit at random costs a page for every
 * row of a burst, many times over. So a verdict's identity begins with its
 * time, `why` reads the verdicts backwards, and the digest reads all there is.
 * Evidence lies apart, so that history is read at a start without it.
 */
#include "engine/record/schema.h"

#include <errno.h>
#include <stdio.h>

#include "bailiff/order.h"
#include "engine/record/ledger.h"

/* "bail": tells a ledger from any other SQLite file. */
#define APPLICATION_ID 0x6261696c

/* Their numbers stand in the index `orders_open` on people's disks. */
_Static_assert(ORDER_BAN == 1 && ORDER_UNBAN == 2 && ORDER_ALLOW == 3 &&
	       ORDER_DISALLOW == 4 && ORDER_DENY == 13, "order types are part of the schema");

static const char *const migrations[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('ids', 0);"

	"CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"

	/* Each is an incident too: closed_* are its state. */
	"CREATE TABLE verdicts ("
	" id INTEGER PRIMARY KEY, jail TEXT NOT NULL, key BLOB NOT NULL,"
	" subject TEXT, at_ms INTEGER, until_ms INTEGER,"
	" dev INTEGER, ino INTEGER, fingerprint INTEGER, offset INTEGER,"
	" amount INTEGER, mode INTEGER, actions TEXT, recorded_ms INTEGER,"
	" closed_ms INTEGER, closed_how TEXT, closed_by TEXT,"
	" UNIQUE (at_ms, offset, jail, key));"
	"CREATE INDEX verdicts_until ON verdicts (until_ms);"
	"CREATE TABLE evidence (id INTEGER PRIMARY KEY, lines TEXT);"
	"CREATE TRIGGER verdicts_gone AFTER DELETE ON verdicts BEGIN"
	" DELETE FROM evidence WHERE id = old.id; END;"

	"CREATE TABLE bans ("
	" id INTEGER PRIMARY KEY, incident INTEGER, addr BLOB NOT NULL,"
	" scope TEXT, jail TEXT, since_ms INTEGER, until_ms INTEGER,"
	" reason TEXT, by TEXT,"
	" ended_ms INTEGER, ended_why TEXT, ended_by TEXT);"
	"CREATE INDEX bans_addr ON bans (addr);"
	"CREATE INDEX bans_until ON bans (until_ms);"
	"CREATE INDEX bans_incident ON bans (incident);"

	/* The outcome stands in its order's row: status NULL is none yet. */
	"CREATE TABLE orders ("
	" id INTEGER PRIMARY KEY, incident INTEGER, type INTEGER,"
	" what TEXT, target TEXT, at_ms INTEGER,"
	" status INTEGER, code INTEGER, text TEXT, outcome_ms INTEGER);"
	"CREATE INDEX orders_incident ON orders (incident);"
	"CREATE INDEX orders_open ON orders (id)"
	" WHERE status IS NULL AND type > 4;"

	"CREATE TABLE hand ("
	" id INTEGER PRIMARY KEY, what TEXT, target TEXT, reason TEXT, by TEXT,"
	" at_ms INTEGER, closed_ms INTEGER, closed_how TEXT, closed_by TEXT);"
	"CREATE INDEX hand_at ON hand (at_ms);",

	/* What made it, in words. */
	"ALTER TABLE verdicts ADD COLUMN made TEXT;",
};

const int schema_newest = sizeof(migrations) / sizeof(migrations[0]);

static int pragma_get(sqlite3 *db, const char *sql, int *ret)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			*ret = sqlite3_column_int(stmt, 0);
		rc = sqlite3_finalize(stmt);
	}
	return rc == SQLITE_OK ? 0 : ledger_errno(db, rc);
}

static int run(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : ledger_errno(db, rc);
}

/* Within a transaction: all steps from version `have` on. */
static int upgrade(sqlite3 *db, int have, int64_t ids)
{
	char sql[200];
	int r = 0;

	for (int i = have; i < schema_newest && r == 0; i++)
		r = run(db, migrations[i]);
	if (r < 0)
		return r;
	snprintf(sql, sizeof(sql),
		 "PRAGMA application_id = %d; PRAGMA user_version = %d;"
		 "UPDATE meta SET value = max(value, %lld) WHERE key = 'ids'",
		 APPLICATION_ID, schema_newest, have == 0 ? (long long)ids : 0LL);
	return run(db, sql);
}

/* -EBADMSG for somebody else's database: it has tables and not our mark. */
static int check_kind(sqlite3 *db, int *ret_version)
{
	int application = 0, tables = 0, version = 0, r;

	r = pragma_get(db, "PRAGMA application_id", &application);
	if (r == 0)
		r = pragma_get(db, "PRAGMA user_version", &version);
	if (r == 0)
		r = pragma_get(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	if (application != APPLICATION_ID && (tables > 0 || version != 0))
		return -EBADMSG;
	if (application == APPLICATION_ID && (tables == 0 || version <= 0))
		return -EBADMSG;
	*ret_version = version;
	return 0;
}

int schema_migrate(sqlite3 *db, int64_t ids, int *ret)
{
	int version = 0, r = check_kind(db, &version);

	if (r < 0)
		return r;
	*ret = version;
	if (version > schema_newest)
		return -ENOTSUP;
	if (version == schema_newest)
		return 0;
	r = run(db, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	/* Another engine may have been faster while we waited for the lock. */
	r = check_kind(db, &version);
	if (r == 0 && version < schema_newest)
		r = upgrade(db, version, ids);
	if (r == 0)
		r = run(db, "COMMIT");
	if (r < 0)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}
