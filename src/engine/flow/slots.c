/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open addressing, at most two thirds full; a removal moves what follows back
 * (Knuth, TAOCP 3, 6.4 R), so that no marks stay and a table that is filled
 * and emptied for months finds as fast as on its first day.
 */
#include "engine/flow/slots.h"

#include <stdlib.h>

#define SMALLEST 64

static uint64_t key_of(uint64_t hash)
{
	return hash ? hash : 1;
}

void slots_free(struct slots *s)
{
	free(s->key);
	free(s->value);
	*s = (struct slots){ .max = s->max };
}

/* Where the key is, or the free place where it would be. */
static size_t place_of(const struct slots *s, uint64_t key)
{
	size_t at = key & (s->cap - 1);

	while (s->key[at] && s->key[at] != key)
		at = (at + 1) & (s->cap - 1);
	return at;
}

static bool grow(struct slots *s)
{
	struct slots bigger = { .cap = s->cap ? 2 * s->cap : SMALLEST, .n = s->n, .max = s->max };

	bigger.key = calloc(bigger.cap, sizeof(*bigger.key));
	bigger.value = malloc(bigger.cap * sizeof(*bigger.value));
	if (!bigger.key || !bigger.value) {
		free(bigger.key);
		free(bigger.value);
		return false;
	}
	for (size_t i = 0; i < s->cap; i++) {
		size_t at;

		if (!s->key[i])
			continue;
		at = place_of(&bigger, s->key[i]);
		bigger.key[at] = s->key[i];
		bigger.value[at] = s->value[i];
	}
	free(s->key);
	free(s->value);
	*s = bigger;
	return true;
}

uint32_t *slots_find(const struct slots *s, uint64_t hash)
{
	size_t at;

	if (!s->cap)
		return NULL;
	at = place_of(s, key_of(hash));
	return s->key[at] ? &s->value[at] : NULL;
}

uint32_t *slots_add(struct slots *s, uint64_t hash, uint32_t fresh, bool *made)
{
	uint64_t key = key_of(hash);
	uint32_t *found = slots_find(s, hash);
	size_t at;

	*made = false;
	if (found)
		return found;
	if (s->max && s->n >= s->max)
		return NULL;
	if ((s->n + 1) * 3 > s->cap * 2 && !grow(s))
		return NULL;
	at = place_of(s, key);
	s->key[at] = key;
	s->value[at] = fresh;
	s->n++;
	*made = true;
	return &s->value[at];
}

void slots_del(struct slots *s, uint64_t hash)
{
	size_t mask = s->cap - 1, hole, at;

	if (!s->cap)
		return;
	hole = place_of(s, key_of(hash));
	if (!s->key[hole])
		return;
	s->n--;
	for (at = (hole + 1) & mask; s->key[at]; at = (at + 1) & mask) {
		/* It may stay if its own place lies behind the hole. */
		if (((at - s->key[at]) & mask) < ((at - hole) & mask))
			continue;
		s->key[hole] = s->key[at];
		s->value[hole] = s->value[at];
		hole = at;
	}
	s->key[hole] = 0;
}

size_t slots_bytes(const struct slots *s)
{
	return s->cap * (sizeof(*s->key) + sizeof(*s->value));
}
