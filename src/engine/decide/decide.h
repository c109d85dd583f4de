/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_DECIDE_DECIDE_H
#define ENGINE_DECIDE_DECIDE_H

#include "bailiff/config.h"
#include "bailiff/subject.h"
#include "bailiff/tally.h"
#include "base/buf.h"

/*
 * What was decided before about each (jail, subject): the quiet time after a
 * verdict and earlier verdicts for `grow`. Bounded by config.tracked_max
 * subjects and 255 verdicts each; the longest idle go, those without an end
 * (open incidents) last. hash_init() has been called.
 */
struct history;

int history_new(const struct config *c, struct history **ret);
void history_free(struct history **h);

/*
 * Is the subject quiet at `now`: did a verdict fall at or before it (or up to
 * five seconds after: a late hit) whose end is still to come? A ban of 10m at
 * t ends the quiet time at t + 10m exactly, which is not quiet any more.
 */
bool history_quiet(const struct history *h, uint16_t jail, struct span key,
		   struct event_time now);
/* Earlier verdicts at or after `since`. */
unsigned history_earlier(const struct history *h, uint16_t jail,
			 struct span key, struct event_time since);
/*
 * A verdict fell at `when` and silences until `until`; idempotent by `when`:
 * what is known already stays as it is, also if it was cleared. -ENOMEM;
 * -E2BIG: no subject_key().
 */
int history_add(struct history *h, uint16_t jail, struct span key,
		struct event_time when, struct event_time until);
/*
 * Until an incident is closed, of a verdict that opened none since it was only
 * watched: it silences as long as its jail watches, and no account of a jail
 * that acts. Seen from outside it is INT64_MAX, too.
 */
#define UNTIL_WATCHED (INT64_MAX - 1)
/* Does the jail only watch by now? Not so at the start. */
void history_watch(struct history *h, uint16_t jail, bool watches);
/* The verdict that fell at `when` turned out to be only watched. */
void history_watched(struct history *h, uint16_t jail, struct span key, struct event_time when);
/* An unban or an undo: no longer quiet (earlier verdicts stay). */
void history_clear(struct history *h, uint16_t jail, struct span key);
size_t history_used(const struct history *h);
uint64_t history_forgotten(const struct history *h);

/*
 * Snapshots: jails are known by name and by what they count. Adds to what is
 * there. -EBADMSG: damaged, what was read before the damage is kept; -ENOMEM.
 */
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
	uint32_t with;		/* as in struct tally */
	uint64_t part;
	uint16_t signal[SCORES_MAX];	/* a score: verdicts of each jail that it names */
	const char *class;	/* the class whose limit it is, NULL: the jail's own */
	unsigned earlier;	/* verdicts before, for grow */
	bool shadow;		/* mode shadow, or the brake */
	size_t nactions;
	struct decided action[DECIDE_MAX_ACTIONS];
};

/*
 * Pure: from a crossed limit and what came before to a verdict. The quiet
 * time lasts for accounts (lock, kick, hold, contain; deny or park without
 * `for`) until the incident is closed, INT64_MAX, whatever else is banned;
 * else it is the longest ban's, deny's or park's, INT64_MAX if one has no
 * `for`; with none of these, limit.within. It is the same in every mode, but
 * that UNTIL_WATCHED stands for INT64_MAX where it is only watched: the jail is
 * in shadow by now, whatever its file says, or the brake is on.
 * Actions past DECIDE_MAX_ACTIONS are left out.
 */
void decide(const struct jail *j, const struct tally *t, unsigned earlier,
	    struct event_time when, bool watched, struct verdict *ret);

/* What was decided is only watched. */
void decide_shadow(struct verdict *v);

/* The longest `remember` of a jail's actions: how far `earlier` looks back, ms. */
int64_t decide_remember_ms(const struct jail *j);

/*
 * Per jail: bans within brake.within, for `brake:`. Count each ban before it
 * is decided: the first `bans` of them pass, the next one trips the brake and
 * is shadow itself, as all that follow until it is released.
 */
struct brakes;
int brakes_new(const struct config *c, struct brakes **ret);
void brakes_free(struct brakes **b);
/* True only for the ban that trips it: the admin is told once. */
bool brakes_count(struct brakes *b, uint16_t jail, struct event_time when);
bool brakes_on(const struct brakes *b, uint16_t jail);
void brakes_release(struct brakes *b, uint16_t jail);	/* jail NAME on */

/*
 * For snapshots: a brake that is on stays on over a restart. Jails go by name;
 * those that are gone, or have no brake now, are passed over. -EBADMSG.
 */
void brakes_save(const struct brakes *b, struct buf *out);
int brakes_restore(struct brakes *b, struct reader *in);

#endif
