/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_ENTRY_H
#define BAILIFF_ENTRY_H

#include <stdint.h>

#include "bailiff/clock.h"
#include "bailiff/span.h"

/*
 * A line with its head told apart. All spans point into the line. `stamp` is
 * kept as found and turned into a time only for hits (stamp_time()), because
 * nearly every entry is ordinary.
 */
struct entry {
	struct span stamp;	/* none: arrival time counts */
	struct span host;	/* syslog host name, may be none */
	struct span program;	/* entry_program() of the syslog tag without [pid], may be none */
	struct span pid;	/* digits within the brackets, may be none */
	struct span text;	/* what patterns see */
	uint32_t repeat;	/* "message repeated N times": N, else 1 */
	bool cut;		/* the text's end is not here */
	uint8_t form;		/* enum stamp_form, how `stamp` reads */
	int64_t when_us;	/* journal: time in us since the epoch, else 0 */
};

/* What a syslog tag calls its program: of /usr/sbin/sshd, a path, the last part; of postfix/smtpd all. */
static inline struct span entry_program(struct span tag)
{
	const char *name;

	if (tag.n == 0 || *tag.p != '/')
		return tag;
	name = (const char *)memrchr(tag.p, '/', tag.n) + 1;
	return name < tag.p + tag.n ? (struct span){ name, (size_t)(tag.p + tag.n - name) } : tag;
}

#endif
