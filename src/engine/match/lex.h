/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_LEX_H
#define ENGINE_MATCH_LEX_H

#include "engine/match/pattern.h"

/* A pattern being read, within pattern.c and lex.c. */
#define DEPTH_MAX 250		/* PCRE2's own parens_nest_limit */
#define NAMES_MAX 64

/* Any queue id, and more (loose.c). */
#define LOOSE_ID "[0-9A-Za-z]{4,30}"

struct lex {
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
	bool loose[DEPTH_MAX + 1];	/* may match more at each depth */
	unsigned run;		/* fixed bytes up to here */
	char fixed[NEEDLE_MAX];	/* the first of them */
	bool caseless;		/* (?i) was met */
	bool braces;		/* within a{2,5} */
	bool began;		/* something was consumed */
	bool free_text;		/* .* or .+ went before */
	unsigned nnames;
	struct span names[NAMES_MAX];
};

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The byte `ahead` of where the reading is, 0 past the end. */
static inline char lex_at(const struct lex *s, size_t ahead)
{
	return s->i + ahead < s->n ? s->src[s->i + ahead] : 0;
}

/* A name at offset `from`; none: n is 0. */
struct span lex_name(const struct lex *s, size_t from);

/* Put out bytes that stand for the source's offset `from`. */
void lex_emit(struct lex *s, const char *text, size_t n, size_t from);
void lex_emit_str(struct lex *s, const char *text);

/* Put out the next n bytes of the source as they are. */
void lex_copy(struct lex *s, size_t n);

/* Open a group that captures `name`, if captures are kept. */
void lex_emit_capture(struct lex *s, struct span name);

/* A capture's name as the output spells it: renamed, a prefix and a number. */
void lex_emit_name(struct lex *s, struct span name);

/* End in an error that shows the next n bytes of the source. */
void lex_refuse(struct lex *s, const char *what, size_t n);

/* Notes: a byte that stands for itself; something else; a capture. */
void lex_literal(struct lex *s, char c);
void lex_unfixed(struct lex *s);
void lex_captured(struct lex *s, struct span name);

/* loose.c: may this pattern match more, but for what looks around? */
bool loose_may_be(const char *source);
/* What stands for a placeholder here if it may; NULL: what always does. */
const char *loose_regex(const struct lex *s, const struct field *f);
/* Put that out. `next`: the source's byte behind the placeholder. */
void loose_emit(struct lex *s, const char *regex, char next);
/* The same for a reference to what a placeholder captured; false: it stays. */
bool loose_reference(struct lex *s, struct span name);

/* May what ends at `ahead` be left out? */
bool lex_optional(const struct lex *s, size_t ahead);

#endif
