/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From verdicts to orders, and from orders to outcomes. Bans go at once, in
 * frames, and never wait for a commit; what touches accounts is given to
 * incidents.c. A verdict that the ledger knows from before a crash is not
 * acted on again: its bans are in the ledger, too.
 */
#include "engine/serve.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "config/account.h"
#include "engine/count/subject.h"
#include "engine/runs.h"
#include "engine/targets.h"
#include "engine/words.h"
#include "wire/order.h"

/*
 * The id of what the runner does for a verdict is made of what the verdict is,
 * not drawn: after a crash the same verdict gives the same ids, and the
 * runner's journal knows what is done. A ban may be done twice, so its id is
 * the next number.
 */
uint64_t act_order_id(const struct core_verdict *v, unsigned action)
{
	char bytes[SUBJECT_KEY_MAX + 160];
	size_t n = (size_t)snprintf(bytes, 128, "%s %lld %llu %u ", v->v->jail->name,
				    (long long)v->v->when.ms, (unsigned long long)v->pos.offset, action);

	memcpy(bytes + n, v->key.p, v->key.n);
	/* Not below 2^53: never one of the small numbers that people type. */
	return (hash_fixed(bytes, n + v->key.n) & INT64_MAX) | 1ULL << 62;
}

enum jail_mode act_mode(const struct serve *s, uint16_t jail)
{
	return s->core->mode[jail];
}

/* Most of the time nobody does, and then nothing is written for them. */
static bool act_watched(const struct serve *s)
{
	return s->control && control_watched(s->control);
}

void act_event(struct serve *s, json_t *take_event)
{
	char *text;

	if (!take_event)
		return;
	if (!json_object_get(take_event, "time"))
		json_object_set_new(take_event, "time", json_real((double)clock_wall().ms / 1000));
	text = s->control ? json_dumps(take_event, JSON_COMPACT) : NULL;
	if (text)
		control_event(s->control, text);
	free(text);
	json_decref(take_event);
}

/* ---- one verdict */

struct acting {
	struct serve *s;
	const struct core_verdict *v;
	uint64_t incident;
	bool act;		/* not shadow, not paused, not known */
	bool account;		/* an account step is among the actions */
	unsigned n;		/* actions written to `actions` */
	struct buf *actions;	/* JSON for the ledger */
};

static void send_ban(struct acting *a, const struct decided *d, const struct addr *host)
{
	struct serve *s = a->s;
	const struct jail *j = a->v->v->jail;
	int64_t until = a->v->v->when.ms + d->for_ms;
	struct order_ban o = {
		.head = {
			.id = store_next_id(s->store),
			.type = ORDER_BAN, .origin = ORIGIN_JAIL, .jail = a->v->jail,
			.action = (uint16_t)(d->action - j->then),
		},
		.addr = core_ban_prefix(d->action, host), .scope = d->action->scope,
		.until_ms = d->for_ms ? until : INT64_MAX, .host = *host,
	};
	struct ban_row row = {
		.order = o.head.id, .incident = a->incident, .addr = o.addr,
		.scope = s->config->scopes[o.scope].name, .jail = j->name,
		.since_ms = a->v->v->when.ms, .until_ms = o.until_ms, .reason = j->about,
	};
	struct ban ban = {
		.addr = o.addr, .scope = o.scope, .jail = a->v->jail, .order = o.head.id,
		.incident = a->incident, .since_ms = row.since_ms, .until_ms = o.until_ms,
	}, *there;

	if (o.until_ms <= clock_wall().ms)
		return;		/* its end is past: recorded as a verdict, no more */
	/* A longer ban that stands is not cut short by another jail's. */
	there = bans_find(s->bans, &o.addr, o.scope);
	if (there && there->until_ms >= o.until_ms && there->state != BAN_FAILED)
		return;
	/* It leaves before anything is written about it. */
	serve_order_at_once(s, &o.head);
	if (bans_put(s->bans, &ban, &there) < 0)
		log_err("out of memory: a ban is not listed");
	store_ban(s->store, &row);
}

static void on_target(void *arg, const struct decided *d, const struct addr *host, const char *target)
{
	struct acting *a = arg;

	if (d->action->kind == ACTION_BAN && a->act)
		send_ban(a, d, host);
	buf_puts(a->actions, a->n++ ? ",{\"do\":\"" : "{\"do\":\"");
	buf_puts(a->actions, action_name(d->action->kind));
	buf_puts(a->actions, "\",\"target\":");
	json_put_bytes(a->actions, span_of(target));
	if (d->for_ms <= 0)
		buf_puts(a->actions, ",\"for\":null}");
	else if (d->for_ms % 1000 == 0)
		buf_printf(a->actions, ",\"for\":%lld}", (long long)d->for_ms / 1000);
	else
		buf_printf(a->actions, ",\"for\":%.15g}", (double)d->for_ms / 1000);
}

static bool has_account_step(const struct verdict *v)
{
	for (size_t i = 0; i < v->nactions; i++)
		if (v->action[i].action->kind != ACTION_BAN && v->action[i].action->kind != ACTION_RUN)
			return true;
	return false;
}

static bool tells(const struct verdict *v)
{
	for (size_t i = 0; i < v->nactions; i++)
		if (v->action[i].action->kind == ACTION_NOTIFY)
			return true;
	return false;
}

static void send_runs(struct serve *s, const struct core_verdict *v, uint64_t incident)
{
	json_t *values = json_object();
	char text[ADDR_TEXT_MAX];

	for (unsigned k = 0; k < v->hit->ncaptures; k++) {
		const struct capture *c = &v->hit->capture[k];
		const char *name = s->config->fields[c->field].name;

		/* What is no text is no word of a command either. */
		if (c->type == FIELD_ADDR)
			json_object_set_new(values, name, json_string(addr_print(&c->addr, text)));
		else
			json_object_set_new(values, name, json_stringn(c->raw.p, c->raw.n));
	}
	for (size_t i = 0; i < v->v->nactions; i++) {
		const struct action *act = v->v->action[i].action;
		uint16_t n = (uint16_t)(act - v->v->jail->then);

		if (act->kind == ACTION_RUN)
			runs_send(s, act_order_id(v, n), incident, v->jail, n, values);
	}
	json_decref(values);
}

/* The account of an account verdict: its subject's, in canonical form. */
static const struct subject_part *account_of(const struct core_verdict *v)
{
	for (size_t i = 0; i < v->subject->n; i++)
		if (v->subject->part[i].type == FIELD_ACCOUNT)
			return &v->subject->part[i];
	return NULL;
}

/* Why an account verdict only proposes; NULL: it acts. */
static const char *why_propose(const struct serve *s, const struct core_verdict *v)
{
	const struct accounts *a = &s->config->accounts;

	if (act_mode(s, v->jail) == MODE_PROPOSE)
		return "the jail's mode is propose";
	if (a->act != ACT_YES)
		return "accounts: act is not yes";
	if (!v->trusted)
		return "anyone on this host could have written the line (the log is not marked `trust: yes`)";
	if (v->v->when.ms < clock_wall().ms - a->stale_ms)
		return "what happened lies further back than accounts.stale";
	return NULL;
}

static void tell(struct serve *s, const struct core_verdict *v, const struct verdict_row *row, bool act)
{
	char span[40];

	log_info("verdict id=%llu jail=%s subject=%s hits=%llu within=%s mode=%s%s%s%s", (unsigned long long)row->id,
		 v->v->jail->name, row->subject, (unsigned long long)v->v->amount,
		 clock_print_span(v->v->jail->limit.within_ms, span, sizeof(span)), act ? "on" : "shadow",
		 row->made ? " made=\"" : "", row->made ? row->made : "", row->made ? "\"" : "");
	if (act_watched(s))
		act_event(s, json_pack("{s:s,s:I,s:f,s:s,s:s,s:o,s:b}", "event", "verdict", "id", (json_int_t)row->id,
		"time", (double)v->v->when.ms / 1000, "jail", v->v->jail->name, "subject", row->subject,
		"actions", json_loads(row->actions, JSON_DECODE_ANY, NULL), "shadow", !act));
}

static void tell_brake(struct serve *s, const struct core_verdict *v)
{
	const struct jail *j = v->v->jail;
	struct message_note note = { .alert = true, .id = act_order_id(v, UINT_MAX) };
	char span[40];

	snprintf(note.text, sizeof(note.text), "jail %.64s banned more than %u in %s: its brake is on,"
		 " it only watches until `bailiff jail %.64s on`", j->name, j->brake.bans,
		 clock_print_span(j->brake.within_ms, span, sizeof(span)), j->name);
	log_err("%s", note.text);
	serve_note(s, &note);
}

void act_verdict(void *arg, const struct core_verdict *v)
{
	struct serve *s = arg;
	const struct subject_part *account = account_of(v);
	/* Kept from one verdict to the next: a burst has a hundred thousand. */
	static struct buf actions, evidence, subject, made;
	struct acting a = { .s = s, .v = v, .actions = &actions };
	struct buf user = { 0 };
	bool paused = v->v->when.ms < s->core->paused_until_ms;
	bool known = store_knows(s->store, v->v->jail->name, v->key, v->v->when.ms, &v->pos, &a.incident);
	struct verdict_row row = {
		.jail = v->v->jail->name, .key = v->key, .when_ms = v->v->when.ms,
		.until_ms = v->v->until.ms, .pos = v->pos, .amount = v->v->amount,
		.mode = v->v->shadow || paused ? MODE_SHADOW : act_mode(s, v->jail),
	};

	if (known)
		return;
	if (paused && row.until_ms == INT64_MAX) {	/* nobody will close what opens no incident */
		row.until_ms = UNTIL_WATCHED;
		history_watched(s->core->history, v->jail, v->key, v->v->when);
	}
	a.incident = row.id = store_next_id(s->store);
	a.account = account && has_account_step(v->v);
	a.act = !v->v->shadow && !paused && act_mode(s, v->jail) == MODE_ON;
	buf_clear(&actions);
	buf_clear(&evidence);
	buf_clear(&subject);
	buf_clear(&made);
	buf_putc(&actions, '[');
	targets_each(s->config, v, on_target, &a);
	buf_putc(&actions, ']');
	subject_print(s->config, v->subject, &subject);
	evidence_json(s->core->evidence, v->jail, v->key, 10, &evidence);
	row.subject = buf_cstr(&subject);
	row.evidence = buf_cstr(&evidence);
	row.actions = buf_cstr(&actions);
	if (words_needed(v->v)) {
		words_verdict(s->config, v->v, &made);
		row.made = buf_cstr(&made);
	}
	tell(s, v, &row, a.act);
	if (v->braked)
		tell_brake(s, v);
	if (a.act)
		send_runs(s, v, row.id);
	if (a.account && !v->v->shadow && !paused) {
		buf_put(&user, account->text.p, account->text.n);
		incidents_open(s->incidents, row.id, v, buf_cstr(&user), why_propose(s, v));
	} else if (!account && tells(v->v) && !v->v->shadow && !paused) {
		incidents_open(s->incidents, row.id, v, "", act_mode(s, v->jail) == MODE_PROPOSE ?
			       "the jail's mode is propose" : NULL);
	}
	/* Last: a verdict that the ledger knows has all its bans and orders there. */
	store_verdict(s->store, &row);
	incidents_start(s->incidents);
	state_changed(s);
	buf_free(&user);
}

/* ---- outcomes */

void act_outcome(struct serve *s, const struct outcome *o)
{
	struct ban *b = o->type == ORDER_BAN ? bans_by_order(s->bans, o->id) : NULL;
	char text[ADDR_TEXT_MAX];
	bool as_told = b && o->status == OUTCOME_DONE && addr_equal(&b->addr, &o->addr);

	/* Put into the kernel again at a start: the ledger has it so. */
	if (as_told && b->state == BAN_IN_FORCE)
		return;
	/* Of a ban that is what it was to be, the ledger knows all. */
	if (!as_told)
		store_outcome(s->store, o, clock_wall().ms);
	if (o->type != ORDER_BAN)
		return;
	if (o->status == OUTCOME_DONE) {
		if (b && o->addr.family != ADDR_NONE && !addr_equal(&b->addr, &o->addr))
			bans_rename(s->bans, b, &o->addr);
		if (b && b->state == BAN_SENT)
			log_info("ban addr=%s jail=%s scope=%s", addr_print(&b->addr, text),
				 b->jail == BAN_BY_HAND ? "hand" : s->config->jails[b->jail].name,
				 s->config->scopes[b->scope].name);
		if (b)
			b->state = BAN_IN_FORCE;
	} else if (b) {
		log_warning("ban addr=%s %s: %s", addr_print(&b->addr, text), outcome_name(o->status), o->text);
		bans_remove(s->bans, b);
	}
	if (act_watched(s))
		act_event(s, json_pack("{s:s,s:s,s:s,s:s}", "event", "ban", "addr",
		o->addr.family ? addr_print(&o->addr, text) : "", "status", outcome_name(o->status),
		"text", o->text));
}

/* ---- at a start */

static int again(void *arg, const struct ban_row *row)
{
	struct serve *s = arg;
	const struct jail *j = config_jail(s->config, row->jail);
	int scope = config_scope(s->config, row->scope);
	struct ban ban = {
		.addr = row->addr, .jail = j ? (uint16_t)(j - s->config->jails) : BAN_BY_HAND,
		.order = row->order, .incident = row->incident, .state = BAN_IN_FORCE,
		.since_ms = row->since_ms, .until_ms = row->until_ms,
	}, *there;
	bool told = j && row->reason && strcmp(row->reason, j->about) == 0;
	struct order_ban o = {
		.head = { .id = row->order, .type = ORDER_BAN, .origin = ORIGIN_LEDGER, .jail = ORDER_NO_JAIL },
		.addr = row->addr, .until_ms = row->until_ms, .host = row->addr,
	};

	if (scope < 0) {
		log_warning("a ban's scope %s is no longer configured: it stays as it is in the kernel", row->scope);
		return 0;
	}
	ban.scope = o.scope = (uint16_t)scope;
	ban.reason = told ? NULL : (char *)row->reason;
	serve_order(s, &o.head, -1);
	return bans_put(s->bans, &ban, &there);
}

int act_restore(struct serve *s)
{
	int r = store_active_bans(s->store, clock_wall().ms, again, s);

	serve_flush(s);
	return r;
}
