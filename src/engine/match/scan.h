/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_SCAN_H
#define ENGINE_MATCH_SCAN_H

#include "engine/match/pattern.h"

/* A pattern being read, within pattern.c and scan.c. */
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

/* The byte `ahead` of where the scan is, 0 past the end. */
static inline char scan_at(const struct scan *s, size_t ahead)
{
	return s->i + ahead < s->n ? s->src[s->i + ahead] : 0;
}

/* A name at offset `from`; none: n is 0. */
struct span scan_name(const struct scan *s, size_t from);

/* Put out bytes that stand for the source's offset `from`. */
void scan_emit(struct scan *s, const char *text, size_t n, size_t from);
void scan_emit_str(struct scan *s, const char *text);

/* Put out the next n bytes of the source as they are. */
void scan_copy(struct scan *s, size_t n);

/* Open a group that captures `name`, if captures are kept. */
void scan_emit_capture(struct scan *s, struct span name);

/* A capture's name as the output spells it: renamed, a prefix and a number. */
void scan_emit_name(struct scan *s, struct span name);

/* End in an error that shows the next n bytes of the source. */
void scan_refuse(struct scan *s, const char *what, size_t n);

/* Notes: a byte that stands for itself; something else; a capture. */
void scan_literal(struct scan *s, char c);
void scan_unfixed(struct scan *s);
void scan_captured(struct scan *s, struct span name);

/* May what ends at `ahead` be left out? */
bool scan_optional(const struct scan *s, size_t ahead);

#endif
