/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only caller of clock_gettime, and the words people use for spans of time. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct wall clock_wall(void)
{
	return (struct wall){ now_ms(CLOCK_REALTIME) };
}

struct mono clock_mono(void)
{
	return (struct mono){ now_ms(CLOCK_MONOTONIC) };
}

const char *clock_print(int64_t ms, char *buf, size_t size)
{
	time_t s = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, size, "never");
	return buf;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "w", 7 * 86400000LL }, { "d", 86400000LL }, { "h", 3600000LL },
	{ "m", 60000LL }, { "s", 1000LL }, { "ms", 1LL },
};
#define NUNITS (sizeof(units) / sizeof(*units))
#define SPAN_MAX (100 * 366 * 86400000LL)

int clock_parse_span(const char *text, int64_t *ret)
{
	int64_t sum = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		int64_t v = 0, ms = 0;
		size_t n;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++) {
			v = v * 10 + (*text - '0');
			if (v > SPAN_MAX)
				return -ERANGE;
		}
		n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
		for (size_t i = 0; i < NUNITS; i++)
			if (strlen(units[i].name) == n && memcmp(units[i].name, text, n) == 0)
				ms = units[i].ms;
		if (ms == 0)
			return -EINVAL;
		if (v > SPAN_MAX / ms || sum + v * ms > SPAN_MAX)
			return -ERANGE;
		sum += v * ms;
		text += n;
	}
	*ret = sum;
	return 0;
}

const char *clock_print_span(int64_t ms, char *buf, size_t size)
{
	size_t at = 0;

	if (ms <= 0) {
		snprintf(buf, size, "0s");
		return buf;
	}
	for (size_t i = 0; i < NUNITS && ms && at < size; i++) {
		int64_t v = ms / units[i].ms;

		if (v == 0)
			continue;
		ms -= v * units[i].ms;
		at += (size_t)snprintf(buf + at, size - at, "%lld%s", (long long)v, units[i].name);
	}
	return buf;
}
