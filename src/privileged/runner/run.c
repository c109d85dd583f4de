/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `run:` of a jail: the admin's argv, from root's own copy of the
 * configuration, with the values that the order brings. An account among them
 * is touched like any other, so protections and rates hold. The undo argv is
 * run only for a run that the journal knows and that was not undone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "privileged/runner/job.h"

#define RUN_TIMEOUT_MS 30000

uint64_t run_what(const struct order_run *o, bool undo)
{
	return hash_fixed(o->values, o->len) + undo;
}

static int check_account(void *arg, const char *account, char *why)
{
	struct job *j = arg;
	bool counted = j->again || j->order->run.undo;

	if (!j->entry.name[0])
		job_about(j, account);
	return policy_account(j->r, j->kind->type, account, false, counted, why);
}

/* Whose values these are: the jail and the place of the action in it. */
static uint64_t run_place(const struct job *j)
{
	const struct order_head *h = &j->order->head;
	const char *jail = j->r->config->jails[h->jail].name;

	return hash_fixed(jail, strlen(jail)) + h->action;
}

static uint64_t values_key(const struct order_run *o)
{
	return hash_keyed(o->values, o->len) | 1;
}

int job_accept_run(struct job *j, char *why)
{
	const struct order_run *o = &j->order->run;
	const struct action *a = job_action(j);
	int ret;

	if (!a || a->kind != ACTION_RUN || (o->undo && a->undo.n == 0)) {
		snprintf(why, TEMPLATE_WHY_MAX, "no action of a jail that runs a command");
		return OUTCOME_REFUSED;
	}
	if (o->undo && o->head.origin != ORIGIN_HAND && !j->again) {
		snprintf(why, TEMPLATE_WHY_MAX, "only an admin may undo");
		return OUTCOME_REFUSED;
	}
	ret = template_expand(j->r->config, o->undo ? &a->undo : &a->argv,
			      (struct span){ o->values, o->len }, check_account, j, why, &j->argv);
	if (ret < 0)
		return OUTCOME_REFUSED;
	j->entry.ref = run_place(j);
	if (!j->key)
		j->key = values_key(o);
	return 0;
}

/* The last run of the same action with the same values that still stands. */
static const struct logbook_entry *find_run(const struct job *j)
{
	const struct logbook *journal = j->r->journal;
	uint64_t what = run_what(&j->order->run, false);

	for (size_t i = logbook_count(journal); i-- > 0;) {
		const struct logbook_entry *e = logbook_at(journal, i);

		if (e->type == ORDER_RUN && e->phase == LOGBOOK_ENDED && e->what == what &&
		    e->ref == j->entry.ref && e->status != OUTCOME_REFUSED)
			return e;
	}
	return NULL;
}

static void after_run(struct job *j, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = command_judge(r, j->argv[0], why, sizeof(why));
	const struct logbook_entry *e = j->target ? logbook_get(j->r->journal, j->target) : NULL;

	if (ret == 0 && e) {
		struct logbook_entry copy = *e;

		copy.phase = LOGBOOK_UNDONE;
		ret = logbook_put(j->r->journal, &copy);
		snprintf(why, sizeof(why), "the runner's journal: %s", strerror(-ret));
	}
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s", why);
	else
		job_end(j, OUTCOME_DONE, 0, "%s: %s", j->argv[0], j->target ? "undone" : "done");
}

void job_run(struct job *j)
{
	struct command_spec spec = { .argv = j->argv, .timeout_ms = RUN_TIMEOUT_MS };
	const struct logbook_entry *e = j->order->run.undo ? find_run(j) : NULL;

	if (j->order->run.undo && !e) {
		job_end(j, OUTCOME_REFUSED, -ENOENT, "%s: no such run to undo", j->argv[0]);
		return;
	}
	j->target = e ? e->id : 0;
	if (job_intent(j) == 0)
		job_command(j, &spec, after_run);
}
