/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two hash indices over separately allocated bans: by (address, scope) and by
 * order. Ends are looked at when somebody asks, or when the table has doubled
 * since: an idle engine has no timer for it.
 */
#include "engine/bans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct node {
	struct ban ban;		/* first: a struct ban * is its node */
	struct node *by_addr, *by_order;
	size_t slot;
};

struct bans {
	size_t n, cap, buckets;
	struct node **v;	/* all, in no order */
	struct node **addr, **order;
	size_t sweep_at;	/* bans_put() expires when n reaches this */
};

int bans_new(struct bans **ret)
{
	struct bans *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->sweep_at = 1024;
	*ret = b;
	return 0;
}

void bans_free(struct bans **b)
{
	if (!*b)
		return;
	for (size_t i = 0; i < (*b)->n; i++) {
		free((*b)->v[i]->ban.reason);
		free((*b)->v[i]);
	}
	free((*b)->v);
	free((*b)->addr);
	free((*b)->order);
	free(*b);
	*b = NULL;
}

static size_t addr_bucket(const struct bans *b, const struct addr *a, uint16_t scope)
{
	char key[sizeof(*a) + sizeof(scope)];

	memcpy(key, a, sizeof(*a));
	memcpy(key + sizeof(*a), &scope, sizeof(scope));
	return hash_keyed(key, sizeof(key)) & (b->buckets - 1);
}

/* Numbers that we give away one after the other: neighbours in time are in memory, too. */
static size_t order_bucket(const struct bans *b, uint64_t order)
{
	return order & (b->buckets - 1);
}

static void link_node(struct bans *b, struct node *n)
{
	struct node **head = &b->addr[addr_bucket(b, &n->ban.addr, n->ban.scope)];

	n->by_addr = *head;
	*head = n;
	head = &b->order[order_bucket(b, n->ban.order)];
	n->by_order = *head;
	*head = n;
}

static void unlink_node(struct bans *b, struct node *n)
{
	struct node **p = &b->addr[addr_bucket(b, &n->ban.addr, n->ban.scope)];

	while (*p != n)
		p = &(*p)->by_addr;
	*p = n->by_addr;
	p = &b->order[order_bucket(b, n->ban.order)];
	while (*p != n)
		p = &(*p)->by_order;
	*p = n->by_order;
}

static int grow(struct bans *b)
{
	size_t cap = b->cap ? b->cap * 2 : 256;
	struct node **v = realloc(b->v, cap * sizeof(*v));
	struct node **addr, **order;

	if (!v)
		return -ENOMEM;
	b->v = v;
	/* Twice as many as there are bans: each one in a chain is a cache miss. */
	addr = calloc(cap * 2, sizeof(*addr));
	order = calloc(cap * 2, sizeof(*order));
	if (!addr || !order) {
		free(addr);
		free(order);
		return -ENOMEM;
	}
	free(b->addr);
	free(b->order);
	b->addr = addr;
	b->order = order;
	b->cap = cap;
	b->buckets = cap * 2;
	for (size_t i = 0; i < b->n; i++)
		link_node(b, b->v[i]);
	return 0;
}

struct ban *bans_find(struct bans *b, const struct addr *a, uint16_t scope)
{
	if (b->n == 0)
		return NULL;
	for (struct node *n = b->addr[addr_bucket(b, a, scope)]; n; n = n->by_addr)
		if (n->ban.scope == scope && memcmp(&n->ban.addr, a, sizeof(*a)) == 0)
			return &n->ban;
	return NULL;
}

struct ban *bans_by_order(struct bans *b, uint64_t order)
{
	if (b->n == 0)
		return NULL;
	for (struct node *n = b->order[order_bucket(b, order)]; n; n = n->by_order)
		if (n->ban.order == order)
			return &n->ban;
	return NULL;
}

void bans_remove(struct bans *b, struct ban *ban)
{
	struct node *n = (struct node *)ban;

	unlink_node(b, n);
	b->v[n->slot] = b->v[--b->n];
	b->v[n->slot]->slot = n->slot;
	free(n->ban.reason);
	free(n);
}

int bans_put(struct bans *b, const struct ban *ban, struct ban **ret)
{
	struct ban *old = bans_find(b, &ban->addr, ban->scope);
	char *reason = ban->reason ? strdup(ban->reason) : NULL;
	struct node *n;

	if (ban->reason && !reason)
		return -ENOMEM;
	if (old)
		bans_remove(b, old);
	if (b->n >= b->sweep_at) {
		bans_expire(b, (struct wall){ ban->since_ms });
		b->sweep_at = b->n * 2 + 1024;
	}
	n = b->n == b->cap && grow(b) < 0 ? NULL : malloc(sizeof(*n));
	if (!n) {
		free(reason);
		return -ENOMEM;
	}
	n->ban = *ban;
	n->ban.reason = reason;
	n->slot = b->n;
	b->v[b->n++] = n;
	link_node(b, n);
	*ret = &n->ban;
	return 0;
}

void bans_rename(struct bans *b, struct ban *ban, const struct addr *to)
{
	struct ban *there = bans_find(b, to, ban->scope);
	struct node *n = (struct node *)ban;

	if (there == ban)
		return;
	if (there)
		bans_remove(b, there);
	unlink_node(b, n);
	n->ban.addr = *to;
	link_node(b, n);
}

struct ban *bans_next(struct bans *b, size_t *at)
{
	return *at < b->n ? &b->v[(*at)++]->ban : NULL;
}

size_t bans_count(const struct bans *b)
{
	return b->n;
}

void bans_expire(struct bans *b, struct wall now)
{
	for (size_t i = 0; i < b->n;) {
		if (b->v[i]->ban.until_ms <= now.ms)
			bans_remove(b, &b->v[i]->ban);
		else
			i++;
	}
}
