/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `classes:`: accounts and networks for which jails are different. A member is
 * a network, an account (kept in the form in which accounts are counted) or a
 * glob of such; it comes from the list or, a line each, from a file that is in
 * the pack. What a class says of jails' limits is looked at when the jails are
 * there.
 */
#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "base/addr.h"
#include "config/account.h"
#include "config/loader.h"
#include "config/nearest.h"

#define CLASSES_MAX 256
#define GLOBS_MAX 1000		/* in all: each costs a look at each hit */
#define NETWORKS_MAX 10000
#define NAMES_MAX 1000000
#define NAME_MAX_LEN 32

static void push(struct loader *l, struct strings *to, const char *text)
{
	*(char **)arena_push(l->arena, &to->v, &to->n, sizeof(char *)) = arena_strdup(l->arena, text);
}

/* A list of nodes, or one; what it has is given to `each`. */
static void each_item(struct loader *l, const struct node *n, struct class *c,
		      void (*each)(struct loader *l, const struct node *n, struct class *c))
{
	if (n && n->kind == NODE_LIST)
		for (size_t i = 0; i < n->n; i++)
			each(l, n->items[i], c);
	else if (n)
		each(l, n, c);
}

/* ---- members ---- */

static bool is_glob(const char *s)
{
	return strpbrk(s, "*?");
}

/* Bytes that may stand in a glob of accounts or senders; it is folded. */
static char *fold_glob(struct loader *l, const char *text)
{
	char *s = arena_strdup(l->arena, text);

	for (char *p = s; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == ',' || *p == '/')
			return NULL;
		*p = (char)tolower((unsigned char)*p);
	}
	return *s ? s : NULL;
}

/* 300.1.1.1 or 192.0.2.0/33 is a slip, and nobody's name. */
static bool looks_like_address(const char *s)
{
	return strchr(s, '/') || strspn(s, "0123456789.") == strlen(s) ||
	       (strchr(s, ':') && strspn(s, "0123456789abcdefABCDEF:.") == strlen(s));
}

static void add_member(struct loader *l, struct place where, const char *text, struct class *c)
{
	char name[512], *glob;
	struct addr a;

	if (addr_parse(span_of(text), &a) == 0) {
		if (c->nnetworks == NETWORKS_MAX)
			complain(l, where, "a class has at most %d networks", NETWORKS_MAX);
		else
			*(struct addr *)arena_push(l->arena, &c->networks, &c->nnetworks, sizeof(a)) = a;
		return;
	}
	if (!looks_like_address(text) && is_glob(text) && (glob = fold_glob(l, text))) {
		if (c->globs.n == GLOBS_MAX)
			complain(l, where, "a class has at most %d members with * or ?", GLOBS_MAX);
		else
			push(l, &c->globs, glob);
		return;
	}
	if (looks_like_address(text) || is_glob(text) ||
	    account_canonical(&l->config->accounts, span_of(text), name, sizeof(name)) < 0) {
		complain(l, where, "'%.80s' is no account, no glob of accounts and no network", text);
		return;
	}
	if (c->names.n == NAMES_MAX)
		complain(l, where, "a class has at most %d accounts", NAMES_MAX);
	else
		push(l, &c->names, name);
}

static const struct pack_file *list_of(const struct pack *p, const char *path)
{
	for (size_t i = 0; i < pack_count(p); i++) {
		const struct pack_file *f = pack_get(p, i);

		if (f->role == PACK_LIST && strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

/* One line of a file: a member, or nothing. */
static void take_line(struct loader *l, const char *path, unsigned number, struct span line, struct class *c)
{
	const char *hash = line.n ? memchr(line.p, '#', line.n) : NULL;
	size_t at = 0;

	if (hash)
		line.n = (size_t)(hash - line.p);
	while (at < line.n && isspace((unsigned char)line.p[at]))
		at++;
	while (line.n > at && isspace((unsigned char)line.p[line.n - 1]))
		line.n--;
	if (line.n == at)
		return;
	add_member(l, (struct place){ path, number, (unsigned)at + 1 },
		   arena_span(l->arena, (struct span){ line.p + at, line.n - at }), c);
}

static void take_file(struct loader *l, const struct pack *p, const struct node *n, struct class *c)
{
	const struct pack_file *f = list_of(p, c->file);
	const char *path = arena_strdup(l->arena, c->file);
	struct span rest, line;
	unsigned number = 1;

	if (!f || f->error) {
		complain(l, n->place, "cannot read %s: %s", c->file, strerror(f ? -f->error : ENOENT));
		return;
	}
	for (rest = f->text; span_line(&rest, &line); number++)
		take_line(l, path, number, line, c);
}

/* ---- senders, home, pairs, ignore_asn ---- */

static void take_senders(struct loader *l, const struct node *map, struct class *c)
{
	const struct node *n = node_get(map, "senders");

	for (size_t i = 0; i < c->senders.n; i++) {
		char *glob = fold_glob(l, c->senders.v[i]);

		if (glob)
			c->senders.v[i] = glob;
		else
			complain(l, n->kind == NODE_LIST ? n->items[i]->place : n->place,
				 "'senders' takes addresses and globs of them ('*@brand.example'), not '%.80s'",
				 c->senders.v[i]);
	}
}

static void add_home(struct loader *l, const struct node *n, struct class *c)
{
	char *code;

	if (loader_country_code(l, n, "'home'", &code))
		push(l, &c->home, code);
}

static void add_pair(struct loader *l, const struct node *n, struct class *c)
{
	struct country_pair pair = { 0 };
	char *code;

	if (n->kind != NODE_LIST || n->n != 2) {
		complain(l, n->place, "'pairs' takes a list of pairs of countries: [[DE, CH], [DE, AT]]");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		if (!loader_country_code(l, n->items[i], "'pairs'", &code))
			return;
		memcpy(pair.v[i], code, 3);
	}
	if (strcmp(pair.v[0], pair.v[1]) == 0)
		complain(l, n->place, "a pair is of two countries, not %s twice", pair.v[0]);
	else
		*(struct country_pair *)arena_push(l->arena, &c->pairs, &c->npairs, sizeof(pair)) = pair;
}

static void add_asn(struct loader *l, const struct node *n, struct class *c)
{
	unsigned errors = l->errors;
	uint32_t asn = 0;

	value_read(l, &schema_asn_row, n, &asn);
	if (l->errors == errors)
		*(uint32_t *)arena_push(l->arena, &c->ignore_asn, &c->nignore_asn, sizeof(asn)) = asn;
}

/* ---- limits ---- */

static void add_limit(struct loader *l, const struct node *key, const struct node *n, struct class *c)
{
	struct class_limit one = { .name = arena_strdup(l->arena, key->text), .jail = CLASS_NO_JAIL,
				   .place = key->place };
	struct class_limit_draft d = { .over = -1 };
	unsigned errors = l->errors;

	if (n->kind == NODE_SCALAR && (strcasecmp(n->text, "off") == 0 || strcasecmp(n->text, "no") == 0)) {
		one.off = true;
	} else if (n->kind != NODE_MAP) {
		complain(l, n->place, "the limit of '%.80s' is off, or {count or over: N, alone: N}", key->text);
		return;
	} else {
		value_read_map(l, schema_class_limit_keys, n, &d);
		if (l->errors != errors)
			return;
		if (d.count && d.over >= 0)
			complain(l, n->place, "'count' and 'over' exclude each other");
		if (!d.count && d.over < 0 && !d.alone)
			complain(l, n->place, "nothing is set here: 'count', 'over' or 'alone'");
		one.has_amount = d.count || d.over >= 0;
		one.is_over = d.over >= 0;
		one.amount = d.count ? d.count : d.over >= 0 ? (uint64_t)d.over : 0;
		one.alone = (uint64_t)d.alone;
	}
	*(struct class_limit *)arena_push(l->arena, &c->limits, &c->nlimits, sizeof(one)) = one;
}

static void take_limits(struct loader *l, const struct node *n, struct class *c)
{
	if (n->kind != NODE_MAP) {
		complain(l, n->place, "'limits' takes a map of jails, not %s", node_kind_name(n));
		return;
	}
	for (size_t i = 0; i < n->n; i++)
		add_limit(l, n->keys[i], n->items[i], c);
}

/* ---- the whole ---- */

static void read_class(struct loader *l, const struct pack *p, const struct node *key, const struct node *n)
{
	struct config *conf = l->config;
	struct class_draft d = { .class.place = key->place };
	struct class *c = &d.class;
	const struct node *members = node_get(n, "members");
	unsigned errors = l->errors;

	if (!value_name(l, key, "a class's name", NAME_MAX_LEN))
		return;
	if (n->kind != NODE_MAP) {
		complain(l, n->place, "the class '%s' takes a map of keys, not %s", key->text, node_kind_name(n));
		return;
	}
	value_defaults(l, schema_class_keys, &d);
	value_read_map(l, schema_class_keys, n, &d);
	if (l->errors != errors)
		return;
	c->name = arena_strdup(l->arena, key->text);
	if (c->members.n == 0 && !c->file)
		complain(l, key->place, "the class '%s' has no 'members' and no 'file'", c->name);
	for (size_t i = 0; i < c->members.n; i++)
		add_member(l, members->kind == NODE_LIST ? members->items[i]->place : members->place,
			   c->members.v[i], c);
	if (c->file)
		take_file(l, p, node_get(n, "file"), c);
	take_senders(l, n, c);
	each_item(l, d.home, c, add_home);
	each_item(l, d.pairs, c, add_pair);
	each_item(l, d.ignore_asn, c, add_asn);
	if (d.limits)
		take_limits(l, d.limits, c);
	*(struct class *)arena_push(l->arena, &conf->classes, &conf->nclasses, sizeof(*c)) = *c;
}

void loader_classes(struct loader *l, const struct pack *p, const struct node *classes)
{
	if (!classes)
		return;
	if (classes->kind != NODE_MAP) {
		complain(l, classes->place, "'classes' takes a map of classes, not %s", node_kind_name(classes));
		return;
	}
	if (classes->n > CLASSES_MAX)
		complain(l, classes->place, "more than %d classes", CLASSES_MAX);
	for (size_t i = 0; i < classes->n && i < CLASSES_MAX; i++)
		read_class(l, p, classes->keys[i], classes->items[i]);
}

/* ---- when the jails are there ---- */

static bool is_over(enum limit_kind kind)
{
	return kind == LIMIT_SUM || kind == LIMIT_LEVEL;
}

static void check_limit(struct loader *l, const struct limit *of, const struct class_limit *cl)
{
	const char *key = is_over(of->kind) ? "over" : "count";
	uint64_t amount = cl->has_amount ? cl->amount : of->amount;
	uint64_t alone = cl->alone ? cl->alone : of->alone;

	if (cl->has_amount && cl->is_over != is_over(of->kind))
		complain(l, cl->place, "the limit of '%s' is by '%s', not by '%s'", cl->name, key,
			 cl->is_over ? "over" : "count");
	if (cl->alone && of->nwith == 0)
		complain(l, cl->place, "the limit of '%s' has no 'with', so nothing is 'alone'", cl->name);
	else if (alone && alone < amount)
		complain(l, cl->place, "'%s' is %llu here, and 'alone' is %llu: set 'alone', too", key,
			 (unsigned long long)amount, (unsigned long long)alone);
}

static void find_jail(struct loader *l, const struct strings *names, struct class_limit *cl)
{
	const struct jail *j = config_jail(l->config, cl->name);
	struct nearest near = { 0 };

	if (j) {
		cl->jail = (uint16_t)(j - l->config->jails);
		if (!cl->off)
			check_limit(l, &j->limit, cl);
		return;
	}
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], cl->name) == 0)
			return;
		nearest_try(&near, cl->name, names->v[i]);
	}
	complain(l, cl->place, "no jail named '%.80s'%s", cl->name, loader_hint(l, near.name));
}

void loader_class_limits(struct loader *l, const struct strings *names)
{
	for (size_t i = 0; i < l->config->nclasses; i++)
		for (size_t k = 0; k < l->config->classes[i].nlimits; k++)
			find_jail(l, names, &l->config->classes[i].limits[k]);
}
