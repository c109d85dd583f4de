/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a database of addresses: it is refused, or it answers, and a
 * country is two letters in upper case.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/addr.h"
#include "engine/match/geo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libmaxminddb 1.7 forgets a list of languages whose database it refuses. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static void ask(const struct geo *g, const char *text)
{
	char country[GEO_COUNTRY_MAX];
	struct addr a;
	uint32_t asn;

	if (addr_parse(span_of(text), &a) < 0)
		abort();
	if (geo_country(g, &a, country) &&
	    (strlen(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z'))
		abort();
	if (geo_asn(g, &a, &asn) && asn == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const places[] = {
		"192.0.2.1", "203.0.113.9", "1.1.1.1", "255.0.0.1", "2001:db8::1", "2a00:1::1", "::2", "fe00::1",
	};
	struct geo *g = NULL;
	int fd = memfd_create("geo", MFD_CLOEXEC);

	if (fd < 0 || geo_new(&g) < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	for (enum database d = 0; d < DATABASES; d++)
		geo_load(g, d, fd);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		ask(g, places[i]);
	geo_free(&g);
	close(fd);
	return 0;
}
