/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words for people: moments, spans and strangers' text as they stand on a
 * terminal. All that is printed for people goes through text_put(), because
 * what the engine answers holds what attackers wrote: an escape sequence in a
 * login name must not reach the admin's terminal, and no name may look like
 * another line of ours.
 */
#include "ctl/text.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static bool colours;

void text_init(int out_fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	/* Only what a byte means: dates and numbers stay the same everywhere. */
	setlocale(LC_CTYPE, "C.UTF-8");
	colours = isatty(out_fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* Characters that hide or reorder what stands beside them (Unicode TR 36). */
static const struct { wchar_t first, last; } invisible[] = {
	{ 0x80, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
	{ 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
};

static int width_of(wchar_t c)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(*invisible); i++)
		if (c >= invisible[i].first && c <= invisible[i].last)
			return -1;
	return wcwidth(c);
}

size_t text_put(struct buf *out, struct span s)
{
	size_t columns = 0;

	for (size_t i = 0; i < s.n;) {
		mbstate_t state = { 0 };
		wchar_t c = 0;
		size_t n = mbrtowc(&c, s.p + i, s.n - i, &state);
		int width = n == 0 || n > s.n ? -1 : width_of(c);

		if (n == 0 || n > s.n)
			n = 1;
		if (width >= 0) {
			buf_put(out, s.p + i, n);
			columns += (size_t)width;
		} else {
			for (size_t k = 0; k < n; k++)
				buf_printf(out, "\\x%02X", (unsigned char)s.p[i + k]);
			columns += 4 * n;
		}
		i += n;
	}
	return columns;
}

static void say(FILE *to, const char *head, const char *fmt, va_list ap)
{
	struct buf raw = { 0 }, line = { 0 };

	buf_vprintf(&raw, fmt, ap);
	buf_puts(&line, head);
	text_put(&line, buf_span(&raw));
	fprintf(to, "%s\n", buf_cstr(&line));
	buf_free(&raw);
	buf_free(&line);
}

void text_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(stdout, "", fmt, ap);
	va_end(ap);
}

void text_complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	say(stderr, "bailiff: ", fmt, ap);
	va_end(ap);
}

const char *text_span(int64_t ms, char *buf, size_t size)
{
	/* A unit serves from twice its length on, and where it fits exactly. */
	static const struct { int64_t ms; const char *name; } units[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" },
	};
	int64_t a = ms < 0 ? -ms : ms;
	size_t i = 0;

	for (; i < 4; i++) {
		int64_t half = units[i + 1].ms / 2;

		if (a >= 2 * units[i].ms || (a + half >= units[i].ms && a <= units[i].ms + half))
			break;
	}
	if (a == 0)
		snprintf(buf, size, "0s");
	else
		snprintf(buf, size, "%lld%s", (long long)((a + units[i].ms / 2) / units[i].ms),
			 units[i].name);
	return buf;
}

const char *text_when(int64_t ms, struct wall now, char *buf, size_t size)
{
	time_t at = (time_t)(ms / 1000), today = (time_t)(now.ms / 1000);
	char span[40], clock[40] = "";
	struct tm tm, here;

	if (!localtime_r(&at, &tm) || !localtime_r(&today, &here)) {
		snprintf(buf, size, "?");
		return buf;
	}
	strftime(clock, sizeof(clock),
		 tm.tm_year == here.tm_year && tm.tm_yday == here.tm_yday ?
		 "%H:%M:%S" : "%Y-%m-%d %H:%M", &tm);
	/* Nobody wants to know it to the millisecond. */
	text_span(((ms < now.ms ? now.ms - ms : ms - now.ms) + 500) / 1000 * 1000, span, sizeof(span));
	if (ms > now.ms)
		snprintf(buf, size, "in %s (%s)", span, clock);
	else
		snprintf(buf, size, "%s ago (%s)", span, clock);
	return buf;
}

const char *text_bytes(double n, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB", "PB" };
	size_t i = 0;

	for (; n >= 1000 && i < 5; i++)
		n /= 1000;
	snprintf(buf, size, i == 0 ? "%.0f %s" : "%.1f %s", n, units[i]);
	return buf;
}

const char *text_colour(const char *word)
{
	static const struct { const char *word, *code; } words[] = {
		{ "done", "\033[32m" }, { "on", "\033[32m" }, { "following", "\033[32m" },
		{ "refused", "\033[31m" }, { "failed", "\033[31m" }, { "open", "\033[33m" },
		{ "unknown", "\033[33m" }, { "proposed", "\033[33m" }, { "shadow", "\033[33m" },
		{ "braked", "\033[31m" }, { "waiting", "\033[33m" },
	};

	for (size_t i = 0; colours && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].code;
	return "";
}

const char *text_bold(void)
{
	return colours ? "\033[1m" : "";
}

const char *text_plain(void)
{
	return colours ? "\033[0m" : "";
}
