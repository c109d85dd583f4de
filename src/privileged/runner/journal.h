/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_JOURNAL_H
#define PRIVILEGED_RUNNER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bailiff/order.h"
#include "privileged/runner/account.h"

/*
 * What root remembers of the orders it carried out: INTENT is on the disk
 * before anything is touched, ENDED after it, UNDONE when the work was taken
 * back. Bounded: at JOURNAL_MAX the oldest that nobody can undo go first.
 */
struct journal;

enum journal_phase { JOURNAL_INTENT = 1, JOURNAL_ENDED, JOURNAL_UNDONE };
enum journal_flags { JOURNAL_BY_HELPER = 1 };	/* locked by accounts.lock */

#define JOURNAL_MAX 4096
#define JOURNAL_UNIX_MAX 40

/* Fixed width, no padding: as it lies on the disk. */
struct journal_entry {
	uint64_t id;		/* of the order, never 0 */
	uint64_t ref;		/* ORDER_UNDO: whose work */
	uint64_t what;		/* fingerprint of what was ordered */
	int64_t at_ms;		/* when the intent was written, wall clock */
	uint16_t phase, type, origin, status;
	int32_t code;
	uint32_t flags;
	struct account_state before, after;
	char name[ORDER_NAME_MAX];		/* canonical account, "" none */
	char unix_name[JOURNAL_UNIX_MAX];	/* "" none */
	char text[104];				/* of the outcome */
};
_Static_assert(sizeof(struct journal_entry) == 528, "journal_entry");

/*
 * Open or create runner.journal in a directory of root's. A torn last record
 * is dropped; records that are damaged are passed over, counted, and the file
 * is kept aside as runner.journal.damaged.
 * -EWOULDBLOCK: another runner has it.
 */
int journal_open(int dir_fd, struct journal **ret);
void journal_close(struct journal **j);

/* Store an entry, new or changed; durable when 0 is returned, else as before. */
int journal_put(struct journal *j, const struct journal_entry *e);

/* NULL: not known (any more). Valid until the next put. */
const struct journal_entry *journal_get(const struct journal *j, uint64_t id);

/* All of them, oldest first. */
size_t journal_count(const struct journal *j);
const struct journal_entry *journal_at(const struct journal *j, size_t i);

size_t journal_bad(const struct journal *j);	/* records that were damaged */
uint64_t journal_salt(const struct journal *j);	/* for account_read() */

#endif
