/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_TARGETS_H
#define ENGINE_TARGETS_H

#include "engine/core.h"

const char *action_name(enum action_kind kind);	/* "ban", "lock", ... */

/*
 * Each action of a verdict with each of its targets, named as a person would.
 * `host` is the address behind a ban, NULL for all else.
 */
typedef void target_fn(void *arg, const struct decided *d, const struct addr *host,
		       const char *target);
void targets_each(const struct config *c, const struct core_verdict *v,
		  target_fn *fn, void *arg);

/*
 * What the configuration keeps the verdict from doing, and why: "account steps,
 * as accounts.act is not yes"; *ret: "proposed" or "refused". NULL: it acts, or
 * it is one of a shadow.
 */
const char *targets_held_back(const struct config *c, const struct core_verdict *v, const char **ret);

/* Why a ban of the jail would be refused, as far as the configuration tells; NULL: it would not. */
const char *targets_refused(const struct config *c, const struct jail *j, const struct addr *a);

#endif
