/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bans we hold: a chained hash table for "is it there", and for each set a
 * binary heap by end, for "which ends first" when the set is full or time has
 * passed. Records are allocated singly, so that both may point to them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "privileged/firewall/held.h"

struct heap {
	struct held_ban **v;
	size_t n, cap;
};

struct held {
	struct held_ban **chains;
	size_t nchains;		/* a power of two */
	size_t n;
	struct heap sets[HELD_SETS_MAX];
};

#define CHAINS_MIN 256

int held_new(struct held **ret)
{
	struct held *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->nchains = CHAINS_MIN;
	b->chains = calloc(b->nchains, sizeof(struct held_ban *));
	if (!b->chains) {
		free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void held_free(struct held **b)
{
	if (!*b)
		return;
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		held_clear(*b, i);
		free((*b)->sets[i].v);
	}
	free((*b)->chains);
	free(*b);
	*b = NULL;
}

static size_t chain_of(const struct held *b, unsigned set, const struct addr *a)
{
	struct { struct addr addr; uint8_t set; } key = { *a, (uint8_t)set };

	return hash_keyed(&key, sizeof(key)) & (b->nchains - 1);
}

static struct held_ban **slot_of(const struct held *b, unsigned set, const struct addr *a)
{
	struct held_ban **p = &b->chains[chain_of(b, set, a)];

	while (*p && ((*p)->set != set || memcmp(&(*p)->addr, a, sizeof(*a)) != 0))
		p = &(*p)->next;
	return p;
}

const struct held_ban *held_find(const struct held *b, unsigned set, const struct addr *a)
{
	return *slot_of(b, set, a);
}

/*
 * Twice the chains, when there are half as many bans: each one in a chain is a
 * cache miss, and that is what a million of bans cost. Without memory it goes on.
 */
static void grow_chains(struct held *b)
{
	size_t old_n = b->nchains;
	struct held_ban **old = b->chains;
	struct held_ban **v = calloc(old_n * 2, sizeof(*v));

	if (!v)
		return;
	b->chains = v;
	b->nchains = old_n * 2;
	for (size_t i = 0; i < old_n; i++) {
		struct held_ban *next;

		for (struct held_ban *p = old[i]; p; p = next) {
			size_t c = chain_of(b, p->set, &p->addr);

			next = p->next;
			p->next = v[c];
			v[c] = p;
		}
	}
	free(old);
}

static void heap_set(struct heap *h, size_t i, struct held_ban *x)
{
	h->v[i] = x;
	x->at = (uint32_t)i;
}

/* Move the one at i to where its end belongs. */
static void heap_settle(struct heap *h, size_t i)
{
	struct held_ban *x = h->v[i];

	while (i > 0 && h->v[(i - 1) / 2]->until_ms > x->until_ms) {
		heap_set(h, i, h->v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t c = 2 * i + 1;

		if (c + 1 < h->n && h->v[c + 1]->until_ms < h->v[c]->until_ms)
			c++;
		if (c >= h->n || h->v[c]->until_ms >= x->until_ms)
			break;
		heap_set(h, i, h->v[c]);
		i = c;
	}
	heap_set(h, i, x);
}

static int heap_reserve(struct heap *h)
{
	size_t cap = h->cap ? h->cap * 2 : 64;
	struct held_ban **v;

	if (h->n < h->cap)
		return 0;
	v = realloc(h->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	h->v = v;
	h->cap = cap;
	return 0;
}

int held_put(struct held *b, unsigned set, const struct addr *a, int64_t until_ms)
{
	struct heap *h = &b->sets[set];
	struct held_ban **slot = slot_of(b, set, a);
	struct held_ban *x = *slot;

	if (x) {
		x->until_ms = until_ms;
		heap_settle(h, x->at);
		return 0;
	}
	if (heap_reserve(h) < 0)
		return -ENOMEM;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->addr = *a;
	x->set = (uint8_t)set;
	x->until_ms = until_ms;
	*slot = x;
	h->v[h->n] = x;
	x->at = (uint32_t)h->n++;
	heap_settle(h, x->at);
	if (++b->n > b->nchains / 2)
		grow_chains(b);
	return 0;
}

bool held_drop(struct held *b, unsigned set, const struct addr *a)
{
	struct heap *h = &b->sets[set];
	struct held_ban **slot = slot_of(b, set, a);
	struct held_ban *x = *slot;
	size_t at;

	if (!x)
		return false;
	*slot = x->next;
	at = x->at;
	h->n--;
	b->n--;
	if (at != h->n) {
		heap_set(h, at, h->v[h->n]);
		heap_settle(h, at);
	}
	free(x);
	return true;
}

void held_clear(struct held *b, unsigned set)
{
	struct heap *h = &b->sets[set];

	while (h->n > 0)
		held_drop(b, set, &h->v[h->n - 1]->addr);
}

const struct held_ban *held_first(const struct held *b, unsigned set)
{
	return b->sets[set].n ? b->sets[set].v[0] : NULL;
}

const struct held_ban *held_at(const struct held *b, unsigned set, size_t i)
{
	return b->sets[set].v[i];
}

size_t held_count(const struct held *b, unsigned set)
{
	return b->sets[set].n;
}

size_t held_total(const struct held *b)
{
	return b->n;
}
