/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_MATCHER_H
#define ENGINE_MATCH_MATCHER_H

/* The matcher as compile.c makes it and match.c runs it. */

#include "engine/match/capture.h"
#include "engine/match/demux.h"
#include "engine/match/match.h"

struct jail_state {
	bool ok;		/* all its patterns compiled */
	bool enabled;
	uint64_t who;		/* whose knowing an id counts */
	struct prefix *prefix;
	struct unit *rule;	/* jail.nrules */
	struct unit *ignore;	/* jail.nignore */
};

/* The next member of a group that is to be tried for this entry. */
struct cursor {
	const struct group *g;
	size_t at;
};

struct matcher {
	const struct config *c;
	bool reference;
	const struct geo *geo;	/* NULL: addresses are nowhere */
	match_known_fn *gate;	/* NULL: all rules run */
	void *gate_arg;
	uint64_t known_of;	/* for which entry it was asked */
	uint64_t known;		/* who may know the id */
	uint64_t moment;	/* another with each entry, and when somebody was told and may know more */
	struct {
		uint64_t moment;
		struct span id, id2;
		uint64_t known;		/* who may know one of the two */
	} joined;
	bool single;		/* one jail is asked: it wants all hits */
	struct arena arena;
	struct jail_state *jails;	/* as config.jails */
	size_t nprefixes;
	struct prefix *prefixes;
	size_t nloose;		/* names given to them so far */
	size_t nmemos;
	struct memo *memos;
	struct groups groups;
	struct demux *demux;
	struct cursor *cursors;		/* as many as groups */
	uint64_t serial, serials;	/* of the entry at hand; given so far */
	char (*derived)[DERIVED_MAX];	/* as config.fields */
	int *base;			/* as config.fields: what it is made from; -1: nothing */
	int qid, qid2;			/* fields */
	int pid;			/* the field that the tag tells where a thread goes by it */
	struct hit hit;
	const struct memo *captured;	/* whose captures it has, NULL: no memo's; */
	uint64_t captured_of;		/* and of which entry */
	unsigned ncaptured;		/* so many */
};

/* Call fn for each pattern there is: prefixes, rules, ignores. */
void matcher_each_unit(const struct matcher *m, void (*fn)(struct unit *u, void *arg),
		       void *arg);

/* gate.c: rules that do nothing for an unknown id, and whether this one has such. */
bool gate_fits(const struct config *c, const struct jail *j, const struct unit *u);
bool gate_is_shut(struct matcher *m, size_t jail, const struct unit *u, struct span text);
/* A join of ids that nobody knows ties nothing to nothing. */
bool gate_joins_nothing(struct matcher *m, const struct hit *h);
/* Is it for all of them? */
bool gate_is_shut_to(struct matcher *m, uint64_t who, struct span text);
/*
 * Of a group that is hidden and open: know only jails the id that have one
 * pattern there? That is to be run then, and nothing to be detected.
 */
bool gate_leaves_one(struct matcher *m, struct group *g);
/* Of a jail's n rules, does none take the place of rule `at` if that is passed over? */
bool gate_may_hide(const struct unit *rules, size_t n, size_t at);

/* After jails went in or out. */
void matcher_count_enabled(struct matcher *m);

#endif
