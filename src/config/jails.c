/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which jails there are, which file each comes from, and what bailiff.yaml
 * sets for it. Its keys are laid upon the jail's own tree before anything is
 * read, so that a merged value is checked like any other and complained of at
 * its own place. A jail that is wrong is left out; the others go on.
 */
#include <errno.h>
#include <stdlib.h>

#include "config/loader.h"
#include "config/nearest.h"

#define JAILS_MAX 4096

struct source {
	const char *name;
	const struct pack_file *file;
	const struct pack_file *twin;	/* another file of the same name and role */
	const struct node *settings;	/* NODE_MAP, or NULL */
	bool named;			/* in bailiff.yaml */
	enum jail_mode mode;		/* named: what it says */
	bool bad;			/* ... which is wrong */
};

struct sources {
	size_t n;
	struct source *v;
	bool automatic;
};

static const char *name_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = strlen(base);

	if (n > 5 && strcmp(base + n - 5, ".yaml") == 0)
		n -= 5;
	return arena_span(a, (struct span){ base, n });
}

static struct source *find(const struct sources *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

/* An admin's file replaces a shipped one; two of a kind are one too many. */
static void add(struct loader *l, struct sources *s, const struct pack_file *f)
{
	const char *name = name_of(l->arena, f->path);
	struct source *one = find(s, name);

	if (!one) {
		one = arena_push(l->arena, &s->v, &s->n, sizeof(*one));
		one->name = name;
		one->file = f;
	} else if (one->file->role == f->role) {
		one->twin = f;
	} else if (f->role == PACK_JAIL_ADMIN) {
		one->file = f;
		one->twin = NULL;
	}
}

static void collect(struct loader *l, const struct pack *p, struct sources *s)
{
	for (size_t i = 0; i < pack_count(p); i++) {
		const struct pack_file *f = pack_get(p, i);

		if (f->role == PACK_JAIL_SHIPPED || f->role == PACK_JAIL_ADMIN)
			add(l, s, f);
	}
}

/* ---- `jails:` ---- */

/* `NAME: WORD` is its mode, `NAME: {...}` keys of its own; named, it is on. */
static void take_setting(struct loader *l, struct source *s, const struct node *value)
{
	struct setting row = schema_mode_row;
	unsigned errors = l->errors;

	s->named = true;
	s->mode = MODE_ON;
	if (value->kind == NODE_MAP) {
		s->settings = value;
		return;
	}
	l->jail = s->name;
	row.key = s->name;
	value_read(l, &row, value, &s->mode);
	l->jail = NULL;
	s->bad = l->errors != errors;
	l->errors = errors;
}

static void no_such_jail(struct loader *l, const struct sources *s, const struct node *key)
{
	struct nearest near = { 0 };

	nearest_try(&near, key->text, "auto");
	for (size_t i = 0; i < s->n; i++)
		nearest_try(&near, key->text, s->v[i].name);
	complain(l, key->place, "no jail named '%.80s'%s", key->text, loader_hint(l, near.name));
}

static void take_settings(struct loader *l, const struct node *jails, struct sources *s)
{
	s->automatic = true;
	if (jails && jails->kind != NODE_MAP)
		complain(l, jails->place, "'jails' takes a map of jails, not %s", node_kind_name(jails));
	for (size_t i = 0; jails && jails->kind == NODE_MAP && i < jails->n; i++) {
		const struct node *key = jails->keys[i];
		struct source *one = find(s, key->text);

		if (strcmp(key->text, "auto") == 0)
			value_read(l, &schema_auto_row, jails->items[i], &s->automatic);
		else if (one)
			take_setting(l, one, jails->items[i]);
		else
			no_such_jail(l, s, key);
	}
}

/* ---- one jail ---- */

static bool name_is_good(struct loader *l, const struct source *s, struct place top)
{
	static const char *const reserved[] = { "auto", "all", "verdicts" };
	const struct node name = { .kind = NODE_SCALAR, .text = s->name, .place = top };

	if (!value_name(l, &name, "a jail's name, which is its file's,", 63))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(s->name, reserved[i]) == 0) {
			complain(l, top, "'%s' is reserved and can be no jail's name", s->name);
			return false;
		}
	return true;
}

static bool read_tree(struct loader *l, const struct source *s, struct place top,
		      const struct node **ret)
{
	struct tree_error error;

	if (s->file->error) {
		complain(l, (struct place){ top.file, 0, 0 }, "cannot read it: %s",
			 strerror(-s->file->error));
		return false;
	}
	if (s->twin) {
		complain(l, top, "duplicate jail '%s', it is also in %s", s->name, s->twin->path);
		return false;
	}
	if (tree_parse(l->arena, top.file, s->file->text, ret, &error) < 0) {
		complain(l, error.place, "%s", error.text);
		return false;
	}
	if ((*ret)->kind != NODE_MAP) {
		complain(l, (*ret)->place, "a jail is a map of keys, not %s", node_kind_name(*ret));
		return false;
	}
	return true;
}

/* The jail's tests without those that want a verdict. */
static const struct node *single_line_tests(struct loader *l, const struct node *map)
{
	const struct node *all = node_get(map, "tests");
	struct node *tests = arena_brief_alloc(l->arena, sizeof(*tests));
	struct node *over = arena_brief_alloc(l->arena, sizeof(*over));

	if (!all || all->kind != NODE_LIST)
		return map;
	*tests = *all;
	tests->n = 0;
	tests->items = arena_brief_array(l->arena, all->n, sizeof(*tests->items));
	for (size_t i = 0; i < all->n; i++)
		if (!node_get(all->items[i], "verdict"))
			tests->items[tests->n++] = all->items[i];
	*over = (struct node){ .kind = NODE_MAP, .n = 1 };
	over->keys = arena_brief_array(l->arena, 1, sizeof(*over->keys));
	over->items = arena_brief_array(l->arena, 1, sizeof(*over->items));
	over->keys[0] = (struct node *)node_key(map, "tests");
	over->items[0] = tests;
	return node_merge(l->arena, map, over);
}

static bool sets_any(const struct node *settings, const char *const *keys)
{
	for (; *keys; keys++)
		if (node_get(settings, *keys))
			return true;
	return false;
}

/* What says which lines are hits, and what says which hits count, and how much. */
static const char *const hit_keys[] = { "match", "ignore", "prefix", "program", NULL };
static const char *const verdict_keys[] = { "limit", "thread", "country", "known_good", "foreign_sender",
					    "successes", "score", "again", NULL };

/* The jail's own tests are for its own patterns, and their verdicts for its own limit. */
static const struct node *merge(struct loader *l, const struct source *s, const struct node *own,
				bool *match_replaced)
{
	if (!s->settings)
		return own;
	*match_replaced = node_get(s->settings, "match");
	if (sets_any(s->settings, hit_keys))
		own = node_without(l->arena, own, "tests");
	else if (sets_any(s->settings, verdict_keys))
		own = single_line_tests(l, own);
	return node_merge(l->arena, own, s->settings);
}

/* Named: as bailiff.yaml says. Not named: shipped ones start by themselves, or not at all. */
static void set_mode(const struct sources *all, const struct source *s, struct jail *j)
{
	j->shipped = s->file->role == PACK_JAIL_SHIPPED;
	j->mode_set = s->named;
	if (s->named && !node_get(s->settings, "mode"))
		j->mode = s->mode;
	else if (!s->named && j->shipped && !all->automatic)
		j->mode = MODE_OFF;
	j->automatic = !s->named && j->shipped && all->automatic;
}

static bool load_one(struct loader *l, const struct sources *all, const struct source *s,
		     struct jail *ret)
{
	struct place top = { arena_strdup(l->arena, s->file->path), 1, 1 };
	const struct node *own, *map;
	bool match_replaced = false;

	if (s->bad || !name_is_good(l, s, top) || !read_tree(l, s, top, &own))
		return false;
	map = merge(l, s, own, &match_replaced);
	if (!loader_jail(l, s->name, map, ret))
		return false;
	ret->place = top;
	ret->match_replaced = match_replaced;
	set_mode(all, s, ret);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct jail *)a)->name, ((const struct jail *)b)->name);
}

/* What jails say of others, and classes of jails, when all are there. */
static int check_names(struct loader *l, const struct sources *all)
{
	struct strings names = { all->n, arena_array(l->arena, all->n, sizeof(char *)) };
	unsigned errors;

	for (size_t i = 0; i < all->n; i++)
		names.v[i] = (char *)all->v[i].name;
	loader_scores(l, &names);
	errors = l->errors;
	loader_class_limits(l, &names);
	return l->errors == errors ? 0 : -EINVAL;
}

int loader_jails(struct loader *l, const struct pack *p, const struct node *jails)
{
	struct config *c = l->config;
	struct sources all = { 0 };

	collect(l, p, &all);
	take_settings(l, jails, &all);
	if (l->errors)
		return -EINVAL;
	c->auto_jails = all.automatic;
	for (size_t i = 0; i < all.n; i++) {
		struct place top = { all.v[i].file->path, 1, 1 };
		size_t nfields = c->nfields;
		struct jail one = { 0 };

		l->jail = all.v[i].name;
		if (c->njails == JAILS_MAX)
			complain(l, top, "more than %d jails", JAILS_MAX);
		else if (load_one(l, &all, &all.v[i], &one))
			*(struct jail *)arena_push(l->arena, &c->jails, &c->njails, sizeof(one)) = one;
		else
			c->nfields = nfields;	/* its own captures go with it */
		l->jail = NULL;
	}
	if (c->njails)
		qsort(c->jails, c->njails, sizeof(*c->jails), by_name);
	return check_names(l, &all);
}
