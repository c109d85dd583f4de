/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that change the firewall or the daemon. Each becomes an order that
 * carries the asker's own socket, so that bailiffd sees for itself who it is;
 * the answer waits for the outcome.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "engine/requests.h"
#include "engine/serve.h"
#include "wire/order.h"

/* "for": seconds, null or missing for good (or for `none_ms` if that is set). */
static bool until_of(struct request *q, int64_t none_ms, int64_t *ret)
{
	json_t *f = json_object_get(q->args, "for");
	double s = json_number_value(f);

	if (!f || json_is_null(f)) {
		*ret = none_ms ? clock_wall().ms + none_ms : INT64_MAX;
		return true;
	}
	if (!json_is_number(f) || s <= 0 || s > 3.2e9)
		return false;
	*ret = clock_wall().ms + (int64_t)(s * 1000);
	return true;
}

static json_t *until_json(int64_t ms)
{
	return ms == INT64_MAX ? json_null() : json_real((double)ms / 1000);
}

static struct order_ban order_of(struct request *q, uint16_t type, const struct addr *a,
				 uint16_t scope, int64_t until)
{
	struct order_ban o = {
		.head = { .id = q->id = store_next_id(q->s->store), .type = type,
			  .origin = ORIGIN_HAND, .jail = ORDER_NO_JAIL },
		.addr = *a, .scope = scope, .until_ms = until, .host = *a,
	};

	return o;
}

static void deed(struct request *q, const char *what, const char *target)
{
	char by[32];

	request_by(q, by);
	store_hand(q->s->store, q->id, what, target, request_text(q, "reason"), by, clock_wall().ms);
}

static bool addr_of(struct request *q, struct addr *ret)
{
	const char *text = request_text(q, "addr");

	if (text && addr_parse(span_of(text), ret) == 0)
		return true;
	request_fail(q, 2, "'%s' is not an address", text ? text : "");
	return false;
}

/* A length was typed: /128 means the one address. */
static bool is_exact(const struct request *q)
{
	return json_is_true(json_object_get(q->args, "exact")) || strchr(request_text(q, "addr"), '/');
}

/* The one address in ADDR/LEN: what a prefix is narrowed to if it holds something protected. */
static struct addr typed_host(const char *typed, const struct addr *a)
{
	struct addr host;

	return addr_parse_host((struct span){ typed, strcspn(typed, "/") }, &host) == 0 ? host : *a;
}

/* ---- ban */

/* `all` must be asked for: it cuts the replies to our own connections. */
static int default_scope(const struct config *c)
{
	int mail = config_scope(c, "mail");

	return mail >= 0 ? mail : c->nscopes > 1 ? 1 : SCOPE_ALL;
}

static void ban_told(void *arg, const struct outcome *o)
{
	struct request *q = arg;
	struct ban *b = bans_by_order(q->s->bans, o->id);
	char text[ADDR_TEXT_MAX];

	if (o->status != OUTCOME_DONE) {
		request_fail(q, 1, "not banned: %s", o->text);
		return;
	}
	if (b)
		json_object_set_new(q->answer, "addr", json_string(addr_print(&b->addr, text)));
	if (o->text[0])
		json_object_set_new(q->answer, "said", json_string(o->text));
	else if (b && b->scope == SCOPE_ALL && !json_object_get(q->answer, "said"))
		json_object_set_new(q->answer, "said", json_string(
			"scope all cuts the replies to our own connections to it, too"));
	request_end(q);
}

void request_ban(struct request *q)
{
	const char *scope_name = request_text(q, "scope"), *typed = request_text(q, "addr");
	int scope = scope_name ? config_scope(q->s->config, scope_name) : default_scope(q->s->config);
	struct ban_row row = { .jail = "hand" };
	struct ban ban = { .jail = BAN_BY_HAND }, *there;
	char text[ADDR_TEXT_MAX], said[160], by[32];
	struct addr a, host, whole;
	struct order_ban o;
	int64_t until;

	if (!addr_of(q, &a))
		return;
	if (scope < 0) {
		request_fail(q, 2, "there is no scope '%s'", scope_name);
		return;
	}
	if (!until_of(q, 0, &until)) {
		request_fail(q, 2, "\"for\" is a number of seconds");
		return;
	}
	host = typed_host(typed, &a);
	/* Whoever holds one address of a /64 holds all of them. */
	whole = addr_is_host(&a) ? addr_group(&a, 32, 64) : a;
	if (!addr_equal(&whole, &a) && !is_exact(q)) {
		a = whole;
		snprintf(said, sizeof(said), "%s: its /64 is banned; %s/128 bans the one address", typed, typed);
		json_object_set_new(q->answer, "said", json_string(said));
	}
	o = order_of(q, ORDER_BAN, &a, (uint16_t)scope, until);
	o.host = host;
	request_by(q, by);
	row.order = row.incident = o.head.id;
	row.addr = a;
	row.scope = q->s->config->scopes[scope].name;
	row.since_ms = clock_wall().ms;
	row.until_ms = until;
	row.reason = request_text(q, "reason");
	row.by = by;
	ban.addr = a;
	ban.scope = (uint16_t)scope;
	ban.order = ban.incident = o.head.id;
	ban.since_ms = row.since_ms;
	ban.until_ms = until;
	ban.reason = (char *)row.reason;
	if (bans_put(q->s->bans, &ban, &there) < 0) {
		request_fail(q, 1, "out of memory");
		return;
	}
	deed(q, "ban", addr_print(&a, text));
	store_ban(q->s->store, &row);
	json_object_set_new(q->answer, "scope", json_string(row.scope));
	json_object_set_new(q->answer, "until", until_json(until));
	serve_order_told(q->s, &o.head, client_sock(q->c), ban_told, q);
}

/* ---- unban */

/* Forget what led to a ban: the subject may be counted anew. */
static void forget(struct serve *s, const struct addr *a)
{
	char text[ADDR_TEXT_MAX], key[SUBJECT_KEY_MAX];
	struct addr host = *a;
	size_t n;

	/* A banned /64 is counted as such; a banned host as a host. */
	if (host.family == ADDR_V4 || addr_is_host(&host) || host.len == 64)
		addr_print(&host, text);
	else
		return;
	for (uint16_t i = 0; i < s->config->njails; i++) {
		struct span k;

		if (core_key_of(s->core, &s->config->jails[i], text, key, sizeof(key), &n) < 0)
			continue;
		k = (struct span){ key, n };
		core_forget(s->core, i, k);
	}
	state_changed(s);
}

struct unban_one {
	struct request *q;
	struct addr addr;
};

static void unban_finish(struct request *q)
{
	json_t *list = json_object_get(q->answer, "unbanned");

	if (--q->waits > 0)
		return;
	json_object_set_new(q->answer, "n", json_integer((json_int_t)json_array_size(list)));
	if (json_array_size(list) == 0 && !q->done)
		request_fail(q, 1, "nothing was banned");
	else
		request_end(q);
}

static void unban_told(void *arg, const struct outcome *o)
{
	struct unban_one *u = arg;
	struct serve *s = u->q->s;
	char text[ADDR_TEXT_MAX], by[32];
	json_t *list = json_object_get(u->q->answer, "unbanned");

	if (o->status != OUTCOME_DONE) {
		u->q->done = true;
		json_object_set_new(u->q->answer, "ok", json_false());
		json_object_set_new(u->q->answer, "error", json_string(o->text));
		json_object_set_new(u->q->answer, "status", json_integer(1));
	} else {
		struct ban *b;
		bool listed = false;

		for (uint16_t i = 0; i < s->config->nscopes; i++)
			if ((b = bans_find(s->bans, &u->addr, i))) {
				bans_remove(s->bans, b);
				listed = true;
			}
		request_by(u->q, by);
		if (listed || o->code == 0) {
			store_unban(s->store, &u->addr, NULL, clock_wall().ms, by);
			json_array_append_new(list, json_string(addr_print(&u->addr, text)));
			act_event(s, json_pack("{s:s,s:s,s:s}", "event", "unban", "addr", text, "by", by));
		}
		forget(s, &u->addr);
	}
	unban_finish(u->q);
	free(u);
}

static void unban_addr(struct request *q, const struct addr *a)
{
	struct unban_one *u = calloc(1, sizeof(*u));
	struct order_ban o = order_of(q, ORDER_UNBAN, a, ORDER_ANY_SCOPE, 0);
	char text[ADDR_TEXT_MAX];

	if (!u)
		return;
	*u = (struct unban_one){ q, *a };
	q->waits++;
	deed(q, "unban", addr_print(a, text));
	serve_order_told(q->s, &o.head, client_sock(q->c), unban_told, u);
}

/* The narrowest ban whose prefix holds the address. */
static const struct ban *wider_ban(struct serve *s, const struct addr *a)
{
	const struct ban *b, *found = NULL;
	size_t at = 0;

	while ((b = bans_next(s->bans, &at)))
		if (!addr_equal(&b->addr, a) && addr_contains(&b->addr, a) &&
		    (!found || b->addr.len > found->addr.len))
			found = b;
	return found;
}

static bool is_listed(struct serve *s, const struct addr *a)
{
	for (uint16_t i = 0; i < s->config->nscopes; i++)
		if (bans_find(s->bans, a, i))
			return true;
	return false;
}

#define ALL_BANS (-1)

static void unban_many(struct request *q, int jail)
{
	struct addr *v = calloc(bans_count(q->s->bans) + 1, sizeof(*v));
	const struct ban *b;
	size_t at = 0, n = 0;

	while (v && (b = bans_next(q->s->bans, &at)))
		if (jail == ALL_BANS || b->jail == jail)
			v[n++] = b->addr;
	q->waits = 1;
	for (size_t i = 0; i < n; i++)
		unban_addr(q, &v[i]);
	free(v);
	if (n == 0)
		q->done = true;		/* nothing to do is no failure here */
	unban_finish(q);
}

void request_unban(struct request *q)
{
	const char *jail = request_text(q, "jail");
	bool hand = jail && strcmp(jail, "hand") == 0;
	const struct ban *wider;
	char text[ADDR_TEXT_MAX], said[ADDR_TEXT_MAX + 48];
	struct addr a, whole;

	bans_expire(q->s->bans, clock_wall());
	json_object_set_new(q->answer, "unbanned", json_array());
	if (json_is_true(json_object_get(q->args, "all"))) {
		unban_many(q, ALL_BANS);
		return;
	}
	if (jail) {
		const struct jail *j = config_jail(q->s->config, jail);

		if (!j && !hand)
			request_no_jail(q, jail);
		else
			unban_many(q, hand ? BAN_BY_HAND : (uint16_t)(j - q->s->config->jails));
		return;
	}
	if (!addr_of(q, &a))
		return;
	whole = addr_is_host(&a) ? addr_group(&a, 32, 64) : a;
	/* A typed IPv6 address means its /64, as it does for `ban`. */
	if (!is_listed(q->s, &a) && is_listed(q->s, &whole) && !is_exact(q))
		a = whole;
	wider = wider_ban(q->s, &a);
	if (wider && !is_listed(q->s, &a)) {
		request_fail(q, 1, "%s is not banned by itself, it lies in %s, which is: unban that",
			     request_text(q, "addr"), addr_print(&wider->addr, text));
		return;
	}
	if (wider) {
		snprintf(said, sizeof(said), "it still lies in %s, which is banned",
			 addr_print(&wider->addr, text));
		json_object_set_new(q->answer, "said", json_string(said));
	}
	q->waits = 1;
	unban_addr(q, &a);
	unban_finish(q);
}

/* ---- allow */

static void plain_told(void *arg, const struct outcome *o)
{
	struct request *q = arg;

	if (o->status != OUTCOME_DONE)
		request_fail(q, 1, "%s", o->text);
	else if (o->code == -ENOENT)
		request_fail(q, 1, "it was not there%s%s", o->text[0] ? "; " : "", o->text);
	else {
		if (o->text[0])
			json_object_set_new(q->answer, "said", json_string(o->text));
		request_end(q);
	}
}

static void allow(struct request *q, uint16_t type, const char *what)
{
	struct order_ban o;
	struct addr a;
	char text[ADDR_TEXT_MAX];
	int64_t until;

	if (!addr_of(q, &a))
		return;
	if (!until_of(q, 0, &until)) {
		request_fail(q, 2, "\"for\" is a number of seconds");
		return;
	}
	o = order_of(q, type, &a, 0, until);
	deed(q, what, addr_print(&a, text));
	json_object_set_new(q->answer, "addr", json_string(text));
	json_object_set_new(q->answer, "until", until_json(until));
	serve_order_told(q->s, &o.head, client_sock(q->c), plain_told, q);
}

void request_allow(struct request *q)
{
	allow(q, ORDER_ALLOW, "allow");
}

void request_disallow(struct request *q)
{
	allow(q, ORDER_DISALLOW, "disallow");
}

/* ---- the daemon */

void request_jail(struct request *q)
{
	static const struct { const char *name; enum jail_mode mode; } modes[] = {
		{ "on", MODE_ON }, { "shadow", MODE_SHADOW }, { "off", MODE_OFF },
	};
	const char *name = request_text(q, "jail"), *mode = request_text(q, "mode");
	const struct jail *j = name ? config_jail(q->s->config, name) : NULL;
	uint16_t i = j ? (uint16_t)(j - q->s->config->jails) : 0;
	char key[160];

	if (!j) {
		request_no_jail(q, name ? name : "");
		return;
	}
	if (q->s->refused[i] || q->s->core->jails[i].lacks) {
		request_fail(q, 1, "jail %s is refused: `bailiff check` says why", name);
		return;
	}
	for (size_t k = 0; mode && k < sizeof(modes) / sizeof(modes[0]); k++) {
		if (strcmp(mode, modes[k].name) != 0)
			continue;
		core_set_mode(q->s->core, i, modes[k].mode);
		commands_want(q->s);
		brakes_release(q->s->core->brakes, i);
		q->s->poisoned[i] = false;
		snprintf(key, sizeof(key), "jail.%s.mode", name);
		store_setting(q->s->store, key, mode);
		state_snapshot(q->s);	/* the brake is off over a crash, too */
		q->id = store_next_id(q->s->store);
		deed(q, mode, name);
		json_object_set_new(q->answer, "jail", json_string(name));
		json_object_set_new(q->answer, "mode", json_string(mode));
		request_end(q);
		return;
	}
	request_fail(q, 2, "a jail is set to on, shadow or off");
}

void request_pause(struct request *q)
{
	json_t *f = json_object_get(q->args, "for");
	double s = json_number_value(f);
	char text[32];

	if (!json_is_number(f) || s < 0 || s > 7 * 86400.) {
		request_fail(q, 2, "a pause lasts a number of seconds, at most a week; 0 ends it");
		return;
	}
	q->s->core->paused_until_ms = s > 0 ? clock_wall().ms + (int64_t)(s * 1000) : 0;
	snprintf(text, sizeof(text), "%lld", (long long)q->s->core->paused_until_ms);
	store_setting(q->s->store, "paused_until", text);
	q->id = store_next_id(q->s->store);
	deed(q, s > 0 ? "pause" : "resume", "all");
	json_object_set_new(q->answer, "until", s > 0 ? until_json(q->s->core->paused_until_ms) : json_null());
	request_end(q);
}

static void bare_order(struct request *q, uint16_t type, const char *what)
{
	struct addr none = { .family = ADDR_V4, .len = 32 };
	struct order_ban o = order_of(q, type, &none, 0, 0);

	deed(q, what, "bailiff");
	serve_order_told(q->s, &o.head, client_sock(q->c), plain_told, q);
}

void request_reload(struct request *q)
{
	bare_order(q, ORDER_RELOAD, "reload");
}

void request_teardown(struct request *q)
{
	bare_order(q, ORDER_TEARDOWN, "teardown");
}
