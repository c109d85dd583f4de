/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From log, program and first byte to groups. Globs are tried once for each
 * program name seen; then a small set-associative cache answers, under a hash
 * with a secret, as strangers may write program names. Names that concern the
 * same groups (all that no jail has heard of, for one) share a class, where
 * the groups stand sorted by the bytes that they can begin with, or that come
 * behind an id or a word: most lines are ruled out by one look into it. All of this is laid out at the start: a
 * new name takes the place of another, and if there should be more classes
 * than have room, lines of the last ones sort their groups each time anew.
 */
#include "engine/match/demux.h"

#include <errno.h>
#include <stdlib.h>

#include "base/glob.h"
#include "base/hash.h"

#define SETS 128		/* a power of two */
#define WAYS 4
#define NAME_MAX_LEN 48		/* longer names are globbed each time */
#define CLASSES 64
#define FIRSTS 257		/* first bytes, and none */
#define LISTS (2 * FIRSTS)	/* of the text, and behind a head */

struct slot {
	uint16_t log;
	uint8_t used;
	uint8_t len;
	uint32_t class;
	char name[NAME_MAX_LEN];
};

/* What one set of groups makes of a text. */
struct tag_class {
	uint16_t log;
	uint32_t n;		/* groups */
	uint16_t *all;		/* room for `most` */
	uint16_t *by_first;	/* room for `most_by_first` */
	uint32_t from[LISTS + 1];
};

struct demux {
	const struct groups *gs;
	uint64_t secret[2];
	size_t most, most_by_first;	/* of any one log */
	size_t nclasses;
	struct tag_class class[CLASSES + 1];	/* the last: what has no room */
	struct slot slot[SETS * WAYS];
	uint8_t next[SETS];	/* the way that gives place */
	uint16_t list[];	/* of all classes */
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

/* Can a text that begins so, or goes on so behind a head, be one of its? */
static bool begins(const struct group *g, unsigned list)
{
	const struct first *f = g->prefix ? &g->prefix->unit.x.first : &g->first;
	unsigned first = list % FIRSTS;
	char c = (char)first;

	for (size_t i = 0; !g->prefix && i < g->leads.n; i++) {
		const struct lead *l = &g->leads.v[i];

		if ((l->head != LEAD_PLAIN) == (list >= FIRSTS) &&
		    (l->n == 0 || first == (unsigned char)l->bytes[0]))
			return true;
	}
	if (list >= FIRSTS || (!g->prefix && g->leads.n > 0))
		return false;
	return first_has(f, (struct span){ &c, first < FIRSTS - 1 });
}

static size_t count_lists(const struct group *g)
{
	size_t n = 0;

	for (unsigned list = 0; list < LISTS; list++)
		n += begins(g, list);
	return n;
}

static bool is_first_of_log(const struct groups *gs, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (gs->v[k].log == gs->v[i].log)
			return false;
	return true;
}

static void most_of_a_log(const struct groups *gs, size_t *most, size_t *most_by_first)
{
	*most = *most_by_first = 0;
	for (size_t i = 0; i < gs->n; i++) {
		size_t n = 0, by_first = 0;

		if (!is_first_of_log(gs, i))
			continue;
		for (size_t k = i; k < gs->n; k++) {
			if (gs->v[k].log != gs->v[i].log)
				continue;
			n++;
			by_first += count_lists(&gs->v[k]);
		}
		if (n > *most)
			*most = n;
		if (by_first > *most_by_first)
			*most_by_first = by_first;
	}
}

int demux_new(const struct groups *gs, struct demux **ret)
{
	static const char *const seeds[2] = { "demux 0", "demux 1" };
	size_t most, most_by_first;
	struct demux *d;

	most_of_a_log(gs, &most, &most_by_first);
	d = calloc(1, sizeof(*d) + (CLASSES + 1) * (most + most_by_first) * sizeof(*d->list));
	if (!d)
		return -ENOMEM;
	d->gs = gs;
	d->most = most;
	d->most_by_first = most_by_first;
	for (size_t i = 0; i < 2; i++)
		d->secret[i] = hash_keyed(seeds[i], strlen(seeds[i])) | 1;
	for (size_t i = 0; i < CLASSES + 1; i++) {
		d->class[i].all = d->list + i * (most + most_by_first);
		d->class[i].by_first = d->class[i].all + most;
	}
	*ret = d;
	return 0;
}

void demux_free(struct demux **d)
{
	free(*d);
	*d = NULL;
}

/* ---- classes */

static void sort_by_first(const struct groups *gs, struct tag_class *c)
{
	uint32_t n = 0;

	for (unsigned list = 0; list < LISTS; list++) {
		c->from[list] = n;
		for (size_t i = 0; i < c->n; i++)
			if (begins(&gs->v[c->all[i]], list))
				c->by_first[n++] = c->all[i];
	}
	c->from[LISTS] = n;
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
	for (size_t i = 0; i < d->gs->n; i++)
		if (concerns(&d->gs->v[i], log, program))
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

static inline uint64_t word_at(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Length, beginning and end: enough to spread what daemons call themselves. */
static inline uint64_t name_hash(const struct demux *d, struct span s)
{
	uint64_t a = 0, b = s.n, h;

	if (s.n >= 8) {
		a = word_at(s.p);
		b += word_at(s.p + s.n - 8);
	} else {
		for (size_t i = 0; i < s.n; i++)
			a = a << 8 | (unsigned char)s.p[i];
	}
	h = a * d->secret[0] + b * d->secret[1];
	return (h ^ h >> 32) * d->secret[0] >> 32;
}

static inline bool same_name(const struct slot *s, struct span name)
{
	size_t i = 0;

	if (s->len != name.n)
		return false;
	if (name.n < 8) {
		for (; i < name.n; i++)
			if (s->name[i] != name.p[i])
				return false;
		return true;
	}
	for (; i < name.n - 8; i += 8)
		if (word_at(s->name + i) != word_at(name.p + i))
			return false;
	return word_at(s->name + name.n - 8) == word_at(name.p + name.n - 8);
}

static uint32_t remember(struct demux *d, size_t set, uint16_t log, struct span program)
{
	struct slot *s = &d->slot[set * WAYS + d->next[set]++ % WAYS];
	uint32_t class = classify(d, log, program);

	s->used = class < CLASSES;	/* the last one is another's in no time */
	s->log = log;
	s->len = (uint8_t)program.n;
	s->class = class;
	if (program.n)
		memcpy(s->name, program.p, program.n);
	return class;
}

static inline uint32_t class_of(struct demux *d, uint16_t log, struct span program)
{
	size_t set;

	if (program.n > NAME_MAX_LEN)
		return classify(d, log, program);
	set = (name_hash(d, program) + log) & (SETS - 1);
	for (const struct slot *s = d->slot + set * WAYS, *end = s + WAYS; s < end; s++)
		if (s->used && s->log == log && same_name(s, program))
			return s->class;
	return remember(d, set, log, program);
}

const struct tag_class *demux_class(struct demux *d, uint16_t log, struct span program)
{
	return &d->class[class_of(d, log, program)];
}

bool demux_has_heads(const struct tag_class *c)
{
	return c->from[LISTS] > c->from[FIRSTS];
}

const uint16_t *demux_list(const struct tag_class *c, bool head, struct span text, size_t *n)
{
	unsigned list = text.n ? (unsigned char)text.p[0] : FIRSTS - 1;

	if (head)
		list += FIRSTS;
	*n = c->from[list + 1] - c->from[list];
	return c->by_first + c->from[list];
}
