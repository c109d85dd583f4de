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

bool brakes_count(struct brakes *b, uint16_t jail, struct event_time when)
{
	const struct brake *conf = &b->config->jails[jail].brake;
	struct brake_state *s = &b->jail[jail];
	int64_t newest;
	uint32_t max;

	if (conf->bans == 0 || s->on)
		return false;
	max = conf->bans < BANS_MAX ? conf->bans + 1 : BANS_MAX + 1;
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
