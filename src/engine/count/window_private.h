/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_WINDOW_PRIVATE_H
#define ENGINE_COUNT_WINDOW_PRIVATE_H

#include "engine/count/roster.h"
#include "engine/count/window.h"

struct windows {
	const struct config *config;
	struct shape *shape;	/* of each jail */
	struct roster roster;
	uint64_t forgotten;	/* entries of full windows */
};

#define WINDOW_TIME_MAX (((int64_t)1 << 47) - 1)	/* the year 6429 */

/*
 * Add one hit to the subject's window, which is made if need be. `ret` may be
 * NULL, `bar` too then.
 */
int window_put(struct windows *w, uint16_t jail, struct span key,
	       const struct entry_kept *e, const struct bar *bar, const struct addr *seen,
	       struct tally *ret);
/* Remember one address of a subject that has a series. */
int window_put_seen(struct windows *w, struct tracked *t, const struct addr *a,
		    int64_t when);

#endif
