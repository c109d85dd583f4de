/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORDER_QUEUE_LIST: what `postqueue -j` says of each Postfix instance goes to
 * the engine as it is, a file each: it holds strangers' bytes, and reading
 * them is not root's business. The engine answers with ids and times, which
 * are looked at once more (hold.c) before anything is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "privileged/runner/postfix.h"

static void list_free(void **work)
{
	postfix_close(*work);
	free(*work);
	*work = NULL;
}

static void listed(struct job *j)
{
	struct postfix *p = j->work;
	size_t told = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct runner_listing l = {
			.head = { .id = j->entry.id, .type = RUNNER_LISTING, .len = sizeof(l) },
			.name = p->v[i].name, .home = p->v[i].home,
		};

		if (p->v[i].listing < 0)
			continue;
		memcpy(l.dir, p->v[i].dir, sizeof(l.dir));
		runner_send_fd(j->r, &l, sizeof(l), p->v[i].listing);
		told++;
	}
	/* The code: how many of the instances were listed. */
	if (told == 0)
		job_end(j, OUTCOME_FAILED, -EIO, "%s", p->why);
	else
		job_end(j, OUTCOME_DONE, (int)told, "%s", p->why);
}

static void list(struct job *j)
{
	postfix_list(j, listed);
}

void job_queue_list(struct job *j)
{
	struct postfix *p = calloc(1, sizeof(*p));

	if (!p) {
		job_end(j, OUTCOME_FAILED, -ENOMEM, "out of memory");
		return;
	}
	postfix_init(p, j->r->config);
	j->work = p;
	j->work_free = list_free;
	if (p->n > 1)
		postfix_learn(j, list);
	else
		list(j);
}
