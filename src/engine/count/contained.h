/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_CONTAINED_H
#define ENGINE_COUNT_CONTAINED_H

#include "bailiff/clock.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Accounts that bailiff itself shut out, or let in again lately: the owner's
 * phone goes on with the old password, and must get nobody banned. 1024 at
 * most, the one whose time ends first goes.
 */
struct contained {
	size_t n;
	struct { uint64_t account; int64_t until_ms; } v[1024];
};

/* Shut out until told otherwise. */
void contained_add(struct contained *c, struct span account);
/* Let in again: for 48 hours more its failures are no guesses. */
void contained_end(struct contained *c, struct span account, int64_t now_ms);
bool contained_has(const struct contained *c, struct span account, struct event_time now);

void contained_save(const struct contained *c, struct buf *out);
int contained_restore(struct contained *c, struct reader *in);	/* -EBADMSG */

#endif
