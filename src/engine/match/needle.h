/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_NEEDLE_H
#define ENGINE_MATCH_NEEDLE_H

#include "bailiff/span.h"

#define NEEDLE_MAX 40

/* Fixed bytes that something must hold to be worth a closer look. */
struct needle {
	unsigned char n;	/* 0: none, and everything holds it */
	unsigned char rare;	/* offset of the byte that logs hold least often */
	char bytes[NEEDLE_MAX];
};

/* Cut at NEEDLE_MAX. */
void needle_set(struct needle *d, struct span bytes);
bool needle_in(const struct needle *d, struct span s);
bool needle_equal(const struct needle *a, const struct needle *b);

#endif
