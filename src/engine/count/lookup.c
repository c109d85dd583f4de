/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extendible hashing (Fagin et al. 1979): a directory, indexed by the top
 * bits of the hash, points to pages of open addressing. A page that is full
 * splits in two, which costs some ten microseconds; nothing ever waits for a
 * table of a million to be copied. Slots are four bytes because the whole
 * table has to come to less than 64 bytes a subject.
 *
 * A removed id leaves a mark if its probe chain goes on; a page that fills up
 * with marks is written anew in place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/count/lookup.h"

#define FULL (LOOKUP_SLOTS / 8 * 7)	/* used slots of a page at most */
#define WORTH_SPLIT (LOOKUP_SLOTS / 4 * 3)	/* with fewer ids: only marks */

static struct lookup_page *page_new(struct lookup *l, uint8_t depth)
{
	struct lookup_page *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->depth = depth;
	l->pages++;
	return p;
}

int lookup_init(struct lookup *l, lookup_hash_fn *hash, const void *arg)
{
	*l = (struct lookup){ .hash = hash, .arg = arg };
	l->dir = malloc(sizeof(l->dir[0]));
	if (!l->dir)
		return -ENOMEM;
	l->dir[0] = page_new(l, 0);
	if (!l->dir[0]) {
		free(l->dir);
		l->dir = NULL;
		return -ENOMEM;
	}
	return 0;
}

void lookup_fini(struct lookup *l)
{
	size_t n = l->dir ? (size_t)1 << l->depth : 0;

	for (size_t i = 0; i < n; ) {
		struct lookup_page *p = l->dir[i];

		i += (size_t)1 << (l->depth - p->depth);
		free(p);
	}
	free(l->dir);
	*l = (struct lookup){ .dir = NULL };
}

static void page_put(struct lookup_page *p, uint64_t hash, uint32_t id)
{
	uint32_t i = (uint32_t)hash % LOOKUP_SLOTS;

	while (p->slot[i] != LOOKUP_EMPTY && p->slot[i] != LOOKUP_GONE)
		i = (i + 1) % LOOKUP_SLOTS;
	if (p->slot[i] == LOOKUP_EMPTY)
		p->used++;
	p->live++;
	p->slot[i] = lookup_tag(hash) | (id + 1);
}

static int dir_double(struct lookup *l)
{
	size_t n = (size_t)1 << l->depth;
	struct lookup_page **dir = malloc(2 * n * sizeof(dir[0]));

	if (!dir)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		dir[2 * i] = dir[2 * i + 1] = l->dir[i];
	free(l->dir);
	l->dir = dir;
	l->depth++;
	return 0;
}

/* Put the ids of `p` anew, those with the next bit set into `high`. */
static void page_redo(const struct lookup *l, struct lookup_page *p,
		      struct lookup_page *high)
{
	uint32_t old[LOOKUP_SLOTS];

	memcpy(old, p->slot, sizeof(old));
	memset(p->slot, 0, sizeof(p->slot));
	p->used = p->live = 0;
	for (unsigned i = 0; i < LOOKUP_SLOTS; i++) {
		uint32_t id = (old[i] & 0xffffffu) - 1;
		uint64_t hash;

		if (old[i] == LOOKUP_EMPTY || old[i] == LOOKUP_GONE)
			continue;
		hash = l->hash(l->arg, id);
		if (high && hash >> (64 - high->depth) & 1)
			page_put(high, hash, id);
		else
			page_put(p, hash, id);
	}
}

static int page_split(struct lookup *l, struct lookup_page *p, uint64_t hash)
{
	struct lookup_page *high;
	size_t span, first;

	if (p->depth == l->depth && dir_double(l) < 0)
		return -ENOMEM;
	high = page_new(l, (uint8_t)(p->depth + 1));
	if (!high)
		return -ENOMEM;
	/* The entries of p are neighbours; the upper half goes to the new. */
	span = (size_t)1 << (l->depth - p->depth);
	first = (size_t)(hash >> (64 - l->depth)) & ~(span - 1);
	for (size_t i = first + span / 2; i < first + span; i++)
		l->dir[i] = high;
	p->depth++;
	page_redo(l, p, high);
	return 0;
}

int lookup_insert(struct lookup *l, uint64_t hash, uint32_t id)
{
	struct lookup_page *p = lookup_page(l, hash);

	while (p->used >= FULL) {
		if (p->live < WORTH_SPLIT)
			page_redo(l, p, NULL);
		else if (page_split(l, p, hash) < 0)
			return -ENOMEM;
		p = lookup_page(l, hash);
	}
	page_put(p, hash, id);
	return 0;
}

void lookup_remove(struct lookup *l, uint64_t hash, uint32_t id)
{
	struct lookup_page *p = lookup_page(l, hash);
	uint32_t i = (uint32_t)hash % LOOKUP_SLOTS;

	while (p->slot[i] != (lookup_tag(hash) | (id + 1))) {
		if (p->slot[i] == LOOKUP_EMPTY)
			return;
		i = (i + 1) % LOOKUP_SLOTS;
	}
	p->slot[i] = LOOKUP_GONE;
	p->live--;
	/* Marks at the end of a probe chain hold nothing together. */
	if (p->slot[(i + 1) % LOOKUP_SLOTS] != LOOKUP_EMPTY)
		return;
	while (p->slot[i] == LOOKUP_GONE) {
		p->slot[i] = LOOKUP_EMPTY;
		p->used--;
		i = (i + LOOKUP_SLOTS - 1) % LOOKUP_SLOTS;
	}
}

size_t lookup_bytes(const struct lookup *l)
{
	return l->pages * sizeof(struct lookup_page) +
	       ((size_t)1 << l->depth) * sizeof(l->dir[0]);
}
