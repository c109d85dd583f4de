/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has to be done to an account, from what was, what was left and what is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "privileged/runner/account.h"

#define STATE(l, p, e) { .locked = l, .print = p, .expire = e, .known = 1 }
#define TODAY ((struct wall){ 20000LL * 86400000 })

static void test_lock(void **state)
{
	static const struct row {
		const char *name;
		struct account_state before;
		unsigned unmet;
	} rows[] = {
		{ "open", STATE(0, 1, -1), STEP_LOCK | STEP_EXPIRE },
		{ "locked", STATE(1, 1, -1), STEP_EXPIRE },
		{ "expires later", STATE(0, 1, 20001), STEP_LOCK | STEP_EXPIRE },
		{ "expires today", STATE(0, 1, 20000), STEP_LOCK },
		{ "expired", STATE(0, 1, 0), STEP_LOCK },
		{ "locked and expired", STATE(1, 1, 1), 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct account_goal goal = account_goal_lock(&rows[i].before, TODAY);

		if (account_unmet(&rows[i].before, &goal) != rows[i].unmet)
			fail_msg("%s", rows[i].name);
	}
}

static void test_undo(void **state)
{
	static const struct row {
		const char *name;
		struct account_state before, after, now;
		unsigned steps;
		int64_t expire;
	} rows[] = {
		{ "all", STATE(0, 1, -1), STATE(1, 1, 1), STATE(1, 1, 1), STEP_UNLOCK | STEP_EXPIRE, -1 },
		{ "an expiry to restore", STATE(0, 1, 99), STATE(1, 1, 1), STATE(1, 1, 1),
		  STEP_UNLOCK | STEP_EXPIRE, 99 },
		{ "locked before", STATE(1, 1, -1), STATE(1, 1, 1), STATE(1, 1, 1), STEP_EXPIRE, -1 },
		{ "nothing was done", STATE(1, 1, 1), STATE(1, 1, 1), STATE(1, 1, 1), 0, 1 },
		{ "password changed", STATE(0, 1, -1), STATE(1, 1, 1), STATE(0, 2, 1), STEP_EXPIRE, -1 },
		{ "changed and locked by others", STATE(0, 1, -1), STATE(1, 1, 1), STATE(1, 2, 1), STEP_EXPIRE, -1 },
		{ "unlocked by others", STATE(0, 1, -1), STATE(1, 1, 1), STATE(0, 1, -1), 0, -1 },
		{ "expiry changed by others", STATE(0, 1, -1), STATE(1, 1, 1), STATE(1, 1, 50), STEP_UNLOCK, -1 },
		{ "only half was done", STATE(0, 1, -1), STATE(0, 1, 1), STATE(0, 1, 1), STEP_EXPIRE, -1 },
		{ "locked by others after a crash", STATE(0, 1, -1), STATE(0, 1, -1), STATE(1, 1, -1), 0, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct account_goal goal = account_goal_undo(&r->before, &r->after, &r->now);

		if (goal.steps != r->steps || goal.expire != r->expire)
			fail_msg("%s: %u", r->name, goal.steps);
	}
}

static void test_hand_over(void **state)
{
	static const struct row {
		const char *name;
		struct account_state before, after, later, want;
		int took;
	} rows[] = {
		{ "found it so", STATE(0, 1, -1), STATE(1, 1, 1), STATE(1, 1, 1), STATE(0, 1, -1), 1 },
		{ "an expiry", STATE(0, 1, 99), STATE(1, 1, 1), STATE(1, 1, 1), STATE(0, 1, 99), 1 },
		{ "opened between", STATE(0, 1, -1), STATE(1, 1, 1), STATE(0, 1, -1), STATE(0, 1, -1), 0 },
		{ "another password", STATE(0, 1, -1), STATE(1, 1, 1), STATE(1, 2, 1), STATE(1, 2, -1), 1 },
		{ "nothing to give", STATE(1, 1, 1), STATE(1, 1, 1), STATE(1, 1, 1), STATE(1, 1, 1), 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct account_state later = r->later;

		if (account_hand_over(&r->before, &r->after, &later) != r->took ||
		    later.locked != r->want.locked || later.expire != r->want.expire)
			fail_msg("%s", r->name);
	}
}

static void test_read(void **state)
{
	uid_t uid = 1;

	(void)state;
	assert_int_equal(account_uid("root", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(account_uid("roo", &uid), -ENOENT);
	assert_int_equal(account_uid("", &uid), -ENOENT);
	assert_int_equal(account_uid("root:x", &uid), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock), cmocka_unit_test(test_undo),
		cmocka_unit_test(test_hand_over), cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
