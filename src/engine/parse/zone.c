/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time zones without libc: localtime(3) and mktime(3) look at the file system
 * again and again and are slow (5 us a stamp), and neither tells both answers
 * for the repeated hour. So the zone's TZif file is read once: its 64-bit
 * transitions and the POSIX rule in its footer, which goes on where the table
 * ends (RFC 9636 section 3.3). Newer zoneinfo packages are "slim": there the
 * rule is all there is for the years we live in.
 */
#include "engine/parse/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ZONEINFO "/usr/share/zoneinfo/"
#define LOCALTIME "/etc/localtime"
#define TZIF_MAX (1u << 20)	/* the biggest of tzdata 2024 has 4 KB */
#define TZIF_HEADER 44
#define DAY_S INT64_C(86400)

enum rule_kind { RULE_JULIAN, RULE_DAY, RULE_MONTH };

/* When summer time begins or ends within a year; POSIX.1 XBD 8.3, TZ. */
struct edge {
	enum rule_kind kind;
	int day;		/* Jn: 1..365, n: 0..365, Mm.w.d: weekday */
	int month, week;
	int32_t at_s;		/* local time of day, may be negative */
};

struct rule {
	int32_t std_s, dst_s;	/* east of UTC */
	bool has_dst;
	struct edge start, end;
};

struct zone {
	size_t n;
	int64_t *at;		/* transitions, ascending */
	int32_t *offset;	/* from at[i] on */
	int32_t before;		/* before the first transition */
	bool has_rule;
	struct rule rule;
};

/* ---- calendar: Howard Hinnant, "chrono-compatible low-level date algorithms" ---- */

int64_t civil_days(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

int64_t civil_year(int64_t utc_s)
{
	int64_t days = (utc_s >= 0 ? utc_s : utc_s - (DAY_S - 1)) / DAY_S + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned doe = (unsigned)(days - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);

	return (int64_t)yoe + era * 400 + (doy >= 306);	/* 1 January is day 306 from March */
}

static bool leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned civil_month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30,
					      31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

/* ---- POSIX TZ strings ---- */

static const char *posix_name(const char *p)
{
	const char *start = p;

	if (*p == '<') {
		while (*p && *p != '>')
			p++;
		return *p ? p + 1 : NULL;
	}
	while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
		p++;
	return p - start >= 3 ? p : NULL;
}

static const char *posix_number(const char *p, int max, int *ret)
{
	int v = 0;

	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (*p - '0');
		if (v > max)
			return NULL;
	}
	*ret = v;
	return p;
}

/* [+-]hh[:mm[:ss]]; hours to 167 as RFC 9636 allows for rules. */
static const char *posix_time(const char *p, int32_t *ret)
{
	int part[3] = { 0, 0, 0 };
	int sign = 1;

	if (*p == '+' || *p == '-')
		sign = *p++ == '-' ? -1 : 1;
	for (int i = 0; i < 3; i++) {
		p = posix_number(p, i ? 59 : 167, &part[i]);
		if (!p || *p != ':' || i == 2)
			break;
		p++;
	}
	if (p)
		*ret = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
	return p;
}

static const char *posix_edge(const char *p, struct edge *ret)
{
	struct edge e = { .at_s = 7200 };

	if (*p++ != ',')
		return NULL;
	if (*p == 'M') {
		e.kind = RULE_MONTH;
		p = posix_number(p + 1, 12, &e.month);
		if (!p || *p != '.' || e.month < 1)
			return NULL;
		p = posix_number(p + 1, 5, &e.week);
		if (!p || *p != '.' || e.week < 1)
			return NULL;
		p = posix_number(p + 1, 6, &e.day);
	} else if (*p == 'J') {
		e.kind = RULE_JULIAN;
		p = posix_number(p + 1, 365, &e.day);
		if (p && e.day < 1)
			return NULL;
	} else {
		e.kind = RULE_DAY;
		p = posix_number(p, 365, &e.day);
	}
	if (p && *p == '/')
		p = posix_time(p + 1, &e.at_s);
	*ret = e;
	return p;
}

static bool posix_parse(const char *p, struct rule *ret)
{
	struct rule r = { 0 };

	p = posix_name(p);
	if (!p)
		return false;
	p = posix_time(p, &r.std_s);
	if (!p)
		return false;
	r.std_s = -r.std_s;	/* POSIX counts west */
	if (*p) {
		p = posix_name(p);
		if (!p)
			return false;
		r.has_dst = true;
		r.dst_s = r.std_s + 3600;
		if (*p && *p != ',') {
			p = posix_time(p, &r.dst_s);
			if (!p)
				return false;
			r.dst_s = -r.dst_s;
		}
		p = posix_edge(p, &r.start);
		if (p)
			p = posix_edge(p, &r.end);
		if (!p || *p)
			return false;
	}
	*ret = r;
	return true;
}

/* The local time of an edge in one year, in seconds since the epoch. */
static int64_t edge_at(const struct edge *e, int64_t year)
{
	int64_t day = civil_days(year, 1, 1);

	switch (e->kind) {
	case RULE_JULIAN:	/* 29 February is never counted */
		day += e->day - 1 + (leap(year) && e->day >= 60);
		break;
	case RULE_DAY:
		day += e->day;
		break;
	case RULE_MONTH: {
		int64_t first = civil_days(year, (unsigned)e->month, 1);
		int wday = (int)(((first + 4) % 7 + 7) % 7);	/* 1970-01-01: Thursday */
		int d = (e->day - wday + 7) % 7 + (e->week - 1) * 7;

		if (d >= (int)civil_month_days(year, (unsigned)e->month))
			d -= 7;
		day = first + d;
		break;
	}
	}
	return day * DAY_S + e->at_s;
}

static int32_t rule_offset(const struct rule *r, int64_t utc_s)
{
	int64_t year, start, end;
	bool dst;

	if (!r->has_dst)
		return r->std_s;
	year = civil_year(utc_s + r->std_s);
	start = edge_at(&r->start, year) - r->std_s;
	end = edge_at(&r->end, year) - r->dst_s;
	dst = start < end ? utc_s >= start && utc_s < end :
			    utc_s >= start || utc_s < end;
	return dst ? r->dst_s : r->std_s;
}

/* ---- TZif ---- */

static int64_t be_int(const char *p, unsigned n)
{
	uint64_t v = (signed char)p[0] < 0 ? UINT64_MAX : 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return (int64_t)v;
}

struct tzif_counts { size_t isut, isstd, leap, time, type, chars; };

static bool tzif_header(struct span s, struct tzif_counts *ret)
{
	size_t v[6];

	if (s.n < TZIF_HEADER || memcmp(s.p, "TZif", 4) != 0)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		int64_t count = be_int(s.p + 20 + 4 * i, 4);

		if (count < 0 || count > TZIF_MAX)
			return false;
		v[i] = (size_t)count;
	}
	*ret = (struct tzif_counts){ v[0], v[1], v[2], v[3], v[4], v[5] };
	return ret->type > 0;
}

static size_t tzif_body(const struct tzif_counts *c, unsigned time_size)
{
	return c->time * (time_size + 1) + c->type * 6 + c->chars +
	       c->leap * (time_size + 4) + c->isstd + c->isut;
}

static int tzif_table(struct zone *z, const char *p, const struct tzif_counts *c,
		      unsigned size)
{
	const char *index = p + c->time * size, *types = index + c->time;

	z->before = (int32_t)be_int(types, 4);
	z->n = c->time;
	z->at = calloc(c->time + 1, sizeof(*z->at));
	z->offset = calloc(c->time + 1, sizeof(*z->offset));
	if (!z->at || !z->offset)
		return -ENOMEM;
	for (size_t i = 0; i < c->time; i++) {
		unsigned type = (unsigned char)index[i];

		if (type >= c->type)
			return -EINVAL;
		z->at[i] = be_int(p + i * size, size);
		z->offset[i] = (int32_t)be_int(types + 6 * type, 4);
		if (i && z->at[i] < z->at[i - 1])
			return -EINVAL;
	}
	return 0;
}

static bool tzif_footer(struct zone *z, struct span s)
{
	char text[256];
	const char *end;
	size_t n;

	if (s.n < 2 || s.p[0] != '\n')
		return false;
	end = memchr(s.p + 1, '\n', s.n - 1);
	n = end ? (size_t)(end - s.p - 1) : sizeof(text);
	if (n >= sizeof(text))
		return false;
	memcpy(text, s.p + 1, n);
	text[n] = '\0';
	if (n == 0)		/* "no rule is known" */
		return true;
	z->has_rule = posix_parse(text, &z->rule);
	return z->has_rule;
}

/* Offsets beyond a day are nonsense and would let sums run away. */
static bool zone_sane(const struct zone *z)
{
	const int32_t max = 25 * 3600 + 1;

	for (size_t i = 0; i < z->n; i++)
		if (z->offset[i] > max || z->offset[i] < -max)
			return false;
	return z->before <= max && z->before >= -max;
}

static int tzif_load(struct zone *z, struct span s)
{
	struct tzif_counts c;
	unsigned size = 4;
	int r;

	if (!tzif_header(s, &c))
		return -EINVAL;
	if (s.p[4] >= '2') {	/* skip the 32-bit block */
		size_t skip = TZIF_HEADER + tzif_body(&c, 4);

		if (s.n < skip)
			return -EINVAL;
		s.p += skip;
		s.n -= skip;
		size = 8;
		if (!tzif_header(s, &c))
			return -EINVAL;
	}
	s.p += TZIF_HEADER;
	s.n -= TZIF_HEADER;
	if (s.n < tzif_body(&c, size))
		return -EINVAL;
	r = tzif_table(z, s.p, &c, size);
	if (r < 0)
		return r;
	s.p += tzif_body(&c, size);
	s.n -= tzif_body(&c, size);
	if (size == 8 && !tzif_footer(z, s))
		return -EINVAL;
	return zone_sane(z) ? 0 : -EINVAL;
}

int zone_from_tzif(struct span bytes, struct zone **ret)
{
	_cleanup_(zone_free) struct zone *z = calloc(1, sizeof(*z));
	int r;

	if (!z)
		return -ENOMEM;
	r = tzif_load(z, bytes);
	if (r < 0)
		return r;
	*ret = z;
	z = NULL;
	return 0;
}

static int zone_from_file(const char *path, struct zone **ret)
{
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(free_ptr) char *bytes = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	if (st.st_size > (off_t)TZIF_MAX)
		return -EINVAL;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	n = read(fd, bytes, (size_t)st.st_size);
	if (n < 0)
		return -errno;
	return zone_from_tzif((struct span){ bytes, (size_t)n }, ret);
}

static int zone_from_rule(const char *text, struct zone **ret)
{
	struct zone *z;
	struct rule rule = { 0 };

	/* Hosts without tzdata still know UTC. */
	if (strcmp(text, "UTC") != 0 && strcmp(text, "GMT") != 0 &&
	    !posix_parse(text, &rule))
		return -ENOENT;
	z = calloc(1, sizeof(*z));
	if (!z)
		return -ENOMEM;
	z->rule = rule;
	z->has_rule = true;
	*ret = z;
	return 0;
}

static int zone_by_name(const char *name, struct zone **ret)
{
	char path[512];
	int n, r;

	if (!*name || *name == '/' || strstr(name, ".."))
		return -ENOENT;
	n = snprintf(path, sizeof(path), "%s%s", ZONEINFO, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENOENT;
	r = zone_from_file(path, ret);
	return r == -ENOENT ? zone_from_rule(name, ret) : r;
}

int zone_load(const char *name, struct zone **ret)
{
	const char *tz = getenv("TZ");
	int r;

	if (name)
		return zone_by_name(name, ret);
	if (tz && *tz == ':')
		tz++;
	if (tz && *tz == '/')
		return zone_from_file(tz, ret);
	if (tz && *tz)
		return zone_by_name(tz, ret);
	r = zone_from_file(LOCALTIME, ret);
	return r == -ENOENT ? zone_from_rule("UTC", ret) : r;
}

void zone_free(struct zone **z)
{
	if (!*z)
		return;
	free((*z)->at);
	free((*z)->offset);
	free(*z);
	*z = NULL;
}

int32_t zone_offset(const struct zone *z, int64_t utc_s)
{
	size_t lo = 0, hi = z->n;

	if (z->has_rule && (z->n == 0 || utc_s >= z->at[z->n - 1]))
		return rule_offset(&z->rule, utc_s);
	while (lo < hi) {	/* the first transition after utc_s */
		size_t mid = lo + (hi - lo) / 2;

		if (z->at[mid] <= utc_s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? z->offset[lo - 1] : z->before;
}

int zone_to_utc(const struct zone *z, int64_t local_s, int64_t *ret,
		int64_t *ret2)
{
	/* No zone has changed its clocks twice within two days since 1970. */
	int32_t before = zone_offset(z, local_s - DAY_S);
	int32_t after = zone_offset(z, local_s + DAY_S);
	int64_t a = local_s - before, b = local_s - after;
	bool a_holds = zone_offset(z, a) == before;
	bool b_holds = zone_offset(z, b) == after;

	if (a_holds && b_holds && a != b) {
		*ret = a < b ? a : b;
		*ret2 = a < b ? b : a;
		return 2;
	}
	*ret = b_holds && !a_holds ? b : a;
	return 1;
}
