/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in words of the configuration, and what stands for them. */
#include "config/words.h"

#include <stdbool.h>
#include <string.h>

/* The name in a `<name>` that begins at p; n == 0: none does. */
static struct span name_at(const char *p)
{
	size_t n = p[0] == '<' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;

	return (struct span){ p + 1, n > 0 && p[n + 1] == '>' ? n : 0 };
}

static const struct word_value *find(const struct word_value *v, struct span name)
{
	for (; v->name; v++)
		if (span_eq(span_of(v->name), name))
			return v;
	return NULL;
}

static bool is_escape(const char *p)
{
	return p[0] == '\\' && p[1] == '<';
}

struct span words_unknown(const char *word, const struct word_value *known)
{
	for (const char *p = word; *p; p++) {
		struct span name = name_at(p);

		if (is_escape(p))
			p++;
		else if (name.n > 0 && !find(known, name))
			return name;
	}
	return (struct span){ NULL, 0 };
}

void words_fill(const char *word, const struct word_value *values, struct buf *out)
{
	for (const char *p = word; *p; p++) {
		struct span name = name_at(p);
		const struct word_value *v = name.n > 0 ? find(values, name) : NULL;

		if (is_escape(p))
			p++;
		if (!v) {
			buf_putc(out, *p);
			continue;
		}
		buf_puts(out, v->value);
		p += name.n + 1;
	}
}
