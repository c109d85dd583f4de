/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_TOLD_H
#define ENGINE_COUNT_TOLD_H

#include "bailiff/hit.h"
#include "base/buf.h"

/*
 * The captures of one or more hits, copied and packed: what a thread was
 * told, or what a waiting hit brings along.
 */
struct told {
	uint32_t size;		/* bytes in b */
	uint32_t n;		/* captures */
	char b[];
};

/* Copy the captures of *h, but not those of the fields `a` and `b`. */
int told_pack(const struct hit *h, uint16_t a, uint16_t b, struct told **ret);
/* Add to *h what it lacks; the captures point into `t`. NULL adds nothing. */
void told_fill(const struct told *t, struct hit *h);
#define TOLD_MALLOC_COST 16
size_t told_bytes(const struct told *t);

/* Snapshots: `field[i]` is what field i of the snapshot is now, or TOLD_GONE. */
#define TOLD_GONE 0xffff
void told_save(const struct told *t, struct buf *out);
/* *ret is NULL if nothing was told. -EBADMSG; -ENOMEM. */
int told_restore(struct reader *in, const uint16_t *field,
		 const uint8_t *type, size_t nfields, struct told **ret);

#endif
