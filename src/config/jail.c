/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One jail: its patterns and what they capture, then everything that refers
 * to these captures. Patterns are read only as far as placeholder.c goes:
 * compiling them is the engine's, who may crash at it.
 */
#include <stdio.h>

#include "bailiff/hit.h"
#include "config/loader.h"
#include "config/nearest.h"
#include "config/placeholder.h"

#define RULES_MAX 1000
#define PATTERN_MAX 8192
#define OWN_FIELDS_MAX 4096

/* ---- captures ---- */

static int derived_from(const struct config *c, int field)
{
	const char *from = c->fields[field].from;

	return from ? config_field(c, span_of(from)) : field;
}

int loader_captured(struct loader *l, const struct captures *caps, struct place where,
		    const char *key, struct span name)
{
	const struct config *c = l->config;
	struct nearest near = { 0 };
	int field = config_field(c, name), from = field < 0 ? -1 : derived_from(c, field);
	char typed[64];

	if (from >= 0 && (size_t)from < caps->n && caps->has[from])
		return field;
	snprintf(typed, sizeof(typed), "%.*s", (int)name.n, name.p);
	if (from != field && from >= 0) {
		complain(l, where, "'%s' names '%s', which is made from '%s', and no pattern captures that",
			 key, typed, c->fields[from].name);
		return -1;
	}
	for (size_t i = 0; i < caps->n; i++)
		if (caps->has[i])
			nearest_try(&near, typed, c->fields[i].name);
	complain(l, where, "'%s' names '%s', which no pattern captures%s", key, typed,
		 loader_hint(l, near.name));
	return -1;
}

void loader_template(struct loader *l, const struct captures *caps, const struct node *argv,
		     const struct strings *words)
{
	for (size_t i = 0; i < words->n; i++) {
		struct placeholder_scan scan;
		struct placeholder_part part;

		placeholder_begin(&scan, span_of(words->v[i]));
		while (placeholder_next_in_word(&scan, &part) > 0)
			if (part.kind == PART_FIELD)
				loader_captured(l, caps, argv->items[i]->place, words->v[i], part.name);
	}
}

/* What one pattern captures: indices of fields, none twice. */
struct found {
	size_t n;
	uint16_t v[HIT_MAX_CAPTURES];
};

static void found_add(struct loader *l, struct found *f, struct place where, int field)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i] == field)
			return;
	if (f->n == HIT_MAX_CAPTURES)
		complain(l, where, "a pattern and its prefix capture at most %d values", HIT_MAX_CAPTURES);
	else
		f->v[f->n++] = (uint16_t)field;
}

static void unknown_placeholder(struct loader *l, struct place where,
				const struct placeholder_part *p)
{
	const struct config *c = l->config;
	struct nearest near = { 0 };
	char typed[64];

	snprintf(typed, sizeof(typed), "%.*s", (int)p->name.n, p->name.p);
	for (size_t i = 0; i < c->nfields; i++)
		if (c->fields[i].regex)
			nearest_try(&near, typed, c->fields[i].name);
	complain(l, where, "unknown placeholder <%s> at offset %zu%s%s%s (a literal < is written \\<)",
		 typed, p->offset, near.name ? ", did you mean <" : "", near.name ? near.name : "",
		 near.name ? ">?" : "");
}

/* A capture the pattern names itself; one that bears a known name is that field. */
static int own_field(struct loader *l, struct place where, struct span name)
{
	struct config *c = l->config;
	int field = config_field(c, name);
	struct field *f;

	if (field >= 0)
		return field;
	if (c->nfields >= OWN_FIELDS_MAX) {
		complain(l, where, "more than %d different captures", OWN_FIELDS_MAX);
		return -1;
	}
	f = arena_push(l->arena, &c->fields, &c->nfields, sizeof(*f));
	*f = (struct field){
		.name = arena_span(l->arena, name), .type = FIELD_TEXT,
		.set = "what the pattern says", .help = "a capture of a jail's own",
	};
	return (int)c->nfields - 1;
}

static void take_part(struct loader *l, struct place where, bool prefix,
		      const struct placeholder_part *p, struct found *ret)
{
	bool content = span_eq(p->name, SPAN_LIT("content"));
	int field = config_field(l->config, p->name);

	if (p->kind == PART_TEXT)
		return;
	if (content && !prefix) {
		complain(l, where, "<content> belongs into 'prefix'");
		return;
	}
	if (field >= 0 && l->config->fields[field].from) {
		complain(l, where, "<%s> at offset %zu is made from <%s> and cannot be captured",
			 l->config->fields[field].name, p->offset, l->config->fields[field].from);
		return;
	}
	if (p->kind == PART_OWN)
		field = own_field(l, where, p->name);
	else if (field < 0 || !l->config->fields[field].regex)
		unknown_placeholder(l, where, p);
	if (field >= 0)
		found_add(l, ret, where, field);
}

static void scan(struct loader *l, const char *pattern, struct place where, bool prefix,
		 struct found *ret)
{
	struct placeholder_scan s;
	struct placeholder_part part;
	int err;

	if (!*pattern)
		complain(l, where, "an empty pattern matches every line");
	if (strlen(pattern) > PATTERN_MAX)
		complain(l, where, "a pattern is at most %d bytes long", PATTERN_MAX);
	placeholder_begin(&s, span_of(pattern));
	while ((err = placeholder_next(&s, &part)) > 0)
		take_part(l, where, prefix, &part, ret);
	if (err < 0)
		complain(l, where, "%s (at offset %zu)", s.error, s.error_at);
}

/* ---- match, ignore, prefix ---- */

static int find_verb(const char *word)
{
	for (int v = 0; v < VERBS; v++)
		if (strcmp(schema_verbs[v].name, word) == 0)
			return v;
	return -1;
}

static void unknown_verb(struct loader *l, const struct node *key)
{
	struct nearest near = { 0 };

	for (int v = 0; v < VERBS; v++)
		nearest_try(&near, key->text, schema_verbs[v].name);
	for (const struct setting *s = schema_rule_keys; s->key; s++)
		nearest_try(&near, key->text, s->key);
	complain(l, key->place, "unknown key '%.80s'%s", key->text, loader_hint(l, near.name));
}

static const struct setting *rule_key(const char *word)
{
	for (const struct setting *s = schema_rule_keys; s->key; s++)
		if (strcmp(s->key, word) == 0)
			return s;
	return NULL;
}

static void take_marks(struct loader *l, const struct node *n, const struct rule_draft *d, struct rule *r)
{
	bool counts = r->verb == VERB_COUNT || r->verb == VERB_MATCH;

	if (d->each && r->verb != VERB_COUNT)
		complain(l, n->place, "'each' goes with 'count'");
	if ((d->part || d->aside) && !counts)
		complain(l, n->place, "'%s' goes with 'count' or 'match'", d->part ? "part" : "aside");
	if (d->part && d->aside)
		complain(l, n->place, "'part' and 'aside' exclude each other");
	if ((d->tells || d->at_once) && r->verb != VERB_COUNT)
		complain(l, n->place, "'%s' goes with 'count'", d->tells ? "tells" : "at_once");
	r->tells = d->tells;
	r->at_once = d->at_once;
	r->each = d->each || (d->aside && r->verb == VERB_COUNT);
	r->part = d->part;
	r->aside = d->aside;
}

/* `remember: PATTERN`, with `each: true` and the like beside `count: PATTERN`. */
static bool read_verb_rule(struct loader *l, const struct node *n, struct rule *ret)
{
	struct rule_draft draft = { 0 };
	const char *text = NULL;

	for (size_t i = 0; i < n->n; i++) {
		const struct setting *mark = rule_key(n->keys[i]->text);
		int verb = find_verb(n->keys[i]->text);

		if (mark) {
			value_read(l, mark, n->items[i], (char *)&draft + mark->offset);
			continue;
		}
		if (verb < 0) {
			unknown_verb(l, n->keys[i]);
			return false;
		}
		if (text) {
			complain(l, n->keys[i]->place, "one pattern has one verb: begin a new item with '- %s:'",
				 n->keys[i]->text);
			return false;
		}
		text = value_scalar(l, n->items[i], "'%s'", n->keys[i]->text);
		if (!text)
			return false;
		ret->verb = (enum verb)verb;
		ret->place = n->items[i]->place;
		ret->pattern = arena_strdup(l->arena, text);
	}
	if (!text)
		complain(l, n->place, "a pattern is missing: write it bare or behind a verb");
	else
		take_marks(l, n, &draft, ret);
	return text;
}

static bool read_rule(struct loader *l, const struct node *n, const char *key, bool verbs,
		      struct rule *ret)
{
	const char *text;

	*ret = (struct rule){ .verb = VERB_MATCH, .place = n->place };
	if (verbs && n->kind == NODE_MAP)
		return read_verb_rule(l, n, ret);
	text = value_scalar(l, n, "an item of '%s'", key);
	if (text)
		ret->pattern = arena_strdup(l->arena, text);
	return text;
}

/* A list of rules, or one. */
static void read_rules(struct loader *l, const struct node *n, const char *key, bool verbs,
		       size_t *ret_n, struct rule **ret)
{
	struct node *self = (struct node *)n;
	bool list = n->kind == NODE_LIST;
	size_t count = list ? n->n : 1;

	if (count > RULES_MAX) {
		complain(l, n->place, "'%s' has more than %d patterns", key, RULES_MAX);
		return;
	}
	*ret = arena_array(l->arena, count, sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		if (read_rule(l, list ? n->items[i] : self, key, verbs, &(*ret)[*ret_n]))
			++*ret_n;
}

static void load_prefix(struct loader *l, const struct node *map, struct jail *j, struct found *ret)
{
	size_t content = (size_t)config_field(l->config, SPAN_LIT("content"));

	if (!j->prefix)
		return;
	j->prefix_place = node_get(map, "prefix")->place;
	scan(l, j->prefix, j->prefix_place, true, ret);
	for (size_t i = 0; i < ret->n; i++) {
		if (ret->v[i] != content)
			continue;
		memmove(ret->v + i, ret->v + i + 1, (--ret->n - i) * sizeof(*ret->v));
		return;
	}
	complain(l, j->prefix_place, "'prefix' needs a <content>: what the patterns see");
}

static void captures_set(struct loader *l, struct captures *c, const struct found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		c->has[f->v[i]] = true;
		c->addr |= l->config->fields[f->v[i]].type == FIELD_ADDR;
	}
}

/* Bailiff's own entries tell these without any pattern. */
static void captures_of_verdicts(struct loader *l, struct found *ret)
{
	static const char *const names[] = { "ip", "user", "jail" };

	for (size_t i = 0; i < 3; i++)
		found_add(l, ret, (struct place){ 0 }, config_field(l->config, span_of(names[i])));
}

void loader_rules(struct loader *l, const struct jail_draft *d, const struct node *map,
		  struct jail *j, struct captures *ret)
{
	struct found base = { 0 }, *each, nothing;

	if (d->match)
		read_rules(l, d->match, "match", true, &j->nrules, &j->rules);
	if (d->ignore)
		read_rules(l, d->ignore, "ignore", false, &j->nignore, &j->ignore);
	if (j->verdicts)
		captures_of_verdicts(l, &base);
	/* Of `sshd[4711]:` the tag tells it. */
	if (d->thread.by && strcmp(d->thread.by, "pid") == 0 && !j->verdicts)
		found_add(l, &base, (struct place){ 0 }, config_field(l->config, SPAN_LIT("pid")));
	load_prefix(l, map, j, &base);
	each = arena_array(l->arena, j->nrules, sizeof(*each));
	for (size_t i = 0; i < j->nrules; i++) {
		each[i] = base;
		scan(l, j->rules[i].pattern, j->rules[i].place, false, &each[i]);
	}
	for (size_t i = 0; i < j->nignore; i++) {
		nothing = (struct found){ 0 };
		scan(l, j->ignore[i].pattern, j->ignore[i].place, false, &nothing);
	}
	ret->n = l->config->nfields;
	ret->has = arena_array(l->arena, ret->n, sizeof(bool));
	ret->rules = arena_array(l->arena, j->nrules, sizeof(*ret->rules));
	captures_set(l, ret, &base);
	for (size_t i = 0; i < j->nrules; i++) {
		ret->rules[i] = (struct captures){
			.n = ret->n, .has = arena_array(l->arena, ret->n, sizeof(bool)),
		};
		captures_set(l, &ret->rules[i], &each[i]);
		captures_set(l, ret, &each[i]);
	}
}

/* ---- the whole ---- */

static void load_log(struct loader *l, const struct jail_draft *d, const struct node *n,
		     struct jail *j)
{
	const struct config *c = l->config;

	j->logs = arena_array(l->arena, d->log.n, sizeof(*j->logs));
	for (size_t i = 0; i < d->log.n; i++) {
		struct place where = n->kind == NODE_LIST ? n->items[i]->place : n->place;
		int log = config_log(c, d->log.v[i]);
		struct nearest near = { 0 };

		if (strcmp(d->log.v[i], "verdicts") == 0) {
			j->verdicts = true;
			if (d->log.n > 1)
				complain(l, where, "the log 'verdicts' stands alone");
			continue;
		}
		for (size_t k = 0; log < 0 && k < c->nlogs; k++)
			nearest_try(&near, d->log.v[i], c->logs[k].name);
		if (log < 0)
			complain(l, where, "no log named '%.80s'%s", d->log.v[i],
				 loader_hint(l, near.name));
		else
			j->logs[j->nlogs++] = (uint16_t)log;
	}
	for (size_t i = 1; i < j->nlogs; i++)
		for (size_t k = 0; k < i; k++)
			if (j->logs[i] == j->logs[k])
				complain(l, n->place, "the log '%s' is here twice", c->logs[j->logs[i]].name);
}

static void require(struct loader *l, const struct node *map, const char *key, const char *why)
{
	const struct node *n = node_get(map, key);

	if (!n || node_is_null(n) || (n->kind == NODE_LIST && n->n == 0 && strcmp(key, "then") != 0))
		complain(l, n ? n->place : map->place, "'%s' is missing: %s", key, why);
}

/* What a limit and what follows say of each other. */
static void check_then(struct loader *l, const struct node *map, const struct jail *j)
{
	bool seen = false;

	for (size_t i = 0; i < j->nthen; i++)
		seen |= j->then[i].kind == ACTION_BAN && j->then[i].whom == WHOM_SEEN;
	if (j->limit.further && !seen)
		complain(l, loader_at(map, "limit", "further"), "'further' goes with 'ban: {whom: seen}'");
	if (j->signal && j->nthen)
		complain(l, node_get(map, "signal")->place, "'signal' goes with 'then: []': nobody hears of it");
}

bool loader_jail(struct loader *l, const char *name, const struct node *map, struct jail *ret)
{
	struct jail_draft *d = arena_brief_alloc(l->arena, sizeof(*d));
	struct captures caps = { 0 };
	unsigned errors = l->errors;

	d->limit = (struct limit_draft)LIMIT_DRAFT_NONE;
	value_defaults(l, schema_jail_keys, d);
	value_read_map(l, schema_jail_keys, map, d);
	*ret = d->jail;
	ret->name = arena_strdup(l->arena, name);
	require(l, map, "log", "which log does it read?");
	if (d->log.n)
		load_log(l, d, node_get(map, "log"), ret);
	if (!ret->verdicts)
		require(l, map, "match", "which lines count?");
	require(l, map, "limit", "how many are too many?");
	require(l, map, "then", "what follows? ([]: nothing but a record)");
	loader_rules(l, d, map, ret, &caps);
	/* What refers to captures makes no sense before these are right. */
	if (l->errors != errors)
		return false;
	loader_limit(l, d, map, &caps, ret);
	loader_thread(l, d, map, &caps, ret);
	loader_conditions(l, d, map, &caps, ret);
	loader_score(l, d, map, ret);
	if (l->errors != errors)
		return false;
	if (d->country)
		loader_country(l, d->country, &caps, ret);
	loader_then(l, d->then, &caps, ret);
	check_then(l, map, ret);
	loader_teaches(l, map, ret);
	if (d->tests)
		loader_tests(l, d->tests, &caps, ret);
	return l->errors == errors;
}
