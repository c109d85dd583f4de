/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_GRID_H
#define CTL_GRID_H

#include <jansson.h>

#include "bailiff/clock.h"
#include "base/buf.h"

/* How a member of an answer stands in a cell; what has another type as it is. */
enum cell {
	CELL_TEXT,	/* strings, numbers, yes and no; lists and maps joined with commas */
	CELL_NUMBER,	/* to the right */
	CELL_BYTES,	/* "1.2 MB" */
	CELL_SPAN,	/* seconds: "9m" */
	CELL_WHEN,	/* epoch seconds: "5m ago (10:31:05)" */
	CELL_UNTIL,	/* the same; null: "for good" */
	CELL_WORD,	/* coloured by what it says */
};

/* A list of these ends with one without a title. */
struct column {
	const char *title;
	const char *path;	/* "state", "outcome.status" */
	enum cell kind;
};

/*
 * The objects of an array as a table, widths by content; a column in which
 * nothing stands is left out. An array of nothing (or none) gives nothing.
 */
void grid_rows(struct buf *out, const json_t *array, const struct column *columns,
	       struct wall now);

/* One object, a line for each member that it has: "Jail:  postfix-sasl". */
void grid_facts(struct buf *out, const json_t *object, const struct column *columns,
		struct wall now);

/* The member at a dotted path, NULL if there is none. */
const json_t *grid_get(const json_t *object, const char *path);

/* Epoch seconds as they come in answers: milliseconds, bounded. */
int64_t grid_ms(const json_t *seconds);

#endif
