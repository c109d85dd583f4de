/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out the steps against an account one after the other. First come
 * the steps that stop the damage at once; then, a little later, sessions and
 * mail once more: Dovecot looks at its deny file again only once a second, and
 * a message on its way through a content filter has its second id in the log
 * only when it is back.
 *
 * A step is one order, but for three: a hold names at most ORDER_QUEUED_MAX
 * messages an order, a cut one address, and a look one thing to look at.
 */
#include "engine/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/serve.h"
#include "engine/waiters.h"
#include "wire/order.h"

#define AGAIN_S 1.3
#define HOLD_MAX (64 * ORDER_QUEUED_MAX)
#define PARK_ID 0x100000	/* beyond the parts of what it comes after */

static const struct { uint16_t type; bool again; } contain[] = {
	{ ORDER_DENY, false }, { ORDER_CUT, false }, { ORDER_HOLD, false }, { ORDER_KICK, false },
	{ ORDER_LOCK, false }, { ORDER_KICK, true }, { ORDER_HOLD, true }, { ORDER_LOOK, false },
};
#define CONTAIN_STEPS (sizeof(contain) / sizeof(contain[0]))

const char *plan_step_name(const struct plan_step *step)
{
	return order_name(step->type);
}

uint16_t plan_type_of(enum action_kind kind)
{
	static const uint16_t types[] = {
		[ACTION_LOCK] = ORDER_LOCK, [ACTION_DENY] = ORDER_DENY, [ACTION_PARK] = ORDER_PARK,
		[ACTION_KICK] = ORDER_KICK, [ACTION_HOLD] = ORDER_HOLD, [ACTION_RUN] = ORDER_NONE,
	};

	return types[kind];
}

bool plan_add(struct plan *p, uint16_t type, uint16_t action, bool again, uint64_t order)
{
	if (p->nsteps == PLAN_STEPS_MAX)
		return false;
	p->step[p->nsteps++] = (struct plan_step){
		.type = type, .action = action, .again = again, .order = order,
	};
	return true;
}

bool plan_add_contain(struct plan *p, uint16_t action, uint64_t (*order)(void *arg, unsigned k), void *arg)
{
	if (p->nsteps + CONTAIN_STEPS > PLAN_STEPS_MAX)
		return false;
	for (unsigned k = 0; k < CONTAIN_STEPS; k++)
		plan_add(p, contain[k].type, action, contain[k].again, order(arg, k));
	return true;
}

static unsigned rank(const struct plan_step *st)
{
	unsigned k = 0;

	while (k < CONTAIN_STEPS && (contain[k].type != st->type || contain[k].again != st->again))
		k++;
	return k;
}

void plan_sort(struct plan *p)
{
	for (size_t i = 1; i < p->nsteps; i++) {
		struct plan_step st = p->step[i];
		size_t k = i;

		for (; k > 0 && rank(&p->step[k - 1]) > rank(&st); k--)
			p->step[k] = p->step[k - 1];
		p->step[k] = st;
	}
}

/* ---- one step */

static void run_next(struct plan *p);

/* What a park may stand for: `at`, which was refused, or the first such step to come. */
static const struct plan_step *parked_for(const struct plan *p, const struct plan_step *at)
{
	const struct plan_step *end = p->step + p->nsteps;

	while (at < end && at->type != ORDER_DENY && at->type != ORDER_LOCK)
		at++;
	return at < end ? at : NULL;
}

/*
 * So many accounts were touched within the hour that this one is the admin's:
 * what loses nothing is done in place of the rest.
 */
static void limit(struct plan *p, const struct plan_step *at)
{
	const struct plan_step *of = parked_for(p, at);
	struct plan_step park = { .type = ORDER_PARK };
	bool there = false;

	memcpy(p->limited, at->text, sizeof(p->limited));
	for (size_t i = 0; i < p->nsteps; i++)
		there |= p->step[i].type == ORDER_PARK;
	if (there || !of || p->nsteps == PLAN_STEPS_MAX)
		return;
	park.action = of->action;
	park.order = p->jail == ORDER_NO_JAIL ? store_next_id(p->s->store) : of->order + PARK_ID;
	memmove(&p->step[p->next + 1], &p->step[p->next], (p->nsteps - p->next) * sizeof(park));
	p->step[p->next] = park;
	p->nsteps++;
	store_order(p->s->store, park.order, p->incident, ORDER_PARK, plan_step_name(&park), p->user, clock_wall().ms);
}

static void step_over(struct plan *p)
{
	struct plan_step *st = &p->step[p->next++];

	st->over = true;
	st->status = p->sum.status;
	st->code = p->sum.code;
	memcpy(st->text, p->sum.text, sizeof(st->text));
	p->told(p->arg, st);
	if (st->status == OUTCOME_REFUSED && st->code == -EDQUOT && !p->limited[0])
		limit(p, st);
	run_next(p);
}

/* What hold.c of the runner says of one part; the whole says it of all. */
static void add_held(struct plan *p, const struct outcome *o)
{
	unsigned held = 0, active = 0, left = 0, before = 0, not = 0;
	const char *why = strstr(o->text, ": ");

	if (sscanf(o->text, "%u held (%u in delivery, may be out), %u left before, %u held before",
		   &held, &active, &left, &before) < 4 && sscanf(o->text, "%u held, %u not", &held, &not) < 2)
		held = 0;
	p->held.held += held;
	p->held.active += active;
	p->held.left += left;
	p->held.before += before;
	if (o->status != OUTCOME_DONE)
		snprintf(p->why, sizeof(p->why), "%.60s", not && why ? why + 2 : o->text);
}

static void sum_held(struct plan *p)
{
	p->sum.code = p->sum.status == OUTCOME_DONE ? (int32_t)p->held.held : p->sum.code;
	if (p->sum.status == OUTCOME_DONE)
		snprintf(p->sum.text, sizeof(p->sum.text),
			 "%u held (%u in delivery, may be out), %u left before, %u held before",
			 p->held.held, p->held.active, p->held.left, p->held.before);
	else
		snprintf(p->sum.text, sizeof(p->sum.text), "%u held, some not: %s", p->held.held, p->why);
}

/* The step's outcome is that of its one order, or the worst and the sum of all. */
static void order_told(void *arg, const struct outcome *o)
{
	struct plan *p = arg;
	uint16_t type = p->step[p->next].type;
	const char *what = type == ORDER_CUT ? "connections closed" : "found";
	int32_t sum = p->sum.code > 0 ? p->sum.code : 0;

	if (p->sum.status == OUTCOME_DONE || o->status != OUTCOME_DONE)
		p->sum = *o;
	if (p->parts > 1 && type == ORDER_HOLD) {
		add_held(p, o);
		sum_held(p);
	} else if (p->parts > 1 && p->sum.status == OUTCOME_DONE) {
		p->sum.code = sum + (o->code > 0 ? o->code : 0);
		snprintf(p->sum.text, sizeof(p->sum.text), "%d %s", p->sum.code, what);
	}
	if (type == ORDER_LOOK && o->text[0] && !(o->status == OUTCOME_DONE && o->code == -ENOENT))
		buf_printf(&p->found, "%s\n", o->text);
	if (--p->waits == 0)
		step_over(p);
}

static void nothing_to_do(struct plan *p, const char *text)
{
	snprintf(p->sum.text, sizeof(p->sum.text), "%s", text);
	step_over(p);
}

static struct order_head head_of(const struct plan *p, const struct plan_step *st)
{
	return (struct order_head){
		.id = st->order, .type = st->type, .jail = p->jail, .action = st->action,
		.origin = p->jail == ORDER_NO_JAIL ? ORIGIN_HAND : ORIGIN_JAIL,
	};
}

static struct order_account account_order(const struct plan *p, const struct plan_step *st)
{
	struct order_account o = { .head = head_of(p, st), .at_ms = p->at_ms };

	memcpy(o.name, p->user, sizeof(o.name));
	return o;
}

static void send_account(struct plan *p, const struct plan_step *st)
{
	struct order_account o = account_order(p, st);

	p->waits = 1;
	serve_order_told(p->s, &o.head, p->admin_fd, order_told, p);
}

/* The ports that mail clients use; the jail's own log says it best. */
static int scope_of(const struct plan *p)
{
	const struct config *c = p->s->config;

	if (p->jail < c->njails)
		for (size_t i = 0; i < c->jails[p->jail].nlogs; i++)
			if (c->logs[c->jails[p->jail].logs[i]].has_scope)
				return c->logs[c->jails[p->jail].logs[i]].scope;
	return config_scope(c, "mail");
}

static void send_cuts(struct plan *p, const struct plan_step *st)
{
	int scope = scope_of(p);

	if (p->nfrom == 0 || scope <= SCOPE_ALL) {
		nothing_to_do(p, p->nfrom ? "no scope of mail ports" : "no address is its own");
		return;
	}
	p->waits = p->parts = (unsigned)p->nfrom;
	for (size_t i = 0, n = p->nfrom; i < n; i++) {
		struct order_ban o = {
			.head = head_of(p, st), .addr = p->from[i], .host = p->from[i],
			.scope = (uint16_t)scope,
		};

		o.head.id = store_next_id(p->s->store);
		serve_order_told(p->s, &o.head, p->admin_fd, order_told, p);
	}
}

/* The ids of further parts: drawn by hand, else made, so that a crash gives the same. */
static uint64_t part_id(const struct plan *p, const struct plan_step *st, unsigned part)
{
	if (part == 0)
		return st->order;
	return p->jail == ORDER_NO_JAIL ? store_next_id(p->s->store) : st->order + part;
}

static void send_holds(struct plan *p, const struct plan_step *st, const struct queued *v, size_t n)
{
	static struct order_hold o;	/* large; there is one thread here */
	unsigned parts = n ? (unsigned)((n + ORDER_QUEUED_MAX - 1) / ORDER_QUEUED_MAX) : 1;

	p->waits = p->parts = parts;
	for (unsigned i = 0; i < parts; i++) {
		size_t at = (size_t)i * ORDER_QUEUED_MAX;

		memset(&o, 0, sizeof(o));
		o.account = account_order(p, st);
		o.account.head.id = part_id(p, st, i);
		o.n = (uint32_t)(n - at < ORDER_QUEUED_MAX ? n - at : ORDER_QUEUED_MAX);
		memcpy(o.v, v + at, o.n * sizeof(*v));
		if (i > 0)
			store_order(p->s->store, o.account.head.id, p->incident, st->type,
				    order_name(st->type), p->user, clock_wall().ms);
		serve_order_told(p->s, &o.account.head, p->admin_fd, order_told, p);
	}
}

static void send_looks(struct plan *p, const struct plan_step *st)
{
	unsigned parts = (unsigned)p->s->config->accounts.leftovers.n + ORDER_LOOK_MORE;

	p->waits = p->parts = parts;
	for (unsigned i = 0; i < parts; i++) {
		struct order_account o = account_order(p, st);

		o.head.id = part_id(p, st, i);
		o.ref = i;
		/* Only the first is one that a restart takes up again: it sends them all. */
		if (i > 0)
			store_order(p->s->store, o.head.id, p->incident, ORDER_NONE, order_name(st->type),
				    p->user, clock_wall().ms);
		serve_order_told(p->s, &o.head, p->admin_fd, order_told, p);
	}
}

static void send_hold(struct plan *p, const struct plan_step *st)
{
	struct queued *v = calloc(HOLD_MAX, sizeof(*v));
	bool by_hand = p->jail == ORDER_NO_JAIL;

	if (!v) {
		p->sum.status = OUTCOME_FAILED;
		nothing_to_do(p, "out of memory");
		return;
	}
	send_holds(p, st, v, submitted_of(p->s->core->submitted, span_of(p->user), by_hand, v, HOLD_MAX));
	free(v);
}

/* A restart must not find it open, either. */
static void leave_out(struct plan *p, const struct plan_step *st, enum outcome_status status, int code, const char *why)
{
	p->sum = (struct outcome){ .id = st->order, .type = st->type, .status = (uint16_t)status, .code = code };
	snprintf(p->sum.text, sizeof(p->sum.text), "%s", why);
	if (st->type != ORDER_CUT)	/* the ledger knows no order of it */
		store_outcome(p->s->store, &p->sum, clock_wall().ms);
	step_over(p);
}

static void send(struct plan *p)
{
	const struct plan_step *st = &p->step[p->next];
	struct serve *s = p->s;		/* the last step may take the plan along */

	p->parts = 1;
	p->sum = (struct outcome){ .status = OUTCOME_DONE };
	memset(&p->held, 0, sizeof(p->held));
	if (p->ended)
		leave_out(p, st, OUTCOME_REFUSED, -ECANCELED, "taken back before it began");
	else if (p->limited[0] && st->type != ORDER_PARK)
		leave_out(p, st, OUTCOME_PROPOSED, -EDQUOT, p->limited);
	else if (st->type == ORDER_HOLD)
		send_hold(p, st);
	else if (st->type == ORDER_CUT)
		send_cuts(p, st);
	else if (st->type == ORDER_LOOK)
		send_looks(p, st);
	else
		send_account(p, st);
	serve_flush(s);
}

static void on_pause(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	send(t->data);
}

static bool is_late(const struct plan *p)
{
	return p->step[p->next].again && (p->next == 0 || !p->step[p->next - 1].again);
}

static void leave(struct plan *p)
{
	struct plan **at = &p->s->plans;

	while (*at && *at != p)
		at = &(*at)->next_plan;
	if (*at)
		*at = p->next_plan;
	p->running = false;
}

/* The plan is gone when those who wait for its end are told. */
static void end(struct plan *p)
{
	struct waiter *waiters = p->waiters;

	p->waiters = NULL;
	leave(p);
	p->done(p->arg);
	waiters_tell(&waiters);
}

static void run_next(struct plan *p)
{
	while (p->next < p->nsteps && p->step[p->next].over)
		p->next++;
	if (p->next == p->nsteps) {
		end(p);
	} else if (is_late(p) && !p->ended && !p->limited[0]) {
		ev_timer_init(&p->pause, on_pause, AGAIN_S, 0.);
		p->pause.data = p;
		ev_timer_start(p->s->loop, &p->pause);
	} else {
		send(p);
	}
}

void plan_run(struct plan *p)
{
	p->running = true;
	p->next = 0;
	p->next_plan = p->s->plans;
	p->s->plans = p;
	ev_init(&p->pause, on_pause);
	run_next(p);
}

void plan_stop(struct plan *p)
{
	if (p->running) {
		ev_timer_stop(p->s->loop, &p->pause);
		leave(p);
	}
	waiters_drop(&p->waiters);
	buf_free(&p->found);
}

static struct plan *under_way(const struct serve *s, uint64_t incident)
{
	struct plan *p = s->plans;

	while (p && p->incident != incident)
		p = p->next_plan;
	return p;
}

bool plans_under_way(const struct serve *s, uint64_t incident)
{
	return under_way(s, incident);
}

bool plans_end(struct serve *s, uint64_t incident, bool cut_short, void (*fn)(void *arg), void *arg)
{
	struct plan *p;

	while ((p = under_way(s, incident)) && cut_short) {
		p->ended = true;
		if (!ev_is_active(&p->pause))
			break;
		ev_timer_stop(s->loop, &p->pause);
		send(p);	/* nothing: the rest is over at once */
	}
	return p && waiters_add(&p->waiters, fn, arg);
}
