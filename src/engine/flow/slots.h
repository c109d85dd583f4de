/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_SLOTS_H
#define ENGINE_FLOW_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table from 64-bit hashes to numbers. The hash is the key: made by
 * hash_keyed(), of whose secret strangers know nothing, two of a few million
 * are never the same.
 */
struct slots {
	uint64_t *key;		/* 0: free */
	uint32_t *value;
	size_t n, cap;
	size_t max;		/* 0: no bound */
};

void slots_free(struct slots *s);

/* NULL: not there. Good until the next slots_add() or slots_del(). */
uint32_t *slots_find(const struct slots *s, uint64_t hash);

/* Find or make; a new one holds `fresh` and *made is set. NULL: no room, or out of memory. */
uint32_t *slots_add(struct slots *s, uint64_t hash, uint32_t fresh, bool *made);
void slots_del(struct slots *s, uint64_t hash);

size_t slots_bytes(const struct slots *s);

#endif
