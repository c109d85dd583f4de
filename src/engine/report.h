/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "bailiff/clock.h"
#include "base/buf.h"
#include "engine/bans.h"
#include "engine/plan.h"

/*
 * The admin's mail about an account incident: what happened, what was done,
 * what was not, and the commands that go on from there. Who is woken by it at
 * three in the morning shall know after the first lines what to do.
 */
struct report {
	const struct config *config;
	struct bans *bans;		/* NULL: none are told */
	const char *host;
	uint64_t incident;
	uint16_t jail;			/* index into config.jails */
	uint64_t amount;
	struct span made;		/* what made it, where there is more to say; none */
	struct event_time when;
	const char *propose_why;	/* NULL: it acted */
	const struct plan *plan;	/* its steps are over */
	struct span evidence;		/* lines, escaped, each ended */
	struct span seen;		/* "203.0.113.9, 192.0.2.7" */
	struct span spared;		/* lines on addresses that were not banned */
	struct span found;		/* lines on what a thief may have left */
};

/* One line: "account joe locked (incident 42)". */
void report_subject(const struct report *r, struct buf *out);
void report_text(const struct report *r, struct buf *out);
/* The jail, the time and the addresses, a line each. */
void report_put_where(const struct report *r, struct buf *out);
/* The incident's bans, a line each. */
void report_put_bans(const struct report *r, struct buf *out);

#endif
