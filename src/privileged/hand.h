/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_HAND_H
#define PRIVILEGED_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bailiff/addr.h"
#include "bailiff/clock.h"

/*
 * What admins set by hand and bailiffd must know without asking the engine:
 * allowed addresses, bans, protected accounts. A text file of bailiffd's own,
 * replaced whole at each change, read at start.
 */
struct hand;

enum hand_kind { HAND_ALLOW, HAND_BAN, HAND_PROTECT, HAND_KINDS };

struct hand_item {
	enum hand_kind kind;
	struct addr addr;	/* not for HAND_PROTECT */
	int64_t until_ms;	/* INT64_MAX: for good */
	char name[256];		/* HAND_PROTECT: account; HAND_BAN: scope's name */
};

#define HAND_MAX 100000

/*
 * dir_fd is borrowed for life. A damaged line is dropped and counted in *bad.
 * -errno: there is a file, but it cannot be read.
 */
int hand_open(int dir_fd, struct hand **ret, size_t *bad);
void hand_free(struct hand **h);

/* Add or renew, and forget what is past; remove (addr or name). -ENOSPC from the
 * disk: kept in memory all the same, and the error said; -E2BIG over HAND_MAX. */
int hand_put(struct hand *h, const struct hand_item *i, struct wall now);
int hand_remove(struct hand *h, enum hand_kind kind, const struct addr *a,
		const char *name, bool *ret_found);

/* The items of one kind that are not past at `now`, one after the other. */
const struct hand_item *hand_next(const struct hand *h, enum hand_kind kind,
				  struct wall now, size_t *at);
bool hand_has_ban(const struct hand *h, const struct addr *a, const char *scope,
		  struct wall now);

#endif
