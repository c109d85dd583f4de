/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_LOCATE_H
#define ENGINE_LOCATE_H

#include "config/databases.h"
#include "engine/core.h"
#include "engine/match/geo.h"

/* What became of the databases of addresses at the start. */
struct located {
	struct geo *geo;
	int error[DATABASES];		/* 0: it is there; as database_open() and geo_load() say */
	char path[DATABASES][256];	/* what was opened, "" nothing */
};

/* Open and load what the configuration names, before the sandbox. -ENOMEM. */
int locate_open(const struct config *c, struct located *ret);
/* The same of descriptors, which are closed; one that is no file stands for none. */
int locate_take(const int take_fds[DATABASES], struct located *ret);
void locate_free(struct located *l);

/*
 * From now on the core's addresses are somewhere. A jail that needs a database
 * that is not there is refused with a complaint: an error, or a warning for one
 * that starts by itself where it can. `l` must outlive the core.
 */
void locate_jails(struct core *core, const struct located *l, struct complaints *bad);

/* Is the hit where the `country:` of its jail wants it? `class` is its class; NULL: none. */
bool locate_meets(const struct core *core, const struct hit *hit, const struct class *class);

/* "DE, AS64500", or nothing. */
const char *locate_print(const struct geo *g, const struct addr *a, char buf[32]);

#endif
