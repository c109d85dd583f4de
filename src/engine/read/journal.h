/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_JOURNAL_H
#define ENGINE_READ_JOURNAL_H

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "bailiff/line.h"

/*
 * The systemd journal through libsystemd, over descriptors handed to us
 * (sd_journal_open_files_fd), filtered by unit globs. The unit list of a
 * journal is asked again when new units appear.
 */
struct journal;

/* Takes the fds. -EBADMSG: none is a journal. */
int journal_open(const int *take_fds, size_t n, const struct strings *units,
		 struct journal **ret);
void journal_free(struct journal **j);

/* -ENOENT: the cursor's entry is gone, we stand at the nearest after it. */
int journal_seek_cursor(struct journal *j, const char *cursor);
int journal_seek_end(struct journal *j);
int journal_seek_time(struct journal *j, int64_t ms);

/*
 * Entries until the end or `max`; e->text, program, host, pid, when_us and
 * pos are set and live until fn returns. *more: not at the end.
 */
struct journal_entry {
	struct entry entry;
	struct position pos;	/* dev, ino, fingerprint 0; offset: hash of the cursor */
};
typedef int journal_fn(void *arg, const struct journal_entry *e);
int journal_read(struct journal *j, size_t max, journal_fn *fn, void *arg,
		 bool *more);

/* Within fn: may the writer be trusted to be a daemon of that unit (_UID, unit)? */
bool journal_trusted(struct journal *j);

/* The cursor after the last entry handed out; owned by the journal. */
const char *journal_cursor(struct journal *j);

#endif
