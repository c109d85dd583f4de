/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stdint.h>

#include "bailiff/clock.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Once, before anything is printed: UTF-8, and colours where `out_fd` is a
 * terminal that wants them (NO_COLOR, TERM=dumb: it does not).
 */
void text_init(int out_fd);

/*
 * Strangers' bytes made fit for a terminal: control bytes, invisible and
 * direction-turning characters and what is not UTF-8 become \xNN. A backslash
 * stays one: the engine has escaped log lines already. Returns the columns
 * that it takes on a screen.
 */
size_t text_put(struct buf *out, struct span s);

/* One line to standard output or to standard error ("bailiff: ..."), put as above. */
void text_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void text_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One unit, rounded: "9m", "36h", "12d"; buf of at least 40 bytes; returns buf. */
const char *text_span(int64_t ms, char *buf, size_t size);

/*
 * A moment as seen from now, with the local time: "in 9m (10:31:05)", "3d ago
 * (2026-08-18 10:31)"; buf of at least 80 bytes; returns buf.
 */
const char *text_when(int64_t ms, struct wall now, char *buf, size_t size);

/* "1.2 MB"; buf of at least 40 bytes; returns buf. */
const char *text_bytes(double n, char *buf, size_t size);

/* How a word such as "done" or "failed" is coloured: "" where it is not. */
const char *text_colour(const char *word);
const char *text_bold(void);
const char *text_plain(void);	/* ends each of these */

#endif
