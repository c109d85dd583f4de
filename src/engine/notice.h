/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_NOTICE_H
#define ENGINE_NOTICE_H

#include "engine/report.h"

/*
 * The admin's mail about a verdict on something that is no account: a queue, a
 * disk, a client. r->plan has no steps.
 */
struct notice {
	const struct report *report;
	struct span subject;	/* what the verdict is on, as people read it */
	struct span count;	/* what made it, in words; none: r->amount */
	unsigned held;		/* verdicts of the jail before that were not mailed */
};

/* One line: "jail queue-depth: all (incident 42)". */
void notice_subject(const struct notice *n, struct buf *out);
void notice_text(const struct notice *n, struct buf *out);

#endif
