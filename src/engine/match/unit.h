/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_UNIT_H
#define ENGINE_MATCH_UNIT_H

#include "engine/match/expr.h"
#include "engine/match/lead.h"

/*
 * After an error, how many more runs are made the careful way: 16 at first,
 * four times as many after each error, 65536 at most; a quiet stretch makes
 * the next one shorter.
 */
struct strain { uint32_t left, len; };

void strain_more(struct strain *s);

static inline bool strain_spend(struct strain *s)
{
	if (s->left == 0)
		return false;
	if (--s->left == 0)
		s->len /= 16;
	return true;
}

/*
 * What a pattern that several rules have made of one entry: jails that join
 * the same lines begin with the same patterns, and one run tells for all.
 */
struct memo {
	uint64_t serial;	/* the entry's */
	int rc;
	pcre2_match_data *data;
	uint64_t told_of;	/* the entry's that it was a hit of, */
	uint64_t told;		/* and for which sets of jails (unit.set) */
};

/* One pattern of a jail by itself; what each try looks at comes first. */
struct unit {
	const struct jail *jail;
	const struct rule *rule;	/* NULL: the jail's prefix */
	struct memo *memo;	/* NULL: no other rule has this pattern */
	uint64_t set;		/* jails for which it does the same, once an entry; 0: for its own */
	struct strain strain;
	bool gated;		/* does nothing for an id that no thread knows */
	bool hidden;		/* nor does another rule then take its place */
	struct expr x;
	uint64_t hash;		/* of the pattern, to find its likes */
	const struct unit *like;	/* whose pattern was the same, and is shared; NULL: its own */
	struct pattern loose;	/* for a detecting expression; gone once that is made */
	struct leads leads;
	uint64_t troubles;	/* not told yet */
	const char *what;
	char *remark;		/* NULL: fine */
};

/*
 * expr_run(), with errors counted. A pattern in strain runs with a lower
 * limit, which ordinary lines don't reach, so that a stranger who found a
 * line that it chokes on cannot make every line dear.
 */
int unit_run(struct unit *u, struct arena *a, struct span s, uint32_t options,
	     pcre2_match_data *data);
void unit_fini(struct unit *u);

#endif
