/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bailiff.yaml names for jails and people to refer to: ports, logs,
 * addresses, operators, owners.
 */
#include <ctype.h>

#include "base/addr.h"
#include "config/account.h"
#include "config/loader.h"
#include "config/nearest.h"

#define NAME_MAX_LEN 32
#define LOGS_MAX 256
#define SCOPES_MAX 64
#define PORTS_MAX 256

static const struct node *built_in(struct loader *l, const char *yaml)
{
	const struct node *root = NULL;
	struct tree_error error;

	tree_parse(l->arena, "(built-in)", span_of(yaml), &root, &error);
	return root;
}

/* `what` a map? Says so if not. Nothing there is an empty one. */
static bool is_map(struct loader *l, const struct node *n, const char *key, const char *of)
{
	if (n && n->kind != NODE_MAP)
		complain(l, n->place, "'%s' takes a map of %s, not %s", key, of, node_kind_name(n));
	return n && n->kind == NODE_MAP;
}

/* ---- scopes ---- */

static void read_port(struct loader *l, const struct node *n, struct scope *s)
{
	unsigned errors = l->errors;
	uint16_t port = 0;

	value_read(l, &schema_port_row, n, &port);
	if (l->errors != errors)
		return;
	for (size_t i = 0; i < s->nports; i++)
		if (s->ports[i] == port) {
			complain(l, n->place, "port %u is here twice", port);
			return;
		}
	s->ports[s->nports++] = port;
}

static void read_ports(struct loader *l, const char *scope, const struct node *n, struct scope *s)
{
	size_t count = n->kind == NODE_LIST ? n->n : 1;

	if (n->kind == NODE_MAP || node_is_null(n) || count == 0 || count > PORTS_MAX) {
		complain(l, n->place, "the scope '%s' takes a list of 1 to %d ports", scope, PORTS_MAX);
		return;
	}
	s->ports = arena_array(l->arena, count, sizeof(*s->ports));
	for (size_t i = 0; i < count; i++)
		read_port(l, n->kind == NODE_LIST ? n->items[i] : n, s);
}

/* One with a bad port is there all the same: what refers to it is not wrong, too. */
static void read_scope(struct loader *l, const struct node *key, const struct node *n)
{
	struct config *c = l->config;
	struct scope s = { 0 };

	if (!value_name(l, key, "a scope's name", NAME_MAX_LEN))
		return;
	if (strcmp(key->text, "all") == 0) {
		complain(l, key->place, "the scope 'all' is all ports and cannot be changed");
		return;
	}
	s.name = arena_strdup(l->arena, key->text);
	read_ports(l, key->text, n, &s);
	if (c->nscopes == SCOPES_MAX)
		complain(l, key->place, "more than %d scopes", SCOPES_MAX);
	else
		*(struct scope *)arena_push(l->arena, &c->scopes, &c->nscopes, sizeof(s)) = s;
}

void loader_scopes(struct loader *l, const struct node *scopes)
{
	const struct node *all = built_in(l, schema_default_scopes);
	struct config *c = l->config;
	struct scope *first = arena_push(l->arena, &c->scopes, &c->nscopes, sizeof(*first));

	first->name = arena_strdup(l->arena, "all");
	first->ports = arena_array(l->arena, 0, sizeof(*first->ports));
	if (is_map(l, scopes, "scopes", "lists of ports"))
		all = node_merge(l->arena, all, scopes);
	for (size_t i = 0; i < all->n; i++)
		read_scope(l, all->keys[i], all->items[i]);
}

/* ---- logs ---- */

static bool has_source(const struct node *n)
{
	return node_get(n, "files") || node_get(n, "journal") || node_get(n, "command");
}

/*
 * An admin who names sources means these and no others: a private log file
 * must not turn into the host's journal because the file is not there yet.
 */
static const struct node *merge_log(struct loader *l, const struct node *base,
				    const struct node *over)
{
	if (base && over->kind == NODE_MAP && has_source(over)) {
		base = node_without(l->arena, base, "files");
		base = node_without(l->arena, base, "journal");
		base = node_without(l->arena, base, "command");
		base = node_without(l->arena, base, "prefer");
		if (!node_get(over, "command")) {
			base = node_without(l->arena, base, "interval");
			base = node_without(l->arena, base, "skip_idle");
			base = node_without(l->arena, base, "form");
		}
	}
	return base && !node_is_null(over) ? node_merge(l->arena, base, over) : base ? base : over;
}

static const char *prefer_name(enum prefer p)
{
	return p == PREFER_FILES ? "files" : p == PREFER_JOURNAL ? "journal" : "command";
}

static void choose_source(struct loader *l, const struct node *n, const struct node *key,
			  struct log_conf *c)
{
	const bool has[] = {
		[PREFER_FILES] = c->has_files, [PREFER_JOURNAL] = c->has_journal,
		[PREFER_COMMAND] = c->has_command,
	};

	if (!node_get(n, "prefer"))
		c->prefer = c->has_journal ? PREFER_JOURNAL : c->has_files ? PREFER_FILES : PREFER_COMMAND;
	if (!c->has_files && !c->has_journal && !c->has_command)
		complain(l, key->place, "the log '%s' has no source: set files, journal or command",
			 key->text);
	else if (!has[c->prefer])
		complain(l, node_get(n, "prefer")->place, "the log '%s' prefers %s but has none",
			 key->text, prefer_name(c->prefer));
	if (c->interval_ms && !c->has_command)
		complain(l, node_get(n, "interval")->place, "'interval' goes with 'command'");
	if (c->skip_idle && !(c->has_command && c->interval_ms))
		complain(l, node_get(n, "skip_idle")->place, "'skip_idle' goes with 'command' and 'interval'");
	if (c->form != FORM_LINES && !(c->has_command && c->interval_ms))
		complain(l, node_get(n, "form")->place, "'form: queue' goes with 'command' and 'interval'");
}

static void log_scope(struct loader *l, const struct log_draft *d, const struct node *n,
		      struct log_conf *c)
{
	struct nearest near = { 0 };
	int scope;

	if (!d->scope)
		return;
	scope = config_scope(l->config, d->scope);
	c->has_scope = scope >= 0;
	c->scope = (uint16_t)(scope < 0 ? 0 : scope);
	for (size_t i = 0; i < l->config->nscopes; i++)
		nearest_try(&near, d->scope, l->config->scopes[i].name);
	if (scope < 0)
		complain(l, node_get(n, "scope")->place, "no scope named '%.80s'%s", d->scope,
			 loader_hint(l, near.name));
}

static bool there(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && !(node_is_null(n) && strcmp(key, "journal") != 0);
}

/* One that nobody set has no place (line 0): its place is in our own text. */
static void read_log(struct loader *l, const struct node *key, const struct node *n, bool set)
{
	struct config *conf = l->config;
	struct log_draft d = { 0 };
	struct log_conf *c = &d.conf;
	unsigned errors = l->errors;

	if (!value_name(l, key, "a log's name", NAME_MAX_LEN))
		return;
	if (strcmp(key->text, "verdicts") == 0)
		complain(l, key->place, "the log 'verdicts' is bailiff's own");
	if (n->kind != NODE_MAP) {
		complain(l, n->place, "the log '%s' takes a map of keys, not %s", key->text,
			 node_kind_name(n));
		return;
	}
	value_defaults(l, schema_log_keys, &d);
	value_read_map(l, schema_log_keys, n, &d);
	if (l->errors != errors)
		return;
	c->name = arena_strdup(l->arena, key->text);
	if (!c->timezone)
		c->timezone = conf->timezone;
	if (set)
		c->place = key->place;
	c->has_files = there(n, "files") && c->files.n;
	c->has_journal = there(n, "journal");
	c->has_command = c->command.n;
	if (c->has_journal && !c->units.v)
		c->units.v = arena_array(l->arena, 0, sizeof(char *));
	choose_source(l, n, key, c);
	log_scope(l, &d, n, c);
	if (!c->time_find != !c->time_format)
		complain(l, node_get(n, "time")->place, "'time' needs both 'find' and 'format'");
	if (conf->nlogs == LOGS_MAX)
		complain(l, key->place, "more than %d logs", LOGS_MAX);
	else
		*(struct log_conf *)arena_push(l->arena, &conf->logs, &conf->nlogs, sizeof(*c)) = *c;
}

void loader_logs(struct loader *l, const struct node *logs)
{
	const struct node *base = built_in(l, schema_default_logs);
	const struct node *all = base;

	if (is_map(l, logs, "logs", "logs"))
		all = node_merge(l->arena, base, logs);
	for (size_t i = 0; i < all->n; i++) {
		const struct node *key = all->keys[i];
		const struct node *own = logs ? node_get(logs, key->text) : NULL;
		const struct node *n = all->items[i];

		if (own)
			n = merge_log(l, node_get(base, key->text), own);
		read_log(l, key, n, own != NULL);
	}
}

/* ---- allow ---- */

/* RFC 1123 2.1, and a letter somewhere: 300.1.1.1 is a slip and no name. */
static bool is_host_name(const char *s)
{
	size_t n = strlen(s), label = 0;
	bool letter = false;

	if (n == 0 || n > 253)
		return false;
	for (; *s; s++) {
		letter |= isalpha((unsigned char)*s) != 0;
		if (*s == '.') {
			if (label == 0 || s[-1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*s) && *s != '_' && (*s != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return letter && s[-1] != '-';
}

static void read_allow(struct loader *l, const struct node *n)
{
	const char *text = value_scalar(l, n, "'allow'");
	struct config *c = l->config;
	struct allow one = { .place = n->place };

	if (!text)
		return;
	if (addr_parse(span_of(text), &one.addr) < 0) {
		one.addr = (struct addr){ 0 };
		if (!is_host_name(text)) {
			complain(l, n->place, "'%.80s' is no address, prefix or host name", text);
			return;
		}
		one.name = arena_strdup(l->arena, text);
	} else if (one.addr.len == 0) {
		loader_warn(l, n->place, "'%s' allows everybody: no ban will hold", text);
	}
	*(struct allow *)arena_push(l->arena, &c->allow, &c->nallow, sizeof(one)) = one;
}

void loader_allow(struct loader *l, const struct node *allow)
{
	if (allow && allow->kind == NODE_MAP) {
		complain(l, allow->place, "'allow' takes a list of addresses, prefixes and host names, "
			 "not a map");
		return;
	}
	for (size_t i = 0; allow && allow->kind == NODE_LIST && i < allow->n; i++)
		read_allow(l, allow->items[i]);
	if (allow && allow->kind == NODE_SCALAR)
		read_allow(l, allow);
}

/* ---- operators ---- */

/* Names as useradd(8) takes them, a group behind an @. */
static bool is_user_name(const char *s)
{
	size_t n;

	s += *s == '@';
	n = strlen(s);
	return n && n <= 32 && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-$") == n;
}

void loader_operators(struct loader *l, const struct node *operators)
{
	struct config *c = l->config;

	if (!is_map(l, operators, "operators", "users and '@group's to read, ban or all"))
		return;
	for (size_t i = 0; i < operators->n; i++) {
		const struct node *key = operators->keys[i];
		struct setting row = schema_operator_row;
		struct operator_conf one = { 0 };
		unsigned errors = l->errors;

		if (!is_user_name(key->text)) {
			complain(l, key->place, "'%.80s' is no user and no '@group'", key->text);
			continue;
		}
		row.key = key->text;
		value_read(l, &row, operators->items[i], &one.right);
		if (l->errors != errors)
			continue;
		one.who = arena_strdup(l->arena, key->text);
		*(struct operator_conf *)arena_push(l->arena, &c->operators, &c->noperators,
						    sizeof(one)) = one;
	}
}

/* ---- contacts ---- */

void loader_contacts(struct loader *l, const struct node *contacts)
{
	struct config *c = l->config;

	if (!is_map(l, contacts, "contacts", "accounts to how their owner is reached"))
		return;
	for (size_t i = 0; i < contacts->n; i++) {
		const struct node *key = contacts->keys[i];
		const char *text = value_scalar(l, contacts->items[i], "a contact");
		struct contact one = { 0 };
		char name[512];

		if (!text)
			continue;
		if (account_canonical(&c->accounts, span_of(key->text), name, sizeof(name)) < 0) {
			complain(l, key->place, "'%.80s' is no account's name", key->text);
			continue;
		}
		one.account = arena_strdup(l->arena, name);
		one.text = arena_strdup(l->arena, text);
		*(struct contact *)arena_push(l->arena, &c->contacts, &c->ncontacts, sizeof(one)) = one;
	}
}
