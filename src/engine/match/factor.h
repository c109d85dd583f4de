/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_FACTOR_H
#define ENGINE_MATCH_FACTOR_H

#include "engine/match/pattern.h"

/*
 * Put out an alternation of n patterns in which what they begin with in
 * common stands once, and each ends in a callout with its number:
 *
 *	from (?:(?>a)(?C{0})|(?>b)(?C{2}))|(?>to c)(?C{1})|...
 *
 * Whoever runs it lets each callout fail, and so comes by all that match.
 * -ENOMEM.
 */
int factor_put(const struct pattern *p, size_t n, struct buf *out);

#endif
