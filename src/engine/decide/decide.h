/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_DECIDE_DECIDE_H
#define ENGINE_DECIDE_DECIDE_H

#include "bailiff/config.h"
#include "bailiff/subject.h"
#include "bailiff/tally.h"
#include "base/buf.h"

/*
 * What was decided before about each (jail, subject): the quiet time after a
 * verdict and earlier verdicts for `grow`. Bounded; the longest idle go.
 */
struct history;

int history_new(const struct config *c, struct history **ret);
void history_free(struct history **h);

/* Is the subject quiet at `now` (a verdict is in force)? */
bool history_quiet(const struct history *h, uint16_t jail, struct span key,
		   struct event_time now);
/* Earlier verdicts at or after `since`. */
unsigned history_earlier(const struct history *h, uint16_t jail,
			 struct span key, struct event_time since);
/* A verdict fell at `when` and silences until `until`; idempotent by `when`. */
int history_add(struct history *h, uint16_t jail, struct span key,
		struct event_time when, struct event_time until);
/* An unban or an undo: no longer quiet (earlier verdicts stay). */
void history_clear(struct history *h, uint16_t jail, struct span key);
void history_save(const struct history *h, struct buf *out);
int history_restore(struct history *h, struct reader *in);

/* One action as decided. */
struct decided {
	const struct action *action;
	int64_t for_ms;		/* bans: growth applied; 0 = no end of its own */
};

#define DECIDE_MAX_ACTIONS 16

struct verdict {
	const struct jail *jail;
	struct event_time when;
	struct event_time until;	/* end of the quiet time */
	uint64_t amount;
	unsigned earlier;	/* verdicts before, for grow */
	bool shadow;		/* mode shadow, or the brake */
	size_t nactions;
	struct decided action[DECIDE_MAX_ACTIONS];
};

/*
 * Pure: from a crossed limit and what came before to a verdict. The quiet
 * time is the longest ban's; without a ban, for accounts, INT64_MAX (until the
 * incident is closed); with neither, limit.within.
 */
void decide(const struct jail *j, const struct tally *t, unsigned earlier,
	    struct event_time when, bool braked, struct verdict *ret);

/* The longest `remember` of a jail's actions: how far `earlier` looks back, ms. */
int64_t decide_remember_ms(const struct jail *j);

/* Per jail: bans within the last minute, for `brake:`. True once it trips. */
struct brakes;
int brakes_new(const struct config *c, struct brakes **ret);
void brakes_free(struct brakes **b);
bool brakes_count(struct brakes *b, uint16_t jail, struct event_time when);
bool brakes_on(const struct brakes *b, uint16_t jail);
void brakes_release(struct brakes *b, uint16_t jail);	/* jail NAME on */

#endif
