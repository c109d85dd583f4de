/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time stamps as log lines write them. Recognising one and reading it are
 * apart: stamp_scan() sees nearly every line and compares shapes, stamp_read()
 * sees the few that a jail matched and takes the numbers out. The first byte
 * tells the forms apart, so that a line tries one or two of them.
 */
#include "engine/parse/stamp.h"

#include <endian.h>
#include <errno.h>

static inline bool digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static inline bool two(const char *p)
{
	return digit(p[0]) && digit(p[1]);
}

static inline unsigned num(const char *p, unsigned n)
{
	unsigned v = 0;

	while (n--)
		v = v * 10 + (unsigned)(*p++ - '0');
	return v;
}

/*
 * The sum of the second and the third letter, modulo 32, differs for all
 * twelve: one comparison tells.
 */
unsigned stamp_month(const char *p)
{
	static const struct { char name[4]; unsigned char month; } names[32] = {
		[15] = { "Jan", 1 }, [7] = { "Feb", 2 }, [19] = { "Mar", 3 },
		[2] = { "Apr", 4 }, [26] = { "May", 5 }, [3] = { "Jun", 6 },
		[1] = { "Jul", 7 }, [28] = { "Aug", 8 }, [21] = { "Sep", 9 },
		[23] = { "Oct", 10 }, [5] = { "Nov", 11 }, [8] = { "Dec", 12 },
	};
	unsigned i = ((unsigned char)p[1] + (unsigned char)p[2]) & 31;

	return memcmp(names[i].name, p, 3) == 0 ? names[i].month : 0;
}

/* hh:mm:ss; the caller has checked that 8 bytes are there. */
static inline bool clock_shape(const char *p)
{
	return two(p) && p[2] == ':' && two(p + 3) && p[5] == ':' && two(p + 6);
}

/* [.,] and digits, if they are there. */
static inline const char *skip_fraction(const char *p, const char *end)
{
	if (p + 1 < end && (*p == '.' || *p == ',') && digit(p[1]))
		for (p++; p < end && digit(*p); p++)
			;
	return p;
}

static inline const char *skip_offset(const char *p, const char *end)
{
	if (p < end && *p == 'Z')
		return p + 1;
	if (end - p < 3 || (*p != '+' && *p != '-') || !two(p + 1))
		return p;
	p += 3;
	if (end - p >= 3 && *p == ':' && two(p + 1))
		return p + 3;
	return end - p >= 2 && two(p) ? p + 2 : p;
}

/* "Aug 21 10:11:12", "Aug  1 ...", "Aug 1 ..." */
static inline size_t scan_syslog(const char *p, const char *end)
{
	const char *s = p + 4;

	if (end - p < 14 || p[3] != ' ' || !stamp_month(p))
		return 0;
	if (*s == ' ')
		s++;
	if (!digit(*s))
		return 0;
	s += digit(s[1]) ? 2 : 1;
	if (end - s < 9 || *s != ' ' || !clock_shape(s + 1))
		return 0;
	return (size_t)(skip_fraction(s + 9, end) - p);
}

/* "Fri Aug 21 10:11:12 2026"; Apache writes a fraction before the year. */
static size_t scan_ctime(const char *p, const char *end)
{
	const char *s;
	size_t n;

	if (end - p < 18 || p[3] != ' ')
		return 0;
	n = scan_syslog(p + 4, end);
	s = p + 4 + n;
	if (!n || end - s < 5 || *s != ' ' || !two(s + 1) || !two(s + 3))
		return 0;
	return (size_t)(s + 5 - p);
}

/* "2026-08-21T10:11:12.123456+02:00", "2026/08/21 10:11:12,123 +0200" */
static size_t scan_iso(const char *p, const char *end)
{
	const char *s, *zone;

	if (end - p < 19 || !two(p) || !two(p + 2) || (p[4] != '-' && p[4] != '/') ||
	    !two(p + 5) || p[7] != p[4] || !two(p + 8) ||
	    (p[10] != 'T' && p[10] != ' ') || !clock_shape(p + 11))
		return 0;
	s = skip_fraction(p + 19, end);
	zone = skip_offset(s, end);
	if (zone == s && end - s >= 6 && *s == ' ' && s[1] != 'Z') {
		zone = skip_offset(s + 1, end);
		if (zone != s + 6)	/* only " +0200": no part of the text */
			zone = s;
	}
	return (size_t)(zone - p);
}

/* dd sep Mon sep yyyy, [: ], time, and what may follow as the zone. */
static size_t scan_dmy(const char *p, const char *end)
{
	const char *s;

	if (end - p < 20 || !two(p) || (p[2] != '/' && p[2] != '-') ||
	    !stamp_month(p + 3) || p[6] != p[2] || !two(p + 7) || !two(p + 9) ||
	    (p[11] != ':' && p[11] != ' ') || !clock_shape(p + 12))
		return 0;
	s = skip_fraction(p + 20, end);
	if (end - s >= 6 && *s == ' ' && skip_offset(s + 1, end) == s + 6)
		return (size_t)(s + 6 - p);
	/* PHP writes the zone's name: "... UTC]", "... Europe/Berlin]". */
	if (end - s >= 4 && *s == ' ' && s[1] >= 'A' && s[1] <= 'Z') {
		const char *e = s + 1, *max = end - s > 40 ? s + 40 : end;

		while (e < max && *e != ']' && *e != ' ')
			e++;
		if (e < end && *e == ']')
			s = e;
	}
	return (size_t)(s - p);
}

size_t stamp_scan_clf(const char *p, const char *end)
{
	return end - p >= 20 && p[2] == '/' ? scan_dmy(p, end) : 0;
}

/* Ten digits: 2001 to 2286. Fewer would take a kernel's uptime for a time. */
static size_t scan_epoch(const char *p, const char *end)
{
	const char *s = p;

	while (s < end && s - p < 11 && digit(*s))
		s++;
	return s - p == 10 && *p != '0' ? (size_t)(skip_fraction(s, end) - p) : 0;
}

static int hex(char c)
{
	if (digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t scan_tai64n(const char *p, const char *end)
{
	if (end - p < 25 || p[1] != '4')
		return 0;
	for (unsigned i = 1; i < 25; i++)
		if (hex(p[i]) < 0)
			return 0;
	return 25;
}

static inline size_t found(size_t n, enum stamp_form is, enum stamp_form *form)
{
	*form = is;
	return n;
}

size_t stamp_scan(const char *p, const char *end, enum stamp_form *form)
{
	size_t n;

	if (p >= end)
		return 0;
	if (*p >= 'A' && *p <= 'Z') {
		if ((n = scan_syslog(p, end)))
			return found(n, STAMP_SYSLOG, form);
		return found(scan_ctime(p, end), STAMP_CTIME, form);
	}
	if (digit(*p)) {
		if ((n = scan_iso(p, end)))
			return found(n, STAMP_ISO, form);
		if ((n = scan_dmy(p, end)))
			return found(n, STAMP_DMY, form);
		return found(scan_epoch(p, end), STAMP_EPOCH, form);
	}
	return *p == '@' ? found(scan_tai64n(p, end), STAMP_TAI64N, form) : 0;
}

/* Six digits, all at once: the high halves are 3, and the low ones below 10. */
static inline bool six_digits(const char *p)
{
	const uint64_t high = UINT64_C(0x0000f0f0f0f0f0f0);
	const uint64_t three = UINT64_C(0x0000303030303030);
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v = le64toh(v);
	return (v & high) == three &&
	       ((v + UINT64_C(0x0000060606060606)) & high) == three;
}

#define ISO_LEN 32	/* 2026-08-21T10:11:12.123456+02:00 */

static inline bool like_iso(const char *p, const struct stamp_seen *seen)
{
	return seen->iso && memcmp(p, seen->iso_head, 8) == 0 &&
	       memcmp(p + 8, seen->iso_head + 8, 8) == 0 &&
	       memcmp(p + 16, seen->iso_head + 16, 4) == 0 && six_digits(p + 20) &&
	       memcmp(p + 26, seen->iso_zone, 4) == 0 &&
	       memcmp(p + 30, seen->iso_zone + 4, 2) == 0;
}

static inline bool like_syslog(const char *p, const struct stamp_seen *seen)
{
	return seen->syslog && memcmp(p, seen->syslog_head, 8) == 0 &&
	       memcmp(p + 7, seen->syslog_head + 7, 8) == 0;
}

static void remember(const char *p, size_t n, enum stamp_form form, struct stamp_seen *seen)
{
	if (form == STAMP_ISO && n == ISO_LEN && (p[26] == '+' || p[26] == '-') && p[29] == ':') {
		seen->iso = true;
		memcpy(seen->iso_head, p, sizeof(seen->iso_head));
		memcpy(seen->iso_zone, p + 26, sizeof(seen->iso_zone));
	} else if (form == STAMP_SYSLOG && n >= 15 && p[6] == ' ') {
		seen->syslog = true;
		memcpy(seen->syslog_head, p, sizeof(seen->syslog_head));
	}
}

size_t stamp_scan_again(const char *p, const char *end, struct stamp_seen *seen,
			enum stamp_form *form)
{
	size_t n;

	if (end - p >= ISO_LEN && like_iso(p, seen))
		return found(ISO_LEN, STAMP_ISO, form);
	if (end - p >= 15 && like_syslog(p, seen))
		return found((size_t)(skip_fraction(p + 15, end) - p), STAMP_SYSLOG, form);
	n = stamp_scan(p, end, form);
	if (n)
		remember(p, n, *form, seen);
	return n;
}

/* ---- reading ---- */

unsigned stamp_fraction(const char **p, const char *end)
{
	unsigned v = 0, n = 0;

	for (; *p < end && digit(**p); (*p)++)
		if (n < 3) {
			v = v * 10 + (unsigned)(**p - '0');
			n++;
		}
	for (; n < 3; n++)
		v *= 10;
	return v;
}

bool stamp_offset(const char **p, const char *end, int32_t *ret)
{
	const char *s = *p, *after = skip_offset(s, end);
	unsigned minutes = 0;

	if (after == s)
		return false;
	*p = after;
	*ret = 0;
	if (*s == 'Z')
		return true;
	if (after - s > 3)
		minutes = num(after - 2, 2);
	*ret = (int32_t)(num(s + 1, 2) * 3600 + minutes * 60);
	if (*s == '-')
		*ret = -*ret;
	return true;
}

/* hh:mm:ss and a fraction; *p moves past them. */
static void read_clock(const char **p, const char *end, struct stamp *st)
{
	const char *s = *p;

	st->hour = num(s, 2);
	st->minute = num(s + 3, 2);
	st->second = num(s + 6, 2);
	s += 8;
	if (s < end && (*s == '.' || *s == ',')) {
		s++;
		st->ms = stamp_fraction(&s, end);
	}
	*p = s;
}

static void read_zone(const char *p, const char *end, struct stamp *st)
{
	if (p < end && *p == ' ')
		p++;
	st->zoned = stamp_offset(&p, end, &st->offset_s);
	if (!st->zoned && end - p == 3 &&
	    (memcmp(p, "UTC", 3) == 0 || memcmp(p, "GMT", 3) == 0))
		st->zoned = true;
}

static int read_syslog(const char *p, const char *end, struct stamp *st)
{
	const char *s = p + 4;

	st->month = stamp_month(p);
	if (*s == ' ')
		s++;
	for (; digit(*s); s++)
		st->day = st->day * 10 + (unsigned)(*s - '0');
	s++;
	read_clock(&s, end, st);
	return 0;
}

static int read_ctime(const char *p, const char *end, struct stamp *st)
{
	st->year = (int)num(end - 4, 4);
	return read_syslog(p + 4, end - 5, st);
}

static int read_iso(const char *p, const char *end, struct stamp *st)
{
	const char *s = p + 11;

	st->year = (int)num(p, 4);
	st->month = num(p + 5, 2);
	st->day = num(p + 8, 2);
	read_clock(&s, end, st);
	read_zone(s, end, st);
	return 0;
}

static int read_dmy(const char *p, const char *end, struct stamp *st)
{
	const char *s = p + 12;

	st->day = num(p, 2);
	st->month = stamp_month(p + 3);
	st->year = (int)num(p + 7, 4);
	read_clock(&s, end, st);
	read_zone(s, end, st);
	return 0;
}

static int read_epoch(const char *p, const char *end, struct stamp *st)
{
	const char *s = p + 10;

	st->absolute = true;
	st->at_ms = (int64_t)num(p, 5) * 100000 + num(p + 5, 5);
	st->at_ms *= 1000;
	if (s < end) {
		s++;
		st->at_ms += stamp_fraction(&s, end);
	}
	return 0;
}

/*
 * D. J. Bernstein, "TAI64, TAI64N, and TAI64NA". multilog and its kin do not
 * know leap seconds: their label is 2^62 + 10 + Unix time (daemontools, tai.h).
 */
static int read_tai64n(const char *p, const char *end, struct stamp *st)
{
	uint64_t label = 0, nano = 0;
	int64_t unix_s;

	(void)end;
	for (unsigned i = 1; i < 17; i++)
		label = label << 4 | (unsigned)hex(p[i]);
	for (unsigned i = 17; i < 25; i++)
		nano = nano << 4 | (unsigned)hex(p[i]);
	unix_s = (int64_t)(label - (UINT64_C(1) << 62) - 10);
	if (unix_s < 0 || unix_s > INT64_C(1) << 40 || nano > 999999999)
		return -EINVAL;
	st->absolute = true;
	st->at_ms = unix_s * 1000 + (int64_t)(nano / 1000000);
	return 0;
}

static int (*const readers[])(const char *, const char *, struct stamp *) = {
	[STAMP_SYSLOG] = read_syslog,
	[STAMP_ISO] = read_iso,
	[STAMP_DMY] = read_dmy,
	[STAMP_CTIME] = read_ctime,
	[STAMP_EPOCH] = read_epoch,
	[STAMP_TAI64N] = read_tai64n,
};

int stamp_read(struct span text, enum stamp_form form, struct stamp *ret)
{
	struct stamp st = { 0 };
	int r;

	if (form == STAMP_NONE || form >= STAMP_CUSTOM)
		return -EINVAL;
	r = readers[form](text.p, text.p + text.n, &st);
	if (r < 0)
		return r;
	*ret = st;
	return 0;
}
