/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a configuration, collected in the order it was found and
 * kept apart from it: complaints outlive a configuration that was refused.
 */
#include "config/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* A file of nonsense has as many errors as lines: enough is enough. */
#define COMPLAINTS_MAX 200

static void complaint_free(struct complaint *c)
{
	free((char *)c->place.file);
	free(c->jail);
	free(c->text);
}

/* NULL stays NULL; *failed if there is no memory. */
static char *copy(const char *s, bool *failed)
{
	char *p = s ? strdup(s) : NULL;

	*failed |= s && !p;
	return p;
}

void complaints_add(struct complaints *c, struct place place, const char *jail,
		    bool warning, const char *fmt, ...)
{
	struct complaint one = { .place = place, .warning = warning };
	struct complaint *v;
	bool failed = false;
	va_list ap;
	int n;

	if (!c || c->n >= COMPLAINTS_MAX)
		return;
	if (c->n == COMPLAINTS_MAX - 1)
		fmt = "and more; the rest is left out";
	va_start(ap, fmt);
	n = vasprintf(&one.text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	one.place.file = copy(place.file, &failed);
	one.jail = copy(jail, &failed);
	v = failed ? NULL : realloc(c->v, (c->n + 1) * sizeof(*v));
	if (!v) {
		complaint_free(&one);
		return;
	}
	c->v = v;
	c->v[c->n++] = one;
}

void complaints_free(struct complaints *c)
{
	for (size_t i = 0; i < c->n; i++)
		complaint_free(&c->v[i]);
	free(c->v);
	*c = (struct complaints){ 0 };
}

/* Backslashes stay as they are: patterns are full of them, and people read this. */
static void put_readable(struct buf *out, const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "\\");

		buf_put_escaped(out, (struct span){ s, n });
		if (!s[n])
			return;
		buf_putc(out, '\\');
		s += n + 1;
	}
}

void complaint_print(const struct complaint *c, struct buf *out)
{
	if (c->place.file) {
		buf_put_escaped(out, span_of(c->place.file));
		if (c->place.line)
			buf_printf(out, ":%u:%u", c->place.line, c->place.column);
		buf_puts(out, ": ");
	}
	if (c->warning)
		buf_puts(out, "warning: ");
	put_readable(out, c->text);
}
