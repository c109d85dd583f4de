/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"
#include "privileged/firewall/ranges.h"

struct row {
	const char *name;
	uint8_t family;
	const char *in[6];
	const char *want;	/* "lo-hi lo-hi" */
};

static const struct row rows[] = {
	{ "none", ADDR_V4, { NULL }, "" },
	{ "one host", ADDR_V4, { "192.0.2.1" }, "192.0.2.1-192.0.2.1" },
	{ "host within prefix", ADDR_V4, { "192.0.2.7", "192.0.2.0/24" },
	  "192.0.2.0-192.0.2.255" },
	{ "prefix in prefix at its start", ADDR_V4, { "10.0.0.0/8", "10.0.0.0/16" },
	  "10.0.0.0-10.255.255.255" },
	{ "neighbours join", ADDR_V4, { "10.0.1.0/24", "10.0.0.0/24" },
	  "10.0.0.0-10.0.1.255" },
	{ "apart", ADDR_V4, { "10.0.2.0/24", "10.0.0.0/24" },
	  "10.0.0.0-10.0.0.255 10.0.2.0-10.0.2.255" },
	{ "the same twice", ADDR_V4, { "10.0.0.1", "10.0.0.1" }, "10.0.0.1-10.0.0.1" },
	{ "up to the end", ADDR_V4, { "255.255.255.255", "224.0.0.0/3" },
	  "224.0.0.0-255.255.255.255" },
	{ "all", ADDR_V4, { "0.0.0.0/0", "1.2.3.4" }, "0.0.0.0-255.255.255.255" },
	{ "only its family", ADDR_V4, { "2001:db8::/32", "1.2.3.4" }, "1.2.3.4-1.2.3.4" },
	{ "IPv6", ADDR_V6, { "2001:db8::/32", "2001:db8::1", "::1", "1.2.3.4" },
	  "::1-::1 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "IPv6 up to the end", ADDR_V6, { "ff00::/8" },
	  "ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
};

static void put(char *out, size_t size, uint8_t family, const uint8_t *b)
{
	struct addr a = { .family = family, .len = family == ADDR_V4 ? 32 : 128 };
	char text[ADDR_TEXT_MAX];

	memcpy(a.b, b, family == ADDR_V4 ? 4 : 16);
	snprintf(out + strlen(out), size - strlen(out), "%s", addr_print(&a, text));
}

static void merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct range ranges[6];
		struct addr in[6];
		char got[256] = "";
		size_t n = 0, k;

		for (; n < 6 && row->in[n]; n++)
			assert_int_equal(addr_parse(span_of(row->in[n]), &in[n]), 0);
		k = ranges_make(in, n, row->family, ranges);
		for (size_t j = 0; j < k; j++) {
			if (j)
				strcat(got, " ");
			put(got, sizeof(got), row->family, ranges[j].lo);
			strcat(got, "-");
			put(got, sizeof(got), row->family, ranges[j].hi);
		}
		if (strcmp(got, row->want) != 0)
			fail_msg("%s: got %s, want %s", row->name, got, row->want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(merges) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
