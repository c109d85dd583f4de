/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts the TCP connections that banned addresses hold, over sock_diag
 * (sock_diag(7), SOCK_DESTROY): the drop in the firewall silences them, this
 * frees the smtpd or imap-login behind each at once, instead of after its
 * timeout of minutes.
 *
 * One look at all connected sockets serves all bans of a call, each socket
 * looked up among the sorted bans; where some are found, one at the listening
 * ones follows, whose ports tell connections made to us from those that we
 * made. The kernel walks one table for both families, so it is asked in the old
 * form of the request, which names none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <libmnl/libmnl.h>

#include "base/addr.h"
#include "base/clock.h"
#include "privileged/firewall/firewall.h"

#define ANSWER_MAX 65536
#define REQUEST_MAX 64		/* both forms */
_Static_assert(sizeof(struct inet_diag_req) <= REQUEST_MAX && sizeof(struct inet_diag_req_v2) <= REQUEST_MAX,
	       "a request must fit");
#define VICTIMS_MAX 65536	/* a call; the rest run into the drop */

#define BIT(state) (1u << (state))
/* Not SYN_SENT, which is ours, nor what has no owner to free any more. */
#define CONNECTED (BIT(TCP_ESTABLISHED) | BIT(TCP_SYN_RECV) | BIT(TCP_FIN_WAIT1) | \
		   BIT(TCP_FIN_WAIT2) | BIT(TCP_CLOSE_WAIT) | BIT(TCP_LAST_ACK) | \
		   BIT(TCP_CLOSING))

struct victim {
	uint8_t family;
	struct inet_diag_sockid id;
};

struct sockets {
	int fd;
	uint32_t seq;
	char *in;
};

/* One call of sockets_cut(). */
struct cut {
	uint8_t listening[65536 / 8];
	const struct scope *scopes;
	const struct firewall_ban **bans;	/* sorted by address */
	size_t nbans;
	bool len4[33], len6[129];		/* prefix lengths among them */
	struct victim *victims;
	size_t n, cap;
};

static int by_addr(const void *a, const void *b)
{
	const struct firewall_ban *const *x = a, *const *y = b;

	return memcmp(&(*x)->addr, &(*y)->addr, sizeof(struct addr));
}

static bool has_port(const struct scope *s, uint16_t port)
{
	for (size_t i = 0; i < s->nports; i++) {
		if (s->ports[i] == port)
			return true;
	}
	return false;
}

/* Is exactly this prefix banned, in a scope that has the port? */
static bool prefix_banned(const struct cut *c, const struct addr *a, uint16_t port)
{
	size_t lo = 0, hi = c->nbans;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (memcmp(&c->bans[mid]->addr, a, sizeof(*a)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < c->nbans && addr_equal(&c->bans[lo]->addr, a); lo++) {
		uint16_t scope = c->bans[lo]->scope;

		if (scope == SCOPE_ALL || has_port(&c->scopes[scope], port))
			return true;
	}
	return false;
}

static bool is_banned(const struct cut *c, const struct addr *a, uint16_t port)
{
	const bool *lens = a->family == ADDR_V4 ? c->len4 : c->len6;

	for (uint8_t len = 0; len <= addr_bits(a); len++) {
		struct addr masked;

		if (!lens[len])
			continue;
		masked = addr_mask(a, len);
		if (prefix_banned(c, &masked, port))
			return true;
	}
	return false;
}

static int add_victim(struct cut *c, const struct inet_diag_msg *m)
{
	if (c->n == VICTIMS_MAX)
		return 0;
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct victim *v = realloc(c->victims, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		c->victims = v;
		c->cap = cap;
	}
	c->victims[c->n++] = (struct victim){ m->idiag_family, m->id };
	return 0;
}

static int see_listener(struct cut *c, const struct inet_diag_msg *m)
{
	uint16_t port = ntohs(m->id.idiag_sport);

	c->listening[port / 8] |= (uint8_t)(1u << port % 8);
	return 0;
}

static bool is_ours(const struct cut *c, const struct victim *v)
{
	uint16_t port = ntohs(v->id.idiag_sport);

	return !(c->listening[port / 8] & (1u << port % 8));
}

static int see_connected(struct cut *c, const struct inet_diag_msg *m)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct addr remote;
	int r;

	memcpy(&sin.sin_addr, m->id.idiag_dst, sizeof(sin.sin_addr));
	memcpy(&sin6.sin6_addr, m->id.idiag_dst, sizeof(sin6.sin6_addr));
	r = addr_from_sockaddr(m->idiag_family == AF_INET ? (void *)&sin : (void *)&sin6,
			       &remote);
	if (r < 0 || !is_banned(c, &remote, ntohs(m->id.idiag_sport)))
		return 0;
	return add_victim(c, m);
}

static int request(struct sockets *s, uint16_t type, uint16_t flags, const void *req, size_t n)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + REQUEST_MAX];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++s->seq;
	memcpy(mnl_nlmsg_put_extra_header(h, n), req, n);
	if (sendto(s->fd, buf, h->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

/* Read the answer to the last request; the kernel made it within sendto(). */
static int answer(struct sockets *s, int (*each)(struct cut *, const struct inet_diag_msg *),
		  struct cut *c)
{
	for (;;) {
		ssize_t n = recv(s->fd, s->in, ANSWER_MAX, MSG_DONTWAIT);
		const struct nlmsghdr *h = (const void *)s->in;
		int left = (int)n, r = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -EIO : -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != s->seq)
				continue;
			if (h->nlmsg_type == NLMSG_DONE)
				return r;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
			if (r == 0 && each)
				r = each(c, mnl_nlmsg_get_payload(h));
		}
		if (r < 0)
			return r;
	}
}

static int dump(struct sockets *s, struct cut *c, uint32_t states,
		int (*each)(struct cut *, const struct inet_diag_msg *))
{
	struct inet_diag_req req = { .idiag_states = states };
	int r = request(s, TCPDIAG_GETSOCK, NLM_F_DUMP, &req, sizeof(req));

	return r < 0 ? r : answer(s, each, c);
}

static int destroy(struct sockets *s, uint8_t family, const struct inet_diag_sockid *id)
{
	struct inet_diag_req_v2 req = {
		.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP,
		.idiag_states = ~0u, .id = *id,
	};
	int r = request(s, SOCK_DESTROY, NLM_F_ACK, &req, sizeof(req));

	return r < 0 ? r : answer(s, NULL, NULL);
}

int sockets_open(struct sockets **ret)
{
	struct inet_diag_sockid nobody = { .idiag_cookie = { INET_DIAG_NOCOOKIE,
							     INET_DIAG_NOCOOKIE } };
	struct sockets *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->in = malloc(ANSWER_MAX);
	s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (s->fd < 0)
		r = errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno;
	else if (!s->in)
		r = -ENOMEM;
	/* Kernels built without INET_DIAG_DESTROY say EOPNOTSUPP, others ENOENT. */
	if (r == 0)
		r = destroy(s, AF_INET, &nobody);
	if (r == -EOPNOTSUPP || r == -EPERM || r == -ENOMEM || s->fd < 0) {
		sockets_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void sockets_close(struct sockets **s)
{
	if (!*s)
		return;
	if ((*s)->fd >= 0)
		close((*s)->fd);
	free((*s)->in);
	free(*s);
	*s = NULL;
}

static void take_bans(struct cut *c, const struct firewall_ban *banned, size_t n)
{
	struct wall now = clock_wall();

	for (size_t i = 0; i < n; i++) {
		if (banned[i].error || banned[i].remove || banned[i].until.ms <= now.ms)
			continue;
		c->bans[c->nbans++] = &banned[i];
		if (banned[i].addr.family == ADDR_V4)
			c->len4[banned[i].addr.len] = true;
		else
			c->len6[banned[i].addr.len] = true;
	}
	qsort(c->bans, c->nbans, sizeof(*c->bans), by_addr);
}

int sockets_cut(struct sockets *s, const struct scope *scopes,
		const struct firewall_ban *banned, size_t n, size_t *ret_n)
{
	struct cut *c = calloc(1, sizeof(*c));
	size_t cut = 0;
	int r = -ENOMEM;

	if (c)
		c->bans = calloc(n ? n : 1, sizeof(*c->bans));
	if (c && c->bans) {
		c->scopes = scopes;
		take_bans(c, banned, n);
		r = c->nbans ? dump(s, c, CONNECTED, see_connected) : 0;
	}
	if (r == 0 && c->n)
		r = dump(s, c, BIT(TCP_LISTEN), see_listener);
	for (size_t i = 0; r == 0 && i < c->n; i++)
		cut += !is_ours(c, &c->victims[i]) &&
		       destroy(s, c->victims[i].family, &c->victims[i].id) == 0;
	if (r == 0)
		*ret_n = cut;
	if (c) {
		free(c->victims);
		free(c->bans);
	}
	free(c);
	return r;
}
