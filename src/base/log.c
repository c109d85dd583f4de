/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own log lines. Whole lines to a write(2), so that processes sharing
 * standard error never mix within a line; escaped as a whole, so that what a
 * stranger wrote cannot begin a line of its own.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define HELD_MAX 32768

static struct {
	const char *program;
	enum log_level level;
	bool journal;
} conf = { "bailiff", LOG_LEVEL_INFO, false };

static bool holding;
static struct buf held;

static const struct { int priority; const char *name; } levels[] = {
	[LOG_LEVEL_ERR] = { 3, "error: " },
	[LOG_LEVEL_WARNING] = { 4, "warning: " },
	[LOG_LEVEL_INFO] = { 6, "" },
	[LOG_LEVEL_DEBUG] = { 7, "debug: " },
};

void log_init(const char *program, enum log_level level)
{
	conf.program = program;
	conf.level = level;
	conf.journal = getenv("JOURNAL_STREAM") != NULL;
}

static void write_out(const struct buf *b)
{
	ssize_t n;

	if (b->error == 0 && b->n > 0) {
		n = write(STDERR_FILENO, b->p, b->n);
		(void)n;	/* nowhere left to say it */
	}
}

void log_hold(void)
{
	holding = true;
}

void log_release(void)
{
	holding = false;
	write_out(&held);
	buf_clear(&held);
}

/* Backslashes were doubled where a stranger's text went in. */
static void put_line(struct buf *line, struct span s)
{
	for (size_t i = 0, from = 0; i <= s.n; i++) {
		bool odd = i < s.n && ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f);

		if (i < s.n && !odd)
			continue;
		if (i > from)
			buf_put(line, s.p + from, i - from);
		if (odd)
			buf_printf(line, "\\x%02X", (unsigned char)s.p[i]);
		from = i + 1;
	}
	buf_putc(line, '\n');
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	struct buf text = { 0 }, own = { 0 }, *line = holding ? &held : &own;
	char small[256];
	va_list ap;
	int n;

	if (level > conf.level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(small)) {
		va_start(ap, fmt);
		buf_vprintf(&text, fmt, ap);
		va_end(ap);
	}
	if (conf.journal) {
		buf_putc(line, '<');
		buf_putc(line, (char)('0' + levels[level].priority));
		buf_putc(line, '>');
	} else {
		buf_puts(line, conf.program);
		buf_puts(line, ": ");
	}
	buf_puts(line, levels[level].name);
	put_line(line, text.n > 0 ? buf_span(&text) : (struct span){ small, (size_t)n });
	buf_free(&text);
	if (holding && held.n < HELD_MAX && level != LOG_LEVEL_ERR)
		return;
	write_out(line);
	buf_clear(&held);
	buf_free(&own);
}
