/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_WRITER_H
#define ENGINE_RECORD_WRITER_H

/* What store.c (the main thread's side) and writer.c (the other) share. */

#include <pthread.h>
#include <stdatomic.h>

#include "engine/record/backlog.h"
#include "engine/record/ids.h"
#include "engine/record/ledger.h"
#include "engine/record/recall.h"
#include "engine/record/requests.h"

#define IDS_BLOCK 10000

struct store {
	int fd;			/* eventfd: something is in `answered` */
	struct recall *recall;
	char *setting;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under the lock: */
	struct backlog queue;
	uint64_t queued;	/* records ever */
	uint64_t held_from;	/* of `queued`; UINT64_MAX: not held */
	size_t taken_bytes;	/* memory of what the thread holds */
	struct ids ids;
	struct requests asked, answered;
	size_t nrequests;
	int64_t prune_before_ms;
	bool stop;

	/* the thread's own (before it starts and after it ended: the main's): */
	struct ledger *ledger;
	struct backlog taken;
	struct backlog_cursor at;	/* in `taken` */
	uint64_t committed;		/* of `queued` */
	uint64_t topped_up;		/* ids.taken at the last reservation */
	struct requests pending;
	bool damaged;
	int64_t not_before_ms;		/* mono: of the next commit */
	int64_t retry_ms;		/* 0: the last commit went well */

	_Atomic int trouble;
	_Atomic size_t waiting;
	_Atomic uint64_t dropped;
	_Atomic bool moved;
};

/* The thread, until `stop`; arg is the store. */
void *writer_run(void *arg);
/* Without the thread: commit what is queued. */
void writer_flush(struct store *s);

#endif
