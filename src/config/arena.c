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
#define BRIEF_SIZE (256u << 10)		/* a mapping of its own: it goes back to the kernel */

typedef void *alloc_fn(struct arena *a, size_t n);

static void *alloc(struct arena *a, struct chunk **list, size_t n, size_t least)
{
	struct chunk *c = *list;
	void *p;

	if (n > SIZE_MAX / 2)
		longjmp(a->oom, 1);
	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!c || c->size - c->used < n) {
		size_t size = n > least ? n : least;

		c = calloc(1, sizeof(*c) + size);
		if (!c)
			longjmp(a->oom, 1);
		c->size = size;
		c->next = *list;
		*list = c;
	}
	p = (char *)c->bytes + c->used;
	c->used += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return alloc(a, &a->chunks, n, CHUNK_SIZE);
}

void *arena_brief_alloc(struct arena *a, size_t n)
{
	return alloc(a, &a->brief, n, BRIEF_SIZE);
}

static void *array(struct arena *a, alloc_fn *from, size_t n, size_t size)
{
	if (n && size > SIZE_MAX / 2 / n)
		longjmp(a->oom, 1);
	return from(a, n ? n * size : 1);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	return array(a, arena_alloc, n, size);
}

void *arena_brief_array(struct arena *a, size_t n, size_t size)
{
	return array(a, arena_brief_alloc, n, size);
}

/* Doubling at powers of two needs no capacity beside the count. */
static void *push(struct arena *a, alloc_fn *from, void *vp, size_t *n, size_t size)
{
	void **v = vp;

	if ((*n & (*n - 1)) == 0) {
		void *bigger = array(a, from, *n ? *n * 2 : 1, size);

		if (*n)
			memcpy(bigger, *v, *n * size);
		*v = bigger;
	}
	return (char *)*v + (*n)++ * size;
}

void *arena_push(struct arena *a, void *v, size_t *n, size_t size)
{
	return push(a, arena_alloc, v, n, size);
}

void *arena_brief_push(struct arena *a, void *v, size_t *n, size_t size)
{
	return push(a, arena_brief_alloc, v, n, size);
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

static void free_list(struct chunk **list)
{
	while (*list) {
		struct chunk *c = *list;

		*list = c->next;
		free(c);
	}
}

void arena_end_brief(struct arena *a)
{
	free_list(&a->brief);
}

void arena_free(struct arena *a)
{
	free_list(&a->brief);
	free_list(&a->chunks);
}
