/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_MAILCHECK_H
#define CTL_MAILCHECK_H

#include <jansson.h>

#include "bailiff/config.h"
#include "ctl/postconf.h"

/*
 * What `bailiff check` says of the mail server. Findings are objects
 * {"of": "postfix", "level": "ok"|"note"|"bad", "text": ...}; what might
 * belong into `allow` is {"allow": "192.0.2.0/24", "from": "mynetworks"}, for a
 * person to confirm.
 */

/* Postfix and Dovecot as they are here: {"postfix":bool,"dovecot":bool,"findings":[],"allow":[]}. */
json_t *mailcheck(const struct config *c);
void mailcheck_show(const json_t *told);

/* Its parts. */
void mailcheck_postfix(const struct config *c, const struct postconf *p, json_t *findings);
void mailcheck_allow(const struct config *c, const struct postconf *p, json_t *findings, json_t *allow);
/* `text`: what `doveconf -n` says. */
void mailcheck_dovecot(const struct config *c, const char *text, json_t *findings);
/* Can that user read the file? "": yes; else what stands in the way, in `why`. */
void mailcheck_readable(const char *path, const char *user, char why[256]);

void mailcheck_add(json_t *findings, const char *of, const char *level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
