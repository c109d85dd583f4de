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
 * -ENOENT: no such zone; -EINVAL: a bad find, format or zone file. *bad tells
 * (static, good until the next call).
 */
int prefix_parser_new(const struct log_conf *log, struct prefix_parser **ret,
		      const char **bad);
void prefix_parser_free(struct prefix_parser **p);

/*
 * Tell a line's head apart: no allocation, no system call, no locale, and no
 * time arithmetic. Never fails: a line without a known head is all text.
 *
 * line                                          program, pid       text
 * Aug 21 10:11:12 mx postfix/smtpd[9]: lost      postfix/smtpd, 9   lost
 * 2026-08-21T10:11:12.5+02:00 mx sshd[9]: x      sshd, 9            x
 * <34>1 2026-08-21T10:11:12Z mx su 9 - - x       su, 9              x
 * 1.2.3.4 - - [21/Aug/2026:10:11:12 +0200] "GET  -                  1.2.3.4 - - [] "GET
 * 2026-08-21 10:11:12 [9] x     (Exim)           -, 9               x
 * 2026/08/21 10:11:12 [error] x (nginx)          -                  [error] x
 * [21-Aug-2026 10:11:12 +0200]: <s> x            -                  <s> x
 * 1787307072.5 x, @400000006a88... x             -                  x
 * Aug 21 10:11:12 imap-login: Info: x (Dovecot)  dovecot            imap-login: x
 * mx postfix/smtpd[9]: x                         postfix/smtpd, 9   x
 *
 * A stamp at the start goes with brackets, colon and white space around it; in
 * the middle only the stamp itself is cut and its brackets stay. White space
 * before the text is never part of it.
 *
 * A program is told by `tag:` or `tag[pid]:` after a syslog or RFC 3339 "T"
 * stamp. After other stamps, or none, programs write what they like and
 * `word:` may be anything, so there it takes the `[pid]`.
 *
 * Dovecot's own log file names the process where syslog has `dovecot` and
 * writes "Info: " where syslog writes nothing (other levels are in both): the
 * entry is given as syslog would, so one jail fits both.
 *
 * "message repeated 5 times: [ x]" gives repeat 5 and text `x`.
 *
 * Spans point into the line; text that was put together (CLF, Dovecot) into
 * the parser, where it is good until the next call.
 */
void prefix_parse(struct prefix_parser *p, struct span line, struct entry *ret);

/* What syslog stamps leave out. */
struct stamp_ctx {
	struct wall arrival;	/* now; in replay the file's mtime */
	int year;		/* --year, of the first line; 0: from arrival */
	bool finished;		/* arrival is an mtime: a line without a stamp
				   is as old as the one before it, *last */
};

/*
 * The event time of an entry, by the rules of DESIGN 5: never back within
 * the source (state in *last, 0 at first), clamped to arrival if over a
 * minute ahead of it (*clamped counted up), the offset in the repeated hour
 * that does not run back. A stamp that is no time (31 Feb) counts as none: the
 * line's time is its arrival, which does not move *last in a log that has
 * stamps.
 */
struct event_time prefix_time(struct prefix_parser *p, const struct entry *e,
			      const struct stamp_ctx *ctx,
			      struct event_time *last, uint64_t *clamped);

/* The same without `last` and clamping: for merging parts by time; -EINVAL: no stamp. */
int prefix_raw_time(struct prefix_parser *p, const struct entry *e,
		    const struct stamp_ctx *ctx, struct event_time *ret);

#endif
