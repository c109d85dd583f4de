/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>

#include "bailiff/clock.h"

struct wall clock_wall(void);
struct mono clock_mono(void);

/* "2026-08-21T10:11:12Z"; buf of at least 32 bytes; returns buf. */
const char *clock_print(int64_t ms, char *buf, size_t size);

/*
 * A span of time in words: "10m", "1h", "1d", "2w", "90s", "500ms", and sums
 * such as "1h30m". *ret in milliseconds. -EINVAL: not one; -ERANGE: over
 * 100 years.
 */
int clock_parse_span(const char *text, int64_t *ret);

/* The shortest exact text of a span: "10m", "1h30m", "0s"; buf >= 40. */
const char *clock_print_span(int64_t ms, char *buf, size_t size);

#endif
