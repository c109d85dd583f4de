/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_ROSTER_H
#define ENGINE_COUNT_ROSTER_H

#include "bailiff/span.h"
#include "bailiff/subject.h"
#include "engine/count/lookup.h"
#include "engine/count/series.h"

#define TRACKED_FEW 5		/* times that fit into the record itself */
#define TRACKED_SERIES 0xff	/* `n` of a record whose hits are a series */
#define TRACKED_SHORT_KEY 16
#define TRACKED_MALLOC_COST 16	/* what malloc adds, as counted here */

/*
 * One tracked (jail, subject): 48 bytes, of which the first time is the base
 * and up to four more are offsets, for as long as that is enough.
 */
struct tracked {
	uint64_t base : 48;	/* first time; with a series the newest */
	uint64_t jail : 16;
	uint8_t key[TRACKED_SHORT_KEY];	/* or a pointer to a longer one */
	uint8_t kind;		/* how to read `key` (roster.c) */
	uint8_t n;		/* times, or TRACKED_SERIES */
	uint32_t link;		/* next in a wheel slot, or among the free */
	union {
		uint32_t off[TRACKED_FEW - 1];
		struct series *series;
	};
};
_Static_assert(sizeof(struct tracked) == 48, "48 bytes and a lookup slot");

/*
 * Where a jail's subjects wait to be forgotten, in the order of their last
 * hits. `link`s make each slot a ring, known by its last id + 1. A hit moves
 * nothing: whoever takes a record out of a slot looks at its true time and
 * moves it on.
 */
#define WHEEL_SLOTS 128
struct wheel {
	int64_t quantum_ms;
	int64_t cursor;		/* oldest quantum with a slot of its own */
	int64_t now;		/* the newest event time of this jail */
	uint32_t n;		/* records here */
	uint32_t due;		/* ring of those that are past the last slot */
	uint32_t slot[WHEEL_SLOTS];
};

#define ROSTER_CHUNK 4096	/* records that are allocated together */

struct roster {
	size_t njails;
	const struct shape *shape;	/* of each jail, the caller's */
	struct wheel *wheel;
	struct lookup lookup;
	struct tracked **chunk;
	uint32_t max;		/* records at most */
	uint32_t high;		/* ids handed out so far */
	uint32_t free;		/* id + 1 of the first free record */
	uint32_t n;		/* in use */
	uint32_t empty;		/* of those, without a hit: cleared */
	uint32_t turn;		/* the jail that is swept next */
	size_t heap;		/* bytes of series and long keys */
	size_t heap_max;
	uint64_t forgotten;
};

int roster_init(struct roster *r, const struct shape *shape, size_t njails,
		uint32_t max);
void roster_fini(struct roster *r);

uint64_t roster_hash(uint16_t jail, struct span key);
/* NULL: not tracked. */
struct tracked *roster_find(const struct roster *r, uint16_t jail,
			    struct span key, uint64_t hash);
/*
 * Track one more, without a hit yet; the caller has looked. When full, the
 * one idle longest goes. -ENOMEM; -E2BIG: key longer than SUBJECT_KEY_MAX.
 */
int roster_add(struct roster *r, uint16_t jail, struct span key, uint64_t hash,
	       int64_t when, struct tracked **ret);
/* Drop its hits, keep the record until its time comes. */
void roster_clear(struct roster *r, struct tracked *t);
/* Bring `heap` under `heap_max` again, never at the cost of `spare`. */
void roster_trim(struct roster *r, const struct tracked *spare);

struct tracked *roster_get(const struct roster *r, uint32_t id);
bool roster_is_used(const struct tracked *t);
/* Written into `buf` if it isn't kept as one piece. */
struct span roster_key(const struct tracked *t, char buf[SUBJECT_KEY_MAX]);
int64_t roster_last(const struct tracked *t);
void roster_saw(struct roster *r, uint16_t jail, int64_t when);
size_t roster_bytes(const struct roster *r);

#endif
