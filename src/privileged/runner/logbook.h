/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_LOGBOOK_H
#define PRIVILEGED_RUNNER_LOGBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bailiff/order.h"
#include "privileged/runner/account.h"

/*
 * The runner's journal (a logbook here, since `journal` is systemd's in this
 * tree): what root remembers of the orders it carried out. INTENT is on the disk
 * before anything is touched, ENDED after it, UNDONE when the work was taken
 * back. Bounded: at LOGBOOK_MAX the oldest that nobody can undo go first, then
 * the oldest holds.
 */
struct logbook;

enum logbook_phase { LOGBOOK_INTENT = 1, LOGBOOK_ENDED, LOGBOOK_UNDONE };
enum logbook_flags {
	LOGBOOK_BY_HELPER = 1,		/* locked by accounts.lock */
	LOGBOOK_IN_POSTFIX = 2,		/* ORDER_DENY, ORDER_PARK: written to postfix_map */
	LOGBOOK_IN_DOVECOT = 4,		/* ORDER_DENY: written to dovecot_deny */
};

#define LOGBOOK_MAX 4096
#define LOGBOOK_UNIX_MAX 40

/* Fixed width, no padding: as it lies on the disk. */
struct logbook_entry {
	uint64_t id;		/* of the order, never 0 */
	uint64_t ref;		/* ORDER_UNDO: whose work; ORDER_DENY, ORDER_PARK: when
				   it ends by itself, wall clock in ms, 0: never */
	uint64_t what;		/* fingerprint of what was ordered */
	int64_t at_ms;		/* when the intent was written, wall clock */
	uint16_t phase, type, origin, status;
	int32_t code;
	uint32_t flags;
	struct account_state before, after;
	char name[ORDER_NAME_MAX];		/* canonical account, "" none */
	char unix_name[LOGBOOK_UNIX_MAX];	/* "" none */
	char text[104];				/* of the outcome */
};
_Static_assert(sizeof(struct logbook_entry) == 528, "logbook_entry");

/*
 * Open or create runner.journal in a directory of root's. A torn last record
 * is dropped; records that are damaged are passed over, counted, and the file
 * is kept aside as runner.journal.damaged.
 * -EWOULDBLOCK: another runner has it.
 */
int logbook_open(int dir_fd, struct logbook **ret);
void logbook_close(struct logbook **j);

/* Store an entry, new or changed; durable when 0 is returned, else as before. */
int logbook_put(struct logbook *j, const struct logbook_entry *e);

/* Called with each entry that goes to make room for another. */
void logbook_on_forget(struct logbook *j, void (*forgot)(void *arg, const struct logbook_entry *e), void *arg);

/* NULL: not known (any more). Valid until the next put. */
const struct logbook_entry *logbook_get(const struct logbook *j, uint64_t id);

/* All of them, oldest first. */
size_t logbook_count(const struct logbook *j);
const struct logbook_entry *logbook_at(const struct logbook *j, size_t i);

size_t logbook_bad(const struct logbook *j);	/* records that were damaged */
uint64_t logbook_salt(const struct logbook *j);	/* for account_read() */

#endif
