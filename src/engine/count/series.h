/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_SERIES_H
#define ENGINE_COUNT_SERIES_H

#include "bailiff/addr.h"
#include "bailiff/config.h"
#include "bailiff/tally.h"

#define SERIES_LATE_MS 5000	/* how late a hit may come and be exact */
#define SERIES_MAX 65536	/* entries of one subject */
#define SERIES_SEEN_MAX 4096	/* addresses of one subject */
#define SERIES_WITHIN_MAX (49 * 86400000ll)	/* times are 32-bit offsets */

#define SERIES_VALUES_MAX (LIMIT_VALUES_MAX + 1)

/* Where a limit is: for one class of accounts elsewhere than for another. */
struct bar {
	uint64_t amount;	/* as limit.amount */
	uint64_t alone;		/* as limit.alone */
	const struct class *pairs;	/* distinct countries: whose pairs are one place; NULL */
};

/*
 * What a jail's limit asks of the hits that are kept. A rich entry keeps, beside
 * its weight, what held for its hit and the values that are told apart.
 */
struct shape {
	enum limit_kind kind;
	bool plain;		/* an entry is a time; a weight is repeated */
	bool seen;		/* addresses are kept, too */
	bool rich;
	bool families;		/* distinct places: of IPv4 and of IPv6 addresses, each for itself */
	uint8_t words;		/* 32-bit words of an entry */
	uint8_t nvalues;	/* of a rich entry; those of `with` first, then spread's or distinct's */
	uint32_t max;		/* entries at most */
	uint32_t unit;		/* a hit is kept as this much weight */
	struct bar bar;		/* the limit's own */
	uint64_t most;		/* the highest amount that any bar has */
	int64_t within_ms;
	const struct limit *limit;
};

void shape_of(const struct config *c, const struct jail *j, struct shape *ret);

/* Does this much, in units, cross the limit? */
static inline bool shape_crossed(const struct shape *sh, uint64_t amount, uint64_t bar)
{
	return sh->kind == LIMIT_SUM ? amount > bar : amount >= bar * sh->unit;
}

/* How often a hit of this weight stands in a plain window. */
static inline uint32_t shape_copies(const struct shape *sh, uint32_t weight)
{
	if (!sh->plain)
		return 1;
	return weight < sh->most ? weight : (uint32_t)sh->most;
}

/* One hit as it is kept; also one entry as it is saved. */
#define ENTRY_PART (1u << 31)	/* flags: of the share; */
#define ENTRY_V6 (1u << 30)	/* from an IPv6 address; below it bit i: with[i] held */
struct entry_kept {
	int64_t when;
	uint32_t weight;
	uint32_t flags;		/* rich */
	uint64_t value[SERIES_VALUES_MAX];	/* distinct: the first; rich: nvalues, the last distinct's, 0 is none */
};

/* The hits of one subject in the order of their times, on the heap. */
struct series;

/*
 * Add one hit to *s, which is made if it is NULL. *forgotten counts entries
 * that had to go for the cap. `ret` may be NULL (nothing is worked out); its
 * amounts are in units of the shape.
 * -ENOMEM: as before.
 */
int series_add(struct series **s, const struct shape *sh,
	       const struct entry_kept *e, const struct bar *bar,
	       struct tally *ret, uint64_t *forgotten);
int series_add_seen(struct series *s, const struct shape *sh,
		    const struct addr *a, int64_t when);
void series_free(struct series **s);

/* How much lies in [now - within, now]. */
void series_amount(const struct series *s, const struct shape *sh, int64_t now,
		   struct tally *ret);
/*
 * How many different values `k` lie in [now - within, now], `value` among
 * them; no more than `enough` are counted.
 */
unsigned series_distinct(const struct series *s, const struct shape *sh, int64_t now,
			 unsigned k, uint64_t value, unsigned enough);
/* Of a score: how many of [now - within, now] have the value i + 1, into ret[i], which begins at 0. */
void series_signals(const struct series *s, const struct shape *sh, int64_t now,
		    uint16_t *ret, size_t max);
size_t series_seen(const struct series *s, const struct shape *sh,
		   struct addr *ret, size_t max);

/* For snapshots: entries and addresses, oldest first. */
size_t series_n(const struct series *s);
void series_get(const struct series *s, const struct shape *sh, size_t i,
		struct entry_kept *ret);
size_t series_nseen(const struct series *s);
void series_get_seen(const struct series *s, size_t i, struct addr *ret,
		     int64_t *ret_when);

int64_t series_last(const struct series *s, const struct shape *sh);
size_t series_bytes(const struct series *s, const struct shape *sh);

#endif
