/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose message a queue id is, through filters, reuse and restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "engine/count/submitted.h"

#define AT(s) ((struct event_time){ (s) * 1000LL })
#define PF SPAN_LIT("postfix")

static void add(struct submitted *s, const char *id, const char *account, int64_t at)
{
	submitted_add(s, PF, span_of(id), span_of(account), AT(at), true);
}

static void join(struct submitted *s, const char *id, const char *id2, int64_t at)
{
	submitted_join(s, PF, span_of(id), span_of(id2), AT(at));
}

static size_t count(const struct submitted *s, const char *account)
{
	struct queued v[64];

	return submitted_of(s, span_of(account), false, v, 64);
}

static void test_accounts(void **state)
{
	struct submitted *s;
	struct queued v[4];

	(void)state;
	assert_int_equal(submitted_new(&s), 0);
	add(s, "4F1C", "joe", 10000);
	add(s, "4F1D", "ann", 10000);
	assert_int_equal(submitted_of(s, span_of("joe"), false, v, 4), 1);
	assert_string_equal(v[0].id, "4F1C");
	assert_in_range(10000, v[0].from_s, v[0].to_s);
	add(s, "4F1C", "ann", 20000);		/* used again */
	assert_int_equal(count(s, "joe"), 0);
	assert_int_equal(count(s, "ann"), 2);
	submitted_add(s, SPAN_LIT("postfix-out"), SPAN_LIT("4F1C"), SPAN_LIT("joe"), AT(20000), true);
	assert_int_equal(count(s, "joe"), 1);
	assert_int_equal(count(s, "ann"), 2);
	add(s, "-d", "joe", 1);
	add(s, "", "joe", 1);
	add(s, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "joe", 1);
	assert_int_equal(count(s, "joe"), 1);
	submitted_free(&s);
}

/* By id and time, and not where the log's name is another instance's. */
static void test_by(void **state)
{
	uint32_t out = (uint32_t)hash_fixed("postfix-out", 11), main = (uint32_t)hash_fixed("postfix", 7);
	struct submitted *s;
	struct queued v[4];

	(void)state;
	assert_int_equal(submitted_new(&s), 0);
	add(s, "4F1C", "joe", 10000);
	assert_true(submitted_by(s, span_of("joe"), "4F1C", 10000, NULL, 0));
	assert_true(submitted_by(s, span_of("joe"), "4F1C", 9700, &out, 1));
	assert_false(submitted_by(s, span_of("joe"), "4F1C", 10000, &main, 1));
	assert_false(submitted_by(s, span_of("joe"), "4F1C", 20000, NULL, 0));
	assert_false(submitted_by(s, span_of("ann"), "4F1C", 10000, NULL, 0));
	assert_false(submitted_by(s, span_of("joe"), "4F1D", 10000, NULL, 0));
	assert_false(submitted_by(s, span_of("joe"), "-d", 10000, NULL, 0));
	join(s, "4F1C", "4F1D", 10010);		/* where the filter sent it: anywhere */
	assert_true(submitted_by(s, span_of("joe"), "4F1D", 10010, &main, 1));
	assert_int_equal(submitted_of(s, span_of("joe"), false, v, 4), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(v[i].name, v[i].id[3] == 'C' ? main : 0);
	assert_true(submitted_knows(s, SPAN_LIT("4F1C")) && submitted_knows(s, SPAN_LIT("4F1D")));
	assert_false(submitted_knows(s, SPAN_LIT("4F1E")) || submitted_knows(s, SPAN_LIT("")) ||
		     submitted_knows(s, SPAN_LIT("-d")));
	submitted_free(&s);
}

static void test_filters(void **state)
{
	struct submitted *s;

	(void)state;
	assert_int_equal(submitted_new(&s), 0);
	add(s, "A1", "joe", 10000);
	join(s, "A1", "B2", 10002);
	join(s, "B2", "C3", 10003);
	assert_int_equal(count(s, "joe"), 3);
	add(s, "D4", "ann", 10001);
	join(s, "A1", "D4", 10005);		/* a stranger's server says so */
	assert_int_equal(count(s, "joe"), 3);
	assert_int_equal(count(s, "ann"), 1);
	join(s, "FFFF", "E5", 10005);
	assert_int_equal(count(s, "joe"), 3);
	submitted_free(&s);
}

/* Who writes lines that anyone could write has nothing held. */
static void test_trust(void **state)
{
	struct submitted *s;
	struct queued v[4];

	(void)state;
	assert_int_equal(submitted_new(&s), 0);
	submitted_add(s, PF, SPAN_LIT("A1"), SPAN_LIT("joe"), AT(10000), false);
	join(s, "A1", "B2", 10001);
	assert_int_equal(submitted_of(s, SPAN_LIT("joe"), false, v, 4), 0);
	assert_int_equal(submitted_of(s, SPAN_LIT("joe"), true, v, 4), 2);
	submitted_free(&s);
}

static void test_bounds_and_snapshot(void **state)
{
	struct submitted *s, *again;
	struct buf out = { 0 };
	struct reader in;

	(void)state;
	assert_int_equal(submitted_new(&s), 0);
	for (unsigned i = 0; i < 300000; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%X", 0x100000 + i);
		add(s, id, i == 299999 ? "last" : "joe", 10000 + i);
	}
	assert_true(submitted_forgotten(s) >= 300000 - 131072);
	assert_int_equal(count(s, "last"), 1);
	submitted_save(s, &out);
	in = (struct reader){ .p = out.p, .n = out.n };
	assert_int_equal(submitted_new(&again), 0);
	assert_int_equal(submitted_restore(again, &in), 0);
	assert_int_equal(count(again, "last"), 1);
	submitted_free(&again);
	out.p[0] ^= 1;
	assert_int_equal(submitted_new(&again), 0);
	in = (struct reader){ .p = out.p, .n = 47 };
	assert_true(submitted_restore(again, &in) < 0);
	submitted_free(&again);
	submitted_free(&s);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts), cmocka_unit_test(test_by), cmocka_unit_test(test_filters),
		cmocka_unit_test(test_trust), cmocka_unit_test(test_bounds_and_snapshot),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
