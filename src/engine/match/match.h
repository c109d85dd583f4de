/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_MATCH_H
#define ENGINE_MATCH_MATCH_H

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "bailiff/hit.h"
#include "config/load.h"

/*
 * All patterns of all jails, compiled. For each log, glob list and prefix one
 * detecting expression (group.c) tells in one run whether any pattern
 * matches; captures then come from each pattern alone (pattern.c).
 */
struct matcher;

/*
 * Compile everything, JIT included, before the sandbox closes. A jail whose
 * pattern is wrong gets a complaint naming place and offset and is left out
 * (matcher_has() says no); JIT that fails is a complaint too.
 * `reference`: each pattern alone, no detecting expression, for comparing.
 * *ret: matcher_free(). -ENOMEM.
 */
int matcher_new(const struct config *c, bool reference,
		struct complaints *bad, struct matcher **ret);
void matcher_free(struct matcher **m);
bool matcher_has(const struct matcher *m, const struct jail *j);

/* Take a jail out of matching, or put it in again (mode off, poison). */
void matcher_enable(struct matcher *m, const struct jail *j, bool on);

/*
 * Called for each hit, jails in the order of config.jails, within a jail the
 * first rule that matches only. The hit and what it points to live until the
 * return.
 */
typedef void match_fn(void *arg, const struct hit *hit);

/*
 * Match one entry of log `log` against every enabled jail of that log.
 * Ordinary entries cost a look-up by program and one failed expression.
 * Returns the number of hits.
 */
unsigned matcher_run(struct matcher *m, uint16_t log, const struct entry *e,
		     match_fn *fn, void *arg);

/* One jail's rules only, also when it is not enabled: for tests: and `test`. */
unsigned matcher_run_jail(struct matcher *m, const struct jail *j,
			  const struct entry *e, match_fn *fn, void *arg);

/*
 * The value of a field in a hit, derived ones (user_domain, net, ...) too,
 * made in a buffer of the matcher that lives until the next call for the same
 * field. false: not captured.
 */
bool hit_get(struct matcher *m, const struct hit *h, uint16_t field,
	     struct capture *ret);

/* Patterns that ran into a limit since the last call, for saying it once. */
struct match_trouble {
	const struct jail *jail;
	const struct rule *rule;
	uint64_t times;
	const char *what;	/* "match limit", "JIT stack", ... */
};
size_t matcher_troubles(struct matcher *m, struct match_trouble *ret, size_t max);

/* What one pattern costs and who could forge it, for `check`; NULL: fine. */
const char *matcher_remark(const struct matcher *m, const struct rule *r);

#endif
