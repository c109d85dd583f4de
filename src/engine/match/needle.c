/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for fixed bytes in short lines. memmem(3) builds a table for each
 * call, which for a log line costs more than the search; memchr(3) for the
 * needle's rarest byte passes over most lines at once. A line that is full of
 * this byte is the table's, which passes over what comes again.
 */
#include "engine/match/needle.h"

/* Bytes by how often mail logs hold them, seldom ones last, others never. */
static const char common[] = " e0at1o2in=s3r4l5d6c7u8m9p.f-hgb:,wy[]v<>/k@x_jqz\"()";

static size_t rarity(char c)
{
	const char *p = c ? strchr(common, c) : NULL;

	return p ? (size_t)(p - common) : sizeof(common);
}

void needle_set(struct needle *d, struct span bytes)
{
	memset(d, 0, sizeof(*d));
	d->n = (unsigned char)(bytes.n < NEEDLE_MAX ? bytes.n : NEEDLE_MAX);
	if (d->n > 0)
		memcpy(d->bytes, bytes.p, d->n);
	for (unsigned char i = 1; i < d->n; i++)
		if (rarity(d->bytes[i]) > rarity(d->bytes[d->rare]))
			d->rare = i;
}

#define MISSES 16	/* about what memmem's table costs */

bool needle_in(const struct needle *d, struct span s)
{
	const char *p, *end;
	unsigned misses = 0;

	if (d->n == 0)
		return true;
	if (s.n < d->n)
		return false;
	p = s.p + d->rare;
	end = s.p + s.n - d->n + d->rare + 1;
	while (p < end && (p = memchr(p, d->bytes[d->rare], (size_t)(end - p)))) {
		if (memcmp(p - d->rare, d->bytes, d->n) == 0)
			return true;
		p++;
		if (++misses == MISSES)
			return memmem(p - d->rare, (size_t)(s.p + s.n - p) + d->rare, d->bytes, d->n);
	}
	return false;
}

bool needle_equal(const struct needle *a, const struct needle *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
