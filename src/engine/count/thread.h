/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_THREAD_H
#define ENGINE_COUNT_THREAD_H

#include "bailiff/hit.h"
#include "bailiff/tally.h"
#include "base/buf.h"

/*
 * Entries of one conversation joined by an id. Key: jail, host, instance (the
 * program up to its first '/') and the id.
 */
struct threads;

int threads_new(const struct config *c, struct threads **ret);
void threads_free(struct threads **t);

/*
 * One hit of a threaded jail, handed in with what the line tells. Calls `fn`
 * for each hit that is now ready to be counted: this one, with the thread's
 * captures merged in (its own win), and any that had waited. Captures that
 * come from the thread point into the thread's memory until the return.
 * Semantics of the verbs: DESIGN 4.
 */
typedef void thread_fn(void *arg, const struct hit *hit, struct event_time when);
int threads_take(struct threads *t, const struct hit *h, struct span host,
		 struct span program, struct event_time when,
		 thread_fn *fn, void *arg);

size_t threads_used(const struct threads *t);
uint64_t threads_forgotten(const struct threads *t);
void threads_save(const struct threads *t, struct buf *out);
int threads_restore(struct threads *t, struct reader *in);

#endif
