/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a banned peer feels: a host and a peer in two network namespaces, joined
 * by a veth pair; connections between them are made, cut and kept.
 *
 *	host  10.9.0.1/24  2001:db8:9::1/64		listens on 25, 80
 *	peer  10.9.0.2, .3/24  2001:db8:9::2/64		listens on 25
 *	      10.8.0.1/32  2001:db8:a::1/128		(other networks)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "netns.h"
#include "privileged/firewall/firewall.h"

#define DROPPED_MS 300		/* nothing came within this: it was dropped */
#define ANSWERED_MS 5000

enum { HOST, PEER };
static int ns[2] = { -1, -1 };
static int listeners[4];
static pid_t keeper;		/* keeps the peer's namespace, for ip(8) */

static uint16_t mail_ports[] = { 25, 587 };
static struct scope scopes[] = {
	{ (char *)"all", 0, NULL }, { (char *)"mail", 2, mail_ports },
};
enum { ALL, MAIL };

static struct firewall *fw;
static struct sockets *cutter;

/* ---- the two ends ---- */

static void enter(int side)
{
	assert_int_equal(setns(ns[side], CLONE_NEWNET), 0);
}

static socklen_t make_address(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (void *)ret;
	struct sockaddr_in *v4 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static int socket_at(int side, const char *address, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = make_address(address, port, &sa);
	int on = 1, fd;

	enter(side);
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	enter(HOST);
	return fd;
}

static int listen_at(int side, const char *address, uint16_t port)
{
	int fd = socket_at(side, address, port);

	assert_int_equal(listen(fd, 512), 0);
	return fd;
}

/* A connection from an address to another; -1: it did not come about. */
static int dial(int side, const char *from, const char *to, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = make_address(to, port, &sa);
	int fd = socket_at(side, from, 0), error = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(error);

	connect(fd, (struct sockaddr *)&sa, len);
	if (poll(&p, 1, DROPPED_MS) == 1 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0)
		return fd;
	close(fd);
	return -1;
}

static bool can_dial(int side, const char *from, const char *to, uint16_t port)
{
	int fd = dial(side, from, to, port);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int take(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&p, 1, ANSWERED_MS), 1);
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Does what is written at one end come out at the other? */
static bool passes(int from, int to, int wait_ms)
{
	struct pollfd p = { .fd = to, .events = POLLIN };
	char c = 'x';

	return send(from, &c, 1, MSG_NOSIGNAL) == 1 && poll(&p, 1, wait_ms) == 1 &&
	       recv(to, &c, 1, 0) == 1;
}

/* A connection and its end on the host. */
struct pair { int peer, host; };

static uint16_t port_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in6 sa;		/* the port is where sockaddr_in has it */
	socklen_t len = sizeof(sa);

	assert_int_equal(get(fd, (struct sockaddr *)&sa, &len), 0);
	return sa.sin6_port;
}

static struct pair join(const char *from, const char *to, uint16_t port, int listener)
{
	struct pair p = { dial(PEER, from, to, port), -1 };

	assert_true(p.peer >= 0);
	/* Those that only tried are first in the queue. */
	while (p.host < 0) {
		p.host = take(listener);
		if (port_of(p.host, getpeername) != port_of(p.peer, getsockname)) {
			close(p.host);
			p.host = -1;
		}
	}
	return p;
}

static void part(struct pair *p)
{
	close(p->peer);
	close(p->host);
}

/* ---- the firewall ---- */

static struct firewall_ban make_ban(const char *addr, uint16_t scope, bool remove)
{
	struct firewall_ban e = { .scope = scope, .remove = remove,
				  .until.ms = clock_wall().ms + 60000 };

	assert_int_equal(addr_parse(span_of(addr), &e.addr), 0);
	return e;
}

static void change(const char *addr, uint16_t scope, bool remove)
{
	struct firewall_ban e = make_ban(addr, scope, remove);

	assert_int_equal(firewall_apply(fw, &e, 1, clock_wall()), 0);
	assert_int_equal(e.error, 0);
}

static size_t cut(const char *addr, uint16_t scope)
{
	struct firewall_ban e = make_ban(addr, scope, false);
	size_t n = SIZE_MAX;

	assert_int_equal(sockets_cut(cutter, scopes, &e, 1, &n), 0);
	return n;
}

/* ---- the tests ---- */

static const struct {
	const char *name, *peer, *host, *prefix;
	bool hit;
} prefixes[] = {
	{ "v4 host", "10.9.0.2", "10.9.0.1", "10.9.0.2", true },
	{ "v4 other host", "10.9.0.3", "10.9.0.1", "10.9.0.2", false },
	{ "v4 /24", "10.8.0.1", "10.9.0.1", "10.8.0.0/24", true },
	{ "v4 other /24", "10.8.0.1", "10.9.0.1", "10.8.1.0/24", false },
	{ "v4 /16", "10.8.0.1", "10.9.0.1", "10.8.0.0/16", true },
	{ "v4 other /16", "10.8.0.1", "10.9.0.1", "10.7.0.0/16", false },
	{ "v4 /8", "10.8.0.1", "10.9.0.1", "10.0.0.0/8", true },
	{ "v4 /9", "10.8.0.1", "10.9.0.1", "10.128.0.0/9", false },
	{ "v6 host", "2001:db8:9::2", "2001:db8:9::1", "2001:db8:9::2", true },
	{ "v6 other host", "2001:db8:9::2", "2001:db8:9::1", "2001:db8:9::3", false },
	{ "v6 /64", "2001:db8:a::1", "2001:db8:9::1", "2001:db8:a::/64", true },
	{ "v6 own /64", "2001:db8:9::2", "2001:db8:9::1", "2001:db8:9::/64", true },
	{ "v6 other /64", "2001:db8:a::1", "2001:db8:9::1", "2001:db8:a:1::/64", false },
	{ "v6 /48", "2001:db8:a::1", "2001:db8:9::1", "2001:db8:a::/48", true },
	{ "v6 /32", "2001:db8:a::1", "2001:db8:9::1", "2001:db8::/32", true },
};

static void drops_what_is_banned(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		bool mail, web;

		change(prefixes[i].prefix, MAIL, false);
		mail = can_dial(PEER, prefixes[i].peer, prefixes[i].host, 25);
		web = can_dial(PEER, prefixes[i].peer, prefixes[i].host, 80);
		change(prefixes[i].prefix, MAIL, true);
		if (mail == prefixes[i].hit || !web)
			fail_msg("%s: mail %d, web %d", prefixes[i].name, mail, web);
		if (!can_dial(PEER, prefixes[i].peer, prefixes[i].host, 25))
			fail_msg("%s: still banned", prefixes[i].name);
	}
}

static void silences_and_cuts_connections(void **state)
{
	struct pair bad, web, neighbour, bad6;
	char c;

	(void)state;
	bad = join("10.9.0.2", "10.9.0.1", 25, listeners[0]);
	web = join("10.9.0.2", "10.9.0.1", 80, listeners[1]);
	neighbour = join("10.9.0.3", "10.9.0.1", 25, listeners[0]);
	bad6 = join("2001:db8:9::2", "2001:db8:9::1", 25, listeners[0]);
	change("10.9.0.2", MAIL, false);
	assert_false(passes(bad.peer, bad.host, DROPPED_MS));
	assert_true(passes(web.peer, web.host, ANSWERED_MS));
	assert_true(passes(neighbour.peer, neighbour.host, ANSWERED_MS));
	/* v4 on a dual-stack listener: an IPv4-mapped socket. */
	assert_int_equal(cut("10.9.0.2", MAIL), 1);
	assert_int_equal(recv(bad.host, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_true(passes(neighbour.peer, neighbour.host, ANSWERED_MS));
	assert_true(passes(web.peer, web.host, ANSWERED_MS));
	assert_true(passes(bad6.peer, bad6.host, ANSWERED_MS));
	assert_int_equal(cut("2001:db8:9::/64", MAIL), 1);
	assert_int_equal(recv(bad6.host, &c, 1, 0), -1);
	assert_int_equal(cut("10.9.0.2", ALL), 1);
	assert_int_equal(recv(web.host, &c, 1, 0), -1);
	change("10.9.0.2", MAIL, true);
	part(&bad);
	part(&web);
	part(&neighbour);
	part(&bad6);
}

static void our_mail_to_a_banned_host_goes_out(void **state)
{
	int out, in;

	(void)state;
	out = dial(HOST, "10.9.0.1", "10.9.0.2", 25);
	assert_true(out >= 0);
	in = take(listeners[2]);
	change("10.9.0.2", MAIL, false);
	assert_int_equal(cut("10.9.0.2", MAIL), 0);
	assert_int_equal(cut("10.9.0.2", ALL), 0);
	assert_true(passes(out, in, ANSWERED_MS));
	assert_true(passes(in, out, ANSWERED_MS));
	close(in);
	close(out);
	out = dial(HOST, "10.9.0.1", "10.9.0.2", 25);
	assert_true(out >= 0);
	in = take(listeners[2]);
	assert_true(passes(in, out, ANSWERED_MS));
	close(in);
	close(out);
	assert_false(can_dial(PEER, "10.9.0.2", "10.9.0.1", 25));
	/* `all` cuts the replies, too: it says so. */
	change("10.9.0.2", ALL, false);
	assert_false(can_dial(HOST, "10.9.0.1", "10.9.0.2", 25));
	change("10.9.0.2", FIREWALL_ANY_SCOPE, true);
	assert_true(can_dial(HOST, "10.9.0.1", "10.9.0.2", 25));
}

static void allowed_is_never_dropped(void **state)
{
	struct addr allow[2];

	(void)state;
	assert_int_equal(addr_parse(span_of("10.9.0.3"), &allow[0]), 0);
	assert_int_equal(addr_parse(span_of("2001:db8:9::/64"), &allow[1]), 0);
	change("10.9.0.0/24", ALL, false);
	change("2001:db8:9::2", MAIL, false);
	assert_false(can_dial(PEER, "10.9.0.3", "10.9.0.1", 25));
	assert_false(can_dial(PEER, "2001:db8:9::2", "2001:db8:9::1", 25));
	assert_int_equal(firewall_allow(fw, allow, 2), 0);
	assert_true(can_dial(PEER, "10.9.0.3", "10.9.0.1", 25));
	assert_true(can_dial(PEER, "2001:db8:9::2", "2001:db8:9::1", 25));
	assert_false(can_dial(PEER, "10.9.0.2", "10.9.0.1", 25));
	assert_int_equal(firewall_allow(fw, NULL, 0), 0);
	assert_false(can_dial(PEER, "10.9.0.3", "10.9.0.1", 25));
	change("10.9.0.0/24", ALL, true);
	change("2001:db8:9::2", MAIL, true);
}

/* The network that we live in is banned for all: neighbours are still found. */
static void neighbour_discovery_goes_on(void **state)
{
	char out[4096];

	(void)state;
	change("2001:db8:9::/64", ALL, false);
	enter(PEER);
	RUN("ip", "-6", "neigh", "flush", "dev", "v1");
	assert_false(can_dial(PEER, "2001:db8:9::2", "2001:db8:9::1", 25));
	enter(PEER);
	assert_int_equal(OUTPUT(out, "ip", "-6", "neigh", "show", "2001:db8:9::1", "dev",
				"v1"), 0);
	enter(HOST);
	assert_non_null(strstr(out, "lladdr"));
	change("2001:db8:9::/64", ALL, true);
}

static void loopback_is_never_dropped(void **state)
{
	(void)state;
	change("127.0.0.1", ALL, false);
	change("::1", ALL, false);
	assert_true(can_dial(HOST, "127.0.0.1", "127.0.0.1", 25));
	assert_true(can_dial(HOST, "::1", "::1", 25));
	change("127.0.0.1", ALL, true);
	change("::1", ALL, true);
}

static void counts_what_it_drops(void **state)
{
	struct firewall_conf conf = { "t", scopes, 2, true, true, 1000 };
	struct firewall_status before, after;
	struct firewall_element e;
	struct addr a = make_ban("10.9.0.2", MAIL, false).addr;

	(void)state;
	assert_int_equal(firewall_reconf(fw, &conf), 0);
	assert_int_equal(firewall_status(fw, &before), 0);
	change("10.9.0.2", MAIL, false);
	assert_false(can_dial(PEER, "10.9.0.2", "10.9.0.1", 25));
	assert_int_equal(firewall_status(fw, &after), 0);
	assert_true(after.dropped_packets > before.dropped_packets);
	assert_true(after.dropped_bytes > before.dropped_bytes);
	assert_int_equal(firewall_get(fw, &a, MAIL, &e), 0);
	assert_true(e.packets > 0 && e.bytes > 0);
	/* A restart goes on counting. */
	firewall_close(&fw);
	assert_int_equal(firewall_open(&conf, &fw), 0);
	assert_int_equal(firewall_status(fw, &before), 0);
	assert_true(before.dropped_packets >= after.dropped_packets);
	change("10.9.0.2", MAIL, true);
}

static void cuts_many_at_once(void **state)
{
	enum { N = 200 };
	struct firewall_ban bans[3] = {
		make_ban("10.9.0.2", MAIL, false), make_ban("10.8.0.0/16", MAIL, false),
		make_ban("10.9.0.3", MAIL, true),
	};
	static const char *const from[] = { "10.9.0.2", "10.9.0.3", "10.8.0.1" };
	struct pair pairs[N];
	size_t n;

	(void)state;
	for (int i = 0; i < N; i++)
		pairs[i] = join(from[i % 3], "10.9.0.1", 25, listeners[0]);
	assert_int_equal(sockets_cut(cutter, scopes, bans, 3, &n), 0);
	assert_int_equal(n, 133);
	for (int i = 0; i < N; i++) {
		assert_int_equal(passes(pairs[i].peer, pairs[i].host, i % 3 == 1 ? ANSWERED_MS : 1),
				 i % 3 == 1);
		part(&pairs[i]);
	}
	assert_int_equal(sockets_cut(cutter, scopes, NULL, 0, &n), 0);
	assert_int_equal(n, 0);
}

/* ---- the wiring ---- */

static bool make_peer(void)
{
	char path[64], pid[16], byte;
	int ready[2];

	if (pipe(ready) < 0)
		return false;
	keeper = fork();
	if (keeper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return false;
	close(ready[0]);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)keeper);
	snprintf(pid, sizeof(pid), "%d", (int)keeper);
	ns[HOST] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ns[PEER] = open(path, O_RDONLY | O_CLOEXEC);
	return RUN("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns",
		   pid) == 0;
}

static bool add_address(const char *address, const char *dev)
{
	return strchr(address, ':') ?
	       RUN("ip", "addr", "add", address, "dev", dev, "nodad") == 0 :
	       RUN("ip", "addr", "add", address, "dev", dev) == 0;
}

static bool wire(void)
{
	static const char *const host[] = { "10.9.0.1/24", "2001:db8:9::1/64" };
	static const char *const peer[] = { "10.9.0.2/24", "10.9.0.3/24", "10.8.0.1/32",
					    "2001:db8:9::2/64", "2001:db8:a::1/128" };
	bool ok = make_peer();

	for (size_t i = 0; ok && i < sizeof(host) / sizeof(host[0]); i++)
		ok = add_address(host[i], "v0");
	ok = ok && RUN("ip", "link", "set", "v0", "up") == 0;
	if (!ok)
		return false;
	enter(PEER);
	for (size_t i = 0; ok && i < sizeof(peer) / sizeof(peer[0]); i++)
		ok = add_address(peer[i], "v1");
	ok = ok && RUN("ip", "link", "set", "v1", "up") == 0;
	enter(HOST);
	return ok && RUN("ip", "route", "add", "10.8.0.0/16", "dev", "v0") == 0 &&
	       RUN("ip", "-6", "route", "add", "2001:db8:a::/48", "dev", "v0") == 0;
}

static int set_up(void **state)
{
	struct firewall_conf conf = { "t", scopes, 2, true, false, 1000 };

	(void)state;
	if (!wire() || firewall_open(&conf, &fw) < 0 || sockets_open(&cutter) < 0)
		return -1;
	listeners[0] = listen_at(HOST, "::", 25);
	listeners[1] = listen_at(HOST, "::", 80);
	listeners[2] = listen_at(PEER, "10.9.0.2", 25);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sockets_close(&cutter);
	firewall_close(&fw);
	for (int i = 0; i < 3; i++)
		close(listeners[i]);
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_what_is_banned),
		cmocka_unit_test(silences_and_cuts_connections),
		cmocka_unit_test(our_mail_to_a_banned_host_goes_out),
		cmocka_unit_test(allowed_is_never_dropped),
		cmocka_unit_test(neighbour_discovery_goes_on),
		cmocka_unit_test(loopback_is_never_dropped),
		cmocka_unit_test(counts_what_it_drops),
		cmocka_unit_test(cuts_many_at_once),
	};

	hash_init();
	log_init("packet_test", LOG_LEVEL_ERR);
	if (!netns_enter("packet_test"))
		return 0;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
