/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WIRE_RUNNER_H
#define WIRE_RUNNER_H

/*
 * What bailiffd and its runner say to each other, one thing a SEQPACKET
 * message.
 *
 * To the runner: an order just as in bailiff/order.h (LOCK, UNLOCK, PROTECT,
 * UNDO, RUN, NOTIFY, DENY, PARK, KICK, HOLD, LOOK, RELEASE, PURGE, QUEUE_*), or one of
 * the RUNNER_* structs below, told apart by `type`, which stands at the same
 * place in all of them.
 *
 * From the runner, too: a struct outcome for each order and RUNNER_RECONF
 * (type is that of what it answers), or a RUNNER_* struct. At its start it
 * sends an outcome for every order that a crash left open, then READY.
 * The runner ends when the socket is closed.
 */

#include <stdint.h>

#include "bailiff/addr.h"
#include "bailiff/order.h"

enum runner_type {
	/* to the runner */
	RUNNER_RESOLVE = 100,	/* struct runner_resolve */
	RUNNER_RECONF,		/* struct runner_head + the fd of a sealed pack */
	RUNNER_START_ENGINE,	/* struct runner_engine + the fds it is born with */
	RUNNER_KILL_ENGINE,	/* struct runner_engine */
	RUNNER_START_SOURCE,	/* struct runner_source + the fd that it writes to */
	RUNNER_KILL_SOURCE,	/* struct runner_source */
	/* from the runner */
	RUNNER_RESOLVED,	/* struct runner_resolved */
	RUNNER_READY,		/* struct runner_ready */
	RUNNER_ENGINE_ENDED,	/* struct runner_engine */
	RUNNER_LISTING,		/* struct runner_listing + a file, before its order's outcome */
	RUNNER_SOURCE_ENDED,	/* struct runner_source_ended */
};

struct runner_head {
	uint64_t id;		/* the asker's; comes back in the answer */
	uint16_t type;		/* enum runner_type */
	uint16_t zero;
	uint32_t len;		/* of the whole message */
};
_Static_assert(sizeof(struct runner_head) == sizeof(struct order_head), "runner_head");

/* Look up a host name, outside of every process that must not wait. */
struct runner_resolve {
	struct runner_head head;
	char name[ORDER_NAME_MAX];
};
_Static_assert(sizeof(struct runner_resolve) == 272, "runner_resolve");

#define RUNNER_ADDRS_MAX 32
struct runner_resolved {
	struct runner_head head;
	int32_t error;		/* 0; -ENOENT: no such name; -EAGAIN, -ETIMEDOUT: ask
				   later, the last good answer stays */
	uint32_t n;
	struct addr addr[RUNNER_ADDRS_MAX];
};
_Static_assert(sizeof(struct runner_resolved) == 600, "runner_resolved");

struct runner_ready {
	struct runner_head head;
	uint32_t entries;	/* orders the journal knows */
	uint32_t open;		/* of them left open by a crash: outcomes were sent */
	uint32_t bad;		/* records that could not be read, kept aside */
	uint32_t zero;
};
_Static_assert(sizeof(struct runner_ready) == 32, "runner_ready");

/* An engine, known by head.id: its generation. */
struct runner_engine {
	struct runner_head head;
	int32_t status;		/* ENGINE_ENDED: as waitpid(2) gives it; else 0 */
	uint32_t zero;
};
_Static_assert(sizeof(struct runner_engine) == 24, "runner_engine");

/* What `postqueue -j` of one Postfix instance said; for ORDER_QUEUE_LIST, head.id. */
struct runner_listing {
	struct runner_head head;
	uint32_t name, home;	/* as in struct queued; name 0: not known */
	char dir[ORDER_NAME_MAX];	/* its configuration directory, "": the main one's */
};
_Static_assert(sizeof(struct runner_listing) == 280, "runner_listing");

/* A run of a log's command, known by head.id. */
struct runner_source {
	struct runner_head head;
	uint16_t log;		/* index into config.logs */
	uint16_t zero;
	uint32_t zero2;
};
_Static_assert(sizeof(struct runner_source) == 24, "runner_source");

#define RUNNER_WHY_MAX 120
struct runner_source_ended {
	struct runner_head head;
	int32_t error;		/* 0: it ended with exit status 0 */
	uint32_t zero;
	char why[RUNNER_WHY_MAX];	/* error: one sentence */
};
_Static_assert(sizeof(struct runner_source_ended) == 144, "runner_source_ended");

/*
 * head.action of an ORDER_UNDO: the alarm was false, so what it did is taken
 * back although the account's password is still the one it had.
 */
#define UNDO_FALSE_ALARM 1

#endif
