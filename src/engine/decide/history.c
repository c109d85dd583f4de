/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdicts that fell, by jail and subject: whether one is still in force, and
 * how many there were. Each keeps its own end, because after a crash a part
 * of the log is read again, and a hit must find the verdict that was in force
 * at its time and not the last one.
 *
 * Strangers make verdicts, so the table is bounded; what is no longer quiet
 * nor remembered for growth is given back as new ones come. Two lists by last
 * verdict: subjects whose quiet time has an end go first, open incidents of
 * accounts last, so that a flood of bans never reopens one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/decide/decide.h"

#define VERDICTS_MAX 255	/* of one subject */
#define LATE_MS 5000		/* a hit may come that much after its time */
#define SLOTS_FIRST 1024

struct fell {
	int64_t when, until;
};

struct past {
	uint32_t hash;			/* as its slot has it */
	uint16_t jail;
	uint16_t nkey;
	uint8_t n, cap;
	bool open;			/* one has no end: which list */
	struct fell *v;			/* by `when`; most have one: */
	struct fell one;
	struct past *prev, *next;	/* in its list */
	char key[];
};

/* Of the table; what tells that a past is another one stands here. */
struct slot {
	struct past *past;		/* NULL: free */
	uint32_t hash;
	uint16_t jail;
};

struct past_list {
	struct past *first, *last;
};

struct history {
	const struct config *config;
	int64_t *remember_ms;		/* of each jail */
	int64_t *now;			/* its newest verdict */
	uint32_t *subjects;		/* with a verdict of it: most jails have none */
	bool *watches;			/* it only watches: shadow, the brake, a pause */
	struct slot *slot;		/* open addressing */
	size_t nslots;			/* a power of two */
	struct past_list list[2];	/* with an end, open */
	size_t n, max;
	uint64_t forgotten;
};

int history_new(const struct config *c, struct history **ret)
{
	struct history *h = calloc(1, sizeof(*h));
	size_t n = c->njails ? c->njails : 1;

	if (!h)
		return -ENOMEM;
	h->config = c;
	h->max = c->tracked_max ? c->tracked_max : 1;
	h->nslots = SLOTS_FIRST;
	h->slot = calloc(h->nslots, sizeof(h->slot[0]));
	h->remember_ms = calloc(n, sizeof(h->remember_ms[0]));
	h->now = calloc(n, sizeof(h->now[0]));
	h->subjects = calloc(n, sizeof(h->subjects[0]));
	h->watches = calloc(n, sizeof(h->watches[0]));
	if (!h->slot || !h->remember_ms || !h->now || !h->subjects || !h->watches) {
		history_free(&h);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->njails; i++)
		h->remember_ms[i] = decide_remember_ms(&c->jails[i]);
	*ret = h;
	return 0;
}

/* ---- the table */

/* Without the jail: those that ask about a line's subject one after the other look at the same slots. */
static uint32_t hash_of(struct span key)
{
	return (uint32_t)hash_keyed_again(key.p, key.n);
}

static struct past *find(const struct history *h, uint16_t jail, struct span key)
{
	uint32_t hash;

	if (h->subjects[jail] == 0 || key.n > SUBJECT_KEY_MAX)
		return NULL;
	hash = hash_of(key);
	for (size_t i = hash & (h->nslots - 1); h->slot[i].past; i = (i + 1) & (h->nslots - 1)) {
		struct past *p = h->slot[i].past;

		if (h->slot[i].hash == hash && h->slot[i].jail == jail &&
		    span_eq((struct span){ p->key, p->nkey }, key))
			return p;
	}
	return NULL;
}

static void slot_put(struct history *h, struct past *p)
{
	size_t i = p->hash & (h->nslots - 1);

	while (h->slot[i].past)
		i = (i + 1) & (h->nslots - 1);
	h->slot[i] = (struct slot){ p, p->hash, p->jail };
}

/* Those behind it that it was in the way of move up, so that a search ends at the first free slot. */
static void slot_take(struct history *h, const struct past *p)
{
	size_t mask = h->nslots - 1, i = p->hash & mask;

	while (h->slot[i].past != p)
		i = (i + 1) & mask;
	for (size_t k = (i + 1) & mask; h->slot[k].past; k = (k + 1) & mask) {
		size_t home = h->slot[k].hash & mask;

		if (((k - home) & mask) < ((k - i) & mask))
			continue;
		h->slot[i] = h->slot[k];
		i = k;
	}
	h->slot[i].past = NULL;
}

static void list_take(struct history *h, struct past *p)
{
	struct past_list *l = &h->list[p->open];

	*(p->prev ? &p->prev->next : &l->first) = p->next;
	*(p->next ? &p->next->prev : &l->last) = p->prev;
}

static void list_append(struct history *h, struct past *p)
{
	struct past_list *l = &h->list[p->open];

	p->prev = l->last;
	p->next = NULL;
	*(l->last ? &l->last->next : &l->first) = p;
	l->last = p;
}

static void drop(struct history *h, struct past *p)
{
	slot_take(h, p);
	list_take(h, p);
	h->n--;
	h->subjects[p->jail]--;
	if (p->v != &p->one)
		free(p->v);
	free(p);
}

void history_free(struct history **h)
{
	if (!*h)
		return;
	for (int i = 0; i < 2; i++)
		while ((*h)->list[i].first)
			drop(*h, (*h)->list[i].first);
	free((*h)->slot);
	free((*h)->remember_ms);
	free((*h)->now);
	free((*h)->subjects);
	free((*h)->watches);
	free(*h);
	*h = NULL;
}

/* Room for one more past, at most every other slot being taken; -ENOMEM if there is none at all. */
static int grow(struct history *h)
{
	struct slot *old = h->slot, *more;
	size_t n = h->nslots;

	if (h->n < n / 2)
		return 0;
	more = calloc(n * 2, sizeof(*more));
	if (!more)
		return h->n < n - 1 ? 0 : -ENOMEM;
	h->slot = more;
	h->nslots = n * 2;
	for (size_t i = 0; i < n; i++)
		if (old[i].past)
			slot_put(h, old[i].past);
	free(old);
	return 0;
}

static struct past *past_new(struct history *h, uint16_t jail, struct span key)
{
	struct past *p = grow(h) == 0 ? malloc(sizeof(*p) + key.n) : NULL;

	if (!p)
		return NULL;
	*p = (struct past){ .hash = hash_of(key), .jail = jail, .nkey = (uint16_t)key.n, .cap = 1, .v = &p->one };
	if (key.n)
		memcpy(p->key, key.p, key.n);
	slot_put(h, p);
	list_append(h, p);
	h->n++;
	h->subjects[jail]++;
	return p;
}

/* ---- verdicts */

/* Neither quiet nor counted for growth any more, by its jail's own time. */
static bool is_over(const struct history *h, const struct past *p)
{
	int64_t now = h->now[p->jail];

	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i].until > now)
			return false;
	return p->n == 0 || p->v[p->n - 1].when < now - h->remember_ms[p->jail];
}

/* Give back a little, and make room for one. */
static void trim(struct history *h, const struct past *spare)
{
	struct past *p;

	for (int i = 0; i < 2; i++) {
		p = h->list[0].first;
		if (p && p != spare && is_over(h, p))
			drop(h, p);
	}
	while (h->n > h->max) {
		p = h->list[0].first;
		if (!p || (p == spare && !(p = p->next)))
			p = h->list[1].first;
		if (p == spare)
			p = p->next;
		if (!is_over(h, p))
			h->forgotten++;
		drop(h, p);
	}
}

static bool is_open(const struct past *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i].until >= UNTIL_WATCHED)
			return true;
	return false;
}

/* Put it where its time belongs; the oldest of too many goes. */
static int past_add(struct past *p, int64_t when, int64_t until)
{
	unsigned i, cap = 2u * p->cap;
	struct fell *v;

	if (p->n == VERDICTS_MAX)
		memmove(p->v, p->v + 1, --p->n * sizeof(p->v[0]));
	if (p->n == p->cap) {
		if (cap > VERDICTS_MAX)
			cap = VERDICTS_MAX;
		v = realloc(p->v == &p->one ? NULL : p->v, cap * sizeof(v[0]));
		if (!v)
			return -ENOMEM;
		if (p->v == &p->one)
			v[0] = p->one;
		p->v = v;
		p->cap = (uint8_t)cap;
	}
	for (i = p->n; i > 0 && p->v[i - 1].when > when; i--)
		p->v[i] = p->v[i - 1];
	p->v[i] = (struct fell){ .when = when, .until = until };
	p->n++;
	return 0;
}

int history_add(struct history *h, uint16_t jail, struct span key,
		struct event_time when, struct event_time until)
{
	struct past *p = find(h, jail, key);
	int ret;

	if (key.n > SUBJECT_KEY_MAX)
		return -E2BIG;
	for (unsigned i = 0; p && i < p->n; i++)
		if (p->v[i].when == when.ms)
			return 0;
	if (!p)
		p = past_new(h, jail, key);
	if (!p)
		return -ENOMEM;
	ret = past_add(p, when.ms, until.ms);
	if (ret < 0) {
		if (p->n == 0)
			drop(h, p);
		return ret;
	}
	if (when.ms > h->now[jail])
		h->now[jail] = when.ms;
	list_take(h, p);
	p->open = is_open(p);
	list_append(h, p);
	trim(h, p);
	return 0;
}

bool history_quiet(const struct history *h, uint16_t jail, struct span key,
		   struct event_time now)
{
	const struct past *p = find(h, jail, key);

	for (unsigned i = 0; p && i < p->n; i++)
		if (now.ms >= p->v[i].when - LATE_MS && now.ms < p->v[i].until &&
		    (p->v[i].until != UNTIL_WATCHED || h->watches[jail]))
			return true;
	return false;
}

void history_watch(struct history *h, uint16_t jail, bool watches)
{
	h->watches[jail] = watches;
}

void history_watched(struct history *h, uint16_t jail, struct span key, struct event_time when)
{
	struct past *p = find(h, jail, key);

	for (unsigned i = 0; p && i < p->n; i++)
		if (p->v[i].when == when.ms && p->v[i].until == INT64_MAX)
			p->v[i].until = UNTIL_WATCHED;
	if (!p)
		return;
	list_take(h, p);
	p->open = is_open(p);
	list_append(h, p);
}

unsigned history_earlier(const struct history *h, uint16_t jail,
			 struct span key, struct event_time since)
{
	const struct past *p = find(h, jail, key);
	unsigned n = 0;

	while (p && n < p->n && p->v[p->n - 1 - n].when >= since.ms)
		n++;
	return n;
}

void history_clear(struct history *h, uint16_t jail, struct span key)
{
	struct past *p = find(h, jail, key);

	if (!p)
		return;
	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i].until > p->v[i].when - LATE_MS)
			p->v[i].until = p->v[i].when - LATE_MS;
	list_take(h, p);
	p->open = false;
	list_append(h, p);
}

size_t history_used(const struct history *h)
{
	return h->n;
}

uint64_t history_forgotten(const struct history *h)
{
	return h->forgotten;
}

/* ---- snapshots */

#define SNAP_VERSION 1
#define SNAP_MORE 1
#define SNAP_END 0
#define NO_JAIL 0xffff

/* What a jail's subjects are, as text that is compared whole. */
static void put_identity(const struct config *c, const struct jail *j,
			 struct buf *out)
{
	const struct limit *l = &j->limit;

	buf_printf(out, "%s\n%u", j->name, l->v6_len);
	for (size_t i = 0; i < l->nper; i++)
		buf_printf(out, " %s", l->per[i] < c->nfields ?
			   c->fields[l->per[i]].name : "");
}

void history_save(const struct history *h, struct buf *out)
{
	const struct config *c = h->config;
	struct buf id = { .p = NULL };

	buf_put_u8(out, SNAP_VERSION);
	buf_put_u16(out, (uint16_t)c->njails);
	for (size_t i = 0; i < c->njails; i++) {
		put_identity(c, &c->jails[i], &id);
		if (buf_error(&id) < 0)
			out->error = buf_error(&id);
		buf_put_span(out, buf_span(&id));
		buf_clear(&id);
	}
	buf_free(&id);
	for (int l = 0; l < 2; l++) {
		for (const struct past *p = h->list[l].first; p; p = p->next) {
			if (is_over(h, p))
				continue;
			buf_put_u8(out, SNAP_MORE);
			buf_put_u16(out, p->jail);
			buf_put_span(out, (struct span){ p->key, p->nkey });
			buf_put_u8(out, p->n);
			for (unsigned i = 0; i < p->n; i++) {
				buf_put_u64(out, (uint64_t)p->v[i].when);
				buf_put_u64(out, (uint64_t)p->v[i].until);
			}
		}
	}
	buf_put_u8(out, SNAP_END);
}

static int get_jails(const struct config *c, struct reader *in, uint16_t n,
		     uint16_t *jail)
{
	struct buf id = { .p = NULL };

	for (uint16_t i = 0; i < n; i++) {
		struct span was = reader_span(in);

		jail[i] = NO_JAIL;
		for (size_t k = 0; k < c->njails && !in->error; k++) {
			put_identity(c, &c->jails[k], &id);
			if (span_eq(buf_span(&id), was))
				jail[i] = (uint16_t)k;
			buf_clear(&id);
		}
		if (in->error)
			break;
	}
	buf_free(&id);
	return in->error ? -EBADMSG : 0;
}

static int get_past(struct history *h, struct reader *in, const uint16_t *jail,
		    uint16_t njails)
{
	uint16_t number = reader_u16(in);
	struct span key = reader_span(in);
	unsigned n = reader_u8(in);
	int ret = 0;

	if (in->error || number >= njails || key.n > SUBJECT_KEY_MAX)
		return -EBADMSG;
	for (; n > 0 && ret == 0; n--) {
		struct event_time when = { (int64_t)reader_u64(in) };
		struct event_time until = { (int64_t)reader_u64(in) };

		if (in->error || when.ms < 0 || when.ms > INT64_MAX / 2)
			return -EBADMSG;
		if (jail[number] != NO_JAIL)
			ret = history_add(h, jail[number], key, when, until);
	}
	return ret;
}

int history_restore(struct history *h, struct reader *in)
{
	uint8_t version = reader_u8(in);
	uint16_t n = reader_u16(in), *jail;
	int ret;

	if (in->error || version != SNAP_VERSION)
		return -EBADMSG;
	jail = calloc(n ? n : 1, sizeof(jail[0]));
	if (!jail)
		return -ENOMEM;
	ret = get_jails(h->config, in, n, jail);
	while (ret == 0 && reader_u8(in) == SNAP_MORE)
		ret = get_past(h, in, jail, n);
	if (ret == 0 && in->error)
		ret = -EBADMSG;
	free(jail);
	return ret;
}
