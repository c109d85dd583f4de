/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_GROUP_H
#define ENGINE_MATCH_GROUP_H

#include "engine/match/unit.h"

/* A prefix, shared by all jails that have the same. */
struct prefix {
	struct unit unit;
	pcre2_match_data *data;	/* its captures, kept while patterns run */
	uint64_t serial;	/* the entry that matched and content are about */
	bool matched;
	struct span content;
};

/* One rule in a group, in the order of jails and of rules. */
struct member {
	uint16_t jail, rule;
	bool other_programs;	/* than the group's: fewer */
	uint32_t pattern;	/* of the group's */
	struct unit *unit;
};

#define GROUP_FEW 3	/* patterns that run one by one where most lines are hits */

/*
 * Patterns that one look can rule out together: same log, same programs (or
 * some of the same), same prefix, and same beginning: leads, or the bytes
 * that a match can begin with, or, where patterns search, that it must hold.
 */
struct group {
	uint64_t serial;		/* of the last entry that was looked at */
	uint64_t who;			/* whose knowing an id counts, of all its jails; */
	uint64_t few;			/* those whose jails have one pattern here */
	bool hidden;			/* all do nothing for an id that none of theirs knows */
	bool any;			/* a bit of `found` is set */
	uint16_t log;
	bool off;			/* its jails are off at the start */
	struct prefix *prefix;		/* NULL: none */
	size_t n;
	struct member *member;
	uint64_t *found;		/* a bit a member: it may match */
	unsigned hot, turn;		/* how many lines of late were found; for which to look */
	struct strain strain;
	struct expr detect;		/* no code: each member runs alone */
	uint32_t *same;			/* linked members: of each pattern, of each member */
	size_t npatterns;		/* different ones */
	const struct pattern **pattern;
	struct needle need[GROUP_FEW];	/* what a text must hold, of each of a few patterns */
	struct leads leads;
	struct first first;
	struct needle needle;
	const struct strings *programs;
	size_t enabled;			/* members whose jail is in use */
};

struct groups {
	size_t n;
	struct group *v;
};

/* Add a rule to its group, making that if need be. -ENOMEM. */
int groups_add(struct groups *gs, const struct jail *j, uint16_t log,
	       struct prefix *prefix, const struct member *m);

/*
 * Compile every detecting expression; one that grows too big for PCRE2 is
 * made two. *nojit counts up those that JIT refused. -ENOMEM.
 */
int groups_compile(struct groups *gs, bool jit, unsigned *nojit);
void groups_free(struct groups *gs);

/*
 * Can any member match s? If so, g->found tells which.
 * from  where s goes on behind the head that a lead asks for
 */
bool group_detect(struct group *g, struct arena *a, struct span s, size_t from, uint32_t options);

/* The first member from k on that was found, g->n if none. */
size_t group_found(const struct group *g, size_t k);

#endif
