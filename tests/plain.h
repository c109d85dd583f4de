/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_PLAIN_H
#define TESTS_PLAIN_H

/* Two ways to read YAML that must tell the same: plain.c's, where it reads a text, and libyaml's. */

#include <stdlib.h>
#include <string.h>

#include "config/building.h"

static inline bool plain_same(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind || a->plain != b->plain || a->n != b->n ||
	    a->place.line != b->place.line || a->place.column != b->place.column)
		return false;
	if (a->kind == NODE_SCALAR)
		return strcmp(a->text, b->text) == 0;
	for (size_t i = 0; i < a->n; i++)
		if (!plain_same(a->items[i], b->items[i]) ||
		    (a->kind == NODE_MAP && !plain_same(a->keys[i], b->keys[i])))
			return false;
	return true;
}

enum plain_told { PLAIN_NOT, PLAIN_SAME, PLAIN_DIFFERS };

static inline enum plain_told plain_tell(struct arena *a, struct span text)
{
	struct tree_error error;
	struct building b = { .arena = a, .file = "x", .error = &error };
	const struct node *root;

	if (!plain_parse(&b, text))
		return PLAIN_NOT;
	return tree_parse_any(a, "x", text, &root, &error) == 0 && plain_same(b.root, root) ?
	       PLAIN_SAME : PLAIN_DIFFERS;
}

/* PLAIN_NOT: only libyaml reads it, or nobody. */
static inline enum plain_told plain_compare(struct span text)
{
	struct arena a = { 0 };
	enum plain_told told;

	if (setjmp(a.oom))
		abort();
	told = plain_tell(&a, text);
	arena_free(&a);
	return told;
}

#endif
