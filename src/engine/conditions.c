/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which hits count in their jail at all: by the time of day, by what is known
 * of the account, by its class.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine/locate.h"
#include "engine/parse/zone.h"
#include "engine/passage.h"

#define DAY_S 86400

bool jail_touches_accounts(const struct jail *j)
{
	for (size_t i = 0; i < j->nthen; i++)
		if (j->then[i].kind >= ACTION_PARK && j->then[i].kind <= ACTION_CONTAIN)
			return true;
	return false;
}

bool jail_counts_successes(const struct jail *j)
{
	if (j->successes != WANT_ANY)
		return j->successes == WANT_YES;
	return !j->verdicts && (jail_touches_accounts(j) || j->limit.nwith || j->foreign_sender != WANT_ANY);
}

bool jail_only_watches(const struct core *core, uint16_t jail, struct event_time when)
{
	return core->mode[jail] == MODE_SHADOW || brakes_on(core->brakes, jail) || when.ms < core->paused_until_ms;
}

struct span subject_account(const struct subject *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->part[i].type == FIELD_ACCOUNT)
			return s->part[i].text;
	return (struct span){ NULL, 0 };
}

/* ---- the time of day ---- */

int zones_load(struct core *core, struct complaints *bad)
{
	const struct config *c = core->config;
	bool asked = false;

	for (size_t i = 0; i < c->njails; i++)
		asked |= c->jails[i].active.days != 0;
	if (!asked)
		return 0;
	core->zones = calloc(c->nlogs + 1, sizeof(*core->zones));
	if (!core->zones)
		return -ENOMEM;
	for (size_t i = 0; i < c->nlogs; i++) {
		int r = zone_load(c->logs[i].timezone, &core->zones[i]);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			complaints_add(bad, c->logs[i].place, NULL, true,
				       "the zone of the log '%s' is not there: 'active' goes by UTC", c->logs[i].name);
	}
	return 0;
}

void zones_free(struct core *core)
{
	for (size_t i = 0; core->zones && i < core->config->nlogs; i++)
		zone_free(&core->zones[i]);
	free(core->zones);
	core->zones = NULL;
}

/* Monday is 0; the epoch was a Thursday. */
static unsigned weekday(int64_t days)
{
	int64_t n = (days + 3) % 7;

	return (unsigned)(n < 0 ? n + 7 : n);
}

static bool is_active(const struct passage *p, const struct active *a, struct event_time when)
{
	const struct core *core = p->core;
	const struct zone *z = core->zones && p->log < core->config->nlogs ? core->zones[p->log] : NULL;
	int64_t s, day;
	int32_t minute;

	if (a->days == 0 || core->testing)
		return true;
	s = when.ms / 1000 - (when.ms % 1000 < 0);
	s += z ? zone_offset(z, s) : 0;
	day = s / DAY_S - (s % DAY_S < 0);
	minute = (int32_t)((s - day * DAY_S) / 60);
	if (a->from < a->to)
		return minute >= a->from && minute < a->to && a->days & 1u << weekday(day);
	return (minute >= a->from && a->days & 1u << weekday(day)) ||
	       (minute < a->to && a->days & 1u << weekday(day - 1));
}

/* ---- the account ---- */

static bool is_known_good(const struct passage *p, const struct facts *f, struct event_time when)
{
	return f->from && f->user.n &&
	       networks_good(p->core->networks, f->from, f->user, when, p->core->config->accounts.known_after_ms);
}

static bool is_foreign(const struct passage *p, const struct facts *f)
{
	return sender_is_foreign(&p->core->config->accounts, f->class,
				 hit_captured(f->hit, p->core->sender), f->user);
}

static bool wanted(enum want want, bool is)
{
	return want == WANT_ANY || is == (want == WANT_YES);
}

/*
 * No jail acts on a member of such a class. That somebody tries a member's
 * password is no deed of the member's: there its address counts as any.
 */
static bool is_never(const struct facts *f, const struct subject *s)
{
	return f->class && f->class->never &&
	       (subject_account(s).n || jail_touches_accounts(f->hit->jail) || class_has_address(f->class, f->from));
}

bool conditions_meet(struct passage *p, const struct facts *f, const struct subject *s,
		     struct window_hit *w, struct bar *bar)
{
	const struct class_limit *cl = config_class_limit(f->class, w->jail);
	const struct jail *j = f->hit->jail;
	const struct limit *l = &j->limit;

	if (is_never(f, s) || (cl && cl->off) || !is_active(p, &j->active, w->when) ||
	    !locate_meets(p->core, f->hit, f->class))
		return false;
	if ((j->known_good && !wanted(j->known_good, is_known_good(p, f, w->when))) ||
	    (j->foreign_sender && !wanted(j->foreign_sender, is_foreign(p, f))))
		return false;
	*bar = cl ? class_bar(cl, l) : (struct bar){ .amount = l->amount, .alone = l->alone };
	if (l->kind == LIMIT_DISTINCT && l->value == p->core->country)
		bar->pairs = f->class;
	if (cl || bar->pairs)
		w->bar = bar;
	return true;
}
