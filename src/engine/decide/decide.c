/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision itself, pure: a crossed limit, the jail's actions and the
 * number of earlier verdicts give what follows and for how long. No clock, no
 * table, no I/O, so that replay and live cannot come to differ here.
 */
#include <string.h>

#include "engine/decide/decide.h"

#define FOR_MAX_MS (100 * 366 * 86400000ll)	/* beyond it only "for good" */

enum lasting {
	LASTS_NOT,	/* done and over */
	LASTS_FOR,	/* as long as `for` says, for good without */
	LASTS_OPEN,	/* until the incident is closed */
};

static const enum lasting lasting[] = {
	[ACTION_BAN] = LASTS_FOR,
	[ACTION_PARK] = LASTS_FOR,
	[ACTION_DENY] = LASTS_FOR,
	[ACTION_LOCK] = LASTS_OPEN,
	[ACTION_KICK] = LASTS_OPEN,
	[ACTION_HOLD] = LASTS_OPEN,
	[ACTION_CONTAIN] = LASTS_OPEN,
	[ACTION_NOTIFY] = LASTS_NOT,
	[ACTION_RUN] = LASTS_NOT,
};

static int64_t add_ms(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* for * grow^earlier, at most max. */
static int64_t grown(const struct action *a, unsigned earlier)
{
	int64_t max = a->max_ms > 0 ? a->max_ms : FOR_MAX_MS;
	double ms = (double)a->for_ms;

	if (a->for_ms <= 0)
		return 0;
	if (a->grow > 1)
		for (; earlier > 0 && ms < (double)max; earlier--)
			ms *= a->grow;
	return ms < (double)max ? (int64_t)ms : max;
}

void decide(const struct jail *j, const struct tally *t, unsigned earlier,
	    struct event_time when, bool watched, struct verdict *ret)
{
	int64_t quiet_ms = 0;
	bool open = false;

	memset(ret, 0, sizeof(*ret));
	ret->jail = j;
	ret->when = when;
	ret->amount = t->amount;
	ret->with = t->with;
	ret->part = t->part;
	ret->earlier = earlier;
	for (size_t i = 0; i < j->nthen && i < DECIDE_MAX_ACTIONS; i++) {
		struct decided *d = &ret->action[ret->nactions++];
		enum lasting l = lasting[j->then[i].kind];

		d->action = &j->then[i];
		if (l == LASTS_FOR)
			d->for_ms = grown(d->action, earlier);
		if (l == LASTS_OPEN || (l == LASTS_FOR && d->for_ms == 0))
			open = true;
		if (d->for_ms > quiet_ms)
			quiet_ms = d->for_ms;
	}
	if (quiet_ms == 0)
		quiet_ms = j->limit.within_ms;
	if (quiet_ms < j->again_ms)
		quiet_ms = j->again_ms;
	ret->until.ms = open ? INT64_MAX : add_ms(when.ms, quiet_ms);
	if (watched)
		decide_shadow(ret);
}

void decide_shadow(struct verdict *v)
{
	v->shadow = true;
	if (v->until.ms == INT64_MAX)
		v->until.ms = UNTIL_WATCHED;
}

int64_t decide_remember_ms(const struct jail *j)
{
	int64_t longest = 0;

	for (size_t i = 0; i < j->nthen; i++) {
		const struct action *a = &j->then[i];
		int64_t max = a->max_ms > 0 ? a->max_ms : a->for_ms;
		int64_t ms = a->remember_ms;

		if (lasting[a->kind] != LASTS_FOR)
			continue;
		if (ms <= 0)
			ms = max < INT64_MAX / 4 ? 4 * max : INT64_MAX;
		if (ms > longest)
			longest = ms;
	}
	return longest;
}
