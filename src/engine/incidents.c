/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Account incidents on their way: the steps wait until the ledger holds the
 * verdict (or says that it cannot), then go to the runner; when the last
 * outcome is in, the admin's mail is written from what really happened.
 *
 * In DESIGN's order of containment this version has the lock; the steps that
 * need the mail server (deny, park, kick, hold) are reported as not done.
 */
#include "engine/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/count/subject.h"
#include "engine/targets.h"
#include "wire/order.h"

#define PATIENCE_S 2.		/* for the ledger, then the runner's journal must do */
#define STEPS_MAX 16
#define OPEN_MAX 256

struct step {
	struct incident *in;
	uint64_t order;
	enum action_kind kind;
	bool over;
	uint16_t status;
	char text[102];
};

struct incident {
	struct incidents *all;
	struct incident *next;
	uint64_t id, mail_order;
	uint16_t jail;
	uint64_t amount;
	struct event_time when;
	bool sent, mailed, notify;
	const char *propose_why;	/* static; NULL: it acts */
	size_t nsteps;
	struct step steps[STEPS_MAX];
	unsigned waits;			/* callbacks that will still come */
	ev_timer patience;
	char user[ORDER_NAME_MAX];
	struct buf evidence, seen, spared;
};

struct incidents {
	struct serve *s;
	struct incident *first;
	struct incident *fresh;		/* opened, its verdict not yet recorded */
	size_t n;
};

int incidents_new(struct serve *s, struct incidents **ret)
{
	struct incidents *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->s = s;
	*ret = i;
	return 0;
}

static void let_go(struct incident *in)
{
	struct incident **p = &in->all->first;

	if (in->waits > 0 || !in->mailed)
		return;
	while (*p != in)
		p = &(*p)->next;
	*p = in->next;
	in->all->n--;
	ev_timer_stop(in->all->s->loop, &in->patience);
	buf_free(&in->evidence);
	buf_free(&in->seen);
	buf_free(&in->spared);
	free(in);
}

void incidents_free(struct incidents **i)
{
	if (!*i)
		return;
	while ((*i)->first) {
		(*i)->first->waits = 0;
		(*i)->first->mailed = true;
		let_go((*i)->first);
	}
	free(*i);
	*i = NULL;
}

/* ---- the mail */

static const char *headline(const struct incident *in)
{
	for (size_t i = 0; i < in->nsteps; i++)
		if (in->steps[i].status == OUTCOME_DONE && !in->propose_why)
			return "locked";
	return in->propose_why ? "needs your word" : "could not be locked";
}

static void put_steps(const struct incident *in, struct buf *out)
{
	for (size_t i = 0; i < in->nsteps; i++) {
		const struct step *st = &in->steps[i];

		buf_printf(out, "  %-8s %s%s%s\n", action_name(st->kind), outcome_name(st->status),
			   st->text[0] ? ": " : "", st->text);
	}
}

static void put_bans(const struct incident *in, struct buf *out)
{
	struct serve *s = in->all->s;
	char addr[ADDR_TEXT_MAX], when[32];
	size_t at = 0;
	const struct ban *b;

	while ((b = bans_next(s->bans, &at))) {
		if (b->incident != in->id)
			continue;
		buf_printf(out, "  ban      %s: %s in scope %s until %s\n",
			   b->state == BAN_IN_FORCE ? "done" : "sent", addr_print(&b->addr, addr),
			   s->config->scopes[b->scope].name,
			   clock_print(b->until_ms, when, sizeof(when)));
	}
}

static void put_limit(const struct incident *in, struct buf *out)
{
	const struct limit *l = &in->all->s->config->jails[in->jail].limit;
	char span[40];

	buf_printf(out, "%llu within %s, the limit is %s%llu",
		   (unsigned long long)in->amount, clock_print_span(l->within_ms, span, sizeof(span)),
		   l->kind == LIMIT_SUM ? "over " : "", (unsigned long long)l->amount);
}

static void compose(const struct incident *in, struct buf *out)
{
	struct serve *s = in->all->s;
	const struct jail *j = &s->config->jails[in->jail];
	char when[32];

	buf_printf(out, "bailiff on %s: incident %llu\n\n", s->host, (unsigned long long)in->id);
	buf_puts(out, "What happened\n  account  ");
	buf_put_escaped(out, span_of(in->user));
	buf_printf(out, "\n  jail     %s", j->name);
	if (j->about)
		buf_printf(out, " (%s)", j->about);
	buf_printf(out, "\n  when     %s\n  count    ", clock_print(in->when.ms, when, sizeof(when)));
	put_limit(in, out);
	if (in->seen.n > 0) {
		buf_puts(out, "\n  from     ");
		buf_put(out, in->seen.p, in->seen.n);
	}
	buf_puts(out, "\n\nThe last lines that counted\n");
	buf_put(out, in->evidence.p, in->evidence.n);
	buf_printf(out, "\n%s\n", in->propose_why ? "What is proposed" : "What was done");
	if (in->propose_why)
		buf_printf(out, "  Nothing was done to the account: %s.\n", in->propose_why);
	put_steps(in, out);
	put_bans(in, out);
	buf_put(out, in->spared.p, in->spared.n);
	if (in->propose_why)
		buf_printf(out, "\nTo carry it out (once):\n  bailiff contain '%s' --incident %llu\n",
			   in->user, (unsigned long long)in->id);
	buf_printf(out, "\nTo look closer:\n  bailiff show %llu\n  bailiff why '%s'\n",
		   (unsigned long long)in->id, in->user);
	buf_printf(out, "To take all of it back, when the account has a new password:\n"
		   "  bailiff undo %llu\nor when nothing was stolen:\n  bailiff undo %llu --false-alarm\n",
		   (unsigned long long)in->id, (unsigned long long)in->id);
}

void incidents_mail(struct serve *s, uint64_t order_id, bool alert, const char *subject,
		    const char *body, outcome_fn *fn, void *arg)
{
	static struct order_mail o;	/* large; there is one thread here */
	size_t n = strlen(body);

	memset(&o, 0, sizeof(o));
	o.head = (struct order_head){ .id = order_id, .type = ORDER_NOTIFY,
				      .origin = ORIGIN_JAIL, .jail = ORDER_NO_JAIL };
	o.alert = alert;
	snprintf(o.subject, sizeof(o.subject), "%s", subject);
	o.len = (uint32_t)(n < sizeof(o.body) ? n : sizeof(o.body));
	memcpy(o.body, body, o.len);
	serve_order_told(s, &o.head, -1, fn, arg);
}

static void mail_told(void *arg, const struct outcome *o)
{
	struct incident *in = arg;

	if (o->status != OUTCOME_DONE)
		log_err("incident %llu: the mail to the admin: %s: %s", (unsigned long long)in->id,
			outcome_name(o->status), o->text);
	in->waits--;
	let_go(in);
}

static void mail(struct incident *in)
{
	struct serve *s = in->all->s;
	struct buf body = { 0 }, subject = { .max = ORDER_SUBJECT_MAX - 1 };

	if (in->mailed)
		return;
	in->mailed = true;
	if (in->notify) {
		compose(in, &body);
		buf_puts(&subject, "bailiff: account ");
		buf_put_escaped(&subject, span_of(in->user));
		buf_printf(&subject, " %s (incident %llu)", headline(in), (unsigned long long)in->id);
		in->waits++;
		incidents_mail(s, in->mail_order, true, buf_cstr(&subject), buf_cstr(&body), mail_told, in);
	}
	buf_free(&body);
	buf_free(&subject);
	let_go(in);
}

/* ---- the steps */

static void record(struct step *st, uint16_t status, const char *text)
{
	struct outcome o = { .id = st->order, .status = status };

	snprintf(o.text, sizeof(o.text), "%s", text);
	store_outcome(st->in->all->s->store, &o, clock_wall().ms);
}

static void step_over(struct step *st, uint16_t status, const char *text)
{
	struct incident *in = st->in;

	st->over = true;
	st->status = status;
	snprintf(st->text, sizeof(st->text), "%s", text);
	log_info("incident %llu: %s user=%s: %s %s", (unsigned long long)in->id, action_name(st->kind),
		 in->user, outcome_name(status), text);
	for (size_t i = 0; i < in->nsteps; i++)
		if (!in->steps[i].over)
			return;
	if (in->sent)
		mail(in);
}

static void step_told(void *arg, const struct outcome *o)
{
	struct step *st = arg;
	struct incident *in = st->in;

	in->waits--;
	step_over(st, o->status, o->text);
	let_go(in);
}

static void send_steps(struct incident *in)
{
	struct serve *s = in->all->s;
	size_t n = in->nsteps;

	if (in->sent)
		return;
	in->sent = true;
	ev_timer_stop(s->loop, &in->patience);
	in->waits++;	/* this function itself */
	for (size_t i = 0; i < n; i++) {
		struct step *st = &in->steps[i];
		struct order_account o = {
			.head = { .id = st->order, .type = ORDER_LOCK, .origin = ORIGIN_JAIL, .jail = in->jail },
			.at_ms = in->when.ms,
		};

		if (in->propose_why) {
			record(st, OUTCOME_PROPOSED, in->propose_why);
			step_over(st, OUTCOME_PROPOSED, "");
			continue;
		}
		if (st->kind != ACTION_LOCK && st->kind != ACTION_CONTAIN) {
			record(st, OUTCOME_FAILED, "this version of bailiff cannot do it");
			step_over(st, OUTCOME_FAILED, "this version of bailiff cannot do it");
			continue;
		}
		for (size_t k = 0; k < s->config->jails[in->jail].nthen; k++)
			if (s->config->jails[in->jail].then[k].kind == st->kind)
				o.head.action = (uint16_t)k;
		snprintf(o.name, sizeof(o.name), "%s", in->user);
		in->waits++;
		serve_order_told(s, &o.head, -1, step_told, st);
	}
	serve_flush(s);
	if (n == 0)
		mail(in);
	in->waits--;
	let_go(in);
}

static void on_committed(void *arg, int error, const char *json)
{
	struct incident *in = arg;

	(void)json;
	if (error < 0)
		log_err("incident %llu: the ledger cannot commit (%s): account steps go on under the runner's journal",
			(unsigned long long)in->id, strerror(-error));
	in->waits--;
	send_steps(in);
}

static void on_patience(struct ev_loop *loop, ev_timer *t, int events)
{
	struct incident *in = t->data;

	(void)loop;
	(void)events;
	log_err("incident %llu: the ledger does not commit: account steps go on under the runner's journal",
		(unsigned long long)in->id);
	send_steps(in);
}

/* ---- a new one */

static void add_step(struct incident *in, const struct core_verdict *v, const struct action *act)
{
	struct step *st = &in->steps[in->nsteps];
	struct serve *s = in->all->s;

	if (act->kind == ACTION_NOTIFY) {
		in->notify = true;
		in->mail_order = act_order_id(v, (unsigned)(act - v->v->jail->then));
		store_order(s->store, in->mail_order, in->id, ORDER_NOTIFY, "notify",
			    s->config->notify.mail ? s->config->notify.mail : "", clock_wall().ms);
		return;
	}
	if (act->kind == ACTION_BAN || act->kind == ACTION_RUN || in->nsteps == STEPS_MAX)
		return;
	in->nsteps++;
	*st = (struct step){ .in = in, .kind = act->kind };
	st->order = act_order_id(v, (unsigned)(act - v->v->jail->then));
	/* What is only proposed is no order that a restart may find open. */
	store_order(s->store, st->order, in->id, in->propose_why ? ORDER_NONE : ORDER_LOCK,
		    action_name(act->kind), in->user, clock_wall().ms);
}

static void keep_evidence(struct incident *in, const struct core_verdict *v)
{
	struct evidence_line lines[8];
	size_t n = evidence_find(in->all->s->core->evidence, v->jail, v->key, lines, 8);
	char addr[ADDR_TEXT_MAX];

	for (size_t i = n; i > 0; i--) {
		buf_puts(&in->evidence, "  ");
		buf_put_escaped(&in->evidence, lines[i - 1].line);
		buf_putc(&in->evidence, '\n');
	}
	for (size_t i = 0; i < v->nseen && i < 20; i++) {
		buf_printf(&in->seen, "%s%s", i ? ", " : "", addr_print(&v->seen[i], addr));
		if (v->spared[i])
			buf_printf(&in->spared, "  spared   %s: %s\n", addr, v->spared[i]);
	}
}

void incidents_open(struct incidents *all, uint64_t id, const struct core_verdict *v,
		    const char *user, const char *propose_why)
{
	struct incident *in;

	if (all->n >= OPEN_MAX || strlen(user) >= ORDER_NAME_MAX) {
		log_err("incident %llu: too many open incidents: nothing is done to the account", (unsigned long long)id);
		return;
	}
	in = calloc(1, sizeof(*in));
	if (!in) {
		log_err("incident %llu: out of memory: nothing is done to the account", (unsigned long long)id);
		return;
	}
	*in = (struct incident){ .all = all, .next = all->first, .id = id, .jail = v->jail,
				 .amount = v->v->amount, .when = v->v->when, .propose_why = propose_why };
	all->first = in;
	all->n++;
	snprintf(in->user, sizeof(in->user), "%s", user);
	keep_evidence(in, v);
	for (size_t i = 0; i < v->v->nactions; i++)
		add_step(in, v, v->v->action[i].action);
	all->fresh = in;
}

void incidents_start(struct incidents *all)
{
	struct incident *in = all->fresh;

	if (!in)
		return;
	all->fresh = NULL;
	ev_timer_init(&in->patience, on_patience, PATIENCE_S, 0.);
	in->patience.data = in;
	ev_timer_start(all->s->loop, &in->patience);
	in->waits++;
	if (store_sync(all->s->store, on_committed, in) < 0) {
		in->waits--;
		send_steps(in);
	}
}

/* ---- after a crash */

static struct incident *reopen(struct incidents *all, uint64_t id)
{
	struct incident *in = all->first;

	while (in && in->id != id)
		in = in->next;
	if (in || all->n >= OPEN_MAX)
		return in;
	in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	*in = (struct incident){ .all = all, .next = all->first, .id = id, .jail = ORDER_NO_JAIL };
	ev_init(&in->patience, on_patience);
	all->first = in;
	all->n++;
	return in;
}

/*
 * The ledger has an order but no outcome. It is asked for again under its own
 * id: the runner's journal knows whether it was done, and does nothing twice.
 */
static int left_open(void *arg, uint64_t id, uint64_t incident, int type,
		     const char *what, const char *target)
{
	struct incidents *all = arg;
	struct incident *in = type == ORDER_LOCK || type == ORDER_NOTIFY ? reopen(all, incident) : NULL;
	struct step *st;

	if (!in || (type == ORDER_LOCK && in->nsteps == STEPS_MAX))
		return 0;
	if (type == ORDER_NOTIFY) {
		in->notify = true;
		in->mail_order = id;
		return 0;
	}
	st = &in->steps[in->nsteps++];
	*st = (struct step){ .in = in, .order = id, .kind = ACTION_LOCK };
	if (strcmp(what, action_name(ACTION_CONTAIN)) == 0)
		st->kind = ACTION_CONTAIN;
	snprintf(in->user, sizeof(in->user), "%s", target);
	return 0;
}

static int fill(void *arg, const struct verdict_row *v, bool closed)
{
	struct incidents *all = arg;
	const struct config *c = all->s->config;
	const struct jail *j = config_jail(c, v->jail);

	for (struct incident *in = all->first; in && j && !closed; in = in->next) {
		if (in->id != v->id)
			continue;
		in->jail = (uint16_t)(j - c->jails);
		in->amount = v->amount;
		in->when.ms = v->when_ms;
		if (!in->user[0])
			snprintf(in->user, sizeof(in->user), "%s", v->subject);
		buf_printf(&in->evidence, "  bailiffd was restarted meanwhile: `bailiff show %llu` has the lines\n",
			   (unsigned long long)in->id);
	}
	return 0;
}

int incidents_restore(struct incidents *all)
{
	int r = store_open_orders(all->s->store, left_open, all);

	if (r == 0 && all->first)
		r = store_verdicts_since(all->s->store, 0, fill, all);
	return r;
}

void incidents_resume(struct incidents *all)
{
	struct incident *next;

	for (struct incident *in = all->first; in; in = next) {
		next = in->next;
		if (in->jail != ORDER_NO_JAIL) {
			log_info("incident %llu: a crash left it open, it goes on", (unsigned long long)in->id);
			send_steps(in);
			continue;
		}
		/* Its verdict was not recorded: the tail gives it again, with the same orders. */
		in->mailed = true;
		let_go(in);
	}
}
