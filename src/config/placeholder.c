/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads just enough of PCRE2's syntax (pcre2pattern(3)) to tell where a `<`
 * stands, and refuses the constructs that make a pattern depend on its place
 * in a bigger expression: patterns of one group are compiled as one, so group
 * numbers and recursion would mean something else there.
 */
#include "config/placeholder.h"

#include <ctype.h>
#include <errno.h>

#define NAME_MAX_LEN 31		/* PCRE2 takes 32 bytes */

void placeholder_begin(struct placeholder_scan *s, struct span pattern)
{
	*s = (struct placeholder_scan){ .pattern = pattern };
}

static char at(const struct placeholder_scan *s, size_t i)
{
	return i < s->pattern.n ? s->pattern.p[i] : 0;
}

static bool starts(const struct placeholder_scan *s, size_t i, const char *word)
{
	size_t n = strlen(word);

	return i <= s->pattern.n && s->pattern.n - i >= n &&
	       memcmp(s->pattern.p + i, word, n) == 0;
}

/* The end of what begins at i and ends with `word`, or of the pattern. */
static size_t past(const struct placeholder_scan *s, size_t i, const char *word)
{
	while (i < s->pattern.n && !starts(s, i, word))
		i++;
	return i < s->pattern.n ? i + strlen(word) : i;
}

/* A name at i that `close` follows: its length, else 0. */
static size_t name_at(const struct placeholder_scan *s, size_t i, char close)
{
	size_t n = 0;

	if (isdigit((unsigned char)at(s, i)))
		return 0;
	while (isalnum((unsigned char)at(s, i + n)) || at(s, i + n) == '_')
		n++;
	return n <= NAME_MAX_LEN && at(s, i + n) == close ? n : 0;
}

static int refuse(struct placeholder_scan *s, size_t i, const char *what)
{
	s->error = what;
	s->error_at = i;
	return -EINVAL;
}

static int refuse_escape(struct placeholder_scan *s, size_t i)
{
	char c = at(s, i + 1), d = at(s, i + 2);

	if (c == 'K')
		return refuse(s, i, "\\K is refused: what matched must stay what was found");
	if (c == 'C')
		return refuse(s, i, "\\C is refused: write . or \\N");
	if (c >= '1' && c <= '9')
		return refuse(s, i, "numbered back-references are refused: name the group and use \\k<name>");
	if (c != 'g')
		return 0;
	if (d == '<' || d == '\'')
		return refuse(s, i, "recursion (\\g<...>) is refused");
	if (d == '{')
		d = at(s, i + 3);
	if (isdigit((unsigned char)d) || d == '-' || d == '+')
		return refuse(s, i, "numbered back-references are refused: name the group and use \\k<name>");
	return 0;
}

/* `\x` at i outside or inside a class: where it ends, or -EINVAL. */
static int skip_escape(struct placeholder_scan *s, size_t i, size_t *ret)
{
	char c = at(s, i + 1);
	size_t n;
	int err;

	if (c == 'Q') {
		*ret = past(s, i + 2, "\\E");
		return 0;
	}
	*ret = i + 2 <= s->pattern.n ? i + 2 : s->pattern.n;
	if (s->in_class)
		return 0;
	err = refuse_escape(s, i);
	if (err)
		return err;
	n = c == 'k' && at(s, i + 2) == '<' ? name_at(s, i + 3, '>') : 0;
	if (n)
		*ret = i + 3 + n + 1;
	return 0;
}

static const struct {
	const char *begin;
	const char *why;
} refused_groups[] = {
	{ "(*", "verbs and (*...) groups are refused" },
	{ "(?R", "recursion is refused" },
	{ "(?&", "recursion is refused" },
	{ "(?P>", "recursion is refused" },
	{ "(?C", "callouts are refused" },
	{ "(?(R", "recursion is refused" },
	{ "(?(DEFINE)", "recursion is refused" },
};

static int refuse_group(struct placeholder_scan *s, size_t i)
{
	char c = at(s, i + 2), d = at(s, i + 3);

	for (size_t k = 0; k < sizeof(refused_groups) / sizeof(*refused_groups); k++)
		if (starts(s, i, refused_groups[k].begin))
			return refuse(s, i, refused_groups[k].why);
	if (at(s, i + 1) != '?')
		return 0;
	if (isdigit((unsigned char)c) || ((c == '+' || c == '-') && isdigit((unsigned char)d)))
		return refuse(s, i, "recursion is refused");
	if (c == '(' && (isdigit((unsigned char)d) || d == '+' || d == '-'))
		return refuse(s, i, "numbered conditions are refused: name the group, (?(<name>)...)");
	return 0;
}

/*
 * `(` at i. *ret: how far it is read. *name: the name of an own capture, if
 * it is one.
 */
static int skip_group(struct placeholder_scan *s, size_t i, size_t *ret, struct span *name)
{
	static const struct { const char *begin; char close; } named[] = {
		{ "(?<", '>' }, { "(?P<", '>' }, { "(?'", '\'' },
	};
	int err = refuse_group(s, i);

	if (err)
		return err;
	*ret = i + 1;
	if (starts(s, i, "(?#")) {
		*ret = past(s, i, ")");
		return 0;
	}
	if (starts(s, i, "(?(<")) {
		*ret = i + 4;
		return 0;
	}
	for (size_t k = 0; k < sizeof(named) / sizeof(*named); k++) {
		size_t from = i + strlen(named[k].begin);
		size_t n = starts(s, i, named[k].begin) ? name_at(s, from, named[k].close) : 0;

		if (n == 0)
			continue;
		*name = (struct span){ s->pattern.p + from, n };
		*ret = from + n + 1;
	}
	return 0;
}

/* `[` at i, or a character within a class. */
static size_t skip_class(struct placeholder_scan *s, size_t i)
{
	if (!s->in_class) {
		s->in_class = true;
		i++;
		if (at(s, i) == '^')
			i++;
		return at(s, i) == ']' ? i + 1 : i;
	}
	if (starts(s, i, "[:"))
		return past(s, i + 2, ":]");
	if (at(s, i) == ']')
		s->in_class = false;
	return i + 1;
}

static void part(struct placeholder_scan *s, enum placeholder_part_kind kind, size_t from,
		 size_t to, struct placeholder_part *ret)
{
	ret->kind = kind;
	ret->text = (struct span){ s->pattern.p + from, to - from };
	ret->offset = from;
	s->at = to;
}

/* What begins at `from` is text up to `to`, unless that is nothing. */
static bool text_before(struct placeholder_scan *s, size_t from, size_t to,
			struct placeholder_part *ret)
{
	if (to == from)
		return false;
	ret->name = (struct span){ NULL, 0 };
	part(s, PART_TEXT, from, to, ret);
	return true;
}

static int placeholder_at(struct placeholder_scan *s, size_t from, size_t i, size_t n,
			  struct placeholder_part *ret)
{
	if (text_before(s, from, i, ret))
		return 1;
	ret->name = (struct span){ s->pattern.p + i + 1, n };
	part(s, PART_FIELD, i, i + n + 2, ret);
	return 1;
}

int placeholder_next(struct placeholder_scan *s, struct placeholder_part *ret)
{
	size_t from = s->at, i = from, next = 0;
	int err = 0;

	while (i < s->pattern.n) {
		struct span name = { NULL, 0 };
		char c = at(s, i);
		size_t n;

		if (c == '\\') {
			err = skip_escape(s, i, &next);
		} else if (s->in_class || c == '[') {
			next = skip_class(s, i);
		} else if (c == '(') {
			err = skip_group(s, i, &next, &name);
		} else {
			n = c == '<' ? name_at(s, i + 1, '>') : 0;
			if (n)
				return placeholder_at(s, from, i, n, ret);
			next = i + 1;
		}
		if (err)
			return err;
		if (name.n) {
			if (text_before(s, from, i, ret))
				return 1;
			ret->name = name;
			part(s, PART_OWN, i, next, ret);
			return 1;
		}
		i = next;
	}
	return text_before(s, from, i, ret);
}

int placeholder_next_in_word(struct placeholder_scan *s, struct placeholder_part *ret)
{
	size_t from = s->at;

	for (size_t i = from; i < s->pattern.n; i++) {
		size_t n = at(s, i) == '<' ? name_at(s, i + 1, '>') : 0;

		if (n)
			return placeholder_at(s, from, i, n, ret);
	}
	return text_before(s, from, s->pattern.n, ret);
}
