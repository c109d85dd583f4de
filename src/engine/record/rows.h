/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_ROWS_H
#define ENGINE_RECORD_ROWS_H

#include <jansson.h>
#include <sqlite3.h>

#include "engine/record/backlog.h"

/* How a column of a result stands in an answer. */
enum column_type {
	COLUMN_END,
	COLUMN_NUMBER,
	COLUMN_TEXT,
	COLUMN_TIME,	/* ms -> seconds; no end: null */
	COLUMN_MODE,	/* enum jail_mode; -1: "hand" */
	COLUMN_STATUS,	/* enum outcome_status; NULL: "waiting" */
	COLUMN_ADDR,	/* struct addr */
	COLUMN_NETWORK,	/* its first bytes, then the family: /24 or /48 */
	COLUMN_JSON,	/* text that is JSON */
};

struct column {
	const char *name;
	enum column_type type;
};

/*
 * Run sql with its parameters ?1.. from v; each row becomes an object of
 * `columns` (in the statement's order) at the end of `array`.
 */
int rows_array(sqlite3 *db, const char *sql, const struct value *v, unsigned n,
	       const struct column *columns, json_t *array);

/* The same for each row's object alone: called with it, which stays ours. */
typedef int rows_fn(void *arg, json_t *row);
int rows_each(sqlite3 *db, const char *sql, const struct value *v, unsigned n,
	      const struct column *columns, rows_fn *fn, void *arg);

/* The word for a status as COLUMN_STATUS has it. */
const char *rows_status(int status);

#endif
