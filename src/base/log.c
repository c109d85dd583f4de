/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own log lines. One write(2) a line, so that processes sharing standard
 * error never mix within a line; escaped as a whole, so that what a stranger
 * wrote cannot begin a line of its own.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

static struct {
	const char *program;
	enum log_level level;
	bool journal;
} conf = { "bailiff", LOG_LEVEL_INFO, false };

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

void log_msg(enum log_level level, const char *fmt, ...)
{
	struct buf text = { 0 }, line = { 0 };
	struct span s;
	va_list ap;
	ssize_t n;

	if (level > conf.level)
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (conf.journal)
		buf_printf(&line, "<%d>%s", levels[level].priority, levels[level].name);
	else
		buf_printf(&line, "%s: %s", conf.program, levels[level].name);
	/* Backslashes were doubled where a stranger's text went in. */
	s = buf_span(&text);
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			buf_printf(&line, "\\x%02X", (unsigned char)s.p[i]);
		else
			buf_putc(&line, s.p[i]);
	}
	buf_putc(&line, '\n');
	if (buf_error(&line) == 0) {
		n = write(STDERR_FILENO, line.p, line.n);
		(void)n;	/* nowhere left to say it */
	}
	buf_free(&text);
	buf_free(&line);
}
