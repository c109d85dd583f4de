/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firewall against the real kernel, in a network namespace of our own.
 * What is in the kernel is judged by nft and by single elements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "netns.h"
#include "privileged/firewall/state.h"

static uint16_t mail_ports[] = { 25, 465, 587 };
static uint16_t ssh_ports[] = { 22 };
static struct scope scopes[] = {
	{ (char *)"all", 0, NULL }, { (char *)"mail", 3, mail_ports }, { (char *)"ssh", 1, ssh_ports },
};
enum { ALL, MAIL, SSH };

static struct firewall_conf conf_of(bool own, uint32_t set_size)
{
	return (struct firewall_conf){ "t", scopes, 3, own, false, set_size };
}

static struct firewall *open_firewall(bool own, uint32_t set_size)
{
	struct firewall_conf conf = conf_of(own, set_size);
	struct firewall *f = NULL;

	assert_int_equal(firewall_open(&conf, &f), 0);
	return f;
}

static void close_and_teardown(struct firewall **f)
{
	firewall_close(f);
	assert_int_equal(firewall_teardown("t"), 0);
}

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static struct addr host(uint32_t n)
{
	return (struct addr){ { 11, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n },
			      ADDR_V4, 32 };
}

static int apply_one(struct firewall *f, struct addr a, uint16_t scope, bool remove,
		     int64_t until_ms, bool *was_there)
{
	struct firewall_ban e = { .addr = a, .scope = scope, .remove = remove,
				  .until.ms = until_ms };

	assert_int_equal(firewall_apply(f, &e, 1, clock_wall()), 0);
	if (was_there)
		*was_there = e.was_there;
	return e.error;
}

static int ban(struct firewall *f, const char *addr, uint16_t scope, int64_t ms)
{
	return apply_one(f, parse(addr), scope, false, clock_wall().ms + ms, NULL);
}

/* What is left of it in ms, INT64_MAX for good, -1: not there. */
static int64_t left(struct firewall *f, const char *addr, uint16_t scope)
{
	struct firewall_element e;
	struct addr a = parse(addr);
	int r = firewall_get(f, &a, scope, &e);

	if (r == 0)
		return e.expires_ms;
	assert_int_equal(r, -ENOENT);
	return -1;
}

static bool about(int64_t got, int64_t want)
{
	return got > want - 5000 && got <= want;
}

static size_t in_kernel(struct firewall *f)
{
	struct firewall_status s;

	assert_int_equal(firewall_status(f, &s), 0);
	return s.in_kernel;
}

/* n bans from host(first) on, all done. */
static void ban_many(struct firewall *f, uint32_t first, size_t n, int64_t ms)
{
	struct firewall_ban *v = calloc(n, sizeof(*v));
	struct wall now = clock_wall();

	for (size_t i = 0; i < n; i++)
		v[i] = (struct firewall_ban){ .addr = host(first + (uint32_t)i), .scope = MAIL,
					      .until.ms = now.ms + ms + (int64_t)i };
	assert_int_equal(firewall_apply(f, v, n, now), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v[i].error, 0);
	free(v);
}

/* ---- the tests ---- */

static void makes_the_table(void **state)
{
	static const char *const want[] = {
		"iif \"lo\" accept",
		"icmpv6 type { packet-too-big, mld-listener-query,",
		"ip6 saddr fe80::/10 accept",
		"icmp type destination-unreachable icmp code frag-needed accept",
		"ip saddr @allow4 accept",
		"ip6 saddr @allow6 accept",
		"ip saddr @mail4_32 meta l4proto { tcp, udp } th dport { 25, 465, 587 } counter",
		"ip saddr & 255.255.0.0 == @all4_16 counter packets 0 bytes 0 drop",
		"ip6 saddr & ffff:ffff:ffff:ffff:: == @mail6_64 meta l4proto",
	};
	struct firewall *f = open_firewall(true, 1000);
	char out[16384];
	const char *at = out;

	(void)state;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(ban(f, "198.51.0.0/16", ALL, 60000), 0);
	assert_int_equal(ban(f, "2001:db8:1::/64", MAIL, 60000), 0);
	assert_int_equal(OUTPUT(out, "nft", "list", "table", "inet", "t"), 0);
	assert_non_null(strstr(out, "hook prerouting priority raw; policy accept;"));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const char *p = strstr(at, want[i]);

		if (!p)
			fail_msg("not there, or not in this place: %s\n%s", want[i], out);
		at = p;
	}
	close_and_teardown(&f);
	assert_int_equal(OUTPUT(out, "nft", "list", "ruleset"), 0);
	assert_string_equal(out, "");
}

static void adds_renews_removes(void **state)
{
	bool old_kernel = *(bool *)*state, was_there;
	struct firewall *f = open_firewall(true, 1000);

	if (old_kernel)
		f->able.renew = f->able.destroy = false;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_true(about(left(f, "198.51.100.1", MAIL), 60000));
	assert_int_equal(left(f, "198.51.100.1", ALL), -1);
	assert_int_equal(left(f, "198.51.100.2", MAIL), -1);
	/* A later end counts, an earlier one does not. */
	assert_int_equal(apply_one(f, parse("198.51.100.1"), MAIL, false,
				   clock_wall().ms + 600000, &was_there), 0);
	assert_true(was_there);
	assert_true(about(left(f, "198.51.100.1", MAIL), 600000));
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 1000), 0);
	assert_true(about(left(f, "198.51.100.1", MAIL), 600000));
	/* For good. */
	assert_int_equal(apply_one(f, parse("198.51.100.1"), MAIL, false, INT64_MAX, NULL), 0);
	assert_int_equal(left(f, "198.51.100.1", MAIL), INT64_MAX);
	/* An end that is past. */
	assert_int_equal(ban(f, "198.51.100.3", MAIL, -1), 0);
	assert_int_equal(left(f, "198.51.100.3", MAIL), -1);
	/* Taken out; once more; from a set that does not exist. */
	assert_int_equal(apply_one(f, parse("198.51.100.1"), MAIL, true, 0, &was_there), 0);
	assert_true(was_there);
	assert_int_equal(left(f, "198.51.100.1", MAIL), -1);
	assert_int_equal(apply_one(f, parse("198.51.100.1"), MAIL, true, 0, &was_there), 0);
	assert_false(was_there);
	assert_int_equal(apply_one(f, parse("198.51.0.0/20"), SSH, true, 0, &was_there), 0);
	assert_false(was_there);
	close_and_teardown(&f);
}

static void keeps_order_within_a_call(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	struct wall now = clock_wall();
	struct addr a = parse("198.51.100.1"), b = parse("198.51.100.2");
	struct firewall_ban v[] = {
		{ .addr = a, .scope = MAIL, .until.ms = now.ms + 60000 },
		{ .addr = b, .scope = MAIL, .remove = true },	/* is not there */
		{ .addr = a, .scope = MAIL, .remove = true },
		{ .addr = b, .scope = MAIL, .until.ms = now.ms + 60000 },
		{ .addr = b, .scope = MAIL, .until.ms = now.ms + 90000 },
	};
	static const bool there[] = { false, false, true, false, true };

	if (*(bool *)*state)
		f->able.renew = f->able.destroy = false;
	assert_int_equal(firewall_apply(f, v, 5, now), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(v[i].error, 0);
		assert_int_equal(v[i].was_there, there[i]);
	}
	assert_int_equal(left(f, "198.51.100.1", MAIL), -1);
	assert_true(about(left(f, "198.51.100.2", MAIL), 90000));
	close_and_teardown(&f);
}

static void removes_from_any_scope(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	bool was_there;

	(void)state;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(ban(f, "198.51.100.1", SSH, 60000), 0);
	assert_int_equal(ban(f, "198.51.100.0/24", SSH, 60000), 0);
	assert_int_equal(apply_one(f, parse("198.51.100.1"), FIREWALL_ANY_SCOPE, true, 0,
				   &was_there), 0);
	assert_true(was_there);
	assert_int_equal(left(f, "198.51.100.1", MAIL), -1);
	assert_int_equal(left(f, "198.51.100.1", SSH), -1);
	assert_true(left(f, "198.51.100.0/24", SSH) > 0);
	close_and_teardown(&f);
}

static void takes_ten_thousand_in_one_call(void **state)
{
	struct firewall *f = open_firewall(true, 100000);

	if (*(bool *)*state)
		f->able.renew = f->able.destroy = false;
	ban_many(f, 0, 10000, 60000);
	assert_int_equal(in_kernel(f), 10000);
	ban_many(f, 0, 10000, 90000);
	assert_int_equal(in_kernel(f), 10000);
	assert_true(about(left(f, "11.0.0.0", MAIL), 90000));
	close_and_teardown(&f);
}

static void takes_all_prefix_lengths(void **state)
{
	static const char *const addrs[] = {
		"198.51.100.1", "198.51.100.0/24", "198.51.0.0/16", "198.0.0.0/8",
		"2001:db8::1", "2001:db8:0:1::/64", "2001:db8:2::/48", "2001:db8::/32",
	};
	struct firewall *f = open_firewall(true, 1000);

	(void)state;
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		assert_int_equal(ban(f, addrs[i], MAIL, 60000), 0);
		assert_true(about(left(f, addrs[i], MAIL), 60000));
	}
	assert_int_equal(in_kernel(f), 8);
	close_and_teardown(&f);
}

static void answers_each_ban_by_itself(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	struct wall now = clock_wall();
	struct firewall_ban v[] = {
		{ .addr = parse("198.51.100.1"), .scope = MAIL, .until.ms = now.ms + 60000 },
		{ .addr = parse("198.51.100.2"), .scope = 77, .until.ms = now.ms + 60000 },
		{ .addr = { .family = ADDR_NONE }, .scope = MAIL, .until.ms = now.ms + 60000 },
		{ .addr = parse("198.51.100.4"), .scope = MAIL, .until.ms = now.ms + 60000 },
		{ .addr = { { 1 }, ADDR_V4, 33 }, .scope = MAIL, .until.ms = now.ms + 60000 },
	};
	static const int want[] = { 0, -EINVAL, -EINVAL, 0, -EINVAL };

	(void)state;
	assert_int_equal(firewall_apply(f, v, 5, now), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(v[i].error, want[i]);
	assert_int_equal(in_kernel(f), 2);
	close_and_teardown(&f);
}

/* Each prefix length is a rule that every packet passes: there is an end. */
static void bounds_the_number_of_sets(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	int r = 0;
	uint8_t len;

	(void)state;
	for (len = 128; r == 0 && len > 0; len--) {
		struct addr a = parse("2001:db8::"), masked = addr_mask(&a, len);

		r = apply_one(f, masked, MAIL, false, INT64_MAX, NULL);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(128 - len - 1, HELD_SETS_MAX);
	close_and_teardown(&f);
}

static void evicts_what_ends_first(void **state)
{
	struct firewall *f = open_firewall(true, 100);
	struct firewall_ban gone[64];
	size_t n = 0;

	(void)state;
	ban_many(f, 0, 100, 60000);
	ban_many(f, 1000, 10, 600000);
	assert_int_equal(in_kernel(f), 100);
	n = firewall_evicted(f, gone, 4);
	assert_int_equal(n, 4);
	n += firewall_evicted(f, gone + 4, 60);
	assert_int_equal(n, 10);
	for (uint32_t i = 0; i < 10; i++) {
		struct addr a = host(i);

		assert_true(addr_equal(&gone[i].addr, &a));
		assert_int_equal(gone[i].scope, MAIL);
	}
	assert_int_equal(left(f, "11.0.0.9", MAIL), -1);
	assert_true(left(f, "11.0.0.10", MAIL) > 0);
	/* Renewals need no room. */
	ban_many(f, 10, 90, 900000);
	assert_int_equal(firewall_evicted(f, gone, 64), 0);
	/* More than there is room for in one call: the last stand. */
	ban_many(f, 2000, 1000, 60000);
	assert_int_equal(in_kernel(f), 100);
	close_and_teardown(&f);
}

/* A set full of elements that we do not remember: ours make room for ours. */
static void copes_with_a_full_set(void **state)
{
	struct firewall *f = open_firewall(true, 5000);
	struct firewall_status s;

	(void)state;
	ban_many(f, 0, 5000, 60000);
	firewall_close(&f);
	f = open_firewall(true, 5000);
	ban_many(f, 100000, 5000, 60000);
	assert_int_equal(firewall_status(f, &s), 0);
	assert_true(s.evicted > 0);
	assert_int_equal(s.wanted + s.evicted, 5000);
	assert_int_equal(s.in_kernel, 5000 + s.wanted);
	close_and_teardown(&f);
}

/* Nothing of ours in it to make room: refused, and soon said so. */
static void answers_soon_when_nothing_fits(void **state)
{
	struct firewall *f = open_firewall(true, 10);
	struct firewall_ban v[2000];
	struct wall now = clock_wall();
	struct mono start;
	size_t refused = 0;
	uint64_t evicted;

	(void)state;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	f->set_size = 2000;		/* but the kernel's set stays at 10 + 4096 */
	ban_many(f, 0, 2000, 60000);
	held_clear(f->held, 0);
	ban_many(f, 10000, 2000, 60000);
	held_clear(f->held, 0);
	for (uint32_t i = 0; i < 2000; i++)
		v[i] = (struct firewall_ban){ .addr = host(20000 + i), .scope = MAIL,
					      .until.ms = now.ms + 60000 };
	evicted = f->evicted_total;
	start = clock_mono();
	assert_int_equal(firewall_apply(f, v, 2000, now), 0);
	assert_true(clock_mono().ms - start.ms < 20000);
	for (size_t i = 0; i < 2000; i++) {
		assert_true(v[i].error == 0 || v[i].error == -ENFILE);
		refused += v[i].error != 0;
	}
	assert_true(refused > 0);
	assert_int_equal(held_total(f->held) + f->evicted_total - evicted, 2000 - refused);
	close_and_teardown(&f);
}

static void keeps_elements_over_a_restart(void **state)
{
	bool own = !*(bool *)*state, was_there;
	struct firewall *f = open_firewall(own, 1000);
	char out[16384];

	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(ban(f, "2001:db8:5::/64", ALL, 60000), 0);
	firewall_close(&f);
	f = open_firewall(own, 2000);
	assert_int_equal(f->owned, own && f->able.own);
	assert_true(about(left(f, "198.51.100.1", MAIL), 60000));
	assert_true(about(left(f, "2001:db8:5::/64", ALL), 60000));
	assert_int_equal(OUTPUT(out, "nft", "list", "table", "inet", "t"), 0);
	assert_non_null(strstr(out, "@mail4_32"));
	assert_non_null(strstr(out, "@all6_64"));
	/* Not remembered, but there. */
	assert_int_equal(apply_one(f, parse("198.51.100.1"), MAIL, true, 0, &was_there), 0);
	assert_true(was_there);
	assert_int_equal(left(f, "198.51.100.1", MAIL), -1);
	close_and_teardown(&f);
}

static void second_owner_is_told(void **state)
{
	struct firewall_conf conf = conf_of(true, 1000);
	struct firewall *f = open_firewall(true, 1000), *g = NULL;

	(void)state;
	if (!f->owned)
		skip();
	assert_int_equal(firewall_open(&conf, &g), -EBUSY);
	assert_null(g);
	assert_int_equal(firewall_teardown("t"), -EPERM);
	close_and_teardown(&f);
}

static void owned_table_survives_a_flush(void **state)
{
	struct firewall *f = open_firewall(true, 10000);
	char out[65536];

	(void)state;
	if (!f->owned)
		skip();
	ban_many(f, 0, 10000, 60000);
	assert_int_equal(firewall_fd(f), -1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(RUN("nft", "flush", "ruleset"), 0);
	assert_int_equal(in_kernel(f), 10000);
	assert_int_equal(OUTPUT(out, "nft", "list", "chain", "inet", "t", "prerouting"), 0);
	assert_non_null(strstr(out, "@mail4_32"));
	close_and_teardown(&f);
}

static void puts_a_flushed_table_back(void **state)
{
	struct firewall *f = open_firewall(false, 10000);
	struct addr allowed = parse("192.0.2.0/24");
	struct firewall_status s;
	char who[64], out[65536];
	bool healed;

	(void)state;
	assert_true(firewall_fd(f) >= 0);
	assert_int_equal(firewall_allow(f, &allowed, 1), 0);
	ban_many(f, 0, 10000, 60000);
	assert_int_equal(ban(f, "2001:db8:5::/64", ALL, 60000), 0);
	assert_int_equal(firewall_event(f, clock_wall(), &healed, who, sizeof(who)), 0);
	assert_false(healed);
	for (int i = 0; i < 3; i++) {
		struct mono start = clock_mono();

		assert_int_equal(RUN("nft", "flush", "ruleset"), 0);
		assert_int_equal(firewall_event(f, clock_wall(), &healed, who, sizeof(who)), 0);
		assert_true(healed);
		assert_true(clock_mono().ms - start.ms < 1000);
		assert_int_equal(strncmp(who, "nft (pid ", 9), 0);
		assert_int_equal(firewall_status(f, &s), 0);
		assert_int_equal(s.in_kernel, 10001);
		assert_int_equal(s.healed, i + 1);
		assert_string_equal(s.last_flush, who);
	}
	assert_true(about(left(f, "11.0.0.0", MAIL), 60000));
	assert_int_equal(OUTPUT(out, "nft", "list", "set", "inet", "t", "allow4"), 0);
	assert_non_null(strstr(out, "192.0.2.0/24"));
	/* Our own writing is no reason to heal. */
	assert_int_equal(ban(f, "198.51.100.9", MAIL, 60000), 0);
	assert_int_equal(firewall_event(f, clock_wall(), &healed, who, sizeof(who)), 0);
	assert_false(healed);
	close_and_teardown(&f);
}

/* Somebody flushes again and again while bans come: none is refused or lost. */
static void stands_a_flush_in_a_loop(void **state)
{
	struct firewall *f = open_firewall(false, 100000);
	struct firewall_status s;
	uint32_t n = 0;
	bool healed;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 30; i++)
			RUN("nft", "flush", "ruleset");
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0 && n < 50000) {
		ban_many(f, n, n % 5 ? 1 : 3000, 600000);
		n += n % 5 ? 1 : 3000;
		usleep(5000);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(firewall_verify(f, clock_wall(), &healed), 0);
	assert_int_equal(firewall_status(f, &s), 0);
	assert_int_equal(s.wanted, n);
	assert_int_equal(s.in_kernel, n);
	close_and_teardown(&f);
}

/* A part is missing: a rule, the chain; noticed by the check alone as well. */
static void puts_parts_back(void **state)
{
	struct firewall *f = open_firewall(false, 1000);
	char who[64];
	bool healed;

	(void)state;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(firewall_verify(f, clock_wall(), &healed), 0);
	assert_false(healed);
	assert_int_equal(RUN("nft", "flush", "chain", "inet", "t", "prerouting"), 0);
	assert_int_equal(firewall_verify(f, clock_wall(), &healed), 0);
	assert_true(healed);
	assert_int_equal(firewall_verify(f, clock_wall(), &healed), 0);
	assert_false(healed);
	assert_int_equal(RUN("nft", "flush", "table", "inet", "t"), 0);
	assert_int_equal(RUN("nft", "delete", "chain", "inet", "t", "prerouting"), 0);
	assert_int_equal(RUN("nft", "delete", "set", "inet", "t", "mail4_32"), 0);
	assert_int_equal(firewall_event(f, clock_wall(), &healed, who, sizeof(who)), 0);
	assert_true(healed);
	assert_true(about(left(f, "198.51.100.1", MAIL), 60000));
	/* Gone just before a ban, not noticed yet: the ban is done all the same. */
	assert_int_equal(RUN("nft", "flush", "ruleset"), 0);
	assert_int_equal(ban(f, "198.51.100.2", MAIL, 60000), 0);
	assert_true(about(left(f, "198.51.100.1", MAIL), 60000));
	assert_true(about(left(f, "198.51.100.2", MAIL), 60000));
	close_and_teardown(&f);
}

static void drops_rare_sets_that_are_empty(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	char out[16384];
	bool healed;

	(void)state;
	assert_int_equal(ban(f, "198.0.0.0/8", MAIL, 60000), 0);
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(apply_one(f, parse("198.0.0.0/8"), MAIL, true, 0, NULL), 0);
	assert_int_equal(firewall_verify(f, clock_wall(), &healed), 0);
	assert_false(healed);
	assert_int_equal(OUTPUT(out, "nft", "list", "table", "inet", "t"), 0);
	assert_null(strstr(out, "mail4_8"));
	assert_non_null(strstr(out, "mail4_32"));
	assert_int_equal(ban(f, "198.0.0.0/8", MAIL, 60000), 0);
	assert_true(about(left(f, "198.0.0.0/8", MAIL), 60000));
	close_and_teardown(&f);
}

static void follows_a_reload(void **state)
{
	static uint16_t more_ports[] = { 25, 2525 };
	static struct scope other[] = {
		{ (char *)"all", 0, NULL }, { (char *)"web", 1, ssh_ports }, { (char *)"mail", 2, more_ports },
	};
	struct firewall *f = open_firewall(true, 1000);
	struct firewall_conf conf = { "t", other, 3, true, true, 2000 };
	struct firewall_ban gone[4];
	char out[16384];

	(void)state;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(ban(f, "198.51.100.2", MAIL, 70000), 0);
	assert_int_equal(ban(f, "198.51.100.1", SSH, 60000), 0);
	assert_int_equal(firewall_reconf(f, &conf), 0);
	assert_true(about(left(f, "198.51.100.1", 2), 60000));
	assert_int_equal(OUTPUT(out, "nft", "list", "table", "inet", "t"), 0);
	assert_non_null(strstr(out, "th dport { 25, 2525 }"));
	assert_null(strstr(out, "ssh4_32"));
	assert_int_equal(held_total(f->held), 2);
	/* Counters of each ban, from now on. */
	assert_int_equal(ban(f, "198.51.100.3", 2, 80000), 0);
	assert_int_equal(OUTPUT(out, "nft", "list", "set", "inet", "t", "mail4_32"), 0);
	assert_non_null(strstr(out, "198.51.100.3 counter packets 0 bytes 0 timeout"));
	/* Smaller. */
	conf.set_size = 2;
	assert_int_equal(firewall_reconf(f, &conf), 0);
	assert_int_equal(firewall_evicted(f, gone, 4), 1);
	assert_int_equal(left(f, "198.51.100.1", 2), -1);
	/* Not owned any more, and owned again: nothing is lost. */
	conf.own = false;
	assert_int_equal(firewall_reconf(f, &conf), 0);
	assert_false(f->owned);
	assert_true(firewall_fd(f) >= 0);
	assert_true(about(left(f, "198.51.100.2", 2), 70000));
	assert_int_equal(RUN("nft", "flush", "ruleset"), 0);
	conf.own = true;
	assert_int_equal(firewall_reconf(f, &conf), 0);
	assert_int_equal(f->owned, f->able.own);
	assert_true(about(left(f, "198.51.100.2", 2), 70000));
	/* From a table that cannot be owned to one that is. */
	conf.own = false;
	firewall_close(&f);
	assert_int_equal(firewall_teardown("t"), 0);
	assert_int_equal(firewall_open(&conf, &f), 0);
	assert_int_equal(ban(f, "198.51.100.2", 2, 70000), 0);
	conf.own = true;
	assert_int_equal(firewall_reconf(f, &conf), 0);
	assert_int_equal(f->owned, f->able.own);
	assert_true(about(left(f, "198.51.100.2", 2), 70000));
	conf.table = "u";
	assert_int_equal(firewall_reconf(f, &conf), -EINVAL);
	close_and_teardown(&f);
}

static void allow_sets_are_replaced(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	struct addr first[] = { parse("10.0.0.0/8"), parse("10.1.2.3"), parse("192.0.2.1"),
				parse("255.255.255.0/24"), parse("2001:db8::/32") };
	struct addr second[] = { parse("10.0.0.0/9"), parse("2001:db8::/33") };
	char out[16384];

	(void)state;
	assert_int_equal(firewall_allow(f, first, 5), 0);
	assert_int_equal(OUTPUT(out, "nft", "list", "set", "inet", "t", "allow4"), 0);
	assert_non_null(strstr(out, "10.0.0.0/8"));
	assert_non_null(strstr(out, "192.0.2.1"));
	assert_non_null(strstr(out, "255.255.255.0/24"));
	assert_null(strstr(out, "10.1.2.3"));
	assert_int_equal(firewall_allow(f, second, 2), 0);
	assert_int_equal(OUTPUT(out, "nft", "list", "set", "inet", "t", "allow4"), 0);
	assert_non_null(strstr(out, "{ 10.0.0.0/9 }"));
	assert_int_equal(OUTPUT(out, "nft", "list", "set", "inet", "t", "allow6"), 0);
	assert_non_null(strstr(out, "{ 2001:db8::/33 }"));
	assert_int_equal(firewall_allow(f, NULL, 0), 0);
	assert_int_equal(OUTPUT(out, "nft", "list", "set", "inet", "t", "allow4"), 0);
	assert_null(strstr(out, "elements"));
	close_and_teardown(&f);
}

static void forgets_what_has_ended(void **state)
{
	struct firewall *f = open_firewall(true, 1000);
	struct wall later = { clock_wall().ms + 61000 };

	(void)state;
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_int_equal(ban(f, "198.51.100.2", MAIL, 70000), 0);
	firewall_expire(f, later);
	assert_int_equal(held_total(f->held), 1);
	close_and_teardown(&f);
}

/* A table of our name that others made in another way. */
static void replaces_what_it_cannot_use(void **state)
{
	struct firewall *f;

	(void)state;
	assert_int_equal(RUN("nft", "add", "table", "inet", "t"), 0);
	assert_int_equal(RUN("nft", "add", "set", "inet", "t", "allow4",
			     "{ type ether_addr; }"), 0);
	assert_int_equal(RUN("nft", "add", "chain", "inet", "t", "prerouting"), 0);
	f = open_firewall(true, 1000);
	assert_int_equal(ban(f, "198.51.100.1", MAIL, 60000), 0);
	assert_true(about(left(f, "198.51.100.1", MAIL), 60000));
	close_and_teardown(&f);
	assert_int_equal(firewall_teardown("t"), 0);
}

int main(void)
{
	static bool no, yes = true;
	static bool *no_p = &no, *yes_p = &yes;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_table),
		cmocka_unit_test_prestate(adds_renews_removes, no_p),
		cmocka_unit_test_prestate(adds_renews_removes, yes_p),
		cmocka_unit_test_prestate(keeps_order_within_a_call, no_p),
		cmocka_unit_test_prestate(keeps_order_within_a_call, yes_p),
		cmocka_unit_test(removes_from_any_scope),
		cmocka_unit_test_prestate(takes_ten_thousand_in_one_call, no_p),
		cmocka_unit_test_prestate(takes_ten_thousand_in_one_call, yes_p),
		cmocka_unit_test(takes_all_prefix_lengths),
		cmocka_unit_test(answers_each_ban_by_itself),
		cmocka_unit_test(bounds_the_number_of_sets),
		cmocka_unit_test(evicts_what_ends_first),
		cmocka_unit_test(copes_with_a_full_set),
		cmocka_unit_test(answers_soon_when_nothing_fits),
		cmocka_unit_test_prestate(keeps_elements_over_a_restart, no_p),
		cmocka_unit_test_prestate(keeps_elements_over_a_restart, yes_p),
		cmocka_unit_test(second_owner_is_told),
		cmocka_unit_test(owned_table_survives_a_flush),
		cmocka_unit_test(puts_a_flushed_table_back),
		cmocka_unit_test(stands_a_flush_in_a_loop),
		cmocka_unit_test(puts_parts_back),
		cmocka_unit_test(drops_rare_sets_that_are_empty),
		cmocka_unit_test(follows_a_reload),
		cmocka_unit_test(allow_sets_are_replaced),
		cmocka_unit_test(forgets_what_has_ended),
		cmocka_unit_test(replaces_what_it_cannot_use),
	};

	hash_init();
	log_init("firewall_test", LOG_LEVEL_ERR);
	if (!netns_enter("firewall_test"))
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
