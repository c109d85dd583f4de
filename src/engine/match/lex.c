/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What reading a pattern is made of: output that remembers where it came
 * from, refusals, names, and the notes on fixed bytes that remarks and needles
 * are made of.
 */
#include "engine/match/lex.h"

#include <errno.h>
#include <stdio.h>

#include "config/load.h"

/* ---- output */

void lex_emit(struct lex *s, const char *text, size_t n, size_t from)
{
	for (size_t k = 0; k < n && !s->rename; k++)
		buf_put_u32(&s->out->origin, (uint32_t)from);
	buf_put(&s->out->text, text, n);
}

void lex_emit_str(struct lex *s, const char *text)
{
	lex_emit(s, text, strlen(text), s->i);
}

void lex_copy(struct lex *s, size_t n)
{
	if (n > s->n - s->i)
		n = s->n - s->i;
	for (size_t k = 0; k < n && !s->rename; k++)
		buf_put_u32(&s->out->origin, (uint32_t)(s->i + k));
	buf_put(&s->out->text, s->src + s->i, n);
	s->i += n;
}

void lex_refuse(struct lex *s, const char *what, size_t n)
{
	if (s->error)
		return;
	s->error = -EINVAL;
	s->err->offset = s->i;
	if (n > s->n - s->i)
		n = s->n - s->i;
	if (n == 0)
		snprintf(s->err->text, sizeof(s->err->text), "%s", what);
	else
		snprintf(s->err->text, sizeof(s->err->text), "%s: '%.*s'", what,
			 (int)(n > 40 ? 40 : n), s->src + s->i);
}

/* A name at offset `from`; none: n is 0. */
struct span lex_name(const struct lex *s, size_t from)
{
	size_t k = from;

	if (k < s->n && is_letter(s->src[k]))
		for (k++; k < s->n && (is_letter(s->src[k]) || is_digit(s->src[k])); k++)
			;
	return (struct span){ s->src + from, k - from };
}

/* ---- traits */

/* A byte that stands for itself was consumed. */
void lex_literal(struct lex *s, char c)
{
	struct pattern *p = s->out;

	s->began = true;
	if (s->run < NEEDLE_MAX)
		s->fixed[s->run] = c;
	if (++s->run > p->traits.literal)
		p->traits.literal = s->run;
	if (s->depth == 0 && !s->caseless && s->run > p->needle.n && s->run <= NEEDLE_MAX) {
		buf_clear(&p->needle);
		buf_put(&p->needle, s->fixed, s->run);
	}
}

/* Comments, \E and an empty \Q\E may stand before a quantifier. */
bool lex_optional(const struct lex *s, size_t ahead)
{
	char c = lex_at(s, ahead), next = lex_at(s, ahead + 1);

	return c == '?' || c == '*' || c == '{' ||
	       (c == '(' && next == '?' && lex_at(s, ahead + 2) == '#') ||
	       (c == '\\' && (next == 'E' || next == 'Q'));
}

/* Something that is no fixed byte was consumed, or may have been. */
void lex_unfixed(struct lex *s)
{
	s->began = true;
	s->run = 0;
}

void lex_captured(struct lex *s, struct span name)
{
	int f = config_field(s->c, name);

	if (s->free_text && !s->out->traits.forged && f >= 0)
		s->out->traits.forged = s->c->fields[f].name;
}

/* The name as the output spells it: renamed, it is the prefix and a number. */
void lex_emit_name(struct lex *s, struct span name)
{
	char number[16];
	unsigned k;

	if (!s->rename) {
		lex_emit(s, name.p, name.n, (size_t)(name.p - s->src));
		return;
	}
	for (k = 0; k < s->nnames && !span_eq(s->names[k], name); k++)
		;
	if (k == s->nnames) {
		if (k == NAMES_MAX) {
			lex_refuse(s, "too many captures", 1);
			return;
		}
		s->names[s->nnames++] = name;
	}
	snprintf(number, sizeof(number), "%u", k);
	lex_emit_str(s, s->rename);
	lex_emit_str(s, number);
}

/* Open a group that captures `name`, if captures are kept. */
void lex_emit_capture(struct lex *s, struct span name)
{
	if (s->rename && !s->out->traits.refers) {
		lex_emit_str(s, "(?:");
		return;
	}
	lex_emit_str(s, "(?<");
	lex_emit_name(s, name);
	lex_emit_str(s, ">");
}
