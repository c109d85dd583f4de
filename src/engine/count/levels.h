/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_LEVELS_H
#define ENGINE_COUNT_LEVELS_H

#include "bailiff/clock.h"
#include "bailiff/config.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Gauges: a number that is too high is told once, and again only after it was
 * low in between. What is remembered are the subjects that were too high;
 * 4096 of them at most: then the one idle longest goes, low ones first
 * (levels_forgotten()). hash_init() has been called.
 */
struct levels;

int levels_new(const struct config *c, struct levels **ret);
void levels_free(struct levels **l);

/*
 * The number is `value` at `when`. true: it is over, and was not before. A
 * late line, from before the newest one that changed something, changes
 * nothing.
 * over, under  too high is more than `over`, low again is less than `under`
 */
bool levels_add(struct levels *l, uint16_t jail, struct span key, struct event_time when,
		uint64_t value, uint64_t over, uint64_t under);
/* Forget that it was: the next number that is over fires. */
void levels_clear(struct levels *l, uint16_t jail, struct span key);

uint64_t levels_forgotten(const struct levels *l);
/* Snapshots: jails are known by name. -EBADMSG. */
void levels_save(const struct levels *l, struct buf *out);
int levels_restore(struct levels *l, struct reader *in);

#endif
