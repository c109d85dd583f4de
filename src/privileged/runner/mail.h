/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_MAIL_H
#define PRIVILEGED_RUNNER_MAIL_H

#include "bailiff/config.h"
#include "bailiff/order.h"
#include "base/buf.h"

/*
 * The message as `sendmail -t` takes it: headers of ours alone, the subject
 * one printable line, body lines of at most 990 bytes (RFC 5321, section
 * 4.5.3.1.6, less some room), UTF-8 or `?`. Errors stick in `out`.
 */
void mail_compose(const struct notify *to, const struct order_mail *m, struct buf *out);

/*
 * The argv of notify.run for this mail: <subject> as one printable line,
 * <incident> and <user>, empty where it is about none, <host>. *ret:
 * argv_free(). -EINVAL: a value would make a word an option; -ENOMEM.
 */
int mail_run_argv(const struct strings *words, const struct order_mail *m, char ***ret);

#endif
