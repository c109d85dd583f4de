/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_SPAN_H
#define BAILIFF_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * Borrowed bytes: never NUL-terminated, may hold any byte. Whoever hands a
 * span out says how long the bytes behind it live. {NULL, 0} is "none".
 */
struct span {
	const char *p;
	size_t n;
};

#define SPAN_LIT(s) ((struct span){ "" s, sizeof(s) - 1 })

static inline struct span span_of(const char *s)
{
	return (struct span){ s, s ? strlen(s) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Take the next line off `rest`, without its newline, which the last may lack. False: none is left. */
static inline bool span_line(struct span *rest, struct span *ret)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = (const char *)memchr(rest->p, '\n', rest->n);
	*ret = (struct span){ rest->p, end ? (size_t)(end - rest->p) : rest->n };
	rest->p += ret->n + (end != NULL);
	rest->n -= ret->n + (end != NULL);
	return true;
}

#endif
