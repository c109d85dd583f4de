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

/* All groups of the program's lines in that log. Lives until the next call. No allocation. */
struct tag_class;
const struct tag_class *demux_class(struct demux *d, uint16_t log, struct span program);

/* Does any of them want a head (lead.h) at first? */
bool demux_has_heads(const struct tag_class *c);

/*
 * The numbers of the groups in gs, in order, that a text with this first byte
 * concerns, *n of them: those that can begin so, and those with a prefix that
 * can.
 * head  the text is what stands behind a head: those that want one
 */
const uint16_t *demux_list(const struct tag_class *c, bool head, struct span text, size_t *n);

#endif
