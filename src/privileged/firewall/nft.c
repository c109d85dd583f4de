/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way to the kernel and back: one netlink socket, a buffer in which a
 * batch (BEGIN, messages, END) grows, and the reading of answers. It knows
 * nothing of tables and bans.
 *
 * Only the last message asks for an acknowledgement: a refused one reports its
 * error without being asked, and 2000 acknowledgements would overflow the
 * receive buffer (ENOBUFS although the batch was done). nfnetlink works within
 * sendto(), so all answers to a batch are waiting when it returns; reading
 * never blocks, and nothing can hang here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>

#include "privileged/firewall/nft.h"

#define BATCH_MAX	(1u << 20)
#define MESSAGE_MAX	(1u << 16)	/* room kept for the message being put */
#define ANSWER_MAX	(1u << 16)
#define ELEMS_MAX	2000		/* larger batches get slower again */
#define ELEMS_MAX_SMALL	300		/* with a send buffer of 208 KiB */
#define RETRIES		7		/* 1 + 2 + ... + 64 ms */

static int set_buffer(int fd, int forced, int plain, int size)
{
	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) == 0)
		return 0;
	return setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

int nft_open(struct nft *nl)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(sa);
	int on = 1, sndbuf = 0;
	int r = 0;

	memset(nl, 0, sizeof(*nl));
	nl->seq = (uint32_t)time(NULL);
	nl->buf = malloc(BATCH_MAX + MESSAGE_MAX);
	nl->in = malloc(ANSWER_MAX);
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (nl->fd < 0 || bind(nl->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockname(nl->fd, (struct sockaddr *)&sa, &len) < 0)
		r = -errno;
	else if (!nl->buf || !nl->in)
		r = -ENOMEM;
	if (r < 0) {
		nft_close(nl);
		return r;
	}
	nl->portid = sa.nl_pid;
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	set_buffer(nl->fd, SO_SNDBUFFORCE, SO_SNDBUF, 2 * BATCH_MAX);
	set_buffer(nl->fd, SO_RCVBUFFORCE, SO_RCVBUF, BATCH_MAX);
	len = sizeof(sndbuf);
	getsockopt(nl->fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, &len);
	nl->elems_max = sndbuf > (int)BATCH_MAX ? ELEMS_MAX : ELEMS_MAX_SMALL;
	return 0;
}

void nft_close(struct nft *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
	free(nl->buf);
	free(nl->in);
	nl->buf = nl->in = NULL;
}

static void put_edge(struct nft *nl, uint16_t type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(nl->buf + nl->n);
	struct nfgenmsg *g;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = ++nl->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	nl->n += h->nlmsg_len;
}

void nft_begin(struct nft *nl)
{
	nl->n = 0;
	nl->error = 0;
	nl->last_at = 0;
	nl->why[0] = '\0';
	put_edge(nl, NFNL_MSG_BATCH_BEGIN);
	nl->first = nl->seq;
}

struct nlmsghdr *nft_put(struct nft *nl, uint16_t type, uint16_t flags)
{
	/* Too full: go on anywhere, it will not be sent. */
	if (nl->n > BATCH_MAX - MESSAGE_MAX)
		nft_fail(nl, -EMSGSIZE);
	if (nl->error)
		nl->n = 0;
	nl->last_at = nl->n;
	return nftnl_nlmsg_build_hdr(nl->buf + nl->n, type, NFPROTO_INET, flags, ++nl->seq);
}

void nft_end(struct nft *nl, struct nlmsghdr *h)
{
	nl->n += NLMSG_ALIGN(h->nlmsg_len);
}

void nft_fail(struct nft *nl, int error)
{
	if (!nl->error)
		nl->error = error;
}

/* The kernel's own words (NLMSGERR_ATTR_MSG), for the log. */
static void keep_words(struct nft *nl, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	nl->why[0] = '\0';
	/* NETLINK_CAP_ACK: only the header of what we sent comes back. */
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || !(h->nlmsg_flags & NLM_F_CAPPED))
		return;
	mnl_attr_for_each(a, h, sizeof(*e)) {
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			snprintf(nl->why, sizeof(nl->why), "%.*s",
				 (int)mnl_attr_get_payload_len(a),
				 (const char *)mnl_attr_get_payload(a));
	}
}

/*
 * Read answers until the last message's own, or one to BEGIN, which stands for
 * the batch as a whole. The first error counts.
 */
static int read_verdict(struct nft *nl)
{
	int result = 0;

	for (;;) {
		ssize_t n = recv(nl->fd, nl->in, ANSWER_MAX, MSG_DONTWAIT);
		const struct nlmsghdr *h = (const void *)nl->in;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return result ? result : -EIO;
		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - nl->first >
							   nl->last - nl->first)
				continue;
			if (e->error && !result) {
				result = e->error;
				keep_words(nl, h);
			}
			if (h->nlmsg_seq == nl->last || h->nlmsg_seq == nl->first)
				return result;
		}
	}
}

static void drain(struct nft *nl)
{
	while (recv(nl->fd, nl->in, ANSWER_MAX, MSG_DONTWAIT) >= 0 || errno == EINTR ||
	       errno == ENOBUFS)
		;
}

static int send_all(struct nft *nl, const void *p, size_t n)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (sendto(nl->fd, p, n, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

static bool is_passing(int r)
{
	return r == -EINTR || r == -EAGAIN || r == -EBUSY || r == -ENOBUFS;
}

int nft_commit(struct nft *nl)
{
	struct timespec wait = { .tv_nsec = 1000000 };
	struct nlmsghdr *last;
	int r = nl->error;

	if (r < 0 || nl->last_at == 0)
		return r;
	last = (struct nlmsghdr *)(nl->buf + nl->last_at);
	last->nlmsg_flags |= NLM_F_ACK;
	nl->last = last->nlmsg_seq;
	put_edge(nl, NFNL_MSG_BATCH_END);
	for (unsigned i = 0; i <= RETRIES; i++) {
		drain(nl);
		r = send_all(nl, nl->buf, nl->n);
		if (r == 0)
			r = read_verdict(nl);
		if (!is_passing(r))
			break;
		nanosleep(&wait, NULL);
		wait.tv_nsec *= 2;
	}
	return r;
}

/* One datagram of an answer. 1: more to come. */
static int read_some(struct nft *nl, uint32_t seq, bool dump, bool *changed,
		     int (*each)(const struct nlmsghdr *h, void *arg), void *arg)
{
	ssize_t n = recv(nl->fd, nl->in, ANSWER_MAX, MSG_DONTWAIT);
	const struct nlmsghdr *h = (const void *)nl->in;
	int left = (int)n;
	int r;

	if (n < 0)
		return errno == EINTR ? 1 : errno == EAGAIN ? -EIO : -errno;
	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			*changed = true;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			keep_words(nl, h);
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
		}
		r = each ? each(h, arg) : 0;
		if (r < 0)
			return r;
		if (!dump)
			return 0;
	}
	return 1;
}

int nft_ask(struct nft *nl, uint16_t type, uint16_t flags,
	    void (*fill)(struct nlmsghdr *h, const void *arg), const void *fill_arg,
	    int (*each)(const struct nlmsghdr *h, void *arg), void *each_arg)
{
	char buf[MNL_NLMSG_HDRLEN + 1024];
	bool changed = false;
	struct nlmsghdr *h;
	uint32_t seq;
	int r;

	h = nftnl_nlmsg_build_hdr(buf, type, NFPROTO_INET, flags, ++nl->seq);
	seq = h->nlmsg_seq;
	fill(h, fill_arg);
	drain(nl);
	r = send_all(nl, buf, h->nlmsg_len);
	if (r < 0)
		return r;
	do {
		r = read_some(nl, seq, (flags & NLM_F_DUMP) == NLM_F_DUMP, &changed, each, each_arg);
	} while (r > 0);
	return r == 0 && changed ? -EINTR : r;
}
