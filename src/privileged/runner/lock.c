/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Orders on accounts: lock, unlock, undo, protect. A lock is `passwd -l` and
 * an expiry, or the admin's own argv for accounts that live elsewhere. Each
 * is a goal and the steps that are still missing; after every command the
 * shadow entry is read again, and what it says decides, not the exit status.
 * The state before is in the journal before the first step, so that an undo
 * takes back exactly what was done, and only where it is still as we left it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "config/account.h"
#include "privileged/runner/job.h"

#define HELPER_TIMEOUT_MS 30000
#define PROTECTED_MAX 1024

static bool by_hand(const struct job *j)
{
	return j->order->head.origin == ORIGIN_HAND;
}

/* ---- what may be asked at all ---- */

static int accept_account(struct job *j, char *why)
{
	char name[ORDER_NAME_MAX];

	if (account_canonical(&j->r->config->accounts, span_of(j->order->account.name),
			      name, sizeof(name)) < 0) {
		snprintf(why, TEMPLATE_WHY_MAX, "not the name of an account");
		return OUTCOME_REFUSED;
	}
	job_about(j, name);
	return 0;
}

int job_accept_name(struct job *j, char *why)
{
	if (j->again || by_hand(j))
		return accept_account(j, why);
	snprintf(why, TEMPLATE_WHY_MAX, "only an admin may ask for this");
	return OUTCOME_REFUSED;
}

/* What a jail may have done: its action says so, and root says `act: yes`. */
static int accept_from_jail(struct job *j, char *why)
{
	static const enum action_kind needs[ORDER_TYPES] = {
		[ORDER_LOCK] = ACTION_LOCK, [ORDER_DENY] = ACTION_DENY, [ORDER_PARK] = ACTION_PARK,
		[ORDER_KICK] = ACTION_KICK, [ORDER_HOLD] = ACTION_HOLD, [ORDER_LOOK] = ACTION_CONTAIN,
	};
	const struct accounts *a = &j->r->config->accounts;
	const struct action *action = job_action(j);

	if (!action || (action->kind != needs[j->kind->type] && action->kind != ACTION_CONTAIN &&
			!(j->kind->type == ORDER_PARK && account_parks_for(action->kind)))) {
		snprintf(why, TEMPLATE_WHY_MAX, "no action of a jail that does this");
		return OUTCOME_REFUSED;
	}
	if (a->act != ACT_YES) {
		snprintf(why, TEMPLATE_WHY_MAX, "accounts are touched by hand only (act: yes is not set)");
		return a->act == ACT_PROPOSE ? OUTCOME_PROPOSED : OUTCOME_REFUSED;
	}
	if (clock_wall().ms - j->order->account.at_ms > a->stale_ms) {
		snprintf(why, TEMPLATE_WHY_MAX, "the evidence is too old to act on by itself");
		return OUTCOME_PROPOSED;
	}
	return policy_rate(j->r, j->kind->type, why) < 0 ? OUTCOME_REFUSED : 0;
}

int job_accept_step(struct job *j, char *why)
{
	int status = j->again || by_hand(j) ? 0 : accept_from_jail(j, why);

	return status != 0 ? status : accept_account(j, why);
}

/* What an admin does to messages, one after the other; listings wait for nobody. */
int job_accept_queue(struct job *j, char *why)
{
	if (!by_hand(j)) {
		snprintf(why, TEMPLATE_WHY_MAX, "only an admin may ask for this");
		return OUTCOME_REFUSED;
	}
	j->key = j->kind->type == ORDER_QUEUE_LIST ? 0 : hash_keyed("queue", 5) | 1;
	return 0;
}

/* UNDO takes back one kind of work, RELEASE and PURGE another. */
static bool can_take_back(uint16_t type, uint16_t did)
{
	if (type != ORDER_UNDO)
		return did == ORDER_HOLD || did == ORDER_QUEUE_HOLD;
	return did == ORDER_LOCK || did == ORDER_PROTECT || did == ORDER_DENY || did == ORDER_PARK;
}

int job_accept_undo(struct job *j, char *why)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->order->account.ref);

	if (!j->again && !by_hand(j) && !(e && deny_is_due(e))) {
		snprintf(why, TEMPLATE_WHY_MAX, "only an admin may undo");
		return OUTCOME_REFUSED;
	}
	if (!e || !can_take_back(j->kind->type, e->type)) {
		snprintf(why, TEMPLATE_WHY_MAX, "order %llu %s", (unsigned long long)j->order->account.ref,
			 j->kind->type == ORDER_UNDO ? "did nothing to an account" : "held no mail");
		j->entry.code = -ENOENT;
		return OUTCOME_REFUSED;
	}
	j->entry.ref = j->order->account.ref;
	job_about(j, e->name);
	return 0;
}

/* ---- steps towards a goal ---- */

static void finish(struct job *j, unsigned open);
static void next_step(struct job *j);

/* What keeps an order from going on: the entry cannot be read. */
static void end_unreadable(struct job *j, int error)
{
	job_end(j, OUTCOME_FAILED, error, "%s: %s", j->entry.name,
		error == -ENOKEY ? "no entry in /etc/shadow" : strerror(-error));
}

static void after_step(struct job *j, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];

	if (command_judge(r, j->tried & STEP_EXPIRE || j->tried == STEP_CHANGE ? "chage" : "passwd", why, sizeof(why)) < 0)
		memcpy(j->why, why, sizeof(why));
	next_step(j);
}

static int step_argv(const struct job *j, unsigned step, char ***ret)
{
	const struct helpers *h = &j->r->config->helpers;
	const char *name = j->entry.unix_name;
	char days[24];

	snprintf(days, sizeof(days), "%lld", (long long)j->goal.expire);
	if (step == STEP_CHANGE)
		return argv_make(&h->chage, (const char *[]){ "-d", "0", "--", name, NULL }, ret);
	if (step == STEP_EXPIRE)
		return argv_make(&h->chage, (const char *[]){ "-E", days, "--", name, NULL }, ret);
	return argv_make(&h->passwd, (const char *[]){ step == STEP_LOCK ? "-l" : "-u", "--",
						       name, NULL }, ret);
}

static void start_step(struct job *j, unsigned step)
{
	struct command_spec spec = { .timeout_ms = HELPER_TIMEOUT_MS };
	char **argv = NULL;
	int ret = step_argv(j, step, &argv);

	j->tried |= step;
	spec.argv = argv;
	if (ret < 0)
		after_step(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, after_step);
	argv_free(&argv);
}

/* One step after the other, the password first; one that fails stops no other. */
static void next_step(struct job *j)
{
	struct account_state now;
	unsigned open, todo;
	int ret = account_read(j->entry.unix_name, logbook_salt(j->r->journal), &now);

	if (ret < 0) {
		end_unreadable(j, ret);
		return;
	}
	j->entry.after = now;
	open = account_unmet(&now, &j->goal);
	todo = open & ~j->tried;
	if (todo)
		start_step(j, todo & -todo);
	else
		finish(j, open);
}

/* ---- lock ---- */

static void end_lock(struct job *j)
{
	const struct logbook_entry *e = &j->entry;
	bool lock = !e->before.locked, expire = e->before.expire != e->after.expire;

	if (!lock && !expire)
		job_end(j, OUTCOME_DONE, 0, "%s was locked and expired already", e->name);
	else
		job_end(j, OUTCOME_DONE, 0, "%s: %s, %s", e->name,
			lock ? "password locked" : "password was locked already",
			expire ? "account expired" : "account had expired already");
}

static void lock_unix(struct job *j)
{
	struct account_state now;
	int ret = account_read(j->entry.unix_name, logbook_salt(j->r->journal), &now);

	if (ret < 0) {
		end_unreadable(j, ret);
		return;
	}
	if (!j->entry.before.known)
		j->entry.before = now;
	j->goal = account_goal_lock(&j->entry.before, clock_wall());
	if (job_intent(j) == 0)
		next_step(j);
}

static void after_helper(struct job *j, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = command_judge(r, j->argv[0], why, sizeof(why));

	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s: %s", j->entry.name, why);
	else if (j->target)
		finish(j, 0);
	else
		job_end(j, OUTCOME_DONE, 0, "%s: locked by accounts.lock", j->entry.name);
}

/* The argv of accounts.lock, unlock or force_change, with <user> and <user_domain>. */
static int helper_argv(struct job *j, const struct strings *template, char why[TEMPLATE_WHY_MAX])
{
	const char *at = strchr(j->entry.name, '@'), *domain = at ? at + 1 : "";
	char values[2 * ORDER_NAME_MAX + 32];
	int n = snprintf(values, sizeof(values), "user%c%s%cuser_domain%c%s", 0,
			 j->entry.name, 0, 0, domain), ret;

	argv_free(&j->argv);
	ret = template_expand(j->r->config, template, (struct span){ values, (size_t)n + 1 },
			      NULL, NULL, why, &j->argv);
	if (ret == -ENOMEM)
		snprintf(why, TEMPLATE_WHY_MAX, "out of memory");
	return ret;
}

static void run_helper(struct job *j, const struct strings *template)
{
	struct command_spec spec = { .timeout_ms = HELPER_TIMEOUT_MS };
	char why[TEMPLATE_WHY_MAX];
	int ret = helper_argv(j, template, why);

	if (ret < 0) {
		job_end(j, OUTCOME_REFUSED, ret, "%s: %s", j->entry.name, why);
		return;
	}
	spec.argv = j->argv;
	if (job_intent(j) == 0)
		job_command(j, &spec, after_helper);
}

void job_lock(struct job *j)
{
	const struct strings *template = &j->r->config->accounts.lock;
	char why[TEMPLATE_WHY_MAX];
	int ret = policy_account(j->r, j->kind->type, j->entry.name, template->n == 0, j->again, why);

	if (ret < 0) {
		job_end(j, OUTCOME_REFUSED, ret, "%s", why);
	} else if (template->n > 0) {
		j->entry.flags |= LOGBOOK_BY_HELPER;
		run_helper(j, template);
	} else {
		lock_unix(j);
	}
}

/* ---- undo ---- */

static bool holds(const struct logbook_entry *e, const char *name, const char *unix_name)
{
	return e->type == ORDER_LOCK && e->phase == LOGBOOK_ENDED &&
	       (strcmp(e->name, name) == 0 ||
		(unix_name[0] && strcmp(e->unix_name, unix_name) == 0));
}

/* The first lock of the same account that came after `than` (0: any). */
static const struct logbook_entry *holder_after(const struct job *j, uint64_t than)
{
	const struct logbook *journal = j->r->journal;
	bool past = than == 0;

	for (size_t i = 0; i < logbook_count(journal); i++) {
		const struct logbook_entry *e = logbook_at(journal, i);

		if (past && holds(e, j->entry.name, j->entry.unix_name))
			return e;
		past = past || e->id == than;
	}
	return NULL;
}

/* The work of `e` is taken back, or is a later order's now. */
static int mark_undone(struct job *j, const struct logbook_entry *e)
{
	struct logbook_entry copy = *e;

	copy.phase = LOGBOOK_UNDONE;
	return logbook_put(j->r->journal, &copy);
}

void job_end_undo(struct job *j, const struct logbook_entry *e, const char *text)
{
	int ret = mark_undone(j, e);

	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "the runner's journal: %s", strerror(-ret));
	else
		job_end(j, OUTCOME_DONE, 0, "%s: %s", j->entry.name, text);
}

/* ---- a password that must be changed ---- */

/* `[chage]` alone is chage -d 0 of a Unix account; any other argv is the admin's. */
static bool by_chage(const struct strings *force)
{
	return force->n == 1 && strcmp(force->v[0], "chage") == 0;
}

static bool was_theft(const struct job *j)
{
	return j->kind->type == ORDER_UNDO && j->order->head.action != UNDO_FALSE_ALARM;
}

static void after_force(struct job *j, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = command_judge(r, j->argv[0], why, sizeof(why));

	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s is unlocked, but: %s", j->entry.name, why);
	else
		finish(j, 0);
}

/* The lock is taken back; true: the admin's argv runs now, and comes back to finish(). */
static bool force_change(struct job *j)
{
	const struct strings *force = &j->r->config->accounts.force_change;
	struct command_spec spec = { .timeout_ms = HELPER_TIMEOUT_MS };
	char why[TEMPLATE_WHY_MAX];
	int ret;

	if (force->n == 0 || by_chage(force) || !was_theft(j) || (j->tried & STEP_CHANGE))
		return false;
	j->tried |= STEP_CHANGE;
	ret = helper_argv(j, force, why);
	spec.argv = j->argv;
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s is unlocked, but force_change: %s", j->entry.name, why);
	else
		job_command(j, &spec, after_force);
	return true;
}

static void end_undo_lock(struct job *j, const struct logbook_entry *e)
{
	const char *text = "expiry as before, password left as it is";
	char whole[104];

	if (e->flags & LOGBOOK_BY_HELPER)
		text = "unlocked by accounts.unlock";
	else if (j->goal.steps & STEP_UNLOCK)
		text = j->goal.steps & STEP_EXPIRE ? "password unlocked, expiry as before" : "password unlocked";
	snprintf(whole, sizeof(whole), "%s%s", text,
		 j->tried & STEP_CHANGE ? "; it must be changed at the next login" : "");
	job_end_undo(j, e, whole);
}

static void finish(struct job *j, unsigned open)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->target);

	if (open)
		job_end(j, OUTCOME_FAILED, -EIO, "%s: %s", j->entry.name,
			j->why[0] ? j->why : "the command changed nothing");
	else if (!j->target)
		end_lock(j);
	else if (!e)
		job_end(j, OUTCOME_DONE, 0, "%s: restored", j->entry.name);
	else if (!force_change(j))
		end_undo_lock(j, e);
}

/* `later` found the account as `e` left it: it restores what was before `e`. */
static int hand_over(struct job *j, const struct logbook_entry *e,
		     const struct logbook_entry *later)
{
	struct logbook_entry copy = *later, old = *e;
	int ret = 0;

	if (account_hand_over(&old.before, &old.after, &copy.before))
		ret = logbook_put(j->r->journal, &copy);
	return ret < 0 ? ret : mark_undone(j, &old);
}

static void undo_unix(struct job *j, const struct logbook_entry *e, bool false_alarm)
{
	struct account_state now;
	int ret = account_read(j->entry.unix_name, logbook_salt(j->r->journal), &now);

	if (ret == -ENOKEY) {
		job_end_undo(j, e, "no such user any more");
		return;
	}
	if (ret < 0) {
		end_unreadable(j, ret);
		return;
	}
	j->goal = account_goal_undo(&e->before, &e->after, &now);
	if (!j->goal.steps) {
		job_end_undo(j, e, "nothing to undo: not changed by this order, or by others since");
		return;
	}
	if (!false_alarm && now.print == e->before.print) {
		job_end(j, OUTCOME_REFUSED, -EPERM,
			"%s still has the old password: change it, or say --false-alarm",
			j->entry.name);
		return;
	}
	if (was_theft(j) && by_chage(&j->r->config->accounts.force_change))
		j->goal.steps |= STEP_CHANGE;
	j->entry.before = now;
	if (job_intent(j) == 0)
		next_step(j);
}

static void undo_lock(struct job *j, const struct logbook_entry *e, bool false_alarm)
{
	const struct logbook_entry *later = holder_after(j, e->id);
	int ret;

	j->target = e->id;
	if (later) {
		unsigned long long id = later->id;

		ret = hand_over(j, e, later);
		if (ret < 0)
			job_end(j, OUTCOME_FAILED, ret, "the runner's journal: %s",
				strerror(-ret));
		else
			job_end(j, OUTCOME_DONE, 0, "%s stays locked by order %llu",
				j->entry.name, id);
	} else if (!(e->flags & LOGBOOK_BY_HELPER)) {
		undo_unix(j, e, false_alarm);
	} else if (j->r->config->accounts.unlock.n == 0) {
		job_end(j, OUTCOME_REFUSED, -EPERM, "%s: accounts.unlock is not set",
			j->entry.name);
	} else {
		run_helper(j, &j->r->config->accounts.unlock);
	}
}

void job_undo(struct job *j)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->order->account.ref);

	if (!e)
		job_end(j, OUTCOME_REFUSED, -ENOENT, "the journal no longer has that order");
	else if (e->phase == LOGBOOK_UNDONE)
		job_end(j, OUTCOME_DONE, 0, "%s: undone before", j->entry.name);
	else if (e->type == ORDER_PROTECT)
		job_end_undo(j, e, "no longer protected by hand");
	else if (e->type == ORDER_DENY || e->type == ORDER_PARK)
		job_undo_deny(j, e);
	else
		undo_lock(j, e, j->order->head.action == UNDO_FALSE_ALARM);
}

/* By hand and by name: all our locks of it, of which the last restores. */
void job_unlock(struct job *j)
{
	const struct logbook_entry *e = holder_after(j, 0), *later;

	if (!e) {
		job_end(j, OUTCOME_REFUSED, -ENOENT, "%s was not locked by bailiff",
			j->entry.name);
		return;
	}
	while ((later = holder_after(j, e->id))) {
		uint64_t next = later->id;
		int ret = hand_over(j, e, later);

		if (ret < 0) {
			job_end(j, OUTCOME_FAILED, ret, "the runner's journal: %s", strerror(-ret));
			return;
		}
		e = logbook_get(j->r->journal, next);
	}
	undo_lock(j, e, true);
}

/* ---- protect ---- */

void job_protect(struct job *j)
{
	size_t n = 0;

	for (size_t i = 0; i < logbook_count(j->r->journal); i++)
		n += logbook_at(j->r->journal, i)->type == ORDER_PROTECT &&
		     logbook_at(j->r->journal, i)->phase != LOGBOOK_UNDONE;
	if (n >= PROTECTED_MAX)
		job_end(j, OUTCOME_REFUSED, -ENOSPC, "%d names are protected by hand already: "
			"write them into accounts.protect", PROTECTED_MAX);
	else if (job_intent(j) == 0)
		job_end(j, OUTCOME_DONE, 0, "%s is protected", j->entry.name);
}
