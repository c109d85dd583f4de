/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_CLASSES_H
#define ENGINE_CLASSES_H

#include "bailiff/config.h"
#include "bailiff/span.h"
#include "engine/count/series.h"

/*
 * Which class an account or an address is in. Accounts by name are looked up
 * at once, however many; globs and networks cost a look each, of the classes
 * up to the one that has it. hash_init() has been called.
 */
struct classes;

int classes_new(const struct config *c, struct classes **ret);
void classes_free(struct classes **cs);

/*
 * The first class that has the account (canonical; none: {NULL, 0}) or the
 * address (NULL: none); NULL: in none.
 */
const struct class *classes_of(const struct classes *cs, struct span account, const struct addr *from);

/* Is the address in one of the class's networks? */
bool class_has_address(const struct class *c, const struct addr *from);

/* Where the jail's limit is for the class. */
struct bar class_bar(const struct class_limit *cl, const struct limit *l);

#endif
