/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: one spelling for each, and what is no client's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/addr.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static const struct {
	const char *input;
	const char *want;	/* printed; NULL: no address */
	bool prefix;		/* not for addr_parse_host() */
} texts[] = {
	{ "192.0.2.7", "192.0.2.7", false },
	{ "0.0.0.0", "0.0.0.0", false },
	{ "255.255.255.255", "255.255.255.255", false },
	{ "192.0.2.7/32", "192.0.2.7", true },
	{ "192.0.2.7/24", "192.0.2.0/24", true },
	{ "192.0.2.255/25", "192.0.2.128/25", true },
	{ "192.0.2.255/31", "192.0.2.254/31", true },
	{ "255.255.255.255/1", "128.0.0.0/1", true },
	{ "192.0.2.7/0", "0.0.0.0/0", true },
	{ "2001:db8::1", "2001:db8::1", false },
	{ "2001:0DB8:0:0:0:0:0:1", "2001:db8::1", false },
	{ "2001:db8::1/128", "2001:db8::1", true },
	{ "2001:db8:1:2:3:4:5:6/64", "2001:db8:1:2::/64", true },
	{ "2001:db8:ffff::/47", "2001:db8:fffe::/47", true },
	{ "::", "::", false },
	{ "::/0", "::/0", true },
	{ "fe80::1%eth0", "fe80::1", false },
	{ "fe80::1%", "fe80::1", false },
	/* RFC 4291 2.5.5.2, and its neighbours, which are not IPv4 */
	{ "::ffff:192.0.2.7", "192.0.2.7", false },
	{ "::FFFF:c000:207", "192.0.2.7", false },
	{ "::ffff:192.0.2.7/128", "192.0.2.7", true },
	{ "::ffff:192.0.2.7/120", "192.0.2.0/24", true },
	{ "::ffff:192.0.2.7/96", "0.0.0.0/0", true },
	{ "::ffff:0:0/95", "::fffe:0:0/95", true },
	{ "::192.0.2.7", "::192.0.2.7", false },
	{ "64:ff9b::192.0.2.7", "64:ff9b::c000:207", false },
	{ "::ffff:0:192.0.2.7", "::ffff:0:c000:207", false },

	{ "", NULL, false },
	{ " 192.0.2.7", NULL, false },
	{ "192.0.2.7 ", NULL, false },
	{ "192.0.2.256", NULL, false },
	{ "300.1.1.1", NULL, false },
	{ "192.0.2.07", NULL, false },
	{ "192.0.02.7", NULL, false },
	{ "0300.0.2.7", NULL, false },
	{ "0xc0.0.2.7", NULL, false },
	{ "192.0.2", NULL, false },
	{ "192.0.2.7.8", NULL, false },
	{ "192.0.2.-7", NULL, false },
	{ "3221225991", NULL, false },
	{ "192.0.2.7%eth0", NULL, false },
	{ "192.0.2.7/", NULL, false },
	{ "192.0.2.7/33", NULL, false },
	{ "192.0.2.7/024", NULL, false },
	{ "192.0.2.7/-1", NULL, false },
	{ "192.0.2.7/2 ", NULL, false },
	{ "192.0.2.7/24/24", NULL, false },
	{ "192.0.2.7/0000", NULL, false },
	{ "192.0.2.7/4294967320", NULL, false },
	{ "2001:db8::/129", NULL, false },
	{ "2001:db8::1::1", NULL, false },
	{ "2001:db8", NULL, false },
	{ "12345::", NULL, false },
	{ ":", NULL, false },
	{ "[::1]", NULL, false },
	{ "::ffff:192.0.2.07", NULL, false },
	{ "unknown", NULL, false },
	{ "localhost", NULL, false },
	{ "2001:db8:1111:2222:3333:4444:5555:6666%a-zone-name-that-is-longer-than-all-buffers-here", NULL,
	  false },
};

static void parse_and_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char text[ADDR_TEXT_MAX];
		struct addr a = { .b = { 1, 2 } }, before = a, again;
		int r = addr_parse(span_of(texts[i].input), &a);

		if (!texts[i].want) {
			assert_int_equal(r, -EINVAL);
			assert_memory_equal(&a, &before, sizeof(a));
			assert_int_equal(addr_parse_host(span_of(texts[i].input), &a), -EINVAL);
			continue;
		}
		if (r != 0)
			fail_msg("'%s' is an address", texts[i].input);
		assert_string_equal(addr_print(&a, text), texts[i].want);
		assert_int_equal(addr_parse(span_of(text), &again), 0);
		assert_true(addr_equal(&a, &again));
		assert_int_equal(addr_parse_host(span_of(texts[i].input), &again),
				 texts[i].prefix ? -EINVAL : 0);
	}
}

/* Text in a line is not terminated, and may hold anything. */
static void parse_spans(void **state)
{
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse((struct span){ "192.0.2.77", 9 }, &a), 0);
	assert_int_equal(a.b[3], 7);
	assert_int_equal(addr_parse((struct span){ "192.0.2.7\0", 10 }, &a), -EINVAL);
	assert_int_equal(addr_parse((struct span){ NULL, 0 }, &a), -EINVAL);
}

static void print_none(void **state)
{
	struct addr none = { .family = ADDR_NONE };
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_print(&none, text), "none");
}

static void longest_text(void **state)
{
	struct addr a;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_parse(SPAN_LIT("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"), &a), 0);
	assert_string_equal(addr_print(&a, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
}

static struct addr made(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static const struct { const char *input; uint8_t len; const char *want; } masks[] = {
	{ "203.0.113.9", 32, "203.0.113.9" }, { "203.0.113.9", 33, "203.0.113.9" },
	{ "203.0.113.9", 24, "203.0.113.0/24" }, { "203.0.113.255", 30, "203.0.113.252/30" },
	{ "203.0.113.9", 0, "0.0.0.0/0" }, { "203.0.113.0/24", 28, "203.0.113.0/24" },
	{ "203.0.113.0/24", 16, "203.0.0.0/16" },
	{ "2001:db8:1:2:3::9", 64, "2001:db8:1:2::/64" }, { "2001:db8::9", 128, "2001:db8::9" },
	{ "2001:db8:1:2:ffff::9", 65, "2001:db8:1:2:8000::/65" },
};

static const struct { const char *input; uint8_t v4_len, v6_len; const char *want; } groups[] = {
	{ "203.0.113.9", 32, 64, "203.0.113.9" }, { "203.0.113.9", 24, 48, "203.0.113.0/24" },
	{ "2001:db8:1:2:3::9", 32, 64, "2001:db8:1:2::/64" }, { "2001:db8:1:2:3::9", 24, 48, "2001:db8:1::/48" },
	{ "64:ff9b::203.0.113.9", 32, 64, "64:ff9b::cb00:7109" },
	{ "64:ff9b::203.0.113.9", 24, 48, "64:ff9b::cb00:7100/120" },
	{ "64:ff9b::203.0.113.9", 32, 128, "64:ff9b::cb00:7109" },
	{ "64:ff9b::/64", 32, 64, "64:ff9b::/64" }, { "64:ff9b:1::9", 32, 64, "64:ff9b:1::/64" },
};

static void group(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(groups); i++) {
		char text[ADDR_TEXT_MAX];
		struct addr a = made(groups[i].input), m = addr_group(&a, groups[i].v4_len, groups[i].v6_len);

		assert_string_equal(addr_print(&m, text), groups[i].want);
	}
}

static void mask(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		char text[ADDR_TEXT_MAX];
		struct addr a = made(masks[i].input), m = addr_mask(&a, masks[i].len);

		assert_string_equal(addr_print(&m, text), masks[i].want);
	}
}

static const struct { const char *outer, *inner; bool contains, overlaps; } pairs[] = {
	{ "192.0.2.0/24", "192.0.2.7", true, true },
	{ "192.0.2.0/24", "192.0.2.0/24", true, true },
	{ "192.0.2.7", "192.0.2.0/24", false, true },
	{ "192.0.2.7", "192.0.2.7", true, true },
	{ "192.0.2.7", "192.0.2.8", false, false },
	{ "192.0.2.0/24", "192.0.3.0", false, false },
	{ "192.0.2.0/25", "192.0.2.128/25", false, false },
	{ "0.0.0.0/0", "203.0.113.9", true, true },
	{ "0.0.0.0/0", "::", false, false },
	{ "::/0", "0.0.0.0", false, false },
	{ "::/0", "2001:db8::1", true, true },
	{ "2001:db8::/32", "2001:db8:ffff::/48", true, true },
	{ "2001:db8::/48", "2001:db8:1::/48", false, false },
};

static void containment(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct addr a = made(pairs[i].outer), b = made(pairs[i].inner);

		assert_int_equal(addr_contains(&a, &b), pairs[i].contains);
		assert_int_equal(addr_overlaps(&a, &b), pairs[i].overlaps);
		assert_int_equal(addr_overlaps(&b, &a), pairs[i].overlaps);
	}
}

enum { PUBLIC, PRIVATE, SPECIAL };
static const struct { const char *input; int want; } kinds[] = {
	{ "0.0.0.0", SPECIAL }, { "0.255.255.255", SPECIAL }, { "1.0.0.0", PUBLIC },
	{ "9.255.255.255", PUBLIC }, { "10.0.0.0", PRIVATE }, { "10.255.255.255", PRIVATE },
	{ "11.0.0.0", PUBLIC },
	{ "100.63.255.255", PUBLIC }, { "100.64.0.0", PRIVATE }, { "100.127.255.255", PRIVATE },
	{ "100.128.0.0", PUBLIC },
	{ "126.255.255.255", PUBLIC }, { "127.0.0.0", SPECIAL }, { "127.255.255.255", SPECIAL },
	{ "128.0.0.0", PUBLIC },
	{ "169.253.255.255", PUBLIC }, { "169.254.0.0", PRIVATE }, { "169.254.255.255", PRIVATE },
	{ "169.255.0.0", PUBLIC },
	{ "172.15.255.255", PUBLIC }, { "172.16.0.0", PRIVATE }, { "172.31.255.255", PRIVATE },
	{ "172.32.0.0", PUBLIC },
	{ "192.167.255.255", PUBLIC }, { "192.168.0.0", PRIVATE }, { "192.168.255.255", PRIVATE },
	{ "192.169.0.0", PUBLIC },
	{ "223.255.255.255", PUBLIC }, { "224.0.0.0", SPECIAL }, { "239.255.255.255", SPECIAL },
	{ "240.0.0.0", SPECIAL }, { "255.255.255.255", SPECIAL },
	{ "10.1.0.0/16", PRIVATE }, { "127.0.0.0/8", SPECIAL }, { "126.0.0.0/7", PUBLIC },
	{ "8.0.0.0/7", PUBLIC },
	{ "::", SPECIAL }, { "::1", SPECIAL }, { "::2", PUBLIC }, { "::/64", PUBLIC },
	{ "::ffff:127.0.0.1", SPECIAL }, { "::ffff:10.0.0.1", PRIVATE },
	{ "2001:db8::1", PUBLIC }, { "2a00::", PUBLIC },
	{ "fbff:ffff::", PUBLIC }, { "fc00::", PRIVATE }, { "fdff:ffff::", PRIVATE }, { "fe00::", PUBLIC },
	{ "fe7f:ffff::", PUBLIC }, { "fe80::1", PRIVATE }, { "febf:ffff::", PRIVATE },
	{ "fec0::", PUBLIC }, { "feff::", PUBLIC }, { "ff00::", SPECIAL }, { "ff02::1", SPECIAL },
};

static void special_and_private(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct addr a = made(kinds[i].input);

		if (addr_is_special(&a) != (kinds[i].want == SPECIAL) ||
		    addr_is_private(&a) != (kinds[i].want == PRIVATE))
			fail_msg("%s: special %d private %d", kinds[i].input, addr_is_special(&a),
				 addr_is_private(&a));
	}
}

static void link_local6(void **state)
{
	static const struct { const char *input; bool want; } rows[] = {
		{ "fe7f:ffff::", false }, { "fe80::", true }, { "fe80::1%eth0", true }, { "fe80::/64", true },
		{ "febf:ffff::", true }, { "fec0::", false }, { "fe80::/10", true }, { "fe80::/9", false },
		{ "::/0", false }, { "169.254.1.1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = made(rows[i].input);

		if (addr_is_link_local6(&a) != rows[i].want)
			fail_msg("%s", rows[i].input);
	}
}

static void from_sockaddr(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = 25 };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_scope_id = 3 };
	struct sockaddr other = { .sa_family = AF_UNIX };
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	inet_pton(AF_INET, "203.0.113.9", &in.sin_addr);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in, &a), 0);
	assert_string_equal(addr_print(&a, text), "203.0.113.9");
	inet_pton(AF_INET6, "::ffff:203.0.113.9", &in6.sin6_addr);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, &a), 0);
	assert_string_equal(addr_print(&a, text), "203.0.113.9");
	inet_pton(AF_INET6, "fe80::9", &in6.sin6_addr);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, &a), 0);
	assert_string_equal(addr_print(&a, text), "fe80::9");
	assert_int_equal(addr_from_sockaddr(&other, &a), -EAFNOSUPPORT);
	assert_string_equal(addr_print(&a, text), "fe80::9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_print), cmocka_unit_test(parse_spans),
		cmocka_unit_test(print_none), cmocka_unit_test(longest_text),
		cmocka_unit_test(mask), cmocka_unit_test(group), cmocka_unit_test(containment),
		cmocka_unit_test(special_and_private), cmocka_unit_test(link_local6), cmocka_unit_test(from_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
