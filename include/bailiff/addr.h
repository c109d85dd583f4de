/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_ADDR_H
#define BAILIFF_ADDR_H

#include <stdint.h>

/*
 * An address or a prefix, always canonical: IPv4-mapped IPv6 is IPv4, host
 * bits beyond `len` are zero. A single host has len 32 or 128. All bytes,
 * padding too, are defined, so that a struct addr may be hashed and compared
 * as 18 bytes.
 */
enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
	uint8_t b[16];	/* network order; IPv4 in the first four, rest zero */
	uint8_t family;	/* enum addr_family */
	uint8_t len;	/* prefix length in bits */
};

_Static_assert(sizeof(struct addr) == 18, "struct addr has no padding");

#define ADDR_TEXT_MAX 50	/* longest text with prefix length and NUL */

#endif
