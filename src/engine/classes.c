/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resolving a hit to its class. Names, of which a file may bring a million,
 * stand in an open hash table; the first class that has a name keeps it.
 */
#include "engine/classes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/glob.h"
#include "base/hash.h"

struct member {
	const char *name;	/* NULL: free */
	size_t class;
};

struct classes {
	const struct config *config;
	size_t mask;
	struct member *table;	/* a power of two, at most half full */
};

static struct member *slot(const struct classes *cs, struct span name)
{
	size_t at = hash_keyed(name.p, name.n) & cs->mask;

	while (cs->table[at].name && !span_eq(span_of(cs->table[at].name), name))
		at = (at + 1) & cs->mask;
	return &cs->table[at];
}

int classes_new(const struct config *c, struct classes **ret)
{
	struct classes *cs = calloc(1, sizeof(*cs));
	size_t names = 0, size = 8;

	if (!cs)
		return -ENOMEM;
	for (size_t i = 0; i < c->nclasses; i++)
		names += c->classes[i].names.n;
	while (size < 2 * names)
		size *= 2;
	cs->config = c;
	cs->mask = size - 1;
	cs->table = calloc(size, sizeof(*cs->table));
	if (!cs->table) {
		free(cs);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->nclasses; i++)
		for (size_t k = 0; k < c->classes[i].names.n; k++) {
			struct member *m = slot(cs, span_of(c->classes[i].names.v[k]));

			if (!m->name)
				*m = (struct member){ c->classes[i].names.v[k], i };
		}
	*ret = cs;
	return 0;
}

void classes_free(struct classes **cs)
{
	if (!*cs)
		return;
	free((*cs)->table);
	free(*cs);
	*cs = NULL;
}

bool class_has_address(const struct class *c, const struct addr *from)
{
	for (size_t i = 0; from && i < c->nnetworks; i++)
		if (addr_contains(&c->networks[i], from))
			return true;
	return false;
}

static bool has_glob(const struct class *c, struct span account)
{
	for (size_t i = 0; account.n && i < c->globs.n; i++)
		if (glob_match(c->globs.v[i], account))
			return true;
	return false;
}

const struct class *classes_of(const struct classes *cs, struct span account, const struct addr *from)
{
	const struct config *c = cs->config;
	const struct member *m = account.n && c->nclasses ? slot(cs, account) : NULL;

	for (size_t i = 0; i < c->nclasses; i++)
		if ((m && m->name && m->class == i) || has_glob(&c->classes[i], account) ||
		    class_has_address(&c->classes[i], from))
			return &c->classes[i];
	return NULL;
}

struct bar class_bar(const struct class_limit *cl, const struct limit *l)
{
	return (struct bar){
		.amount = cl && cl->has_amount ? cl->amount : l->amount,
		.alone = cl && cl->alone ? cl->alone : l->alone,
	};
}
