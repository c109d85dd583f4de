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
#include "engine/match/lex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/load.h"

static const char metachars[] = ".*+?{}|^$";

#define NO_VERB		"verbs are not allowed"
#define NO_RECURSION	"recursion is not allowed"
#define NO_NUMBER	"a numbered back-reference is not allowed, name it"
#define NO_CONDITION	"a condition other than on a named capture"

/* What is refused by how it begins; 1 stands for 1 to 9, 0 for any digit. */
static const struct {
	const char *begin, *why;
} forbidden[] = {
	{ "(*", NO_VERB },
	{ "\\K", "\\K is not allowed" },
	{ "\\C", "\\C is not allowed" },
	{ "(?C", "callouts are not allowed" },
	{ "(?R", NO_RECURSION }, { "(?0", NO_RECURSION }, { "(?+0", NO_RECURSION },
	{ "(?-0", NO_RECURSION }, { "(?&", NO_RECURSION }, { "(?P>", NO_RECURSION },
	{ "\\g<", NO_RECURSION }, { "\\g'", NO_RECURSION },
	{ "\\1", NO_NUMBER }, { "\\g0", NO_NUMBER }, { "\\g+", NO_NUMBER },
	{ "\\g-", NO_NUMBER }, { "\\g{0", NO_NUMBER }, { "\\g{+", NO_NUMBER },
	{ "\\g{-", NO_NUMBER },
	{ "(?(0", NO_CONDITION }, { "(?(+", NO_CONDITION }, { "(?(-", NO_CONDITION },
	{ "(?(R)", NO_CONDITION }, { "(?(R0", NO_CONDITION }, { "(?(R&", NO_CONDITION },
	{ "(?(DEFINE)", NO_CONDITION }, { "(?(VERSION", NO_CONDITION },
};

static bool begins(const struct lex *s, const char *what)
{
	for (size_t k = 0; what[k]; k++) {
		char c = lex_at(s, k);

		if (is_digit(what[k]) ? !is_digit(c) || c < what[k] : c != what[k])
			return false;
	}
	return true;
}

static const char *forbidden_here(const struct lex *s)
{
	char c = lex_at(s, 0);

	for (size_t k = 0; (c == '(' || c == '\\') && k < sizeof(forbidden) / sizeof(*forbidden); k++)
		if (forbidden[k].begin[0] == c && begins(s, forbidden[k].begin))
			return forbidden[k].why;
	return NULL;
}

/* <content> is the prefix's way to say what patterns see. */
static bool is_misplaced(const struct lex *s, struct span name)
{
	return s->place != PATTERN_PREFIX && span_eq(name, SPAN_LIT("content"));
}

/* ---- groups and names */

/* `plain`: (...) and (?:...), which neither look around nor exclude. */
static void push(struct lex *s, bool x, bool plain)
{
	if (s->depth == DEPTH_MAX) {
		lex_refuse(s, "parentheses nested too deeply", 1);
		return;
	}
	s->depth++;
	s->x[s->depth] = x;
	s->loose[s->depth] = s->loose[s->depth - 1] && plain;
}

/* (?<name>, (?P<name>, (?'name': `skip` bytes before the name, then `close`. */
static void open_named(struct lex *s, size_t skip, char close)
{
	struct span name = lex_name(s, s->i + skip);

	if (!name.n || s->i + skip + name.n >= s->n || name.p[name.n] != close) {
		lex_refuse(s, "a capture without a proper name", skip + name.n + 1);
		return;
	}
	if (is_misplaced(s, name) || config_field(s->c, name) < 0) {
		lex_refuse(s, is_misplaced(s, name) ? "only in `prefix`" :
		       "a capture that is not known", skip + name.n + 1);
		return;
	}
	lex_captured(s, name);
	lex_emit_capture(s, name);
	push(s, s->x[s->depth], true);
	s->i += skip + name.n + 1;
}

/* A named back-reference: `head` name `tail`, `skip` bytes before the name. */
static void reference(struct lex *s, size_t skip, char close)
{
	struct span name = lex_name(s, s->i + skip);

	if (!name.n || s->i + skip + name.n >= s->n || name.p[name.n] != close) {
		lex_refuse(s, "a reference without a proper name", skip + name.n + 1);
		return;
	}
	if (loose_reference(s, name)) {
		s->i += skip + name.n + 1;
		return;
	}
	s->out->traits.refers = true;
	lex_emit(s, s->src + s->i, skip, s->i);
	lex_emit_name(s, name);
	s->i += skip + name.n;
	lex_copy(s, 1);
	lex_unfixed(s);
}

/* (?( : a name, or an assertion that the main loop reads next. */
static void open_condition(struct lex *s)
{
	char c = lex_at(s, 3);

	push(s, s->x[s->depth], false);
	if (c == '?' || c == '*') {
		lex_copy(s, 2);
	} else if (c == '<' || c == '\'') {
		reference(s, 4, c == '<' ? '>' : '\'');
		if (!s->error && lex_at(s, 0) != ')')
			lex_refuse(s, "a condition that does not end", 1);
		lex_copy(s, 1);
	} else {
		reference(s, 3, ')');
	}
}

/* (?imsxn-imsxn) and (?i:...): x begins comments, i leaves no byte fixed. */
static void open_options(struct lex *s)
{
	bool x = s->x[s->depth], on = true;
	size_t k = 2;

	for (; lex_at(s, k) == '^' || lex_at(s, k) == '-' || is_letter(lex_at(s, k)); k++) {
		if (lex_at(s, k) == '-')
			on = false;
		else if (lex_at(s, k) == '^')
			x = false;
		else if (lex_at(s, k) == 'x')
			x = on;
		else if (lex_at(s, k) == 'i')
			s->caseless = true;
	}
	if (lex_at(s, k) == ')') {
		s->x[s->depth] = x;
		/* it would reach into alternatives that follow */
		s->out->whole |= s->depth == 0;
	} else if (lex_at(s, k) == ':') {
		push(s, x, true);
	} else {
		lex_refuse(s, "unknown after (?", k + 1);
		return;
	}
	lex_copy(s, k + 1);
}

static void comment_group(struct lex *s)
{
	const char *end = strchr(s->src + s->i, ')');

	if (!end)
		lex_refuse(s, "a comment without )", 3);
	else
		s->i = (size_t)(end - s->src) + 1;
}

static void open_special(struct lex *s)
{
	char c = lex_at(s, 2), d = lex_at(s, 3);

	if (c == '#')
		comment_group(s);
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
		push(s, s->x[s->depth], c == ':');
		/* the < of (?<= is no placeholder's */
		lex_copy(s, c == '<' ? 4 : c ? 3 : 2);
	}
}

static void open_group(struct lex *s)
{
	s->run = 0;
	if (lex_at(s, 1) == '?') {
		open_special(s);
	} else {
		push(s, s->x[s->depth], true);
		lex_copy(s, 1);
	}
}

static void close_group(struct lex *s)
{
	s->run = 0;
	if (s->depth == 0) {
		lex_refuse(s, "a ) without its (", 1);
		return;
	}
	s->depth--;
	lex_copy(s, 1);
}

/* ---- escapes, classes, placeholders */

/* \Q...\E: an end left out is put in, or it would swallow a neighbour. */
static void quotation(struct lex *s)
{
	const char *end = strstr(s->src + s->i + 2, "\\E");
	size_t stop = end ? (size_t)(end - s->src) : s->n;

	lex_copy(s, 2);
	while (s->i < stop) {
		/* a quantifier behind \E is the last byte's */
		if (s->i + 1 < stop)
			lex_literal(s, lex_at(s, 0));
		else
			lex_unfixed(s);
		lex_copy(s, 1);
	}
	if (end)
		lex_copy(s, 2);
	else
		lex_emit_str(s, "\\E");
}

static void escape_k(struct lex *s)
{
	char c = lex_at(s, 2);

	if (c == '<' || c == '{' || c == '\'')
		reference(s, 3, c == '<' ? '>' : c == '{' ? '}' : '\'');
	else
		lex_refuse(s, "\\k without a name", 3);
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The length of \xHH, \x{...}, \0dd, \pL, \p{...} and of plain escapes. */
static size_t escape_length(const struct lex *s)
{
	char c = lex_at(s, 1);
	size_t k = 2;

	if (strchr("xopPN", c) && lex_at(s, 2) == '{') {
		while (lex_at(s, k) && lex_at(s, k) != '}')
			k++;
		return k + 1;
	}
	if (c == 'p' || c == 'P' || c == 'c')
		return 3;
	if (c == 'x')
		while (k < 4 && is_hex(lex_at(s, k)))
			k++;
	if (c == '0')
		while (k < 4 && is_digit(lex_at(s, k)))
			k++;
	return k;
}

static void escape(struct lex *s)
{
	char c = lex_at(s, 1);

	if (c == 'Q') {
		quotation(s);
	} else if (c == 'g') {
		reference(s, 3, '}');
	} else if (c == 'k') {
		escape_k(s);
	} else {
		if (c == 'A' && !s->began)
			s->out->traits.tied = true;
		else if (is_letter(c) || is_digit(c) || lex_optional(s, 2))
			lex_unfixed(s);
		else
			lex_literal(s, c);
		lex_copy(s, escape_length(s));
	}
}

/* [:alpha:] and the like within a class; 0 if it is none. */
static size_t posix_class(const struct lex *s)
{
	size_t k = 2;

	if (lex_at(s, 0) != '[' || lex_at(s, 1) != ':')
		return 0;
	while (is_letter(lex_at(s, k)) || lex_at(s, k) == '^')
		k++;
	return lex_at(s, k) == ':' && lex_at(s, k + 1) == ']' ? k + 2 : 0;
}

static void class(struct lex *s)
{
	size_t from = s->i, posix;

	lex_copy(s, lex_at(s, 1) == '^' ? 2 : 1);
	if (lex_at(s, 0) == ']')
		lex_copy(s, 1);
	while (s->i < s->n && lex_at(s, 0) != ']' && !s->error) {
		posix = posix_class(s);
		if (posix)
			lex_copy(s, posix);
		else if (lex_at(s, 0) != '\\')
			lex_copy(s, 1);
		else if (lex_at(s, 1) == 'Q' || lex_at(s, 1) == 'E')
			lex_refuse(s, "\\Q and \\E are not allowed in a class", 2);
		else
			lex_copy(s, lex_at(s, 1) == 'c' ? 3 : 2);
	}
	if (s->i >= s->n && !s->error) {
		s->i = from;
		lex_refuse(s, "a [ without its ]", 12);
	}
	lex_copy(s, 1);
	lex_unfixed(s);
}

/* Why <name> may not stand here, or NULL. */
static const char *placeholder_refused(const struct lex *s, struct span name,
				       const struct field *f)
{
	if (!f || (!f->regex && !f->from))
		return "unknown placeholder (a literal < is written \\<)";
	if (!f->regex)
		return "made from another capture, not by a pattern";
	return is_misplaced(s, name) ? "only in `prefix`" : NULL;
}

static void placeholder(struct lex *s)
{
	struct span name = lex_name(s, s->i + 1);
	const char *why, *regex;
	const struct field *f;
	int field;

	if (!name.n || s->i + 1 + name.n >= s->n || name.p[name.n] != '>') {
		if (lex_optional(s, 1))
			lex_unfixed(s);
		else
			lex_literal(s, '<');
		lex_copy(s, 1);
		return;
	}
	field = config_field(s->c, name);
	f = field < 0 ? NULL : &s->c->fields[field];
	why = placeholder_refused(s, name, f);
	if (why) {
		lex_refuse(s, why, name.n + 2);
		return;
	}
	lex_captured(s, name);
	regex = loose_regex(s, f);
	if (regex) {
		loose_emit(s, regex, lex_at(s, name.n + 2));
	} else {
		lex_emit_capture(s, name);
		if (s->x[s->depth])
			lex_emit_str(s, "(?-x)");
		lex_emit_str(s, f->regex);
		lex_emit_str(s, ")");
	}
	s->i += name.n + 2;
	lex_unfixed(s);
}

/* .* and .+ : what stands there is the writer's choice. */
static void any_byte(struct lex *s)
{
	char next = lex_at(s, 1);

	if (next == '*' || next == '+' || next == '{') {
		if (!s->began)
			s->out->traits.searches = true;
		s->free_text = true;
	}
	lex_unfixed(s);
}

/* One ordinary byte, a metacharacter or a fixed one. */
static void single(struct lex *s)
{
	char c = lex_at(s, 0);

	if (c == '.')
		any_byte(s);
	else if (c == '^' && !s->began)
		s->out->traits.tied = true;
	else if (strchr(metachars, c))
		s->run = 0;
	else if (lex_optional(s, 1) || s->x[s->depth] || s->braces)
		lex_unfixed(s);
	else
		lex_literal(s, c);
	if (c == '|' && s->depth == 0)
		s->out->whole = true;
	lex_copy(s, 1);
}

static void spaced_comment(struct lex *s)
{
	while (s->i < s->n && lex_at(s, 0) != '\n')
		lex_copy(s, 1);
}

/*
 * Note where a token begins. A quantifier belongs to what is before it, and
 * so does what may stand between the two: comments, \E and \Q\E.
 */
static void token(struct lex *s)
{
	char c = lex_at(s, 0), next = lex_at(s, 1);
	bool behind = s->braces || c == '*' || c == '+' || c == '?' || c == '{' ||
		      (c == '\\' && (next == 'E' || next == 'Q')) ||
		      (c == '(' && next == '?' && lex_at(s, 2) == '#');

	if (s->depth > 0)
		return;
	if (!behind || s->out->tokens.n == 0)
		buf_put_u32(&s->out->tokens, (uint32_t)s->out->text.n);
	if (c == '{' || c == '}')
		s->braces = c == '{';
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c) || c == ' ';
}

/* Most bytes: words, up to their last one, of which something behind may say how often. */
static void words(struct lex *s)
{
	size_t n = 0;

	if (s->error || s->x[s->depth] || s->braces)
		return;
	for (; is_word(lex_at(s, n)) && is_word(lex_at(s, n + 1)); n++) {
		if (s->depth == 0)
			buf_put_u32(&s->out->tokens, (uint32_t)(s->out->text.n + n));
		lex_literal(s, lex_at(s, n));
	}
	lex_copy(s, n);
}

static void read_all(struct lex *s)
{
	for (words(s); s->i < s->n && !s->error; words(s)) {
		char c = lex_at(s, 0);
		const char *why = forbidden_here(s);

		token(s);
		if (why)
			lex_refuse(s, why, 8);
		else if (c == '\\')
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
		lex_refuse(s, "a ( without its )", 1);
	/* ends a comment that would swallow a neighbour */
	if (s->x[0])
		lex_emit_str(s, "\n");
	if (s->out->whole)
		buf_clear(&s->out->needle);
}

int pattern_expand(const struct config *c, const char *source,
		   enum pattern_place place, const char *rename,
		   struct pattern *ret, struct pattern_error *err)
{
	struct lex s = {
		.c = c, .src = source, .n = strlen(source), .place = place,
		.rename = rename, .out = ret, .err = err,
	};
	/* a reference may stand before its capture: know it beforehand */
	bool refers = ret->traits.refers;

	s.loose[0] = rename && loose_may_be(source);
	read_all(&s);
	if (!s.error && rename && ret->traits.refers && !refers) {
		buf_clear(&ret->text);
		buf_clear(&ret->tokens);
		return pattern_expand(c, source, place, rename, ret, err);
	}
	if (!s.error && (buf_error(&ret->text) || buf_error(&ret->origin) ||
			 buf_error(&ret->tokens) || buf_error(&ret->needle)))
		return -ENOMEM;
	return s.error;
}

void pattern_free(struct pattern *p)
{
	buf_free(&p->text);
	buf_free(&p->origin);
	buf_free(&p->tokens);
	buf_free(&p->needle);
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

/* ---- tokens */

size_t pattern_tokens(const struct pattern *p)
{
	return p->whole ? 1 : p->tokens.n / sizeof(uint32_t);
}

static uint32_t token_at(const struct pattern *p, size_t k)
{
	uint32_t v = 0;

	if (k >= pattern_tokens(p))
		return (uint32_t)p->text.n;
	if (!p->whole)
		memcpy(&v, p->tokens.p + k * sizeof(v), sizeof(v));
	return v;
}

struct span pattern_tokens_text(const struct pattern *p, size_t k, size_t end)
{
	uint32_t from = token_at(p, k), to = token_at(p, end);

	return from == to ? (struct span){ "", 0 } : (struct span){ p->text.p + from, to - from };
}

struct span pattern_token(const struct pattern *p, size_t k)
{
	return pattern_tokens_text(p, k, k + 1);
}
