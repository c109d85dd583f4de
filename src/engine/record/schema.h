/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_SCHEMA_H
#define ENGINE_RECORD_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>

/* The newest version of the ledger's tables that this build knows. */
extern const int schema_newest;

/*
 * Bring the tables to the newest version in one transaction; an empty database
 * gets them all, and its ids begin after `ids`. *ret: the version found, 0 for an
 * empty one.
 *
 * -ENOTSUP  newer than ours, nothing touched; *ret is set
 * -EBADMSG  not a ledger, or damaged
 * -ENOSPC and others as ledger_errno() has them
 */
int schema_migrate(sqlite3 *db, int64_t ids, int *ret);

#endif
