/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_STATE_H
#define ENGINE_FLOW_STATE_H

#include "engine/serve.h"

/* Make the table of messages, with what was saved. */
void flow_state_restore(struct serve *s);

/* A snapshot is being taken: of this, too, if it is time. */
void flow_state_take(struct serve *s);

/*
 * The snapshot is written (or is not: error): what was taken goes behind it.
 * true: `saved` will be called when it is there; false: nothing is to be done.
 */
bool flow_state_write(struct serve *s, int error, void (*saved)(struct serve *s));

#endif
