/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of mail, from old logs: each line once, and of the messages no
 * more at a time than the bounds below. `top` adds up what has to go, so its
 * figures are complete for logs of any length; `trace` keeps what fits.
 */
#include "engine/offline_flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/load.h"
#include "engine/flow/answer.h"
#include "engine/flow/flow_private.h"

#define MESSAGES_MAX 500000
#define BYTES_MAX (512u << 20)

struct flow_job {
	struct parts *parts;
	struct flow_request request;
	struct top_places places;
	struct flow *flow;
	struct top *top;
	struct trace trace;
	char **args;			/* NAME=LOG */
	int nargs;
	uint64_t clamped;
};

static bool top_takes(void *arg, struct flow *f, struct message *m)
{
	struct flow_job *j = arg;

	/* What is older than --since is not wanted. */
	if (!j->request.since_ms)
		top_add(j->top, f, m);
	return false;
}

static int make(struct flow_job *j)
{
	struct flow_options o = {
		.messages_max = MESSAGES_MAX, .bytes_max = BYTES_MAX, .patient = true, .arg = j,
	};
	int r = 0;

	if (j->request.trace) {
		trace_init(&j->trace, &j->parts->config->accounts, j->request.of, j->request.limit);
		o.details = true;
		o.gone = trace_keeps;
		o.arg = &j->trace;
	} else {
		r = top_new(j->request.what, j->request.places, &j->top);
		top_options(j->request.what, &o);
		o.window_ms = j->request.since_ms;
		o.gone = top_takes;
	}
	return r < 0 ? r : flow_new(&j->parts->config->accounts, &o, &j->flow);
}

static bool has_name(const struct config *c, const char *arg)
{
	char name[64];

	if (!strchr(arg, '=') || strcspn(arg, "/") < strcspn(arg, "="))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, "="), arg);
	return config_log(c, name) >= 0;
}

static int name_logs(struct flow_job *j, int n, char **logs)
{
	j->args = calloc((size_t)n + 1, sizeof(*j->args));
	for (int i = 0; i < n && j->args; i++) {
		int r = has_name(j->parts->config, logs[i]) ? asprintf(&j->args[i], "%s", logs[i]) :
			asprintf(&j->args[i], "mail=%s", logs[i]);

		if (r < 0) {
			j->args[i] = NULL;
			return -ENOMEM;
		}
		j->nargs++;
	}
	return j->args ? 0 : -ENOMEM;
}

static bool country_of(void *arg, const struct addr *a, char buf[3])
{
	return geo_country(arg, a, buf);
}

int flow_job_open(struct parts *parts, const struct geo *geo, const char *command,
		  const char *request, int n, char **logs, struct flow_job **ret)
{
	struct flow_job *j = calloc(1, sizeof(*j));
	json_t *args = json_loads(request, JSON_REJECT_DUPLICATES, NULL);
	char why[160];
	int r;

	if (!j)
		return -ENOMEM;
	*ret = j;
	j->parts = parts;
	j->places = (struct top_places){ country_of, (void *)geo };
	if (geo_has(geo, DATABASE_COUNTRY))
		j->request.places = &j->places;
	r = flow_request_read(args, strcmp(command, "trace") == 0, &j->request, why, sizeof(why));
	if (r < 0)
		fprintf(stderr, "bailiff: %s\n", why);
	json_decref(args);
	if (r < 0)
		return r;
	r = name_logs(j, n, logs);
	if (r == 0)
		r = parts_open(parts, j->nargs, j->args);
	return r == 0 ? make(j) : r;
}

struct now { struct flow_job *j; struct part *p; bool told; struct event_time when; };

static struct event_time time_of(void *arg)
{
	struct now *n = arg;

	if (!n->told)
		n->when = prefix_time(n->p->parser, &n->p->entry, &n->p->ctx, &n->p->last[n->p->as],
				      &n->j->clamped);
	n->told = true;
	return n->when;
}

static json_t *answer(struct flow_job *j)
{
	struct flow *f = j->flow;
	int64_t since = j->request.since_ms ? f->newest_ms - j->request.since_ms : INT64_MIN;

	if (j->request.trace)
		return trace_json(&j->trace, f);
	top_add_all(j->top, f, since);
	return top_json(j->top, j->request.by, j->request.limit);
}

int flow_job_run(struct flow_job *j)
{
	json_t *out;
	struct part *p;
	int error = 0, r;

	while ((p = parts_next(j->parts, &error))) {
		struct now now = { .j = j, .p = p };

		flow_take(j->flow, &p->entry, time_of, &now);
	}
	out = answer(j);
	if (!out) {
		fprintf(stderr, "bailiff: out of memory\n");
		return 1;
	}
	json_object_set_new(out, "ok", json_true());
	flow_tell_bounds(j->flow, j->request.trace || j->request.since_ms, out);
	json_object_set_new(out, "lines", json_integer((json_int_t)j->parts->lines));
	r = json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(out);
	putchar('\n');
	return fflush(stdout) != 0 || r < 0 || error < 0 ? 1 : 0;
}

void flow_job_free(struct flow_job **jp)
{
	struct flow_job *j = *jp;

	if (!j)
		return;
	flow_free(&j->flow);
	top_free(&j->top);
	for (int i = 0; i < j->nargs; i++)
		free(j->args[i]);
	free(j->args);
	free(j);
	*jp = NULL;
}
