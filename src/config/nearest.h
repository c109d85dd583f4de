/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include <stddef.h>

/* The best of several names so far: start from {0}. */
struct nearest {
	const char *name;	/* NULL: none is close */
	size_t distance;
};

/*
 * Is `name` closer to what was typed than the best so far? At most one edit
 * for each three letters counts as close: insert, delete, replace, swap two.
 */
void nearest_try(struct nearest *n, const char *typed, const char *name);

/* Edits between two words; words over 48 bytes are as far as can be. */
size_t nearest_distance(const char *a, const char *b);

#endif
