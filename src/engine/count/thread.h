/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_THREAD_H
#define ENGINE_COUNT_THREAD_H

#include "bailiff/hit.h"
#include "bailiff/tally.h"
#include "base/buf.h"

/*
 * Entries of one conversation joined by an id. Key: jail, host, instance (the
 * program up to its first '/') and the id. Jails whose rules about threads are
 * the same, and stand before what they count, share theirs: of the hits of one
 * line (hit.line) the first does it for all. What a join ties is tied for all
 * of them, and a thread is as old as the last line that any of them took.
 *
 * hash_init() has been called.
 */
struct threads;

int threads_new(const struct config *c, struct threads **ret);
void threads_free(struct threads **t);
/* Forget all of them. */
void threads_clear(struct threads *t);

/*
 * One hit of a threaded jail, handed in with what the line tells. Calls `fn`
 * for each hit that is now ready to be counted: this one, with the thread's
 * captures merged in (its own win), and any that had waited, with the time it
 * had. Captures that come from the thread point into the thread's memory until
 * the return; fn doesn't call back.
 *
 * remember  what it captured is told to the thread; of two lines that tell
 *           the same field the first holds. If this rule has told this thread
 *           something before, or the id is a joined one, the id begins anew:
 *           a new thread.
 * count     goes out once all fields of limit.per and limit.value are told, at
 *           once or when a later line tells them; unless `each`, once a thread.
 *           `tells`: what it captured is remembered, too. `at_once`: it does
 *           not wait, and makes no thread
 *           (one that stands `aside`: once those of limit.per are)
 * forget    takes the id away, and the thread with its last id; hits that
 *           still wait can be had by a join only
 * gained    drops what waits
 * join      makes the id named like the thread's with a 2 after it (qid2)
 *           another name of this thread, with what that one's own lines
 *           brought before; but whoever was told something by a `remember`
 *           of its own stays itself, or a stranger's server could answer
 *           "queued as" somebody else's message.
 * match     goes out as it is
 *
 * At most 64 hits of a jail wait in a thread, 65536 in all, each for
 * limit.within (ten minutes at least, thread.keep at most). There are at most
 * config.tracked_max / 4 threads, 64 names a thread, and 8.5 MB plus 32 bytes
 * a tracked_max. The longest idle go, those that nobody told anything first.
 * -ENOMEM.
 */
typedef void thread_fn(void *arg, const struct hit *hit, struct event_time when);
int threads_take(struct threads *t, const struct hit *h, struct span host,
		 struct span program, struct event_time when,
		 thread_fn *fn, void *arg);

/*
 * Who may have such an id, on whatever host and instance: a bit each, of the
 * lowest THREADS_WHO; one that is not set has not. threads_who(): a jail's.
 */
#define THREADS_WHO 8
uint64_t threads_known(const struct threads *t, struct span id);
uint64_t threads_who(const struct threads *t, size_t jail);
/* The number of the set of threads that a jail has, or shares. */
unsigned threads_set(const struct threads *t, size_t jail);

size_t threads_used(const struct threads *t);
size_t threads_waiting(const struct threads *t);
/* Threads, names and waiting hits that a bound cost, not their age. */
uint64_t threads_forgotten(const struct threads *t);
size_t threads_bytes(const struct threads *t);

/*
 * Snapshots: jails, fields and rules are known by name and text, so a changed
 * configuration keeps what it can. Restore into a new one.
 * -EBADMSG: damaged, nothing is kept; -ENOMEM: the same.
 */
void threads_save(const struct threads *t, struct buf *out);
int threads_restore(struct threads *t, struct reader *in);

#endif
