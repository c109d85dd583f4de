/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_CAPTURE_H
#define ENGINE_MATCH_CAPTURE_H

#include "bailiff/hit.h"
#include "engine/match/expr.h"
#include "engine/match/geo.h"

/*
 * Add the captures of x's last match on s to a hit, in the order in which
 * they stand in the pattern; fields that the hit has already stay.
 * false: a value is not what its field's type says, so this is no hit.
 */
bool capture_add(const struct config *c, const struct expr *x,
		 pcre2_match_data *data, struct span s, struct hit *h);

/* The number in the brackets of the entry's tag, unless the pattern captured one. */
void capture_pid(uint16_t field, struct span pid, struct hit *h);

#define DERIVED_MAX 512		/* bytes of a derived value */

/*
 * The value of a field in a hit, made from the capture `base` if need be (-1:
 * it is made from none), in buf. geo may be NULL. false: not captured, or
 * cannot be made.
 */
bool capture_get(const struct config *c, const struct geo *geo, const struct hit *h, uint16_t field,
		 int base, char buf[DERIVED_MAX], struct capture *ret);

#endif
