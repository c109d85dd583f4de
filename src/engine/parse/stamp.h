/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSE_STAMP_H
#define ENGINE_PARSE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "bailiff/span.h"

/* How a stamp reads; entry.form. */
enum stamp_form {
	STAMP_NONE,
	STAMP_SYSLOG,	/* Aug 21 10:11:12[.123] */
	STAMP_ISO,	/* 2026-08-21T10:11:12.123456+02:00 and its kin */
	STAMP_DMY,	/* 21/Aug/2026:10:11:12 +0200, 21-Aug-2026 10:11:12 +0200 */
	STAMP_CTIME,	/* Fri Aug 21 10:11:12[.123456] 2026 */
	STAMP_EPOCH,	/* 1787307072[.123] */
	STAMP_TAI64N,	/* @400000006a8819d0075bca00 */
	STAMP_CUSTOM,	/* read by the log's own `time: format` */
};

/*
 * A stamp's fields. `absolute`: at_ms says it all. Else a civil time: year 0
 * if the stamp has none, offset_s seconds east of UTC if `zoned`.
 */
struct stamp {
	bool absolute;
	bool zoned;
	int64_t at_ms;
	int year;
	unsigned month, day, hour, minute, second, ms;
	int32_t offset_s;
};

/*
 * The stamp that begins at p: its length and form; 0: none begins here.
 * Looks at shapes only, so that ordinary lines cost no arithmetic.
 */
size_t stamp_scan(const char *p, const char *end, enum stamp_form *form);

/*
 * The last stamps of the two common forms. Most lines of a log were written in
 * the same second as the one before, and their stamps need no second look.
 */
struct stamp_seen {
	bool iso, syslog;
	char iso_head[20];	/* 2026-08-21T10:11:12. */
	char iso_zone[6];	/* +02:00, after six digits */
	char syslog_head[15];	/* Aug 21 10:11:12 */
};

/* stamp_scan(), sooner for a stamp like the last one. */
size_t stamp_scan_again(const char *p, const char *end, struct stamp_seen *seen,
			enum stamp_form *form);

/* Only the shape of STAMP_DMY with slashes, as in web server logs. */
size_t stamp_scan_clf(const char *p, const char *end);

/* Take a scanned stamp's fields; -EINVAL: out of range (month 13). */
int stamp_read(struct span text, enum stamp_form form, struct stamp *ret);

/* Jan, Feb ... as 1 to 12; 0: no month. Three bytes are read. */
unsigned stamp_month(const char *p);

/* 1 to 9 digits after the dot as milliseconds; *p moves past all of them. */
unsigned stamp_fraction(const char **p, const char *end);

/*
 * Z, +02, +0200, +02:00 at *p: seconds east; *p moves past it. false: no
 * offset here, *p unmoved.
 */
bool stamp_offset(const char **p, const char *end, int32_t *ret);

#endif
