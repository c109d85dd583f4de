/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_REMARK_H
#define ENGINE_MATCH_REMARK_H

#include "engine/match/pattern.h"

/*
 * What there is to say of a pattern that is right but dear or easily forged:
 * *ret is NULL, or a text to free. -ENOMEM.
 */
int remark_make(enum pattern_place place, const struct pattern_traits *t, char **ret);

#endif
