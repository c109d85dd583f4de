/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WIRE_ORDER_H
#define WIRE_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "bailiff/order.h"

/* Bytes of an order of this type; 0: no such type. */
size_t order_size(uint16_t type);
const char *order_name(uint16_t type);		/* "ban", "lock", ... or "?" */
const char *outcome_name(uint16_t status);	/* "done", "refused", ... or "?" */

/*
 * The next order of a frame body: known type, whole, strings terminated,
 * addresses canonical, numbers within what their fields may hold. Policy is
 * for others.
 * 1: *ret points into the bytes (aligned to 8), *at moved past it; 0: the end;
 * -EBADMSG: nonsense.
 */
int order_next(const void *p, size_t n, size_t *at, const struct order_head **ret);

/* One order alone in n bytes, by the same rules: 0 or -EBADMSG. */
int order_check(const void *p, size_t n);

#endif
