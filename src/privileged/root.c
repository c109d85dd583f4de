/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's side of its runner, the part that stays root: it is forked
 * here, told here what to do, and what it says goes to whom it concerns:
 * outcomes and listings to orders.c, ended engines to engines.c, ended commands
 * to programs.c. It also asks the resolver, so the names of `allow:` are here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "privileged/monitor.h"
#include "privileged/runner/runner.h"
#include "wire/runner.h"

static void resolved(struct monitor *m, const struct runner_resolved *r)
{
	struct allowed_name *n;

	if (r->head.id >= m->nnames)
		return;
	n = &m->names[r->head.id];
	if (r->error < 0 || r->n == 0 || r->n > RUNNER_ADDRS_MAX) {
		log_warning("allow: %s: %s; %s", n->name, strerror(-r->error),
			    n->n ? "its last good answer stays" : "it allows nobody yet");
		return;
	}
	n->n = r->n;
	memcpy(n->addr, r->addr, r->n * sizeof(r->addr[0]));
	orders_allow(m);
}

int root_send(struct monitor *m, const void *p, size_t n, const int *fds, size_t nfds)
{
	int r = outbox_send_fds(m->runner_out, p, n, fds, nfds);

	if (outbox_waiting(m->runner_out))
		ev_io_start(m->loop, &m->runner_writable);
	return r;
}

void root_resolve(struct monitor *m)
{
	const struct config *c = m->policy->config;
	struct allowed_name *names = calloc(c->nallow + 1, sizeof(*names));
	size_t n = 0;

	if (!names)
		return;
	for (size_t i = 0; i < c->nallow; i++) {
		struct runner_resolve ask = {
			.head = { .id = n, .type = RUNNER_RESOLVE, .len = sizeof(ask) },
		};

		if (c->allow[i].addr.family != ADDR_NONE)
			continue;
		for (size_t k = 0; k < m->nnames; k++)
			if (strcmp(m->names[k].name, c->allow[i].name) == 0)
				names[n] = m->names[k];
		names[n++].name = c->allow[i].name;
		snprintf(ask.name, sizeof(ask.name), "%s", c->allow[i].name);
		root_send(m, &ask, sizeof(ask), NULL, 0);
	}
	free(m->names);
	m->names = names;
	m->nnames = n;
}

static void runner_said(struct monitor *m, const char *p, size_t n, const int *fds, size_t nfds)
{
	const struct runner_head *h = (const struct runner_head *)p;
	const struct runner_engine *e = (const struct runner_engine *)p;
	const struct runner_source_ended *s = (const struct runner_source_ended *)p;

	if (n == sizeof(struct outcome)) {
		orders_outcome(m, (const struct outcome *)p);
		return;
	}
	if (n < sizeof(*h) || h->len != n)
		return;
	if (h->type == RUNNER_RESOLVED && n == sizeof(struct runner_resolved))
		resolved(m, (const struct runner_resolved *)p);
	else if (h->type == RUNNER_ENGINE_ENDED && n == sizeof(*e))
		engines_ended(m, h->id, e->status);
	else if (h->type == RUNNER_LISTING && n == sizeof(struct runner_listing))
		orders_listing(m, (const struct runner_listing *)p, fds, nfds);
	else if (h->type == RUNNER_SOURCE_ENDED && n == sizeof(*s) && memchr(s->why, 0, sizeof(s->why)))
		programs_ended(m, h->id, s->error, s->why);
}

static void on_runner(struct ev_loop *loop, ev_io *w, int events)
{
	static _Alignas(16) char msg[CHANNEL_MAX_BYTES];
	struct monitor *m = w->data;
	int fds[CHANNEL_MAX_FDS], r;
	size_t n, nfds;

	(void)loop;
	(void)events;
	while ((r = channel_recv(m->runner, msg, sizeof(msg), &n, fds, &nfds)) == 0) {
		runner_said(m, msg, n, fds, nfds);
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
	}
	if (r == -EAGAIN || m->stopping)
		return;
	/* Only root can make another, and we are not root any more. */
	log_err("the runner is gone: bailiffd ends, to be started anew; bans stay in force");
	ev_io_stop(m->loop, &m->runner_readable);
	monitor_quit(m, 1);
}

static void on_runner_writable(struct ev_loop *loop, ev_io *w, int events)
{
	struct monitor *m = w->data;

	(void)events;
	outbox_flush(m->runner_out);
	if (!outbox_waiting(m->runner_out))
		ev_io_stop(loop, w);
}

void root_watch(struct monitor *m)
{
	ev_io_init(&m->runner_readable, on_runner, m->runner, EV_READ);
	m->runner_readable.data = m;
	ev_io_start(m->loop, &m->runner_readable);
	ev_io_init(&m->runner_writable, on_runner_writable, m->runner, EV_WRITE);
	m->runner_writable.data = m;
}

int root_fork(struct monitor *m, int engine_fd)
{
	struct runner_start start = {
		.state_fd = m->places.runner_fd, .pack_fd = m->policy->pack_fd,
		.engine_fd = engine_fd, .engine_id = m->engine_id,
	};
	int pair[2], r = channel_pair(pair);

	if (r < 0)
		return r;
	m->runner_pid = fork();
	if (m->runner_pid < 0)
		return -errno;
	if (m->runner_pid == 0) {
		close(pair[0]);
		close(m->places.control_fd);
		close(m->places.emergency_fd);
		close(m->places.engine_fd);
		close(m->places.monitor_fd);
		close(m->places.lock_fd);
		start.sock = pair[1];
		_exit(runner_main(&start));
	}
	close(pair[1]);
	close_fd(&m->places.runner_fd);		/* root's own */
	m->runner = pair[0];
	if (fcntl(m->runner, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return outbox_new(m->runner, &m->runner_out);
}

void root_leave(struct monitor *m)
{
	outbox_free(&m->runner_out);
	close(m->runner);
	waitpid(m->runner_pid, NULL, 0);
}
