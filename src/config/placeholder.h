/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_PLACEHOLDER_H
#define CONFIG_PLACEHOLDER_H

#include "bailiff/span.h"

/*
 * A pattern taken apart into what PCRE2 gets as it is, placeholders `<name>`,
 * and captures the pattern names itself, `(?<name>` (also `(?P<name>` and
 * `(?'name'`). A `<` in a character class, behind a backslash, in \Q...\E,
 * after `(?`, `(?P`, `(?(`, `\k` or `\g`, or before anything that is not a
 * name and a `>`, is no placeholder.
 */
enum placeholder_part_kind {
	PART_TEXT,	/* verbatim */
	PART_FIELD,	/* <name> */
	PART_OWN,	/* (?<name>  -- verbatim, too */
};

struct placeholder_part {
	enum placeholder_part_kind kind;
	struct span text;	/* as written */
	struct span name;	/* PART_FIELD, PART_OWN */
	size_t offset;		/* of `text` in the pattern */
};

struct placeholder_scan {
	struct span pattern;
	size_t at;
	bool in_class;
	const char *error;	/* after -EINVAL: what is refused, static */
	size_t error_at;	/* ... and its offset */
};

void placeholder_begin(struct placeholder_scan *s, struct span pattern);

/*
 * 1: *ret is the next part; 0: the end; -EINVAL: a construct that bailiff
 * refuses (verbs, \K, \C, recursion, numbered back-references, callouts).
 */
int placeholder_next(struct placeholder_scan *s, struct placeholder_part *ret);

/*
 * The same for words of an argv template, where only `<name>` is special:
 * 1 with PART_TEXT or PART_FIELD, 0 at the end.
 */
int placeholder_next_in_word(struct placeholder_scan *s, struct placeholder_part *ret);

#endif
