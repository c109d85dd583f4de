/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_DENYFILE_H
#define PRIVILEGED_RUNNER_DENYFILE_H

#include "base/buf.h"
#include "privileged/runner/names.h"

/*
 * The file of a Dovecot deny passdb (passwd-file, `deny = yes`): who stands in
 * it cannot log in. Lines that we wrote say so in their fifth field; all other
 * lines are the admin's and stay as they are.
 *
 * A file that Dovecot's auth process cannot read stops every login, so it is
 * never made here, never written in place, and keeps owner and mode.
 */

/* `text` with a line for each name that has none yet; false: none was missing. */
bool denyfile_with(struct span text, const struct names *names, struct buf *out);
/* `text` without our lines for these names; false: there were none. */
bool denyfile_without(struct span text, const struct names *names, struct buf *out);

/*
 * Change the file at `path` (absolute) so, and have it on the disk.
 * -ENOENT: there is no such file; -EBUSY: somebody keeps changing it; -EFBIG;
 * -ENOSPC and others: the old one stays.
 */
int denyfile_add(const char *path, const struct names *names);
int denyfile_remove(const char *path, const struct names *names);

#endif
