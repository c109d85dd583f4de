/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second look at a window: its amount is there, now the rest of the limit
 * is asked. This costs a walk over the window, newest hits first because what
 * holds for one of them holds mostly for the last; only subjects between
 * `count` and `alone` ever pay it more than once.
 */
#include "engine/count/judge.h"

#include <string.h>

#include "engine/count/places.h"

#define SET_SIZE 4096	/* a power of two, more than twice JUDGE_DISTINCT_MAX */

/* A small set of values that are hashes already; 0 is none. */
struct set {
	unsigned n;
	unsigned mask;
	uint64_t v[SET_SIZE];
};

static void set_begin(struct set *s, unsigned enough)
{
	unsigned size = 16;

	while (size < 2 * enough && size < SET_SIZE)
		size *= 2;
	s->n = 0;
	s->mask = size - 1;
	memset(s->v, 0, size * sizeof(s->v[0]));
}

static void set_add(struct set *s, uint64_t value)
{
	unsigned at = (unsigned)(value >> 17) & s->mask;

	while (s->v[at] && s->v[at] != value)
		at = (at + 1) & s->mask;
	if (!s->v[at])
		s->n++;
	s->v[at] = value;
}

/* A set of two that is exactly a pair of the class. */
static bool is_pair(const struct set *s, const struct class *pairs)
{
	uint64_t v[2] = { 0 };
	unsigned n = 0;

	if (!pairs || pairs->npairs == 0 || s->n != 2)
		return false;
	for (unsigned i = 0; i <= s->mask && n < 2; i++)
		if (s->v[i])
			v[n++] = s->v[i];
	return place_is_pair(pairs, v[0], v[1]);
}

/* Of entries whose flags, of those in `mask`, are `flags`. A pair alone is one. */
static unsigned distinct_of(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
			    unsigned k, uint64_t value, unsigned enough, uint32_t mask, uint32_t flags,
			    const struct class *pairs)
{
	struct entry_kept e;
	struct set set;

	if (enough > JUDGE_DISTINCT_MAX)
		enough = JUDGE_DISTINCT_MAX;
	set_begin(&set, enough);
	if (value)
		set_add(&set, value);
	for (uint32_t i = hi; i > lo && set.n < enough; i--) {
		series_get(s, sh, i - 1, &e);
		if (e.value[k] && (e.flags & mask) == flags)
			set_add(&set, e.value[k]);
	}
	return is_pair(&set, pairs) ? 1 : set.n;
}

unsigned judge_distinct(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
			unsigned k, uint64_t value, unsigned enough)
{
	return distinct_of(s, sh, lo, hi, k, value, enough, 0, 0, NULL);
}

static bool share_is_reached(const struct shape *sh, uint64_t amount, uint64_t part)
{
	/* "message repeated 999999999 times", again and again: then single hits count for nothing. */
	if (amount > UINT64_MAX / LIMIT_RATIO_ONE)
		return part / sh->limit->ratio >= amount / LIMIT_RATIO_ONE;
	return part * LIMIT_RATIO_ONE >= amount * sh->limit->ratio;
}

bool judge_share(const struct shape *sh, uint64_t amount, uint64_t part, struct tally *ret)
{
	ret->part = part;
	return share_is_reached(sh, amount, part);
}

static bool judge_ratio(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
			uint64_t amount, struct tally *ret)
{
	struct entry_kept e;
	uint64_t part = 0;

	for (uint32_t i = lo; i < hi; i++) {
		series_get(s, sh, i, &e);
		if (e.flags & ENTRY_PART)
			part += e.weight;
	}
	return judge_share(sh, amount, part, ret);
}

/* Bits of the conditions that are a matter of one hit. */
static uint32_t word_bits(const struct limit *l)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < l->nwith; i++)
		if (l->with[i].kind != WITH_DISTINCT)
			bits |= 1u << i;
	return bits;
}

static uint32_t held(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi)
{
	const struct limit *l = sh->limit;
	uint32_t wanted = word_bits(l), bits = 0;
	struct entry_kept e;
	unsigned k = 0;

	for (uint32_t i = hi; i > lo && (bits & wanted) != wanted; i--) {
		series_get(s, sh, i - 1, &e);
		bits |= e.flags & wanted;
	}
	for (size_t i = 0; i < l->nwith; i++) {
		if (l->with[i].kind != WITH_DISTINCT)
			continue;
		if (judge_distinct(s, sh, lo, hi, k, 0, l->with[i].over + 1) > l->with[i].over)
			bits |= 1u << i;
		k++;
	}
	return bits;
}

static bool is_alone(const struct shape *sh, uint64_t amount, const struct bar *bar)
{
	return bar->alone && shape_crossed(sh, amount, bar->alone);
}

/* How many different values a rich `distinct` has here. */
static uint64_t values_of(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
			  const struct class *pairs)
{
	uint32_t mask = sh->families ? ENTRY_V6 : 0;
	unsigned k = sh->nvalues - 1u, four, six;

	four = distinct_of(s, sh, lo, hi, k, 0, JUDGE_DISTINCT_MAX, mask, 0, pairs);
	six = mask ? distinct_of(s, sh, lo, hi, k, 0, JUDGE_DISTINCT_MAX, mask, mask, pairs) : 0;
	return four > six ? four : six;
}

bool judge(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
	   uint64_t amount, const struct bar *bar, struct tally *ret)
{
	if (sh->kind == LIMIT_RATIO)
		return judge_ratio(s, sh, lo, hi, amount, ret);
	if (sh->kind == LIMIT_DISTINCT && sh->rich) {
		amount = ret->amount = values_of(s, sh, lo, hi, bar->pairs);
		if (!shape_crossed(sh, amount, bar->amount))
			return false;
	}
	if (sh->limit->nwith == 0)
		return true;
	ret->with = held(s, sh, lo, hi);
	return ret->with || is_alone(sh, amount, bar);
}

bool judge_one(const struct shape *sh, const struct entry_kept *e, const struct bar *bar,
	       struct tally *ret)
{
	if (sh->kind == LIMIT_RATIO)
		return judge_share(sh, e->weight, e->flags & ENTRY_PART ? e->weight : 0, ret);
	if (sh->limit->nwith == 0)
		return true;
	ret->with = e->flags & word_bits(sh->limit);
	return ret->with || is_alone(sh, e->weight, bar);
}
