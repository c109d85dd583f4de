/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <stdbool.h>

#include "config/pack.h"

/*
 * The value of one top-level path key of bailiff.yaml ("run", "state") found
 * line by line, for a file that does not load: an admin who has just broken it
 * must still be able to unban, and the last good one must be found. Relative
 * paths start from the file's directory. false: not there, ret untouched.
 */
bool scan_path(const struct pack *p, const char *key, char *ret, size_t size);

/* The same over bare text; quotes, comments and blanks are cut. */
bool scan_text(struct span text, const char *key, char *ret, size_t size);

#endif
