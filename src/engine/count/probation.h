/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_PROBATION_H
#define ENGINE_COUNT_PROBATION_H

#include "bailiff/clock.h"
#include "bailiff/config.h"
#include "bailiff/span.h"
#include "base/buf.h"
#include "engine/count/series.h"

/*
 * Accounts that were stolen and are their owners' again: for some days the
 * limits of what acts on accounts are lower for them. 1024 at most, the one
 * whose time ends first goes.
 */
struct probation {
	size_t n;
	struct { uint64_t account; int64_t until_ms; } v[1024];
};

void probation_begin(struct probation *p, struct span account, int64_t until_ms);
void probation_end(struct probation *p, struct span account);
/* When it ends, if it does after `now`; 0: it is not on probation. */
int64_t probation_until(const struct probation *p, struct span account, struct event_time now);
size_t probation_count(const struct probation *p, struct event_time now);

/*
 * The limit times `factor`, in thousandths: that many hits, rounded up, still fire; a sum may
 * go up to the product, rounded down; never less than 1 hit.
 */
struct bar probation_bar(const struct bar *bar, const struct limit *l, double factor);

void probation_save(const struct probation *p, struct buf *out);
int probation_restore(struct probation *p, struct reader *in);	/* -EBADMSG */

#endif
