/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands that contain an account: by hand, as a dry run, or to carry out
 * what an incident proposed, once. The steps are plan.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/account.h"
#include "engine/plan.h"
#include "engine/requests.h"
#include "engine/serve.h"

struct containing {
	struct request *q;
	struct plan plan;
};

static uint64_t next_id(void *arg, unsigned k)
{
	const struct containing *c = arg;

	(void)k;
	return store_next_id(c->q->s->store);
}

/* What a look found, line by line. */
static void tell_found(struct containing *c)
{
	struct outcome o = { .status = OUTCOME_DONE };

	for (const char *p = buf_cstr(&c->plan.found); *p;) {
		size_t n = strcspn(p, "\n");

		snprintf(o.text, sizeof(o.text), "%.*s", (int)n, p);
		request_step(c->q, "look", c->plan.user, &o);
		p += n + (p[n] == '\n');
	}
}

/*
 * What is not here (a mail server that was not set up, a Unix account behind a
 * mailbox) is told and leaves nothing undone.
 */
static void contain_told(void *arg, struct plan_step *st)
{
	struct containing *c = arg;
	struct outcome o = { .status = st->status };

	if (st->type == ORDER_LOOK && st->status == OUTCOME_DONE) {
		tell_found(c);
		return;
	}
	snprintf(o.text, sizeof(o.text), "%s%.90s", st->again ? "again: " : "", st->text);
	request_step(c->q, plan_step_name(st), c->plan.user, &o);
	if ((st->type == ORDER_LOCK || st->type == ORDER_DENY) && st->status == OUTCOME_DONE)
		state_contained(c->q->s, c->plan.user, true);
	if (st->status == OUTCOME_REFUSED && st->code == -ENOENT)
		request_skip(c->q);
}

static void contain_done(void *arg)
{
	struct containing *c = arg;
	struct request *q = c->q;

	plan_stop(&c->plan);
	free(c);
	request_finish(q);
}

static struct containing *containing_new(struct request *q, const char *user)
{
	struct containing *c = calloc(1, sizeof(*c));

	if (!c) {
		request_fail(q, 1, "out of memory");
		return NULL;
	}
	c->q = q;
	c->plan = (struct plan){
		.s = q->s, .incident = q->id, .jail = ORDER_NO_JAIL, .admin_fd = client_sock(q->c),
		.at_ms = clock_wall().ms, .told = contain_told, .done = contain_done, .arg = c,
	};
	snprintf(c->plan.user, sizeof(c->plan.user), "%s", user);
	plan_add_contain(&c->plan, 0, next_id, c);
	return c;
}

static void contain(struct request *q, const char *user)
{
	struct containing *c = containing_new(q, user);

	if (!c)
		return;
	q->waits = 1;
	for (size_t i = 0; i < c->plan.nsteps; i++)
		if (c->plan.step[i].type != ORDER_CUT)	/* of no known address */
			store_order(q->s->store, c->plan.step[i].order, q->id, c->plan.step[i].type,
				    plan_step_name(&c->plan.step[i]), user, clock_wall().ms);
		else
			c->plan.step[i].over = true;
	plan_run(&c->plan);
}

/* The steps as they would be, and none of them done. */
static void contain_dry(struct request *q, const char *user)
{
	struct outcome would = { .status = OUTCOME_PROPOSED, .text = "nothing was done: a dry run" };
	struct containing *c = containing_new(q, user);

	if (!c)
		return;
	for (size_t i = 0; i < c->plan.nsteps; i++)
		request_step(q, plan_step_name(&c->plan.step[i]), user, &would);
	free(c);
	request_end(q);
}

/* A park, and what touches no account, is not what was proposed. */
static bool is_carried_out(const char *what)
{
	static const char *const steps[] = { "deny", "hold", "kick", "lock", "contain" };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(what, steps[i]) == 0)
			return true;
	return false;
}

static bool was_carried_out(const json_t *show)
{
	json_t *order;
	size_t i;

	json_array_foreach(json_object_get(show, "orders"), i, order) {
		const char *status = json_string_value(json_object_get(json_object_get(order, "outcome"), "status"));

		if (status && strcmp(status, "done") == 0 &&
		    is_carried_out(json_string_value(json_object_get(order, "what"))))
			return true;
	}
	return false;
}

/* The incident must be about this account, and not be carried out already. */
static void proposal_told(void *arg, int error, const char *json)
{
	struct request *q = arg;
	json_t *show = error < 0 ? NULL : json_loads(json, 0, NULL);
	const char *subject = json_string_value(json_object_get(show, "subject"));
	char user[ORDER_NAME_MAX];

	if (!show) {
		request_fail(q, 1, "there is no such incident");
		return;
	}
	if (account_canonical(&q->s->config->accounts, span_of(request_text(q, "user")), user, sizeof(user)) < 0 ||
	    !subject || strcmp(subject, user) != 0)
		request_fail(q, 1, "that incident is not about %s", request_text(q, "user"));
	else if (plans_under_way(q->s, (uint64_t)json_integer_value(json_object_get(show, "id"))))
		request_fail(q, 1, "that proposal is being carried out");
	else if (was_carried_out(show))
		request_fail(q, 1, "that proposal was carried out already");
	else if (!json_is_null(json_object_get(show, "closed")))
		request_fail(q, 1, "that incident is closed");
	else {
		q->id = (uint64_t)json_integer_value(json_object_get(q->args, "incident"));
		json_object_set_new(q->answer, "user", json_string(user));
		json_object_set_new(q->answer, "incident", json_integer((json_int_t)q->id));
		contain(q, user);
	}
	json_decref(show);
}

void request_contain(struct request *q)
{
	json_t *incident = json_object_get(q->args, "incident");
	char user[ORDER_NAME_MAX], arg[64];
	int r;

	if (json_is_true(json_object_get(q->args, "dry_run"))) {
		if (!request_user(q, user))
			return;
		json_object_set_new(q->answer, "user", json_string(user));
		contain_dry(q, user);
		return;
	}
	if (!json_is_integer(incident)) {
		if (request_by_hand(q, "contain", user))
			contain(q, user);
		return;
	}
	if (!request_user(q, user))
		return;
	snprintf(arg, sizeof(arg), "{\"id\":%lld}", (long long)json_integer_value(incident));
	r = store_query(q->s->store, STORE_Q_SHOW, arg, proposal_told, q);
	if (r < 0)
		request_fail(q, 1, "the ledger cannot be asked: %s", strerror(-r));
}
