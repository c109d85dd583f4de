/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands as sources of logs: when they run. The engine says which logs a
 * jail of its reads, so that a command whose jails are off is not started; the
 * runner starts them; here are the clock, the backoff and the pipes.
 *
 * One with an interval is run again for a new engine, since half a listing is
 * none. One that follows goes on over the hand-over from engine to engine: its
 * pipe is held here, too, and what it says meanwhile waits in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "privileged/monitor.h"
#include "wire/runner.h"

#define STEADY_MS 60000		/* one that followed this long did well */
#define BACKOFF_MAX_S 3600.
#define SPACING_MS 1000		/* from start to start, whatever the engine wants and wants no more */
#define FOLLOW_BACKOFF_MAX_S 300.

struct one {
	struct monitor *m;
	uint16_t log;
	bool wanted, unwell;
	bool killed;		/* by us: its end is no failure */
	uint64_t run;		/* 0: it does not run */
	uint64_t generation;	/* of the engine that has its pipe */
	int pipe;		/* of one that follows: read end; else -1 */
	bool resting;		/* its time has come, but nothing has happened */
	uint64_t lines;		/* the page's, when it was last started */
	unsigned failures;	/* in a row */
	struct mono started;
	ev_timer next;
	char why[RUNNER_WHY_MAX];
};

struct programs {
	size_t n;
	struct one v[];		/* as config.logs */
};

static const struct log_conf *conf_of(const struct one *o)
{
	return &o->m->policy->config->logs[o->log];
}

static void kill_run(struct one *o)
{
	struct runner_source k = {
		.head = { .id = o->run, .type = RUNNER_KILL_SOURCE, .len = sizeof(k) }, .log = o->log,
	};

	if (o->run && !o->killed)
		root_send(o->m, &k, sizeof(k), NULL, 0);
	o->killed = o->run;
	close_fd(&o->pipe);
}

/* ---- to the engine */

static void hand_over(struct one *o, int fd)
{
	struct message_source msg = { .head = { .type = MSG_COMMAND }, .log = o->log, .wd = -1 };
	const struct strings *argv = &conf_of(o)->command;
	size_t n = 0;

	for (size_t i = 0; i < argv->n && n < sizeof(msg.path); i++)
		n += (size_t)snprintf(msg.path + n, sizeof(msg.path) - n, "%s%s", i ? " " : "", argv->v[i]);
	o->generation = o->m->now->generation;
	link_send_fds(o->m->now, &msg, sizeof(msg), &fd, 1);
}

static void tell_end(struct one *o, int error, const char *why)
{
	struct message_ran msg = { .head = { .type = MSG_RAN }, .log = o->log, .error = error };

	snprintf(msg.why, sizeof(msg.why), "%s", why);
	if (engines_alive(o->m) && o->m->now->generation == o->generation)
		link_send(o->m->now, &msg, sizeof(msg));
}

/* ---- one run */

static void begin(struct one *o)
{
	struct runner_source start = {
		.head = { .type = RUNNER_START_SOURCE, .len = sizeof(start) }, .log = o->log,
	};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		log_err("log %s: no pipe: %m", conf_of(o)->name);
		return;
	}
	o->run = start.head.id = ++o->m->source_runs;
	o->killed = false;
	o->started = clock_mono();
	o->lines = o->m->now->page->lines;
	root_send(o->m, &start, sizeof(start), &ends[1], 1);
	close(ends[1]);
	hand_over(o, ends[0]);
	if (conf_of(o)->interval_ms)
		close(ends[0]);
	else
		o->pipe = ends[0];
}

/* The page is the engine's; it can only wake us or let us sleep. */
static bool is_idle(const struct one *o)
{
	return conf_of(o)->skip_idle && o->started.ms && !o->unwell && o->m->now->page->lines == o->lines;
}

static void on_next(struct ev_loop *loop, ev_timer *t, int events)
{
	struct one *o = t->data;

	(void)loop;
	(void)events;
	if (!o->wanted || o->run || !engines_alive(o->m))
		return;
	o->resting = is_idle(o);
	if (!o->resting)
		begin(o);
}

void programs_tick(struct monitor *m)
{
	for (size_t i = 0; m->programs && i < m->programs->n; i++) {
		struct one *o = &m->programs->v[i];

		if (o->resting)
			on_next(m->loop, &o->next, 0);
	}
}

static void begin_in(struct one *o, double seconds)
{
	ev_timer_stop(o->m->loop, &o->next);
	ev_timer_set(&o->next, seconds > 0 ? seconds : 0, 0.);
	ev_timer_start(o->m->loop, &o->next);
}

/* As soon as may be. */
static double at_once(const struct one *o)
{
	int64_t age = clock_mono().ms - o->started.ms;

	return o->started.ms > 0 && age < SPACING_MS ? (double)(SPACING_MS - age) / 1000 : 0;
}

static double doubled(double first, unsigned failures, double most)
{
	double s = first * (double)(1u << (failures > 16 ? 16 : failures));

	return s > most ? (first > most ? first : most) : s;
}

/* From start to start, so that a slow command is run no less often. */
static double pause_of(const struct one *o)
{
	double took = (double)(clock_mono().ms - o->started.ms) / 1000;
	double interval = (double)conf_of(o)->interval_ms / 1000;

	if (interval <= 0)
		return doubled(1, o->failures - 1, FOLLOW_BACKOFF_MAX_S);
	return doubled(interval, o->failures > 0 ? o->failures - 1 : 0, BACKOFF_MAX_S) - took;
}

/* Said when it begins and when it is over, not every minute. */
static void say(struct one *o, int error, const char *why)
{
	const char *name = conf_of(o)->name;

	if (error < 0 && (!o->unwell || strcmp(why, o->why) != 0))
		log_warning("log %s: %s", name, why);
	else if (error == 0 && o->unwell)
		log_info("log %s: its command works again", name);
	o->unwell = error < 0;
	snprintf(o->why, sizeof(o->why), "%s", why);
}

static void ended(struct one *o, int error, const char *why)
{
	bool follows = !conf_of(o)->interval_ms;

	o->run = 0;
	close_fd(&o->pipe);
	if (!o->wanted)
		return;
	if (follows && error == 0) {
		error = -EPIPE;
		why = "its command ended";
	}
	if (follows && clock_mono().ms - o->started.ms >= STEADY_MS)
		o->failures = 0;
	o->failures = error < 0 ? o->failures + 1 : 0;
	say(o, error, why);
	tell_end(o, error, why);
	begin_in(o, pause_of(o));
}

void programs_ended(struct monitor *m, uint64_t run, int error, const char *why)
{
	for (size_t i = 0; m->programs && i < m->programs->n; i++) {
		struct one *o = &m->programs->v[i];

		if (o->run != run || run == 0)
			continue;
		if (o->killed) {
			o->run = 0;
			if (o->wanted)
				begin_in(o, at_once(o));	/* for a new engine */
			return;
		}
		ended(o, error, why);
		return;
	}
}

/* ---- what is wanted */

static void want(struct one *o, bool wanted)
{
	const struct log_conf *conf = conf_of(o);

	wanted = wanted && conf->has_command && conf->prefer == PREFER_COMMAND;
	o->wanted = wanted;
	if (!wanted) {
		ev_timer_stop(o->m->loop, &o->next);
		kill_run(o);
	} else if (!o->run) {
		if (!ev_is_active(&o->next))
			begin_in(o, at_once(o));
	} else if (!o->killed && o->generation != o->m->now->generation) {
		if (conf->interval_ms)
			kill_run(o);
		else
			hand_over(o, o->pipe);
	}
}

void programs_want(struct monitor *m, const struct message_want *w)
{
	for (size_t i = 0; m->programs && i < m->programs->n; i++)
		want(&m->programs->v[i], w->logs[i / 64] >> (i % 64) & 1);
}

/* ---- another configuration */

static bool same_command(const struct log_conf *a, const struct log_conf *b)
{
	bool same = strcmp(a->name, b->name) == 0 && a->interval_ms == 0 && b->interval_ms == 0 &&
		    a->form == b->form && a->command.n == b->command.n;

	for (size_t i = 0; same && i < a->command.n; i++)
		same = strcmp(a->command.v[i], b->command.v[i]) == 0;
	return same;
}

/* One that follows is not ended because something else was changed. */
static void carry_over(struct one *from, const struct log_conf *conf, struct programs *to,
		       const struct config *c)
{
	for (size_t i = 0; from->run && from->pipe >= 0 && i < c->nlogs; i++) {
		struct one *o = &to->v[i];

		if (!same_command(conf, &c->logs[i]))
			continue;
		o->run = from->run;
		o->pipe = from->pipe;
		o->started = from->started;
		o->generation = from->generation;
		from->run = 0;
		from->pipe = -1;
	}
}

int programs_reconf(struct monitor *m, const struct config *before)
{
	const struct config *c = m->policy->config;
	struct programs *fresh = calloc(1, sizeof(*fresh) + c->nlogs * sizeof(fresh->v[0]));

	if (!fresh)
		return -ENOMEM;
	fresh->n = c->nlogs;
	for (size_t i = 0; i < c->nlogs; i++) {
		fresh->v[i] = (struct one){ .m = m, .log = (uint16_t)i, .pipe = -1 };
		ev_init(&fresh->v[i].next, on_next);
		fresh->v[i].next.data = &fresh->v[i];
	}
	for (size_t i = 0; m->programs && i < m->programs->n; i++) {
		carry_over(&m->programs->v[i], &before->logs[i], fresh, c);
		ev_timer_stop(m->loop, &m->programs->v[i].next);
		kill_run(&m->programs->v[i]);
	}
	free(m->programs);
	m->programs = fresh;
	return 0;
}
