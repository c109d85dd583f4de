/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARTS_H
#define ENGINE_PARTS_H

#include "bailiff/config.h"
#include "engine/parse/prefix.h"
#include "engine/read/history.h"

/*
 * The LOGs of a command line: each a file, or - for standard input, for every
 * log that a jail names or, as NAME=FILE, for one. Several are read as one
 * stream in the order of their lines' times.
 */
#define PARTS_MAX 256

struct part {
	const char *path;
	struct history_file *file;
	uint16_t log;
	struct prefix_parser *parser;	/* the log's, borrowed */
	struct stamp_ctx ctx;
	bool pending;			/* `line` waits to be taken */
	bool ended;
	/* written for each line, and dear where a store crosses a page: */
	_Alignas(64) struct line line;
	_Alignas(64) struct entry entry;
	struct event_time raw;		/* of `line`, or the last one's */
	bool named;			/* NAME=FILE */
	size_t as;			/* which of `stands`, if not */
	struct event_time *last;	/* never back within a part; one for each of `stands` */
};

struct parts {
	struct config *config;
	const struct jail *only;	/* NULL: all jails will read them */
	size_t nstands;			/* what LOGs without a name stand for: */
	uint16_t *stands;		/* logs whose stamps are read differently */
	int year;			/* --year, 0: none */
	uint64_t lines;
	struct prefix_parser **parsers;	/* one a log, made when needed */
	size_t n;
	struct part v[PARTS_MAX];
};

/*
 * Open all, before the sandbox. Folds the logs of c's jails where LOGs stand
 * for several: set `config`, `only` and `year` before. Says what is wrong on standard
 * error: -ENOENT and others.
 */
int parts_open(struct parts *p, int n, char **args);
void parts_close(struct parts *p);

/* The next line, in order of time; NULL: the end. A damaged part ends there,
 * is said, and leaves its error in *ret_error. */
struct part *parts_next(struct parts *p, int *ret_error);

/* The same line once more, as one of the next log that it stands for. false: none is left. */
bool parts_again(struct parts *all, struct part *p);

#endif
