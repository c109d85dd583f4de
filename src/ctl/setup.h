/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SETUP_H
#define CTL_SETUP_H

#include "bailiff/config.h"
#include "base/buf.h"
#include "ctl/command.h"

/*
 * `setup mail [--remove] [--apply]`: the few lines that Postfix and Dovecot need
 * so that denied and parked accounts are refused; printed, or made, or taken away.
 */
int run_setup(struct call *call);

/* The configuration, as it comes where none was written yet. -errno: it does not load. */
int setup_config(const char *conf, struct config **ret);

/* The restrictions `now` without the question to our table. 1: it was there; 0: it was not. */
int setup_without(const char *map, struct span now, struct buf *out);

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
