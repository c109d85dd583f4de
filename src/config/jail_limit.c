/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `limit` and `thread`: names become fields, and what can never fire or never
 * count is an error now instead of silence later.
 */
#include <stdlib.h>

#include "config/loader.h"

#define PER_MAX 4

struct place loader_at(const struct node *map, const char *outer, const char *inner)
{
	const struct node *in = node_get(map, outer), *n = node_get(in, inner);

	return n ? n->place : in ? in->place : map->place;
}

/* ---- limit ---- */

static void take_per(struct loader *l, const struct limit_draft *d, const struct node *map,
		     const struct captures *caps, struct limit *ret)
{
	struct place where = loader_at(map, "limit", "per");

	if (d->per.n == 0 || d->per.n > PER_MAX) {
		complain(l, where, "'per' names what is counted: one to %d captures, as in 'per: ip'",
			 PER_MAX);
		return;
	}
	for (size_t i = 0; i < d->per.n; i++) {
		int field = loader_captured(l, caps, where, "per", span_of(d->per.v[i]));

		for (size_t k = 0; field >= 0 && k < ret->nper; k++)
			if (ret->per[k] == field)
				complain(l, where, "'per' names '%s' twice", d->per.v[i]);
		if (field >= 0)
			ret->per[ret->nper++] = (uint16_t)field;
	}
}

static void need_number(struct loader *l, struct place where, const char *key, int field)
{
	if (field >= 0 && l->config->fields[field].type != FIELD_NUMBER)
		complain(l, where, "'%s' takes a capture that is a number; '%s' is not", key,
			 l->config->fields[field].name);
}

static void take_weight(struct loader *l, const struct limit_draft *d, const struct node *map,
			const struct captures *caps, struct limit *ret)
{
	struct place where = loader_at(map, "limit", "weight");
	char *end;
	int field;

	if (strcmp(d->weight, "1") != 0 && ret->kind != LIMIT_COUNT)
		complain(l, where, "'weight' goes with 'count' alone");
	if (strspn(d->weight, "0123456789") == strlen(d->weight)) {
		ret->weight = strtoll(d->weight, &end, 10);
		if (ret->weight < 1 || ret->weight > 1000000)
			complain(l, where, "'weight' is between 1 and 1000000, or a capture, not %.40s",
				 d->weight);
		return;
	}
	field = loader_captured(l, caps, where, "weight", span_of(d->weight));
	need_number(l, where, "weight", field);
	ret->weighs = true;
	ret->weight_field = (uint16_t)(field < 0 ? 0 : field);
}

static int captured_number(struct loader *l, const char *key, const char *name, const struct node *map,
			   const struct captures *caps)
{
	struct place where = loader_at(map, "limit", key);
	int field = loader_captured(l, caps, where, key, span_of(name));

	need_number(l, where, key, field);
	return field < 0 ? 0 : field;
}

/* `sum` and `level`: a captured number that must be over something. */
static void take_over(struct loader *l, const struct limit_draft *d, const struct node *map,
		      const struct captures *caps, struct limit *ret)
{
	const char *key = d->level ? "level" : "sum";
	struct place where = loader_at(map, "limit", key);
	int64_t under;

	ret->value = (uint16_t)captured_number(l, key, d->level ? d->level : d->sum, map, caps);
	if (d->count || d->distinct)
		complain(l, where, "'%s' goes with 'over', not with '%s'", key, d->count ? "count" : "distinct");
	else if (d->over < 0)
		complain(l, where, "'%s' needs 'over': more than how much?", key);
	ret->kind = d->level ? LIMIT_LEVEL : LIMIT_SUM;
	ret->amount = (uint64_t)d->over;
	if (!d->level)
		return;
	under = d->under < 0 ? d->over : d->under;
	if (d->over >= 0 && under > d->over) {
		/* bailiff.yaml set an `over` for which the jail's own `under` was not made */
		if (strcmp(loader_at(map, "limit", "under").file, loader_at(map, "limit", "over").file) != 0)
			under = d->over;
		else
			complain(l, loader_at(map, "limit", "under"), "'under' is at most 'over', %lld, not %lld",
				 (long long)d->over, (long long)d->under);
	}
	ret->under = (uint64_t)under;
}

static void take_distinct(struct loader *l, const struct limit_draft *d, const struct node *map,
			  const struct captures *caps, struct limit *ret)
{
	struct place where = loader_at(map, "limit", "distinct");
	int field = loader_captured(l, caps, where, "distinct", span_of(d->distinct));

	if (!d->count)
		complain(l, where, "'distinct' needs 'count': how many different ones?");
	ret->kind = LIMIT_DISTINCT;
	ret->value = (uint16_t)(field < 0 ? 0 : field);
	ret->amount = d->count;
}

/* A factor with so many decimals as we keep, as a whole number. */
uint32_t loader_decimals(struct loader *l, double v, uint32_t one, const char *key, struct place where)
{
	double scaled = v * one;
	uint32_t whole = scaled < 0 ? 0 : (uint32_t)(scaled + 0.5);

	if (scaled - whole > 1e-6 || whole - scaled > 1e-6)
		complain(l, where, "'%s' takes at most %d decimals", key, one == LIMIT_FACTOR ? 2 : 6);
	return whole;
}

static void take_ratio(struct loader *l, const struct limit_draft *d, const struct node *map,
		       const struct jail *j, struct limit *ret)
{
	struct place where = loader_at(map, "limit", "ratio");
	bool part = false;

	if (!d->count)
		complain(l, where, "'ratio' needs 'count': of how many hits at least?");
	if (d->ratio == 0)
		complain(l, where, "'ratio' is more than 0: any hits are a share of nothing");
	for (size_t i = 0; i < j->nrules; i++)
		part |= j->rules[i].part;
	if (!part)
		complain(l, where, "'ratio' needs patterns with 'part: true' beside them: a share of what?");
	ret->kind = LIMIT_RATIO;
	ret->amount = d->count;
	ret->ratio = loader_decimals(l, d->ratio, LIMIT_RATIO_ONE, "ratio", where);
}

/* A pattern that counts but does not tell the subject can never count. */
static void check_rules(struct loader *l, const struct captures *caps, const struct jail *j)
{
	for (size_t i = 0; i < j->nrules; i++) {
		if (j->rules[i].verb != VERB_MATCH)
			continue;
		for (size_t k = 0; k < j->limit.nper; k++) {
			const struct field *f = &l->config->fields[j->limit.per[k]];
			struct span from = span_of(f->from ? f->from : f->name);

			if (!caps->rules[i].has[config_field(l->config, from)])
				loader_warn(l, j->rules[i].place, "this pattern captures no '%.*s', so it never counts",
				     (int)from.n, from.p);
		}
	}
}

/* Which keys go with which kinds; what is given for another one is an error. */
#define KIND(k) (1u << LIMIT_##k)
static void check_keys(struct loader *l, const struct limit_draft *d, const struct node *map,
		       const struct limit *limit)
{
	const struct { const char *key; bool set; unsigned kinds; const char *with; } keys[] = {
		{ "over", d->over >= 0, KIND(SUM) | KIND(LEVEL), "'sum' or 'level'" },
		{ "sum", d->sum, KIND(SUM), "'over', not with 'level'" },
		{ "ratio", d->ratio >= 0, KIND(RATIO), "'count' alone" },
		{ "under", d->under >= 0, KIND(LEVEL), "'level'" },
		{ "with", d->with, KIND(COUNT) | KIND(SUM) | KIND(DISTINCT), "'count', 'sum' or 'distinct'" },
		{ "known", d->known >= 0, KIND(COUNT), "'count' alone" },
		{ "spread", d->spread.accounts || d->spread.weight >= 0, KIND(COUNT), "'count' alone" },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].set && limit->kind && !(keys[i].kinds & 1u << limit->kind))
			complain(l, loader_at(map, "limit", keys[i].key), "'%s' goes with %s", keys[i].key,
				 keys[i].with);
}

static void check_marks(struct loader *l, const struct jail *j)
{
	for (size_t i = 0; i < j->nrules; i++) {
		if (j->rules[i].part && j->limit.kind != LIMIT_RATIO)
			complain(l, j->rules[i].place, "'part' goes with a limit that has a 'ratio'");
		if (j->rules[i].aside && j->limit.nwith == 0)
			complain(l, j->rules[i].place, "'aside' goes with a limit that has a 'with'");
	}
}

static void take_kind(struct loader *l, const struct limit_draft *d, const struct node *map,
		      const struct captures *caps, const struct jail *j, struct limit *ret)
{
	if (d->score) {
		ret->kind = LIMIT_SCORE;
		ret->amount = d->score;
		if (d->count || d->sum || d->distinct || d->level || d->ratio >= 0)
			complain(l, loader_at(map, "limit", "score"),
				 "'score' is a limit of its own: it goes with 'per' and 'within' alone");
	} else if (d->level || d->sum) {
		take_over(l, d, map, caps, ret);
	} else if (d->distinct) {
		take_distinct(l, d, map, caps, ret);
	} else if (d->ratio >= 0) {
		take_ratio(l, d, map, j, ret);
	} else if (d->count) {
		ret->kind = LIMIT_COUNT;
		ret->amount = d->count;
	} else {
		complain(l, loader_at(map, "limit", ""), "'limit' needs 'count', 'sum', 'distinct' or 'level'");
	}
}

void loader_limit(struct loader *l, const struct jail_draft *d, const struct node *map,
		  const struct captures *caps, struct jail *j)
{
	const struct limit_draft *from = &d->limit;
	struct limit *ret = &j->limit;

	ret->place = node_key(map, "limit")->place;
	take_kind(l, from, map, caps, j, ret);
	check_keys(l, from, map, ret);
	if (from->within_ms == 0 && !from->level)
		complain(l, loader_at(map, "limit", "within"),
			 "'limit' needs 'within': the time in which that many are too many");
	ret->within_ms = from->within_ms;
	ret->v6_len = from->v6_len;
	ret->further = from->further;
	take_per(l, from, map, caps, ret);
	take_weight(l, from, map, caps, ret);
	loader_with(l, from, map, caps, ret);
	loader_factors(l, from, map, caps, ret);
	check_marks(l, j);
	check_rules(l, caps, j);
}

/* ---- thread ---- */

/* The name of the second id that `join` makes another name of the first. */
static int second_id(struct loader *l, int by)
{
	const char *name = arena_printf(l->arena, "%s2", l->config->fields[by].name);

	return config_field(l->config, span_of(name));
}

static void check_joined(struct loader *l, const struct rule *r, const struct captures *caps,
			 int by)
{
	const char *name = l->config->fields[by].name, *verb = schema_verbs[r->verb].name;
	int second = second_id(l, by);

	if (!caps->has[by])
		complain(l, r->place, "'%s' needs <%s>, by which the thread is joined", verb, name);
	if (r->verb == VERB_JOIN && (second < 0 || !caps->has[second]))
		complain(l, r->place, "'join' needs <%s> and <%s2>, the thread's other name", name, name);
}

void loader_thread(struct loader *l, const struct jail_draft *d, const struct node *map,
		   const struct captures *caps, struct jail *j)
{
	const struct node *n = node_get(map, "thread");
	struct place where = loader_at(map, "thread", "by");
	bool counts = j->verdicts && j->nrules == 0;
	int by = -1;

	if (d->thread.by)
		by = loader_captured(l, caps, where, "by", span_of(d->thread.by));
	else if (n && n->kind == NODE_MAP && n->n)
		complain(l, where, "'thread' needs 'by': the capture that joins its entries");
	for (size_t i = 0; i < j->nrules; i++) {
		const struct rule *r = &j->rules[i];

		counts |= r->verb == VERB_MATCH || r->verb == VERB_COUNT;
		if (r->verb == VERB_MATCH)
			continue;
		if (!n)
			complain(l, r->place, "'%s' needs a thread, as in 'thread: {by: qid}'",
				 schema_verbs[r->verb].name);
		else if (by >= 0)
			check_joined(l, r, &caps->rules[i], by);
	}
	if (!counts)
		complain(l, node_get(map, "match")->place,
			 "nothing counts here: no pattern is bare or stands behind 'count'");
	j->threaded = by >= 0;
	j->thread_by = (uint16_t)(by < 0 ? 0 : by);
	j->thread_keep_ms = j->threaded ? d->thread.keep_ms : 0;
}
