/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of queue ids in sets of eight; a new id takes a free place of
 * its set, or that of the oldest. Accounts are kept as hashes under a key that
 * outlives the process, since snapshots hold them. Nothing is taken out when a
 * message leaves: an id that is no longer queued costs its place and no more.
 */
#include "engine/count/submitted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SETS 16384
#define WAYS 8
#define SEEN_BITS (1u << 20)

/*
 * A message's arrival is the time of its MAIL FROM, its line is written at the
 * first RCPT, for which a client may take its time (smtpd_timeout, 300 s).
 */
#define BEFORE_S 600
#define AFTER_S 10

struct message {
	uint64_t account;	/* hash; 0: free */
	uint32_t instance;	/* hash */
	uint32_t from_s, to_s;
	uint16_t trusted, joined;
	char id[ORDER_QUEUE_ID_MAX];
};
_Static_assert(sizeof(struct message) == 48, "message");

/* Tags are a part of the ids' hashes: they tell which message to look at. */
struct set {
	uint16_t tag[WAYS];
	struct message v[WAYS];
};

struct submitted {
	struct set v[SETS];		/* pages of zeros until they are used */
	bool used[SETS];
	uint64_t forgotten;
	uint8_t seen[SEEN_BITS / 8];	/* by a hash of the id: never had, if the bit is 0 */
};

int submitted_new(struct submitted **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void submitted_free(struct submitted **s)
{
	free(*s);
	*s = NULL;
}

static uint64_t hash_of(struct span account)
{
	return hash_fixed(account.p, account.n) | 1;
}

/* false: no queue id of Postfix's. */
static bool take_id(struct span id, char ret[ORDER_QUEUE_ID_MAX])
{
	memset(ret, 0, ORDER_QUEUE_ID_MAX);
	if (id.n == 0 || id.n >= ORDER_QUEUE_ID_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!(id.p[i] >= '0' && id.p[i] <= '9') && !((id.p[i] | 32) >= 'a' && (id.p[i] | 32) <= 'z'))
			return false;
	memcpy(ret, id.p, id.n);
	return true;
}

static struct set *set_of(const struct submitted *s, const char id[ORDER_QUEUE_ID_MAX])
{
	return (struct set *)&s->v[hash_keyed(id, ORDER_QUEUE_ID_MAX) % SETS];
}

static uint16_t tag_of(uint64_t hash)
{
	return (uint16_t)hash;
}

static size_t bit_of(uint64_t hash)
{
	return hash >> 16 & (SEEN_BITS - 1);
}

/* The next message of that id from place i on, of whatever instance; WAYS if there is none. */
static size_t next_of(const struct set *set, size_t i, uint64_t hash, const char id[ORDER_QUEUE_ID_MAX])
{
	for (; i < WAYS; i++)
		if (set->tag[i] == tag_of(hash) && set->v[i].account && strcmp(set->v[i].id, id) == 0)
			break;
	return i;
}

static struct message *find(const struct submitted *s, uint32_t instance, const char id[ORDER_QUEUE_ID_MAX])
{
	uint64_t hash = hash_quick(id, strlen(id));
	struct set *set = set_of(s, id);
	size_t i = next_of(set, 0, hash, id);

	while (i < WAYS && set->v[i].instance != instance)
		i = next_of(set, i + 1, hash, id);
	return i < WAYS ? &set->v[i] : NULL;
}

bool submitted_knows(const struct submitted *s, struct span id)
{
	uint64_t hash = hash_quick(id.p, id.n);
	char name[ORDER_QUEUE_ID_MAX];
	size_t bit = bit_of(hash);

	if (!(s->seen[bit / 8] >> (bit % 8) & 1) || !take_id(id, name))
		return false;
	return next_of(set_of(s, name), 0, hash, name) < WAYS;
}

static struct message *make(struct submitted *s, const char id[ORDER_QUEUE_ID_MAX])
{
	uint64_t hash = hash_quick(id, strlen(id));
	struct set *set = set_of(s, id);
	size_t oldest = 0;

	for (size_t i = 1; i < WAYS; i++)
		if (set->v[i].to_s < set->v[oldest].to_s)
			oldest = i;
	s->forgotten += set->v[oldest].account != 0;
	s->seen[bit_of(hash) / 8] |= (uint8_t)(1u << (bit_of(hash) % 8));
	set->tag[oldest] = tag_of(hash);
	s->used[set - s->v] = true;
	return &set->v[oldest];
}

static uint32_t seconds(int64_t ms, int64_t add_s)
{
	int64_t s = ms / 1000 + add_s;

	return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

void submitted_add(struct submitted *s, struct span instance, struct span id, struct span account,
		   struct event_time when, bool trusted)
{
	uint32_t inst = (uint32_t)hash_fixed(instance.p, instance.n);
	char name[ORDER_QUEUE_ID_MAX];
	struct message *m;

	if (!take_id(id, name))
		return;
	m = find(s, inst, name);
	if (!m)
		m = make(s, name);
	*m = (struct message){
		.account = hash_of(account), .instance = inst, .trusted = trusted,
		.from_s = seconds(when.ms, -BEFORE_S), .to_s = seconds(when.ms, AFTER_S),
	};
	memcpy(m->id, name, sizeof(name));
}

void submitted_join(struct submitted *s, struct span instance, struct span id, struct span id2,
		    struct event_time when)
{
	uint32_t inst = (uint32_t)hash_fixed(instance.p, instance.n);
	char one[ORDER_QUEUE_ID_MAX], two[ORDER_QUEUE_ID_MAX];
	struct message *first, *second, copy;

	if (!take_id(id, one) || !take_id(id2, two))
		return;
	first = find(s, inst, one);
	second = find(s, inst, two);
	if (!first || (second && !second->joined && second->to_s >= first->from_s))
		return;
	copy = *first;
	if (!second)
		second = make(s, two);
	copy.joined = 1;
	copy.to_s = seconds(when.ms, AFTER_S);
	*second = copy;
	memcpy(second->id, two, sizeof(two));
}

/* A second id may be another instance's: the filter handed it on to wherever it liked. */
static uint32_t instance_of(const struct message *m)
{
	return m->joined ? 0 : m->instance;
}

size_t submitted_of(const struct submitted *s, struct span account, bool all,
		    struct queued *ret, size_t max)
{
	uint64_t hash = hash_of(account);
	size_t n = 0;

	for (size_t i = 0; i < SETS; i++)
		for (size_t w = 0; s->used[i] && w < WAYS && n < max; w++) {
			const struct message *m = &s->v[i].v[w];

			if (m->account != hash || !(m->trusted || all))
				continue;
			memcpy(ret[n].id, m->id, sizeof(m->id));
			ret[n].from_s = m->from_s;
			ret[n].to_s = m->to_s;
			ret[n].name = instance_of(m);
			ret[n].home = 0;
			n++;
		}
	return n;
}

bool submitted_by(const struct submitted *s, struct span account, const char *id, int64_t arrival_s,
		  const uint32_t *others, size_t n)
{
	char name[ORDER_QUEUE_ID_MAX];
	uint64_t hash = hash_of(account);
	const struct set *set;

	if (!take_id(span_of(id), name))
		return false;
	set = set_of(s, name);
	for (size_t w = 0; w < WAYS; w++) {
		const struct message *m = &set->v[w];
		size_t i = 0;

		if (m->account != hash || strcmp(m->id, name) != 0 || arrival_s < m->from_s || arrival_s > m->to_s)
			continue;
		while (i < n && (m->joined || m->instance != others[i]))
			i++;
		if (i == n)
			return true;
	}
	return false;
}

uint64_t submitted_forgotten(const struct submitted *s)
{
	return s->forgotten;
}

void submitted_save(const struct submitted *s, struct buf *out)
{
	for (size_t i = 0; i < SETS; i++)
		for (size_t w = 0; s->used[i] && w < WAYS; w++)
			if (s->v[i].v[w].account)
				buf_put(out, &s->v[i].v[w], sizeof(s->v[i].v[w]));
}

int submitted_restore(struct submitted *s, struct reader *in)
{
	char id[ORDER_QUEUE_ID_MAX];

	while (in->at < in->n) {
		struct span bytes = reader_bytes(in, sizeof(struct message));
		struct message saved;

		if (in->error)
			return in->error;
		memcpy(&saved, bytes.p, sizeof(saved));
		if (saved.account == 0 || !memchr(saved.id, 0, sizeof(saved.id)) ||
		    !take_id(span_of(saved.id), id))
			return -EBADMSG;
		*make(s, id) = saved;
	}
	return 0;
}
