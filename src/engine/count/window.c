/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sliding windows: a hit comes in with its subject, and out comes how much
 * lies in the window with it. Exact to the millisecond, because an admin who
 * writes "5 within 10m" can count lines and will.
 *
 * Nearly every subject is a stranger with a hit or two, so up to five times
 * live in the subject's record (roster.h) and are worked on as a small array;
 * whatever needs more (bigger counts, sums, different values, addresses seen)
 * gets a series of its own (series.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/count/window_private.h"

int windows_new(const struct config *c, struct windows **ret)
{
	struct windows *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->config = c;
	w->shape = calloc(c->njails ? c->njails : 1, sizeof(w->shape[0]));
	if (!w->shape) {
		free(w);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->njails; i++)
		shape_of(c, &c->jails[i], &w->shape[i]);
	if (roster_init(&w->roster, w->shape, c->njails, c->tracked_max) < 0) {
		free(w->shape);
		free(w);
		return -ENOMEM;
	}
	*ret = w;
	return 0;
}

void windows_free(struct windows **w)
{
	if (!*w)
		return;
	roster_fini(&(*w)->roster);
	free((*w)->shape);
	free(*w);
	*w = NULL;
}

/* ---- the few times within a record */

struct few {
	unsigned n;
	int64_t time[TRACKED_FEW];
};

static void few_load(const struct tracked *t, struct few *ret)
{
	ret->n = t->n;
	ret->time[0] = (int64_t)t->base;
	for (unsigned i = 1; i < ret->n; i++)
		ret->time[i] = ret->time[0] + t->off[i - 1];
}

static void few_store(const struct few *f, struct tracked *t)
{
	t->n = (uint8_t)f->n;
	t->base = (uint64_t)f->time[0];
	for (unsigned i = 1; i < f->n; i++)
		t->off[i - 1] = (uint32_t)(f->time[i] - f->time[0]);
}

/* Forget times that no window ending at `now` - 5 s or later can reach. */
static void few_prune(struct few *f, const struct shape *sh, int64_t now)
{
	unsigned old = 0;

	while (old < f->n && f->time[old] < now - sh->within_ms - SERIES_LATE_MS)
		old++;
	if (old == 0)
		return;
	f->n -= old;
	for (unsigned i = 0; i < f->n; i++)
		f->time[i] = f->time[i + old];
}

static void few_insert(struct few *f, int64_t when, unsigned copies)
{
	unsigned i = f->n;

	for (; i > 0 && f->time[i - 1] > when; i--)
		f->time[i - 1 + copies] = f->time[i - 1];
	for (unsigned k = 0; k < copies; k++)
		f->time[i + k] = when;
	f->n += copies;
}

/* The fullest window that holds the hit at `when`, which is in *f. */
static void few_tally(const struct few *f, const struct shape *sh, int64_t when,
		      uint64_t extra, const struct bar *bar, struct tally *ret)
{
	unsigned lo = 0;

	ret->amount = 0;
	for (unsigned i = 0; i < f->n; i++) {
		int64_t end = f->time[i];

		if (end < when)
			continue;
		if (end > when + sh->within_ms)
			break;
		while (f->time[lo] < end - sh->within_ms)
			lo++;
		if (i + 1 - lo > ret->amount) {
			ret->amount = i + 1 - lo;
			ret->first.ms = f->time[lo];
		}
	}
	ret->amount += extra;
	ret->crossed = shape_crossed(sh, ret->amount, bar->amount);
}

/* false: this takes a series, nothing was done. */
static bool few_add(struct tracked *t, const struct shape *sh,
		    const struct entry_kept *e, const struct bar *bar, struct tally *ret)
{
	uint32_t copies = shape_copies(sh, e->weight);
	int64_t now = e->when;
	struct few f;

	few_load(t, &f);
	if (f.n > 0 && f.time[f.n - 1] > now)
		now = f.time[f.n - 1];
	few_prune(&f, sh, now);
	if (copies > TRACKED_FEW - f.n)
		return false;
	/* Later than late: no kept hit lies in a window with it. */
	if (e->when < now - sh->within_ms - SERIES_LATE_MS) {
		if (ret) {
			ret->amount = e->weight;
			ret->first.ms = e->when;
			ret->crossed = shape_crossed(sh, e->weight, bar->amount);
		}
		return true;
	}
	few_insert(&f, e->when, copies);
	few_store(&f, t);
	if (ret)
		few_tally(&f, sh, e->when, e->weight - copies, bar, ret);
	return true;
}

/* ---- records */

/* The record's hits as a series, with whatever it has by now. */
static int to_series(struct tracked *t, const struct shape *sh,
		     struct series **ret)
{
	struct entry_kept e = { .weight = 1 };
	struct series *s = NULL;
	uint64_t forgotten = 0;
	struct few f;

	if (t->n == TRACKED_SERIES) {
		*ret = t->series;
		return 0;
	}
	few_load(t, &f);
	for (unsigned i = 0; i < f.n; i++) {
		e.when = f.time[i];
		if (series_add(&s, sh, &e, NULL, NULL, &forgotten) < 0) {
			series_free(&s);
			return -ENOMEM;
		}
	}
	*ret = s;
	return 0;
}

static int put_series(struct windows *w, struct tracked *t,
		      const struct shape *sh, const struct entry_kept *e, const struct bar *bar,
		      const struct addr *seen, struct tally *ret)
{
	struct roster *r = &w->roster;
	bool had = t->n == TRACKED_SERIES;
	size_t before = had ? series_bytes(t->series, sh) + TRACKED_MALLOC_COST : 0;
	struct series *s;
	int error;

	if (to_series(t, sh, &s) < 0)
		return -ENOMEM;
	error = series_add(&s, sh, e, bar, ret, &w->forgotten);
	if (error < 0 && !had) {
		series_free(&s);
		return error;
	}
	if (!error && sh->seen && seen->family != ADDR_NONE &&
	    series_add_seen(s, sh, seen, e->when) < 0)
		w->forgotten++;
	t->series = s;
	t->n = TRACKED_SERIES;
	t->base = (uint64_t)series_last(s, sh);
	r->heap += series_bytes(s, sh) + TRACKED_MALLOC_COST - before;
	roster_trim(r, t);
	return error;
}

int window_put_seen(struct windows *w, struct tracked *t, const struct addr *a,
		    int64_t when)
{
	const struct shape *sh = &w->shape[t->jail];
	size_t before = series_bytes(t->series, sh);
	int error = series_add_seen(t->series, sh, a, when);

	w->roster.heap += series_bytes(t->series, sh) - before;
	roster_trim(&w->roster, t);
	return error;
}

int window_put(struct windows *w, uint16_t jail, struct span key,
	       const struct entry_kept *e, const struct bar *bar, const struct addr *seen,
	       struct tally *ret)
{
	const struct shape *sh = &w->shape[jail];
	struct roster *r = &w->roster;
	uint64_t hash = roster_hash(jail, key);
	struct tracked *t = roster_find(r, jail, key, hash);
	int error = 0;
	bool empty;

	roster_saw(r, jail, e->when);
	if (!t) {
		error = roster_add(r, jail, key, hash, e->when, &t);
		if (error < 0)
			return error;
	}
	empty = t->n == 0;
	if (t->n == TRACKED_SERIES || !sh->plain || sh->seen ||
	    !few_add(t, sh, e, bar, ret))
		error = put_series(w, t, sh, e, bar, seen, ret);
	if (empty && t->n != 0)
		r->empty--;
	return error;
}

static int64_t clamp_time(int64_t ms)
{
	return ms < 0 ? 0 : ms > WINDOW_TIME_MAX ? WINDOW_TIME_MAX : ms;
}

static struct tracked *find(const struct windows *w, uint16_t jail, struct span key)
{
	if (jail >= w->config->njails || key.n > SUBJECT_KEY_MAX)
		return NULL;
	return roster_find(&w->roster, jail, key, roster_hash(jail, key));
}

/* What lies in [now - within, now], first and all. */
static void amount_at(const struct windows *w, uint16_t jail, struct span key,
		      int64_t now, struct tally *ret)
{
	const struct tracked *t = find(w, jail, key);
	const struct shape *sh = &w->shape[jail];
	struct few f;

	*ret = (struct tally){ .first.ms = now };
	if (!t)
		return;
	if (t->n == TRACKED_SERIES) {
		series_amount(t->series, sh, now, ret);
		ret->amount /= sh->unit;
		return;
	}
	few_load(t, &f);
	for (unsigned i = f.n; i > 0; i--) {
		if (f.time[i - 1] > now || f.time[i - 1] < now - sh->within_ms)
			continue;
		ret->amount++;
		ret->first.ms = f.time[i - 1];
	}
}

static bool is_windowed(const struct shape *sh)
{
	return sh->kind != LIMIT_NONE && sh->kind != LIMIT_LEVEL;
}

#define WEIGHT_TOLD (1ull << 40)	/* up to here a verdict tells what there was */

/* In units of the shape; more than crosses every bar counts as what just crosses them. */
static uint64_t weight_of(const struct shape *sh, const struct window_hit *h, const struct bar *bar)
{
	uint64_t most = sh->most > bar->alone ? sh->most : bar->alone, weight = h->aside ? 0 : h->weight;

	if (weight > WEIGHT_TOLD && weight > most)
		weight = most < WEIGHT_TOLD ? WEIGHT_TOLD : most + 1;
	if (sh->unit == 1)
		return weight;
	weight *= h->factor ? h->factor : sh->unit;
	if (weight > WEIGHT_TOLD && weight > most * sh->unit)
		weight = most * sh->unit < WEIGHT_TOLD ? WEIGHT_TOLD : most * sh->unit;
	return weight;
}

int windows_add(struct windows *w, const struct window_hit *h,
		struct tally *ret)
{
	const struct shape *sh = &w->shape[h->jail];
	const struct bar *bar = h->bar ? h->bar : &sh->bar;
	struct entry_kept e = { .when = clamp_time(h->when.ms), .flags = h->flags };
	struct tally tally = { .amount = 0 };
	uint64_t weight = weight_of(sh, h, bar);
	int error;

	if (h->key.n > SUBJECT_KEY_MAX)
		return -E2BIG;
	memcpy(e.value, h->value, sizeof(e.value));
	if (sh->kind == LIMIT_DISTINCT && !h->aside)
		weight = 1;
	if (!is_windowed(sh) || (weight == 0 && !(h->aside && sh->rich))) {
		amount_at(w, h->jail, h->key, e.when, ret);
		ret->crossed = false;
		return 0;
	}
	/* An entry holds 32 bits; a plain one stands for all that there is of a hit. */
	e.weight = UINT32_MAX;
	for (; weight > UINT32_MAX && !sh->plain; weight -= UINT32_MAX) {
		error = window_put(w, h->jail, h->key, &e, bar, &h->seen, NULL);
		if (error < 0)
			return error;
	}
	e.weight = weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
	error = window_put(w, h->jail, h->key, &e, bar, &h->seen, &tally);
	if (error < 0)
		return error;
	tally.amount /= sh->unit;
	*ret = tally;
	return 0;
}

unsigned windows_accounts(const struct windows *w, uint16_t jail, struct span key,
			  struct event_time now, uint64_t account, unsigned enough)
{
	const struct tracked *t = find(w, jail, key);
	const struct shape *sh = &w->shape[jail];

	if (!t || t->n != TRACKED_SERIES || sh->nvalues == 0)
		return account != 0;
	return series_distinct(t->series, sh, clamp_time(now.ms), sh->nvalues - 1u, account, enough);
}

void windows_signals(const struct windows *w, uint16_t jail, struct span key,
		     struct event_time now, uint16_t *ret)
{
	const struct tracked *t = w->shape[jail].kind == LIMIT_SCORE ? find(w, jail, key) : NULL;

	memset(ret, 0, SCORES_MAX * sizeof(*ret));
	if (t && t->n == TRACKED_SERIES)
		series_signals(t->series, &w->shape[jail], clamp_time(now.ms), ret, SCORES_MAX);
}

size_t windows_seen(const struct windows *w, uint16_t jail, struct span key,
		    struct addr *ret, size_t max)
{
	const struct tracked *t = find(w, jail, key);

	if (!t || t->n != TRACKED_SERIES)
		return 0;
	return series_seen(t->series, &w->shape[jail], ret, max);
}

void windows_clear(struct windows *w, uint16_t jail, struct span key)
{
	struct tracked *t = find(w, jail, key);

	if (t)
		roster_clear(&w->roster, t);
}

uint64_t windows_amount(const struct windows *w, uint16_t jail, struct span key,
			struct event_time now)
{
	struct tally t = { .amount = 0 };

	if (jail < w->config->njails)
		amount_at(w, jail, key, clamp_time(now.ms), &t);
	return t.amount;
}

size_t windows_used(const struct windows *w)
{
	return w->roster.n - w->roster.empty;
}

uint64_t windows_forgotten(const struct windows *w)
{
	return w->forgotten + w->roster.forgotten;
}

size_t windows_bytes(const struct windows *w)
{
	return sizeof(*w) + roster_bytes(&w->roster);
}
