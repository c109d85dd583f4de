/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Countries and systems of addresses, from databases that tests/mmdb.py writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "engine/match/geo.h"

static char dir[] = "/tmp/bailiff-geo-XXXXXX";
extern char **environ;

static const char *path_of(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void make(const char *name, const char *const *records)
{
	char *argv[16] = { (char *)"python3", (char *)"tests/mmdb.py", (char *)path_of(name) };
	int status = -1;
	pid_t pid;

	for (size_t i = 0; records[i]; i++)
		argv[3 + i] = (char *)records[i];
	assert_int_equal(posix_spawnp(&pid, "/usr/bin/python3", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	static const char *const nested[] = {
		"192.0.2.0/24={\"country\":{\"iso_code\":\"DE\"}}",
		"192.0.2.128/25={\"country\":{\"iso_code\":\"CZ\"}}",
		"198.51.100.0/24={\"registered_country\":{\"iso_code\":\"ch\"}}",
		"203.0.113.0/24={\"country\":{\"iso_code\":\"ZZ\"},\"registered_country\":{\"iso_code\":\"FR\"}}",
		"10.0.0.0/8={\"country\":{\"iso_code\":\"US\"}}",
		"9.9.9.9/32={\"country\":{\"iso_code\":\"Deutschland\"}}",
		"2001:db8::/32={\"country\":{\"iso_code\":\"AT\"}}", NULL,
	};
	static const char *const flat[] = { "192.0.2.0/24={\"country_code\":\"NL\"}", NULL };
	static const char *const systems[] = {
		"192.0.2.0/24={\"autonomous_system_number\":64500}",
		"198.51.100.0/24={\"asn\":4200000000}", "203.0.113.0/24={\"asn\":0}", NULL,
	};

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	make("nested", nested);
	make("flat", flat);
	make("systems", systems);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "nested", "flat", "systems", "cut", NULL };

	(void)state;
	for (size_t i = 0; names[i]; i++)
		unlink(path_of(names[i]));
	return rmdir(dir);
}

static int load(struct geo *g, enum database d, const char *name)
{
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	r = geo_load(g, d, fd);
	close(fd);
	return r;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static void check(const struct geo *g, const char *text, const char *country, uint32_t asn)
{
	struct addr a = addr(text);
	char got[GEO_COUNTRY_MAX] = "--";
	uint32_t n = 7;

	assert_int_equal(geo_country(g, &a, got), country != NULL);
	assert_string_equal(got, country ? country : "--");
	assert_int_equal(geo_asn(g, &a, &n), asn != 0);
	assert_int_equal(n, asn ? asn : 7);
}

static void test_places(void **state)
{
	struct geo *g;

	(void)state;
	check(NULL, "192.0.2.1", NULL, 0);
	assert_int_equal(geo_new(&g), 0);
	check(g, "192.0.2.1", NULL, 0);
	assert_false(geo_has(g, DATABASE_COUNTRY));
	assert_int_equal(load(g, DATABASE_COUNTRY, "nested"), 0);
	assert_int_equal(load(g, DATABASE_ASN, "systems"), 0);
	assert_true(geo_has(g, DATABASE_COUNTRY) && geo_has(g, DATABASE_ASN));
	check(g, "192.0.2.1", "DE", 64500);
	check(g, "192.0.2.128", "CZ", 64500);		/* the longer prefix */
	check(g, "198.51.100.1", "CH", 4200000000u);	/* registered, lower case */
	check(g, "203.0.113.1", "FR", 0);		/* ZZ is nowhere, 0 nobody */
	check(g, "2001:db8::1", "AT", 0);
	check(g, "2001:db9::1", NULL, 0);
	check(g, "::ffff:192.0.2.1", "DE", 64500);
	check(g, "10.1.2.3", NULL, 0);			/* private, whatever it says */
	check(g, "127.0.0.1", NULL, 0);
	check(g, "9.9.9.9", NULL, 0);			/* no code */
	assert_int_equal(load(g, DATABASE_COUNTRY, "flat"), 0);
	check(g, "192.0.2.1", "NL", 64500);		/* took the other's place */
	geo_free(&g);
}

static void test_put(void **state)
{
	struct addr net = addr("192.0.2.0/28"), one = addr("192.0.2.99");
	struct geo *g;

	(void)state;
	assert_int_equal(geo_new(&g), 0);
	assert_int_equal(load(g, DATABASE_COUNTRY, "nested"), 0);
	assert_int_equal(geo_put(g, &net, "FR", 0), 0);
	assert_int_equal(geo_put(g, &one, "", 64511), 0);
	check(g, "192.0.2.15", "FR", 0);
	check(g, "192.0.2.99", NULL, 64511);
	check(g, "192.0.2.16", "DE", 0);
	geo_free(&g);
}

static void test_damage(void **state)
{
	char bytes[4096];
	struct geo *g;
	ssize_t n;
	int fd = open(path_of("nested"), O_RDONLY | O_CLOEXEC), cut;

	(void)state;
	assert_int_equal(geo_new(&g), 0);
	assert_int_equal(load(g, DATABASE_ASN, "nested"), -ENOMSG);	/* of other things */
	assert_int_equal(load(g, DATABASE_COUNTRY, "systems"), -ENOMSG);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_true(n > 200);
	/* Cut anywhere, flipped anywhere: refused, or some answer, and no harm. */
	for (ssize_t at = 0; at < n; at += 7) {
		struct addr a = addr("192.0.2.1");
		char country[GEO_COUNTRY_MAX];

		cut = open(path_of("cut"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(cut, bytes, (size_t)at), at);
		assert_int_not_equal(geo_load(g, DATABASE_COUNTRY, cut), 0);
		bytes[at] ^= 0x55;
		assert_int_equal(pwrite(cut, bytes, (size_t)n, 0), n);
		bytes[at] ^= 0x55;
		if (geo_load(g, DATABASE_COUNTRY, cut) == 0)
			geo_country(g, &a, country);
		close(cut);
	}
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(geo_load(g, DATABASE_COUNTRY, fd), -EBADMSG);
	close(fd);
	geo_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
