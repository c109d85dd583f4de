/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_BACKLOG_H
#define ENGINE_RECORD_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "bailiff/span.h"

/*
 * Records that wait for the ledger, copied into chunks of memory in the order
 * they came. A record is a kind and the values of its SQL parameters. Not
 * locked: the owner does that.
 */
enum value_type { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB };

struct value {
	enum value_type type;
	int64_t i;
	struct span s;		/* text and blob */
};

#define RECORD_VALUES_MAX 16

struct record {
	unsigned kind;
	unsigned n;
	struct value v[RECORD_VALUES_MAX];	/* spans point into the chunk */
};

struct chunk;
struct backlog {
	struct chunk *head, *tail;
	size_t bytes;		/* of memory */
};

/* -ENOBUFS: more than `max` bytes would wait; -ENOMEM. Nothing was added. */
int backlog_push(struct backlog *b, size_t max, unsigned kind,
		 const struct value *v, unsigned n);
/* All of `from` goes to the end of `to`. */
void backlog_take(struct backlog *to, struct backlog *from);
void backlog_free(struct backlog *b);

/* Where reading stands: {0} is the oldest. Good until backlog_free(). */
struct backlog_cursor {
	const struct chunk *chunk;
	size_t at;
};

/* The next record and its size in *bytes; false: no more. */
bool backlog_next(const struct backlog *b, struct backlog_cursor *c,
		  struct record *ret, size_t *bytes);
/* Free what lies before the cursor, chunk by chunk. */
void backlog_forget(struct backlog *b, struct backlog_cursor *c);

#endif
