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
 * retried for some seconds (not without CAP_NET_ADMIN).
 * -EPERM: no CAP_NET_ADMIN; -EBUSY: another process owns the table;
 * -EOPNOTSUPP/-EPROTONOSUPPORT: no nf_tables.
 */
int firewall_open(const struct firewall_conf *conf, struct firewall **ret);
/* The table stays. */
void firewall_close(struct firewall **f);
/*
 * Scopes or settings changed by a reload: chain and sets follow, bans stay
 * (those of a scope that is gone end). firewall_fd() may be another one then.
 * -EINVAL: another table name; that takes a restart.
 */
int firewall_reconf(struct firewall *f, const struct firewall_conf *conf);
/*
 * Delete the table, over a socket of its own: for bailiffd --teardown, too. A
 * process that has it open must firewall_close() first, else -EPERM. 0 also
 * if there is none.
 */
int firewall_teardown(const char *table);

#define FIREWALL_ANY_SCOPE 0xffff

/*
 * Bans to add and to take out. They go in batches; a refused batch is
 * bisected: each ban has its own answer (if very many are refused, what is left
 * of the call's batches shares one). An end that is past does nothing; a
 * ban that is there gets the later end of the two (to shorten one, remove it
 * first; entries for one address are done in order).
 */
struct firewall_ban {
	struct addr addr;
	uint16_t scope;		/* remove: also FIREWALL_ANY_SCOPE */
	bool remove;
	struct wall until;	/* INT64_MAX: for good */
	void *cookie;		/* the caller's */
	/* out: */
	int error;		/* 0 or -errno, mostly the kernel's; -EINVAL: no
				 * such scope or no address, -ENOSPC: too many
				 * different prefix lengths */
	bool was_there;		/* a removal found something / an add renewed */
};
/* Both at once: n entries, in order. A set for a new prefix length is made as
 * part of the batch. <0: the table is gone and could not be put back; then no
 * entry has an answer. */
int firewall_apply(struct firewall *f, struct firewall_ban *bans, size_t n,
		   struct wall now);

/* What went because a set was full, since the last call (addr, scope, until);
 * call until it gives 0. Past some thousands only status.evicted counts. */
size_t firewall_evicted(struct firewall *f, struct firewall_ban *ret, size_t max);

/* Replace the allow sets whole; overlaps are merged. -E2BIG: over 4096 ranges. */
int firewall_allow(struct firewall *f, const struct addr *v, size_t n);

/* Poll it; call firewall_event() when it is readable. -1: none is needed. */
int firewall_fd(const struct firewall *f);	/* multicast listener */
/*
 * Handle notifications: a flush by somebody else is undone at once.
 * *ret_healed: the table was put back since the last call that said so; `who`
 * (only then): "nft (pid 123)", or "" if unknown. <0: could not be put back
 * now; try firewall_verify() in a second.
 */
int firewall_event(struct firewall *f, struct wall now, bool *ret_healed,
		   char *who, size_t size);
/* The cheap existence check (every 60 s or on doubt); heals as above. */
int firewall_verify(struct firewall *f, struct wall now, bool *ret_healed);

struct firewall_status {
	bool owned, persistent;	/* by us; stays when we are gone */
	bool healing;		/* not owned: flushes are watched for */
	size_t wanted;		/* bans we hold */
	size_t in_kernel;	/* by the kernel's set counts; SIZE_MAX unknown */
	uint64_t dropped_packets, dropped_bytes;	/* rule counters */
	uint64_t healed;	/* times put back */
	uint64_t evicted;	/* bans that went because a set was full */
	char last_flush[64];	/* who, "" never */
};
int firewall_status(struct firewall *f, struct firewall_status *ret);

/*
 * One element: -ENOENT not in the kernel. Counters 0 without `counters`.
 * expires_ms is what is left of it; INT64_MAX: for good.
 */
struct firewall_element { int64_t expires_ms; uint64_t packets, bytes; };
int firewall_get(struct firewall *f, const struct addr *a, uint16_t scope,
		 struct firewall_element *ret);

/* Forget bans whose end is past (the kernel has by itself). */
void firewall_expire(struct firewall *f, struct wall now);

/*
 * Close TCP sockets whose remote end is in `banned` and whose local port is
 * in the scope (any, for `all`), except connections we opened (told by the
 * local port not being one we listen on). IPv4-mapped ones too. *ret_n: closed.
 * Entries with an error, removals and past ends are passed over, so that what went through
 * firewall_apply() can be handed on as it is. Call it after the ban, so that
 * the peer cannot come back.
 */
struct sockets;
int sockets_open(struct sockets **ret);	/* -EOPNOTSUPP: no INET_DIAG_DESTROY */
void sockets_close(struct sockets **s);
int sockets_cut(struct sockets *s, const struct scope *scopes,
		const struct firewall_ban *banned, size_t n, size_t *ret_n);

#endif
