/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_HELD_H
#define PRIVILEGED_FIREWALL_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "bailiff/addr.h"

#define HELD_SETS_MAX 64

/* One ban we hold. */
struct held_ban {
	struct held_ban *next;	/* within held.c */
	int64_t until_ms;	/* wall clock; INT64_MAX: for good */
	uint32_t at;		/* within held.c */
	uint8_t set;
	struct addr addr;
};

/*
 * The bans we hold, by set (0 .. HELD_SETS_MAX-1) and address, each set also
 * in the order in which they end. Has no size of its own: its user evicts.
 */
struct held;

int held_new(struct held **ret);
void held_free(struct held **b);

/* Borrowed until the next call that changes something; NULL: none. */
const struct held_ban *held_find(const struct held *b, unsigned set, const struct addr *a);
/* Add it, or give it a new end. -ENOMEM. */
int held_put(struct held *b, unsigned set, const struct addr *a, int64_t until_ms);
/* Take it out; false: it was not there. */
bool held_drop(struct held *b, unsigned set, const struct addr *a);
void held_clear(struct held *b, unsigned set);

/* The one of a set that ends first; NULL: the set is empty. */
const struct held_ban *held_first(const struct held *b, unsigned set);
/* The i-th, in no order; for a walk through all. */
const struct held_ban *held_at(const struct held *b, unsigned set, size_t i);
size_t held_count(const struct held *b, unsigned set);
size_t held_total(const struct held *b);

#endif
