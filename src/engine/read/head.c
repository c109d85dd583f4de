/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fingerprints of positions. Only lines that begin within the first KB need a
 * hash of their own; for all others it is taken once.
 */
#include "engine/read/head.h"

#include "base/hash.h"

void head_take(struct head *h, const char *p, size_t n)
{
	size_t room = sizeof(h->bytes) - h->n;

	if (!n)
		return;
	if (n > room)
		n = room;
	memcpy(h->bytes + h->n, p, n);
	h->n += n;
	if (h->n == sizeof(h->bytes))
		h->whole = hash_fixed(h->bytes, h->n);
}

uint64_t head_hash(const struct head *h, uint64_t offset)
{
	return hash_fixed(h->bytes, offset < h->n ? (size_t)offset : h->n);
}
