/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_BANS_H
#define ENGINE_BANS_H

#include "bailiff/addr.h"
#include "bailiff/clock.h"
#include "bailiff/span.h"

/*
 * The bans in force as the engine knows them: what `bans`, `status` and
 * `why` tell. One for each address (or prefix) and scope; found by these or
 * by the order that made it.
 */
struct bans;

enum ban_state { BAN_SENT, BAN_IN_FORCE, BAN_FAILED };

#define BAN_BY_HAND 0xffff

struct ban {
	struct addr addr;
	uint16_t scope;
	uint16_t jail;		/* index, or BAN_BY_HAND */
	uint8_t state;		/* enum ban_state */
	uint64_t order, incident;
	int64_t since_ms, until_ms;
	char *reason;		/* owned; NULL: the jail's about */
};

int bans_new(struct bans **ret);
void bans_free(struct bans **b);

/* Add, or replace the one of the same address and scope. Copies `reason`. -ENOMEM. */
int bans_put(struct bans *b, const struct ban *ban, struct ban **ret);
struct ban *bans_find(struct bans *b, const struct addr *a, uint16_t scope);
struct ban *bans_by_order(struct bans *b, uint64_t order);
/* The order's answer names another address than was asked for. */
void bans_rename(struct bans *b, struct ban *ban, const struct addr *to);
void bans_remove(struct bans *b, struct ban *ban);

/* One after the other in no order; *at starts at 0. NULL: no more. A removal
 * during the walk is safe for the one just handed out only. */
struct ban *bans_next(struct bans *b, size_t *at);
size_t bans_count(const struct bans *b);

/* Forget what ended by `now`. */
void bans_expire(struct bans *b, struct wall now);

#endif
