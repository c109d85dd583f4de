/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Account incidents on their way: the steps wait until the ledger holds the
 * verdict (or says that it cannot), then go to the runner; when the last
 * outcome is in, the admin's mail is written from what really happened.
 *
 * What the steps are and in which order they go is plan.c's; the words of the
 * mail are report.c's.
 */
#include "engine/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/account.h"
#include "engine/count/subject.h"
#include "engine/notice.h"
#include "engine/plan.h"
#include "engine/report.h"
#include "engine/targets.h"
#include "engine/words.h"
#include "wire/order.h"

#define PATIENCE_S 2.		/* for the ledger, then the runner's journal must do */
#define OPEN_MAX 256
#define NOTICES_MAX 64	/* with so many open, one more is none about an account: those need the room */
#define NOTICES_AN_HOUR 10	/* of one jail: no flood of them may keep back an account's mail */

struct incident {
	struct incidents *all;
	struct incident *next;
	uint64_t id, mail_order;
	uint16_t jail;
	uint64_t amount;
	struct event_time when;
	bool sent, mailed, notify;
	const char *propose_why;	/* static; NULL: it acts */
	struct plan plan;
	unsigned waits;			/* callbacks that will still come */
	ev_timer patience;
	struct buf evidence, seen, spared, made;
	struct buf subject, count;	/* of a verdict on no account: in words */
};

/* Mails of one jail about what is no account. */
struct notices {
	int64_t since_ms;
	unsigned sent, held;
};

struct incidents {
	struct serve *s;
	struct incident *first;
	struct incident *fresh;		/* opened, its verdict not yet recorded */
	size_t n;
	struct notices *notices;	/* per jail */
};

int incidents_new(struct serve *s, struct incidents **ret)
{
	struct incidents *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->s = s;
	i->notices = calloc(s->config->njails + 1, sizeof(*i->notices));
	if (!i->notices) {
		incidents_free(&i);
		return -ENOMEM;
	}
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
	plan_stop(&in->plan);
	buf_free(&in->evidence);
	buf_free(&in->seen);
	buf_free(&in->spared);
	buf_free(&in->subject);
	buf_free(&in->count);
	buf_free(&in->made);
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
	free((*i)->notices);
	free(*i);
	*i = NULL;
}

/* ---- the mail */

static struct report report_of(const struct incident *in)
{
	struct serve *s = in->all->s;

	return (struct report){
		.config = s->config, .bans = s->bans, .host = s->host, .incident = in->id,
		.jail = in->jail, .amount = in->amount, .made = buf_span(&in->made), .when = in->when,
		.propose_why = in->propose_why, .plan = &in->plan, .evidence = buf_span(&in->evidence),
		.seen = buf_span(&in->seen), .spared = buf_span(&in->spared),
		.found = buf_span(&in->plan.found),
	};
}

void incidents_mail(struct serve *s, uint64_t order_id, bool alert, const struct mail_about *about,
		    const char *subject, const char *body, outcome_fn *fn, void *arg)
{
	static struct order_mail o;	/* large; there is one thread here */
	size_t n = strlen(body);

	memset(&o, 0, sizeof(o));
	o.head = (struct order_head){ .id = order_id, .type = ORDER_NOTIFY,
				      .origin = ORIGIN_JAIL, .jail = ORDER_NO_JAIL };
	o.alert = alert;
	snprintf(o.subject, sizeof(o.subject), "%s", subject);
	if (about) {
		o.incident = about->incident;
		snprintf(o.user, sizeof(o.user), "%s", about->user);
	}
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

static bool is_about_account(const struct incident *in)
{
	return in->subject.n == 0;
}

/* One more of this jail within the hour? Of those held back the next one tells. */
static bool may_tell(struct incident *in)
{
	struct notices *n = &in->all->notices[in->jail];
	int64_t now = clock_wall().ms;

	if (is_about_account(in))
		return true;
	if (llabs(now - n->since_ms) >= 3600000)
		*n = (struct notices){ .since_ms = now, .held = n->held };
	if (n->sent >= NOTICES_AN_HOUR) {
		n->held++;
		return false;
	}
	n->sent++;
	return true;
}

static void compose(const struct incident *in, struct buf *subject, struct buf *body)
{
	struct notices *told = &in->all->notices[in->jail];
	struct report r = report_of(in);
	struct notice n = { &r, buf_span(&in->subject), buf_span(&in->count), told->held };

	buf_puts(subject, "bailiff: ");
	if (is_about_account(in)) {
		report_text(&r, body);
		report_subject(&r, subject);
		return;
	}
	notice_text(&n, body);
	notice_subject(&n, subject);
}

/* The alert goes out all the same, in our log. */
static void hold_back(const struct incident *in, const char *subject)
{
	struct outcome o = { .id = in->mail_order, .type = ORDER_NOTIFY, .status = OUTCOME_REFUSED, .code = -EPERM };

	snprintf(o.text, sizeof(o.text), "%d mails of this jail within the hour: no more", NOTICES_AN_HOUR);
	log_err("alert: %s; not mailed: %s", subject, o.text);
	store_outcome(in->all->s->store, &o, clock_wall().ms);
}

static void mail(struct incident *in)
{
	struct mail_about about = { in->id, in->plan.user };
	struct buf body = { 0 }, subject = { .max = ORDER_SUBJECT_MAX - 1 };

	if (in->mailed)
		return;
	in->mailed = true;
	if (in->notify)
		compose(in, &subject, &body);
	if (in->notify && !may_tell(in)) {
		hold_back(in, buf_cstr(&subject));
	} else if (in->notify) {
		if (!is_about_account(in))
			in->all->notices[in->jail].held = 0;
		in->waits++;
		incidents_mail(in->all->s, in->mail_order, true, &about, buf_cstr(&subject),
			       buf_cstr(&body), mail_told, in);
	}
	buf_free(&body);
	buf_free(&subject);
	let_go(in);
}

/* ---- the steps */

static void record(struct incident *in, const struct plan_step *st)
{
	struct outcome o = { .id = st->order, .type = st->type, .status = st->status, .code = st->code };

	memcpy(o.text, st->text, sizeof(o.text));
	store_outcome(in->all->s->store, &o, clock_wall().ms);
}

static void step_told(void *arg, struct plan_step *st)
{
	struct incident *in = arg;

	/* A cut is many orders, of which the ledger knows the sum. */
	if (st->type == ORDER_CUT)
		record(in, st);
	if ((st->type == ORDER_LOCK || st->type == ORDER_DENY) && st->status == OUTCOME_DONE)
		state_contained(in->all->s, in->plan.user, true);
	log_info("incident %llu: %s user=%s: %s %s", (unsigned long long)in->id, plan_step_name(st),
		 in->plan.user, outcome_name(st->status), st->text);
}

static void steps_done(void *arg)
{
	struct incident *in = arg;

	if (in->plan.limited[0])
		in->propose_why = "as many accounts as max_per_hour says were acted on within the hour";
	mail(in);
	in->waits--;
	let_go(in);
}

static void propose(struct incident *in)
{
	for (size_t i = 0; i < in->plan.nsteps; i++) {
		struct plan_step *st = &in->plan.step[i];

		st->over = true;
		st->status = OUTCOME_PROPOSED;
		snprintf(st->text, sizeof(st->text), "%s", in->propose_why);
		record(in, st);
		st->text[0] = 0;
	}
}

static void send_steps(struct incident *in)
{
	struct serve *s = in->all->s;

	if (in->sent)
		return;
	in->sent = true;
	ev_timer_stop(s->loop, &in->patience);
	in->plan.s = s;
	in->plan.incident = in->id;
	in->plan.jail = in->jail;
	in->plan.admin_fd = -1;
	in->plan.at_ms = in->when.ms;
	in->plan.told = step_told;
	in->plan.done = steps_done;
	in->plan.arg = in;
	in->waits++;
	if (in->propose_why)
		propose(in);
	plan_run(&in->plan);
}

static void on_committed(void *arg, int error, const char *json)
{
	struct incident *in = arg;

	(void)json;
	if (error < 0)
		log_err("incident %llu: the ledger cannot commit (%s): account steps go on under the runner's journal",
			(unsigned long long)in->id, strerror(-error));
	in->waits--;
	if (in->sent)
		let_go(in);
	else
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

struct drawing {
	const struct core_verdict *v;
	unsigned action;
};

/* Beyond the ids of the actions themselves. */
static uint64_t contain_id(void *arg, unsigned k)
{
	const struct drawing *d = arg;

	return act_order_id(d->v, d->action + ((k + 1) << 8));
}

static void add_step(struct incident *in, const struct core_verdict *v, const struct action *act)
{
	struct drawing d = { v, (unsigned)(act - v->v->jail->then) };
	uint16_t type = plan_type_of(act->kind);
	struct serve *s = in->all->s;
	size_t first = in->plan.nsteps;

	if (act->kind == ACTION_NOTIFY) {
		in->notify = true;
		in->mail_order = act_order_id(v, d.action);
		store_order(s->store, in->mail_order, in->id, ORDER_NOTIFY, "notify",
			    s->config->notify.mail ? s->config->notify.mail : "", clock_wall().ms);
		return;
	}
	if (act->kind == ACTION_CONTAIN)
		plan_add_contain(&in->plan, (uint16_t)d.action, contain_id, &d);
	else if (type != ORDER_NONE)
		plan_add(&in->plan, type, (uint16_t)d.action, false, act_order_id(v, d.action));
	/* What is only proposed is no order that a restart may find open. */
	for (size_t i = first; i < in->plan.nsteps; i++)
		store_order(s->store, in->plan.step[i].order, in->id,
			    in->propose_why ? ORDER_NONE : in->plan.step[i].type,
			    plan_step_name(&in->plan.step[i]), in->plan.user, clock_wall().ms);
}

static void keep_evidence(struct incident *in, const struct core_verdict *v)
{
	struct evidence_line lines[8];
	size_t n = evidence_find(in->all->s->core->evidence, v->jail, v->key, lines, 8);
	char addr[ADDR_TEXT_MAX], place[32];

	for (size_t i = n; i > 0; i--) {
		buf_puts(&in->evidence, "  ");
		buf_put_escaped(&in->evidence, lines[i - 1].line);
		buf_putc(&in->evidence, '\n');
	}
	for (size_t i = 0; i < v->nseen && i < 20; i++) {
		buf_printf(&in->seen, "%s%s", i ? ", " : "", addr_print(&v->seen[i], addr));
		if (locate_print(in->all->s->core->geo, &v->seen[i], place)[0])
			buf_printf(&in->seen, " (%s)", place);
		if (v->spared[i])
			buf_printf(&in->spared, "  spared   %s: %s\n", addr, v->spared[i]);
	}
	for (size_t i = 0; i < v->nseen && in->plan.nfrom < PLAN_FROM_MAX; i++)
		if (!v->spared[i])
			in->plan.from[in->plan.nfrom++] = v->seen[i];
}

void incidents_open(struct incidents *all, uint64_t id, const struct core_verdict *v,
		    const char *user, const char *propose_why)
{
	struct incident *in;

	if (!*user && all->n >= NOTICES_MAX) {
		all->notices[v->jail].held++;
		log_warning("incident %llu: not mailed: %zu others are open", (unsigned long long)id, (size_t)all->n);
		return;
	}
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
	snprintf(in->plan.user, sizeof(in->plan.user), "%s", user);
	if (!*user) {
		subject_print(all->s->config, v->subject, &in->subject);
		words_verdict(all->s->config, v->v, &in->count);
	}
	keep_evidence(in, v);
	if (words_needed(v->v))
		words_verdict(all->s->config, v->v, &in->made);
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
	bool step = type == ORDER_LOCK || (type >= ORDER_DENY && type <= ORDER_HOLD) ||
		    type == ORDER_CUT || type == ORDER_LOOK;
	struct incident *in = step || type == ORDER_NOTIFY ? reopen(all, incident) : NULL;

	(void)what;
	if (!in)
		return 0;
	if (type == ORDER_NOTIFY) {
		in->notify = true;
		in->mail_order = id;
	} else if (plan_add(&in->plan, (uint16_t)type, 0, type == ORDER_HOLD, id)) {
		/* A hold comes late: first the log's tail tells once more whose messages are whose. */
		snprintf(in->plan.user, sizeof(in->plan.user), "%s", target);
	}
	return 0;
}

/* The action of the jail that a step belongs to; plan.c parks in place of some that are no park. */
static void find_action(struct plan_step *st, const struct jail *j)
{
	bool found = false;

	for (size_t k = 0; k < j->nthen; k++) {
		enum action_kind kind = j->then[k].kind;
		bool is = plan_type_of(kind) == st->type || kind == ACTION_CONTAIN;

		if (is || (!found && st->type == ORDER_PARK && account_parks_for(kind)))
			st->action = (uint16_t)k;
		found |= is;
	}
}

static bool counts_accounts(const struct config *c, const struct jail *j)
{
	for (size_t i = 0; i < j->limit.nper; i++)
		if (c->fields[j->limit.per[i]].type == FIELD_ACCOUNT)
			return true;
	return false;
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
		buf_clear(&in->made);
		if (v->made)
			buf_puts(&in->made, v->made);
		in->when.ms = v->when_ms;
		if (!counts_accounts(c, j))
			buf_puts(&in->subject, v->subject);
		else if (!in->plan.user[0])
			snprintf(in->plan.user, sizeof(in->plan.user), "%s", v->subject);
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
			for (size_t i = 0; i < in->plan.nsteps; i++)
				find_action(&in->plan.step[i], &all->s->config->jails[in->jail]);
			plan_sort(&in->plan);
			send_steps(in);
			continue;
		}
		/* Its verdict was not recorded: the tail gives it again, with the same orders. */
		in->mailed = true;
		let_go(in);
	}
}
