/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The brake of a jail that suddenly bans everybody, as reverse-lookup jails
 * do while the resolver is down. For each braked jail the times of its latest
 * bans, as many as it may have within the span; one more, and it is on until
 * an admin releases it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/decide/decide.h"

#define BANS_MAX 100000		/* of a brake; more is as good as none */

struct brake_state {
	int64_t *when;		/* of the latest bans, sorted; made when needed */
	uint32_t n;
	bool on;
};

struct brakes {
	const struct config *config;
	struct brake_state *jail;
};

int brakes_new(const struct config *c, struct brakes **ret)
{
	struct brakes *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->config = c;
	b->jail = calloc(c->njails ? c->njails : 1, sizeof(b->jail[0]));
	if (!b->jail) {
		free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void brakes_free(struct brakes **b)
{
	if (!*b)
		return;
	for (size_t i = 0; i < (*b)->config->njails; i++)
		free((*b)->jail[i].when);
	free((*b)->jail);
	free(*b);
	*b = NULL;
}

/* Add a time; those before `since` go. There is room while it isn't on. */
static void add(struct brake_state *s, int64_t when, int64_t since)
{
	uint32_t old = 0, i;

	while (old < s->n && s->when[old] < since)
		old++;
	s->n -= old;
	if (old)
		memmove(s->when, s->when + old, s->n * sizeof(s->when[0]));
	for (i = s->n; i > 0 && s->when[i - 1] > when; i--)
		s->when[i] = s->when[i - 1];
	s->when[i] = when;
	s->n++;
}

/* How many times are kept; 0: it has no brake. */
static uint32_t size_of(const struct brakes *b, size_t jail)
{
	uint32_t bans = b->config->jails[jail].brake.bans;

	return bans == 0 ? 0 : bans < BANS_MAX ? bans + 1 : BANS_MAX + 1;
}

bool brakes_count(struct brakes *b, uint16_t jail, struct event_time when)
{
	const struct brake *conf = &b->config->jails[jail].brake;
	struct brake_state *s = &b->jail[jail];
	uint32_t max = size_of(b, jail);
	int64_t newest;

	if (max == 0 || s->on)
		return false;
	if (!s->when)
		s->when = malloc(max * sizeof(s->when[0]));
	if (!s->when)
		return false;
	newest = s->n && s->when[s->n - 1] > when.ms ? s->when[s->n - 1] : when.ms;
	add(s, when.ms, newest - conf->within_ms);
	s->on = s->n == max;
	return s->on;
}

bool brakes_on(const struct brakes *b, uint16_t jail)
{
	return b->jail[jail].on;
}

void brakes_release(struct brakes *b, uint16_t jail)
{
	b->jail[jail].on = false;
	b->jail[jail].n = 0;
}

void brakes_save(const struct brakes *b, struct buf *out)
{
	for (size_t i = 0; i < b->config->njails; i++) {
		const struct brake_state *s = &b->jail[i];

		if (!s->on && s->n == 0)
			continue;
		buf_put_span(out, span_of(b->config->jails[i].name));
		buf_put_u8(out, s->on);
		buf_put_u32(out, s->n);
		for (uint32_t k = 0; k < s->n; k++)
			buf_put_u64(out, (uint64_t)s->when[k]);
	}
}

static size_t jail_of(const struct brakes *b, struct span name)
{
	size_t i = 0;

	while (i < b->config->njails && !span_eq(span_of(b->config->jails[i].name), name))
		i++;
	return i;
}

int brakes_restore(struct brakes *b, struct reader *in)
{
	while (in->at < in->n) {
		size_t jail = jail_of(b, reader_span(in));
		bool on = reader_u8(in);
		uint32_t n = reader_u32(in);
		uint32_t max = jail < b->config->njails ? size_of(b, jail) : 0;
		struct brake_state *s = max ? &b->jail[jail] : NULL;

		if (s && !s->when)
			s->when = malloc(max * sizeof(s->when[0]));
		if (s && !s->when)
			return -ENOMEM;
		if (s)
			s->on = on;
		for (uint32_t k = 0; k < n && !in->error; k++) {
			int64_t when = (int64_t)reader_u64(in);

			/* There is room for one more than may pass, and the newest count. */
			if (s && !in->error && n - k < max)
				s->when[s->n++] = when;
		}
		if (in->error)
			return -EBADMSG;
	}
	return 0;
}
