/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_RANGES_H
#define PRIVILEGED_FIREWALL_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "bailiff/addr.h"

/* From `lo` to `hi`, both in; network order, IPv4 in the first four bytes. */
struct range {
	uint8_t lo[16], hi[16];
};

/*
 * The prefixes of one family among v, as ranges in rising order that neither
 * overlap nor touch: what an interval set takes. `ret` has room for n.
 */
size_t ranges_make(const struct addr *v, size_t n, uint8_t family, struct range *ret);

/* The address after hi; false: there is none. */
bool range_end(const struct range *r, uint8_t family, uint8_t ret[16]);

#endif
