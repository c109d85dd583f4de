/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One function for each type of value, from a node to a member of a draft,
 * and the loop that fills a draft from a map. Each says what it wanted and
 * what it got, and names the unit where one is missing.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config/databases.h"
#include "config/loader.h"
#include "config/nearest.h"

#define TEXT_MAX 4096
#define ITEMS_MAX 10000

/* "'key' " and so on: how a sentence about a setting begins. */
static const char *called(struct loader *l, const struct setting *s)
{
	return arena_printf(l->arena, "'%s'", s->key);
}

const char *loader_hint(struct loader *l, const char *nearest)
{
	return nearest ? arena_printf(l->arena, ", did you mean '%s'?", nearest) : "";
}

const char *value_scalar(struct loader *l, const struct node *n, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	if (n->kind == NODE_SCALAR && !node_is_null(n) && strlen(n->text) <= TEXT_MAX)
		return n->text;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (n->kind != NODE_SCALAR)
		complain(l, n->place, "%s takes one text, not %s", what, node_kind_name(n));
	else if (node_is_null(n))
		complain(l, n->place, "%s has no value", what);
	else
		complain(l, n->place, "%s is longer than %d bytes", what, TEXT_MAX);
	return NULL;
}

bool value_texts(struct loader *l, const struct node *n, const char *what, struct strings *ret)
{
	struct node *self = (struct node *)n;
	bool list = n->kind == NODE_LIST;
	size_t count = list ? n->n : 1;
	struct strings all;

	if (n->kind == NODE_MAP) {
		complain(l, n->place, "%s takes a text or a list of texts, not a map", what);
		return false;
	}
	if (node_is_null(n))
		count = 0;
	if (count > ITEMS_MAX) {
		complain(l, n->place, "%s has more than %d items", what, ITEMS_MAX);
		return false;
	}
	all = (struct strings){ count, arena_array(l->arena, count, sizeof(char *)) };
	for (size_t i = 0; i < count; i++) {
		const char *text = value_scalar(l, list ? n->items[i] : self, "%s", what);

		if (!text)
			return false;
		all.v[i] = arena_strdup(l->arena, text);
	}
	*ret = all;
	return true;
}

bool value_argv(struct loader *l, const struct node *n, const char *what, struct strings *ret)
{
	struct strings all;

	if (n->kind != NODE_LIST || n->n == 0) {
		complain(l, n->place,
			 "%s takes a list of words, the program first: [program, word, ...]", what);
		return false;
	}
	if (!value_texts(l, n, what, &all))
		return false;
	if (!*all.v[0] || strchr(all.v[0], '<')) {
		complain(l, n->items[0]->place, "%s needs the name of a program first", what);
		return false;
	}
	*ret = all;
	return true;
}

bool value_name(struct loader *l, const struct node *n, const char *what, size_t max)
{
	const char *s = value_scalar(l, n, "%s", what);
	bool good = s && isalnum((unsigned char)*s) && strlen(s) <= max;

	if (!s)
		return false;
	for (; good && *s; s++)
		good = isalnum((unsigned char)*s) || *s == '_' || *s == '-';
	if (!good)
		complain(l, n->place, "%s is made of letters, digits, '_' and '-', at most %zu of "
			 "them, not '%.80s'", what, max, n->text);
	return good;
}

/* ---- one function a type ---- */

typedef void read_fn(struct loader *l, const struct setting *s, const struct node *n, void *at);

static void read_text(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text = value_scalar(l, n, "'%s'", s->key);

	if (text)
		*(char **)at = arena_strdup(l->arena, text);
}

static void read_list(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	value_texts(l, n, called(l, s), at);
}

static void read_words(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	value_argv(l, n, called(l, s), at);
}

static char *absolute(struct loader *l, const char *path)
{
	if (*path == '/' || !l->base)
		return arena_strdup(l->arena, path);
	return arena_printf(l->arena, "%s/%s", strcmp(l->base, "/") ? l->base : "", path);
}

static void read_path(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text = value_scalar(l, n, "'%s'", s->key);

	if (text && !*text)
		complain(l, n->place, "'%s' takes a path, not an empty text", s->key);
	else if (text)
		*(char **)at = absolute(l, text);
}

static void read_paths(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	struct strings all;

	if (!value_texts(l, n, called(l, s), &all))
		return;
	for (size_t i = 0; i < all.n; i++) {
		if (!*all.v[i]) {
			complain(l, n->place, "'%s' takes paths, not an empty text", s->key);
			return;
		}
		all.v[i] = absolute(l, all.v[i]);
	}
	*(struct strings *)at = all;
}

/* The words for yes and no; -1: neither. In quotes they mean the same: programs write them so. */
static int bool_word(const struct node *n)
{
	static const struct { const char *word; int value; } words[] = {
		{ "yes", 1 }, { "on", 1 }, { "true", 1 }, { "no", 0 }, { "off", 0 }, { "false", 0 },
	};

	for (size_t i = 0; n->kind == NODE_SCALAR && i < 6; i++)
		if (strcasecmp(words[i].word, n->text) == 0)
			return words[i].value;
	return -1;
}

static void read_bool(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	int value = bool_word(n);

	if (value >= 0)
		*(bool *)at = value;
	else if (n->kind != NODE_SCALAR)
		complain(l, n->place, "'%s' takes yes or no, not %s", s->key, node_kind_name(n));
	else
		complain(l, n->place, "'%s' takes yes or no, not '%.80s'", s->key, n->text);
}

static void store(const struct setting *s, int64_t v, void *at)
{
	switch (s->width) {
	case 1:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)v;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)v;
		break;
	default:
		*(int64_t *)at = v;
	}
}

/* Decimal digits at *text into *ret, with *text after them; false: none, or too many. */
static bool digits(const char **text, int64_t *ret)
{
	int64_t v = 0;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text) {
		if (v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (**text - '0');
	}
	*ret = v;
	return true;
}

static const char *number_got(struct loader *l, const struct node *n)
{
	if (n->kind != NODE_SCALAR || node_is_null(n))
		return node_kind_name(n);
	return arena_printf(l->arena, n->plain ? "'%.80s'" : "the text '%.80s'", n->text);
}

static void read_number(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text = n->kind == NODE_SCALAR && n->plain ? n->text : "";
	int64_t v = 0, span;

	if (!digits(&text, &v) || *text) {
		bool is_span = *text && clock_parse_span(n->text, &span) == 0;

		complain(l, n->place, "'%s' takes a number%s, not %s", s->key,
			 is_span ? " without a unit" : "", number_got(l, n));
		return;
	}
	if (v < s->min || v > s->max)
		complain(l, n->place, "'%s' is between %lld and %lld, not %.80s", s->key,
			 (long long)s->min, (long long)s->max, n->text);
	else
		store(s, v, at);
}

/* "4096", "4K", "1G" into *ret; false: not one. */
static bool parse_bytes(const char *text, int64_t *ret)
{
	static const char units[] = "KMG";
	const char *unit;
	int shift = 0;
	int64_t v;

	if (!digits(&text, &v))
		return false;
	unit = *text ? strchr(units, toupper((unsigned char)*text)) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		text++;
	}
	if (*text)
		return false;
	*ret = v > INT64_MAX >> shift ? INT64_MAX : v << shift;
	return true;
}

static void read_bytes(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	int64_t v;

	if (n->kind != NODE_SCALAR || !n->plain || !parse_bytes(n->text, &v))
		complain(l, n->place, "'%s' takes a number, or one with K, M or G, not %s", s->key,
			 number_got(l, n));
	else if (v < s->min || v > s->max)
		complain(l, n->place, "'%s' is between %lld and %lld, not %.80s", s->key,
			 (long long)s->min, (long long)s->max, n->text);
	else
		store(s, v, at);
}

static void read_span(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text = value_scalar(l, n, "'%s'", s->key), *rest = text;
	char least[40], most[40];
	int64_t v = 0;
	int err;

	if (!text)
		return;
	if (s->min == 0 && s->def && (strcmp(text, "off") == 0 || strcmp(text, "no") == 0)) {
		store(s, 0, at);
		return;
	}
	if (digits(&rest, &v) && !*rest && v) {
		complain(l, n->place, "'%s' needs a unit: %ss, %sm, %sh or %sd, not %s", s->key,
			 text, text, text, text, text);
		return;
	}
	err = *text && !*rest ? 0 : clock_parse_span(text, &v);
	if (err == -EINVAL)
		complain(l, n->place, "'%s' takes a time such as 500ms, 90s, 10m, 1h30m, 1d or 2w, "
			 "not '%.80s'", s->key, text);
	else if (err || v < s->min || v > s->max)
		complain(l, n->place, "'%s' is between %s and %s, not %.80s", s->key,
			 clock_print_span(s->min, least, sizeof(least)),
			 clock_print_span(s->max, most, sizeof(most)), text);
	else
		store(s, v, at);
}

static void read_factor(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text = n->kind == NODE_SCALAR && n->plain ? n->text : "";
	double v;
	char *end;

	/* No signs, exponents, hexadecimals, infinities: strtod(3) takes them all. */
	if (!*text || strlen(text) > 20 || strspn(text, "0123456789.") != strlen(text)) {
		complain(l, n->place, "'%s' takes a number such as 2 or 1.5, not %s", s->key,
			 number_got(l, n));
		return;
	}
	v = strtod(text, &end);
	if (*end)
		complain(l, n->place, "'%s' takes a number such as 2 or 1.5, not '%s'", s->key, text);
	else if (v < (double)s->min || v > (double)s->max)
		complain(l, n->place, "'%s' is between %lld and %lld, not %s", s->key,
			 (long long)s->min, (long long)s->max, text);
	else
		*(double *)at = v;
}

/* "a, b or c": each value once, by the name that is printed. */
static const char *choice_list(struct loader *l, const struct choice *c)
{
	const char *all = c->name;

	for (const struct choice *last = c++; c->name; c++) {
		const struct choice *next = c + 1;

		if (c->value == last->value)
			continue;
		while (next->name && next->value == c->value)
			next++;
		all = arena_printf(l->arena, "%s%s%s", all, next->name ? ", " : " or ", c->name);
		last = c;
	}
	return all;
}

static void read_choice(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text = n->kind == NODE_SCALAR ? n->text : NULL;
	struct nearest near = { 0 };

	for (const struct choice *c = s->choices; text && c->name; c++) {
		if (strcasecmp(c->name, text) == 0) {
			store(s, c->value, at);
			return;
		}
		nearest_try(&near, text, c->name);
	}
	if (text && !node_is_null(n))
		complain(l, n->place, "'%s' is %s, not '%.80s'%s", s->key,
			 choice_list(l, s->choices), text, loader_hint(l, near.name));
	else
		complain(l, n->place, "'%s' is %s, not %s", s->key, choice_list(l, s->choices),
			 node_kind_name(n));
}

static void read_clock(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *t = n->kind == NODE_SCALAR ? n->text : "";
	int hour, minute;

	if (bool_word(n) == 0) {
		*(int64_t *)at = -1;
		return;
	}
	if (strlen(t) != 5 || t[2] != ':' || !isdigit((unsigned char)t[0]) ||
	    !isdigit((unsigned char)t[1]) || !isdigit((unsigned char)t[3]) ||
	    !isdigit((unsigned char)t[4])) {
		complain(l, n->place, "'%s' takes a time of day such as 07:00, or off, not %s", s->key,
			 number_got(l, n));
		return;
	}
	hour = (t[0] - '0') * 10 + t[1] - '0';
	minute = (t[3] - '0') * 10 + t[4] - '0';
	if (hour > 23 || minute > 59)
		complain(l, n->place, "'%s' is between 00:00 and 23:59, not %s", s->key, t);
	else
		*(int64_t *)at = (hour * 60 + minute) * 60000LL;
}

/* What goes into a header and to sendmail(1): one address, no room for a second. */
static void read_mailbox(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	const char *text;

	if (bool_word(n) == 0) {
		*(char **)at = NULL;
		return;
	}
	text = value_scalar(l, n, "'%s'", s->key);
	if (!text)
		return;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr(",;<>()\"\\:", *p)) {
			complain(l, n->place, "'%s' takes one mail address or off, not '%.80s'", s->key, text);
			return;
		}
	if (!*text || *text == '-')
		complain(l, n->place, "'%s' takes one mail address or off, not '%.80s'", s->key, text);
	else
		*(char **)at = arena_strdup(l->arena, text);
}

/* `words` says what it takes: "on" alone would be a file in this directory. */
static void read_path_unless(struct loader *l, const struct setting *s, const struct node *n, const char *words,
			     void *at)
{
	int word = bool_word(n);

	if (word == 0)
		*(char **)at = NULL;
	else if (word == 1)
		complain(l, n->place, "'%s' takes %s, not '%.80s'", s->key, words, n->text);
	else
		read_path(l, s, n, at);
}

static void read_path_or_off(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	read_path_unless(l, s, n, "a path or off", at);
}

static void read_database(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	if (n->kind == NODE_SCALAR && n->plain && strcmp(n->text, DATABASE_AUTO) == 0)
		*(char **)at = arena_strdup(l->arena, DATABASE_AUTO);
	else
		read_path_unless(l, s, n, "a path, auto or off", at);
}

static void read_sub(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	if (node_is_null(n))
		return;
	if (n->kind != NODE_MAP)
		complain(l, n->place, "'%s' takes a map of keys, not %s", s->key,
			 n->kind == NODE_LIST ? "a list" : number_got(l, n));
	else
		value_read_map(l, s->sub, n, at);
}

static void read_node(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	(void)l;
	(void)s;
	if (!node_is_null(n))
		*(const struct node **)at = n;
}

static read_fn *const readers[] = {
	[VALUE_TEXT] = read_text,	[VALUE_TEXTS] = read_list,
	[VALUE_ARGV] = read_words,	[VALUE_PATH] = read_path,
	[VALUE_PATHS] = read_paths,	[VALUE_BOOL] = read_bool,
	[VALUE_NUMBER] = read_number,	[VALUE_BYTES] = read_bytes,
	[VALUE_SPAN] = read_span,	[VALUE_FACTOR] = read_factor,
	[VALUE_CHOICE] = read_choice,	[VALUE_CLOCK] = read_clock,
	[VALUE_MAILBOX] = read_mailbox,	[VALUE_MAP] = read_sub,
	[VALUE_NODE] = read_node,	[VALUE_PATH_OR_OFF] = read_path_or_off,
	[VALUE_DATABASE] = read_database,
};

/* ---- the loop ---- */

void value_read(struct loader *l, const struct setting *s, const struct node *n, void *at)
{
	readers[s->type](l, s, n, at);
}

/* A default is YAML as anybody would write it; plain words need no parser. */
static void read_default(struct loader *l, const struct setting *s, void *draft)
{
	struct node plain = { .kind = NODE_SCALAR, .plain = true, .text = s->def };
	const struct node *n = &plain;
	struct tree_error error;

	if (*s->def == '[' &&
	    tree_parse(l->arena, "(built-in)", span_of(s->def), &n, &error) < 0)
		return;
	value_read(l, s, n, (char *)draft + s->offset);
}

void value_defaults(struct loader *l, const struct setting *keys, void *draft)
{
	for (const struct setting *s = keys; s->key; s++) {
		if (s->def)
			read_default(l, s, draft);
		else if (s->type == VALUE_MAP)
			value_defaults(l, s->sub, (char *)draft + s->offset);
	}
}

static const struct setting *find(const struct setting *keys, const char *key)
{
	for (const struct setting *s = keys; s->key; s++)
		if (strcmp(s->key, key) == 0)
			return s;
	return NULL;
}

static void unknown_key(struct loader *l, const struct setting *keys, const struct node *key)
{
	struct nearest near = { 0 };

	for (const struct setting *s = keys; s->key; s++)
		if (s->type != VALUE_LATER)
			nearest_try(&near, key->text, s->key);
	complain(l, key->place, "unknown key '%.80s'%s", key->text, loader_hint(l, near.name));
}

void value_read_map(struct loader *l, const struct setting *keys, const struct node *map,
		    void *draft)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct setting *s = find(keys, map->keys[i]->text);

		if (!s)
			unknown_key(l, keys, map->keys[i]);
		else if (s->type == VALUE_LATER)
			complain(l, map->keys[i]->place, "'%s' is not in this version", s->key);
		else
			value_read(l, s, map->items[i], (char *)draft + s->offset);
	}
}
