/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_PLACES_H
#define ENGINE_COUNT_PLACES_H

#include "bailiff/config.h"
#include "bailiff/span.h"

/*
 * Countries as `distinct: country` tells them apart for one class (NULL: none
 * that would say): all of its home countries are one value.
 */
uint64_t place_value(const struct class *class, struct span country);

/* Are these two values a pair of the class? */
bool place_is_pair(const struct class *class, uint64_t a, uint64_t b);

/* Does an address in this system say nothing of where members are? */
bool place_ignores(const struct class *class, uint32_t asn);

#endif
