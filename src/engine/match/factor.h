/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_FACTOR_H
#define ENGINE_MATCH_FACTOR_H

#include "engine/match/pattern.h"

/*
 * Put out an alternation of n patterns in which what they begin with in
 * common stands once, and each ends in a callout with its number, or with that as text:
 *
 *	from (?:(?>a)(?C0)|(?>b)(?C2))|(?>to c)(?C1)|...|(?>z)(?C{256})
 *
 * skip  tokens at the beginning that all of them have, and that are left out
 * Whoever runs it lets each callout fail, and so comes by all that match.
 * -ENOMEM.
 */
int factor_put(const struct pattern *const *p, size_t n, size_t skip, struct buf *out);

#endif
