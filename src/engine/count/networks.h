/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_NETWORKS_H
#define ENGINE_COUNT_NETWORKS_H

#include "bailiff/addr.h"
#include "bailiff/clock.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Where accounts are at home: for each account and network (IPv4 /24, IPv6
 * /48) the first and the last success. 131072 such pairs at most, 24 bytes
 * each; the one silent longest goes (networks_forgotten()).
 */
struct networks;

#define NETWORKS_LAST_MS (60 * 86400000LL)	/* a success is remembered this long */

int networks_new(struct networks **ret);
void networks_free(struct networks **n);

/* `account` (canonical) succeeded from `from` at `when`. */
void networks_add(struct networks *n, const struct addr *from, struct span account,
		  struct event_time when);

/*
 * Is it known-good: the first success there at least `after_ms` ago, the last
 * within 60 days?
 */
bool networks_good(struct networks *n, const struct addr *from, struct span account,
		   struct event_time now, int64_t after_ms);

uint64_t networks_forgotten(const struct networks *n);
void networks_save(const struct networks *n, struct buf *out);
/* -EBADMSG. */
int networks_restore(struct networks *n, struct reader *in);

#endif
