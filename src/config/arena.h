/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "bailiff/config.h"
#include "bailiff/span.h"

/*
 * Memory that lives and dies as one: a configuration; and, for as long as it
 * is being read, the trees it is made from. No call returns NULL: without
 * memory they longjmp to `oom`, which the owner sets before anything else, and
 * the owner frees it all.
 */
struct arena {
	struct chunk *chunks, *brief;
	jmp_buf oom;
};

void *arena_alloc(struct arena *a, size_t n);	/* zeroed, aligned for anything */
/* Room for n items, never NULL, also for none. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* *v grown by one zeroed item of `size` bytes; returns the new item. */
void *arena_push(struct arena *a, void *v, size_t *n, size_t size);
/* The same, but only until arena_end_brief() (or arena_free()). */
void *arena_brief_alloc(struct arena *a, size_t n);
void *arena_brief_array(struct arena *a, size_t n, size_t size);
void *arena_brief_push(struct arena *a, void *v, size_t *n, size_t size);
void arena_end_brief(struct arena *a);
char *arena_strdup(struct arena *a, const char *s);
char *arena_span(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
void arena_free(struct arena *a);

#endif
