/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_HEAD_H
#define ENGINE_READ_HEAD_H

#include <stdint.h>

#include "engine/read/follow.h"

/*
 * The first bytes of a stream, kept while it is read, and the fingerprints
 * of positions within it.
 */
struct head {
	size_t n;
	uint64_t whole;		/* fingerprint of all FOLLOW_HEAD bytes */
	char bytes[FOLLOW_HEAD];
};

void head_take(struct head *h, const char *p, size_t n);
uint64_t head_hash(const struct head *h, uint64_t offset);

/* The next n bytes of the stream went by; those beyond the head are ignored. */
static inline void head_feed(struct head *h, const char *p, size_t n)
{
	if (h->n < sizeof(h->bytes))
		head_take(h, p, n);
}

/* hash_fixed() of the first min(offset, FOLLOW_HEAD) bytes; they were fed. */
static inline uint64_t head_fingerprint(const struct head *h, uint64_t offset)
{
	if (offset >= sizeof(h->bytes) && h->n == sizeof(h->bytes))
		return h->whole;
	return head_hash(h, offset);
}

#endif
