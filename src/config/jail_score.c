/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `score`: the verdicts of other jails, each with a weight. Only jails that
 * count accounts may be named: an address that was the last of some account
 * says nothing of the account. And only jails that read logs, so that nothing
 * goes round in a circle.
 */
#include "config/loader.h"
#include "config/nearest.h"

static void add(struct loader *l, const struct node *key, const struct node *n, struct jail *j)
{
	struct setting row = schema_score_row;
	struct score one = { .name = arena_strdup(l->arena, key->text), .jail = SCORE_NO_JAIL,
			     .place = key->place };
	unsigned errors = l->errors;

	row.key = key->text;
	value_read(l, &row, n, &one.weight);
	if (l->errors != errors)
		return;
	if (j->nscores == SCORES_MAX)
		complain(l, key->place, "'score' names more than %d jails", SCORES_MAX);
	else
		j->scores[j->nscores++] = one;
}

void loader_score(struct loader *l, const struct jail_draft *d, const struct node *map, struct jail *j)
{
	struct place where = loader_at(map, "limit", "score");

	if (j->limit.kind != LIMIT_SCORE) {
		if (d->score)
			complain(l, node_key(map, "score")->place, "'score' goes with a limit by score: {score: 100, per: user, within: 1h}");
		return;
	}
	if (!j->verdicts)
		complain(l, where, "a limit by 'score' goes with 'log: verdicts'");
	if (j->nrules)
		complain(l, node_get(map, "match")->place,
			 "a limit by 'score' takes no 'match': it counts the verdicts of the jails that 'score' names");
	if (j->limit.nper != 1 || strcmp(l->config->fields[j->limit.per[0]].name, "user") != 0)
		complain(l, loader_at(map, "limit", "per"), "a score is counted 'per: user'");
	if (!d->score || d->score->kind != NODE_MAP || d->score->n == 0) {
		complain(l, d->score ? d->score->place : where,
			 "'score' is missing: which jails' verdicts count how much, as in 'score: {sasl-burst: 40}'");
		return;
	}
	j->scores = arena_array(l->arena, SCORES_MAX, sizeof(*j->scores));
	for (size_t i = 0; i < d->score->n; i++)
		add(l, d->score->keys[i], d->score->items[i], j);
}

/* ---- when all jails are there ---- */

static bool counts_accounts(const struct config *c, const struct jail *j)
{
	for (size_t i = 0; i < j->limit.nper; i++)
		if (c->fields[j->limit.per[i]].type == FIELD_ACCOUNT)
			return true;
	return false;
}

static void check_name(struct loader *l, const struct strings *names, const struct score *s)
{
	const struct jail *j = config_jail(l->config, s->name);
	struct nearest near = { 0 };

	if (j && j->verdicts)
		complain(l, s->place, "'%s' counts verdicts itself, so it is no signal", s->name);
	else if (j && !counts_accounts(l->config, j))
		complain(l, s->place, "'%s' counts no accounts ('per: user'), so its verdicts are on none", s->name);
	if (j)
		return;
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], s->name) == 0) {
			loader_warn(l, s->place, "the jail '%s' did not load, so it gives no signal", s->name);
			return;
		}
		nearest_try(&near, s->name, names->v[i]);
	}
	complain(l, s->place, "no jail named '%.80s'%s", s->name, loader_hint(l, near.name));
}

/* Those that were found wrong, which have no limit any more. */
static void leave_out(struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->njails; i++)
		if (c->jails[i].limit.kind != LIMIT_NONE)
			c->jails[n++] = c->jails[i];
	c->njails = n;
}

static void resolve(const struct config *c, struct jail *j)
{
	for (size_t k = 0; k < j->nscores; k++) {
		const struct jail *of = config_jail(c, j->scores[k].name);

		j->scores[k].jail = of ? (uint16_t)(of - c->jails) : SCORE_NO_JAIL;
	}
}

void loader_scores(struct loader *l, const struct strings *names)
{
	struct config *c = l->config;
	size_t n = 0;

	for (size_t i = 0; i < c->njails; i++) {
		unsigned errors = l->errors;

		l->jail = c->jails[i].name;
		for (size_t k = 0; k < c->jails[i].nscores; k++)
			check_name(l, names, &c->jails[i].scores[k]);
		l->jail = NULL;
		if (l->errors == errors)
			n++;
		else
			c->jails[i].limit.kind = LIMIT_NONE;
	}
	if (n < c->njails)
		leave_out(c);
	for (size_t i = 0; i < c->njails; i++)
		resolve(c, &c->jails[i]);
}
