/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_LEDGER_H
#define ENGINE_RECORD_LEDGER_H

#include <sqlite3.h>
#include <stdint.h>

#include "engine/record/backlog.h"

#define LEDGER_NAME "ledger.db"

/*
 * The SQLite side of the store: one connection with its prepared statements.
 * Used by one thread at a time.
 */
struct ledger;

/* What store.c puts into the backlog; the values are described in ledger.c. */
enum record_kind {
	RECORD_VERDICT, RECORD_BAN, RECORD_UNBAN, RECORD_ORDER, RECORD_OUTCOME,
	RECORD_BAN_DONE, RECORD_BAN_REFUSED, RECORD_CLOSED, RECORD_HAND,
	RECORD_SETTING, RECORD_KINDS
};

enum ledger_open_how {
	LEDGER_CHECK,	/* looked through if the last close was not a clean one */
	LEDGER_TRUST,	/* taken as it is: looked through a moment ago */
	LEDGER_DAMAGED,	/* known to be damaged */
};

/*
 * Open ledger.db in the current directory. A damaged one is moved aside first,
 * told in *moved. A disk that is full or cannot be written (errors of which
 * ledger_may_recover() is true) is a failure only if there is no ledger that
 * can be read: else 0, and ledger_trouble() tells. `why`: a sentence for
 * failures and for *moved.
 */
int ledger_open(struct ledger **ret, enum ledger_open_how how, bool *moved,
		char *why, size_t why_size);
/* 0, or why this one can only be read: to be opened again later. */
int ledger_trouble(const struct ledger *l);
/* May this go away by itself, or by what an admin does about the disk? */
bool ledger_may_recover(int error);

/* clean: no damage was seen; the next open may believe that. */
void ledger_close(struct ledger **l, bool clean);

/* For reading: load.c and answer.c. */
sqlite3 *ledger_db(struct ledger *l);

/*
 * One transaction. ledger_apply(): -EINVAL is this record's own fault and the
 * next may be applied; all else is the disk's: ledger_rollback().
 */
int ledger_begin(struct ledger *l);
int ledger_apply(struct ledger *l, const struct record *r);
int ledger_commit(struct ledger *l);
void ledger_rollback(struct ledger *l);

/*
 * Ids *ret - n + 1 to *ret are this process's, once the transaction (or,
 * outside of one, the call) is through.
 */
int ledger_reserve_ids(struct ledger *l, uint64_t n, uint64_t *ret);
/* Ids after `used` were not needed, if no one reserved since `reserved`. */
int ledger_return_ids(struct ledger *l, uint64_t reserved, uint64_t used);

/* Delete what ended before; in steps of bounded size. 1: call again. */
int ledger_prune_step(struct ledger *l, int64_t before_ms);

/* Bytes are not copied: they stay until the statement is through. */
void ledger_bind(sqlite3_stmt *stmt, int at, const struct value *v);

/* A result code as -errno: -ENOSPC, -EBADMSG (damaged), -EBUSY, -EIO, ... */
int ledger_errno(sqlite3 *db, int rc);

#endif
