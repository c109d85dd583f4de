/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_RECALL_H
#define ENGINE_RECORD_RECALL_H

#include <stddef.h>
#include <stdint.h>

#include "bailiff/span.h"

/* The verdicts a ledger held at the start, by what makes them the same. */
struct recall;

/* Room for n verdicts. */
int recall_new(size_t n, struct recall **ret);
void recall_free(struct recall **r);
/* -ENOSPC: more than n. The one added first stays. */
int recall_add(struct recall *r, const char *jail, struct span key,
	       int64_t when_ms, uint64_t offset, uint64_t id);
bool recall_find(const struct recall *r, const char *jail, struct span key,
		 int64_t when_ms, uint64_t offset, uint64_t *ret_id);

#endif
