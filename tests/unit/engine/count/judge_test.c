/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a limit asks beside its amount: `with`, `alone`, `ratio`, in long random
 * runs with late hits against a model that keeps every hit and looks at every
 * window, with snapshots in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "engine/count/window.h"

#define T0 1700000000000ll

static struct field fields[] = {
	{ .name = "user", .type = FIELD_ACCOUNT }, { .name = "size", .type = FIELD_NUMBER },
	{ .name = "rcpt", .type = FIELD_MAIL },
};

struct bench {
	struct jail jail;
	struct config config;
	struct windows *w;
};

static void setup(struct bench *b, const struct limit *l)
{
	*b = (struct bench){ .jail = { .name = (char *)"j", .limit = *l } };
	b->jail.limit.nper = 1;
	b->jail.limit.weight = 1;
	b->config = (struct config){ .njails = 1, .jails = &b->jail, .nfields = 3, .fields = fields,
				     .tracked_max = 1000 };
	assert_int_equal(windows_new(&b->config, &b->w), 0);
}

static struct window_hit hit_at(int64_t when)
{
	static const char key[] = { FIELD_ACCOUNT, 3, 0, 'j', 'o', 'e' };

	return (struct window_hit){ .key = { key, sizeof(key) }, .when.ms = when, .weight = 1 };
}

static struct tally put(struct bench *b, const struct window_hit *h)
{
	struct tally t = { 0 };

	assert_int_equal(windows_add(b->w, h, &t), 0);
	return t;
}

/* ---- the model */

struct model {
	size_t n;
	struct window_hit hit[2000];
};

/* Does the window that ends at `end` fire? */
static bool fires(const struct model *m, const struct limit *l, int64_t end)
{
	uint64_t amount = 0, part = 0, seen[64];
	uint32_t flags = 0;
	size_t nseen = 0, k;

	for (size_t i = 0; i < m->n; i++) {
		const struct window_hit *h = &m->hit[i];

		if (h->when.ms > end || h->when.ms < end - l->within_ms)
			continue;
		amount += h->weight;
		part += h->flags & ENTRY_PART ? h->weight : 0;
		flags |= h->flags;
		for (k = 0; k < nseen && seen[k] != h->value[0]; k++)
			;
		if (h->value[0] && k == nseen)
			seen[nseen++] = h->value[0];
	}
	if (l->kind == LIMIT_SUM ? amount <= l->amount : amount < l->amount)
		return false;
	if (l->kind == LIMIT_RATIO)
		return part * LIMIT_RATIO_ONE >= amount * l->ratio;
	if (flags & 1 || nseen > l->with[1].over)
		return true;
	return l->alone && (l->kind == LIMIT_SUM ? amount > l->alone : amount >= l->alone);
}

static bool model_add(struct model *m, const struct limit *l, const struct window_hit *h)
{
	assert_true(m->n < 2000);
	m->hit[m->n++] = *h;
	for (size_t i = 0; i < m->n; i++) {
		int64_t end = m->hit[i].when.ms;

		if (end >= h->when.ms && end - l->within_ms <= h->when.ms && fires(m, l, end))
			return true;
	}
	return false;
}

static uint32_t seed = 7;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

static void save_and_restore(struct bench *b)
{
	struct windows *fresh = NULL;
	struct buf snap = { 0 };
	struct reader in;

	windows_save(b->w, &snap);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(windows_new(&b->config, &fresh), 0);
	assert_int_equal(windows_restore(fresh, &in), 0);
	windows_free(&b->w);
	b->w = fresh;
	buf_free(&snap);
}

static void random_run(const struct limit *l)
{
	static struct model m;
	int64_t now = T0, newest = 0;
	unsigned fired = 0;
	struct bench b;

	m.n = 0;
	setup(&b, l);
	for (int i = 0; i < 1500; i++) {
		struct window_hit h;
		bool want;

		now += rnd((uint32_t)l->within_ms / 4 + 1);
		h = hit_at(now - (rnd(3) ? 0 : rnd(5001)));
		if (h.when.ms < newest - SERIES_LATE_MS)
			h.when.ms = newest - SERIES_LATE_MS;
		if (h.when.ms > newest)
			newest = h.when.ms;
		h.weight = l->kind == LIMIT_SUM ? 1 + rnd(50) : 1 + (rnd(8) == 0);
		h.flags = rnd(12) == 0 ? (l->kind == LIMIT_RATIO ? ENTRY_PART : 1) : 0;
		if (l->kind == LIMIT_RATIO)
			h.flags = rnd(3) == 0 ? ENTRY_PART : 0;
		else if (rnd(2))
			h.value[0] = 1 + rnd(9);
		h.aside = l->nwith && rnd(5) == 0;
		if (h.aside)
			h.weight = 0;
		want = model_add(&m, l, &h);
		if (put(&b, &h).crossed != want)
			fail_msg("kind %d, hit %d: %d", l->kind, i, want);
		if (want) {
			fired++;
			m.n = 0;
			windows_clear(b.w, 0, h.key);
		}
		if (rnd(100) == 0)
			save_and_restore(&b);
	}
	if (l->ratio != LIMIT_RATIO_ONE)
		assert_in_range(fired, 5, 1400);
	windows_free(&b.w);
}

static void test_against_model(void **state)
{
	static const int64_t withins[] = { 50, 1000, 5000, 20000 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct limit l = { .kind = LIMIT_COUNT, .amount = 4, .alone = 9, .within_ms = withins[i],
				   .nwith = 2, .with = { { WITH_FOREIGN_SENDER, 0, 0 }, { WITH_DISTINCT, 2, 3 } } };

		random_run(&l);
		l.alone = 0;
		random_run(&l);
		l.kind = LIMIT_SUM;
		l.amount = 60;
		l.value = 1;
		random_run(&l);
		l = (struct limit){ .kind = LIMIT_RATIO, .amount = 5, .ratio = 400000, .within_ms = withins[i] };
		random_run(&l);
		l.ratio = LIMIT_RATIO_ONE;
		l.amount = 2;
		random_run(&l);
	}
}

/* ---- single things */

static void test_what_made_it(void **state)
{
	struct limit l = { .kind = LIMIT_COUNT, .amount = 2, .alone = 3, .within_ms = 1000, .nwith = 2,
			   .with = { { WITH_FOREIGN_SENDER, 0, 0 }, { WITH_DISTINCT, 2, 1 } } };
	struct window_hit h = hit_at(T0);
	struct tally t;
	struct bench b;

	(void)state;
	setup(&b, &l);
	assert_false(put(&b, &h).crossed);
	assert_false(put(&b, &h).crossed);
	t = put(&b, &h);
	assert_true(t.crossed);
	assert_int_equal(t.with, 0);
	windows_clear(b.w, 0, h.key);
	h.flags = 1;
	h.value[0] = 5;
	put(&b, &h);
	h.value[0] = 6;
	t = put(&b, &h);
	assert_true(t.crossed);
	assert_int_equal(t.with, 3);
	windows_free(&b.w);
}

/* The share is that of the hits that are kept: at the cap the oldest go. */
static void test_share_at_the_cap(void **state)
{
	struct limit l = { .kind = LIMIT_RATIO, .amount = 5, .ratio = 10000, .within_ms = 1000000 };
	struct window_hit h = hit_at(T0);
	struct tally t = { 0 };
	struct bench b;

	(void)state;
	setup(&b, &l);
	for (int i = 0; i < SERIES_MAX + 4000; i++) {
		h.flags = i < 4500 ? ENTRY_PART : 0;
		h.when.ms = T0 + i;
		t = put(&b, &h);
		assert_int_equal(t.crossed, i > 3 && (i < SERIES_MAX + 4500 - 656));
	}
	assert_int_equal(t.amount, SERIES_MAX);
	assert_int_equal(t.part, 500);
	windows_free(&b.w);
}

/* "message repeated 999999999 times", for ever: one that is part of it is no share of that. */
static void test_huge_ratio(void **state)
{
	struct limit l = { .kind = LIMIT_RATIO, .amount = 5, .ratio = LIMIT_RATIO_ONE, .within_ms = 1000000 };
	struct window_hit h = hit_at(T0);
	struct bench b;

	(void)state;
	setup(&b, &l);
	h.weight = 1;
	put(&b, &h);
	h.weight = UINT32_MAX;
	h.flags = ENTRY_PART;
	put(&b, &h);
	h.flags = 0;
	for (int i = 0; i < 4500; i++)
		assert_false(put(&b, &h).crossed);
	windows_free(&b.w);
}

/* Elsewhere for one class than for another, by the hit. */
static void test_bars(void **state)
{
	struct limit l = { .kind = LIMIT_COUNT, .amount = 2, .within_ms = 1000, .nwith = 1,
			   .with = { { WITH_FOREIGN_SENDER, 0, 0 } } };
	struct bar bar = { .amount = 4, .alone = 5 };
	struct window_hit h = hit_at(T0);
	struct bench b;

	(void)state;
	setup(&b, &l);
	h.bar = &bar;
	h.flags = 1;
	for (int i = 0; i < 3; i++)
		assert_false(put(&b, &h).crossed);
	assert_true(put(&b, &h).crossed);
	windows_free(&b.w);
}

/* Factors: hits are kept in 1/10000, and told as whole ones. */
static void test_factors(void **state)
{
	struct limit l = { .kind = LIMIT_COUNT, .amount = 2, .known = 20, .within_ms = 1000 };
	struct window_hit h = hit_at(T0);
	struct tally t;
	struct bench b;

	(void)state;
	setup(&b, &l);
	h.factor = 2000;
	for (int i = 0; i < 9; i++)
		assert_false(put(&b, &h).crossed);
	t = put(&b, &h);
	assert_true(t.crossed);
	assert_int_equal(t.amount, 2);
	windows_free(&b.w);
}

static void test_spread(void **state)
{
	struct limit l = { .kind = LIMIT_COUNT, .amount = 100, .spread_accounts = 3, .spread_weight = 200,
			   .within_ms = 1000 };
	struct window_hit h = hit_at(T0);
	struct bench b;

	(void)state;
	setup(&b, &l);
	for (uint64_t who = 11; who < 14; who++) {
		assert_int_equal(windows_accounts(b.w, 0, h.key, h.when, who, 3), who - 10);
		assert_int_equal(windows_accounts(b.w, 0, h.key, h.when, who, 2), who < 12 ? 1 : 2);
		h.value[0] = who;
		put(&b, &h);
		h.when.ms += 500;
	}
	/* 11 came at T0, 12 at T0 + 500, 13 at T0 + 1000 */
	h.when.ms = T0 + 1001;
	assert_int_equal(windows_accounts(b.w, 0, h.key, h.when, 13, 9), 2);
	h.when.ms = T0 + 999;
	assert_int_equal(windows_accounts(b.w, 0, h.key, h.when, 13, 9), 3);
	windows_free(&b.w);
}

/* Whatever became of the bytes, nothing worse than -EBADMSG comes of it. */
static void test_damaged(void **state)
{
	struct limit l = { .kind = LIMIT_COUNT, .amount = 50, .within_ms = 100000, .nwith = 2,
			   .with = { { WITH_FOREIGN_SENDER, 0, 0 }, { WITH_DISTINCT, 2, 30 } } };
	struct window_hit h = hit_at(T0);
	struct windows *w;
	struct buf snap = { 0 };
	struct bench b;

	(void)state;
	setup(&b, &l);
	for (uint64_t i = 1; i < 20; i++) {
		h.value[0] = i;
		put(&b, &h);
	}
	windows_save(b.w, &snap);
	for (size_t i = 0; i < 2 * snap.n; i++) {
		struct reader in = { .p = snap.p, .n = i < snap.n ? i : snap.n };

		if (i >= snap.n)
			snap.p[i - snap.n] ^= 0x41;
		assert_int_equal(windows_new(&b.config, &w), 0);
		if (windows_restore(w, &in) < 0)
			assert_int_equal(windows_used(w), 0);
		windows_free(&w);
		if (i >= snap.n)
			snap.p[i - snap.n] ^= 0x41;
	}
	buf_free(&snap);
	windows_free(&b.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model), cmocka_unit_test(test_what_made_it),
		cmocka_unit_test(test_huge_ratio), cmocka_unit_test(test_share_at_the_cap), cmocka_unit_test(test_bars), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_factors), cmocka_unit_test(test_spread),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
