/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of the ledger as JSON objects. A question says in a table what its
 * columns are called and how they read; this turns them. Text that is not
 * UTF-8 is escaped rather than lost: the callers escape before they record,
 * but a ledger is a file.
 */
#include "engine/record/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bailiff/config.h"
#include "bailiff/order.h"
#include "base/addr.h"
#include "base/buf.h"
#include "engine/record/ledger.h"

static const char *const mode_name[] = {
	[MODE_OFF] = "off", [MODE_SHADOW] = "shadow",
	[MODE_PROPOSE] = "propose", [MODE_ON] = "on",
};

static const char *const status_name[] = {
	[OUTCOME_DONE] = "done", [OUTCOME_REFUSED] = "refused",
	[OUTCOME_FAILED] = "failed", [OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_PROPOSED] = "proposed",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *rows_status(int status)
{
	return status >= 0 && (size_t)status < COUNT(status_name) ?
	       status_name[status] : "unknown";
}

static json_t *text(const char *p, size_t n)
{
	json_t *j = json_stringn(p, n);
	struct buf b = { 0 };

	if (j)
		return j;
	buf_put_escaped(&b, (struct span){ p, n });
	j = json_string(buf_cstr(&b));
	buf_free(&b);
	return j;
}

static json_t *column_number(sqlite3_stmt *row, int at)
{
	return json_integer(sqlite3_column_int64(row, at));
}

static json_t *column_text(sqlite3_stmt *row, int at)
{
	const char *p = (const char *)sqlite3_column_text(row, at);

	return text(p ? p : "", (size_t)sqlite3_column_bytes(row, at));
}

static json_t *column_time(sqlite3_stmt *row, int at)
{
	int64_t ms = sqlite3_column_int64(row, at);

	return ms >= INT64_MAX - 1 ? json_null() : json_real((double)ms / 1000);
}

static json_t *column_mode(sqlite3_stmt *row, int at)
{
	int mode = sqlite3_column_int(row, at);

	if (mode < 0 || (size_t)mode >= COUNT(mode_name))
		return json_string("hand");
	return json_string(mode_name[mode]);
}

static json_t *column_status(sqlite3_stmt *row, int at)
{
	return json_string(rows_status(sqlite3_column_int(row, at)));
}

static json_t *column_addr(sqlite3_stmt *row, int at)
{
	const void *p = sqlite3_column_blob(row, at);
	char buf[ADDR_TEXT_MAX];
	struct addr a;

	if (!p || sqlite3_column_bytes(row, at) != sizeof(a))
		return json_null();
	memcpy(&a, p, sizeof(a));
	return json_string(addr_print(&a, buf));
}

static json_t *column_network(sqlite3_stmt *row, int at)
{
	const uint8_t *p = sqlite3_column_blob(row, at);
	size_t n = (size_t)sqlite3_column_bytes(row, at);
	struct addr a = { .family = ADDR_NONE };
	char buf[ADDR_TEXT_MAX];

	if (!p || n < 2 || n - 1 > sizeof(a.b))
		return json_null();
	memcpy(a.b, p, n - 1);
	a.family = p[n - 1];
	a.len = (uint8_t)((n - 1) * 8);
	return json_string(addr_print(&a, buf));
}

static json_t *column_json(sqlite3_stmt *row, int at)
{
	const char *p = (const char *)sqlite3_column_text(row, at);
	size_t n = (size_t)sqlite3_column_bytes(row, at);
	json_t *j = p ? json_loadb(p, n, JSON_DECODE_ANY, NULL) : NULL;

	return j ? j : column_text(row, at);
}

typedef json_t *column_fn(sqlite3_stmt *row, int at);

static column_fn *const column_of[] = {
	[COLUMN_NUMBER] = column_number, [COLUMN_TEXT] = column_text,
	[COLUMN_TIME] = column_time, [COLUMN_MODE] = column_mode,
	[COLUMN_STATUS] = column_status, [COLUMN_ADDR] = column_addr,
	[COLUMN_NETWORK] = column_network, [COLUMN_JSON] = column_json,
};

static json_t *row_object(sqlite3_stmt *row, const struct column *columns)
{
	json_t *o = json_object();

	for (int at = 0; o && columns[at].type != COLUMN_END; at++) {
		bool null = sqlite3_column_type(row, at) == SQLITE_NULL;
		json_t *value;

		if (!null)
			value = column_of[columns[at].type](row, at);
		else if (columns[at].type == COLUMN_STATUS)
			value = json_string("waiting");
		else
			value = json_null();
		if (json_object_set_new(o, columns[at].name, value) < 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

int rows_each(sqlite3 *db, const char *sql, const struct value *v, unsigned n,
	      const struct column *columns, rows_fn *fn, void *arg)
{
	sqlite3_stmt *stmt;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return ledger_errno(db, rc);
	for (unsigned i = 0; i < n; i++)
		ledger_bind(stmt, (int)i + 1, &v[i]);
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		json_t *o = row_object(stmt, columns);

		r = o ? fn(arg, o) : -ENOMEM;
		json_decref(o);
	}
	if (r == 0 && rc != SQLITE_DONE)
		r = ledger_errno(db, rc);
	sqlite3_finalize(stmt);
	return r;
}

static int append(void *array, json_t *row)
{
	return json_array_append(array, row) < 0 ? -ENOMEM : 0;
}

int rows_array(sqlite3 *db, const char *sql, const struct value *v, unsigned n,
	       const struct column *columns, json_t *array)
{
	return rows_each(db, sql, v, n, columns, append, array);
}
