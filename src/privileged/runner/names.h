/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_NAMES_H
#define PRIVILEGED_RUNNER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "bailiff/config.h"
#include "bailiff/order.h"

/*
 * The names under which one account may log in: the mail server knows joe,
 * joe@example.com or both, and its tables compare what the client typed.
 */
#define NAMES_MAX 16
struct names {
	size_t n;
	char v[NAMES_MAX][ORDER_NAME_MAX];
};

/*
 * The canonical name, and where it is a Unix account also the bare one and
 * that in each local domain (the first NAMES_MAX).
 * -EINVAL: it has bytes that mean something in a table, a passwd-file or a
 * mask of doveadm: letters, digits and ._-+=@~!&' are names.
 */
int names_of(const struct accounts *a, const char *canonical, struct names *ret);

#endif
