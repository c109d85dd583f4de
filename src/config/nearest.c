/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Did you mean": the optimal string alignment distance (Damerau and
 * Levenshtein, with swaps of neighbours), since a swap is the commonest slip.
 */
#include "config/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 48

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	size_t row[3][WORD_MAX + 1];

	if (na > WORD_MAX || nb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t differs = tolower((unsigned char)a[i - 1]) !=
					 tolower((unsigned char)b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[na % 3][nb];
}

void nearest_try(struct nearest *n, const char *typed, const char *name)
{
	size_t len = strlen(name), d = nearest_distance(typed, name);
	size_t most = len < 3 ? 1 : (len + 1) / 3;

	if (d >= len || d > most || (n->name && d >= n->distance))
		return;
	n->name = name;
	n->distance = d;
}
