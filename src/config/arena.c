/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One configuration holds thousands of small strings and lists that are never
 * freed one by one. They lie in chunks that go together, so no path through
 * the loader can leak or free twice, and lack of memory has one way out.
 */
#include "config/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

#define CHUNK_SIZE 16384

void *arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	void *p;

	if (n > SIZE_MAX / 2)
		longjmp(a->oom, 1);
	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;

		c = calloc(1, sizeof(*c) + size);
		if (!c)
			longjmp(a->oom, 1);
		c->size = size;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = (char *)c->bytes + c->used;
	c->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (n && size > SIZE_MAX / 2 / n)
		longjmp(a->oom, 1);
	return arena_alloc(a, n ? n * size : 1);
}

/* Doubling at powers of two needs no capacity beside the count. */
void *arena_push(struct arena *a, void *vp, size_t *n, size_t size)
{
	void **v = vp;

	if ((*n & (*n - 1)) == 0) {
		void *bigger = arena_array(a, *n ? *n * 2 : 1, size);

		if (*n)
			memcpy(bigger, *v, *n * size);
		*v = bigger;
	}
	return (char *)*v + (*n)++ * size;
}

char *arena_span(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_span(a, span_of(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void arena_free(struct arena *a)
{
	while (a->chunks) {
		struct chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
}
