/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSE_ZONE_H
#define ENGINE_PARSE_ZONE_H

#include <stdint.h>

#include "bailiff/span.h"

/* A time zone held in memory: offsets from UTC at any time, past or to come. */
struct zone;

/*
 * Read a zone, once, before the sandbox. name: as in /usr/share/zoneinfo
 * ("Europe/Berlin"), a POSIX TZ string ("CET-1CEST,M3.5.0,M10.5.0/3"), or
 * NULL for the host's ($TZ, /etc/localtime, else UTC). *ret: zone_free().
 * -ENOENT: no such zone; -EINVAL: the zone's file is damaged.
 */
int zone_load(const char *name, struct zone **ret);
void zone_free(struct zone **z);

/* The same from a TZif file's bytes (RFC 9636). -EINVAL: damaged. */
int zone_from_tzif(struct span bytes, struct zone **ret);

/* Seconds east of UTC at a UTC time, in seconds since the epoch. */
int32_t zone_offset(const struct zone *z, int64_t utc_s);

/*
 * A local time (as if it were UTC, in seconds since the epoch) may stand for
 * one UTC time, for two (repeated hour, *ret2 > *ret) or for none (the gap;
 * *ret then uses the offset from before it, as mktime(3) does). Returns 1 or
 * 2: how many were set.
 */
int zone_to_utc(const struct zone *z, int64_t local_s, int64_t *ret,
		int64_t *ret2);

/* Days since the epoch of a proleptic Gregorian date; month from 1. */
int64_t civil_days(int64_t year, unsigned month, unsigned day);
int64_t civil_year(int64_t utc_s);
unsigned civil_month_days(int64_t year, unsigned month);

#endif
