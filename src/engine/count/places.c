/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a class says of countries: home is one place, and so is a pair alone. */
#include "engine/count/places.h"

#include "base/hash.h"

uint64_t place_value(const struct class *class, struct span country)
{
	for (size_t i = 0; class && i < class->home.n; i++)
		if (span_eq(span_of(class->home.v[i]), country))
			country = span_of(class->home.v[0]);
	return hash_fixed(country.p, country.n);
}

bool place_is_pair(const struct class *class, uint64_t a, uint64_t b)
{
	for (size_t i = 0; class && i < class->npairs; i++) {
		uint64_t x = place_value(class, span_of(class->pairs[i].v[0]));
		uint64_t y = place_value(class, span_of(class->pairs[i].v[1]));

		if ((a == x && b == y) || (a == y && b == x))
			return true;
	}
	return false;
}

bool place_ignores(const struct class *class, uint32_t asn)
{
	for (size_t i = 0; class && i < class->nignore_asn; i++)
		if (class->ignore_asn[i] == asn)
			return true;
	return false;
}
