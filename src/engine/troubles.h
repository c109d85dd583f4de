/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_TROUBLES_H
#define ENGINE_TROUBLES_H

#include "engine/serve.h"

/* What ran into a limit since the last call: into the log, and for `status`. */
void troubles_tell(struct serve *s);
/* The same on standard error, for what runs over old logs. */
void troubles_print(struct matcher *m);

#endif
