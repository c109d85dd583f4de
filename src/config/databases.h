/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_DATABASES_H
#define CONFIG_DATABASES_H

#include <stddef.h>
#include <sys/types.h>

#include "bailiff/config.h"
#include "base/buf.h"

/* The databases of addresses: which there are, and where they lie. */
enum database { DATABASE_COUNTRY, DATABASE_ASN, DATABASES };

/* What `country:` and `asn:` hold when the usual places are meant. */
#define DATABASE_AUTO "auto"

const char *database_key(enum database d);	/* "country", "asn" */
/* The i-th place to look at, NULL: there is none (any more). */
const char *database_place(const struct config *c, enum database d, size_t i);
/* All of them in words: "/a.mmdb"; `off` has none. */
void database_put_places(const struct config *c, enum database d, struct buf *out);

/*
 * The first that exists. *ret_path is the configuration's or our own.
 * -ENOENT: none is there; other -errno: that one cannot be opened; -EINVAL: it
 * is no regular file.
 */
int database_open(const struct config *c, enum database d, int *ret_fd, const char **ret_path);

/* Which file lies there now: changes whenever another does, or its content. */
struct database_mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	int64_t mtime_ns;	/* all zero: none */
};
void database_mark(const struct config *c, enum database d, struct database_mark *ret);

#endif
