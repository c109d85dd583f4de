/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_MESSAGE_H
#define PRIVILEGED_RUNNER_MESSAGE_H

#include <stddef.h>

/*
 * Is this a message for the runner: a type of its own, exactly as long as
 * that type is, fields in range, strings terminated? 0 or -EBADMSG; what the
 * configuration says of it is asked later.
 */
int message_check(const void *p, size_t n);

#define MESSAGE_MAX 131072	/* longer than any */

#endif
