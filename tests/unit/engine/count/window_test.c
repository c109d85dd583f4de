/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows: boundaries to the millisecond, late hits, weights, sums, different
 * values, the caps; and a long random run against a model that keeps every
 * hit and looks at every pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "bailiff/subject.h"
#include "base/hash.h"
#include "engine/count/series.h"
#include "engine/count/window.h"

#define T0 1700000000000ll

static struct field fields[] = {
	{ .name = "ip", .type = FIELD_ADDR },
	{ .name = "user", .type = FIELD_ACCOUNT },
	{ .name = "nrcpt", .type = FIELD_NUMBER },
};

static struct action ban_seen = { .kind = ACTION_BAN, .whom = WHOM_SEEN };

/* One jail and a table for it. */
struct bench {
	struct jail jail;
	struct config config;
	struct windows *w;
};

static void setup(struct bench *b, enum limit_kind kind, uint64_t amount,
		  int64_t within_ms, uint32_t tracked_max)
{
	*b = (struct bench){
		.jail = { .name = (char *)"sasl",
			  .limit = { .kind = kind, .amount = amount,
				     .within_ms = within_ms, .nper = 1,
				     .value = 2, .weight = 1, .v6_len = 64 } },
	};
	b->config = (struct config){ .njails = 1, .jails = &b->jail,
		.nfields = 3, .fields = fields, .tracked_max = tracked_max };
}

static void start(struct bench *b)
{
	assert_int_equal(windows_new(&b->config, &b->w), 0);
}

static struct span key_of(uint32_t i, char buf[40])
{
	memset(buf, 0, 40);
	switch (i % 4) {
	case 0:
	case 1:
		buf[0] = FIELD_ADDR;
		memcpy(buf + 1, &i, sizeof(i));
		buf[17] = i % 4 ? ADDR_V6 : ADDR_V4;
		buf[18] = i % 4 ? 64 : 32;
		return (struct span){ buf, 19 };
	case 2:
		buf[0] = FIELD_ACCOUNT;
		memcpy(buf + 3, &i, sizeof(i));
		return (struct span){ buf, 9 };
	default:
		buf[0] = FIELD_TEXT;
		memcpy(buf + 30, &i, sizeof(i));
		return (struct span){ buf, 37 };
	}
}

static struct tally hit(struct windows *w, uint32_t who, int64_t when,
			uint64_t weight, uint64_t value)
{
	struct window_hit h = { .when.ms = when, .weight = weight, .value = { value } };
	struct tally t;
	char buf[40];

	h.key = key_of(who, buf);
	assert_int_equal(windows_add(w, &h, &t), 0);
	return t;
}

static uint64_t amount(struct windows *w, uint32_t who, int64_t now)
{
	char buf[40];

	return windows_amount(w, 0, key_of(who, buf), (struct event_time){ now });
}

static void clear(struct windows *w, uint32_t who)
{
	char buf[40];

	windows_clear(w, 0, key_of(who, buf));
}

/* ---- rows */

struct step {
	int64_t at;		/* after T0 */
	uint32_t weight;
	uint64_t value;
	uint64_t want;		/* amount */
	bool crossed;
	int64_t first;		/* after T0 */
};

static const struct {
	const char *name;
	enum limit_kind kind;
	uint64_t amount;
	int64_t within;
	struct step step[12];	/* ends with weight 0 and value 0 */
} rows[] = {
	{ "the fifth within ten minutes", LIMIT_COUNT, 5, 600000, {
		{ 0, 1, 0, 1, false, 0 }, { 1, 1, 0, 2, false, 0 },
		{ 2, 1, 0, 3, false, 0 }, { 3, 1, 0, 4, false, 0 },
		{ 4, 1, 0, 5, true, 0 } } },
	{ "the window holds both ends", LIMIT_COUNT, 2, 600000, {
		{ 0, 1, 0, 1, false, 0 }, { 600000, 1, 0, 2, true, 0 } } },
	{ "one millisecond too far", LIMIT_COUNT, 2, 600000, {
		{ 0, 1, 0, 1, false, 0 }, { 600001, 1, 0, 1, false, 600001 } } },
	{ "a window slides", LIMIT_COUNT, 3, 100, {
		{ 0, 1, 0, 1, false, 0 }, { 60, 1, 0, 2, false, 0 },
		{ 101, 1, 0, 2, false, 60 }, { 160, 1, 0, 3, true, 60 } } },
	{ "a repeated line counts as often as it says", LIMIT_COUNT, 5, 1000, {
		{ 0, 1, 0, 1, false, 0 }, { 10, 3, 0, 4, false, 0 },
		{ 20, 2, 0, 6, true, 0 } } },
	{ "one hit of more than the limit", LIMIT_COUNT, 5, 1000, {
		{ 0, 700, 0, 700, true, 0 } } },
	{ "count of one", LIMIT_COUNT, 1, 1000, { { 0, 1, 0, 1, true, 0 } } },
	{ "a late hit completes the newest window", LIMIT_COUNT, 3, 10000, {
		{ 0, 1, 0, 1, false, 0 }, { 9000, 1, 0, 2, false, 0 },
		{ 4500, 1, 0, 3, true, 0 } } },
	{ "a late hit completes its own window only", LIMIT_COUNT, 3, 10000, {
		{ 0, 1, 0, 1, false, 0 }, { 1000, 1, 0, 2, false, 0 },
		{ 14000, 1, 0, 1, false, 14000 },
		{ 9500, 1, 0, 3, true, 0 } } },
	{ "a late hit that nothing holds together", LIMIT_COUNT, 3, 10000, {
		{ 0, 1, 0, 1, false, 0 }, { 14000, 1, 0, 1, false, 14000 },
		{ 10001, 1, 0, 2, false, 10001 } } },
	{ "more before and after a late hit than the limit", LIMIT_COUNT, 5, 10000, {
		{ 0, 4, 0, 4, false, 0 }, { 10500, 1, 0, 1, false, 10500 },
		{ 11000, 1, 0, 2, false, 10500 }, { 12000, 1, 0, 3, false, 10500 },
		{ 10000, 1, 0, 5, true, 0 } } },
	{ "a short window and a late hit", LIMIT_COUNT, 2, 10, {
		{ 0, 1, 0, 1, false, 0 }, { 100, 1, 0, 1, false, 100 },
		{ 200, 1, 0, 1, false, 200 }, { 4000, 1, 0, 1, false, 4000 },
		{ 111, 1, 0, 1, false, 111 }, { 90, 1, 0, 2, true, 90 } } },
	{ "much later than late counts alone", LIMIT_COUNT, 2, 1000, {
		{ 60000, 1, 0, 1, false, 60000 }, { 0, 1, 0, 1, false, 0 },
		{ 60500, 1, 0, 2, true, 60000 } } },
	{ "a sum fires above", LIMIT_SUM, 1000, 3600000, {
		{ 0, 600, 0, 600, false, 0 }, { 1, 400, 0, 1000, false, 0 },
		{ 2, 1, 0, 1001, true, 0 } } },
	{ "a sum forgets", LIMIT_SUM, 1000, 3600000, {
		{ 0, 600, 0, 600, false, 0 }, { 3600001, 600, 0, 600, false, 3600001 },
		{ 3600000, 500, 0, 1100, true, 0 } } },
	{ "different values", LIMIT_DISTINCT, 3, 60000, {
		{ 0, 1, 7, 1, false, 0 }, { 1, 1, 7, 1, false, 1 },
		{ 2, 1, 8, 2, false, 1 }, { 60001, 1, 9, 3, true, 1 } } },
	{ "a value counts at its newest time", LIMIT_DISTINCT, 3, 60000, {
		{ 0, 1, 7, 1, false, 0 }, { 1, 1, 8, 2, false, 0 },
		{ 2, 1, 7, 2, false, 1 }, { 60002, 1, 9, 2, false, 2 } } },
	{ "a late value", LIMIT_DISTINCT, 2, 60000, {
		{ 5000, 1, 7, 1, false, 5000 }, { 100, 1, 7, 1, false, 5000 },
		{ 0, 1, 8, 2, true, 0 } } },
	{ "weeks", LIMIT_COUNT, 2, 14 * 86400000ll, {
		{ 0, 1, 0, 1, false, 0 }, { 14 * 86400000ll, 1, 0, 2, true, 0 },
		{ 60 * 86400000ll, 1, 0, 1, false, 60 * 86400000ll },
		{ 74 * 86400000ll, 1, 0, 2, true, 60 * 86400000ll },
		{ 900 * 86400000ll, 1, 0, 1, false, 900 * 86400000ll } } },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct bench b;

		setup(&b, rows[r].kind, rows[r].amount, rows[r].within, 100);
		start(&b);
		for (size_t i = 0; i < 12 && rows[r].step[i].weight; i++) {
			const struct step *s = &rows[r].step[i];
			struct tally t = hit(b.w, 0, T0 + s->at, s->weight, s->value);

			if (t.amount != s->want || t.crossed != s->crossed ||
			    t.first.ms != T0 + s->first)
				fail_msg("%s, step %zu: amount %llu crossed %d first %lld",
					 rows[r].name, i, (unsigned long long)t.amount,
					 t.crossed, (long long)(t.first.ms - T0));
		}
		windows_free(&b.w);
	}
}

static void test_no_weight(void **state)
{
	struct bench b;
	struct tally t;

	(void)state;
	setup(&b, LIMIT_COUNT, 2, 1000, 100);
	start(&b);
	t = hit(b.w, 0, T0, 0, 0);
	assert_int_equal(t.amount, 0);
	assert_int_equal(windows_used(b.w), 0);
	hit(b.w, 0, T0, 1, 0);
	t = hit(b.w, 0, T0 + 5, 0, 0);
	assert_int_equal(t.amount, 1);
	assert_false(t.crossed);
	windows_free(&b.w);
}

static void test_weights(void **state)
{
	static const uint64_t limits[] = { 5, 64, 65, 1000 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct bench b;
		struct tally t = { .crossed = false };
		uint64_t sum = 0;

		setup(&b, LIMIT_COUNT, limits[i], 60000, 10);
		b.jail.limit.weighs = true;
		b.jail.limit.weight = 0;
		start(&b);
		for (uint32_t k = 0; !t.crossed; k++) {
			sum += 1 + k % 3;
			t = hit(b.w, 0, T0 + k, 1 + k % 3, 0);
			assert_int_equal(t.amount, sum);
			assert_int_equal(t.crossed, sum >= limits[i]);
		}
		windows_free(&b.w);
	}
}

/* Amounts of more than 32 bits, in one hit and together. */
static void test_large_amounts(void **state)
{
	const uint64_t g = 1ull << 30;
	struct bench b;
	struct tally t;

	(void)state;
	setup(&b, LIMIT_SUM, 20 * g, 1000, 10);
	start(&b);
	t = hit(b.w, 0, T0, 5 * g, 0);
	assert_int_equal(t.amount, 5 * g);
	assert_false(t.crossed);
	hit(b.w, 0, T0 + 500, 10 * g, 0);
	t = hit(b.w, 0, T0 + 1000, 5 * g, 0);
	assert_int_equal(t.amount, 20 * g);
	assert_false(t.crossed);
	assert_int_equal(amount(b.w, 0, T0 + 1001), 15 * g);
	t = hit(b.w, 0, T0 + 1000, 1, 0);
	assert_int_equal(t.amount, 20 * g + 1);
	assert_true(t.crossed);
	t = hit(b.w, 1, T0, UINT64_MAX, 0);
	assert_true(t.crossed);
	windows_free(&b.w);
}

static void test_keys_are_apart(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, LIMIT_COUNT, 3, 1000, 1000);
	start(&b);
	for (uint32_t i = 0; i < 400; i++)
		hit(b.w, i, T0, 1 + i % 2, 0);
	for (uint32_t i = 0; i < 400; i++)
		assert_int_equal(amount(b.w, i, T0 + 1000), 1 + i % 2);
	assert_int_equal(amount(b.w, 401, T0), 0);
	assert_int_equal(amount(b.w, 0, T0 + 1001), 0);
	assert_int_equal(amount(b.w, 0, T0 - 1), 0);
	assert_int_equal(windows_used(b.w), 400);
	for (uint32_t i = 0; i < 400; i += 2)
		clear(b.w, i);
	clear(b.w, 500);
	assert_int_equal(windows_used(b.w), 200);
	for (uint32_t i = 0; i < 400; i++)
		assert_int_equal(amount(b.w, i, T0), i % 2 ? 2 : 0);
	hit(b.w, 0, T0, 1, 0);
	assert_int_equal(windows_used(b.w), 201);
	windows_free(&b.w);
}

static void test_key_lengths(void **state)
{
	char big[SUBJECT_KEY_MAX + 1];
	struct window_hit h = { .when.ms = T0, .weight = 1 };
	struct tally t;
	struct bench b;

	(void)state;
	memset(big, 'k', sizeof(big));
	setup(&b, LIMIT_COUNT, 3, 1000, 10000);
	start(&b);
	for (size_t n = 0; n <= SUBJECT_KEY_MAX; n++) {
		h.key = (struct span){ big, n };
		assert_int_equal(windows_add(b.w, &h, &t), 0);
		assert_int_equal(t.amount, 1);
	}
	h.key.n = SUBJECT_KEY_MAX + 1;
	assert_int_equal(windows_add(b.w, &h, &t), -E2BIG);
	assert_int_equal(windows_amount(b.w, 0, h.key, h.when), 0);
	windows_free(&b.w);
}

/* ---- who goes */

static void test_evicts_the_idle(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, LIMIT_COUNT, 5, 600000, 8);
	start(&b);
	for (uint32_t i = 0; i < 8; i++)
		hit(b.w, i, T0 + i * 30000, 1, 0);
	hit(b.w, 0, T0 + 250000, 1, 0);		/* the oldest is busy again */
	hit(b.w, 100, T0 + 260000, 1, 0);
	assert_int_equal(windows_used(b.w), 8);
	assert_int_equal(windows_forgotten(b.w), 1);
	assert_int_equal(amount(b.w, 1, T0 + 260000), 0);
	assert_int_equal(amount(b.w, 0, T0 + 260000), 2);
	hit(b.w, 101, T0 + 260000, 1, 0);
	assert_int_equal(amount(b.w, 2, T0 + 260000), 0);
	assert_int_equal(amount(b.w, 3, T0 + 260000), 1);
	assert_int_equal(windows_forgotten(b.w), 2);
	windows_free(&b.w);
}

static void test_expired_are_no_loss(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, LIMIT_COUNT, 5, 60000, 1000);
	start(&b);
	for (uint32_t i = 0; i < 100000; i++)
		hit(b.w, i, T0 + i * 100ll, 1, 0);
	/* 65 s of them are alive at any time. */
	assert_in_range(windows_used(b.w), 600, 700);
	assert_int_equal(windows_forgotten(b.w), 0);
	windows_free(&b.w);
}

static void test_strangers_are_bounded(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, LIMIT_COUNT, 5, 600000, 50000);
	start(&b);
	for (uint32_t i = 0; i < 200000; i++)
		hit(b.w, i, T0 + i / 100, 1, 0);
	assert_int_equal(windows_used(b.w), 50000);
	assert_int_equal(windows_forgotten(b.w), 150000);
	for (uint32_t i = 199990; i < 200000; i++)
		assert_int_equal(amount(b.w, i, T0 + 2000), 1);
	windows_free(&b.w);
}

static void test_bytes(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, LIMIT_COUNT, 5, 600000, 1u << 20);
	start(&b);
	for (uint32_t n = 0; n < 4; n++)
		for (uint32_t i = 0; i < 100000; i++)
			hit(b.w, i / 2 * 4 + i % 2, T0 + n, 1, 0);
	assert_int_equal(windows_used(b.w), 100000);
	assert_in_range(windows_bytes(b.w), 1, 64 * 100000);
	windows_free(&b.w);
}

static void test_big_windows_are_bounded(void **state)
{
	struct bench b;
	struct tally t;

	(void)state;
	setup(&b, LIMIT_SUM, 1u << 30, 600000, 100);
	start(&b);
	for (uint32_t i = 0; i < 200000; i++)
		t = hit(b.w, 0, T0 + i / 1000, 1, 0);
	assert_int_equal(t.amount, 65536);
	assert_int_equal(windows_forgotten(b.w), 200000 - 65536);
	assert_in_range(windows_bytes(b.w), 1, 2 << 20);
	clear(b.w, 0);
	assert_in_range(windows_bytes(b.w), 1, 1 << 19);
	windows_free(&b.w);
}

static void test_heap_is_bounded(void **state)
{
	struct bench b;

	(void)state;
	setup(&b, LIMIT_SUM, UINT64_MAX, 600000, 1000);
	start(&b);
	for (uint32_t who = 0; who < 100; who++)
		for (uint32_t i = 0; i < 60000; i++)
			hit(b.w, who, T0 + who * 10000 + i / 10, 1, 0);
	assert_in_range(windows_bytes(b.w), 1, 20 << 20);
	assert_int_equal(amount(b.w, 99, T0 + 99 * 10000 + 6000), 60000);
	assert_true(windows_forgotten(b.w) > 50);
	windows_free(&b.w);
}

/* ---- addresses seen */

static struct addr v4(uint32_t i)
{
	struct addr a = { .family = ADDR_V4, .len = 32 };

	memcpy(a.b, &i, 4);
	return a;
}

static void test_seen(void **state)
{
	struct addr got[8];
	struct window_hit h = { .weight = 1 };
	struct tally t;
	struct bench b;
	char buf[40];

	(void)state;
	setup(&b, LIMIT_COUNT, 200, 1000, 100);
	b.jail.nthen = 1;
	b.jail.then = &ban_seen;
	start(&b);
	h.key = key_of(2, buf);
	for (int i = 0; i < 6; i++) {
		static const uint32_t from[] = { 1, 2, 1, 3, 2, 0 };

		h.when.ms = T0 + i * 300;
		h.seen = from[i] ? v4(from[i]) : (struct addr){ .family = 0 };
		assert_int_equal(windows_add(b.w, &h, &t), 0);
	}
	/* At 1500: 2 at 1200, 3 at 900, 1 at 600. */
	assert_int_equal(windows_seen(b.w, 0, h.key, got, 8), 3);
	assert_true(got[0].b[0] == 2 && got[1].b[0] == 3 && got[2].b[0] == 1);
	assert_int_equal(windows_seen(b.w, 0, h.key, got, 1), 1);
	h.when.ms = T0 + 1700;
	windows_add(b.w, &h, &t);
	assert_int_equal(windows_seen(b.w, 0, h.key, got, 8), 2);
	windows_clear(b.w, 0, h.key);
	assert_int_equal(windows_seen(b.w, 0, h.key, got, 8), 0);
	for (uint32_t i = 0; i < 10000; i++) {
		h.seen = v4(i);
		windows_add(b.w, &h, &t);
	}
	assert_in_range(windows_bytes(b.w), 1, 1 << 19);
	assert_int_equal(windows_seen(b.w, 0, h.key, got, 8), 8);
	windows_free(&b.w);
}

/* Some come back and some do not, while the window moves on: the newest first, each once. */
static void test_seen_again(void **state)
{
	enum { ADDRS = 100, WITHIN = 1000 };
	int64_t last[ADDRS] = { 0 };
	struct addr got[ADDRS + 1];
	struct window_hit h = { .weight = 1 };
	struct tally t;
	struct bench b;
	char buf[40];
	uint32_t random = 7;

	(void)state;
	setup(&b, LIMIT_COUNT, 100000, WITHIN, 100);
	b.jail.nthen = 1;
	b.jail.then = &ban_seen;
	start(&b);
	h.key = key_of(2, buf);
	for (int k = 1; k <= 20000; k++) {
		size_t n, want = 0;
		uint32_t who;

		random = random * 1664525 + 1013904223;
		/* Of a few at first, then of all. */
		who = (random >> 8) % (k % 4000 < 1000 ? 5 : ADDRS);
		h.when.ms = T0 + k * 10;
		h.seen = v4(who);
		last[who] = h.when.ms;
		assert_int_equal(windows_add(b.w, &h, &t), 0);
		if (k % 50)
			continue;
		n = windows_seen(b.w, 0, h.key, got, ADDRS + 1);
		for (int i = 0; i < ADDRS; i++)
			want += last[i] >= h.when.ms - WITHIN;
		assert_int_equal(n, want);
		for (size_t i = 0; i < n; i++) {
			uint32_t is;

			memcpy(&is, got[i].b, 4);
			assert_in_range(last[is], h.when.ms - WITHIN, i ? last[who] : h.when.ms);
			who = is;
		}
	}
	windows_free(&b.w);
}

/* ---- the model: every hit, every pair */

struct model_hit { int64_t when; uint32_t weight; uint64_t value; };
struct model {
	size_t n;
	struct model_hit hit[4096];
};

static uint64_t model_window(const struct model *m, const struct bench *b,
			     int64_t end)
{
	const struct limit *l = &b->jail.limit;
	uint64_t sum = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->hit[i].when <= end && m->hit[i].when >= end - l->within_ms)
			sum += m->hit[i].weight;
	return sum;
}

static void model_put(struct model *m, const struct bench *b, int64_t when,
		      uint32_t weight, uint64_t value)
{
	if (b->jail.limit.kind == LIMIT_DISTINCT) {
		weight = 1;
		for (size_t i = 0; i < m->n; i++) {
			if (m->hit[i].value != value)
				continue;
			if (m->hit[i].when < when)
				m->hit[i].when = when;
			return;
		}
	}
	assert_true(m->n < 4096);
	m->hit[m->n++] = (struct model_hit){ when, weight, value };
}

static int64_t model_newest(const struct model *m)
{
	int64_t newest = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->hit[i].when > newest)
			newest = m->hit[i].when;
	return newest;
}

static uint64_t model_add(struct model *m, const struct bench *b, int64_t when,
			  uint32_t weight, uint64_t value)
{
	uint64_t best = 0, sum;

	model_put(m, b, when, weight, value);
	for (size_t i = 0; i < m->n; i++) {
		int64_t end = m->hit[i].when;

		if (end < when || end - b->jail.limit.within_ms > when)
			continue;
		sum = model_window(m, b, end);
		if (sum > best)
			best = sum;
	}
	return best;
}

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

#define SUBJECTS 7

static void save_and_restore(struct bench *b)
{
	struct windows *fresh = NULL;
	struct buf snap = { .p = NULL }, again = { .p = NULL };
	struct reader in;

	windows_save(b->w, &snap);
	assert_int_equal(buf_error(&snap), 0);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(windows_new(&b->config, &fresh), 0);
	assert_int_equal(windows_restore(fresh, &in), 0);
	assert_int_equal(in.at, in.n);
	windows_save(fresh, &again);
	assert_int_equal(again.n, snap.n);
	windows_free(&b->w);
	b->w = fresh;
	buf_free(&snap);
	buf_free(&again);
}

static void random_run(enum limit_kind kind, uint64_t limit, int64_t within,
		       uint32_t weight_max, uint32_t step_max)
{
	static struct model model[SUBJECTS];
	int64_t newest[SUBJECTS] = { 0 }, now = T0;
	struct bench b;

	memset(model, 0, sizeof(model));
	setup(&b, kind, limit, within, 100);
	b.jail.limit.weighs = weight_max > 1;
	if (rnd(2)) {
		b.jail.nthen = 1;
		b.jail.then = &ban_seen;
	}
	start(&b);
	for (int i = 0; i < 1500; i++) {
		uint32_t who = rnd(SUBJECTS), weight = 1 + rnd(weight_max);
		uint64_t value = 1 + rnd((uint32_t)limit * 2), want;
		int64_t when;
		struct tally t;

		now += rnd(step_max);
		when = now - (rnd(3) ? 0 : rnd(5001));
		if (when < newest[who] - SERIES_LATE_MS)
			when = newest[who] - SERIES_LATE_MS;
		if (when > newest[who])
			newest[who] = when;
		want = model_add(&model[who], &b, when, weight, value);
		t = hit(b.w, who, when, weight, value);
		if (kind == LIMIT_DISTINCT && t.amount != want) {
			/* Nothing new to tell: an old time of a known value. */
			want = model_window(&model[who], &b, model_newest(&model[who]));
		}
		if (t.amount != want)
			fail_msg("kind %d limit %llu within %lld hit %d: %llu, not %llu",
				 kind, (unsigned long long)limit, (long long)within,
				 i, (unsigned long long)t.amount,
				 (unsigned long long)want);
		assert_int_equal(t.crossed, kind == LIMIT_SUM ? want > limit
							      : want >= limit);
		if (t.crossed) {
			clear(b.w, who);
			model[who].n = 0;
			assert_int_equal(amount(b.w, who, when), 0);
		} else {
			assert_int_equal(amount(b.w, who, newest[who]),
					 model_window(&model[who], &b, newest[who]));
		}
		if (rnd(500) == 0)
			save_and_restore(&b);
	}
	assert_int_equal(windows_forgotten(b.w), 0);
	windows_free(&b.w);
}

static void test_against_model(void **state)
{
	static const int64_t withins[] = { 1, 50, 1000, 4999, 5000, 10000, 60000 };
	static const uint64_t limits[] = { 1, 2, 3, 5, 6, 9, 40 };

	(void)state;
	for (size_t w = 0; w < 7; w++) {
		for (size_t l = 0; l < 7; l++) {
			uint32_t step = (uint32_t)(1 + withins[w] / 3);

			random_run(LIMIT_COUNT, limits[l], withins[w], 1, step);
			random_run(LIMIT_COUNT, limits[l], withins[w], 4, step);
			random_run(LIMIT_COUNT, 66 + limits[l], withins[w], 30, step);
			random_run(LIMIT_SUM, limits[l] * 50, withins[w], 100, step);
			random_run(LIMIT_DISTINCT, limits[l], withins[w], 1, step);
		}
	}
}

/* ---- snapshots */

static void test_restore_keeps_what_it_can(void **state)
{
	struct buf snap = { .p = NULL };
	struct bench old, now;
	struct reader in;

	(void)state;
	setup(&old, LIMIT_COUNT, 5, 600000, 100);
	start(&old);
	for (int i = 0; i < 4; i++)
		hit(old.w, 0, T0 + i * 100000, 1, 0);
	windows_save(old.w, &snap);
	windows_free(&old.w);

	/* A higher count within less: entries stay, the old ones go. */
	setup(&now, LIMIT_COUNT, 100, 150000, 100);
	start(&now);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(windows_restore(now.w, &in), 0);
	assert_int_equal(amount(now.w, 0, T0 + 300000), 2);
	windows_free(&now.w);

	/* Another subject, or another name: nothing of it. */
	for (int i = 0; i < 3; i++) {
		setup(&now, LIMIT_COUNT, 5, 600000, 100);
		if (i == 0)
			now.jail.limit.per[0] = 1;
		if (i == 1)
			now.jail.name = (char *)"other";
		if (i == 2)
			now.jail.limit.v6_len = 56;
		start(&now);
		in = (struct reader){ .p = snap.p, .n = snap.n };
		assert_int_equal(windows_restore(now.w, &in), 0);
		assert_int_equal(windows_used(now.w), 0);
		windows_free(&now.w);
	}
	buf_free(&snap);
}

static void test_restore_garbage(void **state)
{
	struct buf snap = { .p = NULL };
	struct bench b;
	struct reader in;

	(void)state;
	setup(&b, LIMIT_DISTINCT, 50, 600000, 100);
	b.jail.nthen = 1;
	b.jail.then = &ban_seen;
	start(&b);
	for (uint32_t i = 0; i < 20; i++)
		hit(b.w, i % 5, T0 + i, 1, i);
	windows_save(b.w, &snap);
	windows_free(&b.w);
	for (size_t cut = 0; cut < snap.n; cut++) {
		start(&b);
		in = (struct reader){ .p = snap.p, .n = cut };
		assert_int_equal(windows_restore(b.w, &in), -EBADMSG);
		assert_int_equal(windows_used(b.w), 0);
		windows_free(&b.w);
	}
	for (int i = 0; i < 2000; i++) {
		size_t at = rnd((uint32_t)snap.n);
		char was = snap.p[at];

		snap.p[at] = (char)rnd(256);
		start(&b);
		in = (struct reader){ .p = snap.p, .n = snap.n };
		windows_restore(b.w, &in);
		hit(b.w, 0, T0 + 100, 1, 77);
		windows_free(&b.w);
		snap.p[at] = was;
	}
	buf_free(&snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_weight),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_large_amounts),
		cmocka_unit_test(test_keys_are_apart),
		cmocka_unit_test(test_key_lengths),
		cmocka_unit_test(test_evicts_the_idle),
		cmocka_unit_test(test_expired_are_no_loss),
		cmocka_unit_test(test_strangers_are_bounded),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_big_windows_are_bounded),
		cmocka_unit_test(test_heap_is_bounded),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_seen_again),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_restore_keeps_what_it_can),
		cmocka_unit_test(test_restore_garbage),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
