/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_PATTERN_H
#define ENGINE_MATCH_PATTERN_H

#include "base/buf.h"
#include "bailiff/config.h"
#include "engine/match/needle.h"

/* Where a pattern stands decides what it may hold. */
enum pattern_place { PATTERN_RULE, PATTERN_IGNORE, PATTERN_PREFIX };

/* What the reading noticed on its way, for remarks. */
struct pattern_traits {
	bool searches;		/* begins with `.*` or the like */
	bool tied;		/* begins with ^ or \A */
	bool refers;		/* \k<name>, (?(name): needs its captures */
	unsigned literal;	/* longest run of fixed bytes */
	const char *forged;	/* a field captured after free text, NULL */
};

/* A pattern as PCRE2 reads it. */
struct pattern {
	struct buf text;
	struct buf origin;	/* for each byte of text a u32: offset in the source; renamed: none */
	struct buf tokens;	/* u32: where each atom and its quantifier begin */
	bool whole;		/* must not be cut between its tokens */
	struct pattern_traits traits;
	struct buf needle;	/* the longest bytes known to be in every match */
};

struct pattern_error {
	size_t offset;		/* into the source */
	char text[200];
};

/*
 * Turn a jail's pattern into PCRE2's language.
 *
 * rename  NULL: captures keep their names. Else the pattern becomes one
 *         alternative among others that only tell whether one may match:
 *         captures are dropped, or, where it refers to them, named with this
 *         prefix, and it may match more than the pattern does (a queue id
 *         wherever letters and digits stand, an address that is not the one
 *         referred to), so that it is quick and begins like its neighbours
 * -EINVAL  refused, *err says why and where; -ENOMEM
 * *ret: pattern_free(), also after a failure.
 */
int pattern_expand(const struct config *c, const char *source,
		   enum pattern_place place, const char *rename,
		   struct pattern *ret, struct pattern_error *err);
void pattern_free(struct pattern *p);

/* Its atoms with their quantifiers, of one that must stay whole the one. */
size_t pattern_tokens(const struct pattern *p);
/* Token k, or tokens k up to end. Lives as long as the pattern. */
struct span pattern_token(const struct pattern *p, size_t k);
struct span pattern_tokens_text(const struct pattern *p, size_t k, size_t end);

/* The source's offset for an offset into p->text. */
size_t pattern_origin(const struct pattern *p, size_t offset);

#endif
