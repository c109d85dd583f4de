/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emergency socket: what root must be able to do while the engine is
 * down. One line in, one line out, then the connection ends:
 *
 *   unban ADDR[/LEN]   from every scope      ok N | none
 *   unban --all        every ban             ok N
 *   teardown           the table, and we end ok
 *   status             the engine's state    ok engine=up|down runner=up
 *
 * The socket file is root's (0600) and the peer's credentials are checked as
 * well. Reading waits at most a second: root is trusted not to be slower.
 */
#include "privileged/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

static void reply(int sock, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void reply(int sock, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	send(sock, line, (size_t)n, MSG_NOSIGNAL);
}

static void unban_one(struct monitor *m, int sock, const char *arg)
{
	struct firewall_ban ban = { .scope = FIREWALL_ANY_SCOPE, .remove = true };
	bool by_hand;
	int r;

	if (addr_parse(span_of(arg), &ban.addr) < 0) {
		reply(sock, "error not an address\n");
		return;
	}
	hand_remove(m->hand, HAND_BAN, &ban.addr, NULL, &by_hand);
	r = firewall_apply(m->firewall, &ban, 1, clock_wall());
	r = r < 0 ? r : ban.error;
	log_info("emergency unban addr=%s found=%d", arg, ban.was_there);
	if (r < 0)
		reply(sock, "error %s\n", strerror(-r));
	else
		reply(sock, ban.was_there ? "ok 1\n" : "none\n");
}

/* The table goes and comes again empty: one call, whatever it held. */
static void unban_all(struct monitor *m, int sock)
{
	const struct config *c = m->policy->config;
	struct firewall_conf conf = {
		.table = c->table, .scopes = c->scopes, .nscopes = c->nscopes,
		.own = c->own_table, .counters = c->counters, .set_size = c->set_size,
	};
	struct firewall_status st = { 0 };
	const struct hand_item *item;
	bool found;
	size_t at = 0;
	int r;

	firewall_status(m->firewall, &st);
	while ((item = hand_next(m->hand, HAND_BAN, (struct wall){ 0 }, &at))) {
		struct hand_item copy = *item;

		hand_remove(m->hand, HAND_BAN, &copy.addr, copy.name, &found);
		at = 0;
	}
	ev_io_stop(m->loop, &m->firewall_readable);
	firewall_close(&m->firewall);
	firewall_teardown(c->table);
	r = firewall_open(&conf, &m->firewall);
	if (r < 0) {
		reply(sock, "error %s\n", strerror(-r));
		monitor_quit(m, 1);
		return;
	}
	monitor_watch_firewall(m);
	orders_allow(m);
	log_info("emergency unban all bans=%zu", st.wanted);
	reply(sock, "ok %zu\n", st.wanted);
}

static void obey(struct monitor *m, int sock, char *line)
{
	line[strcspn(line, "\r\n")] = 0;
	if (strcmp(line, "teardown") == 0) {
		reply(sock, "ok\n");
		monitor_teardown(m);
	} else if (strcmp(line, "status") == 0) {
		reply(sock, "ok engine=%s runner=up\n", engines_alive(m) ? "up" : "down");
	} else if (strcmp(line, "unban --all") == 0) {
		unban_all(m, sock);
	} else if (strncmp(line, "unban ", 6) == 0) {
		unban_one(m, sock, line + 6);
	} else {
		reply(sock, "error unknown request\n");
	}
}

static void on_connection(struct ev_loop *loop, ev_io *w, int events)
{
	struct monitor *m = w->data;
	_cleanup_(close_fd) int sock = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char line[128];
	ssize_t n;

	(void)loop;
	(void)events;
	if (sock < 0)
		return;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0) {
		reply(sock, "error only root\n");
		return;
	}
	if (poll(&p, 1, 1000) != 1)
		return;
	n = recv(sock, line, sizeof(line) - 1, 0);
	if (n <= 0)
		return;
	line[n] = 0;
	obey(m, sock, line);
}

void emergency_start(struct monitor *m)
{
	ev_io_init(&m->emergency_readable, on_connection, m->places.emergency_fd, EV_READ);
	m->emergency_readable.data = m;
	ev_io_start(m->loop, &m->emergency_readable);
}
