/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From log, program and first bytes to groups. Globs are tried once for each
 * program name seen; then a small set-associative cache answers, under a hash
 * with a secret, as strangers may write program names. Names that concern the
 * same groups (all that no jail has heard of, for one) share a class, where
 * the doors into the groups stand sorted by the bytes that texts can begin
 * with, or that come behind an id or a word: most lines find none there, and
 * of the others most do not have the eight bytes that the door asks for.
 *
 * All of this is laid out at the start: a new name takes the place of another,
 * and if there should be more classes than have room, lines of the last ones
 * sort their groups each time anew.
 */
#include "engine/match/demux.h"

#include <errno.h>
#include <stdlib.h>

#include "base/glob.h"
#include "base/hash.h"

#define SETS 128		/* a power of two */
#define WAYS 4
#define NAME_MAX_LEN 40		/* longer names are globbed each time */
#define CLASSES 64

/*
 * A name's beginning and end, its length, and its log: all of it if it has 16
 * bytes at most.
 */
struct name {
	uint64_t begin, end;
	uint32_t kind;		/* never 0 */
	uint32_t class;		/* what it is of; of one that is looked for, nothing */
};

/* What is compared first lies together. */
struct slot {
	struct name of;		/* kind 0: none */
	char name[NAME_MAX_LEN];
};

struct demux {
	const struct groups *gs;
	uint64_t secret[2];
	size_t nclasses;
	struct tag_class class[CLASSES + 1];	/* the last: what has no room */
	struct slot slot[SETS * WAYS];
	uint8_t next[SETS];	/* the way that gives place */
	struct door *door;	/* of all groups, in their order */
	size_t ndoors;
	uint16_t list[];		/* of all classes */
};

static bool concerns(const struct group *g, uint16_t log, struct span program)
{
	if (g->log != log || g->enabled == 0)
		return false;
	for (size_t i = 0; i < g->programs->n; i++)
		if (glob_match(g->programs->v[i], program))
			return true;
	return g->programs->n == 0;
}

/* The lists that a door may stand in: of one byte, of any behind a head, of any at first. */
struct range {
	unsigned from, to;
};

static struct range range_of(const struct door *d)
{
	unsigned from = d->lead && d->lead->head != LEAD_PLAIN ? DEMUX_FIRSTS : 0;

	if (!d->lead || d->lead->n == 0)
		return (struct range){ from, from + DEMUX_FIRSTS };
	from += (unsigned char)d->lead->bytes[0];
	return (struct range){ from, from + 1 };
}

/* Does it stand in this one of them? */
static bool begins(const struct groups *gs, const struct door *d, unsigned list)
{
	const struct group *g = &gs->v[d->group];
	const struct first *f = g->prefix ? &g->prefix->unit.x.first : &g->first;
	char c = (char)list;

	return d->lead || first_has(f, (struct span){ &c, list < DEMUX_FIRSTS - 1 });
}

/* What a prefix leaves is compared when it is known. */
static size_t count_doors(const struct group *g)
{
	return g->prefix || g->leads.n == 0 ? 1 : g->leads.n;
}

static struct door door_of(const struct groups *gs, size_t group, size_t k)
{
	const struct group *g = &gs->v[group];
	const struct lead *l = &g->leads.v[k];

	if (g->prefix || g->leads.n == 0)
		return (struct door){ .group = (uint16_t)group };
	return (struct door){
		.word = l->word, .mask = l->n > sizeof(l->word) ? UINT64_MAX : l->mask,
		.at = l->n > sizeof(l->word) ? (uint8_t)(l->n - sizeof(l->word)) : 0, .n = l->n,
		.group = (uint16_t)group, .lead = l,
	};
}

static int make_doors(const struct groups *gs, struct door **ret, size_t *ret_n)
{
	struct door *door;
	size_t n = 0;

	for (size_t i = 0; i < gs->n; i++)
		n += count_doors(&gs->v[i]);
	if (n > DEMUX_WAYS_MAX)
		return -E2BIG;
	door = calloc(n + 1, sizeof(*door));
	if (!door)
		return -ENOMEM;
	*ret = door;
	*ret_n = n;
	for (size_t i = 0; i < gs->n; i++)
		for (size_t k = 0; k < count_doors(&gs->v[i]); k++)
			*door++ = door_of(gs, i, k);
	return 0;
}

static size_t count_lists(const struct groups *gs, const struct door *d)
{
	struct range r = range_of(d);
	size_t n = 0;

	for (unsigned list = r.from; list < r.to; list++)
		n += begins(gs, d, list);
	return n;
}

int demux_new(const struct groups *gs, struct demux **ret)
{
	static const char *const seeds[2] = { "demux 0", "demux 1" };
	size_t ndoors, room;
	struct door *door;
	struct demux *d;
	int r = make_doors(gs, &door, &ndoors);

	if (r < 0)
		return r;
	room = ndoors;
	for (size_t i = 0; i < ndoors; i++)
		room += count_lists(gs, &door[i]);
	d = calloc(1, sizeof(*d) + (CLASSES + 1) * room * sizeof(*d->list));
	if (!d) {
		free(door);
		return -ENOMEM;
	}
	d->gs = gs;
	d->door = door;
	d->ndoors = ndoors;
	for (size_t i = 0; i < 2; i++)
		d->secret[i] = hash_keyed(seeds[i], strlen(seeds[i])) | 1;
	for (size_t i = 0; i < CLASSES + 1; i++) {
		d->class[i].door = door;
		d->class[i].all = d->list + i * room;
		d->class[i].by_first = d->class[i].all + ndoors;
	}
	*ret = d;
	return 0;
}

void demux_free(struct demux **d)
{
	if (*d)
		free((*d)->door);
	free(*d);
	*d = NULL;
}

void demux_forget(struct demux *d)
{
	if (d->nclasses > 0)
		memset(d->slot, 0, sizeof(d->slot));
	d->nclasses = 0;
}

/* ---- classes */

/*
 * Counted, then filled: from[list + 1] is where the list goes on while it is
 * filled, and so in the end where the next one begins.
 */
static void sort_by_first(const struct groups *gs, struct tag_class *c)
{
	memset(c->from, 0, sizeof(c->from));
	for (size_t i = 0; i < c->n; i++) {
		const struct door *d = &c->door[c->all[i]];
		struct range r = range_of(d);

		for (unsigned list = r.from; list < r.to; list++)
			c->from[list + 2] += begins(gs, d, list);
	}
	for (unsigned list = 0; list < DEMUX_LISTS; list++)
		c->from[list + 2] += c->from[list + 1];
	for (size_t i = 0; i < c->n; i++) {
		const struct door *d = &c->door[c->all[i]];
		struct range r = range_of(d);

		for (unsigned list = r.from; list < r.to; list++)
			if (begins(gs, d, list))
				c->by_first[c->from[list + 1]++] = c->all[i];
	}
	c->heads = c->from[DEMUX_LISTS] > c->from[DEMUX_FIRSTS];
}

static bool same_class(const struct tag_class *a, const struct tag_class *b)
{
	return a->log == b->log && a->n == b->n &&
	       memcmp(a->all, b->all, a->n * sizeof(*a->all)) == 0;
}

/* The number of this program's class, made if it is a new one. */
static uint32_t classify(struct demux *d, uint16_t log, struct span program)
{
	struct tag_class *c = &d->class[d->nclasses];

	c->log = log;
	c->n = 0;
	for (size_t i = 0; i < d->ndoors; i++)
		if (concerns(&d->gs->v[d->door[i].group], log, program))
			c->all[c->n++] = (uint16_t)i;
	for (uint32_t i = 0; i < d->nclasses; i++)
		if (same_class(&d->class[i], c))
			return i;
	sort_by_first(d->gs, c);
	if (d->nclasses == CLASSES)
		return CLASSES;
	return (uint32_t)d->nclasses++;
}

/* ---- names */

/* Four bytes and more, or three at most, without a turn a byte. */
static inline uint64_t short_name(struct span s)
{
	uint32_t begin, end;

	if (s.n < sizeof(begin))
		return s.n == 0 ? 0 : (uint64_t)(unsigned char)s.p[0] << 16 |
				      (uint64_t)(unsigned char)s.p[s.n / 2] << 8 | (unsigned char)s.p[s.n - 1];
	memcpy(&begin, s.p, sizeof(begin));
	memcpy(&end, s.p + s.n - sizeof(end), sizeof(end));
	return (uint64_t)begin << 32 | end;
}

static inline struct name name_of(uint16_t log, struct span s)
{
	uint32_t kind = (uint32_t)log << 16 | (uint32_t)s.n << 1 | 1;

	if (s.n < 8)
		return (struct name){ short_name(s), 0, kind, 0 };
	return (struct name){ bytes_word(s.p), bytes_word(s.p + s.n - 8), kind, 0 };
}

/* Enough to spread what daemons call themselves. */
static inline size_t set_of(const struct demux *d, struct name s)
{
	uint64_t h = s.begin * d->secret[0] + (s.end + s.kind) * d->secret[1];

	return ((h ^ h >> 32) * d->secret[0] >> 32) & (SETS - 1);
}

/* Is it this name, of which `of` is known to be the same? */
static inline bool same_middle(const struct slot *s, struct span name)
{
	for (size_t i = 8; i + 8 < name.n; i += 8)
		if (bytes_word(s->name + i) != bytes_word(name.p + i))
			return false;
	return true;
}

static uint32_t remember(struct demux *d, size_t set, struct name name, uint16_t log, struct span program)
{
	struct slot *s = &d->slot[set * WAYS + d->next[set]++ % WAYS];
	uint32_t class = classify(d, log, program);

	s->of = name;
	if (class == CLASSES)	/* the last one is another's in no time */
		s->of.kind = 0;
	s->of.class = class;
	if (program.n)
		memcpy(s->name, program.p, program.n);
	return class;
}

static inline uint32_t class_of(struct demux *d, uint16_t log, struct span program)
{
	struct name name;
	size_t set;

	if (program.n > NAME_MAX_LEN)
		return classify(d, log, program);
	name = name_of(log, program);
	set = set_of(d, name);
	for (const struct slot *s = d->slot + set * WAYS, *end = s + WAYS; s < end; s++)
		if (s->of.kind == name.kind && s->of.begin == name.begin && s->of.end == name.end &&
		    same_middle(s, program))
			return s->of.class;
	return remember(d, set, name, log, program);
}

const struct tag_class *demux_class(struct demux *d, uint16_t log, struct span program)
{
	return &d->class[class_of(d, log, program)];
}
