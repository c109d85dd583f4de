/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_SOURCES_PRIVATE_H
#define ENGINE_SOURCES_PRIVATE_H

/* Between sources.c, which reads, rotated.c and positions.c: where to read on. */

#include <sys/types.h>

#include "engine/read/follow.h"
#include "engine/read/journal.h"
#include "engine/serve.h"

#define SOURCES_MAX 1024

struct command;

struct source {
	struct sources *all;
	uint16_t log;
	bool dirty, retired, waiting, failed;
	bool finished;			/* an old part is being read: read_ms is its mtime */
	int error;			/* -errno of the last open or read; 0 */
	int wd;
	dev_t dev;
	ino_t ino;
	struct follow *follow;		/* NULL: a journal, or failed */
	struct journal *journal;
	struct event_time last;
	uint64_t hits, lines;
	int64_t read_ms;		/* wall: when it last gave a line */
	int64_t changed_ms;
	char path[SOURCE_PATH_MAX];
};

/* A place we were at before the start. */
struct saved {
	uint16_t log;
	bool used;
	struct position pos;
	int64_t last_ms;
	char path[SOURCE_PATH_MAX];
	char cursor[256];		/* a journal's */
};

/* A rotated part that was asked for. */
struct search {
	struct search *next;
	uint64_t ticket;
	struct source *truncated;	/* NULL: lost over a stop */
	bool newest;			/* what is newer than this part was never read */
	uint16_t log;
	struct position pos;
	struct event_time last;
	char path[SOURCE_PATH_MAX];
};

struct sources {
	struct serve *s;
	size_t n;
	struct source *v[SOURCES_MAX];
	struct journal **journals;	/* per log, opened empty before the sandbox */
	struct command **commands;	/* per log, NULL: it is read from no command */
	bool told_wanted;
	uint64_t wanted[4];		/* ... what bailiffd was told, as in struct message_want */
	size_t nsaved;
	struct saved *saved;
	struct search *searches;	/* oldest first */
	bool started, fresh;
	bool unsaved;			/* a source came that no snapshot knows of */
	uint64_t clamped, skipped, gaps;
	ev_io inotify;
	ev_idle more;
	ev_timer retire;
	ev_timer poll;			/* for files that could not be watched */
};

/* sources.c: one line of a file, for follow_read() and for rotated parts. */
int sources_on_line(void *arg, const struct line *line);

/*
 * rotated.c: ask bailiffd for the part of a source that was rotated away; what
 * is followed under that path waits until it is read. `newest`: parts that are
 * newer than it were never read.
 */
void rotated_search(struct sources *r, uint16_t log, const char *path, const struct position *pos,
		    struct event_time last, struct source *truncated, bool newest);

/* positions.c: go on where the snapshot says, in what is open; then ask for the rest. */
void positions_place_file(struct sources *r, struct source *src);
void positions_place_journal(struct sources *r, struct source *src);
void positions_search_lost(struct sources *r);

/* commands.c: logs that commands print. */
int commands_new(struct sources *r);	/* before the sandbox */
void commands_free(struct sources *r);
void commands_add(struct sources *r, const struct message_source *m, int fd);
void commands_stop(struct sources *r);
void commands_json(const struct sources *r, json_t *list);

#endif
