/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_TALLY_H
#define BAILIFF_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "bailiff/clock.h"

/* What the count step says of one subject after one more hit. */
struct tally {
	uint64_t amount;	/* hits, sum or different values in the window */
	bool crossed;		/* the limit was crossed by this hit */
	struct event_time first;	/* oldest hit that counted */
	uint32_t with;		/* crossed: bit i, limit.with[i] held; none: it was `alone` */
	uint64_t part;		/* crossed, a ratio: hits of the share */
};

#endif
