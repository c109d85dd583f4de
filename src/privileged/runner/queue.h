/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_QUEUE_H
#define PRIVILEGED_RUNNER_QUEUE_H

#include <stdint.h>

#include "bailiff/order.h"
#include "base/buf.h"

/*
 * What `postqueue -j` says of a message, as far as it is needed to know it
 * again. Later fields of the line are a stranger's and are not looked at.
 */
enum queue_place { QUEUE_GONE, QUEUE_WAITS, QUEUE_ACTIVE, QUEUE_HOLD };
struct queue_message {
	enum queue_place place;
	char id[ORDER_QUEUE_ID_MAX];
	int64_t arrival_s;
	int64_t size;		/* -1: the line does not tell */
};

/* One line, without its end. -EBADMSG: not such a line. */
int queue_parse(struct span line, struct queue_message *ret);

/* Messages that are wanted, and what became of them. */
struct queue_item {
	struct queued want;
	enum queue_place first, last;	/* at the first look, at the last one */
	unsigned instance;		/* whose queue it was seen in, by its number */
	int64_t arrival_s, size;
	size_t line_at, line_n;		/* in that instance's last listing */
	char deed;			/* hold.c: what postsuper is asked for */
	bool asked, copied;
};
struct queue_items {
	size_t n;
	struct queue_item *v;		/* sorted by id */
};
int queue_items_new(const struct queued *v, size_t n, struct queue_items *ret);
void queue_items_free(struct queue_items *q);
/* Those of `more` that are not wanted yet are, too. -ENOMEM. */
int queue_items_add(struct queue_items *q, const struct queue_items *more);

/* Whose listing it is: an instance among others. */
struct queue_of {
	unsigned instance;
	uint32_t home;			/* of its configuration directory */
	size_t nothers;
	const uint32_t *others;		/* the names that the others log under */
};

/*
 * Look at whole listings: queue_start(), then queue_look() for each instance's.
 * Sets `last` of each item, QUEUE_GONE where the id is not there or is another
 * message's by its arrival or its instance.
 * *bad  grows by the lines that could not be read
 */
void queue_start(struct queue_items *q);
void queue_look(struct queue_items *q, struct span listing, const struct queue_of *of, size_t *bad);

/*
 * The sender in a line, as it is escaped there; for a manifest. Empty where it
 * is not where it ought to be.
 */
struct span queue_sender(struct span line);

/* How many items were `first` and are `last`; -1: any. */
size_t queue_count(const struct queue_items *q, int first, int last);

bool queue_has(struct queue_items *q, const char *id, int64_t arrival_s);

/*
 * An item as a line of text, "ID ARRIVAL", and the instance's home behind it
 * unless that is 0: there is only one; and back. -EBADMSG.
 */
void queue_manifest(const struct queue_item *item, uint32_t home, struct buf *out);
int queue_items_read(struct span manifest, struct queue_items *ret);

#endif
