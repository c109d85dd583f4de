/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of (account, network) in sets of eight; a new pair takes a free
 * place of its set, one that is older than the memory, or that of the pair
 * silent longest. Pairs are kept as hashes under a key that outlives the
 * process, since snapshots hold them.
 */
#include "engine/count/networks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bailiff/subject.h"
#include "base/addr.h"
#include "base/hash.h"

#define SETS 16384
#define WAYS 8
#define ACCOUNT_KEPT SUBJECT_TEXT_MAX	/* no canonical account is longer */

struct stay {
	int64_t first_ms, last_ms;
};

/* Pairs beside each other: a look at one cache line tells. */
struct set {
	uint64_t pair[WAYS];	/* hash; 0: free */
	struct stay stay[WAYS];
};

struct networks {
	struct set v[SETS];	/* pages of zeros until they are used */
	bool used[SETS];
	bool any;		/* a pair was ever made */
	uint64_t last_pair;	/* found last: the jails of a line ask for the same; 0: none */
	struct stay *last;
	uint64_t forgotten;
};

int networks_new(struct networks **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void networks_free(struct networks **n)
{
	free(*n);
	*n = NULL;
}

static uint64_t hash_of_pair(const struct addr *net, struct span account)
{
	char both[sizeof(*net) + ACCOUNT_KEPT];

	memcpy(both, net, sizeof(*net));
	memcpy(both + sizeof(*net), account.p, account.n);
	return hash_fixed(both, sizeof(*net) + account.n) | 1;
}

/* Jails ask for the pair of one line one after the other: the last answer is kept. */
static uint64_t pair_of(const struct addr *from, struct span account)
{
	static _Thread_local struct {
		struct addr net;
		size_t n;
		uint64_t pair;
		char account[ACCOUNT_KEPT];
	} last;
	struct addr net = addr_group(from, 24, 48);

	if (account.n > ACCOUNT_KEPT)
		account.n = ACCOUNT_KEPT;
	if (account.n != last.n || memcmp(account.p, last.account, account.n) != 0 ||
	    memcmp(&net, &last.net, sizeof(net)) != 0) {
		last.net = net;
		last.n = account.n;
		memcpy(last.account, account.p, account.n);
		last.pair = hash_of_pair(&net, account);
	}
	return last.pair;
}

static struct stay *find(struct networks *n, uint64_t pair)
{
	struct set *set;

	if (n->last_pair == pair)
		return n->last;
	set = &n->v[pair / 2 % SETS];
	for (size_t i = 0; i < WAYS; i++)
		if (set->pair[i] == pair) {
			n->last_pair = pair;
			return n->last = &set->stay[i];
		}
	return NULL;
}

/* The place for one more: a free one, or that of the pair silent longest. */
static size_t place_in(const struct set *set)
{
	size_t best = 0;

	for (size_t i = 1; i < WAYS && set->pair[best]; i++)
		if (!set->pair[i] || set->stay[i].last_ms < set->stay[best].last_ms)
			best = i;
	return best;
}

static struct stay *make(struct networks *n, uint64_t pair, int64_t now)
{
	struct set *set = &n->v[pair / 2 % SETS];
	size_t i = place_in(set);
	struct stay *stay = &set->stay[i];

	n->any = n->used[set - n->v] = true;
	n->forgotten += set->pair[i] && stay->last_ms >= now - NETWORKS_LAST_MS;
	if (set->pair[i] == n->last_pair)
		n->last_pair = 0;
	set->pair[i] = pair;
	*stay = (struct stay){ .first_ms = now, .last_ms = now };
	return stay;
}

void networks_add(struct networks *n, const struct addr *from, struct span account,
		  struct event_time when)
{
	uint64_t pair = pair_of(from, account);
	struct stay *s = find(n, pair);

	if (!s) {
		make(n, pair, when.ms);
		return;
	}
	if (s->last_ms < when.ms - NETWORKS_LAST_MS)
		s->first_ms = when.ms;
	if (when.ms < s->first_ms)
		s->first_ms = when.ms;
	if (when.ms > s->last_ms)
		s->last_ms = when.ms;
}

bool networks_good(struct networks *n, const struct addr *from, struct span account,
		   struct event_time now, int64_t after_ms)
{
	const struct stay *s = n->any ? find(n, pair_of(from, account)) : NULL;

	return s && s->first_ms <= now.ms - after_ms && s->last_ms >= now.ms - NETWORKS_LAST_MS;
}

uint64_t networks_forgotten(const struct networks *n)
{
	return n->forgotten;
}

/* As a snapshot has it. */
struct saved {
	uint64_t pair;
	struct stay stay;
};

void networks_save(const struct networks *n, struct buf *out)
{
	for (size_t i = 0; i < SETS; i++)
		for (size_t w = 0; n->used[i] && w < WAYS; w++) {
			struct saved one = { n->v[i].pair[w], n->v[i].stay[w] };

			if (one.pair)
				buf_put(out, &one, sizeof(one));
		}
}

int networks_restore(struct networks *n, struct reader *in)
{
	while (!in->error && in->at < in->n) {
		struct span bytes = reader_bytes(in, sizeof(struct saved));
		struct saved saved;
		struct stay *s;

		if (in->error)
			break;
		memcpy(&saved, bytes.p, sizeof(saved));
		if (saved.pair == 0 || saved.stay.first_ms > saved.stay.last_ms)
			return -EBADMSG;
		s = find(n, saved.pair);
		if (!s)
			s = make(n, saved.pair, saved.stay.last_ms);
		*s = saved.stay;
	}
	return in->error ? -EBADMSG : 0;
}
