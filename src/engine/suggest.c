/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at what accounts did, and says which limits would have left them
 * alone. An account in a jail is one small record; the amounts go into
 * buckets (quantile.h).
 */
#include "engine/suggest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "config/load.h"
#include "engine/flow/slots.h"
#include "engine/jsontext.h"
#include "engine/quantile.h"

#define ACCOUNTS_MAX (1u << 20)		/* an account counts once a jail */
#define GROUPS_MAX 512			/* jails times classes */
#define OF_THOUSAND 999
#define TIMES 3
#define LISTED 20

/* A jail's accounts of one class. */
struct group {
	uint16_t jail;
	const char *class;	/* the open configuration's; NULL: in none */
	struct quantile amounts;
	uint64_t accounts, most;
};

struct tallied {
	size_t name;		/* in names */
	uint16_t group;
	int64_t step;		/* when / within */
	uint64_t in_step, most;
	uint64_t verdicts;	/* today's */
};

struct suggest {
	struct core *today, *open;
	struct slots index;	/* jail and account: number in v, plus 1 */
	struct buf names;
	struct tallied *v;
	size_t n, cap;
	size_t ngroups;
	struct group *group[GROUPS_MAX];
	uint64_t uncounted;
};

/* It counts what others do to the account: they are banned, and the account is left alone. */
static bool is_of_strangers(const struct jail *j)
{
	bool bans = false, touches = false;

	for (size_t i = 0; i < j->nthen; i++) {
		bans |= j->then[i].kind == ACTION_BAN;
		touches |= j->then[i].kind >= ACTION_PARK && j->then[i].kind <= ACTION_CONTAIN;
	}
	return bans && !touches;
}

bool suggest_is_for(const struct config *c, const struct jail *j)
{
	const struct limit *l = &j->limit;

	return !j->verdicts && !is_of_strangers(j) && l->nper == 1 && c->fields[l->per[0]].type == FIELD_ACCOUNT &&
	       (l->kind == LIMIT_COUNT || l->kind == LIMIT_SUM || l->kind == LIMIT_DISTINCT);
}

void suggest_lift(struct config *c)
{
	for (size_t i = 0; i < c->njails; i++) {
		struct limit *l = &c->jails[i].limit;

		if (!suggest_is_for(c, &c->jails[i]))
			continue;
		l->amount = l->kind == LIMIT_SUM ? 1ULL << 60 : 1ULL << 30;
		l->alone = 0;
	}
	for (size_t i = 0; i < c->nclasses; i++)
		for (size_t k = 0; k < c->classes[i].nlimits; k++) {
			c->classes[i].limits[k].has_amount = false;
			c->classes[i].limits[k].alone = 0;
		}
}

/* ---- accounts */

/* An account in another class than before stays with the first: NULL is none. */
static struct group *group_of(struct suggest *s, uint16_t jail, const char *class, uint16_t *ret)
{
	struct group *g;

	for (size_t i = 0; i < s->ngroups; i++) {
		g = s->group[i];
		*ret = (uint16_t)i;
		if (g->jail == jail && (g->class == class || (g->class && class && strcmp(g->class, class) == 0)))
			return g;
	}
	g = s->ngroups < GROUPS_MAX ? calloc(1, sizeof(*g)) : NULL;
	if (!g)
		return NULL;
	g->jail = jail;
	g->class = class;
	*ret = (uint16_t)s->ngroups;
	s->group[s->ngroups++] = g;
	return g;
}

static struct tallied *make(struct suggest *s, uint16_t jail, struct span user, const char *class)
{
	struct tallied *t;
	struct group *g;
	uint16_t group;

	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 256;
		struct tallied *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return NULL;
		s->v = v;
		s->cap = cap;
	}
	g = group_of(s, jail, class, &group);
	if (!g)
		return NULL;
	g->accounts++;
	t = &s->v[s->n++];
	*t = (struct tallied){ .name = s->names.n, .group = group, .step = INT64_MIN };
	buf_put(&s->names, user.p, user.n);
	buf_putc(&s->names, '\0');
	return t;
}

static struct tallied *account_of(struct suggest *s, uint16_t jail, struct span user, const char *class, bool anew)
{
	uint64_t hash = hash_keyed(user.p, user.n) ^ (jail + 1ULL) * 0x9e3779b97f4a7c15ULL;
	struct tallied *t;
	uint32_t *at;
	bool made;

	at = anew ? slots_add(&s->index, hash, 0, &made) : slots_find(&s->index, hash);
	if (at && *at)
		return &s->v[*at - 1];
	t = at ? make(s, jail, user, class) : NULL;
	if (t)
		*at = (uint32_t)s->n;
	return t;
}

static void end_step(struct suggest *s, struct tallied *t)
{
	struct group *g = s->group[t->group];

	if (t->step == INT64_MIN)
		return;
	quantile_add(&g->amounts, t->in_step);
	if (t->most > g->most)
		g->most = t->most;
	t->in_step = 0;
}

static void on_counted(void *arg, const struct core_counted *c)
{
	struct suggest *s = arg;
	int64_t within = s->open->config->jails[c->jail].limit.within_ms, step = c->when.ms / within;
	struct tallied *t = account_of(s, c->jail, c->subject->part[0].text, c->class, true);

	if (!t) {
		s->uncounted++;
		return;
	}
	if (t->step != step) {
		end_step(s, t);
		t->step = step;
	}
	if (c->amount > t->in_step)
		t->in_step = c->amount;
	if (c->amount > t->most)
		t->most = c->amount;
}

static void on_verdict(void *arg, const struct core_verdict *v)
{
	struct suggest *s = arg;
	struct tallied *t = account_of(s, v->jail, v->subject->part[0].text, NULL, false);

	if (t)
		t->verdicts++;
}

int suggest_new(struct core *today, struct core *open, struct suggest **ret)
{
	struct suggest *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->today = today;
	s->open = open;
	s->index.max = ACCOUNTS_MAX;
	for (uint16_t i = 0; i < today->config->njails; i++)
		if (!suggest_is_for(today->config, &today->config->jails[i]) || today->mode[i] == MODE_OFF) {
			core_set_mode(today, i, MODE_OFF);
			core_set_mode(open, i, MODE_OFF);
		} else {
			core_set_mode(today, i, MODE_SHADOW);
		}
	today->fn = on_verdict;
	open->counted = on_counted;
	today->arg = open->arg = s;
	*ret = s;
	return 0;
}

void suggest_free(struct suggest **sp)
{
	struct suggest *s = *sp;

	if (!s)
		return;
	for (size_t i = 0; i < s->ngroups; i++)
		free(s->group[i]);
	slots_free(&s->index);
	buf_free(&s->names);
	free(s->v);
	free(s);
	*sp = NULL;
}

/* ---- the answer */

struct proposal { uint64_t limit, alone, usual, suggest, suggest_alone; };

/* Where the limit is today for the class of that name. */
static struct bar bar_of(const struct config *c, uint16_t jail, const char *class)
{
	const struct limit *l = &c->jails[jail].limit;
	struct bar bar = { .amount = l->amount, .alone = l->alone };

	for (size_t i = 0; i < c->nclasses && class; i++) {
		const struct class_limit *cl = config_class_limit(&c->classes[i], jail);

		if (strcmp(c->classes[i].name, class) == 0 && cl)
			bar = class_bar(cl, l);
	}
	return bar;
}

static struct proposal propose(const struct suggest *s, const struct group *g)
{
	struct bar now = bar_of(s->today->config, g->jail, g->class);
	struct proposal p = { .limit = now.amount, .alone = now.alone };
	uint64_t least;

	least = p.limit / 10 ? p.limit / 10 : 1;
	p.usual = quantile_of(&g->amounts, OF_THOUSAND);
	if (p.usual > g->most)
		p.usual = g->most;	/* the upper end of its bucket */
	p.suggest = quantile_round(p.usual * TIMES > least ? p.usual * TIMES : least);
	if (p.alone && p.limit)
		p.suggest_alone = quantile_round((uint64_t)((double)p.suggest * ((double)p.alone / (double)p.limit)));
	return p;
}

static int by_most(const void *a, const void *b)
{
	const struct tallied *x = *(struct tallied *const *)a, *y = *(struct tallied *const *)b;

	if (x->most != y->most)
		return x->most > y->most ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* The accounts of a group that had verdicts, or reached `limit`: how many, and the first of them. */
static json_t *accounts_json(const struct suggest *s, size_t group, bool verdicts, uint64_t limit)
{
	const struct group *g = s->group[group];
	bool over = s->today->config->jails[g->jail].limit.kind == LIMIT_SUM;
	struct tallied **v = calloc(s->n + 1, sizeof(*v));
	json_t *list = json_array();
	size_t n = 0;

	for (size_t i = 0; v && i < s->n; i++) {
		struct tallied *t = &s->v[i];

		if (t->group == group && (verdicts ? t->verdicts > 0 : over ? t->most > limit : t->most >= limit))
			v[n++] = t;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_most);
	for (size_t i = 0; i < n && i < LISTED; i++)
		json_array_append_new(list, json_pack("{s:o,s:I}",
			"user", json_text(span_of(s->names.p + v[i]->name)), "most", (json_int_t)v[i]->most));
	free(v);
	return json_pack("{s:I,s:o}", "n", (json_int_t)n, "first", list);
}

static json_t *group_json(const struct suggest *s, size_t group, const struct proposal *p)
{
	static const char *const kinds[] = {
		[LIMIT_COUNT] = "count", [LIMIT_SUM] = "sum", [LIMIT_DISTINCT] = "distinct",
	};
	const struct config *c = s->today->config;
	const struct group *g = s->group[group];
	const struct jail *j = &c->jails[g->jail];
	json_t *o = json_pack("{s:s,s:s?,s:f,s:s,s:s?,s:I,s:I,s:I,s:I,s:I,s:I}",
		"jail", j->name, "class", g->class, "within", (double)j->limit.within_ms / 1000,
		"kind", kinds[j->limit.kind], "of", j->limit.kind == LIMIT_COUNT ? NULL : c->fields[j->limit.value].name,
		"accounts", (json_int_t)g->accounts, "steps", (json_int_t)g->amounts.n,
		"usual", (json_int_t)p->usual, "most", (json_int_t)g->most,
		"limit", (json_int_t)p->limit, "suggest", (json_int_t)p->suggest);

	json_object_set_new(o, "alone", p->alone ? json_integer((json_int_t)p->alone) : json_null());
	json_object_set_new(o, "suggest_alone", p->suggest_alone ? json_integer((json_int_t)p->suggest_alone) : json_null());
	json_object_set_new(o, "fired", accounts_json(s, group, true, 0));
	json_object_set_new(o, "reached", accounts_json(s, group, false, p->suggest));
	return o;
}

/* "{count: 120, alone: 600}" */
static void put_limit(const struct suggest *s, const struct group *g, const struct proposal *p, struct buf *out)
{
	bool sum = s->today->config->jails[g->jail].limit.kind == LIMIT_SUM;

	buf_printf(out, "{%s: %llu", sum ? "over" : "count", (unsigned long long)p->suggest);
	if (p->suggest_alone)
		buf_printf(out, ", alone: %llu", (unsigned long long)p->suggest_alone);
	buf_putc(out, '}');
}

/* Those of no class under `jails`, the others under their class. */
static void put_yaml(const struct suggest *s, const char *class, const struct proposal *p, struct buf *out)
{
	bool begun = false;

	for (size_t i = 0; i < s->ngroups; i++) {
		const struct group *g = s->group[i];

		if (class ? !g->class || strcmp(g->class, class) != 0 : g->class != NULL)
			continue;
		if (!begun && class)
			buf_printf(out, "  %s:\n    limits:\n", class);
		else if (!begun)
			buf_puts(out, "jails:\n");
		begun = true;
		buf_printf(out, class ? "      %s: " : "  %s: {limit: ", s->today->config->jails[g->jail].name);
		put_limit(s, g, &p[i], out);
		buf_puts(out, class ? "\n" : "}\n");
	}
}

static json_t *yaml_json(const struct suggest *s, const struct proposal *p)
{
	const struct config *c = s->today->config;
	struct buf out = { 0 }, classes = { 0 };
	json_t *j;

	put_yaml(s, NULL, p, &out);
	for (size_t i = 0; i < c->nclasses; i++)
		put_yaml(s, c->classes[i].name, p, &classes);
	if (classes.n)
		buf_printf(&out, "classes:\n%s", buf_cstr(&classes));
	buf_free(&classes);
	j = json_string(buf_cstr(&out));
	buf_free(&out);
	return j;
}

json_t *suggest_json(struct suggest *s)
{
	struct proposal p[GROUPS_MAX];
	json_t *jails = json_array(), *o;

	for (size_t i = 0; i < s->n; i++)
		end_step(s, &s->v[i]);
	for (size_t i = 0; i < s->ngroups; i++)
		p[i] = propose(s, s->group[i]);
	for (size_t i = 0; i < s->ngroups; i++)
		json_array_append_new(jails, group_json(s, i, &p[i]));
	o = json_pack("{s:o,s:o,s:I}", "jails", jails, "yaml", yaml_json(s, p),
		      "uncounted", (json_int_t)s->uncounted);
	return o;
}
