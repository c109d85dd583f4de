/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate between what the engine proposes and what the kernel and root do.
 * Every rule here reads only the sealed configuration, what admins set by
 * hand, and the kernel's view of this host; an engine in a stranger's hands
 * gets no further than a jail could have gone.
 */
#include "privileged/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "config/account.h"

/* Clocks of two processes and an order on its way: the slack of an end. */
#define UNTIL_SLACK_MS 60000

static int refuse(char why[102], const char *text)
{
	snprintf(why, 102, "%s", text);
	return -EPERM;
}

static const struct action *action_of(const struct check *c, const struct order_head *h)
{
	const struct jail *j;

	if (h->jail >= c->config->njails)
		return NULL;
	j = &c->config->jails[h->jail];
	return h->action < j->nthen ? &j->then[h->action] : NULL;
}

/* The widest prefix: by hand /8 and /32, by a jail /16 and /48. */
static bool too_wide(const struct addr *a, bool hand)
{
	if (a->family == ADDR_V4)
		return a->len < (hand ? 8 : 16);
	return a->len < (hand ? 32 : 48);
}

static int check_jail_ban(const struct check *c, const struct order_ban *o, char why[102])
{
	const struct action *act = action_of(c, &o->head);
	int64_t longest;

	if (!act)
		return refuse(why, "no such jail or action");
	if (act->kind != ACTION_BAN)
		return refuse(why, "the jail's action is no ban");
	if (o->scope != act->scope)
		return refuse(why, "not the scope of the jail's ban");
	longest = act->max_ms > act->for_ms ? act->max_ms : act->for_ms;
	if (o->until_ms > c->now.ms + longest + UNTIL_SLACK_MS)
		return refuse(why, "longer than the jail may ban");
	if (o->addr.len < (o->addr.family == ADDR_V4 ? act->v4_len : act->v6_len))
		return refuse(why, "wider than the jail may ban");
	if (addr_is_private(&o->addr) && !c->config->jails[o->head.jail].ban_private)
		return refuse(why, "a private address (ban_private: yes would allow it)");
	return 0;
}

/*
 * Added again at a start: what was set by hand, or what some jail may order,
 * be it another than it was. An engine could call anything its ledger.
 */
static int check_ledger_ban(const struct check *c, const struct order_ban *o, char why[102])
{
	struct order_ban as = *o;

	if (hand_has_ban(c->hand, &o->addr, c->config->scopes[o->scope].name, c->now))
		return 0;
	for (size_t j = 0; j < c->config->njails; j++)
		for (size_t k = 0; k < c->config->jails[j].nthen; k++) {
			as.head.jail = (uint16_t)j;
			as.head.action = (uint16_t)k;
			if (check_jail_ban(c, &as, why) == 0)
				return 0;
		}
	refuse(why, "no jail may ban like this, or not any more");
	return -ESTALE;
}

const char *check_allowed(const struct check *c, const struct addr *a, char buf[102])
{
	const struct hand_item *item;
	char text[ADDR_TEXT_MAX];
	size_t at = 0;

	for (size_t i = 0; i < c->nallowed; i++)
		if (addr_overlaps(a, &c->allowed[i])) {
			snprintf(buf, 102, "%s is allowed", addr_print(&c->allowed[i], text));
			return buf;
		}
	while ((item = hand_next(c->hand, HAND_ALLOW, c->now, &at)))
		if (addr_overlaps(a, &item->addr)) {
			snprintf(buf, 102, "%s is allowed by hand", addr_print(&item->addr, text));
			return buf;
		}
	return NULL;
}

/* What the address must not hold; NULL: nothing. Text in buf. */
static const char *protected_by(const struct check *c, const struct addr *a, char buf[102])
{
	static const char *const kinds[] = {
		[OWN_ADDRESS] = "this host's own address", [OWN_GATEWAY] = "a gateway",
		[OWN_RESOLVER] = "a resolver", [OWN_SESSION] = "the peer of a live admin session",
	};
	char text[ADDR_TEXT_MAX];
	enum own_kind kind;
	struct addr found;

	if (check_allowed(c, a, buf))
		return buf;
	kind = c->own ? own_overlaps(c->own, a, &found) : OWN_NONE;
	if (kind == OWN_NONE)
		return NULL;
	snprintf(buf, 102, "%s is %s", addr_print(&found, text), kinds[kind]);
	return buf;
}

int check_ban(const struct check *c, const struct order_ban *o,
	      struct addr *ret_addr, char why[102])
{
	bool hand = o->head.origin == ORIGIN_HAND;
	struct addr addr = o->addr;
	char buf[102];
	const char *by;
	int r;

	if (o->scope >= c->config->nscopes)
		return refuse(why, "no such scope");
	if (!addr_contains(&o->addr, &o->host))
		return refuse(why, "the prefix does not hold its host");
	/* The chain lets them in before it looks at any ban, so none would hold. */
	if (addr_is_link_local6(&o->addr))
		return refuse(why, "link-local (fe80::/10), which neighbour discovery needs: never banned");
	if (hand)
		r = check_hand(c, &o->head, why);
	else if (o->head.origin == ORIGIN_JAIL)
		r = check_jail_ban(c, o, why);
	else
		r = check_ledger_ban(c, o, why);
	if (r < 0)
		return r;
	if (o->head.origin == ORIGIN_LEDGER)
		hand = hand_has_ban(c->hand, &o->addr, c->config->scopes[o->scope].name, c->now);
	if (too_wide(&o->addr, hand))
		return refuse(why, hand ? "wider than /8 (IPv6 /32)" : "wider than /16 (IPv6 /48)");
	if (addr_is_special(&o->addr) || addr_is_special(&o->host))
		return refuse(why, "loopback, multicast or reserved: never banned");
	by = protected_by(c, &addr, buf);
	if (by && addr_is_host(&o->host)) {
		addr = o->host;
		by = protected_by(c, &addr, buf);
	}
	if (by)
		return refuse(why, by);
	*ret_addr = addr;
	return 0;
}

int check_hand(const struct check *c, const struct order_head *h, char why[102])
{
	static const enum operator_right needed[ORDER_TYPES] = {
		[ORDER_BAN] = RIGHT_BAN, [ORDER_UNBAN] = RIGHT_BAN,
		[ORDER_ALLOW] = RIGHT_ALL, [ORDER_DISALLOW] = RIGHT_ALL,
		[ORDER_LOCK] = RIGHT_ALL, [ORDER_UNLOCK] = RIGHT_ALL,
		[ORDER_PROTECT] = RIGHT_ALL, [ORDER_UNDO] = RIGHT_ALL,
		[ORDER_RUN] = RIGHT_ALL, [ORDER_NOTIFY] = RIGHT_ALL,
		[ORDER_RELOAD] = RIGHT_ALL, [ORDER_TEARDOWN] = RIGHT_ALL,
		[ORDER_DENY] = RIGHT_ALL, [ORDER_PARK] = RIGHT_ALL,
		[ORDER_KICK] = RIGHT_ALL, [ORDER_HOLD] = RIGHT_ALL,
		[ORDER_RELEASE] = RIGHT_ALL, [ORDER_PURGE] = RIGHT_ALL,
		[ORDER_CUT] = RIGHT_ALL, [ORDER_LOOK] = RIGHT_ALL,
		[ORDER_QUEUE_LIST] = RIGHT_READ, [ORDER_QUEUE_HOLD] = RIGHT_ALL,
		[ORDER_QUEUE_RELEASE] = RIGHT_ALL, [ORDER_QUEUE_PURGE] = RIGHT_ALL,
	};

	if (h->origin != ORIGIN_HAND)
		return refuse(why, "only an admin may order this");
	if (!c->admin)
		return refuse(why, "no admin's connection came with the order");
	if (c->right < needed[h->type])
		return refuse(why, "the operator's rights do not reach this");
	return 0;
}

/* The steps against an account, and the action of a jail that each needs. */
static const struct against { uint16_t type; enum action_kind kind; const char *no; } against[] = {
	{ ORDER_LOCK, ACTION_LOCK, "the jail's action is no lock" },
	{ ORDER_DENY, ACTION_DENY, "the jail's action is no deny" },
	{ ORDER_PARK, ACTION_PARK, "the jail's action is no park" },
	{ ORDER_KICK, ACTION_KICK, "the jail's action is no kick" },
	{ ORDER_HOLD, ACTION_HOLD, "the jail's action is no hold" },
	{ ORDER_LOOK, ACTION_CONTAIN, "the jail's action is no contain" },
};

static const struct against *against_account(uint16_t type)
{
	for (size_t i = 0; i < sizeof(against) / sizeof(against[0]); i++)
		if (against[i].type == type)
			return &against[i];
	return NULL;
}

/* These take an account's work back by the order that did it, and name nobody. */
static bool goes_by_ref(uint16_t type)
{
	return type == ORDER_UNDO || type == ORDER_RELEASE || type == ORDER_PURGE;
}

/* What a jail may do to accounts by itself. */
static int check_acts(const struct check *c, int64_t at_ms, char why[102])
{
	if (c->config->accounts.act != ACT_YES)
		return refuse(why, "accounts: act is not yes");
	if (at_ms < c->now.ms - c->config->accounts.stale_ms)
		return refuse(why, "the evidence is older than accounts.stale");
	return 0;
}

int check_account(const struct check *c, const struct order_account *o, char why[102])
{
	const struct against *step = against_account(o->head.type);
	const struct hand_item *item;
	const struct action *act;
	size_t at = 0;

	if (!goes_by_ref(o->head.type)) {
		char again[ORDER_NAME_MAX];

		if (account_canonical(&c->config->accounts, span_of(o->name), again, sizeof(again)) < 0 ||
		    strcmp(again, o->name) != 0)
			return refuse(why, "not an account's canonical name");
	}
	if (step) {
		if (account_is_protected(&c->config->accounts, o->name))
			return refuse(why, "the account is on `protect`");
		while ((item = hand_next(c->hand, HAND_PROTECT, c->now, &at)))
			if (strcmp(item->name, o->name) == 0)
				return refuse(why, "the account was protected by hand");
	}
	if (o->head.origin == ORIGIN_HAND)
		return check_hand(c, &o->head, why);
	if (o->head.origin != ORIGIN_JAIL || !step)
		return refuse(why, "only an admin may order this");
	act = action_of(c, &o->head);
	if (!act || (act->kind != step->kind && act->kind != ACTION_CONTAIN &&
		     !(step->type == ORDER_PARK && account_parks_for(act->kind))))
		return refuse(why, step->no);
	return check_acts(c, o->at_ms, why);
}

/*
 * The sockets that an account was misused from. As a ban is judged, but that
 * it is over at once: what is protected keeps its connections, and `all` would
 * end an admin's session.
 */
int check_cut(const struct check *c, const struct order_ban *o, char why[102])
{
	const struct action *act = action_of(c, &o->head);
	char buf[102];
	const char *by;
	int r;

	if (o->scope == SCOPE_ALL || o->scope >= c->config->nscopes)
		return refuse(why, "no scope of a service");
	if (!addr_is_host(&o->addr))
		return refuse(why, "not one address");
	if (o->head.origin == ORIGIN_HAND)
		r = check_hand(c, &o->head, why);
	else if (o->head.origin != ORIGIN_JAIL || !act || act->kind != ACTION_CONTAIN)
		r = refuse(why, "the jail's action is no contain");
	else
		r = check_acts(c, INT64_MAX, why);
	if (r < 0)
		return r;
	by = protected_by(c, &o->addr, buf);
	return by ? refuse(why, by) : 0;
}

int check_run(const struct check *c, const struct order_run *o, char why[102])
{
	const struct action *act = action_of(c, &o->head);

	if (!act || act->kind != ACTION_RUN)
		return refuse(why, "the jail's action is no run");
	if (o->undo)
		return check_hand(c, &o->head, why);
	if (o->head.origin == ORIGIN_LEDGER)
		return refuse(why, "commands are not repeated at a start");
	return 0;
}

int check_mail(const struct check *c, const struct order_mail *o, char why[102])
{
	if (!c->config->notify.mail && !o->alert)
		return refuse(why, "notify: mail is not set");
	if (o->head.jail != ORDER_NO_JAIL && o->head.jail >= c->config->njails)
		return refuse(why, "no such jail");
	return 0;
}
