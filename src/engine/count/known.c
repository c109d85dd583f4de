/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of addresses in sets of eight: a new address takes a free place
 * of its set, or that of the one silent longest. Accounts are kept as hashes
 * under a key that outlives the process, since snapshots hold them.
 */
#include "engine/count/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/hash.h"

#define SETS 8192
#define WAYS 8
#define ACCOUNTS 4
#define DAY_MS 86400000LL

struct success {
	uint64_t account;	/* hash; 0: free */
	int64_t first_ms, last_ms;
};

struct place {
	struct addr addr;	/* family ADDR_NONE: free */
	int64_t last_ms;
	struct success by[ACCOUNTS];
};

/* Tags are a part of the addresses' hashes: they tell which place to look at. */
struct set {
	uint16_t tag[WAYS];
	struct place place[WAYS];
};

struct known {
	struct set v[SETS];	/* pages of zeros until they are used */
	bool used[SETS];
	uint64_t forgotten;
};

int known_new(struct known **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void known_free(struct known **k)
{
	free(*k);
	*k = NULL;
}

static struct addr place_addr(const struct addr *from)
{
	return addr_group(from, 32, 64);
}

static uint16_t tag_of(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

static struct place *find(const struct known *k, const struct addr *a)
{
	uint64_t hash = hash_keyed(a, sizeof(*a));
	const struct set *set = &k->v[hash % SETS];

	for (size_t i = 0; i < WAYS; i++)
		if (set->tag[i] == tag_of(hash) && addr_equal(&set->place[i].addr, a))
			return (struct place *)&set->place[i];
	return NULL;
}

static struct place *make(struct known *k, const struct addr *a)
{
	uint64_t hash = hash_keyed(a, sizeof(*a));
	struct set *set = &k->v[hash % SETS];
	struct place *oldest = set->place;

	for (size_t i = 1; i < WAYS; i++)
		if (set->place[i].last_ms < oldest->last_ms)
			oldest = &set->place[i];
	k->forgotten += oldest->addr.family != ADDR_NONE;
	*oldest = (struct place){ .addr = *a };
	set->tag[oldest - set->place] = tag_of(hash);
	k->used[hash % SETS] = true;
	return oldest;
}

void known_add(struct known *k, const struct addr *from, struct span account,
	       struct event_time when)
{
	uint64_t hash = hash_fixed(account.p, account.n) | 1;
	struct addr a = place_addr(from);
	struct place *p = find(k, &a);
	struct success *s;

	if (!p)
		p = make(k, &a);
	s = &p->by[0];
	for (size_t i = 0; i < ACCOUNTS; i++) {
		if (p->by[i].account == hash) {
			s = &p->by[i];
			break;
		}
		if (p->by[i].last_ms < s->last_ms)
			s = &p->by[i];
	}
	if (s->account != hash)
		*s = (struct success){ .account = hash, .first_ms = when.ms };
	s->last_ms = p->last_ms = when.ms;
}

enum known_as known_ask(const struct known *k, const struct addr *from,
			struct span account, struct event_time now)
{
	uint64_t hash = hash_fixed(account.p, account.n) | 1;
	struct addr a = place_addr(from);
	const struct place *p = find(k, &a);
	enum known_as as = KNOWN_NOT;

	for (size_t i = 0; p && i < ACCOUNTS; i++) {
		const struct success *s = &p->by[i];

		if (s->account == hash && s->first_ms <= now.ms - DAY_MS)
			return KNOWN_OWN;
		if (s->account && s->account != hash && s->last_ms >= now.ms - DAY_MS)
			as = KNOWN_OTHERS;
	}
	return as;
}

bool known_has(const struct known *k, const struct addr *from, struct span account)
{
	uint64_t hash = hash_fixed(account.p, account.n) | 1;
	struct addr a = place_addr(from);
	const struct place *p = find(k, &a);

	for (size_t i = 0; p && i < ACCOUNTS; i++)
		if (p->by[i].account == hash)
			return true;
	return false;
}

uint64_t known_forgotten(const struct known *k)
{
	return k->forgotten;
}

void known_save(const struct known *k, struct buf *out)
{
	for (size_t i = 0; i < SETS; i++)
		for (size_t w = 0; k->used[i] && w < WAYS; w++)
			if (k->v[i].place[w].addr.family != ADDR_NONE)
				buf_put(out, &k->v[i].place[w], sizeof(k->v[i].place[w]));
}

int known_restore(struct known *k, struct reader *in)
{
	struct place saved, *p;

	while (in->at < in->n) {
		struct span s = reader_bytes(in, sizeof(saved));

		if (in->error)
			return in->error;
		memcpy(&saved, s.p, sizeof(saved));
		if (saved.addr.family != ADDR_V4 && saved.addr.family != ADDR_V6)
			return -EBADMSG;
		p = find(k, &saved.addr);
		if (!p)
			p = make(k, &saved.addr);
		*p = saved;
	}
	return 0;
}
