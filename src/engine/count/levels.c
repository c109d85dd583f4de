/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A short table that is searched from end to end: few subjects are ever too
 * high, a line of a gauge comes once in a while. A subject is the hash of its
 * jail's name and its key, so that a snapshot needs no more.
 */
#include "engine/count/levels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "bailiff/subject.h"

#define LEVELS_MAX 4096

struct level {
	uint64_t who;
	int64_t when_ms;	/* of the newest number that mattered */
	bool high;
};

struct levels {
	const struct config *config;
	size_t n;
	struct level v[LEVELS_MAX];
	uint64_t forgotten;
};

int levels_new(const struct config *c, struct levels **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->config = c;
	return 0;
}

void levels_free(struct levels **l)
{
	free(*l);
	*l = NULL;
}

static uint64_t who(const struct levels *l, uint16_t jail, struct span key)
{
	struct span name = span_of(l->config->jails[jail].name);
	char text[SUBJECT_KEY_MAX + 256];
	size_t n = name.n < 255 ? name.n : 255, k = key.n < SUBJECT_KEY_MAX ? key.n : SUBJECT_KEY_MAX;

	memcpy(text, name.p, n);
	text[n] = 0;
	if (k)
		memcpy(text + n + 1, key.p, k);
	return hash_fixed(text, n + 1 + k);
}

static struct level *find(const struct levels *l, uint64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].who == id)
			return (struct level *)&l->v[i];
	return NULL;
}

static struct level *make(struct levels *l, uint64_t id)
{
	struct level *worst = &l->v[0];

	if (l->n < LEVELS_MAX) {
		worst = &l->v[l->n++];
	} else {
		for (size_t i = 1; i < l->n; i++)
			if (l->v[i].high != worst->high ? worst->high : l->v[i].when_ms < worst->when_ms)
				worst = &l->v[i];
		l->forgotten += worst->high;
	}
	*worst = (struct level){ .who = id, .when_ms = INT64_MIN };
	return worst;
}

bool levels_add(struct levels *l, uint16_t jail, struct span key, struct event_time when,
		uint64_t value, uint64_t over, uint64_t under)
{
	uint64_t id = who(l, jail, key);
	struct level *v = find(l, id);

	if (!v && value > over)
		v = make(l, id);
	if (!v || when.ms < v->when_ms)
		return false;
	v->when_ms = when.ms;
	if (v->high) {
		v->high = value >= under;
		return false;
	}
	v->high = value > over;
	return v->high;
}

void levels_clear(struct levels *l, uint16_t jail, struct span key)
{
	struct level *v = find(l, who(l, jail, key));

	if (v)
		v->high = false;
}

uint64_t levels_forgotten(const struct levels *l)
{
	return l->forgotten;
}

void levels_save(const struct levels *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_put_u64(out, l->v[i].who);
		buf_put_u64(out, (uint64_t)l->v[i].when_ms);
		buf_put_u8(out, l->v[i].high);
	}
}

int levels_restore(struct levels *l, struct reader *in)
{
	while (!in->error && in->at < in->n) {
		uint64_t id = reader_u64(in);
		int64_t when = (int64_t)reader_u64(in);
		uint8_t high = reader_u8(in);
		struct level *v;

		if (in->error || high > 1)
			return -EBADMSG;
		v = find(l, id);
		if (!v)
			v = make(l, id);
		v->when_ms = when;
		v->high = high;
	}
	return in->error ? -EBADMSG : 0;
}
