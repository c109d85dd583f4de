/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_HOLD_H
#define PRIVILEGED_RUNNER_HOLD_H

#include "privileged/runner/postfix.h"
#include "privileged/runner/queue.h"

/* The work of a job on queued messages. */
struct hold {
	struct postfix postfix;		/* first: see postfix.h */
	struct queue_items items;
	unsigned looks;			/* listings so far */
	bool borrowed;			/* this one is the last that another job made */
	bool asked;			/* postsuper was started */
	size_t bad;			/* lines that could not be read */

	/* quarantine.c's own */
	int quarantine;			/* directory of the incident, -1 none */
	size_t at, copied, uncopied;
	struct buf manifest;
	void (*then)(struct job *j);
};

/*
 * held.c: what an order has put on hold, in held.ID of the state directory,
 * on the disk before postsuper is started. -ENOENT: nothing, or long ago.
 */
int held_write(const struct job *j, uint64_t order, struct span text);
int held_read(const struct job *j, uint64_t order, struct queue_items *ret);
void held_remove(const struct job *j, uint64_t order);

/*
 * quarantine.c: copies of messages before they are deleted, one file each in
 * STATE/runner/quarantine/INCIDENT/, with a manifest.
 * quarantine_room() 0; -ENOSPC with `why`: they would not fit.
 * quarantine_copy() copies what is on hold, then `then`: items that have a
 * copy on the disk are `copied`, j->why says what went wrong with others.
 */
int quarantine_room(const struct job *j, const struct queue_items *q, char *why, size_t size);
void quarantine_copy(struct job *j, uint64_t incident, void (*then)(struct job *j));

#endif
