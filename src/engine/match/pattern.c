/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a jail's pattern to the text of a regular expression. One pass over
 * the source follows PCRE2's grammar (pcre2pattern(3)) just far enough to
 * know where a `<` is a placeholder, where a class, a quotation or a comment
 * ends, and what is a verb, a recursion or a numbered back-reference. Those
 * are refused: they would change their meaning, or that of a neighbour, when
 * the pattern becomes one alternative of a detecting expression (group.c),
 * where captures lose their numbers. All else is left to PCRE2, whose
 * complaints find the way back to the source by `origin`.
 */
#include "engine/match/pattern.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/load.h"

#define DEPTH_MAX 250		/* PCRE2's own parens_nest_limit */
#define NAMES_MAX 64

struct scan {
	const struct config *c;
	const char *src;
	size_t n, i;
	enum pattern_place place;
	const char *rename;
	struct pattern *out;
	struct pattern_error *err;
	int error;
	unsigned depth;
	bool x[DEPTH_MAX + 1];	/* (?x) in force at each depth */
	unsigned run;		/* fixed bytes up to here */
	bool began;		/* something was consumed */
	bool free_text;		/* .* or .+ went before */
	unsigned nnames;
	struct span names[NAMES_MAX];
};

static const char metachars[] = ".*+?{}|^$";

/* ---- output */

static void emit(struct scan *s, const char *text, size_t n, size_t from)
{
	for (size_t k = 0; k < n; k++)
		buf_put_u32(&s->out->origin, (uint32_t)from);
	buf_put(&s->out->text, text, n);
}

static void emit_str(struct scan *s, const char *text)
{
	emit(s, text, strlen(text), s->i);
}

static void copy(struct scan *s, size_t n)
{
	for (; n > 0 && s->i < s->n; n--, s->i++)
		emit(s, s->src + s->i, 1, s->i);
}

static void refuse(struct scan *s, const char *what, size_t n)
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

static char at(const struct scan *s, size_t ahead)
{
	return s->i + ahead < s->n ? s->src[s->i + ahead] : 0;
}

static bool starts(const struct scan *s, const char *text)
{
	return strncmp(s->src + s->i, text, strlen(text)) == 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A name at offset `from`; none: n is 0. */
static struct span name_at(const struct scan *s, size_t from)
{
	size_t k = from;

	if (k < s->n && is_letter(s->src[k]))
		for (k++; k < s->n && (is_letter(s->src[k]) || is_digit(s->src[k])); k++)
			;
	return (struct span){ s->src + from, k - from };
}

/* ---- traits */

static void literal(struct scan *s)
{
	s->began = true;
	if (++s->run > s->out->traits.literal)
		s->out->traits.literal = s->run;
}

/* Something that is no fixed byte was consumed, or may have been. */
static void unfixed(struct scan *s)
{
	s->began = true;
	s->run = 0;
}

static void captured(struct scan *s, struct span name)
{
	int f = config_field(s->c, name);

	if (s->free_text && !s->out->traits.forged && f >= 0)
		s->out->traits.forged = s->c->fields[f].name;
}

/* <content> is the prefix's way to say what patterns see. */
static bool is_misplaced(const struct scan *s, struct span name)
{
	return s->place != PATTERN_PREFIX && span_eq(name, SPAN_LIT("content"));
}

/* ---- groups and names */

static void push(struct scan *s, bool x)
{
	if (s->depth == DEPTH_MAX) {
		refuse(s, "parentheses nested too deeply", 1);
		return;
	}
	s->x[++s->depth] = x;
}

/* The name as the output spells it: renamed, it is the prefix and a number. */
static void emit_name(struct scan *s, struct span name)
{
	char number[16];
	unsigned k;

	if (!s->rename) {
		emit(s, name.p, name.n, (size_t)(name.p - s->src));
		return;
	}
	for (k = 0; k < s->nnames && !span_eq(s->names[k], name); k++)
		;
	if (k == s->nnames) {
		if (k == NAMES_MAX) {
			refuse(s, "too many captures", 1);
			return;
		}
		s->names[s->nnames++] = name;
	}
	snprintf(number, sizeof(number), "%u", k);
	emit_str(s, s->rename);
	emit_str(s, number);
}

/* Open a group that captures `name`, if captures are kept. */
static void emit_capture(struct scan *s, struct span name)
{
	if (s->rename && !s->out->traits.refers) {
		emit_str(s, "(?:");
		return;
	}
	emit_str(s, "(?<");
	emit_name(s, name);
	emit_str(s, ">");
}

/* (?<name>, (?P<name>, (?'name': `skip` bytes before the name, then `close`. */
static void open_named(struct scan *s, size_t skip, char close)
{
	struct span name = name_at(s, s->i + skip);

	if (!name.n || s->i + skip + name.n >= s->n || name.p[name.n] != close) {
		refuse(s, "a capture without a proper name", skip + name.n + 1);
		return;
	}
	if (is_misplaced(s, name) || config_field(s->c, name) < 0) {
		refuse(s, is_misplaced(s, name) ? "only in `prefix`" :
		       "a capture that is not known", skip + name.n + 1);
		return;
	}
	captured(s, name);
	emit_capture(s, name);
	push(s, s->x[s->depth]);
	s->i += skip + name.n + 1;
}

/* A named back-reference: `head` name `tail`, `skip` bytes before the name. */
static void reference(struct scan *s, size_t skip, char close)
{
	struct span name = name_at(s, s->i + skip);

	if (!name.n || s->i + skip + name.n >= s->n || name.p[name.n] != close) {
		refuse(s, "a reference without a proper name", skip + name.n + 1);
		return;
	}
	s->out->traits.refers = true;
	emit(s, s->src + s->i, skip, s->i);
	emit_name(s, name);
	s->i += skip + name.n;
	copy(s, 1);
	unfixed(s);
}

/* (?( : a name, or an assertion that the main loop reads next. */
static void open_condition(struct scan *s)
{
	char c = at(s, 3);

	push(s, s->x[s->depth]);
	if (c == '?') {
		copy(s, 2);
	} else if (is_digit(c) || c == '+' || c == '-') {
		refuse(s, "a condition on a capture's number", 5);
	} else if (starts(s, "(?(DEFINE)") || starts(s, "(?(VERSION") ||
		   starts(s, "(?(R)") || starts(s, "(?(R&") ||
		   (starts(s, "(?(R") && is_digit(at(s, 4)))) {
		refuse(s, "a condition other than on a named capture", 6);
	} else if (c == '<' || c == '\'') {
		reference(s, 4, c == '<' ? '>' : '\'');
		if (!s->error && at(s, 0) == ')')
			copy(s, 1);
		else
			refuse(s, "a condition that does not end", 1);
	} else if (c == '*') {
		copy(s, 2);
	} else {
		reference(s, 3, ')');
	}
}

/* (?imsxn-imsxn) and (?i:...): only x matters here, it begins comments. */
static void open_options(struct scan *s)
{
	bool x = s->x[s->depth], on = true;
	size_t k = 2;

	for (; at(s, k) == '^' || at(s, k) == '-' || is_letter(at(s, k)); k++) {
		if (at(s, k) == '-')
			on = false;
		else if (at(s, k) == '^')
			x = false;
		else if (at(s, k) == 'x')
			x = on;
	}
	if (at(s, k) == ')') {
		s->x[s->depth] = x;
	} else if (at(s, k) == ':') {
		push(s, x);
	} else {
		refuse(s, "unknown after (?", k + 1);
		return;
	}
	copy(s, k + 1);
}

static void comment_group(struct scan *s)
{
	const char *end = strchr(s->src + s->i, ')');

	if (!end)
		refuse(s, "a comment without )", 3);
	else
		s->i = (size_t)(end - s->src) + 1;
}

static void open_special(struct scan *s)
{
	char c = at(s, 2), d = at(s, 3);

	if (c == '#')
		comment_group(s);
	else if (c == 'C')
		refuse(s, "callouts are not allowed", 3);
	else if (c == 'R' || c == '&' || is_digit(c) || (c == 'P' && d == '>') ||
		 ((c == '+' || c == '-') && is_digit(d)))
		refuse(s, "recursion is not allowed", 4);
	else if (c == '<' && d != '=' && d != '!' && d != '*')
		open_named(s, 3, '>');
	else if (c == '\'')
		open_named(s, 3, '\'');
	else if (c == 'P' && d == '<')
		open_named(s, 4, '>');
	else if (c == 'P' && d == '=')
		reference(s, 4, ')');
	else if (c == '(')
		open_condition(s);
	else if (c == '^' || c == '-' || is_letter(c))
		open_options(s);
	else {
		push(s, s->x[s->depth]);
		/* the < of (?<= is no placeholder's */
		copy(s, c == '<' ? 4 : c ? 3 : 2);
	}
}

static void open_group(struct scan *s)
{
	s->run = 0;
	if (at(s, 1) == '*') {
		refuse(s, "verbs are not allowed", 8);
	} else if (at(s, 1) == '?') {
		open_special(s);
	} else {
		push(s, s->x[s->depth]);
		copy(s, 1);
	}
}

static void close_group(struct scan *s)
{
	s->run = 0;
	if (s->depth == 0) {
		refuse(s, "a ) without its (", 1);
		return;
	}
	s->depth--;
	copy(s, 1);
}

/* ---- escapes, classes, placeholders */

/* \Q...\E: an end left out is put in, or it would swallow a neighbour. */
static void quotation(struct scan *s)
{
	const char *end = strstr(s->src + s->i + 2, "\\E");
	size_t stop = end ? (size_t)(end - s->src) : s->n;

	copy(s, 2);
	while (s->i < stop) {
		literal(s);
		copy(s, 1);
	}
	if (end)
		copy(s, 2);
	else
		emit_str(s, "\\E");
}

static void escape_g(struct scan *s)
{
	char c = at(s, 2);

	if (c == '<' || c == '\'')
		refuse(s, "recursion is not allowed", 4);
	else if (c == '{' && is_letter(at(s, 3)))
		reference(s, 3, '}');
	else
		refuse(s, "a numbered back-reference is not allowed", c == '{' ? 5 : 3);
}

static void escape_k(struct scan *s)
{
	char c = at(s, 2);

	if (c == '<' || c == '{' || c == '\'')
		reference(s, 3, c == '<' ? '>' : c == '{' ? '}' : '\'');
	else
		refuse(s, "\\k without a name", 3);
}

static void escape(struct scan *s)
{
	char c = at(s, 1);

	if (c == 'Q') {
		quotation(s);
	} else if (c == 'K' || c == 'C') {
		refuse(s, c == 'K' ? "\\K is not allowed" : "\\C is not allowed", 2);
	} else if (c >= '1' && c <= '9') {
		refuse(s, "a numbered back-reference is not allowed", 2);
	} else if (c == 'g') {
		escape_g(s);
	} else if (c == 'k') {
		escape_k(s);
	} else if (c == 'c') {
		copy(s, 3);
		literal(s);
	} else {
		if (c == 'A' && !s->began)
			s->out->traits.tied = true;
		else if (is_letter(c) || is_digit(c))
			unfixed(s);
		else
			literal(s);
		copy(s, 2);
	}
}

/* [:alpha:] and the like within a class; 0 if it is none. */
static size_t posix_class(const struct scan *s)
{
	size_t k = 2;

	if (at(s, 0) != '[' || at(s, 1) != ':')
		return 0;
	while (is_letter(at(s, k)) || at(s, k) == '^')
		k++;
	return at(s, k) == ':' && at(s, k + 1) == ']' ? k + 2 : 0;
}

static void class(struct scan *s)
{
	size_t from = s->i, posix;

	copy(s, at(s, 1) == '^' ? 2 : 1);
	if (at(s, 0) == ']')
		copy(s, 1);
	while (s->i < s->n && at(s, 0) != ']' && !s->error) {
		posix = posix_class(s);
		if (posix)
			copy(s, posix);
		else if (at(s, 0) != '\\')
			copy(s, 1);
		else if (at(s, 1) == 'Q' || at(s, 1) == 'E')
			refuse(s, "\\Q and \\E are not allowed in a class", 2);
		else
			copy(s, at(s, 1) == 'c' ? 3 : 2);
	}
	if (s->i >= s->n && !s->error) {
		s->i = from;
		refuse(s, "a [ without its ]", 12);
	}
	copy(s, 1);
	unfixed(s);
}

/* Why <name> may not stand here, or NULL. */
static const char *placeholder_refused(const struct scan *s, struct span name,
				       const struct field *f)
{
	if (!f || (!f->regex && !f->from))
		return "unknown placeholder (a literal < is written \\<)";
	if (!f->regex)
		return "made from another capture, not by a pattern";
	return is_misplaced(s, name) ? "only in `prefix`" : NULL;
}

static void placeholder(struct scan *s)
{
	struct span name = name_at(s, s->i + 1);
	const struct field *f;
	const char *why;
	int field;

	if (!name.n || s->i + 1 + name.n >= s->n || name.p[name.n] != '>') {
		literal(s);
		copy(s, 1);
		return;
	}
	field = config_field(s->c, name);
	f = field < 0 ? NULL : &s->c->fields[field];
	why = placeholder_refused(s, name, f);
	if (why) {
		refuse(s, why, name.n + 2);
		return;
	}
	captured(s, name);
	emit_capture(s, name);
	if (s->x[s->depth])
		emit_str(s, "(?-x)");
	emit_str(s, f->regex);
	emit_str(s, ")");
	s->i += name.n + 2;
	unfixed(s);
}

/* One ordinary byte, a metacharacter or a fixed one. */
static void single(struct scan *s)
{
	char c = at(s, 0), next = at(s, 1);
	bool many = next == '*' || next == '+' || next == '{';

	if (c == '.') {
		if (many) {
			if (!s->began)
				s->out->traits.searches = true;
			s->free_text = true;
		}
		unfixed(s);
	} else if (c == '^' && !s->began) {
		s->out->traits.tied = true;
	} else if (strchr(metachars, c)) {
		s->run = 0;
	} else if (next == '?' || next == '*' || next == '{') {
		unfixed(s);
	} else {
		literal(s);
	}
	copy(s, 1);
}

static void spaced_comment(struct scan *s)
{
	while (s->i < s->n && at(s, 0) != '\n')
		copy(s, 1);
}

static void scan(struct scan *s)
{
	while (s->i < s->n && !s->error) {
		char c = at(s, 0);

		if (c == '\\')
			escape(s);
		else if (c == '[')
			class(s);
		else if (c == '(')
			open_group(s);
		else if (c == ')')
			close_group(s);
		else if (c == '<')
			placeholder(s);
		else if (c == '#' && s->x[s->depth])
			spaced_comment(s);
		else
			single(s);
	}
	if (!s->error && s->depth > 0)
		refuse(s, "a ( without its )", 1);
	/* ends a comment that would swallow a neighbour */
	if (s->x[0])
		emit_str(s, "\n");
}

int pattern_expand(const struct config *c, const char *source,
		   enum pattern_place place, const char *rename,
		   struct pattern *ret, struct pattern_error *err)
{
	struct scan s = {
		.c = c, .src = source, .n = strlen(source), .place = place,
		.rename = rename, .out = ret, .err = err,
	};
	/* a reference may stand before its capture: know it beforehand */
	bool refers = ret->traits.refers;

	scan(&s);
	if (!s.error && rename && ret->traits.refers && !refers) {
		buf_clear(&ret->text);
		buf_clear(&ret->origin);
		return pattern_expand(c, source, place, rename, ret, err);
	}
	if (!s.error && (buf_error(&ret->text) || buf_error(&ret->origin)))
		return -ENOMEM;
	return s.error;
}

void pattern_free(struct pattern *p)
{
	buf_free(&p->text);
	buf_free(&p->origin);
}

size_t pattern_origin(const struct pattern *p, size_t offset)
{
	uint32_t from = 0;
	size_t n = p->origin.n / sizeof(from);

	if (n == 0)
		return 0;
	if (offset >= n) {
		memcpy(&from, p->origin.p + (n - 1) * sizeof(from), sizeof(from));
		return (size_t)from + 1;
	}
	memcpy(&from, p->origin.p + offset * sizeof(from), sizeof(from));
	return from;
}
