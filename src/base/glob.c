/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Globs on program tags and unit names. fnmatch(3) would need NUL-terminated
 * text and obeys the locale; this walks back to the last star only, so it is
 * linear in practice and quadratic at worst on strings that are short.
 */
#include "base/glob.h"

bool glob_match(const char *glob, struct span text)
{
	const char *star = NULL;
	size_t i = 0, back = 0;

	while (i < text.n) {
		if (*glob == '*') {
			star = ++glob;
			back = i;
			if (*glob == 0)
				return true;
		} else if (*glob && (*glob == '?' || *glob == text.p[i])) {
			glob++;
			i++;
		} else if (star) {
			glob = star;
			i = ++back;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == 0;
}
