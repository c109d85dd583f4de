/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_SUBMITTED_H
#define ENGINE_COUNT_SUBMITTED_H

#include "bailiff/clock.h"
#include "bailiff/order.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Which account submitted which message: what a hold is chosen by, since the
 * queue knows only senders, and those are forged. A queue id, with the Postfix
 * instance it is of, remembers the account that last began it and when;
 * 131072 messages at most, the oldest goes (submitted_forgotten()).
 */
struct submitted;

int submitted_new(struct submitted **ret);
void submitted_free(struct submitted **s);

/*
 * `account` (canonical) handed in message `id` at `when`.
 * trusted  nobody else can have written that line
 */
void submitted_add(struct submitted *s, struct span instance, struct span id, struct span account,
		   struct event_time when, bool trusted);

/*
 * `id` went through a content filter and came back as `id2`. One that an
 * account handed in itself stays that account's: a stranger's server could
 * answer "queued as" somebody else's message.
 */
void submitted_join(struct submitted *s, struct span instance, struct span id, struct span id2,
		    struct event_time when);

/* The account's messages, at most `max`; only those by trusted lines, or all. */
size_t submitted_of(const struct submitted *s, struct span account, bool all,
		    struct queued *ret, size_t max);

/*
 * Did the account hand in the message that has this id and arrived then? In an
 * instance that does not log under one of the names (hashes) in `others`.
 */
bool submitted_by(const struct submitted *s, struct span account, const char *id, int64_t arrival_s,
		  const uint32_t *others, size_t n);

/* Did any account hand in a message of this id, in any instance? Cheap for those that none did. */
bool submitted_knows(const struct submitted *s, struct span id);

uint64_t submitted_forgotten(const struct submitted *s);
void submitted_save(const struct submitted *s, struct buf *out);
/* -EBADMSG. */
int submitted_restore(struct submitted *s, struct reader *in);

#endif
