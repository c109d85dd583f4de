/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands about accounts: lock and unlock by hand, and taking back what an
 * incident did. The runner does the work and keeps the journal by which it is
 * undone; here is who asked for what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "config/account.h"
#include "engine/plan.h"
#include "engine/requests.h"
#include "engine/runs.h"
#include "engine/serve.h"
#include "wire/order.h"
#include "wire/runner.h"

/* The outcome of one step, as the answer shows it. */
struct account_order {
	struct request *q;
	const char *what;
	char target[ORDER_NAME_MAX];
	bool perhaps;		/* what it takes back had failed */
};

static void take_back_mail(struct request *q);
static void close_incident(struct request *q);

void request_finish(struct request *q)
{
	size_t i;
	json_t *step;
	bool failed = false;
	const char *why = "";

	if (--q->waits > 0)
		return;
	json_array_foreach(json_object_get(q->answer, "steps"), i, step) {
		const char *status = json_string_value(json_object_get(step, "status"));

		if (strcmp(status, "done") != 0 && strcmp(status, "skipped") != 0) {
			failed = true;
			why = json_string_value(json_object_get(step, "text"));
		}
	}
	if (failed)
		request_fail(q, 1, "not all was done: %s", why);
	else if (q->incident && json_is_true(json_object_get(q->incident, "mail_next")))
		take_back_mail(q);
	else if (q->incident)
		close_incident(q);
	else
		request_end(q);
}

/* An unlock gives the password back and no more: what other steps hold is told with it. */
static void still_told(void *arg, int error, const char *json)
{
	struct request *q = arg;
	json_t *still = error < 0 ? NULL : json_loads(json, 0, NULL);

	json_object_update(q->answer, still);
	json_decref(still);
	request_finish(q);
}

static bool tell_still(struct request *q)
{
	json_t *arg = json_pack("{s:O}", "user", json_object_get(q->answer, "user"));
	char *text = json_dumps(arg, JSON_COMPACT);
	bool asked = text && store_query(q->s->store, STORE_Q_STILL, text, still_told, q) == 0;

	free(text);
	json_decref(arg);
	return asked;
}

static void account_told(void *arg, const struct outcome *o)
{
	struct account_order *a = arg;

	request_step(a->q, a->what, a->target, o);
	/* What failed before it had begun has left nothing to take back. */
	if (a->perhaps && o->status == OUTCOME_REFUSED && o->code == -ENOENT)
		request_skip(a->q);
	if (o->status == OUTCOME_DONE && (o->type == ORDER_LOCK || o->type == ORDER_UNLOCK ||
					  o->type == ORDER_UNDO))
		state_contained(a->q->s, a->target, o->type == ORDER_LOCK);
	if (o->type != ORDER_UNLOCK || !tell_still(a->q))
		request_finish(a->q);
	free(a);
}

static void order_account(struct request *q, uint16_t type, const char *what, const char *user,
			  uint64_t ref, bool false_alarm, bool perhaps)
{
	struct order_account o = {
		.head = { .id = store_next_id(q->s->store), .type = type, .origin = ORIGIN_HAND,
			  .jail = ORDER_NO_JAIL, .action = type == ORDER_UNDO && false_alarm ? UNDO_FALSE_ALARM : 0 },
		.ref = ref, .at_ms = type == ORDER_PURGE ? (int64_t)q->id : clock_wall().ms,
	};
	struct account_order *a = calloc(1, sizeof(*a));

	if (!a)
		return;
	if (type == ORDER_PURGE && json_is_true(json_object_get(q->args, "no_copy")))
		o.head.action = PURGE_NO_COPY;
	/* Mail is known by the order that held it; who handed it in may not be a name. */
	if (type != ORDER_PURGE && type != ORDER_RELEASE)
		snprintf(o.name, sizeof(o.name), "%s", user);
	a->q = q;
	a->what = what;
	a->perhaps = perhaps;
	snprintf(a->target, sizeof(a->target), "%s", user);
	q->waits++;
	store_order(q->s->store, o.head.id, q->id, type, what, user, clock_wall().ms);
	serve_order_told(q->s, &o.head, client_sock(q->c), account_told, a);
}

bool request_user(struct request *q, char name[ORDER_NAME_MAX])
{
	const char *user = request_text(q, "user");
	int r = user ? account_canonical(&q->s->config->accounts, span_of(user), name, ORDER_NAME_MAX) : -EINVAL;

	if (r < 0)
		request_fail(q, 2, "'%s' is no account's name", user ? user : "");
	return r == 0;
}

bool request_by_hand(struct request *q, const char *what, char user[ORDER_NAME_MAX])
{
	char by[32];

	if (!request_user(q, user))
		return false;
	q->id = store_next_id(q->s->store);
	request_by(q, by);
	store_hand(q->s->store, q->id, what, user, request_text(q, "reason"), by, clock_wall().ms);
	json_object_set_new(q->answer, "user", json_string(user));
	json_object_set_new(q->answer, "incident", json_integer((json_int_t)q->id));
	return true;
}

static void by_hand(struct request *q, uint16_t type, const char *what)
{
	char user[ORDER_NAME_MAX];

	if (!request_by_hand(q, what, user))
		return;
	q->waits = 1;
	order_account(q, type, what, user, 0, false, false);
	request_finish(q);
}

void request_lock(struct request *q)
{
	if (json_object_get(q->args, "incident")) {
		request_contain(q);
		return;
	}
	by_hand(q, ORDER_LOCK, "lock");
}

void request_unlock(struct request *q)
{
	by_hand(q, ORDER_UNLOCK, "unlock");
}

void request_protect(struct request *q)
{
	by_hand(q, ORDER_PROTECT, "protect");
}

/* ---- undo */

struct lift {
	struct request *q;
	struct addr addr;
};

static void lifted(void *arg, const struct outcome *o)
{
	struct lift *l = arg;
	struct outcome said = *o;
	char text[ADDR_TEXT_MAX], by[32];
	struct ban *b;

	if (o->status == OUTCOME_DONE) {
		for (uint16_t i = 0; i < l->q->s->config->nscopes; i++)
			if ((b = bans_find(l->q->s->bans, &l->addr, i)))
				bans_remove(l->q->s->bans, b);
		request_by(l->q, by);
		store_unban(l->q->s->store, &l->addr, NULL, clock_wall().ms, by);
		said.text[0] = 0;
	}
	request_step(l->q, "unban", addr_print(&l->addr, text), &said);
	request_finish(l->q);
	free(l);
}

static void lift_bans(struct request *q, uint64_t incident)
{
	struct serve *s = q->s;
	size_t at = 0, n = 0;
	struct addr *v = calloc(bans_count(s->bans) + 1, sizeof(*v));
	const struct ban *b;

	while (v && (b = bans_next(s->bans, &at)))
		if (b->incident == incident)
			v[n++] = b->addr;
	for (size_t i = 0; i < n; i++) {
		struct order_ban o = {
			.head = { .id = store_next_id(s->store), .type = ORDER_UNBAN,
				  .origin = ORIGIN_HAND, .jail = ORDER_NO_JAIL },
			.addr = v[i], .host = v[i], .scope = ORDER_ANY_SCOPE,
		};
		struct lift *l = calloc(1, sizeof(*l));

		if (!l)
			break;
		*l = (struct lift){ q, v[i] };
		q->waits++;
		serve_order_told(s, &o.head, client_sock(q->c), lifted, l);
	}
	free(v);
}

/* The jail may judge this subject anew. */
static void forget_subject(struct serve *s, const char *jail, const char *subject)
{
	const struct jail *j = jail ? config_jail(s->config, jail) : NULL;
	char key[SUBJECT_KEY_MAX];
	struct span k = { key, 0 };

	if (!j || !subject || core_key_of(s->core, j, subject, key, sizeof(key), &k.n) < 0)
		return;
	core_forget(s->core, (uint16_t)(j - s->config->jails), k);
	state_changed(s);
}

/* Was that order one of these (two names at most), and may it have done something? */
static bool did(const json_t *order, const char *one, const char *other)
{
	static const char *const perhaps[] = { "done", "unknown", "failed" };
	const char *what = json_string_value(json_object_get(order, "what"));
	const char *status = json_string_value(json_object_get(json_object_get(order, "outcome"), "status"));

	if (!what || !status || (strcmp(what, one) != 0 && strcmp(what, other) != 0))
		return false;
	for (size_t i = 0; i < sizeof(perhaps) / sizeof(perhaps[0]); i++)
		if (strcmp(status, perhaps[i]) == 0)
			return true;
	return false;
}

static bool has_failed(const json_t *order)
{
	const char *status = json_string_value(json_object_get(json_object_get(order, "outcome"), "status"));

	return status && strcmp(status, "failed") == 0;
}

static bool was_undone(const json_t *show, const json_t *run)
{
	json_t *order;
	size_t i;

	json_array_foreach(json_object_get(show, "orders"), i, order)
		if (did(order, "undo run", "undo run") && !has_failed(order) &&
		    json_equal(json_object_get(order, "target"), json_object_get(run, "target")))
			return true;
	return false;
}

static void take_back_runs(struct request *q, const json_t *show)
{
	const char *jail = json_string_value(json_object_get(show, "jail"));
	json_t *order;
	size_t i;

	json_array_foreach(json_object_get(show, "orders"), i, order) {
		struct account_order *a = was_undone(show, order) ? NULL : calloc(1, sizeof(*a));

		if (!a)
			continue;
		a->q = q;
		a->what = "undo run";
		snprintf(a->target, sizeof(a->target), "%s", jail ? jail : "");
		q->waits++;
		if (!runs_undo(q->s, q->id, jail, order, client_sock(q->c), account_told, a)) {
			q->waits--;
			free(a);
		}
	}
}

/* The account that the incident's steps were done to; NULL: to none. */
static const char *account_touched(const json_t *show)
{
	json_t *order;
	size_t i;

	json_array_foreach(json_object_get(show, "orders"), i, order)
		if (did(order, "deny", "park") || did(order, "lock", "kick") || did(order, "hold", "contain"))
			return json_string_value(json_object_get(order, "target"));
	return NULL;
}

/* The accounts are as they were: now commands and bans go, and the jail forgets. */
static void close_incident(struct request *q)
{
	json_t *show = q->incident;
	const char *user = account_touched(show);
	char by[32];

	if (user)
		state_probation(q->s, user, !json_is_true(json_object_get(q->args, "false_alarm")));
	q->incident = NULL;
	q->waits = 1;
	take_back_runs(q, show);
	lift_bans(q, q->id);
	request_by(q, by);
	store_incident_closed(q->s->store, q->id, clock_wall().ms, request_text(q, "cmd"), by);
	forget_subject(q->s, json_string_value(json_object_get(show, "jail")),
		       json_string_value(json_object_get(show, "subject")));
	json_decref(show);
	request_finish(q);
}

/* A hold that found no mail: of it the runner has kept nothing, and there is nothing to send or delete. */
static bool held_nothing(uint16_t type, const json_t *order)
{
	const json_t *outcome = json_object_get(order, "outcome");

	return (type == ORDER_RELEASE || type == ORDER_PURGE) && did(order, "hold", "queue-hold") &&
	       strcmp(json_string_value(json_object_get(outcome, "status")), "done") == 0 &&
	       json_integer_value(json_object_get(outcome, "code")) <= 0;
}

static void take_back_each(struct request *q, const char *one, const char *other, uint16_t type,
			   const char *what, bool false_alarm)
{
	json_t *order;
	size_t i;

	json_array_foreach(json_object_get(q->incident, "orders"), i, order) {
		const char *target = json_string_value(json_object_get(order, "target"));

		if (target && did(order, one, other) && !held_nothing(type, order))
			order_account(q, type, what, target,
				      (uint64_t)json_integer_value(json_object_get(order, "id")), false_alarm,
				      has_failed(order));
	}
}

/* The password is safe again: the account may send, and its mail go where the admin says. */
static void take_back_mail(struct request *q)
{
	bool release = json_is_true(json_object_get(q->args, "release_mail")) ||
		       json_is_true(json_object_get(q->args, "release"));

	json_object_set_new(q->incident, "mail_next", json_false());
	q->waits = 1;
	if (json_is_true(json_object_get(q->args, "purge")))
		take_back_each(q, "hold", "queue-hold", ORDER_PURGE, "purge", false);
	take_back_each(q, "deny", "park", ORDER_UNDO, "undo", false);
	if (release)
		take_back_each(q, "hold", "queue-hold", ORDER_RELEASE, "release", false);
	request_finish(q);
}

/* Accounts first: if one stays locked, the incident stays open as a whole. */
static void undo_told(void *arg, int error, const char *json)
{
	struct request *q = arg;
	bool false_alarm = json_is_true(json_object_get(q->args, "false_alarm"));

	q->incident = error < 0 ? NULL : json_loads(json, 0, NULL);
	if (!q->incident) {
		request_fail(q, 1, error == -ENOENT ? "there is no incident of that number" :
			     "the ledger cannot answer");
		return;
	}
	json_object_set_new(q->incident, "mail_next", json_true());
	q->waits = 1;
	take_back_each(q, "lock", "contain", ORDER_UNDO, "undo", false_alarm);
	request_finish(q);
}

/*
 * Once nothing of it is under way any more: what has no outcome yet could not be
 * taken back. A real theft is contained to the end, or the old password would
 * not be asked for.
 */
static void take_back_all(void *arg)
{
	struct request *q = arg;
	char id[64];
	int r;

	if (plans_end(q->s, q->id, json_is_true(json_object_get(q->args, "false_alarm")), take_back_all, q) ||
	    runs_end(q->s, q->id, take_back_all, q))
		return;
	snprintf(id, sizeof(id), "{\"id\":%llu}", (unsigned long long)q->id);
	r = store_query(q->s->store, STORE_Q_SHOW, id, undo_told, q);
	if (r < 0)
		request_fail(q, 1, "the ledger cannot be asked: %s", strerror(-r));
}

static void take_back(struct request *q)
{
	json_t *id = json_object_get(q->args, "id");

	if (json_integer_value(id) <= 0) {
		request_fail(q, 2, "which incident? `bailiff incidents` lists them");
		return;
	}
	if (json_is_true(json_object_get(q->args, "purge")) && json_is_true(json_object_get(q->args, "release"))) {
		request_fail(q, 2, "--purge or --release, not both");
		return;
	}
	q->id = (uint64_t)json_integer_value(id);
	json_object_set_new(q->answer, "id", json_integer((json_int_t)q->id));
	take_back_all(q);
}

void request_undo(struct request *q)
{
	take_back(q);
}

void request_resolve(struct request *q)
{
	take_back(q);
}
