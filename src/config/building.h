/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_BUILDING_H
#define CONFIG_BUILDING_H

#include "config/tree.h"

#define DEPTH_MAX 32

struct open_node {
	struct node *node;
	struct node *key;	/* NODE_MAP: read, its value is not */
};

/* A tree being built, by tree.c and plain.c. */
struct building {
	struct arena *arena;
	const char *file;
	struct open_node stack[DEPTH_MAX];
	unsigned depth;
	size_t nodes;
	struct node *root;
	struct tree_error *error;
};

/*
 * Put a list or a map, or a text that is the arena's, where it belongs: the
 * root, a list's next item, a key, its value. -EINVAL: b->error says why not.
 */
int building_open(struct building *b, enum node_kind kind, struct place place);
int building_scalar(struct building *b, struct place place, bool plain, const char *text);
void building_close(struct building *b);

/* The tree of a text that is as plain as most; false: it is not, or is wrong. */
bool plain_parse(struct building *b, struct span text);

#endif
