/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zones against the C library's own answers, and damaged zone files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/parse/zone.h"

/* Both halves of the world, odd offsets, negative summer time, no summer time. */
static const char *const zones[] = {
	"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin",
	"America/Santiago", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia",
	"America/Nuuk", "Asia/Gaza", "UTC", "CET-1CEST,M3.5.0,M10.5.0/3",
	"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "AEST-10AEDT,M10.1.0,M4.1.0/3", "EST5",
	"XYZ-1ABC,J60/1,J300/24",
};

static void test_like_libc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		struct zone *z;

		if (zone_load(zones[i], &z) < 0) {	/* a host without tzdata */
			print_message("[  SKIPPED ] %s\n", zones[i]);
			continue;
		}
		setenv("TZ", zones[i], 1);
		tzset();
		/* 1971 to 2100 in steps of 11 hours and a bit */
		for (time_t t = 31536000; t < 4102444800; t += 40007) {
			struct tm tm;

			localtime_r(&t, &tm);
			if (zone_offset(z, t) != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d, wanted %ld", zones[i], (long long)t,
					 zone_offset(z, t), tm.tm_gmtoff);
		}
		zone_free(&z);
	}
	unsetenv("TZ");
}

/* Each UTC time must be among the answers for its own local time. */
static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		struct zone *z;
		unsigned folds = 0;

		if (zone_load(zones[i], &z) < 0)
			continue;
		for (int64_t t = 1600000000; t < 1900000000; t += 1799) {
			int64_t a, b = -1;
			int n = zone_to_utc(z, t + zone_offset(z, t), &a, &b);

			folds += n == 2;
			if (t != a && (n == 1 || t != b))
				fail_msg("%s: %lld gives %lld, %lld", zones[i], (long long)t,
					 (long long)a, (long long)b);
			assert_true(n == 1 || a < b);
		}
		if (strcmp(zones[i], "Europe/Berlin") == 0)
			assert_true(folds > 0);
		zone_free(&z);
	}
}

/* Summer time all the year round: the last example of RFC 9636 section 3.3.1. */
static void test_always_summer(void **state)
{
	struct zone *z;

	(void)state;
	assert_int_equal(zone_load("XXX3EDT4,0/0,J365/23", &z), 0);
	for (int64_t t = 0; t < 4102444800; t += 3600)
		assert_int_equal(zone_offset(z, t), -14400);
	zone_free(&z);
}

static void test_host_zone(void **state)
{
	struct zone *z;

	(void)state;
	setenv("TZ", "FOO-3", 1);
	assert_int_equal(zone_load(NULL, &z), 0);
	assert_int_equal(zone_offset(z, 0), 10800);
	zone_free(&z);
	unsetenv("TZ");
	assert_int_equal(zone_load(NULL, &z), 0);
	zone_free(&z);
	zone_free(&z);
}

static void test_refused(void **state)
{
	static const char *const names[] = {
		"", "..", "/etc/localtime", "No/Such", "CET-1CEST", "CET-1CEST,M13.1.0,M1.1.0",
		"AB1", "CET-1CEST,M3.5.0", "CET-999", "CET-1CEST,M3.5.0,M10.5.0/3x", "<+3",
	};
	struct zone *z = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (zone_load(names[i], &z) == 0)
			fail_msg("'%s' was taken", names[i]);
	assert_null(z);
}

/* A zone file with any one byte changed or cut short: an answer, no crash. */
static void test_damaged(void **state)
{
	static char bytes[8192];
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "r");
	struct zone *z;
	size_t n;

	(void)state;
	if (!f)
		skip();
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		char *copy = malloc(i ? i : 1);

		memcpy(copy, bytes, i);
		assert_int_not_equal(zone_from_tzif((struct span){ copy, i }, &z), 0);
		free(copy);
	}
	for (size_t i = 0; i < n; i++)
		for (unsigned v = 0; v < 256; v += 51) {
			char was = bytes[i];

			bytes[i] = (char)v;
			if (zone_from_tzif((struct span){ bytes, n }, &z) == 0) {
				int64_t a, b;

				zone_to_utc(z, 1787299872, &a, &b);
				zone_free(&z);
			}
			bytes[i] = was;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_libc),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_always_summer),
		cmocka_unit_test(test_host_zone),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
