/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a limit asks beside the amount: `with`, of which one must hold for a
 * hit in the window, and the factors `known` and `spread` that make a hit
 * weigh less or more. Each says what the patterns must capture for it, since
 * a condition that can never hold would be a jail that never fires.
 */
#include "config/loader.h"
#include "config/nearest.h"

#define FACTOR_COUNT_MAX 100000	/* such counts are kept in 1/10000 of a hit */

void loader_needs(struct loader *l, const struct captures *caps, struct place where, const char *key,
		  const char *const *names)
{
	for (; *names; names++) {
		int field = config_field(l->config, span_of(*names));

		if (field < 0 || !caps->has[field])
			complain(l, where, "'%s' needs <%s>, which no pattern captures", key, *names);
	}
}

/* ---- with ---- */

static const struct with_row {
	const char *name;
	const char *needs[3];
} rows[] = {
	[WITH_FOREIGN_SENDER] = { "foreign_sender", { "user", "sender" } },
	[WITH_NEW_NETWORK] = { "new_network", { "user", "ip" } },
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static bool read_word(struct loader *l, const struct node *n, const struct captures *caps, struct with *ret)
{
	const char *word = value_scalar(l, n, "an item of 'with'");
	struct nearest near = { 0 };

	for (size_t i = 0; word && i < ROWS; i++) {
		if (strcmp(word, rows[i].name) == 0) {
			loader_needs(l, caps, n->place, word, rows[i].needs);
			ret->kind = (enum with_kind)i;
			return true;
		}
		nearest_try(&near, word, rows[i].name);
	}
	if (word)
		complain(l, n->place, "'with' takes foreign_sender, new_network or {distinct: CAPTURE, over: N}, "
			 "not '%.80s'%s", word, loader_hint(l, near.name));
	return false;
}

static const struct setting distinct_keys[] = {
	{ "distinct", VALUE_TEXT, .offset = offsetof(struct limit_draft, distinct), .width = sizeof(char *) },
	{ "over", VALUE_NUMBER, .offset = offsetof(struct limit_draft, over), .width = sizeof(int64_t),
	  .min = 1, .max = 1000 },
	{ .key = NULL },
};

static bool read_distinct(struct loader *l, const struct node *n, const struct captures *caps, struct with *ret)
{
	struct limit_draft d = LIMIT_DRAFT_NONE;
	unsigned errors = l->errors;
	int field;

	value_read_map(l, distinct_keys, n, &d);
	if (l->errors != errors)
		return false;
	if (!d.distinct || d.over < 0) {
		complain(l, n->place, "an item of 'with' that is a map is {distinct: CAPTURE, over: N}");
		return false;
	}
	field = loader_captured(l, caps, node_get(n, "distinct")->place, "distinct", span_of(d.distinct));
	*ret = (struct with){ WITH_DISTINCT, (uint16_t)(field < 0 ? 0 : field), (uint32_t)d.over };
	return field >= 0;
}

static void add(struct loader *l, const struct node *n, const struct with *w, struct limit *ret)
{
	size_t values = 0;

	for (size_t i = 0; i < ret->nwith; i++) {
		values += ret->with[i].kind == WITH_DISTINCT;
		if (ret->with[i].kind == w->kind && ret->with[i].field == w->field) {
			complain(l, n->place, "'with' names this twice");
			return;
		}
	}
	if (w->kind == WITH_DISTINCT && values == LIMIT_VALUES_MAX)
		complain(l, n->place, "'with' takes at most %d times 'distinct'", LIMIT_VALUES_MAX);
	else
		ret->with[ret->nwith++] = *w;
}

void loader_with(struct loader *l, const struct limit_draft *d, const struct node *map,
		 const struct captures *caps, struct limit *ret)
{
	const struct node *n = d->with;
	size_t count = !n ? 0 : n->kind == NODE_LIST ? n->n : 1;

	if (d->alone && !n)
		complain(l, loader_at(map, "limit", "alone"), "'alone' goes with 'with'");
	if (n && count == 0)
		complain(l, n->place, "'with' is empty: leave it out, or say what must hold");
	for (size_t i = 0; i < count && ret->nwith < LIMIT_WITH_MAX; i++) {
		const struct node *item = n->kind == NODE_LIST ? n->items[i] : n;
		struct with one = { 0 };

		if (item->kind == NODE_MAP ? read_distinct(l, item, caps, &one) : read_word(l, item, caps, &one))
			add(l, item, &one, ret);
	}
	if (d->alone && (ret->kind == LIMIT_SUM ? (uint64_t)d->alone <= ret->amount && d->over >= 0 :
	    (uint64_t)d->alone < ret->amount))
		complain(l, loader_at(map, "limit", "alone"), "'alone' is more than '%s', which is %llu",
			 ret->kind == LIMIT_SUM ? "over" : "count", (unsigned long long)ret->amount);
	ret->alone = n ? (uint64_t)d->alone : 0;
}

/*
 * Whoever counts successes teaches where accounts are at home, and failures
 * must not: strangers cause them wherever they like. Nobody but the jail's
 * author knows which these are, so where nothing else tells, he is asked.
 */
void loader_teaches(struct loader *l, const struct node *map, const struct jail *j)
{
	struct place where = loader_at(map, "limit", "with");
	bool acts = false, fails = false;

	if (!j->limit.nwith || j->successes != WANT_ANY || j->verdicts)
		return;
	for (size_t i = 0; i < j->nthen; i++)
		acts |= j->then[i].kind >= ACTION_PARK && j->then[i].kind <= ACTION_CONTAIN;
	for (size_t i = 0; i < j->nrules; i++)
		fails |= strcasestr(j->rules[i].pattern, "fail") != NULL;
	if (fails)
		loader_warn(l, where, "'with' makes these hits tell where accounts are at home, and a pattern speaks of "
			    "failures, which strangers cause: say 'successes: no'");
	else if (!acts)
		loader_warn(l, where, "'with' makes these hits tell where accounts are at home: say 'successes: no' "
			    "if strangers can cause them, else 'successes: yes'");
}

/* ---- known, spread ---- */

void loader_factors(struct loader *l, const struct limit_draft *d, const struct node *map,
		    const struct captures *caps, struct limit *ret)
{
	static const char *const knows[] = { "user", "ip", NULL }, *const spreads[] = { "user", NULL };
	struct place known = loader_at(map, "limit", "known"), spread = loader_at(map, "limit", "spread");

	if (d->known >= 0) {
		loader_needs(l, caps, known, "known", knows);
		if (d->known == 0)
			complain(l, known, "'known' is more than 0; 'known_good: no' does not count such hits");
		ret->known = loader_decimals(l, d->known, LIMIT_FACTOR, "known", known);
	}
	if (d->spread.accounts || d->spread.weight >= 0) {
		loader_needs(l, caps, spread, "spread", spreads);
		if (d->spread.weight == 0)
			complain(l, spread, "the 'weight' of 'spread' is more than 0");
		if (!d->spread.accounts || d->spread.weight < 0) {
			complain(l, spread, "'spread' needs both 'accounts' and 'weight'");
			return;
		}
		ret->spread_accounts = d->spread.accounts;
		ret->spread_weight = loader_decimals(l, d->spread.weight, LIMIT_FACTOR, "weight", spread);
	}
	if ((ret->known || ret->spread_accounts) && ret->amount > FACTOR_COUNT_MAX)
		complain(l, loader_at(map, "limit", "count"), "'count' is at most %d with 'known' or 'spread'",
			 FACTOR_COUNT_MAX);
}
