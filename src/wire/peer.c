/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Peer credentials against the operators of the configuration. A name that
 * no passwd or group file knows grants nothing.
 */
#include "wire/peer.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"

struct grant {
	bool group;
	uint32_t id;
	enum operator_right right;
};

struct peers {
	size_t n;
	struct grant v[];
};

static bool look_up(const char *who, struct grant *ret)
{
	const struct passwd *p;
	const struct group *g;

	ret->group = who[0] == '@';
	if (ret->group) {
		g = getgrnam(who + 1);
		if (g)
			ret->id = g->gr_gid;
		return g != NULL;
	}
	p = getpwnam(who);
	if (p)
		ret->id = p->pw_uid;
	return p != NULL;
}

int peers_new(const struct config *c, struct peers **ret)
{
	struct peers *p = calloc(1, sizeof(*p) + (c->noperators + 1) * sizeof(p->v[0]));

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < c->noperators; i++) {
		p->v[p->n].right = c->operators[i].right;
		p->n += look_up(c->operators[i].who, &p->v[p->n]);
	}
	p->v[p->n].right = RIGHT_READ;
	p->n += look_up("@bailiff-admin", &p->v[p->n]);
	*ret = p;
	return 0;
}

void peers_free(struct peers **p)
{
	free(*p);
	*p = NULL;
}

static bool holds(const struct grant *g, uid_t uid, const gid_t *groups, size_t n)
{
	if (!g->group)
		return g->id == uid;
	for (size_t i = 0; i < n; i++)
		if (groups[i] == g->id)
			return true;
	return false;
}

/* All groups of the peer, its own first; a directory service may give hundreds. */
static gid_t *groups_of(int sock, gid_t own, size_t *ret_n)
{
	socklen_t size = 0;
	gid_t *v;

	/* ERANGE, and the size it takes (net/core/sock.c, SO_PEERGROUPS) */
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		size = 0;
	v = malloc(sizeof(own) + size);
	if (!v)
		return NULL;
	v[0] = own;
	if (size && getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, v + 1, &size) < 0)
		size = 0;
	*ret_n = 1 + size / sizeof(gid_t);
	return v;
}

bool peers_check(const struct peers *p, int sock, enum operator_right *ret,
		 uid_t *ret_uid)
{
	_cleanup_(free_ptr) gid_t *groups = NULL;
	struct pollfd alive = { .fd = sock };
	struct ucred peer;
	size_t ngroups;
	socklen_t n = sizeof(peer), size_listens = sizeof(int);
	bool known = false;
	int listens = 1;

	/* A listening socket tells of its maker: root, and at the engine's hand. */
	if (getsockopt(sock, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size_listens) < 0 || listens)
		return false;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.pid == 0)
		return false;
	if (poll(&alive, 1, 0) != 0)
		return false;
	*ret_uid = peer.uid;
	if (peer.uid == 0) {
		*ret = RIGHT_ALL;
		return true;
	}
	groups = groups_of(sock, peer.gid, &ngroups);
	if (!groups)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (!holds(&p->v[i], peer.uid, groups, ngroups) ||
		    (known && p->v[i].right <= *ret))
			continue;
		*ret = p->v[i].right;
		known = true;
	}
	return known;
}
