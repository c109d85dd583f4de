/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_JAILTEST_H
#define ENGINE_JAILTEST_H

#include "engine/core.h"

/*
 * Run the tests that stand beside a jail's patterns. Each that fails is a
 * complaint with its line and what came instead; *ret_failed counts them.
 * -ENOMEM.
 */
int jailtest_run(struct core *core, const struct jail *j, struct complaints *bad,
		 unsigned *ret_failed);

/*
 * Compile is done: run every jail's tests, refuse those that fail (mode off
 * in the core). Returns the number of refused jails.
 */
unsigned jailtest_all(struct core *core, struct complaints *bad);

#endif
