/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSE_WHEN_H
#define ENGINE_PARSE_WHEN_H

#include "engine/parse/prefix.h"
#include "engine/parse/stamp.h"
#include "engine/parse/zone.h"

/*
 * What a stamp leaves out, filled in: the year, the zone, which of the two
 * repeated hours. last_ms: the source's last event time, 0 if none yet. *ret
 * in milliseconds since the epoch; it may still run back.
 * -EINVAL: no such date or time of day (31 February, 25:00).
 */
int when_resolve(const struct zone *z, const struct stamp *s,
		 const struct stamp_ctx *ctx, int64_t last_ms, int64_t *ret);

#endif
