/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORDER_KICK: the account's Dovecot sessions end, and a password that auth
 * still has in its cache is forgotten. One doveadm for each spelling of the
 * name, one after the other; that nobody was on is fine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "privileged/runner/job.h"
#include "privileged/runner/names.h"

#define HELPER_TIMEOUT_MS 5000	/* the lock waits behind it */
#define NO_PROGRAM 127	/* what command.c gives where argv[0] is not there */
#define NOBODY_ON 68	/* EX_NOHOST, what doveadm-kick(1) ends with */

struct kick {
	struct names names;
	size_t at;		/* the name in its turn; names.n: the cache */
	unsigned kicked;	/* names that had sessions */
	char why[TEMPLATE_WHY_MAX];	/* the first thing that went wrong */
};

static void kick_free(void **work)
{
	free(*work);
	*work = NULL;
}

static void next(struct job *j);

static void note(struct kick *k, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];

	if (command_judge(r, "doveadm", why, sizeof(why)) < 0 && !k->why[0])
		memcpy(k->why, why, sizeof(why));
}

static void after_kick(struct job *j, const struct command_result *r)
{
	struct kick *k = j->work;
	bool ended = r->error == 0 && !r->timed_out && WIFEXITED(r->status);

	if (ended && WEXITSTATUS(r->status) == NO_PROGRAM) {
		job_end(j, OUTCOME_REFUSED, -ENOENT, "no Dovecot here: there is no doveadm");
		return;
	}
	if (ended && WEXITSTATUS(r->status) == 0)
		k->kicked++;
	else if (!ended || WEXITSTATUS(r->status) != NOBODY_ON)
		note(k, r);
	k->at++;
	if (r->timed_out)	/* it would hang for the other names as well */
		job_end(j, OUTCOME_FAILED, -ETIMEDOUT, "%s", k->why);
	else
		next(j);
}

static void after_flush(struct job *j, const struct command_result *r)
{
	struct kick *k = j->work;

	note(k, r);
	if (k->why[0])
		job_end(j, OUTCOME_FAILED, -EIO, "%s", k->why);
	else
		job_end(j, OUTCOME_DONE, 0, "%s", k->kicked ? "its sessions are ended" : "nobody was on");
}

static void doveadm(struct job *j, const char *const *words,
		    void (*step)(struct job *j, const struct command_result *r))
{
	struct command_spec spec = { .timeout_ms = HELPER_TIMEOUT_MS };
	char **argv = NULL;
	int ret = argv_make(&j->r->config->helpers.doveadm, words, &argv);

	spec.argv = argv;
	if (ret < 0)
		step(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, step);
	argv_free(&argv);
}

static void next(struct job *j)
{
	struct kick *k = j->work;
	const char *flush[NAMES_MAX + 4] = { "auth", "cache", "flush", NULL };

	if (k->at < k->names.n) {
		doveadm(j, (const char *[]){ "kick", k->names.v[k->at], NULL }, after_kick);
		return;
	}
	for (size_t i = 0; i < k->names.n; i++)
		flush[3 + i] = k->names.v[i];
	doveadm(j, flush, after_flush);
}

void job_kick(struct job *j)
{
	struct kick *k = calloc(1, sizeof(*k));
	char why[TEMPLATE_WHY_MAX] = "out of memory, or a name that doveadm would misread";
	int ret = k ? policy_account(j->r, j->kind->type, j->entry.name, false, j->again, why) : -ENOMEM;

	if (ret == 0)
		ret = names_of(&j->r->config->accounts, j->entry.name, &k->names);
	if (ret < 0) {
		free(k);
		job_end(j, OUTCOME_REFUSED, ret, "%s", why);
		return;
	}
	j->work = k;
	j->work_free = kick_free;
	if (job_intent(j) == 0)
		next(j);
}
