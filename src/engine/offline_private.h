/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_OFFLINE_PRIVATE_H
#define ENGINE_OFFLINE_PRIVATE_H

/* Between offline.c and the commands that have a file of their own. */

#include "engine/core.h"
#include "engine/locate.h"
#include "engine/parts.h"

struct offline {
	const char *conf_path, *command;
	const char *const *shipped;
	bool json, reference;
	struct config *config;
	struct core *core;
	struct located located;
	struct complaints bad, more_bad;
	struct config *open;		/* suggest: without limits */
	struct core *open_core;
	size_t said;			/* complaints printed */
	struct parts parts;
	uint64_t verdicts, clamped;
	const struct jail *jail;	/* test: the one */
	bool matched;
	bool told;			/* why it is no use */
};

/* offline.c */
int offline_load(struct offline *o, const char *jail_file);
int offline_make_core(struct offline *o);	/* compile, and open the databases of addresses */
void offline_say(struct offline *o);		/* complaints that are worth it */
/* Everything is open, and unless `compiles` compiled: give up the rest. */
int offline_seal(bool compiles);

/* offline_mail.c: top, trace, suggest */
int offline_flow(struct offline *o, int argc, char **argv);
int offline_suggest(struct offline *o, int argc, char **argv);

#endif
