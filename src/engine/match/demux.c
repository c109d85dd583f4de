/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From log and program to groups. Globs are tried once for each program name
 * seen; then a small set-associative cache under a keyed hash answers. All of
 * it is laid out at the start: a new name takes the place of another.
 */
#include "engine/match/demux.h"

#include <errno.h>
#include <stdlib.h>

#include "base/glob.h"
#include "base/hash.h"

#define SETS 128		/* a power of two */
#define WAYS 4
#define NAME_MAX_LEN 52		/* longer names are globbed each time */

struct slot {
	uint16_t log;
	uint8_t used;
	uint8_t len;
	uint32_t n;
	char name[NAME_MAX_LEN];
};

struct demux {
	const struct groups *gs;
	size_t most;		/* groups of any one log */
	struct slot slot[SETS * WAYS + 1];	/* the last: for long names */
	uint8_t next[SETS];	/* the way that gives place */
	uint16_t list[];	/* `most` for each slot */
};

static bool concerns(const struct group *g, uint16_t log, struct span program)
{
	if (g->log != log)
		return false;
	for (size_t i = 0; i < g->programs->n; i++)
		if (glob_match(g->programs->v[i], program))
			return true;
	return g->programs->n == 0;
}

static size_t most_of_a_log(const struct groups *gs)
{
	size_t most = 0, n;

	for (size_t i = 0; i < gs->n; i++) {
		n = 0;
		for (size_t k = 0; k < gs->n; k++)
			n += gs->v[k].log == gs->v[i].log;
		if (n > most)
			most = n;
	}
	return most;
}

int demux_new(const struct groups *gs, struct demux **ret)
{
	size_t most = most_of_a_log(gs);
	struct demux *d = calloc(1, sizeof(*d) + (SETS * WAYS + 1) * most * sizeof(*d->list));

	if (!d)
		return -ENOMEM;
	d->gs = gs;
	d->most = most;
	*ret = d;
	return 0;
}

void demux_free(struct demux **d)
{
	free(*d);
	*d = NULL;
}

static void fill(struct demux *d, size_t at, uint16_t log, struct span program)
{
	uint16_t *list = d->list + at * d->most;
	uint32_t n = 0;

	for (size_t i = 0; i < d->gs->n; i++)
		if (concerns(&d->gs->v[i], log, program))
			list[n++] = (uint16_t)i;
	d->slot[at].n = n;
}

static size_t remember(struct demux *d, size_t set, uint16_t log, struct span program)
{
	size_t at = set * WAYS + d->next[set]++ % WAYS;
	struct slot *s = &d->slot[at];

	s->used = 1;
	s->log = log;
	s->len = (uint8_t)program.n;
	if (program.n)
		memcpy(s->name, program.p, program.n);
	fill(d, at, log, program);
	return at;
}

const uint16_t *demux_find(struct demux *d, uint16_t log, struct span program,
			   size_t *n)
{
	size_t at, set, end;

	if (program.n > NAME_MAX_LEN) {
		at = SETS * WAYS;
		fill(d, at, log, program);
	} else {
		set = (hash_keyed(program.p ? program.p : "", program.n) + log) & (SETS - 1);
		end = (set + 1) * WAYS;
		for (at = set * WAYS; at < end; at++) {
			const struct slot *s = &d->slot[at];

			if (s->used && s->log == log && s->len == program.n &&
			    (program.n == 0 || memcmp(s->name, program.p, program.n) == 0))
				break;
		}
		if (at == end)
			at = remember(d, set, log, program);
	}
	*n = d->slot[at].n;
	return d->list + at * d->most;
}
