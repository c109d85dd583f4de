/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conditions of a jail: when it is active, and what must be so of the account
 * that a hit is about.
 */
#include <ctype.h>
#include <strings.h>

#include "config/loader.h"

static const char days[][4] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* A day's number at *text, which moves past it; -1: none. */
static int day_at(const char **text)
{
	for (int i = 0; i < 7; i++)
		if (strncasecmp(*text, days[i], 3) == 0) {
			*text += 3;
			return i;
		}
	return -1;
}

/* "mon" or "sat-mon" as bits; 0: neither. */
static uint8_t days_of(const char *text)
{
	int from = day_at(&text), to = from;
	uint8_t bits = 0;

	if (from >= 0 && *text == '-') {
		text++;
		to = day_at(&text);
	}
	if (from < 0 || to < 0 || *text)
		return 0;
	for (int i = from;; i = (i + 1) % 7) {
		bits |= (uint8_t)(1 << i);
		if (i == to)
			return bits;
	}
}

/* "08:00" as minutes at *text, which moves past it; -1: none. */
static int time_at(const char **text)
{
	const char *t = *text;
	int minutes;

	for (int i = 0; i < 5; i++)
		if (i == 2 ? t[i] != ':' : !isdigit((unsigned char)t[i]))
			return -1;
	minutes = ((t[0] - '0') * 10 + t[1] - '0') * 60 + (t[3] - '0') * 10 + t[4] - '0';
	*text += 5;
	return t[3] > '5' || minutes > DAY_MINUTES ? -1 : minutes;
}

static bool hours_of(const char *text, struct active *ret)
{
	int from = time_at(&text), to = -1;

	if (from >= 0 && *text == '-') {
		text++;
		to = time_at(&text);
	}
	if (from < 0 || to < 0 || *text || from == DAY_MINUTES || from == to)
		return false;
	ret->from = (uint16_t)from;
	ret->to = (uint16_t)to;
	return true;
}

static void take_active(struct loader *l, const struct active_draft *d, const struct node *map,
			struct active *ret)
{
	const struct node *n = node_get(node_get(map, "active"), "days");

	if (!d->days.n && !d->hours) {
		complain(l, loader_at(map, "active", ""), "'active' takes {days: mon-fri, hours: '08:00-18:00'}");
		return;
	}
	*ret = (struct active){ .days = d->days.n ? 0 : 0x7f, .to = DAY_MINUTES };
	for (size_t i = 0; i < d->days.n; i++) {
		uint8_t bits = days_of(d->days.v[i]);

		if (!bits)
			complain(l, n->kind == NODE_LIST ? n->items[i]->place : n->place,
				 "'days' takes mon, tue, wed, thu, fri, sat, sun and spans as mon-fri, not '%.80s'",
				 d->days.v[i]);
		ret->days |= bits;
	}
	if (d->hours && !hours_of(d->hours, ret))
		complain(l, loader_at(map, "active", "hours"),
			 "'hours' takes a span such as '08:00-18:00', not '%.80s'", d->hours);
}

void loader_conditions(struct loader *l, const struct jail_draft *d, const struct node *map,
		       const struct captures *caps, struct jail *j)
{
	static const char *const knows[] = { "user", "ip", NULL }, *const sends[] = { "user", "sender", NULL };
	const struct node *active = node_get(map, "active");

	if (active && !node_is_null(active))
		take_active(l, &d->active, map, &j->active);
	if (j->known_good != WANT_ANY)
		loader_needs(l, caps, node_get(map, "known_good")->place, "known_good", knows);
	if (j->foreign_sender != WANT_ANY)
		loader_needs(l, caps, node_get(map, "foreign_sender")->place, "foreign_sender", sends);
}
