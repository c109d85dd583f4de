/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Known-good networks: the boundaries of the rule, the bound, snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/count/networks.h"

#define T0 1700000000000ll
#define H 3600000ll
#define DAY (24 * H)
#define JOE SPAN_LIT("joe@x.example")
#define ANN SPAN_LIT("ann@x.example")

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static void add(struct networks *n, const char *from, struct span who, int64_t at)
{
	struct addr a = addr(from);

	networks_add(n, &a, who, (struct event_time){ T0 + at });
}

static bool good(struct networks *n, const char *from, struct span who, int64_t at)
{
	struct addr a = addr(from);

	return networks_good(n, &a, who, (struct event_time){ T0 + at }, 4 * H);
}

static void test_rule(void **state)
{
	struct networks *n;

	(void)state;
	assert_int_equal(networks_new(&n), 0);
	add(n, "192.0.2.1", JOE, 0);
	assert_false(good(n, "192.0.2.1", JOE, 4 * H - 1));
	assert_true(good(n, "192.0.2.1", JOE, 4 * H));
	assert_true(good(n, "192.0.2.254", JOE, 4 * H));
	assert_false(good(n, "192.0.3.1", JOE, 4 * H));
	assert_false(good(n, "198.51.100.1", JOE, 4 * H));
	assert_false(good(n, "192.0.2.1", ANN, 4 * H));
	/* the last success within 60 days, to the millisecond */
	assert_true(good(n, "192.0.2.1", JOE, 60 * DAY));
	assert_false(good(n, "192.0.2.1", JOE, 60 * DAY + 1));
	/* after such a gap it begins anew */
	add(n, "192.0.2.1", JOE, 60 * DAY + 1);
	assert_false(good(n, "192.0.2.1", JOE, 60 * DAY + 1));
	assert_true(good(n, "192.0.2.1", JOE, 60 * DAY + 1 + 4 * H));
	/* a late line may have been the first */
	add(n, "2001:db8:1:2::1", ANN, 5000);
	add(n, "2001:db8:1:ffff::9", ANN, 0);
	assert_true(good(n, "2001:db8:1::", ANN, 4 * H));
	assert_false(good(n, "2001:db8:2::", ANN, 4 * H));
	networks_free(&n);
}

static void test_snapshot(void **state)
{
	struct networks *n, *back;
	struct buf snap = { 0 };
	struct reader in;

	(void)state;
	assert_int_equal(networks_new(&n), 0);
	assert_int_equal(networks_new(&back), 0);
	add(n, "192.0.2.1", JOE, 0);
	add(n, "192.0.2.1", JOE, DAY);
	add(n, "2001:db8::1", ANN, DAY);
	networks_save(n, &snap);
	in = (struct reader){ .p = snap.p, .n = snap.n };
	assert_int_equal(networks_restore(back, &in), 0);
	assert_true(good(back, "192.0.2.1", JOE, 61 * DAY));
	assert_false(good(back, "192.0.2.1", JOE, 61 * DAY + 1));
	in = (struct reader){ .p = snap.p, .n = snap.n - 1 };
	assert_int_equal(networks_restore(back, &in), -EBADMSG);
	in = (struct reader){ .p = snap.p, .n = 3 };
	assert_int_equal(networks_restore(back, &in), -EBADMSG);
	buf_free(&snap);
	networks_free(&n);
	networks_free(&back);
}

/* However many: the newest stay, what went is counted. */
static void test_bound(void **state)
{
	struct networks *n;
	char name[32];
	unsigned kept = 0;

	(void)state;
	assert_int_equal(networks_new(&n), 0);
	for (int i = 0; i < 300000; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		add(n, "192.0.2.1", span_of(name), i);
	}
	assert_in_range(networks_forgotten(n), 300000 - 131072, 300000);
	for (int i = 290000; i < 300000; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		kept += good(n, "192.0.2.1", span_of(name), 5 * H);
	}
	assert_in_range(kept, 9900, 10000);
	networks_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule), cmocka_unit_test(test_snapshot), cmocka_unit_test(test_bound),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
