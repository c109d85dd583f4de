/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_SNAPSHOT_H
#define ENGINE_RECORD_SNAPSHOT_H

#include "bailiff/span.h"

/*
 * Windows, threads, history and the positions they belong to, as named
 * sections of one file in the state directory: checksummed, written beside,
 * fsynced and renamed into place, so a reader sees the old one or the new
 * one, whole.
 */
struct snapshot_section {
	const char *name;	/* "positions", "windows", ... at most 15 bytes */
	struct span bytes;
};

/*
 * -ENOSPC and others: the old snapshot stays. dirfd may be AT_FDCWD. Waits for
 * the disk: while there is a store, store_snapshot() does it in its thread.
 */
int snapshot_write(int dirfd, const char *name,
		   const struct snapshot_section *s, size_t n);

/*
 * Map one; *ret points into it until snapshot_close(). -ENOENT: none;
 * -EBADMSG: damaged or of another version.
 */
struct snapshot;
int snapshot_open(int dirfd, const char *name, struct snapshot **ret);
bool snapshot_get(const struct snapshot *s, const char *section, struct span *ret);
void snapshot_close(struct snapshot **s);

#endif
