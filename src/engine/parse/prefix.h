/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSE_PREFIX_H
#define ENGINE_PARSE_PREFIX_H

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "bailiff/line.h"

/* One a log: knows its custom time format, zone and what the last stamp was. */
struct prefix_parser;

/*
 * Before the sandbox: loads the zone (log.timezone or the host's), compiles
 * `time: find`. *ret: prefix_parser_free().
 * -ENOENT: no such zone; -EINVAL: a bad find or format, told in *bad (static
 * or owned by the parser).
 */
int prefix_parser_new(const struct log_conf *log, struct prefix_parser **ret,
		      const char **bad);
void prefix_parser_free(struct prefix_parser **p);

/*
 * Tell a line's head apart: no allocation, no system call, no locale, and no
 * time arithmetic. Never fails: a line without a known head is all text.
 */
void prefix_parse(struct prefix_parser *p, struct span line, struct entry *ret);

/* What syslog stamps leave out. */
struct stamp_ctx {
	struct wall arrival;	/* now; in replay the file's mtime */
	int year;		/* --year, else 0: from arrival */
};

/*
 * The event time of an entry, by the rules of DESIGN 5: never back within
 * the source (state in *last, 0 at first), clamped if over a minute ahead of
 * arrival (*clamped counted up), the offset in the repeated hour that does
 * not run back.
 */
struct event_time prefix_time(struct prefix_parser *p, const struct entry *e,
			      const struct stamp_ctx *ctx,
			      struct event_time *last, uint64_t *clamped);

/* The same without `last` and clamping: for merging parts by time; -EINVAL: no stamp. */
int prefix_raw_time(struct prefix_parser *p, const struct entry *e,
		    const struct stamp_ctx *ctx, struct event_time *ret);

#endif
