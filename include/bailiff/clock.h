/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_CLOCK_H
#define BAILIFF_CLOCK_H

#include <stdint.h>

/* Three times that must not mix by accident; all in milliseconds. */
struct event_time { int64_t ms; };	/* what a log line says, since the epoch */
struct wall { int64_t ms; };		/* CLOCK_REALTIME */
struct mono { int64_t ms; };		/* CLOCK_MONOTONIC, for timers only */

#endif
