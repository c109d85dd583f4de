/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_LEDGER_PRIVATE_H
#define ENGINE_RECORD_LEDGER_PRIVATE_H

/* Shared by ledger.c (writing) and open.c (opening, checking, closing). */

#include "engine/record/ledger.h"

#define LEDGER_PRUNES 6
#define LEDGER_STATEMENTS_MAX 3

enum ledger_plain {
	LEDGER_BEGIN, LEDGER_COMMIT, LEDGER_ROLLBACK, LEDGER_RESERVE,
	LEDGER_RETURN, LEDGER_PLAINS
};

struct ledger {
	sqlite3 *db;
	int trouble;		/* why it can only be read, or 0 */
	sqlite3_stmt *record[RECORD_KINDS][LEDGER_STATEMENTS_MAX];
	sqlite3_stmt *prune[LEDGER_PRUNES];
	sqlite3_stmt *plain[LEDGER_PLAINS];
};

int ledger_prepare(struct ledger *l);
void ledger_finalize(struct ledger *l);

#endif
