/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_DEMUX_H
#define ENGINE_MATCH_DEMUX_H

#include "base/bytes.h"
#include "engine/match/group.h"

/*
 * Which groups an entry of a log and a program concerns, by its first bytes,
 * remembered by the program's name. A few hundred names are kept; strangers
 * who send more make their own lines slower and nothing bigger.
 */
struct demux;

/* Ways in which the texts of all groups may begin, together. */
#define DEMUX_WAYS_MAX UINT16_MAX

/* gs stays the caller's and must not change. -ENOMEM; -E2BIG: more than DEMUX_WAYS_MAX. */
int demux_new(const struct groups *gs, struct demux **ret);
void demux_free(struct demux **d);

/* After a group has come into use, or none of it is any longer. */
void demux_forget(struct demux *d);

/* One way into a group. */
struct door {
	uint64_t word, mask;		/* of the eight bytes of a text from `at` on */
	uint8_t at, n;			/* and it has n bytes or more */
	uint16_t group;			/* in gs */
	const struct lead *lead;	/* more to compare; NULL: nothing */
};

#define DEMUX_FIRSTS 257		/* first bytes, and none */
#define DEMUX_LISTS (2 * DEMUX_FIRSTS)	/* of the text, and behind a head (lead.h) */

/* What one set of groups makes of a text. */
struct tag_class {
	uint16_t log;
	bool heads;		/* some want a head at first */
	uint32_t n;		/* groups */
	uint16_t *all;
	const struct door *door;	/* of all groups */
	uint16_t *by_first;	/* their numbers, list after list, */
	uint32_t from[DEMUX_LISTS + 2];	/* and where each begins; one more for making it */
};

/* All groups in use of the program's lines in that log. Lives until the next call. No allocation. */
const struct tag_class *demux_class(struct demux *d, uint16_t log, struct span program);

/*
 * The numbers of the doors that a text with this first byte may fit, in the
 * order of their groups, *n of them: into those that can begin so, and those
 * with a prefix that can.
 * head  the text is what stands behind a head: into those that want one
 */
static inline const uint16_t *demux_list(const struct tag_class *c, bool head, struct span text, size_t *n)
{
	unsigned list = text.n ? (unsigned char)text.p[0] : DEMUX_FIRSTS - 1;

	if (head)
		list += DEMUX_FIRSTS;
	*n = c->from[list + 1] - c->from[list];
	return c->by_first + c->from[list];
}

/* word: lead_word(text) */
static inline bool door_fits(const struct door *d, struct span text, uint64_t word)
{
	if (text.n < d->n)
		return false;
	return ((d->at ? bytes_word(text.p + d->at) : word) & d->mask) == d->word;
}

#endif
