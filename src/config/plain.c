/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads what nearly all of a jail is made of: lines of ASCII that are `key:
 * value`, `- item` or a comment, with values that end on their line. For such
 * text YAML's grammar is small, and libyaml, which is ready for all of it,
 * took a third of a start. Whatever else a text holds (text over several lines,
 * escapes, `key:` without a value, anchors, tabs, what is wrong) makes it
 * libyaml's; where this reads a text it gives the same tree.
 */
#include "config/building.h"

#include <ctype.h>

#define KEY_MAX 1000		/* libyaml: 1024 */

struct level {
	size_t indent;
	bool list;
};

struct reading {
	struct building *b;
	const char *begin, *p, *end;	/* the line, what is left of it, its end */
	unsigned line;
	unsigned depth;
	struct level level[DEPTH_MAX];	/* of blocks: the lists and maps that lines make */
	bool waits;			/* a key, for the block that is its value */
};

/* One that was read, and is not yet placed. */
struct scalar {
	struct place place;
	struct span raw;
	bool quoted, plain;
};

static char at(const struct reading *r, size_t ahead)
{
	return (size_t)(r->end - r->p) > ahead ? r->p[ahead] : 0;
}

static bool is_blank_at(const struct reading *r, size_t ahead)
{
	return at(r, ahead) == ' ' || !at(r, ahead);
}

static void skip_spaces(struct reading *r)
{
	while (at(r, 0) == ' ')
		r->p++;
}

static struct place here(const struct reading *r)
{
	return (struct place){ r->b->file, r->line, (unsigned)(r->p - r->begin) + 1 };
}

static bool over(struct reading *r)
{
	const char *from = r->p;

	skip_spaces(r);
	return !at(r, 0) || (at(r, 0) == '#' && (r->p > from || r->p == r->begin));
}

/* ---- texts */

static bool read_quoted(struct reading *r, struct span *ret)
{
	char quote = *r->p++;

	ret->p = r->p;
	for (const char *q = r->p; (q = memchr(q, quote, (size_t)(r->end - q))); q += 2) {
		if (quote == '\'' && q + 1 < r->end && q[1] == quote)
			continue;
		ret->n = (size_t)(q - ret->p);
		r->p = q + 1;
		return quote == '\'' || !memchr(ret->p, '\\', ret->n);
	}
	return false;
}

static bool read_plain(struct reading *r, bool flow, struct span *ret)
{
	const char *s = r->p;

	if (!isalnum((unsigned char)at(r, 0)) && (!at(r, 0) || !strchr("/_~<(^\\$+", at(r, 0))))
		return false;
	for (; at(r, 0); r->p++) {
		char c = *r->p;

		if (c == ':' && is_blank_at(r, 1))
			break;
		if (c == '#' && r->p[-1] == ' ')
			break;
		if (!flow)
			continue;
		if (c == '?' || (c == ':' && strchr(",[]{}", at(r, 1))))
			return false;
		if (strchr(",[]{}", c))
			break;
	}
	*ret = (struct span){ s, (size_t)(r->p - s) };
	while (ret->p[ret->n - 1] == ' ')
		ret->n--;
	r->p = ret->p + ret->n;
	return true;
}

static bool read_scalar(struct reading *r, bool flow, struct scalar *ret)
{
	char c = at(r, 0);

	*ret = (struct scalar){ .place = here(r), .quoted = c == '\'', .plain = c != '\'' && c != '"' };
	return ret->plain ? read_plain(r, flow, &ret->raw) : read_quoted(r, &ret->raw);
}

static bool put_scalar(struct reading *r, const struct scalar *s)
{
	char *text = arena_span(r->b->arena, s->raw), *to = text;

	for (const char *from = text; s->quoted && (*to = *from); to++)
		from += *from == '\'' ? 2 : 1;
	return building_scalar(r->b, s->place, s->plain, text) == 0;
}

/* Is what was just read a key? */
static bool is_key(const struct reading *r, const struct scalar *s)
{
	return at(r, 0) == ':' && is_blank_at(r, 1) && s->raw.n <= KEY_MAX;
}

static bool put_key(struct reading *r, const struct scalar *s)
{
	r->p++;
	return put_scalar(r, s);
}

/* ---- [lists] and {maps}, on one line */

static bool is_flow(const struct reading *r)
{
	return at(r, 0) == '[' || at(r, 0) == '{';
}

static bool read_flow(struct reading *r);

static bool read_flow_value(struct reading *r)
{
	struct scalar s;

	if (is_flow(r))
		return read_flow(r);
	return read_scalar(r, true, &s) && at(r, 0) != ':' && put_scalar(r, &s);
}

static bool read_flow_key(struct reading *r)
{
	struct scalar s;

	if (!read_scalar(r, true, &s) || !is_key(r, &s) || !put_key(r, &s))
		return false;
	skip_spaces(r);
	return true;
}

static bool read_flow(struct reading *r)
{
	bool map = at(r, 0) == '{';
	char close = map ? '}' : ']';

	if (building_open(r->b, map ? NODE_MAP : NODE_LIST, here(r)) < 0)
		return false;
	r->p++;
	skip_spaces(r);
	for (bool first = true; !first || at(r, 0) != close; first = false) {
		if ((map && !read_flow_key(r)) || !read_flow_value(r))
			return false;
		skip_spaces(r);
		if (at(r, 0) == close)
			break;
		if (at(r, 0) != ',')
			return false;
		r->p++;
		skip_spaces(r);
	}
	r->p++;
	building_close(r->b);
	return true;
}

/* ---- lines */

static bool open_block(struct reading *r, bool list, struct place place)
{
	if (building_open(r->b, list ? NODE_LIST : NODE_MAP, place) < 0)
		return false;
	r->level[r->depth++] = (struct level){ place.column - 1, list };
	return true;
}

static void close_block(struct reading *r)
{
	building_close(r->b);
	r->depth--;
}

/* A key and what is behind it, or behind a dash also a value; a key there begins a map. */
static bool read_rest(struct reading *r, bool item)
{
	struct scalar s;

	if (item && is_flow(r))
		return read_flow(r) && over(r);
	if (!read_scalar(r, false, &s))
		return false;
	if (!is_key(r, &s))
		return item && at(r, 0) != ':' && put_scalar(r, &s) && over(r);
	if ((item && !open_block(r, false, s.place)) || !put_key(r, &s))
		return false;
	if (over(r)) {
		r->waits = true;
		return true;
	}
	if (is_flow(r))
		return read_flow(r) && over(r);
	return read_scalar(r, false, &s) && at(r, 0) != ':' && put_scalar(r, &s) && over(r);
}

static bool read_item(struct reading *r)
{
	r->p++;
	return !over(r) && read_rest(r, true);
}

/* Into the block that a line belongs to, which it may begin. */
static bool enter(struct reading *r, size_t indent, bool dash)
{
	struct level *top = r->depth ? &r->level[r->depth - 1] : NULL;

	if (r->waits) {
		r->waits = false;
		return indent + dash > top->indent && open_block(r, dash, here(r));
	}
	if (!top)
		return !r->b->root && indent == 0 && open_block(r, dash, here(r));
	while (r->level[r->depth - 1].indent > indent)
		close_block(r);
	/* a list may stand as far left as its key */
	if (r->depth > 1 && !dash && r->level[r->depth - 1].list && r->level[r->depth - 2].indent == indent)
		close_block(r);
	top = &r->level[r->depth - 1];
	return top->indent == indent && top->list == dash;
}

static bool read_line(struct reading *r)
{
	bool dash;

	if (over(r))
		return true;
	dash = at(r, 0) == '-' && is_blank_at(r, 1);
	if (is_flow(r) && r->p == r->begin && !r->b->root)
		return read_flow(r) && over(r);
	return enter(r, (size_t)(r->p - r->begin), dash) && (dash ? read_item(r) : read_rest(r, false));
}

static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((text.p[i] < ' ' || text.p[i] > '~') && text.p[i] != '\n')
			return false;
	return true;
}

bool plain_parse(struct building *b, struct span text)
{
	struct reading r = { .b = b };
	const char *end;

	if (text.n == 0 || !is_ascii(text))
		return false;
	end = text.p + text.n;
	for (r.begin = text.p; r.begin < end; r.begin = r.end < end ? r.end + 1 : end) {
		r.end = memchr(r.begin, '\n', (size_t)(end - r.begin));
		r.end = r.end ? r.end : end;
		r.p = r.begin;
		r.line++;
		if (!read_line(&r))
			return false;
	}
	while (r.depth > 0 && !r.waits)
		close_block(&r);
	return b->root && !r.waits;
}
