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
};

/* One line, without its end. -EBADMSG: not such a line. */
int queue_parse(struct span line, struct queue_message *ret);

/* Messages that are wanted, and what became of them. */
struct queue_item {
	struct queued want;
	enum queue_place first, last;	/* at the first look, at the last one */
	int64_t arrival_s;
};
struct queue_items {
	size_t n;
	struct queue_item *v;		/* sorted by id */
};
int queue_items_new(const struct queued *v, size_t n, struct queue_items *ret);
void queue_items_free(struct queue_items *q);

/*
 * Look at a whole listing: sets `last` of each item, QUEUE_GONE where the id
 * is not there or is another message's by its arrival.
 * *ret_bad  lines that could not be read
 */
void queue_look(struct queue_items *q, struct span listing, size_t *ret_bad);

/* How many items were `first` and are `last`; -1: any. */
size_t queue_count(const struct queue_items *q, int first, int last);

bool queue_has(struct queue_items *q, const char *id, int64_t arrival_s);

/* The items as text, a line each, "ID ARRIVAL"; and back. -EBADMSG. */
void queue_manifest(const struct queue_items *q, enum queue_place last, struct buf *out);
int queue_items_read(struct span manifest, struct queue_items *ret);

#endif
