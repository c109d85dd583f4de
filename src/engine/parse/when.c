/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a stamp's fields to a time. A syslog stamp has neither year nor zone,
 * so both are inferred, from the arrival time and from what the source said
 * last; the rules are those of DESIGN section 5, and the same line in the same
 * place always gets the same answer.
 */
#include "engine/parse/when.h"

#include <errno.h>

#define DAY_MS INT64_C(86400000)
/* A stamp this far behind the last one belongs to the next year (--year). */
#define HALF_YEAR_MS (183 * DAY_MS)
/*
 * Lines of one source come out of order by moments (several writers); more
 * than this behind, in the repeated hour, is the hour's second run.
 */
#define DISORDER_MS INT64_C(60000)
/* A line this near to its arrival in the second run is of the second run. */
#define FRESH_MS INT64_C(300000)

static int64_t floor_s(int64_t ms)
{
	return (ms >= 0 ? ms : ms - 999) / 1000;
}

static bool valid(const struct stamp *s, int64_t year)
{
	return year >= 1 && s->month >= 1 && s->month <= 12 && s->day >= 1 &&
	       s->day <= civil_month_days(year, s->month) && s->hour <= 23 &&
	       s->minute <= 59 && s->second <= 60;
}

static int64_t local_seconds(const struct stamp *s, int64_t year)
{
	return civil_days(year, s->month, s->day) * 86400 +
	       (int64_t)s->hour * 3600 + s->minute * 60 + s->second;
}

static int64_t in_year(const struct zone *z, const struct stamp *s, int64_t year,
		       const struct stamp_ctx *ctx, int64_t last_ms)
{
	int64_t local = local_seconds(s, year), first, second, off;

	if (s->zoned)
		return (local - s->offset_s) * 1000 + s->ms;
	if (zone_to_utc(z, local, &first, &second) == 1)
		return first * 1000 + s->ms;
	first = first * 1000 + s->ms;
	second = second * 1000 + s->ms;
	if (last_ms && first < last_ms - DISORDER_MS)
		return second;
	off = ctx->arrival.ms - second;
	return off > -FRESH_MS && off < FRESH_MS ? second : first;
}

static int64_t year_of(const struct zone *z, int64_t ms)
{
	int64_t s = floor_s(ms);

	return civil_year(s + zone_offset(z, s));
}

/* --year names the year of the first line; later ones may pass New Year. */
static int year_given(const struct zone *z, const struct stamp *s,
		      const struct stamp_ctx *ctx, int64_t last_ms, int64_t *ret)
{
	int64_t year = ctx->year, ms;

	if (last_ms && year_of(z, last_ms) > year)
		year = year_of(z, last_ms);
	if (!valid(s, year)) {
		if (!last_ms || !valid(s, ++year))
			return -EINVAL;
		*ret = in_year(z, s, year, ctx, last_ms);
		return 0;
	}
	ms = in_year(z, s, year, ctx, last_ms);
	if (last_ms && ms < last_ms - HALF_YEAR_MS && valid(s, year + 1))
		ms = in_year(z, s, year + 1, ctx, last_ms);
	else if (last_ms && ms > last_ms + HALF_YEAR_MS && year > ctx->year &&
		 valid(s, year - 1))
		ms = in_year(z, s, year - 1, ctx, last_ms);
	*ret = ms;
	return 0;
}

/*
 * The latest year that does not put the stamp in the future, bar a day for
 * clocks and zones that disagree. Eight years back hold a 29 February always.
 */
static int year_by_arrival(const struct zone *z, const struct stamp *s,
			   const struct stamp_ctx *ctx, int64_t last_ms,
			   int64_t *ret)
{
	int64_t newest = year_of(z, ctx->arrival.ms) + 1;

	for (int64_t year = newest; year >= newest - 9; year--) {
		int64_t ms;

		if (!valid(s, year))
			continue;
		ms = in_year(z, s, year, ctx, last_ms);
		if (ms <= ctx->arrival.ms + DAY_MS) {
			*ret = ms;
			return 0;
		}
	}
	return -EINVAL;
}

int when_resolve(const struct zone *z, const struct stamp *s,
		 const struct stamp_ctx *ctx, int64_t last_ms, int64_t *ret)
{
	if (s->absolute) {
		*ret = s->at_ms;
		return 0;
	}
	if (s->year) {
		if (!valid(s, s->year))
			return -EINVAL;
		*ret = in_year(z, s, s->year, ctx, last_ms);
		return 0;
	}
	if (ctx->year)
		return year_given(z, s, ctx, last_ms, ret);
	return year_by_arrival(z, s, ctx, last_ms, ret);
}
