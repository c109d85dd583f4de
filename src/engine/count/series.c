/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hits of one subject, sorted by time, in one block that is used as a
 * queue: new ones come at the end (late ones a little before it), old ones
 * leave at the front. Times are 32-bit offsets from a base, to the
 * millisecond; weights and values lie beside them where the limit has such.
 *
 * A hit may come up to five seconds late, so entries are kept that much longer
 * than `within`. Those at the front that the newest hit's own window no longer
 * reaches are the slack; `total` is the sum of the others, so that a hit in
 * order costs no walk. After a late one every window that holds it is looked
 * at, since any of them may now be full. What a limit asks beside the amount
 * (judge.h) is worked out only where the amount is there.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "engine/count/judge.h"

struct seen {
	struct addr addr;
	int64_t when;
};

struct seen_list {
	uint32_t n, cap;
	struct seen e[];	/* by time */
};

struct series {
	int64_t base;
	uint64_t total;		/* of entries slack..n */
	uint64_t part;		/* LIMIT_RATIO: what of that is part of the share */
	uint32_t cap, head, n, slack;
	struct seen_list *seen;
	uint32_t e[];		/* offset, weight | offset, value, value | rich */
};

#define FIRST_CAP 8
#define PLAIN_AMOUNT_MAX 32768	/* larger counts keep weights */
#define REPEAT_AMOUNT_MAX 64	/* up to here any weight is repeated */

/*
 * Plain entries at most: in the five seconds that may still change there can
 * be a full window after another, and before them one more that late hits
 * complete. Whatever has that many newer ones is not needed by a window that
 * is not full without it.
 */
static uint32_t plain_max(uint64_t amount, int64_t within_ms)
{
	uint64_t windows = 1 + (uint64_t)((SERIES_LATE_MS + within_ms - 1) / within_ms);
	uint64_t max = amount * windows;

	return max < SERIES_MAX ? (uint32_t)max : SERIES_MAX;
}

/* Numbers that are kept as they are: nothing beside, no factors. */
static void shape_extras(const struct limit *l, struct shape *sh)
{
	for (size_t i = 0; i < l->nwith; i++)
		sh->nvalues += l->with[i].kind == WITH_DISTINCT;
	sh->nvalues += l->spread_accounts > 0;
	sh->nvalues += l->kind == LIMIT_DISTINCT && (l->nwith > 0 || sh->families);
	sh->nvalues += l->kind == LIMIT_SCORE;
	sh->rich = l->kind == LIMIT_SCORE || l->nwith > 0 || sh->families || l->spread_accounts > 0 || l->kind == LIMIT_RATIO;
	if (l->kind == LIMIT_COUNT && (l->spread_accounts || l->known))
		sh->unit = LIMIT_FACTOR * LIMIT_FACTOR;
}

void shape_of(const struct config *c, const struct jail *j, struct shape *ret)
{
	const struct limit *l = &j->limit;
	struct shape sh = { .kind = l->kind, .bar = { l->amount, l->alone }, .most = l->amount,
			    .within_ms = l->within_ms, .max = SERIES_MAX, .unit = 1, .limit = l };
	bool varies = l->weighs || l->weight > 1;

	for (size_t i = 0; i < c->nclasses; i++) {
		const struct class_limit *cl = config_class_limit(&c->classes[i], (uint16_t)(j - c->jails));

		if (cl && cl->amount > sh.most)
			sh.most = cl->amount;
	}
	/* One login may come by both families, and its IPv6 out of a tunnel's end abroad. */
	sh.families = l->kind == LIMIT_DISTINCT && c->fields[l->value].type == FIELD_TEXT &&
		      c->fields[l->value].from && strcmp(c->fields[l->value].from, "ip") == 0;
	if (sh.within_ms < 1)
		sh.within_ms = 1;
	if (sh.within_ms > SERIES_WITHIN_MAX)
		sh.within_ms = SERIES_WITHIN_MAX;
	if (sh.bar.amount < 1 && sh.kind != LIMIT_SUM)
		sh.bar.amount = sh.most = 1;
	shape_extras(l, &sh);
	sh.plain = sh.kind == LIMIT_COUNT && !sh.rich && sh.unit == 1 &&
		   sh.most <= (varies ? REPEAT_AMOUNT_MAX : PLAIN_AMOUNT_MAX);
	sh.words = sh.plain ? 1 : sh.rich ? (uint8_t)(3 + 2 * sh.nvalues) :
		   sh.kind == LIMIT_DISTINCT ? 3 : 2;
	if (sh.plain)
		sh.max = plain_max(sh.most, sh.within_ms);
	for (size_t i = 0; i < j->nthen; i++)
		sh.seen |= j->then[i].whom == WHOM_SEEN || j->then[i].kind == ACTION_CONTAIN;
	*ret = sh;
}

static uint32_t *entry(const struct series *s, const struct shape *sh, uint32_t i)
{
	return (uint32_t *)s->e + (size_t)(s->head + i) * sh->words;
}

static int64_t time_at(const struct series *s, const struct shape *sh, uint32_t i)
{
	return s->base + *entry(s, sh, i);
}

static uint32_t weight_at(const struct series *s, const struct shape *sh, uint32_t i)
{
	return sh->words == 2 || sh->rich ? entry(s, sh, i)[1] : 1;
}

static uint64_t part_at(const struct series *s, const struct shape *sh, uint32_t i)
{
	const uint32_t *e = entry(s, sh, i);

	return sh->kind == LIMIT_RATIO && e[2] & ENTRY_PART ? e[1] : 0;
}

static uint64_t value_at(const struct series *s, const struct shape *sh, uint32_t i, unsigned k)
{
	const uint32_t *e = entry(s, sh, i) + (sh->rich ? 3 + 2 * k : 1);

	return (uint64_t)e[0] << 32 | e[1];
}

int64_t series_last(const struct series *s, const struct shape *sh)
{
	return s->n ? time_at(s, sh, s->n - 1) : s->base;
}

static size_t block_size(const struct shape *sh, uint32_t cap)
{
	return sizeof(struct series) + (size_t)cap * sh->words * sizeof(uint32_t);
}

static uint32_t cap_largest(const struct shape *sh)
{
	return sh->max + sh->max / 4 + 1;
}

static void drop_oldest(struct series *s, const struct shape *sh)
{
	if (s->slack > 0) {
		s->slack--;
	} else {
		s->total -= weight_at(s, sh, 0);
		s->part -= part_at(s, sh, 0);
	}
	s->head++;
	s->n--;
}

/* Forget what no window ending at `now` - 5 s or later can reach. */
static void prune(struct series *s, const struct shape *sh, int64_t now)
{
	int64_t reach = now - sh->within_ms;

	while (s->n > 0 && time_at(s, sh, 0) < reach - SERIES_LATE_MS)
		drop_oldest(s, sh);
	for (; s->slack < s->n && time_at(s, sh, s->slack) < reach; s->slack++) {
		s->total -= weight_at(s, sh, s->slack);
		s->part -= part_at(s, sh, s->slack);
	}
	if (s->n == 0)
		s->head = 0;
}

/* Let offsets reach `when`; prune() has bounded what they span. */
static void fit_base(struct series *s, const struct shape *sh, int64_t when)
{
	int64_t shift;

	if (s->n == 0) {
		s->base = when;
		return;
	}
	if (when < s->base)
		shift = s->base - when;
	else if (when - s->base > UINT32_MAX)
		shift = s->base - time_at(s, sh, 0);
	else
		return;
	for (uint32_t i = 0; i < s->n; i++)
		*entry(s, sh, i) += (uint32_t)shift;
	s->base -= shift;
}

/*
 * Room for `more` entries at the end, by moving up, growing or forgetting. A
 * block is a quarter larger than what it may hold, so that a full one moves
 * up once in many hits.
 */
static int make_room(struct series **ps, const struct shape *sh, uint32_t more,
		     uint64_t *forgotten)
{
	uint32_t cap, cap_max = cap_largest(sh);
	struct series *s = *ps;

	while (s->n > 0 && s->n + more > sh->max) {
		drop_oldest(s, sh);
		if (sh->max == SERIES_MAX)
			++*forgotten;
	}
	if (s->head + s->n + more <= s->cap)
		return 0;
	if (s->n + more > s->cap - s->cap / 4 && s->cap < cap_max) {
		cap = s->cap;
		do
			cap = cap < cap_max / 2 ? 2 * cap : cap_max;
		while (cap < s->n + more);
		s = realloc(s, block_size(sh, cap));
		if (!s)
			return -ENOMEM;
		s->cap = cap;
		*ps = s;
	}
	if (s->head + s->n + more > s->cap) {
		memmove(s->e, entry(s, sh, 0), (size_t)s->n * sh->words * sizeof(uint32_t));
		s->head = 0;
	}
	return 0;
}

/*
 * The fullest window that holds a hit at `when`, if later hits are there
 * already. `extra` is weight that the entries don't show.
 */
static void tally_late(const struct series *s, const struct shape *sh, int64_t when,
		       uint64_t extra, const struct bar *bar, struct tally *ret)
{
	bool crossed = false;
	uint64_t sum = 0, best = 0;
	int64_t first = when;
	uint32_t lo = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		int64_t end = time_at(s, sh, i);

		if (end > when + sh->within_ms)
			break;
		sum += weight_at(s, sh, i);
		while (time_at(s, sh, lo) < end - sh->within_ms)
			sum -= weight_at(s, sh, lo++);
		/* Those of one moment come together. */
		if (end < when || (i + 1 < s->n && time_at(s, sh, i + 1) == end))
			continue;
		if (sum > best || (!crossed && sh->rich)) {
			if (sum > best)
				best = sum;
			first = time_at(s, sh, lo);
			crossed |= shape_crossed(sh, sum + extra, bar->amount) &&
				   judge(s, sh, lo, i + 1, sum, bar, ret);
		}
	}
	ret->amount = best + extra;
	ret->first.ms = first;
	ret->crossed = crossed;
}

static void tally_of(const struct series *s, const struct shape *sh, int64_t when,
		     uint64_t extra, const struct bar *bar, struct tally *ret)
{
	if (when < series_last(s, sh)) {
		tally_late(s, sh, when, extra, bar, ret);
		return;
	}
	ret->amount = s->total + extra;
	ret->first.ms = time_at(s, sh, s->slack);
	if (!shape_crossed(sh, ret->amount, bar->amount))
		ret->crossed = false;
	else if (sh->kind == LIMIT_RATIO)	/* a newsletter's window is long, and its share low */
		ret->crossed = judge_share(sh, ret->amount, s->part, ret);
	else
		ret->crossed = judge(s, sh, s->slack, s->n, ret->amount, bar, ret);
}

static void put_value(uint32_t *at, uint64_t value)
{
	at[0] = (uint32_t)(value >> 32);
	at[1] = (uint32_t)value;
}

/* Put `copies` of *e where its time belongs; there is room. */
static void insert(struct series *s, const struct shape *sh,
		   const struct entry_kept *e, uint32_t copies)
{
	uint32_t off = (uint32_t)(e->when - s->base), i = s->n;
	uint32_t *at;

	while (i > 0 && *entry(s, sh, i - 1) > off)
		i--;
	at = entry(s, sh, i);
	memmove(at + (size_t)copies * sh->words, at,
		(size_t)(s->n - i) * sh->words * sizeof(uint32_t));
	for (uint32_t k = 0; k < copies; k++, at += sh->words) {
		at[0] = off;
		if (sh->kind == LIMIT_DISTINCT && !sh->rich) {
			put_value(at + 1, e->value[0]);
			continue;
		}
		if (sh->words > 1)
			at[1] = e->weight;
		if (sh->rich)
			at[2] = e->flags;
		for (unsigned v = 0; v < sh->nvalues; v++)
			put_value(at + 3 + 2 * v, e->value[v]);
	}
	s->n += copies;
	if (e->when < series_last(s, sh) - sh->within_ms) {
		s->slack += copies;
		return;
	}
	s->total += sh->words == 2 || sh->rich ? e->weight : copies;
	if (sh->kind == LIMIT_RATIO && e->flags & ENTRY_PART)
		s->part += e->weight;
}

/*
 * A value counts at its newest time: take an older entry of it out.
 * false: there is one as new, nothing is to be added.
 */
static bool take_value(struct series *s, const struct shape *sh,
		       const struct entry_kept *e)
{
	uint32_t i = s->n;

	while (i > 0 && value_at(s, sh, i - 1, 0) != e->value[0])
		i--;
	if (i-- == 0)
		return true;
	if (time_at(s, sh, i) >= e->when)
		return false;
	memmove(entry(s, sh, i), entry(s, sh, i + 1),
		(size_t)(s->n - i - 1) * sh->words * sizeof(uint32_t));
	s->n--;
	if (i < s->slack)
		s->slack--;
	else
		s->total--;
	return true;
}

static int series_new(const struct shape *sh, struct series **ret)
{
	uint32_t cap = cap_largest(sh) < FIRST_CAP ? cap_largest(sh) : FIRST_CAP;
	struct series *s = malloc(block_size(sh, cap));

	if (!s)
		return -ENOMEM;
	*s = (struct series){ .cap = cap };
	*ret = s;
	return 0;
}

int series_add(struct series **ps, const struct shape *sh,
	       const struct entry_kept *e, const struct bar *bar,
	       struct tally *ret, uint64_t *forgotten)
{
	uint32_t copies = shape_copies(sh, e->weight);
	uint64_t extra = sh->plain ? e->weight - copies : 0;
	int64_t now = e->when;
	struct series *s;

	if (!*ps && series_new(sh, ps) < 0)
		return -ENOMEM;
	s = *ps;
	if (s->n > 0 && series_last(s, sh) > now)
		now = series_last(s, sh);
	if (e->when < now - sh->within_ms - SERIES_LATE_MS) {
		/* No kept hit lies in a window with it. */
		if (ret) {
			ret->amount = sh->kind == LIMIT_DISTINCT ? 1 : e->weight;
			ret->first.ms = e->when;
			ret->crossed = shape_crossed(sh, ret->amount, bar->amount) &&
				       judge_one(sh, e, bar, ret);
		}
		return 0;
	}
	prune(s, sh, now);
	if (make_room(ps, sh, copies, forgotten) < 0)
		return -ENOMEM;
	s = *ps;
	/* With a `with` each hit is kept, since another may hold for it. */
	if (sh->kind != LIMIT_DISTINCT || sh->rich || take_value(s, sh, e)) {
		fit_base(s, sh, e->when);
		insert(s, sh, e, copies);
		now = e->when;
	}
	if (ret)
		tally_of(s, sh, now, extra, bar, ret);
	return 0;
}

int series_add_seen(struct series *s, const struct shape *sh,
		    const struct addr *a, int64_t when)
{
	struct seen_list *l = s->seen;
	int64_t reach = series_last(s, sh) - sh->within_ms;
	uint32_t i, old = 0, cap;

	if (when < reach)
		return 0;
	for (i = l ? l->n : 0; i > 0; i--)
		if (memcmp(&l->e[i - 1].addr, a, sizeof(*a)) == 0)
			break;
	if (i > 0) {
		if (when <= l->e[i - 1].when)
			return 0;
		memmove(&l->e[i - 1], &l->e[i], (l->n - i) * sizeof(l->e[0]));
		l->n--;
	}
	while (l && old < l->n && l->e[old].when < reach)
		old++;
	if (l && l->n - old == SERIES_SEEN_MAX)
		old++;
	if (old > 0) {
		l->n -= old;
		memmove(l->e, l->e + old, l->n * sizeof(l->e[0]));
	}
	if (!l || l->n == l->cap) {
		cap = l ? 2 * l->cap : 2;
		l = realloc(l, sizeof(*l) + cap * sizeof(l->e[0]));
		if (!l)
			return -ENOMEM;
		if (!s->seen)
			l->n = 0;
		l->cap = cap;
		s->seen = l;
	}
	for (i = l->n; i > 0 && l->e[i - 1].when > when; i--)
		l->e[i] = l->e[i - 1];
	l->e[i] = (struct seen){ .addr = *a, .when = when };
	l->n++;
	return 0;
}

void series_free(struct series **s)
{
	if (*s)
		free((*s)->seen);
	free(*s);
	*s = NULL;
}

void series_amount(const struct series *s, const struct shape *sh, int64_t now,
		   struct tally *ret)
{
	ret->amount = 0;
	ret->first.ms = now;
	for (uint32_t i = s->n; i > 0; i--) {
		int64_t when = time_at(s, sh, i - 1);

		if (when > now)
			continue;
		if (when < now - sh->within_ms)
			break;
		ret->amount += weight_at(s, sh, i - 1);
		ret->first.ms = when;
	}
}

unsigned series_distinct(const struct series *s, const struct shape *sh, int64_t now,
			 unsigned k, uint64_t value, unsigned enough)
{
	uint32_t lo = 0, hi = s->n;

	while (lo < s->n && time_at(s, sh, lo) < now - sh->within_ms)
		lo++;
	while (hi > lo && time_at(s, sh, hi - 1) > now)
		hi--;
	return judge_distinct(s, sh, lo, hi, k, value, enough);
}

void series_signals(const struct series *s, const struct shape *sh, int64_t now,
		    uint16_t *ret, size_t max)
{
	for (uint32_t i = 0; i < s->n; i++) {
		int64_t when = time_at(s, sh, i);
		uint64_t value = value_at(s, sh, i, 0);

		if (when <= now && when >= now - sh->within_ms && value > 0 && value <= max)
			ret[value - 1]++;
	}
}

size_t series_seen(const struct series *s, const struct shape *sh,
		   struct addr *ret, size_t max)
{
	int64_t reach = series_last(s, sh) - sh->within_ms;
	size_t n = 0;

	for (uint32_t i = s->seen ? s->seen->n : 0; i > 0 && n < max; i--)
		if (s->seen->e[i - 1].when >= reach)
			ret[n++] = s->seen->e[i - 1].addr;
	return n;
}

size_t series_n(const struct series *s)
{
	return s->n;
}

void series_get(const struct series *s, const struct shape *sh, size_t i,
		struct entry_kept *ret)
{
	assert(i < s->n);
	ret->when = time_at(s, sh, (uint32_t)i);
	ret->weight = weight_at(s, sh, (uint32_t)i);
	ret->flags = sh->rich ? entry(s, sh, (uint32_t)i)[2] : 0;
	ret->value[0] = sh->kind == LIMIT_DISTINCT ? value_at(s, sh, (uint32_t)i, 0) : 0;
	for (unsigned k = 0; k < sh->nvalues; k++)
		ret->value[k] = value_at(s, sh, (uint32_t)i, k);
}

size_t series_nseen(const struct series *s)
{
	return s->seen ? s->seen->n : 0;
}

void series_get_seen(const struct series *s, size_t i, struct addr *ret,
		     int64_t *ret_when)
{
	*ret = s->seen->e[i].addr;
	*ret_when = s->seen->e[i].when;
}

size_t series_bytes(const struct series *s, const struct shape *sh)
{
	size_t n = block_size(sh, s->cap);

	if (s->seen)
		n += sizeof(*s->seen) + s->seen->cap * sizeof(s->seen->e[0]);
	return n;
}
