/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_DEMUX_H
#define ENGINE_MATCH_DEMUX_H

#include "engine/match/group.h"

/*
 * Which groups an entry of a log and a program concerns, by its first byte,
 * remembered by the program's name. A few hundred names are kept; strangers
 * who send more make their own lines slower and nothing bigger.
 */
struct demux;

/* gs stays the caller's and must not change. -ENOMEM. */
int demux_new(const struct groups *gs, struct demux **ret);
void demux_free(struct demux **d);

/*
 * The numbers of the groups in gs, in order, that a text with this first byte
 * concerns, *n of them: those that can begin so, and those with a prefix that
 * can. Lives until the next call. No allocation.
 */
const uint16_t *demux_find(struct demux *d, uint16_t log, struct span program,
			   struct span text, size_t *n);

#endif
