/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SETUP_H
#define CTL_SETUP_H

#include "base/buf.h"
#include "ctl/command.h"

/*
 * `setup mail [--apply]`: the few lines that Postfix and Dovecot need so that
 * denied and parked accounts are refused; printed, or made.
 */
int run_setup(struct call *call);

/*
 * A service of master.cf, as `postconf -M` prints it, on which clients submit
 * mail after a login: "submission/inet". false: it is none.
 */
bool setup_is_submission(struct span line, char *ret, size_t size);

/*
 * The restrictions `now` with the question to our table before them, fit for
 * master.cf (commas, no white space). 1: they need it; 0: they have it;
 * -EINVAL: they hold braces, which a person should look at.
 */
int setup_restrictions(const char *map, struct span now, struct buf *out);

#endif
