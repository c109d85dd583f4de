/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a pack to a configuration: bailiff.yaml first, since logs and scopes
 * are what jails refer to, then the jails. Nothing here depends on the host:
 * both sides get the same from the same pack.
 */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/fields.h"
#include "config/loader.h"
#include "config/nearest.h"
#include "config/words.h"

struct loaded {
	struct config config;	/* first: what config_free() gets */
	struct arena arena;
};

void complain(struct loader *l, struct place where, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complaints_add(l->bad, where, l->jail, false, "%s", text);
	l->errors++;
}

void loader_warn(struct loader *l, struct place where, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complaints_add(l->bad, where, l->jail, true, "%s", text);
}

static void load_fields(struct loader *l)
{
	struct config *c = l->config;

	for (const struct field *f = config_field_table; f->name; f++)
		*(struct field *)arena_push(l->arena, &c->fields, &c->nfields, sizeof(*f)) = *f;
}

/* A name that goes into the kernel: letters first, as nft(8) writes it. */
static void check_table(struct loader *l, const struct node *root)
{
	const struct node *n = node_get(root, "table");
	const char *name = l->config->table;
	size_t len = strlen(name);

	if (len == 0 || len > 32 || strchr("0123456789-", *name) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != len)
		complain(l, n->place, "'table' is made of letters, digits, '_' and '-', a letter "
			 "first, at most 32 of them, not '%.80s'", name);
}

/* The words of an account's command know the account, and nothing else. */
static void check_account_argv(struct loader *l, const struct node *n, const struct strings *words)
{
	struct captures caps = { .n = l->config->nfields };
	bool named = false;

	caps.has = arena_array(l->arena, caps.n, sizeof(bool));
	caps.has[config_field(l->config, SPAN_LIT("user"))] = true;
	loader_template(l, &caps, n, words);
	for (size_t i = 0; i < words->n; i++)
		named |= strstr(words->v[i], "<user>") != NULL;
	if (!named)
		complain(l, n->place, "no word here is or holds <user>: whose account is it?");
}

static void check_accounts(struct loader *l, const struct node *root)
{
	const struct accounts *a = &l->config->accounts;
	const struct node *accounts = node_get(root, "accounts");
	const struct node *lock = node_get(accounts, "lock"), *unlock = node_get(accounts, "unlock");

	if (a->lock.n)
		check_account_argv(l, lock, &a->lock);
	if (a->unlock.n)
		check_account_argv(l, unlock, &a->unlock);
	if (a->force_change.n && !(a->force_change.n == 1 && strcmp(a->force_change.v[0], "chage") == 0))
		check_account_argv(l, node_get(accounts, "force_change"), &a->force_change);
	if (!lock != !unlock)
		complain(l, lock ? lock->place : unlock->place,
			 "'lock' and 'unlock' go together: what is locked must be unlocked again");
}

/* Words that know what they are about, and no captures of a jail. */
static void check_words(struct loader *l, const struct node *n, const struct strings *words,
			const struct word_value *known)
{
	const char *names = "";

	for (const struct word_value *v = known; v->name; v++)
		names = arena_printf(l->arena, "%s%s<%s>", names, v == known ? "" : ", ", v->name);
	for (size_t i = 0; i < words->n; i++) {
		struct span bad = words_unknown(words->v[i], known);

		if (bad.n > 0)
			complain(l, n->kind == NODE_LIST && i < n->n ? n->items[i]->place : n->place,
				 "there is no <%.*s> here, only %s", (int)(bad.n < 60 ? bad.n : 60), bad.p, names);
	}
}

#define LEFTOVERS_MAX 12

/* "~/x", or a path in which the account's name stands; none that goes upwards. */
static bool is_leftover(const char *s)
{
	const char *name = strchr(s, '<');
	bool up = strstr(s, "/../") || (strlen(s) >= 3 && strcmp(s + strlen(s) - 3, "/..") == 0);

	return !up && ((strncmp(s, "~/", 2) == 0 && s[2]) || (s[0] == '/' && name && name > s + 1));
}

static void check_leftovers(struct loader *l, const struct node *root)
{
	static const struct word_value known[] = {
		{ "user", NULL }, { "local", NULL }, { "domain", NULL }, { NULL, NULL },
	};
	const struct node *n = node_get(node_get(root, "accounts"), "leftovers");
	const struct strings *paths = &l->config->accounts.leftovers;

	if (!n)
		return;
	check_words(l, n, paths, known);
	if (paths->n > LEFTOVERS_MAX)
		complain(l, n->place, "more than %d 'leftovers'", LEFTOVERS_MAX);
	for (size_t i = 0; i < paths->n; i++)
		if (!is_leftover(paths->v[i]))
			complain(l, n->kind == NODE_LIST ? n->items[i]->place : n->place,
				 "'leftovers' takes paths as ~/x or /dir/<local>/x, not '%.80s'", paths->v[i]);
}

static void check_notify(struct loader *l, const struct node *root)
{
	static const struct word_value known[] = {
		{ "subject", NULL }, { "incident", NULL }, { "user", NULL }, { "host", NULL }, { NULL, NULL },
	};
	const struct strings *run = &l->config->notify.run;

	if (run->n)
		check_words(l, node_get(node_get(root, "notify"), "run"), run, known);
}

/* What of the directories of jails was not read: an error of ours where bailiff.yaml names one. */
static void check_dirs(struct loader *l, const struct pack *p, const struct node *root)
{
	const struct node *dirs = node_get(root, "jail_dirs");
	const struct strings *names = &l->config->jail_dirs;

	for (size_t i = 0; i < pack_count(p); i++) {
		const struct pack_file *f = pack_get(p, i);
		bool ours = false;

		if (f->role == PACK_PASSED_OVER)
			loader_warn(l, (struct place){ f->path, 0, 0 }, "is not read: the name of a jail's file ends in .yaml");
		if (f->role != PACK_DIR || !f->error)
			continue;
		for (size_t k = 0; dirs && k < names->n; k++) {
			if (strcmp(names->v[k], f->path) != 0)
				continue;
			ours = true;
			complain(l, dirs->kind == NODE_LIST ? dirs->items[k]->place : dirs->place,
				 "cannot read the directory %s: %s", f->path, strerror(-f->error));
		}
		if (!ours)
			loader_warn(l, (struct place){ f->path, 0, 0 }, "cannot read the directory: %s",
			     strerror(-f->error));
	}
}

static const struct pack_file *main_file(const struct pack *p)
{
	for (size_t i = 0; i < pack_count(p); i++)
		if (pack_get(p, i)->role == PACK_MAIN)
			return pack_get(p, i);
	return NULL;
}

static int load_main(struct loader *l, const struct pack *p, const struct node **ret_jails)
{
	const struct pack_file *f = main_file(p);
	struct main_draft *d = arena_alloc(l->arena, sizeof(*d));
	const struct node *root;
	struct tree_error error;

	if (!f)
		return -EINVAL;
	if (tree_parse(l->arena, arena_strdup(l->arena, f->path), f->text, &root, &error) < 0) {
		complain(l, error.place, "%s", error.text);
		return -EINVAL;
	}
	if (root->kind != NODE_MAP) {
		complain(l, root->place, "a configuration is a map of keys, not %s", node_kind_name(root));
		return -EINVAL;
	}
	value_defaults(l, schema_main_keys, d);
	value_read_map(l, schema_main_keys, root, d);
	*l->config = d->config;
	if (node_get(root, "timezone"))
		l->config->timezone_at = node_get(root, "timezone")->place;
	load_fields(l);
	loader_scopes(l, d->scopes);
	loader_logs(l, d->logs);
	loader_allow(l, d->allow);
	loader_operators(l, d->operators);
	loader_contacts(l, d->contacts);
	loader_classes(l, p, d->classes);
	check_table(l, root);
	check_accounts(l, root);
	check_leftovers(l, root);
	check_notify(l, root);
	check_dirs(l, p, root);
	*ret_jails = d->jails;
	return l->errors ? -EINVAL : 0;
}

int config_load(const struct pack *p, struct complaints *bad,
		struct config **ret)
{
	struct loaded *d = calloc(1, sizeof(*d));
	struct loader l = { .bad = bad };
	const struct node *jails = NULL;
	struct config *c;
	int err;

	if (!d)
		return -ENOMEM;
	if (setjmp(d->arena.oom)) {
		c = &d->config;
		config_free(&c);
		return -ENOMEM;
	}
	l.config = c = &d->config;
	l.arena = &d->arena;
	l.base = pack_base(p);
	err = load_main(&l, p, &jails);
	if (!err)
		err = loader_jails(&l, p, jails);
	arena_end_brief(&d->arena);
	if (err)
		config_free(&c);
	else
		*ret = c;
	return err;
}

void config_free(struct config **c)
{
	struct loaded *d = (struct loaded *)*c;

	if (!d)
		return;
	arena_free(&d->arena);
	free(d);
	*c = NULL;
}

/* ---- lookups ---- */

const struct jail *config_jail(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->njails; i++)
		if (strcmp(c->jails[i].name, name) == 0)
			return &c->jails[i];
	return NULL;
}

const char *config_jail_near(const struct config *c, const char *typed)
{
	struct nearest near = { 0 };

	for (size_t i = 0; i < c->njails; i++)
		nearest_try(&near, typed, c->jails[i].name);
	return near.name;
}

int config_field(const struct config *c, struct span name)
{
	for (size_t i = 0; i < c->nfields; i++)
		if (span_eq(span_of(c->fields[i].name), name))
			return (int)i;
	return -1;
}

int config_scope(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nscopes; i++)
		if (strcmp(c->scopes[i].name, name) == 0)
			return (int)i;
	return -1;
}

int config_log(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nlogs; i++)
		if (strcmp(c->logs[i].name, name) == 0)
			return (int)i;
	return -1;
}

const struct class_limit *config_class_limit(const struct class *c, uint16_t jail)
{
	for (size_t i = 0; c && i < c->nlimits; i++)
		if (c->limits[i].jail == jail)
			return &c->limits[i];
	return NULL;
}
