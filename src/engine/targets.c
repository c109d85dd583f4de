/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a verdict to whom its actions are about: one list for replay and live. */
#include "engine/targets.h"

#include <stdio.h>

#include "bailiff/order.h"
#include "base/addr.h"
#include "config/account.h"
#include "engine/count/subject.h"
#include "engine/passage.h"

static const char *const names[] = {
	[ACTION_BAN] = "ban", [ACTION_PARK] = "park", [ACTION_DENY] = "deny",
	[ACTION_LOCK] = "lock", [ACTION_KICK] = "kick", [ACTION_HOLD] = "hold",
	[ACTION_CONTAIN] = "contain", [ACTION_NOTIFY] = "notify", [ACTION_RUN] = "run",
};

const char *action_name(enum action_kind kind)
{
	return names[kind];
}

/* The host a ban is about: as captured, else as counted. */
static struct addr host_of(const struct core_verdict *v)
{
	for (unsigned i = 0; i < v->hit->ncaptures; i++)
		if (v->hit->capture[i].type == FIELD_ADDR)
			return v->hit->capture[i].addr;
	for (size_t i = 0; i < v->subject->n; i++)
		if (v->subject->part[i].type == FIELD_ADDR)
			return v->subject->part[i].addr;
	return (struct addr){ 0 };
}

static void tell_ban(const struct decided *d, const struct addr *host, target_fn *fn, void *arg)
{
	struct addr prefix = core_ban_prefix(d->action, host);
	char text[ADDR_TEXT_MAX];

	fn(arg, d, host, addr_print(&prefix, text));
}

/* Two hosts that were seen in one prefix make one ban. */
static bool told_before(const struct core_verdict *v, const struct decided *d, size_t k)
{
	struct addr prefix = core_ban_prefix(d->action, &v->seen[k]), earlier;

	for (size_t i = 0; i < k; i++) {
		earlier = core_ban_prefix(d->action, &v->seen[i]);
		if (!v->spared[i] && addr_equal(&earlier, &prefix))
			return true;
	}
	return false;
}

/* The account of the subject, if there is one: what beside it is counted is not acted on. */
static void account_print(const struct config *c, const struct subject *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		struct subject one = { .n = 1, .part = { s->part[i] } };

		if (s->part[i].type == FIELD_ACCOUNT) {
			subject_print(c, &one, out);
			return;
		}
	}
}

void targets_each(const struct config *c, const struct core_verdict *v,
		  target_fn *fn, void *arg)
{
	struct addr host = host_of(v);
	struct buf text = { 0 }, account = { 0 };

	subject_print(c, v->subject, &text);
	account_print(c, v->subject, &account);
	for (size_t i = 0; i < v->v->nactions; i++) {
		const struct decided *d = &v->v->action[i];

		if (d->action->kind >= ACTION_PARK && d->action->kind <= ACTION_CONTAIN)
			fn(arg, d, NULL, buf_cstr(&account));
		else if (d->action->kind != ACTION_BAN)
			fn(arg, d, NULL, buf_cstr(&text));
		else if (d->action->whom == WHOM_SUBJECT)
			tell_ban(d, &host, fn, arg);
		else
			for (size_t k = 0; k < v->nseen; k++)
				if (!v->spared[k] && !told_before(v, d, k))
					tell_ban(d, &v->seen[k], fn, arg);
	}
	buf_free(&text);
	buf_free(&account);
}

const char *targets_held_back(const struct config *c, const struct core_verdict *v, const char **ret)
{
	struct span account = subject_account(v->subject);
	char name[ORDER_NAME_MAX];

	if (v->v->shadow)
		return NULL;
	*ret = "proposed";
	if (v->v->jail->mode == MODE_PROPOSE)
		return "all of it, as the jail's mode is propose";
	if (!account.n || !jail_touches_accounts(v->v->jail))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)account.n, account.p);
	if (account_is_protected(&c->accounts, name)) {
		*ret = "refused";
		return "account steps, as the account is protected";
	}
	return c->accounts.act == ACT_YES ? NULL : "account steps, as accounts.act is not yes";
}

static bool is_allowed(const struct config *c, const struct addr *a)
{
	for (size_t i = 0; i < c->nallow; i++)
		if (c->allow[i].addr.family != ADDR_NONE && addr_overlaps(&c->allow[i].addr, a))
			return true;
	return false;
}

const char *targets_refused(const struct config *c, const struct jail *j, const struct addr *a)
{
	if (addr_is_special(a))
		return "loopback or reserved";
	if (addr_is_link_local6(a))
		return "link-local";
	if (addr_is_private(a) && !j->ban_private)
		return "a private address";
	return is_allowed(c, a) ? "allowed" : NULL;
}
