/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is this host itself, for the check that no ban covers it: its addresses
 * and default gateways by rtnetlink(7), its resolvers by resolv.conf(5), and
 * the admins who are logged in from elsewhere (session.c).
 *
 * Addresses and routes are read whole at the start and again when a
 * notification says that an address or a default route changed; single changes
 * are not followed, because a lost one would never be noticed. The result is
 * sorted, so that one binary search finds what a prefix covers.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include <libmnl/libmnl.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "privileged/firewall/own.h"
#include "privileged/firewall/session.h"

#define OWN_MAX 65536
#define ANSWER_MAX 65536
#define TRIES 5		/* a dump that was disturbed begins anew */

struct item {
	struct addr addr;
	uint8_t kind;
};

struct items {
	struct item *v;
	size_t n, cap;
};

struct own {
	int watch;		/* joined to the groups */
	int ask;		/* for dumps */
	uint32_t seq;
	struct items net;	/* addresses and gateways */
	struct items resolvers;
	struct session sessions[SESSION_MAX];
	size_t nsessions;
	char in[ANSWER_MAX];
};

static int add_item(struct items *t, const struct addr *a, enum own_kind kind)
{
	if (t->n == OWN_MAX)
		return 0;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct item *v = realloc(t->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n++] = (struct item){ *a, (uint8_t)kind };
	return 0;
}

static int compare(const struct addr *a, const struct addr *b)
{
	return a->family != b->family ? a->family - b->family : memcmp(a->b, b->b, 16);
}

static int by_addr(const void *a, const void *b)
{
	return compare(&((const struct item *)a)->addr, &((const struct item *)b)->addr);
}

/* The first item that the prefix covers: they lie together, from its own start. */
static const struct item *find(const struct items *t, const struct addr *a)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (compare(&t->v[mid].addr, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n && addr_contains(a, &t->v[lo].addr) ? &t->v[lo] : NULL;
}

/* ---- rtnetlink ---- */

static int add_raw(struct items *t, uint8_t family, const void *p, size_t n,
		   enum own_kind kind)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct addr a;

	if (n < (family == AF_INET ? 4 : 16) || (family != AF_INET && family != AF_INET6))
		return 0;
	memcpy(&sin.sin_addr, p, 4);
	if (family == AF_INET6)
		memcpy(&sin6.sin6_addr, p, 16);
	addr_from_sockaddr(family == AF_INET ? (void *)&sin : (void *)&sin6, &a);
	return add_item(t, &a, kind);
}

/* IFA_LOCAL is ours; on a link that is not point-to-point IFA_ADDRESS is too. */
static int see_address(struct items *t, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *a, *found = NULL;

	mnl_attr_for_each(a, h, sizeof(*m)) {
		if (mnl_attr_get_type(a) == IFA_LOCAL ||
		    (mnl_attr_get_type(a) == IFA_ADDRESS && !found))
			found = a;
	}
	if (!found)
		return 0;
	return add_raw(t, m->ifa_family, mnl_attr_get_payload(found),
		       mnl_attr_get_payload_len(found), OWN_ADDRESS);
}

static int see_hop(struct items *t, uint8_t family, const struct nlattr *a)
{
	const char *p = mnl_attr_get_payload(a);
	size_t n = mnl_attr_get_payload_len(a);
	uint16_t via;

	if (mnl_attr_get_type(a) == RTA_GATEWAY)
		return add_raw(t, family, p, n, OWN_GATEWAY);
	/* struct rtvia: a family, then the address: IPv4 through an IPv6 hop */
	if (mnl_attr_get_type(a) != RTA_VIA || n < sizeof(via))
		return 0;
	memcpy(&via, p, sizeof(via));
	return add_raw(t, (uint8_t)via, p + sizeof(via), n - sizeof(via), OWN_GATEWAY);
}

static int see_multipath(struct items *t, uint8_t family, const struct nlattr *in)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(in);
	size_t left = mnl_attr_get_payload_len(in);
	int r = 0;

	while (r == 0 && left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
	       hop->rtnh_len <= left) {
		const void *attrs = RTNH_DATA(hop);
		const struct nlattr *attr;

		mnl_attr_for_each_payload(attrs, hop->rtnh_len - sizeof(*hop)) {
			r = see_hop(t, family, attr);
			if (r < 0)
				break;
		}
		left -= NLMSG_ALIGN(hop->rtnh_len) < left ? NLMSG_ALIGN(hop->rtnh_len) : left;
		hop = RTNH_NEXT(hop);
	}
	return r;
}

static int see_route(struct items *t, const struct nlmsghdr *h)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;
	int r = 0;

	if (m->rtm_dst_len != 0)
		return 0;
	mnl_attr_for_each(a, h, sizeof(*m)) {
		if (mnl_attr_get_type(a) == RTA_MULTIPATH)
			r = see_multipath(t, m->rtm_family, a);
		else
			r = see_hop(t, m->rtm_family, a);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_dump(struct own *o, struct items *t,
		     int (*each)(struct items *, const struct nlmsghdr *))
{
	bool changed = false;
	int r = 0;

	for (;;) {
		ssize_t n = recv(o->ask, o->in, sizeof(o->in), MSG_DONTWAIT);
		const struct nlmsghdr *h = (const void *)o->in;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -EIO : -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != o->seq)
				continue;
			changed |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_DONE)
				return r < 0 ? r : changed ? -EINTR : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
			if (r == 0)
				r = each(t, h);
		}
	}
}

static int dump(struct own *o, struct items *t, uint16_t type,
		int (*each)(struct items *, const struct nlmsghdr *))
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct rtmsg))];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++o->seq;
	/* ifaddrmsg and rtmsg both begin with the family; 0 is both */
	mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));
	if (sendto(o->ask, buf, h->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return read_dump(o, t, each);
}

static int read_net(struct own *o)
{
	struct items t = { 0 };
	int r = -EINTR;

	for (unsigned i = 0; r == -EINTR && i < TRIES; i++) {
		t.n = 0;
		r = dump(o, &t, RTM_GETADDR, see_address);
		if (r == 0)
			r = dump(o, &t, RTM_GETROUTE, see_route);
	}
	if (r < 0) {
		free(t.v);
		return r;
	}
	if (t.n)
		qsort(t.v, t.n, sizeof(*t.v), by_addr);
	free(o->net.v);
	o->net = t;
	return 0;
}

/* ---- files ---- */

/* "nameserver 192.0.2.53" lines; `%zone` and comments are cut. */
static void read_resolvers(struct items *t, const char *path)
{
	_cleanup_(close_file) FILE *f = fopen(path, "re");
	char line[512], text[128];
	struct addr a;

	t->n = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " nameserver %127[^ \t\r\n#;]", text) == 1 &&
		    addr_parse_host(span_of(text), &a) == 0)
			add_item(t, &a, OWN_RESOLVER);
	}
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_addr);
}

void own_refresh_files(struct own *o)
{
	read_resolvers(&o->resolvers, "/etc/resolv.conf");
	o->nsessions = session_read(&session_system_files, o->sessions, SESSION_MAX);
}

/* ---- the rest ---- */

static int open_socket(uint32_t groups, int flags)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
	int r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int own_open(struct own **ret)
{
	struct own *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	/* Listen first, then read: a change in between is then not lost. */
	o->watch = open_socket(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			       RTMGRP_IPV6_ROUTE, SOCK_NONBLOCK);
	o->ask = open_socket(0, 0);
	r = o->watch < 0 ? o->watch : o->ask < 0 ? o->ask : read_net(o);
	if (r < 0) {
		own_close(&o);
		return r;
	}
	own_refresh_files(o);
	*ret = o;
	return 0;
}

void own_close(struct own **op)
{
	struct own *o = *op;

	if (!o)
		return;
	if (o->watch >= 0)
		close(o->watch);
	if (o->ask >= 0)
		close(o->ask);
	free(o->net.v);
	free(o->resolvers.v);
	free(o);
	*op = NULL;
}

int own_fd(const struct own *o)
{
	return o->watch;
}

static bool matters(const struct nlmsghdr *h)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR)
		return true;
	return (h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE) &&
	       m->rtm_dst_len == 0;
}

int own_event(struct own *o)
{
	bool again = false;

	for (;;) {
		ssize_t n = recv(o->watch, o->in, sizeof(o->in), 0);
		const struct nlmsghdr *h = (const void *)o->in;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			again = true;
			continue;
		}
		if (n < 0)
			break;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			again |= matters(h);
	}
	return again ? read_net(o) : 0;
}

static bool is_alive(const struct session *s)
{
	return s->pid <= 0 || kill(s->pid, 0) == 0 || errno != ESRCH;
}

enum own_kind own_overlaps(struct own *o, const struct addr *a, struct addr *ret)
{
	const struct item *i = find(&o->net, a);

	if (!i)
		i = find(&o->resolvers, a);
	if (i) {
		*ret = i->addr;
		return i->kind;
	}
	for (size_t k = 0; k < o->nsessions; k++) {
		const struct session *s = &o->sessions[k];

		if (addr_contains(a, &s->from) && is_alive(s)) {
			*ret = s->from;
			return OWN_SESSION;
		}
	}
	return OWN_NONE;
}
