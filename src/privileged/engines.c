/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of engines. There is one that speaks, and for the time of a reload
 * one more that has compiled its configuration and waits: the old one stops at
 * exactly P, saves, and ends; then the new one is told to go on from P. An
 * engine that dies is replaced, with backoff; poison.c asks what it died of.
 */
#include "privileged/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "wire/runner.h"

#define READY_PATIENCE_S 120.	/* compiling a thousand patterns, on a busy machine */
#define STOP_PATIENCE_S 20.
#define END_PATIENCE_S 2.	/* for the runner to tell how a dead engine ended */
#define FRAMES_A_WAKE 32
#define UNANSWERED_MAX 5	/* minutes: rotated parts are read in one go */

static void lost(struct link *l, const char *why);

/* It never waits for an engine: one that does not listen may be captured. */
static int send_fds(struct link *l, const void *p, size_t n, const int *fds, size_t nfds)
{
	int r = outbox_send_fds(l->out, p, n, fds, nfds);

	if (outbox_waiting(l->out))
		ev_io_start(l->m->loop, &l->writable);
	return r;
}

void link_send_fds(struct link *l, const void *p, size_t n, const int *fds, size_t nfds)
{
	int r = send_fds(l, p, n, fds, nfds);

	if (r < 0 && r != -EPIPE)
		log_warning("engine: cannot send: %s", strerror(-r));
}

void link_send(struct link *l, const void *p, size_t n)
{
	link_send_fds(l, p, n, NULL, 0);
}

static void link_say(struct link *l, uint16_t type)
{
	struct message_head h = { .type = type };

	link_send(l, &h, sizeof(h));
}

static void kill_engine(struct monitor *m, uint64_t generation)
{
	struct runner_engine k = {
		.head = { .id = generation, .type = RUNNER_KILL_ENGINE, .len = sizeof(k) },
	};

	root_send(m, &k, sizeof(k), NULL, 0);
}

static void link_free(struct link **lp)
{
	struct link *l = *lp;

	if (!l)
		return;
	ev_io_stop(l->m->loop, &l->readable);
	ev_io_stop(l->m->loop, &l->writable);
	ev_timer_stop(l->m->loop, &l->patience);
	outbox_free(&l->out);
	if (l->sock >= 0)
		close(l->sock);
	if (l->inotify >= 0)
		close(l->inotify);
	if (l->page)
		munmap(l->page, sizeof(*l->page));
	if (l->page_fd >= 0)
		close(l->page_fd);
	policy_unref(&l->policy);
	free(l);
	*lp = NULL;
}

/* ---- starting and stopping */

static void on_again(struct ev_loop *loop, ev_timer *t, int events)
{
	struct monitor *m = t->data;

	(void)loop;
	(void)events;
	if (!m->next && !m->now && !m->stopping)
		engines_start(m, m->policy);
}

static void start_again(struct monitor *m)
{
	double wait = 0;

	if (m->stopping || m->next)
		return;
	if (clock_mono().ms - m->last_start.ms > 60000)
		m->failures = 0;
	if (m->failures > 2)
		wait = m->failures > 8 ? 60. : 0.5 * (double)(1u << (m->failures - 3));
	m->failures++;
	ev_timer_stop(m->loop, &m->again);
	ev_timer_init(&m->again, on_again, wait, 0.);
	m->again.data = m;
	ev_timer_start(m->loop, &m->again);
}

static int send_source(void *arg, const struct message_source *msg, const int *fds, size_t nfds)
{
	struct link *l = ((struct monitor *)arg)->now;

	return l ? send_fds(l, msg, sizeof(*msg), fds, nfds) : -EPIPE;
}

/* Root's part keeps its own copy of the policy. */
static void reconf_runner(struct monitor *m)
{
	struct runner_head h = { .type = RUNNER_RECONF, .len = sizeof(h) };
	int r = root_send(m, &h, sizeof(h), &m->policy->pack_fd, 1);

	if (r < 0) {
		log_err("the runner does not take the configuration: %s", strerror(-r));
		monitor_quit(m, 1);
	}
}

/* A SIGHUP that came while a start or a reload was under way. */
static void reload_if_asked(struct monitor *m)
{
	char why[102];	/* it is logged */

	if (m->reload_again && m->now && !m->next && !m->stopping)
		monitor_reload(m, why);
}

/* `next` is ready and nobody speaks: it does. */
static void promote(struct monitor *m)
{
	struct link *l = m->next;
	bool fresh = m->policy != l->policy || !m->logs;

	m->now = l;
	m->next = NULL;
	l->state = LINK_SPEAKING;
	l->ponged = true;
	ev_timer_stop(m->loop, &l->patience);
	if (fresh) {
		struct firewall_conf conf = {
			.table = l->policy->config->table,
			.scopes = l->policy->config->scopes,
			.nscopes = l->policy->config->nscopes,
			.own = l->policy->config->own_table,
			.counters = l->policy->config->counters,
			.set_size = l->policy->config->set_size,
		};
		struct policy *old = m->policy;
		int r;

		cuts_now(m);	/* their scopes are the old policy's */
		ev_io_stop(m->loop, &m->firewall_readable);
		r = firewall_reconf(m->firewall, &conf);
		monitor_watch_firewall(m);
		if (r < 0)
			log_err("firewall: %s", strerror(-r));
		l->policy->users++;
		m->policy = l->policy;
		if (old != m->policy)
			poison_forget_jails(m);
		if (old != m->policy || !m->logs) {
			if (m->logs)
				ev_io_stop(m->loop, &m->logs_readable);
			logs_free(&m->logs);
			r = logs_new(m->policy->config, send_source, m, &m->logs);
			if (r < 0) {
				log_err("logs: %s", strerror(-r));
				monitor_quit(m, 1);
				return;
			}
			ev_io_set(&m->logs_readable, logs_fd(m->logs), EV_READ);
			ev_io_start(m->loop, &m->logs_readable);
			if (programs_reconf(m, old->config) < 0)
				log_err("logs: out of memory: no command is started");
		}
		policy_unref(&old);
		reconf_runner(m);
		root_resolve(m);
		orders_allow(m);
	}
	poison_send(l);
	logs_send_all(m->logs, l->inotify);
	link_say(l, MSG_GO);
	notes_send(l);
	link_say(l, MSG_PING);	/* answered when it has restored itself and reads */
	log_info("engine speaks generation=%llu jails=%zu", (unsigned long long)l->generation,
		 l->policy->config->njails);
	reload_if_asked(m);
}

static void stop_link(struct link *l)
{
	l->state = LINK_STOPPING;
	link_say(l, MSG_STOP);
	ev_timer_stop(l->m->loop, &l->patience);
	ev_timer_set(&l->patience, STOP_PATIENCE_S, 0.);
	ev_timer_start(l->m->loop, &l->patience);
}

/* What it does is reason enough to be rid of it. */
static void blame(struct link *l, const char *why)
{
	kill_engine(l->m, l->generation);
	l->blamed = true;
	lost(l, why);
}

/*
 * The channel is at its end: it ended, or is about to. How, tells whether an
 * entry is to blame, and the runner is waited for to say it.
 */
static void closed(struct link *l)
{
	if (l->ended || l->state == LINK_STOPPING) {
		lost(l, "its channel closed");
		return;
	}
	l->state = LINK_CLOSED;
	ev_io_stop(l->m->loop, &l->readable);
	ev_timer_stop(l->m->loop, &l->patience);
	ev_timer_set(&l->patience, END_PATIENCE_S, 0.);
	ev_timer_start(l->m->loop, &l->patience);
}

static void on_patience(struct ev_loop *loop, ev_timer *t, int events)
{
	struct link *l = t->data;

	(void)loop;
	(void)events;
	if (l->state == LINK_CLOSED) {
		lost(l, "its channel closed");
		return;
	}
	log_err("engine generation=%llu does not answer, it is killed", (unsigned long long)l->generation);
	blame(l, "did not answer");
}

static void lost(struct link *l, const char *why)
{
	struct monitor *m = l->m;
	bool was_now = l == m->now, stopped = l->state == LINK_STOPPING;

	if (!stopped) {
		log_err("engine generation=%llu is lost: %s", (unsigned long long)l->generation, why);
		poison_death(l);
	}
	if (was_now) {
		m->now = NULL;
		m->reload_asked = 0;	/* who asked it is not there any more */
	} else {
		m->next = NULL;
		orders_reloaded(m, "the new engine did not get ready, see the log; the running configuration stays");
	}
	if (was_now && m->logs)
		logs_detach(m->logs);
	link_free(&l);
	if (m->stopping) {
		if (!m->now && !m->next)
			ev_break(m->loop, EVBREAK_ALL);
		return;
	}
	if (m->next && m->next->state == LINK_READY && !m->now)
		promote(m);
	else if (!m->now && !m->next)
		start_again(m);
	reload_if_asked(m);
}

static int take_found(struct link *l, const struct message_find *q)
{
	struct message_find answer = *q;
	int fds[LOGS_FOUND_MAX];
	size_t n = 0;
	int r;

	if (!memchr(q->path, 0, sizeof(q->path)))
		return -EBADMSG;
	r = logs_find(l->m->logs, q->log, q->path, fds, &n);
	if (r < 0)
		log_warning("log %u: cannot look for rotated parts: %s", q->log, strerror(-r));
	answer.head.type = MSG_FOUND;
	answer.head.count = (uint32_t)n;
	r = send_fds(l, &answer, sizeof(answer), fds, n);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return r == -EPIPE ? 0 : r;
}

static int take_ready(struct link *l)
{
	struct monitor *m = l->m;

	if (l->state != LINK_STARTING)
		return -EBADMSG;
	l->state = LINK_READY;
	ev_timer_stop(m->loop, &l->patience);
	if (!m->now)
		promote(m);
	else if (m->now->state == LINK_SPEAKING) {
		/* Its last answer: whoever asks next is asking the new one. */
		orders_reloaded(m, NULL);
		stop_link(m->now);
	}
	return 0;
}

static int take(struct link *l, const char *p, size_t n, const int *fds, size_t nfds)
{
	const struct message_head *h = (const struct message_head *)p;
	const char *body = p + sizeof(*h);
	bool speaks = l->state == LINK_SPEAKING || l->state == LINK_STOPPING;
	int r;

	if (n < sizeof(*h))
		return -EBADMSG;
	n -= sizeof(*h);
	if (h->type == MSG_READY)
		return n == 0 ? take_ready(l) : -EBADMSG;
	if (!speaks)
		return -EBADMSG;
	switch (h->type) {
	case MSG_ORDERS:
		if (nfds > 1)
			return -EBADMSG;
		r = orders_take(l, body, n, nfds ? fds[0] : -1);
		beside_came(&l->m->beside, h->cpu - 1, n, clock_mono());
		return r;
	case MSG_FIND:
		return n + sizeof(*h) == sizeof(struct message_find) ?
		       take_found(l, (const struct message_find *)p) : -EBADMSG;
	case MSG_ASK:
		return h->count && n == h->count * sizeof(struct message_ask) ?
		       orders_ask(l, (const struct message_ask *)body, h->count) : -EBADMSG;
	case MSG_WANT:
		if (n + sizeof(*h) != sizeof(struct message_want))
			return -EBADMSG;
		if (l->state == LINK_SPEAKING)
			programs_want(l->m, (const struct message_want *)p);
		return 0;
	case MSG_PONG:
		l->ponged = true;
		if (!l->restored && n == 0) {
			l->restored = true;
			monitor_speaks(l->m);
		}
		return n == 0 ? 0 : -EBADMSG;
	case MSG_STOPPED:
		return n == 0 && l->state == LINK_STOPPING ? 0 : -EBADMSG;
	}
	return -EBADMSG;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	static _Alignas(16) char msg[CHANNEL_MAX_BYTES];
	struct link *l = w->data;
	int fds[CHANNEL_MAX_FDS];
	size_t n, nfds;
	int r = 0;

	(void)loop;
	(void)events;
	for (int i = 0; i < FRAMES_A_WAKE; i++) {
		r = channel_recv(l->sock, msg, sizeof(msg), &n, fds, &nfds);
		if (r < 0)
			break;
		r = take(l, msg, n, fds, nfds);
		for (size_t k = 0; k < nfds; k++)
			close(fds[k]);
		if (r < 0)
			break;
	}
	if (r == 0 || r == -EAGAIN)
		return;
	if (r == -EPIPE)
		closed(l);
	else
		blame(l, "it spoke nonsense: broken or captured");
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	struct link *l = w->data;

	(void)events;
	outbox_flush(l->out);
	if (!outbox_waiting(l->out))
		ev_io_stop(loop, w);
}

static int make_page(struct link *l)
{
	l->page_fd = memfd_create("bailiff-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (l->page_fd < 0 || ftruncate(l->page_fd, sizeof(*l->page)) < 0 ||
	    fcntl(l->page_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	l->page = mmap(NULL, sizeof(*l->page), PROT_READ, MAP_SHARED, l->page_fd, 0);
	if (l->page == MAP_FAILED) {
		l->page = NULL;
		return -errno;
	}
	return 0;
}

int engines_start(struct monitor *m, struct policy *p)
{
	struct link *l = calloc(1, sizeof(*l));
	struct runner_engine start = { .head = { .type = RUNNER_START_ENGINE, .len = sizeof(start) } };
	int pair[2], fds[ENGINE_FD_END - ENGINE_FD_CHANNEL], databases[DATABASES], r;

	if (!l)
		return -ENOMEM;
	l->m = m;
	l->sock = l->inotify = l->page_fd = -1;
	l->generation = ++m->generation;
	l->policy = p;
	p->users++;
	ev_init(&l->readable, on_readable);
	ev_init(&l->writable, on_writable);
	ev_init(&l->patience, on_patience);
	l->readable.data = l->writable.data = l->patience.data = l;
	r = make_page(l);
	if (r == 0)
		r = channel_pair(pair);
	if (r < 0)
		goto fail;
	l->sock = pair[0];
	l->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = l->inotify < 0 ? -errno : outbox_new(l->sock, &l->out);
	if (r == 0 && fcntl(l->sock, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = databases_open(m, p->config, databases);
	if (r < 0) {
		close(pair[1]);
		goto fail;
	}
	fds[ENGINE_FD_CHANNEL - 3] = pair[1];
	fds[ENGINE_FD_CONFIG - 3] = p->pack_fd;
	fds[ENGINE_FD_LISTEN - 3] = m->places.control_fd;
	fds[ENGINE_FD_PAGE - 3] = l->page_fd;
	fds[ENGINE_FD_STATE - 3] = m->places.engine_fd;
	fds[ENGINE_FD_INOTIFY - 3] = l->inotify;
	fds[ENGINE_FD_COUNTRY - 3] = databases[DATABASE_COUNTRY];
	fds[ENGINE_FD_ASN - 3] = databases[DATABASE_ASN];
	start.head.id = l->generation;
	r = root_send(m, &start, sizeof(start), fds, ENGINE_FD_END - 3);
	close(pair[1]);
	for (size_t i = 0; i < DATABASES; i++)
		close(databases[i]);
	if (r < 0)
		goto fail;
	ev_io_set(&l->readable, l->sock, EV_READ);
	ev_io_set(&l->writable, l->sock, EV_WRITE);
	ev_io_start(m->loop, &l->readable);
	ev_timer_set(&l->patience, READY_PATIENCE_S, 0.);
	ev_timer_start(m->loop, &l->patience);
	m->last_start = clock_mono();
	m->next = l;
	return 0;
fail:
	log_err("engine: cannot start: %s", strerror(-r));
	link_free(&l);
	return r;
}

/*
 * The runner saw it end. The channel may still hold what the engine said
 * before, so its end is waited for as well.
 */
void engines_ended(struct monitor *m, uint64_t generation, int status)
{
	struct link *l = m->next && m->next->generation == generation ? m->next : m->now;

	if (status != 0)
		log_warning("engine generation=%llu ended by %s %d", (unsigned long long)generation,
			    status & 0x7f ? "signal" : "exit", status & 0x7f ? status & 0x7f : status >> 8);
	if (!l || l->generation != generation)
		return;
	l->ended = true;
	l->status = status;
	if (l->state == LINK_CLOSED)
		lost(l, "its channel closed");
}

void engines_stop(struct monitor *m)
{
	if (m->next) {
		kill_engine(m, m->next->generation);
		link_free(&m->next);
	}
	if (m->now && m->now->state == LINK_CLOSED)
		link_free(&m->now);
	if (m->now && m->now->state != LINK_STOPPING)
		stop_link(m->now);
	else if (!m->now)
		ev_break(m->loop, EVBREAK_ALL);
}

void engines_ping(struct monitor *m)
{
	if (!m->now || m->now->state != LINK_SPEAKING)
		return;
	if (m->now->ponged)
		m->now->unanswered = 0;
	else if (++m->now->unanswered >= UNANSWERED_MAX) {
		blame(m->now, "it has not answered for minutes");
		return;
	}
	m->now->ponged = false;
	link_say(m->now, MSG_PING);
}

bool engines_alive(const struct monitor *m)
{
	return m->now && m->now->state == LINK_SPEAKING;
}
