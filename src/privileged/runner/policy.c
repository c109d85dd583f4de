/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which accounts may be touched, how many, and how often, by root's own copy of
 * the configuration and the journal, whatever bailiffd and the engine believe:
 * who has captured them may at most lock max_per_hour ordinary accounts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/account.h"
#include "privileged/runner/job.h"
#include "wire/order.h"

#define HOUR_MS 3600000

/* What containing one account takes at most, and several jails may do it at once. */
#define HOLDS_AN_ACCOUNT 128	/* two of the largest that the engine makes: 204,800 messages */
#define LOOKS_AN_ACCOUNT 16	/* at each leftover */
#define PARKS_AN_ACCOUNT 10	/* a park loses nothing: so many accounts for each that may be touched */

/* Protected by hand: a PROTECT order that was not taken back. */
static bool protected_by_hand(const struct runner *r, const char *name, const char *unix_name)
{
	for (size_t i = 0; i < logbook_count(r->journal); i++) {
		const struct logbook_entry *e = logbook_at(r->journal, i);

		if (e->type == ORDER_PROTECT && e->phase == LOGBOOK_ENDED &&
		    e->status == OUTCOME_DONE &&
		    (strcmp(e->name, name) == 0 ||
		     (unix_name[0] && strcmp(e->unix_name, unix_name) == 0)))
			return true;
	}
	return false;
}

/* Parks are what is left when the rate is reached: they count for parks alone. */
static bool touches(const struct logbook_entry *e, uint16_t type, int64_t now)
{
	return (e->type == ORDER_LOCK || e->type == ORDER_DENY || (e->type == ORDER_PARK && type == ORDER_PARK) ||
		e->type == ORDER_KICK || e->type == ORDER_HOLD ||
		(e->type == ORDER_RUN && e->name[0])) && llabs(now - e->at_ms) < HOUR_MS;
}

/* Would `name` be one account more than max_per_hour within this hour? */
static bool over_rate(const struct runner *r, uint16_t type, const char *name)
{
	size_t most = (size_t)r->config->accounts.max_per_hour * (type == ORDER_PARK ? PARKS_AN_ACCOUNT : 1);
	size_t n = 0, count = logbook_count(r->journal);
	_cleanup_(free_ptr) const char **seen = calloc(count + 1, sizeof(*seen));
	int64_t now = clock_wall().ms;

	if (!seen)
		return true;
	for (size_t i = 0; i < count && n < most; i++) {
		const struct logbook_entry *e = logbook_at(r->journal, i);
		size_t k = 0;

		if (!touches(e, type, now) || strcmp(e->name, name) == 0)
			continue;
		while (k < n && strcmp(seen[k], e->name) != 0)
			k++;
		if (k == n)
			seen[n++] = e->name;
	}
	return n >= most;
}

int policy_account(const struct runner *r, uint16_t type, const char *canonical, bool must_exist,
		   bool again, char *why)
{
	const struct accounts *a = &r->config->accounts;
	char unix_name[LOGBOOK_UNIX_MAX] = "";
	uid_t uid;
	int ret = account_unix_name(a, canonical, unix_name, sizeof(unix_name));

	if (ret < 0) {
		unix_name[0] = 0;	/* too long is no Unix name either */
		ret = -ENOENT;
	} else {
		ret = account_uid(unix_name, &uid);
	}
	if (account_is_protected(a, canonical) || protected_by_hand(r, canonical, unix_name)) {
		snprintf(why, TEMPLATE_WHY_MAX, "%.60s is protected", canonical);
		return -EPERM;
	}
	if (ret < 0 && (must_exist || ret != -ENOENT)) {
		snprintf(why, TEMPLATE_WHY_MAX, "%.60s: %s", canonical, !unix_name[0] ?
			 "not a Unix account" : ret == -ENOENT ? "no such user" : strerror(-ret));
		return ret == -ENOENT ? ret : -EPERM;
	}
	if (ret == 0 && (uid < a->min_uid || uid == 0)) {
		snprintf(why, TEMPLATE_WHY_MAX, "%.50s: uid %u is below min_uid %u", canonical,
			 (unsigned)uid, (unsigned)a->min_uid);
		return -EPERM;
	}
	if (!again && over_rate(r, type, canonical)) {
		snprintf(why, TEMPLATE_WHY_MAX, "%.40s: max_per_hour of %u accounts is reached",
			 canonical, (unsigned)a->max_per_hour);
		return -EDQUOT;
	}
	return 0;
}

/* Orders of the type within an hour; -1: its accounts are what bounds it. */
static int64_t most_an_hour(const struct accounts *a, uint16_t type)
{
	switch (type) {
	case ORDER_HOLD:
		return (int64_t)a->max_per_hour * HOLDS_AN_ACCOUNT;
	case ORDER_LOOK:
		return (int64_t)a->max_per_hour * LOOKS_AN_ACCOUNT * (int64_t)(a->leftovers.n + ORDER_LOOK_MORE);
	default:
		return -1;
	}
}

/* A bucket that an hour fills: one number tells how much is in it. */
static bool take(struct order_rate *rate, int64_t most)
{
	int64_t now = clock_mono().ms, cost = most > 0 ? HOUR_MS / most : 0;
	int64_t used = rate->used_ms > now ? rate->used_ms : now;

	cost += cost == 0;
	if (most <= 0 || used + cost - now > HOUR_MS)
		return false;
	rate->used_ms = used + cost;
	return true;
}

int policy_rate(struct runner *r, uint16_t type, char *why)
{
	int64_t most = most_an_hour(&r->config->accounts, type);
	struct order_rate *rate = &r->rates[type];

	if (most < 0)
		return 0;
	if (take(rate, most)) {
		if (rate->refused)
			log_warning("%s orders are taken again, refused=%llu", order_name(type),
				    (unsigned long long)rate->refused);
		rate->refused = 0;
		return 0;
	}
	snprintf(why, TEMPLATE_WHY_MAX, "more than %lld %s orders of jails within the hour", (long long)most,
		 order_name(type));
	if (rate->refused++ == 0)
		log_err("refused order=%s: %s", order_name(type), why);
	return -EPERM;
}
