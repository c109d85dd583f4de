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
#include "privileged/firewall/bans.h"

struct heap {
	struct ban **v;
	size_t n, cap;
};

struct bans {
	struct ban **chains;
	size_t nchains;		/* a power of two */
	size_t n;
	struct heap sets[BANS_SETS_MAX];
};

#define CHAINS_MIN 256

int bans_new(struct bans **ret)
{
	struct bans *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->nchains = CHAINS_MIN;
	b->chains = calloc(b->nchains, sizeof(struct ban *));
	if (!b->chains) {
		free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void bans_free(struct bans **b)
{
	if (!*b)
		return;
	for (unsigned i = 0; i < BANS_SETS_MAX; i++) {
		bans_clear(*b, i);
		free((*b)->sets[i].v);
	}
	free((*b)->chains);
	free(*b);
	*b = NULL;
}

static size_t chain_of(const struct bans *b, unsigned set, const struct addr *a)
{
	struct { struct addr addr; uint8_t set; } key = { *a, (uint8_t)set };

	return hash_keyed(&key, sizeof(key)) & (b->nchains - 1);
}

static struct ban **slot_of(const struct bans *b, unsigned set, const struct addr *a)
{
	struct ban **p = &b->chains[chain_of(b, set, a)];

	while (*p && ((*p)->set != set || memcmp(&(*p)->addr, a, sizeof(*a)) != 0))
		p = &(*p)->next;
	return p;
}

const struct ban *bans_find(const struct bans *b, unsigned set, const struct addr *a)
{
	return *slot_of(b, set, a);
}

/* Twice the chains, when there are as many bans; without memory it goes on. */
static void grow_chains(struct bans *b)
{
	size_t old_n = b->nchains;
	struct ban **old = b->chains;
	struct ban **v = calloc(old_n * 2, sizeof(*v));

	if (!v)
		return;
	b->chains = v;
	b->nchains = old_n * 2;
	for (size_t i = 0; i < old_n; i++) {
		struct ban *next;

		for (struct ban *p = old[i]; p; p = next) {
			size_t c = chain_of(b, p->set, &p->addr);

			next = p->next;
			p->next = v[c];
			v[c] = p;
		}
	}
	free(old);
}

static void heap_set(struct heap *h, size_t i, struct ban *x)
{
	h->v[i] = x;
	x->at = (uint32_t)i;
}

/* Move the one at i to where its end belongs. */
static void heap_settle(struct heap *h, size_t i)
{
	struct ban *x = h->v[i];

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
	struct ban **v;

	if (h->n < h->cap)
		return 0;
	v = realloc(h->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	h->v = v;
	h->cap = cap;
	return 0;
}

int bans_put(struct bans *b, unsigned set, const struct addr *a, int64_t until_ms)
{
	struct heap *h = &b->sets[set];
	struct ban **slot = slot_of(b, set, a);
	struct ban *x = *slot;

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
	if (++b->n > b->nchains)
		grow_chains(b);
	return 0;
}

bool bans_drop(struct bans *b, unsigned set, const struct addr *a)
{
	struct heap *h = &b->sets[set];
	struct ban **slot = slot_of(b, set, a);
	struct ban *x = *slot;
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

void bans_clear(struct bans *b, unsigned set)
{
	struct heap *h = &b->sets[set];

	while (h->n > 0)
		bans_drop(b, set, &h->v[h->n - 1]->addr);
}

const struct ban *bans_first(const struct bans *b, unsigned set)
{
	return b->sets[set].n ? b->sets[set].v[0] : NULL;
}

const struct ban *bans_at(const struct bans *b, unsigned set, size_t i)
{
	return b->sets[set].v[i];
}

size_t bans_count(const struct bans *b, unsigned set)
{
	return b->sets[set].n;
}

size_t bans_total(const struct bans *b)
{
	return b->n;
}
