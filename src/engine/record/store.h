/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_STORE_H
#define ENGINE_RECORD_STORE_H

#include "bailiff/addr.h"
#include "bailiff/clock.h"
#include "bailiff/line.h"
#include "bailiff/order.h"
#include "bailiff/span.h"
#include "base/buf.h"
#include "engine/record/snapshot.h"

/*
 * The ledger: SQLite, written by a thread of its own from a queue, in batches
 * (one commit for all that waits), never in the matching path. The calls below
 * that record only copy and queue: they never wait for the disk. A commit is
 * on the disk when it is told (synchronous=FULL). All calls are the main
 * thread's.
 */
struct store;

/*
 * Open or create `ledger.db` in the current directory (the engine has been
 * given its state directory; paths above it may be closed to us, so SQLite is
 * shown a relative name by a VFS that does not resolve it). A corrupt ledger
 * is moved aside to ledger.db.corrupt-TIME, said in *moved, and started anew.
 * Starts no thread yet. *ret: store_close().
 *
 * A disk that is full, read-only or failing is no failure: what can be read is
 * read, what is recorded waits, store_trouble() tells. -ENOTSUP: the ledger is
 * of a newer version. -EACCES, -EINVAL (no regular file) and others.
 * store_open_why() has the sentence for failures and for *moved.
 */
int store_open(struct store **ret, bool *moved);
const char *store_open_why(void);

/* Before the sandbox: SQLite draws its random seed from /dev/urandom. */
void store_init(void);

/* Start the thread: after the sandbox, whose rules a new thread inherits. */
int store_start(struct store *s);
/* Commit what waits (one try), stop the thread, close. Calls no answer_fn. */
void store_close(struct store **s);

/*
 * While the main thread has something more urgent than to wake the other one:
 * what is recorded waits for store_release(), or for a few dozen records more.
 */
void store_hold(struct store *s);
void store_release(struct store *s);

/*
 * A number no order, verdict or incident has had: over restarts, too. Small
 * and growing, from blocks that are reserved on the disk ahead of use; when
 * none could be reserved (a full disk), from a range of their own that begins
 * with the time, above 2^40 and below 2^53.
 */
uint64_t store_next_id(struct store *s);

struct verdict_row {
	uint64_t id;		/* also the incident's */
	const char *jail;
	struct span key;	/* subject_key() */
	const char *subject;	/* printed */
	int64_t when_ms, until_ms;	/* until INT64_MAX: until it is closed */
	struct position pos;
	uint64_t amount;
	int mode;		/* enum jail_mode it fell under */
	const char *evidence;	/* JSON array of lines, escaped */
	const char *actions;	/* JSON array of what follows */
	const char *made;	/* what made it, in words; may be NULL */
};

/*
 * Is this verdict (jail, subject, event time, position) in the ledger as it
 * was at store_start()? For reading the tail again after a crash. Answered from
 * memory: *ret_id is its id. Of the position the offset alone counts: inode
 * and fingerprint of a log change (copytruncate, a first KB not yet full)
 * while the line stays where it was. Holds the verdicts recorded in the last
 * eight days before the last one, at most a million.
 */
bool store_knows(struct store *s, const char *jail, struct span key,
		 int64_t when_ms, const struct position *pos, uint64_t *ret_id);

/*
 * Records are committed in the order of these calls. So a verdict goes in after
 * the bans and orders that follow from it: one that is known after a crash then
 * has them all in the ledger, too (store_active_bans(), store_open_orders()).
 * One already known (as above) is left out. While more than half of what may
 * wait does, verdicts go without their evidence, so that bans keep their place.
 */
void store_verdict(struct store *s, const struct verdict_row *v);

struct ban_row {
	uint64_t order;		/* id of the order */
	uint64_t incident;	/* 0: by hand without one */
	struct addr addr;
	const char *scope;
	const char *jail;	/* or "hand" */
	int64_t since_ms, until_ms;	/* INT64_MAX: for good */
	const char *reason;
	const char *by;		/* "uid 0 (root)" for hand bans, else NULL */
};
/* Before its outcome: refused ends the ban's row, a narrowed address goes in. */
void store_ban(struct store *s, const struct ban_row *b);
/* scope NULL: in all of them. */
void store_unban(struct store *s, const struct addr *a, const char *scope,
		 int64_t at_ms, const char *by);

/* An order sent, then its outcome. `what` for people, `target` as printed. */
void store_order(struct store *s, uint64_t id, uint64_t incident, int type,
		 const char *what, const char *target, int64_t at_ms);
void store_outcome(struct store *s, const struct outcome *o, int64_t at_ms);
void store_incident_closed(struct store *s, uint64_t id, int64_t at_ms,
			   const char *how, const char *by);

/* What an admin did by hand: unban, allow, jail mode, ... for `incidents`. */
void store_hand(struct store *s, uint64_t id, const char *what,
		const char *target, const char *reason, const char *by,
		int64_t at_ms);

/* Settings made by hand that outlive restarts: "jail.NAME.mode" = "off". */
void store_setting(struct store *s, const char *key, const char *value);
/* NULL: none; the string lives until the next call. Only before store_start(). */
const char *store_get_setting(struct store *s, const char *key);

/*
 * At start, before store_start(): history handed back in the order in which it
 * was recorded (bans in the order in which they end). What fn returns other than 0 ends it and is returned.
 * -EBADMSG: damaged (moved aside once the thread runs, see store_moved()).
 */
typedef int store_ban_fn(void *arg, const struct ban_row *b);
int store_active_bans(struct store *s, int64_t now_ms, store_ban_fn *fn, void *arg);
/* Since then, and older ones that still hold; rows come without evidence. */
typedef int store_verdict_fn(void *arg, const struct verdict_row *v, bool closed);
int store_verdicts_since(struct store *s, int64_t since_ms, store_verdict_fn *fn, void *arg);
/* Orders without an outcome (a crash): account steps and mails. */
typedef int store_order_fn(void *arg, uint64_t id, uint64_t incident, int type,
			   const char *what, const char *target);
int store_open_orders(struct store *s, store_order_fn *fn, void *arg);

/*
 * Questions from the command line, answered by the thread as one JSON text:
 * `fn` is called in the main thread from store_dispatch() with the answer
 * (owned by the store, until the return) or -errno. Times in answers are
 * epoch seconds with milliseconds; no end is null. Each arg may hold "now"
 * (ms) in place of the clock. An answer knows all that was queued before,
 * unless the ledger is in trouble. -EAGAIN: too many wait.
 */
enum store_query {
	STORE_Q_INCIDENTS,	/* arg: {"limit":N,"open":bool} */
	STORE_Q_SHOW,		/* arg: {"id":N} of a verdict, a deed by hand, or an
				 * order (shows what it belongs to); -ENOENT */
	STORE_Q_VERDICTS_OF,	/* arg: {"subject":TEXT,"limit":N}: for why; an
				 * address finds verdicts and bans that hold it */
	STORE_Q_LOCKS,		/* {}: accounts that our locks hold, with their incidents */
	STORE_Q_STILL,		/* {"user":NAME}: what open incidents did to it, but for locks */
	STORE_Q_DIGEST,		/* arg: {"since":ms,"until":ms} counts per jail */
};
typedef void store_answer_fn(void *arg, int error, const char *json);
int store_query(struct store *s, enum store_query q, const char *arg_json,
		store_answer_fn *fn, void *arg);
int store_fd(const struct store *s);	/* readable: call store_dispatch() */
void store_dispatch(struct store *s);

/* 0, or what keeps the thread from committing (-ENOSPC, ...), for status. */
int store_trouble(const struct store *s);
/* The running ledger was found damaged and moved aside: true once for each. */
bool store_moved(struct store *s);
/* How many records wait; how many were dropped because the queue was full. */
size_t store_waiting(const struct store *s);
uint64_t store_dropped(const struct store *s);
/*
 * Call fn from store_dispatch() when all that is queued now is committed,
 * however long that takes. -EAGAIN: too many wait.
 */
int store_sync(struct store *s, store_answer_fn *fn, void *arg);

/*
 * Write a snapshot into the current directory from the thread, and only when
 * all that is queued now is committed, so that no snapshot is ahead of the
 * ledger. The name and the sections stay the caller's and untouched until fn
 * is called. Ledger in trouble: fn gets its error and the old one stays.
 */
#define STORE_SECTIONS_MAX 16
int store_snapshot(struct store *s, const char *name,
		   const struct snapshot_section *sections, size_t n,
		   store_answer_fn *fn, void *arg);

/* Old closed rows go: verdicts and bans ended before this time. */
void store_prune(struct store *s, int64_t before_ms);

#endif
