/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_JOURNAL_H
#define ENGINE_READ_JOURNAL_H

#include <stdbool.h>

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "bailiff/line.h"

/*
 * The systemd journal through libsystemd, over descriptors handed to us
 * (sd_journal_open_files_fd), filtered by unit globs: an entry is ours if its
 * _SYSTEMD_UNIT (with or without ".service") fits one, or, if it has none (a
 * journal that was imported), its SYSLOG_IDENTIFIER. Each entry is asked, so a
 * unit that appears later is seen with its first line.
 *
 * There is no inotify here: the caller watches the files, calls
 * journal_read() when they change, and journal_reopen() when one comes or
 * goes (rotation).
 */
struct journal;

/*
 * Before the sandbox: looks up the users that journal_trusted() trusts. Takes
 * the fds (64 at most), also on failure; n = 0: no journal yet. line_max:
 * longer messages are cut there. `units` must outlive the journal. Stands at
 * the start. Files that are no journals, are damaged or not yet complete are
 * passed over, and tried again by journal_read() when they have changed.
 */
int journal_open(const int *take_fds, size_t n, const struct strings *units,
		 uint32_t line_max, struct journal **ret);
void journal_free(struct journal **j);

/*
 * Go on where we are with another set of files. Takes the fds. -ENOENT: as
 * journal_seek_cursor().
 */
int journal_reopen(struct journal *j, const int *take_fds, size_t n);
size_t journal_bad(const struct journal *j);	/* how many of the set are passed over */

/* -ENOENT: the cursor's entry is gone, we stand at the nearest after it. -EINVAL: no cursor. */
int journal_seek_cursor(struct journal *j, const char *cursor);
int journal_seek_end(struct journal *j);
int journal_seek_time(struct journal *j, int64_t ms);

/*
 * Entries until the end or `max`, or until many foreign ones were passed by
 * (*more is true then); e->text, program, host, pid, when_us and
 * pos are set and live until fn returns. *more: not at the end; false on
 * errors, which are there the next time, too. Entries without a message are
 * passed by. The program is SYSLOG_IDENTIFIER, else _COMM. A message of several
 * lines is one entry, with its newlines.
 * fn returns 0, or non-zero to stop after this entry (returned as it is).
 */
struct journal_entry {
	struct entry entry;
	struct position pos;	/* dev, ino, fingerprint 0; offset: a hash of
				   what the cursor names: boot, times, message */
};
typedef int journal_fn(void *arg, const struct journal_entry *e);
int journal_read(struct journal *j, size_t max, journal_fn *fn, void *arg,
		 bool *more);

/*
 * Within fn: may the writer be trusted to be a daemon of that unit? Its _UID,
 * which journald fills in, is root, postfix, dovecot or dovenull, and its
 * _SYSTEMD_UNIT is one of ours.
 */
bool journal_trusted(struct journal *j);

/*
 * The cursor after the last entry read; owned by the journal, good until the
 * next call. NULL: nothing was read, nor sought by a cursor.
 */
const char *journal_cursor(struct journal *j);

struct journal_stats {
	uint64_t seen;		/* entries of any unit */
	uint64_t given;		/* handed out */
	uint64_t cut;		/* messages over line_max */
};
const struct journal_stats *journal_stats(const struct journal *j);

#endif
