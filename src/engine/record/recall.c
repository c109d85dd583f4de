/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which verdicts are in the ledger already: asked once for each verdict while
 * the tail of a log is read again, so it must not touch the disk. Takes the
 * verdicts' identities, gives ids. Sixteen bytes each: only a keyed 64-bit
 * hash of the identity is kept, and that two of a million share one has a
 * chance of one in 30 million.
 */
#include "engine/record/recall.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

struct slot {
	uint64_t hash;		/* 0: free */
	uint64_t id;
};

struct recall {
	size_t n, max;
	size_t mask;
	struct slot *slot;
};

int recall_new(size_t n, struct recall **ret)
{
	struct recall *r = calloc(1, sizeof(*r));
	size_t slots = 16;

	if (!r)
		return -ENOMEM;
	while (slots < n * 2)
		slots *= 2;
	r->slot = calloc(slots, sizeof(*r->slot));
	if (!r->slot) {
		free(r);
		return -ENOMEM;
	}
	r->max = n;
	r->mask = slots - 1;
	*ret = r;
	return 0;
}

void recall_free(struct recall **r)
{
	if (!*r)
		return;
	free((*r)->slot);
	free(*r);
	*r = NULL;
}

static uint64_t identity(const char *jail, struct span key, int64_t when_ms,
			 uint64_t offset)
{
	struct span name = span_of(jail);
	uint64_t part[4] = {
		hash_keyed(name.p, name.n),
		hash_keyed(key.n > 0 ? key.p : "", key.n),
		(uint64_t)when_ms, offset,
	};
	uint64_t h = hash_keyed(part, sizeof(part));

	return h ? h : 1;
}

/* The slot of this hash, or the free one where it would go. */
static struct slot *find(const struct recall *r, uint64_t hash)
{
	size_t i = (size_t)hash & r->mask;

	while (r->slot[i].hash && r->slot[i].hash != hash)
		i = (i + 1) & r->mask;
	return &r->slot[i];
}

int recall_add(struct recall *r, const char *jail, struct span key,
	       int64_t when_ms, uint64_t offset, uint64_t id)
{
	uint64_t h = identity(jail, key, when_ms, offset);
	struct slot *s = find(r, h);

	if (s->hash)
		return 0;
	if (r->n >= r->max)
		return -ENOSPC;
	*s = (struct slot){ h, id };
	r->n++;
	return 0;
}

bool recall_find(const struct recall *r, const char *jail, struct span key,
		 int64_t when_ms, uint64_t offset, uint64_t *ret_id)
{
	const struct slot *s = find(r, identity(jail, key, when_ms, offset));

	if (!s->hash)
		return false;
	*ret_id = s->id;
	return true;
}
