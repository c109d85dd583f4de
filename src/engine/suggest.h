/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_SUGGEST_H
#define ENGINE_SUGGEST_H

#include <jansson.h>

#include "engine/core.h"

/*
 * What limits would fit the accounts of old logs. Two cores read them: `today`
 * as it is configured, whose verdicts tell who would have been acted on, and
 * `open`, of the same configuration without limits (suggest_lift()), which
 * tells what accounts did.
 *
 * Only jails that count what one account does: `per: user`, with count, sum or
 * distinct, and not those that ban strangers for it. For each, and each class of accounts, the amounts are looked at
 * in steps of the jail's `within`: of each account in each step the most that
 * lay in the window. Their 99.9th percentile, three times, is the suggestion,
 * rounded up to two digits, and no less than a tenth of today's limit.
 */
struct suggest;

bool suggest_is_for(const struct config *c, const struct jail *j);

/* No limit is ever reached any more, and no class has one of its own. */
void suggest_lift(struct config *c);

/* Both cores are told to call back; jails that this is not for are turned off. */
int suggest_new(struct core *today, struct core *open, struct suggest **ret);
void suggest_free(struct suggest **s);

/*
 * {"jails": [{"jail", "class", "within", "kind", "of", "accounts", "steps",
 * "usual", "most", "limit", "alone", "suggest", "suggest_alone", "fired",
 * "reached"}], "yaml": TEXT, "uncounted"}
 */
json_t *suggest_json(struct suggest *s);

#endif
