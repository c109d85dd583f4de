/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_BANS_H
#define PRIVILEGED_FIREWALL_BANS_H

#include <stdbool.h>
#include <stddef.h>

#include "bailiff/addr.h"

#define BANS_SETS_MAX 64

/* One ban we hold. */
struct ban {
	struct ban *next;	/* within bans.c */
	int64_t until_ms;	/* wall clock; INT64_MAX: for good */
	uint32_t at;		/* within bans.c */
	uint8_t set;
	struct addr addr;
};

/*
 * The bans we hold, by set (0 .. BANS_SETS_MAX-1) and address, each set also
 * in the order in which they end. Has no size of its own: its user evicts.
 */
struct bans;

int bans_new(struct bans **ret);
void bans_free(struct bans **b);

/* Borrowed until the next call that changes something; NULL: none. */
const struct ban *bans_find(const struct bans *b, unsigned set, const struct addr *a);
/* Add it, or give it a new end. -ENOMEM. */
int bans_put(struct bans *b, unsigned set, const struct addr *a, int64_t until_ms);
/* Take it out; false: it was not there. */
bool bans_drop(struct bans *b, unsigned set, const struct addr *a);
void bans_clear(struct bans *b, unsigned set);

/* The one of a set that ends first; NULL: the set is empty. */
const struct ban *bans_first(const struct bans *b, unsigned set);
/* The i-th, in no order; for a walk through all. */
const struct ban *bans_at(const struct bans *b, unsigned set, size_t i);
size_t bans_count(const struct bans *b, unsigned set);
size_t bans_total(const struct bans *b);

#endif
