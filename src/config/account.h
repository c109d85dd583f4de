/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_ACCOUNT_H
#define CONFIG_ACCOUNT_H

#include "bailiff/config.h"
#include "bailiff/span.h"

/*
 * The canonical form of a login: lower case, default_domain added to a bare
 * name, `+tag` cut, as `a` says.
 * -ENAMETOOLONG if it does not fit; -EINVAL: empty, or bytes below 0x21, DEL,
 * a slash, a comma, a colon or a leading dash: no account's name.
 */
int account_canonical(const struct accounts *a, struct span login,
		      char *ret, size_t size);

/*
 * The Unix account behind a canonical name: itself if bare, its local part
 * if the domain is in local_domains (or is default_domain); else -ENOENT.
 */
int account_unix_name(const struct accounts *a, const char *canonical,
		      char *ret, size_t size);

/* May a park stand for that action, which does more? It does when max_per_hour is reached. */
bool account_parks_for(enum action_kind kind);

/* Is it on `protect` (by canonical or Unix name)? */
bool account_is_protected(const struct accounts *a, const char *canonical);

#endif
