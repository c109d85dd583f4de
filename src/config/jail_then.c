/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `then`: words and maps become actions. What an action is done to must be
 * what the jail counts: an address to ban, an account to lock.
 */
#include "config/loader.h"
#include "config/nearest.h"

#define ACTIONS_MAX 16
#define WEEK_MS (7 * 86400000LL)
#define CENTURY_MS (5200 * WEEK_MS)

struct reading {
	struct loader *l;
	const struct captures *caps;
	struct jail *jail;
};

/* Does the subject hold a value of this type? */
static bool counts_type(const struct reading *r, enum field_type type)
{
	for (size_t i = 0; i < r->jail->limit.nper; i++)
		if (r->l->config->fields[r->jail->limit.per[i]].type == type)
			return true;
	return false;
}

static void check_subject(const struct reading *r, struct place where, const struct action *a)
{
	const struct action_row *row = &schema_actions[a->kind];

	if (row->needs == NEEDS_ACCOUNT && !counts_type(r, FIELD_ACCOUNT))
		complain(r->l, where, "'%s' needs an account, and 'per' names none (per: user)", row->name);
	if (row->needs != NEEDS_ADDRESS)
		return;
	if (a->whom == WHOM_SEEN && !r->caps->addr)
		complain(r->l, where, "'%s: {whom: seen}' needs addresses, and no pattern captures an <ip>",
			 row->name);
	else if (a->whom == WHOM_SUBJECT && !counts_type(r, FIELD_ADDR))
		complain(r->l, where, "'%s' needs an address, and 'per' names none: count 'per: ip'%s",
			 row->name, r->caps->addr ? ", or write 'ban: {whom: seen}'" : "");
}

/* The scope of the jail's logs, if they have one and the same. */
static int scope_of_logs(const struct reading *r)
{
	const struct config *c = r->l->config;
	int scope = -1;

	for (size_t i = 0; i < r->jail->nlogs; i++) {
		const struct log_conf *log = &c->logs[r->jail->logs[i]];

		if (!log->has_scope || (scope >= 0 && scope != log->scope))
			return -1;
		scope = log->scope;
	}
	return scope;
}

static const char *scope_names(struct loader *l)
{
	const struct config *c = l->config;
	const char *all = c->scopes[0].name;

	for (size_t i = 1; i < c->nscopes && i < 20; i++)
		all = arena_printf(l->arena, "%s, %s", all, c->scopes[i].name);
	return all;
}

static void take_scope(const struct reading *r, const struct action_draft *d,
		       const struct node *keys, struct action *a)
{
	struct loader *l = r->l;
	struct nearest near = { 0 };
	int scope = d->scope ? config_scope(l->config, d->scope) : scope_of_logs(r);

	/* As for bans by hand. `all` cuts our own connections as well and must be asked for. */
	if (scope < 0 && !d->scope) {
		scope = config_scope(l->config, "mail");
		if (scope >= 0)
			loader_warn(l, a->place, "'ban' names no 'scope': it closes the mail ports; "
				    "others are %s", scope_names(l));
	}
	a->scope = (uint16_t)(scope < 0 ? 0 : scope);
	if (scope >= 0)
		return;
	if (!d->scope) {
		complain(l, a->place, "'ban' needs a 'scope', one of %s", scope_names(l));
		return;
	}
	for (size_t i = 0; i < l->config->nscopes; i++)
		nearest_try(&near, d->scope, l->config->scopes[i].name);
	complain(l, node_get(keys, "scope")->place, "no scope named '%.80s'%s", d->scope,
		 loader_hint(l, near.name));
}

static void take_times(const struct reading *r, const struct action_draft *d,
		       const struct node *keys, struct action *a)
{
	a->grow = d->grow;
	a->max_ms = d->max_ms;
	if (a->max_ms == 0)
		a->max_ms = a->grow > 1 && a->for_ms < WEEK_MS ? WEEK_MS : a->for_ms;
	if (a->max_ms < a->for_ms)
		complain(r->l, node_get(keys, "max")->place, "'max' is less than 'for'");
	a->remember_ms = d->remember_ms ? d->remember_ms : 4 * a->max_ms;
	if (a->remember_ms > CENTURY_MS)
		a->remember_ms = CENTURY_MS;
}

static void take_keys(const struct reading *r, const struct node *keys, struct action *a)
{
	const struct action_row *row = &schema_actions[a->kind];
	struct action_draft d = { 0 };
	unsigned errors = r->l->errors;

	value_defaults(r->l, row->keys, &d);
	if (keys && keys->kind != NODE_MAP && !node_is_null(keys)) {
		complain(r->l, keys->place, "'%s' takes a map of keys, not %s", row->name,
			 node_kind_name(keys));
		return;
	}
	if (keys && keys->kind == NODE_MAP && keys->n && !row->keys->key) {
		complain(r->l, keys->place, "'%s' takes no keys", row->name);
		return;
	}
	if (keys && keys->kind == NODE_MAP)
		value_read_map(r->l, row->keys, keys, &d);
	if (r->l->errors != errors)
		return;
	a->for_ms = d.for_ms;
	a->text = d.text;
	a->whom = (enum whom)d.whom;
	a->v4_len = d.v4_len;
	a->v6_len = d.v6_len;
	if (a->kind == ACTION_BAN) {
		take_scope(r, &d, keys, a);
		take_times(r, &d, keys, a);
	}
}

static int find_action(const char *word)
{
	for (int k = 0; k < ACTION_KINDS; k++)
		if (strcmp(schema_actions[k].name, word) == 0)
			return k;
	return -1;
}

static void unknown_action(struct loader *l, struct place where, const char *word)
{
	struct nearest near = { 0 };

	for (int k = 0; k < ACTION_KINDS; k++)
		nearest_try(&near, word, schema_actions[k].name);
	complain(l, where, "unknown action '%.80s'%s", word, loader_hint(l, near.name));
}

static void take_argv(const struct reading *r, const struct node *n, const char *what,
		      struct strings *ret)
{
	if (n && value_argv(r->l, n, what, ret))
		loader_template(r->l, r->caps, n, ret);
}

/* `ban: {...}`, or `run: [...]` with `undo: [...]` beside it. */
static bool take_map(const struct reading *r, const struct node *n, struct action *a)
{
	int kind = -1;

	for (size_t i = 0; i < n->n; i++) {
		const struct node *key = n->keys[i];

		if (strcmp(key->text, "undo") == 0)
			continue;
		if (kind >= 0) {
			complain(r->l, key->place, "one item is one action: begin a new one with '- %.40s:'",
				 key->text);
			return false;
		}
		kind = find_action(key->text);
		if (kind < 0) {
			unknown_action(r->l, key->place, key->text);
			return false;
		}
		a->place = key->place;
	}
	if (kind < 0 || (kind != ACTION_RUN && node_get(n, "undo"))) {
		complain(r->l, n->place, kind < 0 ? "an action is missing" : "'undo' goes with 'run'");
		return false;
	}
	a->kind = (enum action_kind)kind;
	if (kind == ACTION_RUN) {
		take_argv(r, node_get(n, "run"), "'run'", &a->argv);
		take_argv(r, node_get(n, "undo"), "'undo'", &a->undo);
	} else {
		take_keys(r, node_get(n, schema_actions[kind].name), a);
	}
	return true;
}

static bool take_word(const struct reading *r, const struct node *n, struct action *a)
{
	const char *word = value_scalar(r->l, n, "an item of 'then'");
	int kind = word ? find_action(word) : -1;

	if (word && kind < 0)
		unknown_action(r->l, n->place, word);
	if (kind == ACTION_RUN)
		complain(r->l, n->place, "'run' needs a list of words: 'run: [program, word, ...]'");
	if (kind < 0 || kind == ACTION_RUN)
		return false;
	a->kind = (enum action_kind)kind;
	take_keys(r, NULL, a);
	return true;
}

static void take_action(const struct reading *r, const struct node *n, struct action *a)
{
	unsigned errors = r->l->errors;
	bool taken;

	a->place = n->place;
	if (n->kind == NODE_LIST) {
		complain(r->l, n->place, "an action is a word or a map, not a list");
		return;
	}
	taken = n->kind == NODE_MAP ? take_map(r, n, a) : take_word(r, n, a);
	if (taken && r->l->errors == errors)
		check_subject(r, a->place, a);
}

void loader_then(struct loader *l, const struct node *then, const struct captures *caps,
		 struct jail *j)
{
	const struct reading r = { l, caps, j };
	struct node *self = (struct node *)then;
	bool list = then->kind == NODE_LIST;
	size_t n = list ? then->n : 1;

	if (n > ACTIONS_MAX) {
		complain(l, then->place, "'then' has more than %d actions", ACTIONS_MAX);
		return;
	}
	j->then = arena_array(l->arena, n, sizeof(*j->then));
	for (size_t i = 0; i < n; i++)
		take_action(&r, list ? then->items[i] : self, &j->then[j->nthen++]);
}
