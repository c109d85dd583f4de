/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that logs are read from. bailiffd says when; which command it is
 * stands in root's own configuration. What it prints goes straight into a pipe
 * that ends at the engine, so that no byte of it is seen here; of its standard
 * error the first line tells why it failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "privileged/runner/job.h"

#define RUN_TIMEOUT_MS 60000	/* of a run with `interval`; docs/jails.md names it */

struct source_run {
	struct source_run *next;
	struct runner *r;
	uint64_t id;
	char name[64];
	struct command *command;
	char **argv;
};

static void tell(struct runner *r, uint64_t id, int error, const char *why)
{
	struct runner_source_ended e = {
		.head = { id, RUNNER_SOURCE_ENDED, 0, sizeof(e) }, .error = error,
	};

	snprintf(e.why, sizeof(e.why), "%s", why);
	runner_send(r, &e, sizeof(e));
}

static void let_go(struct source_run *s)
{
	struct source_run **p = &s->r->sources;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	argv_free(&s->argv);
	free(s);
}

static void on_end(void *arg, const struct command_result *result)
{
	struct source_run *s = arg;
	char why[RUNNER_WHY_MAX] = "";
	int r = command_judge(result, s->name, why, sizeof(why));

	tell(s->r, s->id, r, why);
	let_go(s);
}

/* `postqueue` in a listing of the queue is whatever the helper is. */
static int argv_of(const struct config *c, const struct log_conf *log, char ***ret)
{
	const struct strings whole = log->command;
	const char **more;
	int r;

	if (log->form != FORM_QUEUE || strcmp(whole.v[0], "postqueue") != 0)
		return argv_make(&whole, (const char *const []){ NULL }, ret);
	more = calloc(whole.n, sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (size_t i = 1; i < whole.n; i++)
		more[i - 1] = whole.v[i];
	r = argv_make(&c->helpers.postqueue, more, ret);
	free(more);
	return r;
}

static int start(struct source_run *s, const struct log_conf *log, int fd)
{
	struct command_spec spec = {
		.output_fd = fd, .timeout_ms = log->interval_ms ? RUN_TIMEOUT_MS : 0,
		.ret_command = &s->command,
	};
	int r = argv_of(s->r->config, log, &s->argv);

	if (r < 0)
		return r;
	spec.argv = s->argv;
	snprintf(s->name, sizeof(s->name), "%s", s->argv[0]);
	return command_start(s->r->loop, &spec, on_end, s);
}

void source_start(struct runner *r, uint64_t id, uint16_t log, int fd)
{
	struct source_run *s;
	int e;

	if (fd < 0 || log >= r->config->nlogs || !r->config->logs[log].has_command) {
		tell(r, id, -EINVAL, "no such command");
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		tell(r, id, -ENOMEM, strerror(ENOMEM));
		return;
	}
	*s = (struct source_run){ .next = r->sources, .r = r, .id = id };
	r->sources = s;
	e = start(s, &r->config->logs[log], fd);
	if (e == 0)
		return;
	tell(r, id, e, strerror(-e));
	let_go(s);
}

void source_end(struct runner *r, uint64_t id)
{
	for (struct source_run *s = r->sources; s; s = s->next)
		if (s->id == id)
			command_end(s->command);
}

void source_end_all(struct runner *r)
{
	while (r->sources) {
		command_kill(&r->sources->command);
		let_go(r->sources);
	}
}
