/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_FACTOR_H
#define ENGINE_MATCH_FACTOR_H

#include "engine/match/pattern.h"

/*
 * Put out an alternation of n patterns in which what they begin with in
 * common stands once:
 *
 *	(?:from (?:a|b))(*:0)|(?:to c)(*:1)|...
 *
 * Each top alternative is a bundle with its number as its mark;
 * bundle[i] is the one that pattern i lies in. -ENOMEM.
 */
int factor_put(const struct pattern *p, size_t n, struct buf *out, size_t *bundle);

#endif
