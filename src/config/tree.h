/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "config/arena.h"

/* A YAML document as it was written: every node knows its place. */
enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	struct place place;
	bool plain;		/* NODE_SCALAR: written without quotes */
	const char *text;	/* NODE_SCALAR */
	size_t n;
	struct node **items;	/* NODE_LIST; NODE_MAP: the values */
	struct node **keys;	/* NODE_MAP: scalars, no two alike */
};

/* Why a text is no tree. */
struct tree_error {
	struct place place;
	char text[160];
};

/*
 * Read one document. Anchors, aliases, tags, merge keys and duplicate keys
 * are errors; depth (32) and nodes (100,000) are bounded, so that no text
 * costs more than a few times its length. An empty text is an empty map.
 * file   for places; lives as long as the arena
 * *ret is brief in the arena, its texts live on with it. -EINVAL: *error says what is wrong.
 */
int tree_parse(struct arena *a, const char *file, struct span text,
	       const struct node **ret, struct tree_error *error);

/* The value of a key, NULL if it is not there (or `map` is no map). */
const struct node *node_get(const struct node *map, const char *key);
/* The node of the key itself. */
const struct node *node_key(const struct node *map, const char *key);
/* A plain empty scalar, ~ or null: `key:` with nothing behind it. */
bool node_is_null(const struct node *n);
/* "a map", "a list", "text" for messages. */
const char *node_kind_name(const struct node *n);

/* `over` laid upon `base`: maps merge key by key, all else replaces. */
const struct node *node_merge(struct arena *a, const struct node *base,
			      const struct node *over);
/* A map without one of its keys. */
const struct node *node_without(struct arena *a, const struct node *map, const char *key);

#endif
