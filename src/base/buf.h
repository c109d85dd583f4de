/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "bailiff/span.h"

/*
 * A growing byte buffer with a sticky error: once a call failed (-ENOMEM, or
 * -E2BIG past `max`), later ones do nothing and buf_error() tells, so a
 * writer checks once at its end.
 */
struct buf {
	char *p;
	size_t n, cap;
	size_t max;	/* 0: no bound */
	int error;
};

void buf_free(struct buf *b);		/* leaves an empty, usable buffer */
void buf_clear(struct buf *b);		/* n = 0, error = 0, keeps the memory */
int buf_error(const struct buf *b);	/* 0 or -errno */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/* Bytes of the UTF-8 sequence at p that may be shown; 0: none is. n is at least 1. */
size_t buf_utf8_len(const unsigned char *p, size_t n);

/* Bytes made printable: control, DEL, backslash, non-UTF-8 and what turns writing as \xNN. */
void buf_put_escaped(struct buf *b, struct span s);
/* For what escapes once more, such as JSON: tabs and backslashes stay as they are. */
void buf_put_text(struct buf *b, struct span s);
struct span buf_span(const struct buf *b);
const char *buf_cstr(struct buf *b);	/* NUL-terminated, "" on error */

/* Little-endian-as-host fixed-width writers for snapshots. */
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_span(struct buf *b, struct span s);	/* u32 length, bytes */

/* The reader of the same: past the end sets `error` and yields zeros. */
struct reader {
	const char *p;
	size_t n, at;
	int error;
};

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
struct span reader_span(struct reader *r);	/* points into the input */
struct span reader_bytes(struct reader *r, size_t n);

#endif
