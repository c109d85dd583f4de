/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who succeeded from where: the owner's place, others' places, and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/count/known.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))
#define NOW INT64_C(1787306400000)
#define DAY 86400000ll

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static void add(struct known *k, const char *from, const char *account, int64_t ms)
{
	struct addr a = addr_of(from);

	known_add(k, &a, span_of(account), (struct event_time){ ms });
}

static enum known_as ask(const struct known *k, const char *from, const char *account, int64_t ms)
{
	struct addr a = addr_of(from);

	return known_ask(k, &a, span_of(account), (struct event_time){ ms });
}

static const struct {
	const char *name;
	struct { const char *from, *account; int64_t ago; } seen[3];
	const char *from;
	enum known_as want;	/* for joe, now */
} rows[] = {
	{ "never seen", { { NULL } }, "203.0.113.9", KNOWN_NOT },
	{ "joe, just now", { { "203.0.113.9", "joe", 0 } }, "203.0.113.9", KNOWN_NOT },
	{ "joe, less than a day ago", { { "203.0.113.9", "joe", DAY - 1 } }, "203.0.113.9", KNOWN_NOT },
	{ "joe, a day ago", { { "203.0.113.9", "joe", DAY } }, "203.0.113.9", KNOWN_OWN },
	{ "joe, a year ago and now", { { "203.0.113.9", "joe", 365 * DAY }, { "203.0.113.9", "joe", 0 } },
	  "203.0.113.9", KNOWN_OWN },
	{ "joe, elsewhere", { { "203.0.113.9", "joe", DAY } }, "203.0.113.8", KNOWN_NOT },
	{ "ann, a day ago", { { "203.0.113.9", "ann", DAY } }, "203.0.113.9", KNOWN_OTHERS },
	{ "ann, longer ago", { { "203.0.113.9", "ann", DAY + 1 } }, "203.0.113.9", KNOWN_NOT },
	{ "both: his own place", { { "203.0.113.9", "ann", 1 }, { "203.0.113.9", "joe", 2 * DAY } },
	  "203.0.113.9", KNOWN_OWN },
	{ "both, joe only now", { { "203.0.113.9", "ann", 1 }, { "203.0.113.9", "joe", 0 } },
	  "203.0.113.9", KNOWN_OTHERS },
	{ "IPv6: by the /64", { { "2001:db8:1:2::9", "joe", DAY } }, "2001:db8:1:2:ffff::1", KNOWN_OWN },
	{ "IPv6: no wider", { { "2001:db8:1:2::9", "joe", DAY } }, "2001:db8:1:3::9", KNOWN_NOT },
};

static void knows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct known *k;

		assert_int_equal(known_new(&k), 0);
		for (size_t n = 0; n < 3 && rows[i].seen[n].from; n++)
			add(k, rows[i].seen[n].from, rows[i].seen[n].account, NOW - rows[i].seen[n].ago);
		if (ask(k, rows[i].from, "joe", NOW) != rows[i].want)
			fail_msg("%s", rows[i].name);
		known_free(&k);
		assert_null(k);
		known_free(&k);
	}
}

/* Four accounts a place: the one silent longest goes. */
static void accounts_of_a_place(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct known *k;

	(void)state;
	assert_int_equal(known_new(&k), 0);
	for (size_t i = 0; i < COUNT(names); i++)
		add(k, "203.0.113.9", names[i], NOW - 3 * DAY + (int64_t)i);
	add(k, "203.0.113.9", "a", NOW - 2 * DAY);
	add(k, "203.0.113.9", "e", NOW - 2 * DAY + 1);
	assert_int_equal(ask(k, "203.0.113.9", "a", NOW), KNOWN_OWN);
	assert_int_equal(ask(k, "203.0.113.9", "b", NOW), KNOWN_NOT);
	assert_int_equal(ask(k, "203.0.113.9", "c", NOW), KNOWN_OWN);
	assert_int_equal(ask(k, "203.0.113.9", "e", NOW), KNOWN_OWN);
	assert_int_equal(known_forgotten(k), 0);
	known_free(&k);
}

/* However many places: bounded, counted, and the newest of them known. */
static void bounded(void **state)
{
	const uint32_t many = 200000;
	struct addr a = { .family = ADDR_V4, .len = 32 };
	struct known *k;
	unsigned there = 0;

	(void)state;
	assert_int_equal(known_new(&k), 0);
	for (uint32_t i = 0; i < many; i++) {
		memcpy(a.b, &i, sizeof(i));
		known_add(k, &a, SPAN_LIT("joe"), (struct event_time){ NOW - 2 * DAY + i });
	}
	for (uint32_t i = 0; i < many; i++) {
		memcpy(a.b, &i, sizeof(i));
		there += known_ask(k, &a, SPAN_LIT("joe"), (struct event_time){ NOW }) == KNOWN_OWN;
	}
	assert_true(there <= 65536 && there > 60000);
	assert_int_equal(known_forgotten(k), many - there);
	for (uint32_t i = many - 1000; i < many; i++) {
		memcpy(a.b, &i, sizeof(i));
		assert_int_equal(known_ask(k, &a, SPAN_LIT("joe"), (struct event_time){ NOW }), KNOWN_OWN);
	}
	known_free(&k);
}

static void saved(void **state)
{
	struct known *k, *again;
	struct buf out = { 0 };
	struct reader in;

	(void)state;
	assert_int_equal(known_new(&k), 0);
	assert_int_equal(known_new(&again), 0);
	known_save(k, &out);
	assert_int_equal(out.n, 0);
	add(k, "203.0.113.9", "joe", NOW - 2 * DAY);
	add(k, "203.0.113.8", "ann", NOW);
	add(k, "2001:db8::1", "joe", NOW - 2 * DAY);
	known_save(k, &out);
	in = (struct reader){ .p = out.p, .n = out.n };
	assert_int_equal(known_restore(again, &in), 0);
	assert_int_equal(ask(again, "203.0.113.9", "joe", NOW), KNOWN_OWN);
	assert_int_equal(ask(again, "203.0.113.8", "joe", NOW), KNOWN_OTHERS);
	assert_int_equal(ask(again, "2001:db8::2", "joe", NOW), KNOWN_OWN);
	assert_int_equal(ask(again, "203.0.113.7", "joe", NOW), KNOWN_NOT);
	assert_int_equal(known_forgotten(again), 0);
	/* Cut anywhere within a place, it is damaged, and said so. */
	in = (struct reader){ .p = out.p, .n = out.n - 1 };
	assert_int_equal(known_restore(again, &in), -EBADMSG);
	out.p[16] = 9;
	in = (struct reader){ .p = out.p, .n = out.n };
	assert_int_equal(known_restore(again, &in), -EBADMSG);
	buf_free(&out);
	known_free(&k);
	known_free(&again);
}

/* The same twice is the same once. */
static void restored_twice(void **state)
{
	struct known *k;
	struct buf first = { 0 }, second = { 0 };
	struct reader in;

	(void)state;
	assert_int_equal(known_new(&k), 0);
	add(k, "203.0.113.9", "joe", NOW);
	known_save(k, &first);
	in = (struct reader){ .p = first.p, .n = first.n };
	assert_int_equal(known_restore(k, &in), 0);
	known_save(k, &second);
	assert_int_equal(second.n, first.n);
	buf_free(&first);
	buf_free(&second);
	known_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows), cmocka_unit_test(accounts_of_a_place), cmocka_unit_test(bounded),
		cmocka_unit_test(saved), cmocka_unit_test(restored_twice),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
