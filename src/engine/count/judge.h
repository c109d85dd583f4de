/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_JUDGE_H
#define ENGINE_COUNT_JUDGE_H

#include "engine/count/series.h"

/*
 * What a limit asks beside its amount: `with`, `alone`, `ratio`. Entries
 * lo..hi of *s are a window whose amount is there already; true: it fires, and
 * *ret says what made it (with, part). Costs a walk over the window.
 */
bool judge(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
	   uint64_t amount, const struct bar *bar, struct tally *ret);
/* The same of a hit with which no other lies in a window. */
bool judge_one(const struct shape *sh, const struct entry_kept *e, const struct bar *bar,
	       struct tally *ret);

/* Of a ratio whose sums are known: no walk. */
bool judge_share(const struct shape *sh, uint64_t amount, uint64_t part, struct tally *ret);

#define JUDGE_DISTINCT_MAX 1001	/* different values are told apart up to here */
/* Different values `k` of entries lo..hi and `value`, if that is one; no more than `enough`. */
unsigned judge_distinct(const struct series *s, const struct shape *sh, uint32_t lo, uint32_t hi,
			unsigned k, uint64_t value, unsigned enough);

#endif
