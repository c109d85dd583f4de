/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of the runner: its journal is opened, what a crash has left open
 * in it is told to bailiffd, and that we are ready.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "privileged/runner/job.h"

#define LOCK_WAIT_MS 15000	/* for a runner before us that is still ending */

/*
 * An intent without an end. For accounts what is there now counts as left by
 * us, so that it can be undone; nobody knows whether a mail went out, and it
 * is never sent again.
 */
static void settle(struct runner *r, const struct logbook_entry *open)
{
	struct logbook_entry e = *open;
	int ret;

	if (e.type == ORDER_LOCK && e.before.known)
		account_read(e.unix_name, logbook_salt(r->journal), &e.after);
	e.phase = LOGBOOK_ENDED;
	e.status = OUTCOME_UNKNOWN;
	snprintf(e.text, sizeof(e.text), "a crash left it open");
	ret = logbook_put(r->journal, &e);
	if (ret < 0)
		log_err("journal id=%llu: %s", (unsigned long long)e.id, strerror(-ret));
	runner_answer(r, e.id, e.type, e.status, 0, e.text);
}

void settle_all(struct runner *r)
{
	struct runner_ready ready = {
		.head = { .type = RUNNER_READY, .len = sizeof(ready) },
		.entries = (uint32_t)logbook_count(r->journal),
		.bad = (uint32_t)logbook_bad(r->journal),
	};

	logbook_on_forget(r->journal, held_forgot, r);
	for (size_t i = 0; i < logbook_count(r->journal); i++)
		if (logbook_at(r->journal, i)->phase == LOGBOOK_INTENT) {
			settle(r, logbook_at(r->journal, i));
			ready.open++;
		}
	if (ready.bad)
		log_err("journal records=%u damaged, kept as runner.journal.damaged", ready.bad);
	runner_send(r, &ready, sizeof(ready));
}

int settle_open(int state_fd, struct logbook **ret)
{
	int r;

	for (int waited = 0; waited < LOCK_WAIT_MS; waited += 100) {
		r = logbook_open(state_fd, ret);
		if (r != -EWOULDBLOCK)
			return r;
		poll(NULL, 0, 100);
	}
	return -EWOULDBLOCK;
}
