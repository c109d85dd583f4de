/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `limit` and `thread`: names become fields, and what can never fire or never
 * count is an error now instead of silence later.
 */
#include <stdlib.h>

#include "config/loader.h"

#define PER_MAX 4

static struct place at_key(const struct node *map, const char *outer, const char *inner)
{
	const struct node *in = node_get(map, outer), *n = node_get(in, inner);

	return n ? n->place : in ? in->place : map->place;
}

/* ---- limit ---- */

static void take_per(struct loader *l, const struct limit_draft *d, const struct node *map,
		     const struct captures *caps, struct limit *ret)
{
	struct place where = at_key(map, "limit", "per");

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
	struct place where = at_key(map, "limit", "weight");
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

static void take_sum(struct loader *l, const struct limit_draft *d, const struct node *map,
		     const struct captures *caps, struct limit *ret)
{
	struct place where = at_key(map, "limit", "sum");
	int field = loader_captured(l, caps, where, "sum", span_of(d->sum));

	need_number(l, where, "sum", field);
	if (d->count || d->distinct)
		complain(l, where, "'sum' goes with 'over', not with '%s'", d->count ? "count" : "distinct");
	else if (d->over < 0)
		complain(l, where, "'sum' needs 'over': more than how much?");
	ret->kind = LIMIT_SUM;
	ret->value = (uint16_t)(field < 0 ? 0 : field);
	ret->amount = (uint64_t)d->over;
}

static void take_distinct(struct loader *l, const struct limit_draft *d, const struct node *map,
			  const struct captures *caps, struct limit *ret)
{
	struct place where = at_key(map, "limit", "distinct");
	int field = loader_captured(l, caps, where, "distinct", span_of(d->distinct));

	if (!d->count)
		complain(l, where, "'distinct' needs 'count': how many different ones?");
	ret->kind = LIMIT_DISTINCT;
	ret->value = (uint16_t)(field < 0 ? 0 : field);
	ret->amount = d->count;
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

void loader_limit(struct loader *l, const struct jail_draft *d, const struct node *map,
		  const struct captures *caps, struct jail *j)
{
	const struct limit_draft *from = &d->limit;
	struct limit *ret = &j->limit;

	ret->place = node_key(map, "limit")->place;
	if (from->sum) {
		take_sum(l, from, map, caps, ret);
	} else if (from->distinct) {
		take_distinct(l, from, map, caps, ret);
	} else if (from->count) {
		ret->kind = LIMIT_COUNT;
		ret->amount = from->count;
	} else {
		complain(l, at_key(map, "limit", ""), "'limit' needs 'count', 'sum' or 'distinct'");
	}
	if (from->over >= 0 && !from->sum)
		complain(l, at_key(map, "limit", "over"), "'over' goes with 'sum'");
	if (from->within_ms == 0)
		complain(l, at_key(map, "limit", "within"),
			 "'limit' needs 'within': the time in which that many are too many");
	ret->within_ms = from->within_ms;
	ret->v6_len = from->v6_len;
	take_per(l, from, map, caps, ret);
	take_weight(l, from, map, caps, ret);
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
	struct place where = at_key(map, "thread", "by");
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
