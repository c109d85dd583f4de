/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For kernels that let nobody own a table (and where the admin switched that
 * off): listen for what others do to ours, and put it back. `nft flush
 * ruleset`, the first line of Debian's /etc/nftables.conf, is the usual case.
 *
 * What a notification says is only a reason to look: whatever is then missing
 * is put back, so that a lost notification (ENOBUFS) and a stale one do no
 * harm. The kernel tells who it was in the NEWGEN that ends a transaction.
 * Elements that others take out stay out: that takes naming the set and the
 * address, and is meant.
 */
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libmnl/libmnl.h>

#include "privileged/firewall/state.h"

#define WATCH_BUFFER (8 << 20)
#define REPAIRS 20		/* in a row, against one who flushes in a loop */
#define WHO_WAIT_MS 50		/* NEWGEN comes right behind the rest */

static int change_group(int fd, int option)
{
	int group = NFNLGRP_NFTABLES;

	return setsockopt(fd, SOL_NETLINK, option, &group, sizeof(group)) < 0 ? -errno : 0;
}

int heal_listen(struct firewall *f)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int size = WATCH_BUFFER;
	int fd, r;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	if (r == 0)
		r = change_group(fd, NETLINK_ADD_MEMBERSHIP);
	if (r < 0)
		close(fd);
	else
		f->watch = fd;
	return r;
}

void heal_deafen(struct firewall *f)
{
	if (f->watch >= 0)
		close(f->watch);
	f->watch = -1;
}

void heal_pause(struct firewall *f)
{
	if (f->watch >= 0)
		change_group(f->watch, NETLINK_DROP_MEMBERSHIP);
}

int heal_resume(struct firewall *f, struct wall now)
{
	int r;

	if (f->watch < 0)
		return 0;
	r = change_group(f->watch, NETLINK_ADD_MEMBERSHIP);
	return r < 0 ? r : heal_table(f, now);
}

/* ---- notifications ---- */

/* In all of these the first attribute type names the table. */
static bool touches_frame(uint16_t type)
{
	switch (type) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
	case NFT_MSG_DELSET:
		return true;
	}
	return false;
}

static bool names_table(const struct nlmsghdr *h, const char *table)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	if (g->nfgen_family != NFPROTO_INET)
		return false;
	mnl_attr_for_each(a, h, sizeof(*g)) {
		if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
			return strcmp(mnl_attr_get_str(a), table) == 0;
	}
	return false;
}

static void see_generation(struct firewall *f, const struct nlmsghdr *h)
{
	const char *name = "?";
	const struct nlattr *a;
	unsigned pid = 0;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_GEN_PROC_PID)
			pid = be32toh(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == NFTA_GEN_PROC_NAME)
			name = mnl_attr_get_str(a);
	}
	snprintf(f->last_flush, sizeof(f->last_flush), "%.16s (pid %u)", name, pid);
	for (char *p = f->last_flush; *p; p++) {
		if (!isprint((unsigned char)*p))
			*p = '?';
	}
	f->suspect = 0;
}

/* true: somebody else touched our table. */
static bool see_message(struct firewall *f, const struct nlmsghdr *h)
{
	uint16_t type = h->nlmsg_type & 0xff;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || h->nlmsg_pid == f->nl.portid ||
	    mnl_nlmsg_get_payload_len(h) < sizeof(struct nfgenmsg))
		return false;
	if (type == NFT_MSG_NEWGEN) {
		if (f->suspect && h->nlmsg_pid == f->suspect)
			see_generation(f, h);
		return false;
	}
	if (!touches_frame(type) || !names_table(h, f->table))
		return false;
	f->suspect = h->nlmsg_pid;
	return true;
}

/* Read all there is; true: have a look at the table. */
static bool listen_once(struct firewall *f)
{
	char buf[32768] __attribute__((aligned(8)));
	bool doubt = false;

	for (;;) {
		ssize_t n = recv(f->watch, buf, sizeof(buf), 0);
		const struct nlmsghdr *h = (const void *)buf;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			doubt = true;
			continue;
		}
		if (n < 0)
			return doubt;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			doubt |= see_message(f, h);
	}
}

/* ---- putting back ---- */

static bool was_seen(const bool *seen, unsigned set, bool fresh)
{
	return seen[set] && !fresh;
}

static int repair(struct firewall *f, struct wall now)
{
	bool seen[HELD_SETS_MAX];
	bool fresh = false;
	int r;

	for (unsigned i = 0; i < HELD_SETS_MAX; i++)
		seen[i] = build_in_use(f, i) && view_find(&f->view, f->sets[i].name);
	r = build_frame(f, false, &fresh);
	heal_pause(f);
	for (unsigned i = 0; r == 0 && i < HELD_SETS_MAX; i++) {
		if (build_in_use(f, i) && !was_seen(seen, i, fresh))
			r = apply_again(f, i, now);
	}
	if (f->watch >= 0)
		change_group(f->watch, NETLINK_ADD_MEMBERSHIP);
	return r;
}

int heal_table(struct firewall *f, struct wall now)
{
	int r = 0;

	/* Looked at again at the end: nobody listened while it was filled. */
	for (unsigned i = 0; i < REPAIRS; i++) {
		r = view_read(&f->nl, f->table, &f->view);
		if (r < 0 || (build_is_whole(f) && !f->damaged))
			return r;
		r = repair(f, now);
		f->damaged = r < 0;
		if (r < 0 && r != -ENOENT)
			return r;
		f->healed += r == 0;
		f->unsaid |= r == 0;
	}
	return r;
}

/*
 * Sets of rare prefix lengths go when nothing is left in them, so that packets
 * pass no rule in vain; those of single hosts and of /64 are soon used again.
 */
static bool prune(struct firewall *f)
{
	bool any = false;

	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		struct banset *s = &f->sets[i];
		const struct view_set *seen;

		if (!build_in_use(f, i) || s->len == 32 || s->len == 64 || held_count(f->held, i))
			continue;
		seen = view_find(&f->view, s->name);
		if (!seen || seen->count != 0)
			continue;
		s->name[0] = '\0';
		any = true;
	}
	return any;
}

int firewall_verify(struct firewall *f, struct wall now, bool *ret_healed)
{
	bool fresh;
	int r = heal_table(f, now);

	*ret_healed = f->unsaid;
	f->unsaid = false;
	if (r == 0 && !*ret_healed && prune(f)) {
		r = build_frame(f, false, &fresh);
		if (r == 0)
			build_drop_stale(f);
	}
	return r;
}

int firewall_event(struct firewall *f, struct wall now, bool *ret_healed, char *who, size_t size)
{
	struct pollfd p = { .fd = f->watch, .events = POLLIN };
	int r = 0;

	*ret_healed = false;
	if (f->watch < 0)
		return 0;
	if (listen_once(f) || f->damaged)
		r = heal_table(f, now);
	if (f->suspect && poll(&p, 1, WHO_WAIT_MS) > 0 && listen_once(f) && r == 0)
		r = heal_table(f, now);
	f->suspect = 0;
	*ret_healed = f->unsaid;
	if (f->unsaid)
		snprintf(who, size, "%s", f->last_flush);
	f->unsaid = false;
	return r;
}
