/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RUNS_H
#define ENGINE_RUNS_H

#include "engine/serve.h"

/*
 * `run:` actions. The order and its values go into the ledger, as "run N" (N:
 * which action of the jail) and a JSON object, so that `undo` can hand the
 * same values to the action's undo argv.
 */

/* Ask for the command of a jail's action; `values`: {field: text}, borrowed. */
void runs_send(struct serve *s, uint64_t id, uint64_t incident, uint16_t jail,
	       uint16_t action, const json_t *values);

/*
 * If `order`, as `show` tells it, was a run that was done and has an undo, ask
 * for that, with the admin's socket. true: fn will be told, or was: a restart
 * may leave a run without an outcome, and that is not taken back.
 */
bool runs_undo(struct serve *s, uint64_t incident, const char *jail, const json_t *order,
	       int admin_fd, outcome_fn *fn, void *arg);

/* true: a run of that incident has no outcome yet, and fn is called when one has. */
bool runs_end(struct serve *s, uint64_t incident, void (*fn)(void *arg), void *arg);

#endif
