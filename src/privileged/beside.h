/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_BESIDE_H
#define PRIVILEGED_BESIDE_H

/*
 * On which processor bailiffd runs. To wake a process on another one takes an
 * interrupt there, and longer than all that a ban costs besides. An engine
 * that sends one ban waits for its answer: its own processor is free for as
 * long, and warm. So bailiffd stays where the last such engine was, and goes
 * wherever it may while there is much to do, which is quicker on two.
 */

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include "bailiff/clock.h"

#define BESIDE_MUCH (20u << 10)	/* bytes of orders in one frame: 280 bans, or more than one mail */
#define BESIDE_QUIET_MS 1000	/* for so long after such a frame bailiffd stays let go */

struct beside {
	cpu_set_t home;		/* where we may run: as we were started, or anywhere */
	bool usable;
	int cpu;		/* of home; -1: anywhere there */
	struct mono much;	/* when much came last; 0: never */
};

void beside_init(struct beside *b);
/* Orders of n bytes came from an engine, which is not trusted, on this processor; -1: not told. */
void beside_came(struct beside *b, int cpu, size_t n, struct mono now);

#endif
