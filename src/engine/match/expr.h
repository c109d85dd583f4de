/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_EXPR_H
#define ENGINE_MATCH_EXPR_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/match/pattern.h"

#define EXPR_GROUPS_MAX 64

/* The bytes that a match can begin with. */
struct first { uint8_t bits[32]; };

static inline bool first_has(const struct first *f, struct span s)
{
	unsigned char c;

	if (s.n == 0)
		return true;
	c = (unsigned char)s.p[0];
	return f->bits[c >> 3] & (1u << (c & 7));
}

/* A compiled expression and where its captures are. */
struct expr {
	pcre2_code *code;
	bool jit;
	struct first first;
	struct needle needle;	/* worth looking for first, where it searches */
	uint16_t content;	/* number of the group <content>, 0: none */
	unsigned nfields;	/* different fields captured */
	unsigned ngroups;
	struct { uint16_t group, field; } group[EXPR_GROUPS_MAX];
};

/*
 * What callouts note. Several members may have the pattern that came by:
 * they are linked by their numbers, FINDING_END ends.
 */
#define FINDING_END UINT32_MAX
struct finding {
	uint64_t *bits;		/* a bit a member */
	const uint32_t *first;	/* of each pattern's members */
	const uint32_t *next;	/* of a member's likes */
	bool any;
};

/*
 * Where expressions run: stack, limits, results; one for all, since one
 * runs at a time. Made before the sandbox, never grows.
 */
struct arena {
	pcre2_jit_stack *stack;
	pcre2_match_context *full;	/* config.match_limit */
	pcre2_match_context *half;	/* for detecting expressions */
	pcre2_match_context *low;	/* for patterns that were in trouble */
	pcre2_match_data *data;		/* captures of the last match */
	bool jit;			/* false: plain interpreter */
	struct finding finding;		/* for callouts */
	bool troubled;			/* a pattern ran into a limit, and nobody was told */
};

int arena_init(struct arena *a, const struct config *c, bool jit);
void arena_fini(struct arena *a);

#define EXPR_JIT 1	/* to run it, and not only see whether it is right */
#define EXPR_FIRST 2	/* ask PCRE2 what a match can begin with; else ret->first has all bytes */

/*
 * Compile `source`, EXPR_ `how`. *ret: expr_fini(), also after a failure.
 * -EINVAL  refused, *err says why and where; -ENOMEM
 * JIT that fails is no failure: ret->jit tells.
 */
int expr_compile(const struct config *c, const char *source,
		 enum pattern_place place, unsigned how, struct expr *ret,
		 struct pattern_traits *traits, struct pattern_error *err);

/* Compile text that is PCRE2's already, for its callouts. */
int expr_compile_raw(struct span text, bool jit, struct expr *ret);
void expr_fini(struct expr *x);

/*
 * Run on all of s. 1: matched (results in `data`), 0: did not, negative: a
 * PCRE2 error, which means that it is not known.
 */
int expr_run(const struct expr *x, struct span s, uint32_t options,
	     pcre2_match_data *data, pcre2_match_context *limits);
/* The same from offset `from` on, looking back before it where it looks back. */
int expr_run_from(const struct expr *x, struct span s, size_t from, uint32_t options,
		  pcre2_match_data *data, pcre2_match_context *limits);

/* Where the groups of the last match are. */
struct expr_ends {
	const PCRE2_SIZE *v;
	uint32_t n;
};
struct expr_ends expr_ends(pcre2_match_data *data);

/* What group `n` of the last match holds; false: it took no part. */
static inline bool expr_ends_group(const struct expr_ends *e, struct span s, unsigned n, struct span *ret)
{
	const PCRE2_SIZE *at = e->v + 2 * n;

	if (n >= e->n || at[0] == PCRE2_UNSET || at[0] > at[1] || at[1] > s.n)
		return false;
	*ret = (struct span){ s.p + at[0], at[1] - at[0] };
	return true;
}
bool expr_group(pcre2_match_data *data, struct span s, unsigned n, struct span *ret);

/* A limit's name for an error of expr_run(). */
const char *expr_trouble(int error);

#endif
