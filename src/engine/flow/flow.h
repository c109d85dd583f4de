/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_FLOW_H
#define ENGINE_FLOW_FLOW_H

#include <jansson.h>

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "base/buf.h"

/*
 * The messages that went through Postfix, told apart by host, instance and
 * queue id, each with the account, the client and what became of every
 * recipient. `top` adds them up (top.h), `trace` tells one (trace.h).
 *
 * A message is one queue id that a client or pickup began; the same id begun
 * again is another message. One that a content filter handed in again is part
 * of the message that it was before: tied by orig_queue_id=, by orig_id= after
 * `postsuper -r`, or by "queued as ID" of a delivery to this host or a private
 * address, if the other id came from there and without an account.
 *
 * Bounded: at `messages_max`, at `bytes_max` and, with a window, at its age
 * the oldest message goes, first to `gone`.
 */
struct flow;
struct message;

/* The daemon's bounds. */
#define FLOW_MESSAGES_MAX 200000
#define FLOW_BYTES_MAX (128u << 20)
#define FLOW_WINDOW_MS (24 * 3600000LL)

/* The oldest message goes. true: it is to be kept, away from all bounds. */
typedef bool flow_gone_fn(void *arg, struct flow *f, struct message *m);

struct flow_options {
	size_t messages_max, bytes_max;
	int64_t window_ms;	/* 0: any age */
	bool details;		/* all that trace tells; else, of the texts, only: */
	bool accounts, senders, rcpts;
	bool patient;		/* what is still queued goes last */
	flow_gone_fn *gone;	/* NULL: nobody asks */
	void *arg;
};

/* -ENOMEM. `a` stays the caller's. */
int flow_new(const struct accounts *a, const struct flow_options *o, struct flow **ret);
void flow_free(struct flow **f);

/* One entry; `when` tells its time if that is asked for. */
typedef struct event_time flow_clock_fn(void *arg);
void flow_take(struct flow *f, const struct entry *e, flow_clock_fn *when, void *arg);

size_t flow_messages(const struct flow *f);
uint64_t flow_forgotten(const struct flow *f);	/* for want of room */
size_t flow_bytes(const struct flow *f);

/*
 * For a snapshot: all of it; and again, into an empty one. -EBADMSG: damaged,
 * *f is to be freed.
 */
void flow_save(const struct flow *f, struct buf *out);
int flow_restore(struct flow *f, struct reader *in);

#endif
