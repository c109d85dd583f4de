/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_IDS_H
#define ENGINE_RECORD_IDS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers to give away: from blocks reserved in the ledger, and beyond them
 * from `beyond`, which no reservation reaches.
 */
struct ids {
	uint64_t next, last;		/* the block in use; next > last: none */
	uint64_t spare, spare_last;	/* the one after it, if not joined to it */
	uint64_t beyond;
	uint64_t taken;			/* in all */
};

/* No block yet. The clock puts `beyond` where no other start had it. */
void ids_init(struct ids *i, int64_t epoch_ms);

uint64_t ids_take(struct ids *i);
/* Left in blocks. */
uint64_t ids_left(const struct ids *i);
/* first..last are ours now. Only while ids_has_room(). */
void ids_add(struct ids *i, uint64_t first, uint64_t last);
bool ids_has_room(const struct ids *i);
/* Unused at the end: numbers after *used up to *reserved. False: can't say. */
bool ids_unused(const struct ids *i, uint64_t *reserved, uint64_t *used);

#endif
