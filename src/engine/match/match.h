/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_MATCH_H
#define ENGINE_MATCH_MATCH_H

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "bailiff/hit.h"
#include "config/load.h"

/*
 * All patterns of all jails, compiled. For each log, glob list and prefix one
 * detecting expression (group.c), or a few by the bytes that patterns can
 * begin with, tells whether any pattern matches; captures then come from each
 * pattern alone (unit.c).
 */
struct matcher;

/*
 * Compile everything, JIT included, before the sandbox closes. A jail whose
 * pattern is wrong gets a complaint naming place and offset and is left out
 * (matcher_has() says no); JIT that fails is a complaint too, as a warning.
 * Jails that are not MODE_OFF begin enabled. hash_init() comes first.
 * `reference`: each pattern alone and interpreted, no detecting expression,
 * for comparing.
 * c       must outlive the matcher
 * *ret    matcher_free(). -ENOMEM; -E2BIG: too many patterns, with a complaint.
 */
int matcher_new(const struct config *c, bool reference,
		struct complaints *bad, struct matcher **ret);
void matcher_free(struct matcher **m);
bool matcher_has(const struct matcher *m, const struct jail *j);

/* Take a jail out of matching, or put it in again (mode off, poison). */
void matcher_enable(struct matcher *m, const struct jail *j, bool on);
/* For good: from now on matcher_has() says no. */
void matcher_refuse(struct matcher *m, const struct jail *j);

/* What threads make of a jail. */
struct match_ties {
	uint64_t who;		/* whose knowing an id counts, a bit each */
	uint64_t set;		/* a bit for the jails that share its threads; 0: they are its own */
};

/*
 * Rules that could do nothing for an id that nobody knows are not run for it,
 * and one that does the same to the threads of several jails is told for the
 * first of them.
 * known: who may know it; asked once an entry, before anything of
 * it is told. A bit that is not set must be certain. NULL: all rules are run.
 */
typedef uint64_t match_known_fn(void *arg, struct span id);
typedef struct match_ties match_ties_fn(const void *arg, size_t jail);
void matcher_gate(struct matcher *m, match_known_fn *known, match_ties_fn *ties, void *arg);

/* What tells <country> and <asn>; it must outlive the matcher. NULL at first: nothing does. */
struct geo;
void matcher_locate(struct matcher *m, const struct geo *geo);

/*
 * Called for each hit, jails in the order of config.jails, within a jail the
 * first rule that matches only. The hit and what it points to live until the
 * return.
 */
typedef void match_fn(void *arg, const struct hit *hit);

/*
 * Match one entry of log `log` against every enabled jail of that log.
 * Ordinary entries cost a look-up by program and one failed expression.
 * Of a text longer than config.line_max its beginning is matched, and `$`
 * matches nowhere in it. Returns the number of hits.
 */
unsigned matcher_run(struct matcher *m, uint16_t log, const struct entry *e,
		     match_fn *fn, void *arg);

/*
 * One jail's rules only, also when it is not enabled: for tests: and `test`.
 * The entry's log does not matter, its program does.
 */
unsigned matcher_run_jail(struct matcher *m, const struct jail *j,
			  const struct entry *e, match_fn *fn, void *arg);

/*
 * The value of a field in a hit, derived ones (user_domain, net, ...) too,
 * made in a buffer of the matcher that lives until the next call for the same
 * field. *_domain is what stands behind the last @ (user_domain: of the
 * canonical login), net has addr and text. false: not captured, or not to be
 * made.
 */
bool hit_get(struct matcher *m, const struct hit *h, uint16_t field,
	     struct capture *ret);

/*
 * Patterns that ran into a limit since the last call, for saying it once. On
 * an entry where it did, a rule is no hit and an `ignore` ignores. For a
 * number of entries after that (16, up to 65536 if it does so again) the
 * pattern runs with a sixteenth of its limit, which ordinary lines don't
 * reach.
 */
struct match_trouble {
	const struct jail *jail;
	const struct rule *rule;	/* of match or ignore; NULL: the prefix */
	uint64_t times;
	const char *what;	/* "match limit", "JIT stack", ... */
};
/* At most max are told, the others by the next call. */
size_t matcher_troubles(struct matcher *m, struct match_trouble *ret, size_t max);
/* Is there something to tell? Costs nothing. */
bool matcher_troubled(const struct matcher *m);

/*
 * What one pattern (of match or ignore) costs and who could forge it, for
 * `check`; NULL: fine.
 */
const char *matcher_remark(const struct matcher *m, const struct rule *r);

#endif
