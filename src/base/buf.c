/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The growing buffer that all text and all snapshots are written with, and
 * the reader that takes snapshots apart. Errors stick, so that a writer of
 * twenty fields has one check, and a reader of hostile bytes cannot run past
 * the end however it is called.
 */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->error = 0;
}

int buf_error(const struct buf *b)
{
	return b->error;
}

static bool grow(struct buf *b, size_t want)
{
	size_t cap = b->cap ? b->cap : 64;
	char *p;

	while (cap < want)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p) {
		b->error = -ENOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

/* Room for n more bytes and a NUL. */
static bool reserve(struct buf *b, size_t n)
{
	if (b->error)
		return false;
	if (b->max && (n > b->max || b->n > b->max - n)) {
		b->error = -E2BIG;
		return false;
	}
	return n < b->cap - b->n || grow(b, b->n + n + 1);
}

/* Inline: a few bytes of a known number need no call. */
static inline void put(struct buf *b, const void *p, size_t n)
{
	if (!reserve(b, n) || n == 0)
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	put(b, p, n);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	put(b, &c, 1);
}

#define SHORT 120

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room;
	va_list again;
	int n;

	if (!b->max)
		reserve(b, SHORT);	/* most often it is formatted once */
	room = b->cap - b->n;
	va_copy(again, ap);
	n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, again);
	va_end(again);
	if (n < 0) {
		b->error = b->error ? b->error : -EINVAL;
		return;
	}
	if (!reserve(b, (size_t)n))
		return;
	if ((size_t)n >= room)
		vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

/*
 * Line separators, and what turns the direction of writing (U+200E, U+200F,
 * U+2028 to U+202E, U+2066 to U+2069): with these a name can look like another,
 * or like the words behind it.
 */
static bool turns_writing(const unsigned char *p)
{
	return p[0] == 0xe2 && ((p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
				(p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

/*
 * Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 0 if
 * there is none. C1 controls (U+0080 to U+009F) are refused: terminals obey
 * them.
 */
size_t buf_utf8_len(const unsigned char *p, size_t n)
{
	unsigned char c = p[0];
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (len < 2 || len > n)
		return len == 1 ? 1 : 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xc2 && p[1] < 0xa0) || (c == 0xe0 && p[1] < 0xa0) ||
	    (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
	    (c == 0xf4 && p[1] > 0x8f) || (len == 3 && turns_writing(p)))
		return 0;
	return len;
}

/* How many bytes from i on, ASCII and nothing special, go out as they are. */
static size_t plain_run(const unsigned char *p, size_t n, size_t i)
{
	size_t from = i;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\')
		i++;
	return i - from;
}

static void put_printable(struct buf *b, struct span s, bool whole)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.n;) {
		size_t run = plain_run(p, s.n, i), len;

		if (run > 0) {
			buf_put(b, p + i, run);
			i += run;
			continue;
		}
		len = buf_utf8_len(p + i, s.n - i);
		if (len == 1 && p[i] == '\\' && whole)
			buf_puts(b, "\\\\");
		else if (len == 0 || (len == 1 && (p[i] < 0x20 || p[i] == 0x7f) && (whole || p[i] != '\t')))
			buf_printf(b, "\\x%02X", p[i]);
		else
			buf_put(b, p + i, len);
		i += len ? len : 1;
	}
}

void buf_put_escaped(struct buf *b, struct span s)
{
	put_printable(b, s, true);
}

void buf_put_text(struct buf *b, struct span s)
{
	put_printable(b, s, false);
}

struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->n };
}

const char *buf_cstr(struct buf *b)
{
	if (!reserve(b, 0))
		return "";
	b->p[b->n] = 0;
	return b->p;
}

void buf_put_u8(struct buf *b, uint8_t v) { put(b, &v, sizeof(v)); }
void buf_put_u16(struct buf *b, uint16_t v) { put(b, &v, sizeof(v)); }
void buf_put_u32(struct buf *b, uint32_t v) { put(b, &v, sizeof(v)); }
void buf_put_u64(struct buf *b, uint64_t v) { put(b, &v, sizeof(v)); }

void buf_put_span(struct buf *b, struct span s)
{
	buf_put_u32(b, (uint32_t)s.n);
	buf_put(b, s.p, s.n);
}

struct span reader_bytes(struct reader *r, size_t n)
{
	struct span s = { NULL, 0 };

	if (r->error || n > r->n - r->at) {
		r->error = r->error ? r->error : -EBADMSG;
		return s;
	}
	s = (struct span){ r->p + r->at, n };
	r->at += n;
	return s;
}

static void take(struct reader *r, void *ret, size_t n)
{
	struct span s = reader_bytes(r, n);

	memset(ret, 0, n);
	if (s.p)
		memcpy(ret, s.p, n);
}

uint8_t reader_u8(struct reader *r) { uint8_t v; take(r, &v, sizeof(v)); return v; }
uint16_t reader_u16(struct reader *r) { uint16_t v; take(r, &v, sizeof(v)); return v; }
uint32_t reader_u32(struct reader *r) { uint32_t v; take(r, &v, sizeof(v)); return v; }
uint64_t reader_u64(struct reader *r) { uint64_t v; take(r, &v, sizeof(v)); return v; }

struct span reader_span(struct reader *r)
{
	return reader_bytes(r, reader_u32(r));
}
