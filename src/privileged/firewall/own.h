/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_OWN_H
#define PRIVILEGED_FIREWALL_OWN_H

#include "bailiff/addr.h"

/*
 * What must never be banned because it is this host: own addresses, default
 * gateways (rtnetlink, followed as they change), resolvers (/etc/resolv.conf).
 */
struct own;
enum own_kind { OWN_NONE, OWN_ADDRESS, OWN_GATEWAY, OWN_RESOLVER, OWN_SESSION };

int own_open(struct own **ret);
void own_close(struct own **o);
int own_fd(const struct own *o);	/* readable: own_event() */
int own_event(struct own *o);		/* reads changes in */
void own_refresh_files(struct own *o);	/* resolv.conf and sessions again */

/*
 * Does `a` hold one of ours, as itself or within the prefix that it is? The
 * first found goes to *ret (as a host). A neighbour on our own network is not
 * ours: it can be banned as a host, its /64 or /24 cannot, for we are in it.
 * OWN_SESSION: the peer of a live login session of root or of a member of
 * sudo, wheel or bailiff-admin (utmp or logind, its process still there), as
 * of the last own_refresh_files().
 */
enum own_kind own_overlaps(struct own *o, const struct addr *a, struct addr *ret);

#endif
