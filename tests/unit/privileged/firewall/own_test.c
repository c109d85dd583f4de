/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Own addresses and gateways, followed in a network namespace of our own. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/addr.h"
#include "netns.h"
#include "privileged/firewall/own.h"

static enum own_kind ask(struct own *o, const char *text, const char *want)
{
	char got[ADDR_TEXT_MAX];
	struct addr a, found;
	enum own_kind kind;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	kind = own_overlaps(o, &a, &found);
	if (kind != OWN_NONE && want)
		assert_string_equal(addr_print(&found, got), want);
	return kind;
}

/* Read events until the answer is this: others, such as of the device's own
 * link-local address, may come before the one that matters. */
static void follow(struct own *o, const char *text, enum own_kind kind)
{
	struct pollfd p = { .fd = own_fd(o), .events = POLLIN };

	while (ask(o, text, NULL) != kind) {
		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(own_event(o), 0);
	}
}

static void follows_addresses(void **state)
{
	struct own *o;

	(void)state;
	assert_int_equal(own_open(&o), 0);
	assert_int_equal(ask(o, "127.0.0.1", "127.0.0.1"), OWN_ADDRESS);
	assert_int_equal(ask(o, "127.0.0.0/8", "127.0.0.1"), OWN_ADDRESS);
	assert_int_equal(ask(o, "::1", "::1"), OWN_ADDRESS);
	assert_int_equal(ask(o, "203.0.113.5", NULL), OWN_NONE);
	assert_int_equal(RUN("ip", "addr", "add", "203.0.113.5/24", "dev", "v0"), 0);
	follow(o, "203.0.113.5", OWN_ADDRESS);
	assert_int_equal(ask(o, "203.0.113.5", "203.0.113.5"), OWN_ADDRESS);
	assert_int_equal(ask(o, "203.0.113.0/24", "203.0.113.5"), OWN_ADDRESS);
	assert_int_equal(ask(o, "203.0.0.0/8", "203.0.113.5"), OWN_ADDRESS);
	assert_int_equal(ask(o, "203.0.113.6", NULL), OWN_NONE);
	assert_int_equal(ask(o, "203.0.113.8/29", NULL), OWN_NONE);
	assert_int_equal(RUN("ip", "addr", "add", "2001:db8:77::5/64", "dev", "v0", "nodad"), 0);
	follow(o, "2001:db8:77::/64", OWN_ADDRESS);
	assert_int_equal(ask(o, "2001:db8:77::/64", "2001:db8:77::5"), OWN_ADDRESS);
	assert_int_equal(ask(o, "2001:db8:77::6", NULL), OWN_NONE);
	assert_int_equal(RUN("ip", "addr", "del", "203.0.113.5/24", "dev", "v0"), 0);
	follow(o, "203.0.113.0/24", OWN_NONE);
	assert_int_equal(ask(o, "203.0.113.0/24", NULL), OWN_NONE);
	own_close(&o);
	assert_null(o);
}

static void follows_gateways(void **state)
{
	struct own *o;

	(void)state;
	assert_int_equal(RUN("ip", "addr", "add", "203.0.113.5/24", "dev", "v0"), 0);
	assert_int_equal(own_open(&o), 0);
	assert_int_equal(ask(o, "203.0.113.1", NULL), OWN_NONE);
	assert_int_equal(RUN("ip", "route", "add", "default", "via", "203.0.113.1"), 0);
	follow(o, "203.0.113.1", OWN_GATEWAY);
	assert_int_equal(ask(o, "203.0.113.1", "203.0.113.1"), OWN_GATEWAY);
	/* Not the way to some other network. */
	assert_int_equal(RUN("ip", "route", "add", "10.0.0.0/8", "via", "203.0.113.9"), 0);
	follow(o, "203.0.113.9", OWN_NONE);
	assert_int_equal(ask(o, "203.0.113.9", NULL), OWN_NONE);
	/* Two ways at once, and one through an IPv6 hop. */
	assert_int_equal(RUN("ip", "route", "add", "default", "metric", "7", "nexthop", "via",
			     "203.0.113.2", "nexthop", "via", "203.0.113.3"), 0);
	assert_int_equal(RUN("ip", "route", "add", "default", "metric", "9", "via", "inet6",
			     "fe80::77", "dev", "v0"), 0);
	follow(o, "203.0.113.2", OWN_GATEWAY);
	assert_int_equal(ask(o, "203.0.113.2", "203.0.113.2"), OWN_GATEWAY);
	assert_int_equal(ask(o, "203.0.113.3", "203.0.113.3"), OWN_GATEWAY);
	assert_int_equal(ask(o, "fe80::77", "fe80::77"), OWN_GATEWAY);
	assert_int_equal(RUN("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev",
			     "v0"), 0);
	follow(o, "fe80::1", OWN_GATEWAY);
	assert_int_equal(ask(o, "fe80::1", "fe80::1"), OWN_GATEWAY);
	own_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_addresses),
		cmocka_unit_test(follows_gateways),
	};

	if (!netns_enter("own_test"))
		return 0;
	if (RUN("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1") != 0 ||
	    RUN("ip", "link", "set", "v0", "up") != 0 || RUN("ip", "link", "set", "v1", "up") != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
