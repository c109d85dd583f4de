/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_POSTCONF_H
#define CTL_POSTCONF_H

#include "bailiff/config.h"
#include "base/buf.h"

/*
 * How Postfix is set up, as postconf(1) tells it: parameters of main.cf with
 * their defaults, the services of master.cf, and what `-o` sets for them.
 */
struct postconf {
	struct buf main;	/* postconf -x NAME...: "name = value" lines */
	struct buf services;	/* postconf -M */
	struct buf overrides;	/* postconf -P -x: "service/type/name = value" lines */
};

/* -ENOENT: there is no Postfix; -EIO: it does not tell. postconf_free() in any case. */
int postconf_read(const struct helpers *h, struct postconf *ret);
void postconf_free(struct postconf *p);

/* The lists of restrictions of smtpd(8), in the order in which they are asked. */
extern const char *const postconf_lists[];	/* ends with NULL */

/*
 * The value of a parameter for a service ("submission/inet"; NULL: of
 * main.cf). *ret_own: the service sets it itself. n == 0: empty, or unknown.
 */
struct span postconf_value(const struct postconf *p, const char *service, const char *name, bool *ret_own);

/* The next smtpd of master.cf that listens to the network; *at begins at 0. */
bool postconf_service(const struct postconf *p, size_t *at, char *ret, size_t size);
/* Do clients log in there: is it a port for that (587, 465), or is SASL on? */
bool postconf_submits(const struct postconf *p, const char *service);

/* The next word of a list; white space and commas part them, braces hold together. n == 0: none. */
struct span postconf_word(struct span *rest);

#endif
