/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_DROP_H
#define PRIVILEGED_DROP_H

#include <stdint.h>
#include <sys/types.h>

struct identity { uid_t uid; gid_t gid; };

/*
 * The user a part runs as. A name that passwd(5) does not know (a copy run
 * from build/) gets `fallback` as its number, which no package uses (Debian
 * Policy 9.2.2: 65000 to 65533 are reserved).
 */
struct identity identity_of(const char *user, uid_t fallback);

/*
 * Become `who`, keeping only `caps` (a mask of 1 << CAP_*) in the permitted,
 * effective and bounding sets, no inheritable and no ambient ones, and never
 * gain any again (no_new_privs). -errno: not done, the caller must end.
 */
int drop_to(struct identity who, uint64_t caps);

#endif
