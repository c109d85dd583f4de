/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORDER_DENY and ORDER_PARK: an account gets no further mail out, and with
 * deny no new login in. Postfix asks an lmdb table that postmap writes in
 * place, so that smtpds with an open session see it at their next RCPT;
 * Dovecot asks a deny passdb (denyfile.c). Both were made by `bailiff setup
 * mail`; where they are not there, that is said, and nothing is made up.
 *
 * The journal is what tells our entries from others': an account is taken out
 * when the last order that put it in is undone.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "privileged/runner/denyfile.h"
#include "privileged/runner/job.h"

#define HELPER_TIMEOUT_MS 15000
#define TEXT_MAX 200
#define NOT_SET_UP "not set up (bailiff setup mail)"
#define DENIED "5.7.1 This account is blocked, please contact your postmaster"

struct deny {
	struct names names;
	char postfix[TEMPLATE_WHY_MAX], dovecot[TEMPLATE_WHY_MAX];	/* "": done */
	bool failed;
	bool parked;		/* a deny ends, a park stays */
};

static void deny_free(void **work)
{
	free(*work);
	*work = NULL;
}

static struct deny *deny_new(struct job *j)
{
	struct deny *d = calloc(1, sizeof(*d));
	int ret = d ? names_of(&j->r->config->accounts, j->entry.name, &d->names) : -ENOMEM;

	if (ret < 0) {
		free(d);
		job_end(j, OUTCOME_REFUSED, ret, "%s: %s", j->entry.name, ret == -ENOMEM ?
			"out of memory" : "a name that no table can hold");
		return NULL;
	}
	j->work = d;
	j->work_free = deny_free;
	return d;
}

/*
 * A postmap of this host has its table here; that of a container is believed
 * to be there.
 */
static bool has_map(const struct config *c)
{
	char path[PATH_MAX];

	if (!c->accounts.postfix_map)
		return false;
	if (c->helpers.postmap.n > 1)
		return true;
	snprintf(path, sizeof(path), "%s.lmdb", c->accounts.postfix_map);
	return access(path, F_OK) == 0;
}

static void run_postmap(struct job *j, const char *const *how, struct span input,
			void (*step)(struct job *j, const struct command_result *r))
{
	struct command_spec spec = { .timeout_ms = HELPER_TIMEOUT_MS, .input = input };
	const struct config *c = j->r->config;
	const char *more[4] = { NULL };
	char **argv = NULL, map[PATH_MAX + 8];
	size_t n = 0;
	int ret;

	snprintf(map, sizeof(map), "lmdb:%s", c->accounts.postfix_map);
	while (how[n]) {
		more[n] = how[n];
		n++;
	}
	more[n] = map;
	ret = argv_make(&c->helpers.postmap, more, &argv);
	spec.argv = argv;
	if (ret < 0)
		step(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, step);
	argv_free(&argv);
}

/* ---- in ---- */

static void end_deny(struct job *j)
{
	const struct deny *d = j->work;
	bool park = j->kind->type == ORDER_PARK;
	bool mail = !d->postfix[0], logins = !park && !d->dovecot[0];

	if (!mail && !logins && !d->failed)
		job_end(j, OUTCOME_REFUSED, -ENOENT, NOT_SET_UP);
	else if (!mail && !logins)
		job_end(j, OUTCOME_FAILED, -EIO, "Postfix: %s%s%s", d->postfix,
			park ? "" : "; Dovecot: ", d->dovecot);
	else if (park)
		job_end(j, OUTCOME_DONE, 0, "new mail is put on hold");
	else if (mail && logins)
		job_end(j, OUTCOME_DONE, 0, "new mail and new logins are refused");
	else
		job_end(j, d->failed ? OUTCOME_FAILED : OUTCOME_DONE, 0, "new %s are refused, but %s: %s",
			mail ? "messages" : "logins", mail ? "not logins" : "not mail of open sessions",
			mail ? d->dovecot : d->postfix);
}

static void deny_dovecot(struct job *j)
{
	const char *path = j->r->config->accounts.dovecot_deny;
	struct deny *d = j->work;
	int ret = path ? denyfile_add(path, &d->names) : -ENOENT;

	if (ret < 0) {
		j->entry.flags &= ~(unsigned)LOGBOOK_IN_DOVECOT;
		d->failed |= ret != -ENOENT;
		snprintf(d->dovecot, sizeof(d->dovecot), "%s",
			 ret == -ENOENT ? NOT_SET_UP : strerror(-ret));
	}
}

static void end_lift(struct job *j);

static void after_postmap(struct job *j, const struct command_result *r)
{
	struct deny *d = j->work;

	if (command_judge(r, "postmap", d->postfix, sizeof(d->postfix)) < 0) {
		d->failed = true;
		j->entry.flags &= ~(unsigned)LOGBOOK_IN_POSTFIX;
	}
	if (j->target)
		end_lift(j);
	else
		end_deny(j);
}

/* Another order of this type that has put the account in and still stands; 0: none. */
static uint64_t keeper(const struct job *j, const struct logbook_entry *e, uint16_t type)
{
	for (size_t i = 0; i < logbook_count(j->r->journal); i++) {
		const struct logbook_entry *other = logbook_at(j->r->journal, i);

		if (other->id != e->id && other->type == type && other->phase == LOGBOOK_ENDED &&
		    strcmp(other->name, e->name) == 0 &&
		    (other->flags & (LOGBOOK_IN_POSTFIX | LOGBOOK_IN_DOVECOT)))
			return other->id;
	}
	return 0;
}

/* What Postfix is to do: the admin's own words, made fit for one line of a table. */
static void put_value(const struct job *j, struct buf *out)
{
	const struct action *a = job_action(j);
	const char *text = a && a->kind == ACTION_DENY && a->text && a->text[0] ? a->text : DENIED;

	if (j->kind->type != ORDER_DENY) {	/* a park; or a deny ends, and a park stays */
		buf_puts(out, "HOLD parked by bailiff");
		return;
	}
	buf_puts(out, "REJECT ");
	for (size_t i = 0; i < TEXT_MAX && text[i]; i++)
		buf_putc(out, text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
}

static void deny_postfix(struct job *j)
{
	static const char *const how[] = { "-i", "-r", NULL };
	struct deny *d = j->work;
	struct buf input = { 0 };

	for (size_t i = 0; i < d->names.n; i++) {
		buf_printf(&input, "%s ", d->names.v[i]);
		put_value(j, &input);
		buf_putc(&input, '\n');
	}
	if (buf_error(&input))
		after_postmap(j, &(struct command_result){ .error = buf_error(&input) });
	else
		run_postmap(j, how, buf_span(&input), after_postmap);
	buf_free(&input);
}

/* `deny: {for: 1h}`, from the time of the event; 0: until it is undone. */
static uint64_t end_of(const struct job *j)
{
	const struct action *a = job_action(j);

	if (!a || (a->kind != ACTION_DENY && a->kind != ACTION_PARK) || a->for_ms <= 0)
		return 0;
	return (uint64_t)(j->order->account.at_ms + a->for_ms);
}

/* Dovecot's file is ready within a millisecond, so it comes first. */
void job_deny(struct job *j)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = policy_account(j->r, j->kind->type, j->entry.name, false, j->again, why);
	bool map = has_map(j->r->config);
	struct deny *d;
	uint64_t deny;

	if (ret < 0) {
		job_end(j, OUTCOME_REFUSED, ret, "%s", why);
		return;
	}
	d = deny_new(j);
	if (!d)
		return;
	j->entry.ref = end_of(j);
	j->entry.flags = LOGBOOK_IN_POSTFIX * map +
			 LOGBOOK_IN_DOVECOT * (j->kind->type == ORDER_DENY);
	if (job_intent(j) < 0)
		return;
	if (j->kind->type == ORDER_DENY)
		deny_dovecot(j);
	deny = j->kind->type == ORDER_PARK ? keeper(j, &j->entry, ORDER_DENY) : 0;
	if (map && deny) {	/* a park does not open the door that a deny has shut */
		job_end(j, OUTCOME_DONE, 0, "stays denied by order %llu", (unsigned long long)deny);
		return;
	}
	if (map) {
		deny_postfix(j);
		return;
	}
	snprintf(d->postfix, sizeof(d->postfix), NOT_SET_UP);
	end_deny(j);
}

/* ---- and out ---- */

/* What `e` put in and `id`, which keeps the account in, had not: it is `id`'s to take out. */
static int hand_on(struct job *j, const struct logbook_entry *e, uint64_t id, uint32_t what)
{
	struct logbook_entry copy = *logbook_get(j->r->journal, id);
	uint32_t flags = copy.flags;

	copy.flags |= e->flags & what;
	return copy.flags == flags ? 0 : logbook_put(j->r->journal, &copy);
}

static void end_lift(struct job *j)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->target);
	const struct deny *d = j->work;

	if (!e)
		job_end(j, OUTCOME_DONE, 0, "%s: let in again", j->entry.name);
	else if (d->failed)
		job_end(j, OUTCOME_FAILED, -EIO, "%s: %s", j->entry.name,
			d->dovecot[0] ? d->dovecot : d->postfix);
	else
		job_end_undo(j, e, d->parked ? "may log in again, its mail stays parked" : "let in again");
}

/* `postmap -d` ends with 1, and without a word, if none of the keys was there. */
static void after_removal(struct job *j, const struct command_result *r)
{
	bool nothing = r->error == 0 && !r->timed_out && WIFEXITED(r->status) &&
		       WEXITSTATUS(r->status) == 1 && r->output.n == 0;
	struct deny *d = j->work;

	if (!nothing && command_judge(r, "postmap", d->postfix, sizeof(d->postfix)) < 0)
		d->failed = true;
	end_lift(j);
}

static void lift_postfix(struct job *j)
{
	static const char *const how[] = { "-d", "-", NULL };
	struct deny *d = j->work;
	struct buf input = { 0 };

	for (size_t i = 0; i < d->names.n; i++)
		buf_printf(&input, "%s\n", d->names.v[i]);
	if (buf_error(&input))
		after_removal(j, &(struct command_result){ .error = buf_error(&input) });
	else
		run_postmap(j, how, buf_span(&input), after_removal);
	buf_free(&input);
}

void job_undo_deny(struct job *j, const struct logbook_entry *e)
{
	const char *path = j->r->config->accounts.dovecot_deny;
	uint64_t deny = keeper(j, e, ORDER_DENY), park = keeper(j, e, ORDER_PARK);
	uint64_t other = deny ? deny : park;
	unsigned flags = e->flags;
	char text[64];
	struct deny *d;
	int ret = 0;

	if (other)
		ret = hand_on(j, e, other, deny ? LOGBOOK_IN_POSTFIX | LOGBOOK_IN_DOVECOT : LOGBOOK_IN_POSTFIX);
	if (ret < 0) {
		job_end(j, OUTCOME_FAILED, ret, "the runner's journal: %s", strerror(-ret));
		return;
	}
	e = logbook_get(j->r->journal, j->order->account.ref);	/* a put may move it */
	if (other && (deny || e->type == ORDER_PARK)) {
		snprintf(text, sizeof(text), "stays %s by order %llu", deny ? "denied" : "parked",
			 (unsigned long long)other);
		job_end_undo(j, e, text);
		return;
	}
	j->target = e->id;
	d = deny_new(j);
	if (!d || job_intent(j) < 0)
		return;
	ret = flags & LOGBOOK_IN_DOVECOT && path ? denyfile_remove(path, &d->names) : 0;
	if (ret < 0 && ret != -ENOENT) {
		d->failed = true;
		snprintf(d->dovecot, sizeof(d->dovecot), "the deny file: %s", strerror(-ret));
	}
	d->parked = park != 0;
	if (park && has_map(j->r->config))
		deny_postfix(j);
	else if (flags & LOGBOOK_IN_POSTFIX && has_map(j->r->config))
		lift_postfix(j);
	else
		end_lift(j);
}

/* ---- by the clock ---- */

static bool has_end(const struct logbook_entry *e)
{
	return (e->type == ORDER_DENY || e->type == ORDER_PARK) && e->phase == LOGBOOK_ENDED &&
	       e->ref != 0;
}

bool deny_is_due(const struct logbook_entry *e)
{
	return has_end(e) && e->ref <= (uint64_t)clock_wall().ms;
}

int64_t deny_first_end(const struct runner *r)
{
	uint64_t first = INT64_MAX;

	for (size_t i = 0; i < logbook_count(r->journal); i++) {
		const struct logbook_entry *e = logbook_at(r->journal, i);

		if (has_end(e) && e->ref < first)
			first = e->ref;
	}
	return (int64_t)first;
}

/* An id of our own for each try: above those of the engine, which are below 2^63. */
void deny_end_due(struct runner *r)
{
	static uint64_t tries;

	for (size_t i = 0; i < logbook_count(r->journal); i++) {
		const struct logbook_entry *e = logbook_at(r->journal, i);
		struct order_account o = {
			.head = { .type = ORDER_UNDO, .origin = ORIGIN_JAIL, .jail = ORDER_NO_JAIL },
			.ref = e->id,
		};

		if (!deny_is_due(e))
			continue;
		o.head.id = 1ULL << 63 | ((uint64_t)clock_wall().ms << 16 | (tries++ & 0xffff));
		runner_take(r, &o, sizeof(o));
	}
}
