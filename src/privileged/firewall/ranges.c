/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefixes to ranges, for the allow sets: the kernel's interval sets refuse
 * what overlaps (EEXIST), so an allow list with a host inside one of its own
 * prefixes has to be merged first.
 */
#include <stdlib.h>
#include <string.h>

#include "privileged/firewall/ranges.h"

static unsigned bytes_of(uint8_t family)
{
	return family == ADDR_V4 ? 4 : 16;
}

static int by_lo(const void *a, const void *b)
{
	return memcmp(((const struct range *)a)->lo, ((const struct range *)b)->lo, 16);
}

static struct range range_of(const struct addr *a)
{
	struct range r;

	memset(&r, 0, sizeof(r));
	memcpy(r.lo, a->b, bytes_of(a->family));
	memcpy(r.hi, a->b, bytes_of(a->family));
	for (unsigned i = a->len; i < bytes_of(a->family) * 8; i++)
		r.hi[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return r;
}

bool range_end(const struct range *r, uint8_t family, uint8_t ret[16])
{
	memcpy(ret, r->hi, 16);
	for (unsigned i = bytes_of(family); i-- > 0;) {
		if (++ret[i] != 0)
			return true;
	}
	return false;
}

/* Does the later range begin within, or right behind, the earlier one? */
static bool joins(const struct range *r, const struct range *later, uint8_t family)
{
	uint8_t end[16];

	return !range_end(r, family, end) || memcmp(later->lo, end, 16) <= 0;
}

size_t ranges_make(const struct addr *v, size_t n, uint8_t family, struct range *ret)
{
	size_t k = 0, out = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].family == family)
			ret[k++] = range_of(&v[i]);
	}
	if (k == 0)
		return 0;
	qsort(ret, k, sizeof(*ret), by_lo);
	for (size_t i = 1; i < k; i++) {
		if (!joins(&ret[out], &ret[i], family))
			ret[++out] = ret[i];
		else if (memcmp(ret[i].hi, ret[out].hi, 16) > 0)
			memcpy(ret[out].hi, ret[i].hi, 16);
	}
	return out + 1;
}
