/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_CHECK_H
#define PRIVILEGED_CHECK_H

#include "bailiff/clock.h"
#include "bailiff/config.h"
#include "bailiff/order.h"
#include "privileged/firewall/own.h"
#include "privileged/hand.h"

/*
 * What may be asked. Reads root's own copy of the configuration and never a
 * word of the engine about policy. Shapes were settled by order_next().
 */
struct check {
	const struct config *config;
	struct own *own;		/* this host's addresses */
	const struct hand *hand;
	const struct addr *allowed;	/* config and looked-up names */
	size_t nallowed;
	struct wall now;
	bool admin;			/* the frame carried an admin's socket ... */
	enum operator_right right;	/* ... and this is that admin's right */
};

/*
 * 0: go on; -ESTALE: a ban of the ledger that no jail could have ordered as
 * they are now; for bans *ret_addr is what to ban (narrowed to o->host where the
 * prefix covers something protected). -EPERM: refused, `why` (102 bytes) says
 * so in one sentence.
 */
int check_ban(const struct check *c, const struct order_ban *o,
	      struct addr *ret_addr, char why[102]);
/* What of the allow list, or allowed by hand, has addresses in common with it: a
 * sentence in buf, or NULL. */
const char *check_allowed(const struct check *c, const struct addr *a, char buf[102]);
int check_hand(const struct check *c, const struct order_head *h, char why[102]);
int check_account(const struct check *c, const struct order_account *o, char why[102]);
int check_cut(const struct check *c, const struct order_ban *o, char why[102]);
int check_run(const struct check *c, const struct order_run *o, char why[102]);
int check_mail(const struct check *c, const struct order_mail *o, char why[102]);

#endif
