/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_HIT_H
#define BAILIFF_HIT_H

#include <stdint.h>

#include "bailiff/addr.h"
#include "bailiff/config.h"
#include "bailiff/span.h"

#define HIT_MAX_CAPTURES 24

/* One captured value; `raw` points into the line. */
struct capture {
	uint16_t field;		/* index into config.fields */
	uint8_t type;		/* enum field_type */
	struct span raw;
	union {
		struct addr addr;	/* FIELD_ADDR */
		int64_t number;		/* FIELD_NUMBER */
	};
};

/* An entry that one pattern of one jail matched and no `ignore` did. */
struct hit {
	const struct jail *jail;
	const struct rule *rule;
	uint64_t line;		/* the same for all hits of an entry; 0: it stands alone */
	unsigned ncaptures;
	struct capture capture[HIT_MAX_CAPTURES];
};

/* What the hit captured as this field; NULL: it did not. */
static inline const struct capture *hit_find(const struct hit *h, int field)
{
	for (unsigned i = 0; i < h->ncaptures; i++)
		if (h->capture[i].field == field)
			return &h->capture[i];
	return NULL;
}

#endif
