/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libyaml's events made into a tree of our own that keeps the place of every
 * node for messages. Events and not libyaml's documents: so aliases can be
 * refused and depth and size bounded before anything is built.
 */
#include "config/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#define DEPTH_MAX 32
#define NODES_MAX 100000
#define KEYS_MAX 2000

struct open_node {
	struct node *node;
	struct node *key;	/* NODE_MAP: read, its value is not */
};

struct building {
	struct arena *arena;
	const char *file;
	struct open_node stack[DEPTH_MAX];
	unsigned depth;
	size_t nodes;
	struct node *root;
	bool done;
	struct tree_error *error;
	yaml_parser_t parser;
	yaml_event_t event;	/* empty between events */
};

static struct place place_of(const struct building *b, yaml_mark_t mark)
{
	return (struct place){ b->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

__attribute__((format(printf, 3, 4)))
static int fail(struct building *b, struct place where, const char *fmt, ...)
{
	va_list ap;

	b->error->place = where;
	va_start(ap, fmt);
	vsnprintf(b->error->text, sizeof(b->error->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int add_key(struct building *b, struct open_node *map, struct node *key)
{
	if (key->kind != NODE_SCALAR)
		return fail(b, key->place, "a key must be a word, not %s", node_kind_name(key));
	if (map->node->n >= KEYS_MAX)
		return fail(b, key->place, "more than %d keys in one map", KEYS_MAX);
	if (strcmp(key->text, "<<") == 0)
		return fail(b, key->place, "merge keys ('<<') are not used here");
	for (size_t i = 0; i < map->node->n; i++)
		if (strcmp(map->node->keys[i]->text, key->text) == 0)
			return fail(b, key->place, "key '%.60s' is here twice, first in line %u",
				    key->text, map->node->keys[i]->place.line);
	map->key = key;
	return 0;
}

/* Put a node where it belongs: the root, a list's next item, a key, its value. */
static int place_node(struct building *b, struct node *n)
{
	struct open_node *in = b->depth ? &b->stack[b->depth - 1] : NULL;
	size_t count;

	if (++b->nodes > NODES_MAX)
		return fail(b, n->place, "more than %d values in one file", NODES_MAX);
	if (!in) {
		b->root = n;
		return 0;
	}
	if (in->node->kind == NODE_MAP && !in->key)
		return add_key(b, in, n);
	count = in->node->n;
	*(struct node **)arena_brief_push(b->arena, &in->node->items, &count, sizeof(n)) = n;
	if (in->node->kind == NODE_MAP) {
		count = in->node->n;
		*(struct node **)arena_brief_push(b->arena, &in->node->keys, &count, sizeof(n)) = in->key;
		in->key = NULL;
	}
	in->node->n = count;
	return 0;
}

static int open_collection(struct building *b, enum node_kind kind, const yaml_event_t *e)
{
	struct node *n = arena_brief_alloc(b->arena, sizeof(*n));
	int err;

	n->kind = kind;
	n->place = place_of(b, e->start_mark);
	if (b->depth == DEPTH_MAX)
		return fail(b, n->place, "nested deeper than %d levels", DEPTH_MAX);
	err = place_node(b, n);
	if (err)
		return err;
	b->stack[b->depth++] = (struct open_node){ n, NULL };
	return 0;
}

static int take_scalar(struct building *b, const yaml_event_t *e)
{
	struct node *n = arena_brief_alloc(b->arena, sizeof(*n));
	struct span text = { (const char *)e->data.scalar.value, e->data.scalar.length };

	n->kind = NODE_SCALAR;
	n->place = place_of(b, e->start_mark);
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (text.n && memchr(text.p, 0, text.n))
		return fail(b, n->place, "a text may not hold a NUL byte");
	n->text = arena_span(b->arena, text);
	return place_node(b, n);
}

/* Tags and anchors stand at three kinds of events; we know neither. */
static int refuse_decoration(struct building *b, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor || e->type == YAML_ALIAS_EVENT)
		return fail(b, place_of(b, e->start_mark),
			    "anchors and aliases ('&', '*') are not used here; quote the text if it is one");
	if (tag)
		return fail(b, place_of(b, e->start_mark),
			    "tags ('!') are not used here; quote the text if it is one");
	return 0;
}

static int take_event(struct building *b, const yaml_event_t *e)
{
	int err = refuse_decoration(b, e);

	if (err)
		return err;
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->root)
			return fail(b, place_of(b, e->start_mark), "a second document in one file");
		return 0;
	case YAML_SCALAR_EVENT:
		return take_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(b, NODE_LIST, e);
	case YAML_MAPPING_START_EVENT:
		return open_collection(b, NODE_MAP, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return 0;
	default:
		return 0;
	}
}

static int syntax_error(struct building *b, const yaml_parser_t *p)
{
	if (p->error == YAML_MEMORY_ERROR)
		longjmp(b->arena->oom, 1);
	if (p->error == YAML_READER_ERROR)
		return fail(b, place_of(b, p->mark), "not readable as YAML: %s (at byte %zu)",
			    p->problem ? p->problem : "bad bytes", p->problem_offset);
	return fail(b, place_of(b, p->problem_mark), "not YAML: %s%s%s",
		    p->problem ? p->problem : "syntax error",
		    p->context ? ", " : "", p->context ? p->context : "");
}

static int build(struct building *b)
{
	while (!b->done) {
		int err;

		if (!yaml_parser_parse(&b->parser, &b->event))
			return syntax_error(b, &b->parser);
		err = take_event(b, &b->event);
		yaml_event_delete(&b->event);
		if (err)
			return err;
	}
	return 0;
}

/* libyaml's memory is not the arena's: on the way out of memory it goes too. */
static int build_or_clean_up(struct building *b)
{
	jmp_buf outer;
	int err;

	memcpy(&outer, &b->arena->oom, sizeof(outer));
	if (setjmp(b->arena->oom)) {
		yaml_event_delete(&b->event);
		yaml_parser_delete(&b->parser);
		memcpy(&b->arena->oom, &outer, sizeof(outer));
		longjmp(outer, 1);
	}
	err = build(b);
	memcpy(&b->arena->oom, &outer, sizeof(outer));
	yaml_event_delete(&b->event);
	yaml_parser_delete(&b->parser);
	return err;
}

int tree_parse(struct arena *a, const char *file, struct span text,
	       const struct node **ret, struct tree_error *error)
{
	struct building b = { .arena = a, .file = file, .error = error };
	int err;

	if (!yaml_parser_initialize(&b.parser))
		longjmp(a->oom, 1);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.p ? text.p : ""),
				     text.n);
	err = build_or_clean_up(&b);
	if (err)
		return err;
	if (!b.root || node_is_null(b.root)) {
		b.root = arena_brief_alloc(a, sizeof(*b.root));
		b.root->kind = NODE_MAP;
		b.root->place = (struct place){ file, 1, 1 };
	}
	*ret = b.root;
	return 0;
}

static size_t find(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return SIZE_MAX;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return i;
	return SIZE_MAX;
}

const struct node *node_get(const struct node *map, const char *key)
{
	size_t i = find(map, key);

	return i == SIZE_MAX ? NULL : map->items[i];
}

const struct node *node_key(const struct node *map, const char *key)
{
	size_t i = find(map, key);

	return i == SIZE_MAX ? NULL : map->keys[i];
}

bool node_is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && n->plain &&
	       (!*n->text || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

const char *node_kind_name(const struct node *n)
{
	if (n->kind == NODE_LIST)
		return "a list";
	if (n->kind == NODE_MAP)
		return "a map";
	return node_is_null(n) ? "nothing" : "text";
}

/* A map of its own with the same children, with room for `spare` more. */
static struct node *copy_map(struct arena *a, const struct node *map, size_t spare)
{
	struct node *n = arena_brief_alloc(a, sizeof(*n));

	*n = *map;
	n->keys = arena_brief_array(a, map->n + spare, sizeof(*n->keys));
	n->items = arena_brief_array(a, map->n + spare, sizeof(*n->items));
	if (map->n) {
		memcpy(n->keys, map->keys, map->n * sizeof(*n->keys));
		memcpy(n->items, map->items, map->n * sizeof(*n->items));
	}
	return n;
}

const struct node *node_merge(struct arena *a, const struct node *base,
			      const struct node *over)
{
	struct node *n;

	if (!base || base->kind != NODE_MAP || over->kind != NODE_MAP)
		return over;
	n = copy_map(a, base, over->n);
	for (size_t i = 0; i < over->n; i++) {
		size_t at = find(base, over->keys[i]->text);

		if (at == SIZE_MAX) {
			n->keys[n->n] = over->keys[i];
			n->items[n->n++] = over->items[i];
			continue;
		}
		n->keys[at] = over->keys[i];
		n->items[at] = (struct node *)node_merge(a, base->items[at], over->items[i]);
	}
	return n;
}

const struct node *node_without(struct arena *a, const struct node *map, const char *key)
{
	size_t at = find(map, key);
	struct node *n;

	if (at == SIZE_MAX)
		return map;
	n = copy_map(a, map, 0);
	n->n--;
	memmove(n->keys + at, n->keys + at + 1, (n->n - at) * sizeof(*n->keys));
	memmove(n->items + at, n->items + at + 1, (n->n - at) * sizeof(*n->items));
	return n;
}
