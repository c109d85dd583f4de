/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The roster of everybody who is being counted: fixed-size records, found by
 * a keyed hash of (jail, subject key), bounded in number and in bytes. Memory
 * is what strangers get to choose, hence 48 bytes a record, and a record's
 * own few times before anything is allocated for it.
 *
 * Who goes when it is full is whoever was idle longest, by last event time.
 * An exact list would cost two pointers and two cache misses a hit; so each
 * jail has a wheel of time slots, records are queued where their last hit was
 * when they were queued, and are moved on lazily when their slot comes up.
 * What is older than the wheel is older than `within`, and is given back two
 * at a time whenever a new subject comes.
 *
 * Keys: an address is kept as its 16 bytes, and `kind` tells family and
 * length; what is up to 16 bytes long is kept as it is; the rest is on the
 * heap.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/count/roster.h"

enum {
	KIND_V4 = 0,			/* + 0..32 */
	KIND_V6 = 33,			/* + 0..128 */
	KIND_SHORT = 170,		/* + 0..16 bytes */
	KIND_LONG = 254,
	KIND_FREE = 255,
};

struct long_key {
	uint16_t n;
	char b[];
};

#define ADDR_KEY_LEN (1 + sizeof(struct addr))
#define HEAP_FLOOR (16u << 20)	/* heap bytes allowed in any case */
#define HEAP_EACH 64		/* and for each record */

struct tracked *roster_get(const struct roster *r, uint32_t id)
{
	return &r->chunk[id / ROSTER_CHUNK][id % ROSTER_CHUNK];
}

bool roster_is_used(const struct tracked *t)
{
	return t->kind != KIND_FREE;
}

/* ---- keys */

/* The kind that keeps this key within the record, or KIND_LONG. */
static uint8_t kind_of(struct span key)
{
	uint8_t family, len;

	if (key.n == ADDR_KEY_LEN && key.p[0] == FIELD_ADDR) {
		family = (uint8_t)key.p[17];
		len = (uint8_t)key.p[18];
		if (family == ADDR_V4 && len <= 32)
			return (uint8_t)(KIND_V4 + len);
		if (family == ADDR_V6 && len <= 128)
			return (uint8_t)(KIND_V6 + len);
	}
	return key.n <= TRACKED_SHORT_KEY ? (uint8_t)(KIND_SHORT + key.n) : KIND_LONG;
}

static struct long_key *long_key(const struct tracked *t)
{
	struct long_key *k;

	memcpy(&k, t->key, sizeof(k));
	return k;
}

static bool key_is(const struct tracked *t, uint8_t kind, struct span key)
{
	const struct long_key *k;

	if (t->kind != kind)
		return false;
	if (kind < KIND_SHORT)
		return memcmp(t->key, key.p + 1, 16) == 0;
	if (kind != KIND_LONG)
		return memcmp(t->key, key.p, key.n) == 0;
	k = long_key(t);
	return k->n == key.n && memcmp(k->b, key.p, key.n) == 0;
}

static int key_set(struct roster *r, struct tracked *t, struct span key)
{
	uint8_t kind = kind_of(key);
	struct long_key *k;

	memset(t->key, 0, sizeof(t->key));
	if (kind < KIND_SHORT) {
		memcpy(t->key, key.p + 1, 16);
	} else if (kind != KIND_LONG) {
		if (key.n)
			memcpy(t->key, key.p, key.n);
	} else {
		k = malloc(sizeof(*k) + key.n);
		if (!k)
			return -ENOMEM;
		k->n = (uint16_t)key.n;
		memcpy(k->b, key.p, key.n);
		memcpy(t->key, &k, sizeof(k));
		r->heap += sizeof(*k) + key.n + TRACKED_MALLOC_COST;
	}
	t->kind = kind;
	return 0;
}

static void key_drop(struct roster *r, struct tracked *t)
{
	if (t->kind == KIND_LONG) {
		struct long_key *k = long_key(t);

		r->heap -= sizeof(*k) + k->n + TRACKED_MALLOC_COST;
		free(k);
	}
	t->kind = KIND_FREE;
}

struct span roster_key(const struct tracked *t, char buf[SUBJECT_KEY_MAX])
{
	const struct long_key *k;

	if (t->kind < KIND_SHORT) {
		bool v4 = t->kind < KIND_V6;

		buf[0] = FIELD_ADDR;
		memcpy(buf + 1, t->key, 16);
		buf[17] = v4 ? ADDR_V4 : ADDR_V6;
		buf[18] = (char)(t->kind - (v4 ? KIND_V4 : KIND_V6));
		return (struct span){ buf, ADDR_KEY_LEN };
	}
	if (t->kind != KIND_LONG)
		return (struct span){ (const char *)t->key, t->kind - KIND_SHORT };
	k = long_key(t);
	return (struct span){ k->b, k->n };
}

/* The slots of one subject in so many jails lie in one cache line: they ask one after the other. */
#define TOGETHER 16

uint64_t roster_hash(uint16_t jail, struct span key)
{
	uint64_t hash = hash_keyed_again(key.p, key.n);

	if (jail >= TOGETHER)
		hash = hash_within(hash, jail / TOGETHER);
	return hash ^ jail % TOGETHER;
}

static uint64_t hash_of_id(const void *arg, uint32_t id)
{
	const struct roster *r = arg;
	const struct tracked *t = roster_get(r, id);
	char buf[SUBJECT_KEY_MAX];

	return roster_hash(t->jail, roster_key(t, buf));
}

struct tracked *roster_find(const struct roster *r, uint16_t jail,
			    struct span key, uint64_t hash)
{
	uint8_t kind = kind_of(key);
	struct lookup_at at;

	for (uint32_t id = lookup_first(&r->lookup, hash, &at); id != LOOKUP_NONE;
	     id = lookup_next(&at)) {
		struct tracked *t = roster_get(r, id);

		if (t->jail == jail && key_is(t, kind, key))
			return t;
	}
	return NULL;
}

/* ---- the wheels */

int64_t roster_last(const struct tracked *t)
{
	int64_t base = (int64_t)t->base;

	if (t->n == TRACKED_SERIES || t->n <= 1)
		return base;
	return base + t->off[t->n - 2];
}

static void ring_push(struct roster *r, uint32_t *ring, uint32_t id)
{
	struct tracked *t = roster_get(r, id), *last;

	if (*ring == 0) {
		t->link = id;
	} else {
		last = roster_get(r, *ring - 1);
		t->link = last->link;
		last->link = id;
	}
	*ring = id + 1;
}

static uint32_t ring_pop(struct roster *r, uint32_t *ring)
{
	struct tracked *last = roster_get(r, *ring - 1);
	uint32_t id = last->link;

	if (id == *ring - 1)
		*ring = 0;
	else
		last->link = roster_get(r, id)->link;
	return id;
}

static void ring_join(struct roster *r, uint32_t *ring, uint32_t *more)
{
	struct tracked *a, *b;
	uint32_t first;

	if (*more && *ring) {
		a = roster_get(r, *ring - 1);
		b = roster_get(r, *more - 1);
		first = a->link;
		a->link = b->link;
		b->link = first;
	}
	if (*more)
		*ring = *more;
	*more = 0;
}

/* Give `quantum` a slot; what lies before the wheel then is due. */
static void wheel_reach(struct roster *r, struct wheel *w, int64_t quantum)
{
	int64_t cursor = quantum - WHEEL_SLOTS + 1;

	if (w->n == 0) {
		w->cursor = quantum;
		return;
	}
	for (int i = 0; i < WHEEL_SLOTS && w->cursor < cursor; i++)
		ring_join(r, &w->due, &w->slot[w->cursor++ % WHEEL_SLOTS]);
	if (w->cursor < cursor)
		w->cursor = cursor;
}

static void wheel_push(struct roster *r, struct wheel *w, uint32_t id)
{
	int64_t q = roster_last(roster_get(r, id)) / w->quantum_ms;

	wheel_reach(r, w, q);
	if (q < w->cursor)
		q = w->cursor;
	ring_push(r, &w->slot[q % WHEEL_SLOTS], id);
	w->n++;
}

static bool is_expired(const struct roster *r, const struct tracked *t)
{
	const struct shape *sh = &r->shape[t->jail];

	return t->n == 0 || roster_last(t) < r->wheel[t->jail].now -
					     sh->within_ms - SERIES_LATE_MS;
}

static void hits_drop(struct roster *r, struct tracked *t)
{
	if (t->n == TRACKED_SERIES) {
		r->heap -= series_bytes(t->series, &r->shape[t->jail]) + TRACKED_MALLOC_COST;
		series_free(&t->series);
	}
	if (t->n != 0)
		r->empty++;
	t->n = 0;
}

/* Out of the lookup and back among the free; it is in no ring any more. */
static void record_free(struct roster *r, uint32_t id)
{
	struct tracked *t = roster_get(r, id);

	lookup_remove(&r->lookup, hash_of_id(r, id), id);
	hits_drop(r, t);
	key_drop(r, t);
	t->link = r->free;
	r->free = id + 1;
	r->empty--;
	r->n--;
}

void roster_clear(struct roster *r, struct tracked *t)
{
	int64_t last = roster_last(t);

	hits_drop(r, t);
	t->base = (uint64_t)last;
}

/* The next record of a jail by last hit, taken off its wheel. */
static uint32_t wheel_take(struct roster *r, struct wheel *w)
{
	uint32_t id;

	if (w->n == 0)
		return LOOKUP_NONE;
	for (;;) {
		if (w->due) {
			id = ring_pop(r, &w->due);
		} else if (w->slot[w->cursor % WHEEL_SLOTS]) {
			id = ring_pop(r, &w->slot[w->cursor % WHEEL_SLOTS]);
		} else {
			w->cursor++;
			continue;
		}
		w->n--;
		/* Queued where it was; hits since have moved it on. */
		if (roster_last(roster_get(r, id)) / w->quantum_ms <= w->cursor)
			return id;
		wheel_push(r, w, id);
	}
}

/* Give back up to `max` expired records of one jail. */
static void sweep(struct roster *r, uint32_t jail, unsigned max)
{
	struct wheel *w = &r->wheel[jail];

	if (w->n == 0)
		return;
	wheel_reach(r, w, w->now / w->quantum_ms);
	for (; w->due && max > 0; max--) {
		uint32_t id = ring_pop(r, &w->due);

		w->n--;
		if (is_expired(r, roster_get(r, id)))
			record_free(r, id);
		else
			wheel_push(r, w, id);
	}
}

/* The jail whose next record was idle longest; those due come first. */
static struct wheel *oldest_wheel(struct roster *r)
{
	struct wheel *best = NULL;
	int64_t when, best_when = INT64_MAX;

	for (size_t i = 0; i < r->njails; i++) {
		struct wheel *w = &r->wheel[i];

		if (w->n == 0)
			continue;
		while (!w->due && !w->slot[w->cursor % WHEEL_SLOTS])
			w->cursor++;
		when = w->due ? INT64_MIN : w->cursor * w->quantum_ms;
		if (!best || when < best_when) {
			best = w;
			best_when = when;
		}
	}
	return best;
}

/* Forget the subject idle longest, but not `spare`. false: there is none. */
static bool evict(struct roster *r, const struct tracked *spare)
{
	struct wheel *w = oldest_wheel(r);
	uint32_t id = w ? wheel_take(r, w) : LOOKUP_NONE, other;

	if (id == LOOKUP_NONE)
		return false;
	if (roster_get(r, id) == spare) {
		other = wheel_take(r, w);
		wheel_push(r, w, id);
		id = other;
		if (id == LOOKUP_NONE)
			return false;
	}
	if (!is_expired(r, roster_get(r, id)))
		r->forgotten++;
	record_free(r, id);
	return true;
}

void roster_trim(struct roster *r, const struct tracked *spare)
{
	while (r->heap > r->heap_max && evict(r, spare))
		;
}

/* ---- records */

int roster_init(struct roster *r, const struct shape *shape, size_t njails,
		uint32_t max)
{
	size_t nchunks;

	*r = (struct roster){ .shape = shape, .njails = njails };
	r->max = max < 1 ? 1 : max < LOOKUP_MAX_IDS ? max : LOOKUP_MAX_IDS;
	r->heap_max = HEAP_FLOOR + (size_t)r->max * HEAP_EACH;
	nchunks = (r->max + ROSTER_CHUNK - 1) / ROSTER_CHUNK;
	r->chunk = calloc(nchunks, sizeof(r->chunk[0]));
	r->wheel = calloc(njails ? njails : 1, sizeof(r->wheel[0]));
	if (!r->chunk || !r->wheel || lookup_init(&r->lookup, hash_of_id, r) < 0) {
		roster_fini(r);
		return -ENOMEM;
	}
	for (size_t i = 0; i < njails; i++)
		r->wheel[i].quantum_ms = (shape[i].within_ms + SERIES_LATE_MS) /
					 (WHEEL_SLOTS - 2) + 1;
	return 0;
}

void roster_fini(struct roster *r)
{
	for (uint32_t id = 0; id < r->high; id++) {
		struct tracked *t = roster_get(r, id);

		if (roster_is_used(t)) {
			hits_drop(r, t);
			key_drop(r, t);
		}
	}
	for (uint32_t i = 0; i * ROSTER_CHUNK < r->high; i++)
		free(r->chunk[i]);
	free(r->chunk);
	free(r->wheel);
	lookup_fini(&r->lookup);
	*r = (struct roster){ .chunk = NULL };
}

/* A record nobody has: a free one, or a new one, or -ENOMEM. */
static int record_take(struct roster *r, uint32_t *ret)
{
	struct tracked **chunk = &r->chunk[r->high / ROSTER_CHUNK];

	if (r->free) {
		*ret = r->free - 1;
		r->free = roster_get(r, *ret)->link;
		return 0;
	}
	if (r->high % ROSTER_CHUNK == 0 && !*chunk) {
		*chunk = malloc(ROSTER_CHUNK * sizeof(**chunk));
		if (!*chunk)
			return -ENOMEM;
	}
	*ret = r->high++;
	return 0;
}

static void record_return(struct roster *r, uint32_t id)
{
	struct tracked *t = roster_get(r, id);

	key_drop(r, t);
	t->link = r->free;
	r->free = id + 1;
}

int roster_add(struct roster *r, uint16_t jail, struct span key, uint64_t hash,
	       int64_t when, struct tracked **ret)
{
	struct tracked *t;
	uint32_t id;

	if (key.n > SUBJECT_KEY_MAX)
		return -E2BIG;
	sweep(r, jail, 2);
	r->turn = (r->turn + 1) % (uint32_t)r->njails;
	sweep(r, r->turn, 2);
	while (r->n >= r->max)
		evict(r, NULL);
	if (record_take(r, &id) < 0)
		return -ENOMEM;
	t = roster_get(r, id);
	*t = (struct tracked){ .jail = jail, .base = (uint64_t)when,
			       .kind = KIND_FREE };
	if (key_set(r, t, key) < 0 || lookup_insert(&r->lookup, hash, id) < 0) {
		record_return(r, id);
		return -ENOMEM;
	}
	r->n++;
	r->empty++;
	wheel_push(r, &r->wheel[jail], id);
	*ret = t;
	return 0;
}

void roster_saw(struct roster *r, uint16_t jail, int64_t when)
{
	if (when > r->wheel[jail].now)
		r->wheel[jail].now = when;
}

size_t roster_bytes(const struct roster *r)
{
	size_t chunks = (r->high + ROSTER_CHUNK - 1) / ROSTER_CHUNK;
	size_t nchunks = (r->max + ROSTER_CHUNK - 1) / ROSTER_CHUNK;

	return chunks * ROSTER_CHUNK * sizeof(struct tracked) + r->heap +
	       nchunks * sizeof(r->chunk[0]) + lookup_bytes(&r->lookup) +
	       r->njails * (sizeof(struct wheel) + sizeof(struct shape));
}
