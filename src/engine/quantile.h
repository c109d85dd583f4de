/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_QUANTILE_H
#define ENGINE_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * How often which amount was seen: exact up to 1023, above to within one part
 * in 128, so that millions of amounts cost no more than a few.
 */
#define QUANTILE_EXACT 1024u
#define QUANTILE_STEPS 128u
#define QUANTILE_BUCKETS (QUANTILE_EXACT + 54 * QUANTILE_STEPS)

struct quantile {
	uint64_t n;
	uint64_t seen[QUANTILE_BUCKETS];
};

void quantile_add(struct quantile *q, uint64_t amount);

/* The least amount that so many of a thousand of what was seen do not exceed; 0: nothing was. */
uint64_t quantile_of(const struct quantile *q, unsigned of_thousand);

/* Up, to two digits: 123 is 130, 5.01e6 is 5.1e6. */
uint64_t quantile_round(uint64_t amount);

#endif
