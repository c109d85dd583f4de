/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_LOOKUP_H
#define ENGINE_COUNT_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * From a 64-bit hash to small numbers (ids): four bytes a slot, of which 8
 * bits repeat part of the hash, so that nearly every candidate is the one.
 * It grows a page at a time and never stops to rehash the whole.
 */
#define LOOKUP_NONE UINT32_MAX
#define LOOKUP_MAX_IDS ((1u << 24) - 2)	/* an id and its 8 bits share a word */

#define LOOKUP_SLOTS 1024		/* of a page */
#define LOOKUP_EMPTY 0u
#define LOOKUP_GONE UINT32_MAX		/* was taken, probing goes on */

struct lookup_page {
	uint32_t slot[LOOKUP_SLOTS];
	uint16_t used;		/* slots that are not empty */
	uint16_t live;		/* of those, ids */
	uint8_t depth;		/* hash bits that all its ids share */
};

typedef uint64_t lookup_hash_fn(const void *arg, uint32_t id);

struct lookup {
	struct lookup_page **dir;	/* 1 << depth entries */
	unsigned depth;
	size_t pages;
	lookup_hash_fn *hash;		/* an id's hash once more */
	const void *arg;
};

int lookup_init(struct lookup *l, lookup_hash_fn *hash, const void *arg);
void lookup_fini(struct lookup *l);
/* The caller has looked: the id is not there yet. -ENOMEM. */
int lookup_insert(struct lookup *l, uint64_t hash, uint32_t id);
void lookup_remove(struct lookup *l, uint64_t hash, uint32_t id);
size_t lookup_bytes(const struct lookup *l);

/* Candidates for a hash, until LOOKUP_NONE; the caller compares keys. */
struct lookup_at {
	const struct lookup_page *page;
	uint32_t slot;
	uint32_t tag;
};

static inline struct lookup_page *lookup_page(const struct lookup *l,
					      uint64_t hash)
{
	return l->dir[l->depth ? hash >> (64 - l->depth) : 0];
}

static inline uint32_t lookup_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 10 & 0xff) << 24;
}

static inline uint32_t lookup_next(struct lookup_at *at)
{
	for (;;) {
		uint32_t s = at->page->slot[at->slot];

		at->slot = (at->slot + 1) % LOOKUP_SLOTS;
		if (s == LOOKUP_EMPTY)
			return LOOKUP_NONE;
		if ((s & 0xff000000u) == at->tag && s != LOOKUP_GONE)
			return (s & 0xffffffu) - 1;
	}
}

static inline uint32_t lookup_first(const struct lookup *l, uint64_t hash,
				    struct lookup_at *at)
{
	at->page = lookup_page(l, hash);
	at->slot = (uint32_t)hash % LOOKUP_SLOTS;
	at->tag = lookup_tag(hash);
	return lookup_next(at);
}

#endif
