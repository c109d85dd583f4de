/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_WINDOW_H
#define ENGINE_COUNT_WINDOW_H

#include "bailiff/addr.h"
#include "bailiff/config.h"
#include "bailiff/tally.h"
#include "base/buf.h"
#include "engine/count/series.h"

/*
 * Sliding windows of all jails in one bounded table. Keys are (jail, subject
 * key); times are event time in milliseconds and may be up to five seconds
 * out of order. Exact: a limit of N within W is crossed by the hit at t if
 * the hits in [t - W, t] reach it, or if, t being late, it completes the
 * window of a hit that came before it. `within` is at most 49 days here.
 *
 * hash_init() has been called.
 */
struct windows;

int windows_new(const struct config *c, struct windows **ret);
void windows_free(struct windows **w);

struct window_hit {
	uint16_t jail;		/* index into config.jails */
	struct span key;	/* subject_key(), copied */
	struct event_time when;
	uint64_t weight;	/* count: hits this one stands for; sum: value; 0 adds nothing */
	uint32_t factor;	/* of the weight, in 1/10000, where the jail has `known` or `spread`; 0: 1 */
	bool aside;		/* for `with` only: weighs nothing, and is kept */
	uint32_t flags;		/* ENTRY_PART, and bit i where with[i] holds */
	/* hash_fixed() of values, since snapshots keep them: distinct's, or with's and spread's */
	uint64_t value[SERIES_VALUES_MAX];
	const struct bar *bar;	/* where the limit is for this hit; NULL: the jail's */
	struct addr seen;	/* address to remember for `whom: seen`, or none */
};

/*
 * Count one hit. *ret says how many lie in the window with it and whether
 * the limit is crossed. At the cap (config.tracked_max subjects, and 64 bytes
 * for each of them beside the table) the subject idle longest goes, and is
 * counted (windows_forgotten). A window that would need more entries than its
 * own cap (65536) forgets its oldest, counted too. A value of a distinct limit
 * counts at its newest time. A jail without a limit counts nothing.
 *
 * Nothing is cleared here: whoever acts on a crossed limit asks windows_seen()
 * and then calls windows_clear().
 * -ENOMEM: not counted, *ret untouched; -E2BIG: no subject_key().
 */
int windows_add(struct windows *w, const struct window_hit *h,
		struct tally *ret);

/*
 * The addresses that the hits in this subject's window came from, newest
 * first; at most 4096 are kept. Only for jails with a `whom: seen` or a contain.
 */
size_t windows_seen(const struct windows *w, uint16_t jail, struct span key,
		    struct addr *ret, size_t max);

/*
 * How many different accounts (the last of `value`) the subject's window
 * [now - within, now] holds with `account`; no more than `enough` are counted.
 * Only for jails with a `spread`.
 */
unsigned windows_accounts(const struct windows *w, uint16_t jail, struct span key,
			  struct event_time now, uint64_t account, unsigned enough);

/*
 * How many verdicts of each signal the window of a score holds: ret[i] of the
 * jail's i-th, SCORES_MAX of them; nothing for other limits.
 */
void windows_signals(const struct windows *w, uint16_t jail, struct span key,
		     struct event_time now, uint16_t *ret);

/* Empty one subject's window (a verdict fired, an unban, an undo). */
void windows_clear(struct windows *w, uint16_t jail, struct span key);
/*
 * The current amount for `why`: 0 if none. A plain count that nobody cleared
 * when it was crossed is known up to the limit only.
 */
uint64_t windows_amount(const struct windows *w, uint16_t jail, struct span key,
			struct event_time now);

size_t windows_used(const struct windows *w);	/* subjects with hits */
uint64_t windows_forgotten(const struct windows *w);
size_t windows_bytes(const struct windows *w);

/*
 * Snapshots: jails are known by name, and what they count by name, so a
 * changed configuration keeps what it can. Restore into a new table.
 * -EBADMSG: damaged, nothing is kept; -ENOMEM: the same.
 */
void windows_save(const struct windows *w, struct buf *out);
int windows_restore(struct windows *w, struct reader *in);

#endif
