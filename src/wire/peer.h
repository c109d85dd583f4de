/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WIRE_PEER_H
#define WIRE_PEER_H

#include <sys/types.h>

#include "bailiff/config.h"

/*
 * Who may ask and who may order, by the credentials the kernel keeps of a
 * connected unix socket (SO_PEERCRED, SO_PEERGROUPS, unix(7)). Names are
 * looked up once, when made, so that checking needs no file: both sides of
 * the boundary check for themselves. A user made later is known after a
 * reload.
 */
struct peers;

int peers_new(const struct config *c, struct peers **ret);
void peers_free(struct peers **p);

/*
 * Root may all; others what `operators:` says, members of bailiff-admin at
 * least read. false: nobody we know, or the peer has gone.
 */
bool peers_check(const struct peers *p, int sock, enum operator_right *ret,
		 uid_t *ret_uid);

#endif
