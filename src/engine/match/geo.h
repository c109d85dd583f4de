/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_GEO_H
#define ENGINE_MATCH_GEO_H

#include <stdbool.h>
#include <stdint.h>

#include "bailiff/addr.h"
#include "config/databases.h"

/*
 * Countries and autonomous systems of addresses, from databases in MaxMind's
 * format. Private and special addresses are nowhere, and so is one that the
 * database does not know.
 */
struct geo;

int geo_new(struct geo **ret);		/* with no database; -ENOMEM */
void geo_free(struct geo **g);

/*
 * Take one database, before the sandbox: its bytes are copied, so that nobody
 * changes them under us, and the descriptor may be closed. -EBADMSG: no such
 * file or a damaged one; -ENOMSG: it tells of other things; -EFBIG; others.
 */
int geo_load(struct geo *g, enum database d, int fd);

/* One address, as if a database knew it; before what databases say. -ENOSPC. */
int geo_put(struct geo *g, const struct addr *a, const char *country, uint32_t asn);

bool geo_has(const struct geo *g, enum database d);	/* NULL: none */

#define GEO_COUNTRY_MAX 3	/* two letters in upper case and NUL */

/* Also for NULL. false: nowhere, `ret` is untouched. */
bool geo_country(const struct geo *g, const struct addr *a, char ret[GEO_COUNTRY_MAX]);
bool geo_asn(const struct geo *g, const struct addr *a, uint32_t *ret);

#endif
