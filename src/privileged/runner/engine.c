/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engines that bailiffd asks for, as long as they live: started (spawn.c),
 * killed, and their end told. Two at most are alive at a time, the speaking
 * one and its successor; a few more are allowed for while they die.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "privileged/runner/job.h"
#include "privileged/runner/spawn.h"

#define NOT_STARTED (71 << 8)	/* as if it had ended with EX_OSERR */

static void tell_end(struct runner *r, uint64_t generation, int status)
{
	struct runner_engine e = {
		.head = { generation, RUNNER_ENGINE_ENDED, 0, sizeof(e) }, .status = status,
	};

	runner_send(r, &e, sizeof(e));
}

static void on_end(struct ev_loop *loop, ev_child *w, int revents)
{
	struct engine *e = w->data;

	(void)revents;
	ev_child_stop(loop, w);
	e->pid = 0;
	tell_end(e->r, e->generation, w->rstatus);
}

void engine_start(struct runner *r, uint64_t generation, const int *fds, size_t nfds)
{
	struct engine *e = r->engines;
	int ret;

	while (e < r->engines + ENGINES_MAX && e->pid)
		e++;
	if (e == r->engines + ENGINES_MAX)
		ret = -EBUSY;
	else
		ret = spawn_engine(r->start->engine_fd, r->start->engine_id, fds, nfds, &e->pid);
	if (ret < 0) {
		log_err("engine generation=%llu not started: %s", (unsigned long long)generation,
			strerror(-ret));
		tell_end(r, generation, NOT_STARTED);
		return;
	}
	e->r = r;
	e->generation = generation;
	ev_child_init(&e->child, on_end, e->pid, 0);
	e->child.data = e;
	ev_child_start(r->loop, &e->child);
}

void engine_kill(struct runner *r, uint64_t generation)
{
	for (size_t i = 0; i < ENGINES_MAX; i++)
		if (r->engines[i].pid && r->engines[i].generation == generation)
			kill(r->engines[i].pid, SIGKILL);
}
