/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_H
#define PRIVILEGED_FIREWALL_H

#include <stddef.h>

#include "bailiff/addr.h"
#include "bailiff/clock.h"
#include "bailiff/config.h"

/*
 * The table `inet NAME` and all that is in it, over netlink (libnftnl,
 * libmnl); needs CAP_NET_ADMIN and nothing else. Remembers every ban it holds
 * (bounded), so that it can put a flushed table back by itself.
 */
struct firewall;

struct firewall_conf {
	const char *table;
	const struct scope *scopes;	/* borrowed; [0] is `all` */
	size_t nscopes;
	bool own;		/* probe OWNER|PERSIST; else none */
	bool counters;		/* per element */
	uint32_t set_size;
};

/*
 * Open the socket, probe what the kernel can (scratch table), make what is
 * missing in one transaction, keep the sets and what is in them. EPERM is
 * retried for some seconds.
 * -EPERM: no CAP_NET_ADMIN; -EOPNOTSUPP/-EPROTONOSUPPORT: no nf_tables.
 */
int firewall_open(const struct firewall_conf *conf, struct firewall **ret);
/* The table stays. */
void firewall_close(struct firewall **f);
/* Scopes or settings changed by a reload: chain and sets follow, bans stay. */
int firewall_reconf(struct firewall *f, const struct firewall_conf *conf);
/* Delete the table. A fresh socket will do: for bailiffd --teardown, too. */
int firewall_teardown(const char *table);

/*
 * Bans to add and to take out, collected by the first two calls and sent as
 * one batch by firewall_commit(). A refused batch is bisected: each ban has
 * its own answer.
 */
struct firewall_ban {
	struct addr addr;
	uint16_t scope;
	bool remove;
	struct wall until;	/* INT64_MAX: for good */
	void *cookie;		/* the caller's */
	/* out: */
	int error;		/* 0 or -errno from the kernel */
	bool was_there;		/* a removal found something / an add renewed */
};
/* Both at once: n entries, in order. A set for a new prefix length is made as
 * part of the batch. Returns 0 if the kernel was reached at all. */
int firewall_apply(struct firewall *f, struct firewall_ban *bans, size_t n,
		   struct wall now);

/* What went because a set was full, since the last call (addr, scope). */
size_t firewall_evicted(struct firewall *f, struct firewall_ban *ret, size_t max);

/* Replace the allow sets whole. */
int firewall_allow(struct firewall *f, const struct addr *v, size_t n);

/* Poll both; call firewall_event() when one is readable. -1: none. */
int firewall_fd(const struct firewall *f);	/* multicast listener */
/*
 * Handle notifications: a flush by somebody else is undone at once.
 * *ret_healed: 1 if the table was put back; `who`: "nft (pid 123)".
 */
int firewall_event(struct firewall *f, struct wall now, bool *ret_healed,
		   char *who, size_t size);
/* The cheap existence check (every 60 s or on doubt); heals as above. */
int firewall_verify(struct firewall *f, struct wall now, bool *ret_healed);

struct firewall_status {
	bool owned, persistent, healing;
	size_t wanted;		/* bans we hold */
	size_t in_kernel;	/* by the kernel's set counts; SIZE_MAX unknown */
	uint64_t dropped_packets, dropped_bytes;	/* rule counters */
	uint64_t healed;	/* times put back */
	char last_flush[64];	/* who, "" never */
};
int firewall_status(struct firewall *f, struct firewall_status *ret);

/* One element: -ENOENT not in the kernel. Counters 0 without `counters`. */
struct firewall_element { int64_t expires_ms; uint64_t packets, bytes; };
int firewall_get(struct firewall *f, const struct addr *a, uint16_t scope,
		 struct firewall_element *ret);

/* Forget bans whose end is past (the kernel has by itself). */
void firewall_expire(struct firewall *f, struct wall now);

/*
 * Close TCP sockets whose remote end is in `banned` and whose local port is
 * in the scope (any, for `all`), except connections we opened (told by the
 * local port not being one we listen on). IPv4-mapped ones too. *ret_n: closed.
 */
struct sockets;
int sockets_open(struct sockets **ret);	/* -EOPNOTSUPP: no INET_DIAG_DESTROY */
void sockets_close(struct sockets **s);
int sockets_cut(struct sockets *s, const struct scope *scopes,
		const struct firewall_ban *banned, size_t n, size_t *ret_n);

#endif
