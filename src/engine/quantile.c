/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Amounts in buckets that grow with them. */
#include "engine/quantile.h"

/* Above QUANTILE_EXACT each power of two has QUANTILE_STEPS buckets. */
static size_t bucket_of(uint64_t amount)
{
	unsigned power;

	if (amount < QUANTILE_EXACT)
		return (size_t)amount;
	power = 63 - (unsigned)__builtin_clzll(amount);
	return QUANTILE_EXACT + (power - 10) * QUANTILE_STEPS + (size_t)((amount >> (power - 7)) & (QUANTILE_STEPS - 1));
}

/* The largest amount in it. */
static uint64_t amount_of(size_t bucket)
{
	unsigned power = (unsigned)((bucket - QUANTILE_EXACT) / QUANTILE_STEPS) + 10;
	uint64_t step = (bucket - QUANTILE_EXACT) % QUANTILE_STEPS + QUANTILE_STEPS;

	if (bucket < QUANTILE_EXACT)
		return bucket;
	return (step << (power - 7)) + ((1ULL << (power - 7)) - 1);
}

void quantile_add(struct quantile *q, uint64_t amount)
{
	q->seen[bucket_of(amount)]++;
	q->n++;
}

uint64_t quantile_of(const struct quantile *q, unsigned of_thousand)
{
	uint64_t want = (q->n * of_thousand + 999) / 1000, n = 0;

	for (size_t i = 0; i < QUANTILE_BUCKETS && q->n; i++) {
		n += q->seen[i];
		if (n >= want && n > 0)
			return amount_of(i);
	}
	return 0;
}

uint64_t quantile_round(uint64_t amount)
{
	uint64_t unit = 1;

	while (amount / unit >= 100)
		unit *= 10;
	return (amount + unit - 1) / unit * unit;
}
