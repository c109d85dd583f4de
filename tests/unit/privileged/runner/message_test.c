/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is a message for the runner, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "privileged/runner/message.h"
#include "wire/order.h"
#include "wire/runner.h"

static union {
	struct order_head head;
	struct order_account account;
	struct order_run run;
	struct order_mail mail;
	struct runner_head own;
	struct runner_resolve resolve;
	struct runner_engine engine;
	char bytes[MESSAGE_MAX];
} m;

static size_t good_account(enum order_type type)
{
	memset(&m, 0, sizeof(m));
	m.head = (struct order_head){ 1, (uint16_t)type, ORIGIN_HAND, ORDER_NO_JAIL, 0 };
	strcpy(m.account.name, "joe");
	return sizeof(m.account);
}

static size_t good_run(void)
{
	memset(&m, 0, sizeof(m));
	m.head = (struct order_head){ 1, ORDER_RUN, ORIGIN_JAIL, 0, 0 };
	memcpy(m.run.values, "user\0joe", 9);
	m.run.len = 9;
	return sizeof(m.run);
}

static size_t good_mail(void)
{
	memset(&m, 0, sizeof(m));
	m.head = (struct order_head){ 1, ORDER_NOTIFY, ORIGIN_JAIL, 0, 0 };
	memcpy(m.mail.body, "text\n", 5);
	m.mail.len = 5;
	return sizeof(m.mail);
}

static size_t good_resolve(const char *name)
{
	memset(&m, 0, sizeof(m));
	m.own = (struct runner_head){ 0, RUNNER_RESOLVE, 0, sizeof(m.resolve) };
	snprintf(m.resolve.name, sizeof(m.resolve.name), "%s", name);
	return sizeof(m.resolve);
}

static void test_good(void **state)
{
	static const enum order_type accounts[] = {
		ORDER_LOCK, ORDER_UNLOCK, ORDER_PROTECT, ORDER_UNDO,
	};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(message_check(&m, good_account(accounts[i])), 0);
	assert_int_equal(message_check(&m, good_run()), 0);
	assert_int_equal(message_check(&m, good_mail()), 0);
	assert_int_equal(message_check(&m, good_resolve("mail.example.org")), 0);
	m.own = (struct runner_head){ 0, RUNNER_RECONF, 0, sizeof(m.own) };
	assert_int_equal(message_check(&m, sizeof(m.own)), 0);
	memset(&m, 0, sizeof(m));
	m.own = (struct runner_head){ 9, RUNNER_START_ENGINE, 0, sizeof(m.engine) };
	assert_int_equal(message_check(&m, sizeof(m.engine)), 0);
}

/* Every other length than the right one. */
static void test_lengths(void **state)
{
	size_t sizes[] = {
		good_account(ORDER_LOCK), good_run(), good_mail(), good_resolve("a"),
	};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t n = 0; n < MESSAGE_MAX; n++) {
			if (n == sizes[i])
				continue;
			if (n % 512 == 0) {
				if (i == 0)
					good_account(ORDER_LOCK);
				else if (i == 1)
					good_run();
				else if (i == 2)
					good_mail();
				else
					good_resolve("a");
			}
			assert_int_equal(message_check(&m, n), -EBADMSG);
		}
}

/* Orders that bailiffd keeps to itself, answers of ours, and no types at all. */
static void test_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 0x10000; type++) {
		size_t n = good_account(ORDER_LOCK);

		if (type == ORDER_LOCK || type == ORDER_UNLOCK || type == ORDER_PROTECT ||
		    type == ORDER_UNDO || type == ORDER_DENY || type == ORDER_PARK ||
		    type == ORDER_KICK || type == ORDER_RELEASE || type == ORDER_PURGE ||
		    type == ORDER_LOOK)
			continue;
		m.head.type = (uint16_t)type;
		assert_int_equal(message_check(&m, n), -EBADMSG);
		assert_int_equal(message_check(&m, sizeof(struct order_ban)), -EBADMSG);
	}
}

static void test_fields(void **state)
{
	size_t n;

	(void)state;
	n = good_account(ORDER_LOCK);
	m.head.id = 0;
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_account(ORDER_LOCK);
	m.head.origin = 3;
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_account(ORDER_LOCK);
	memset(m.account.name, 'a', sizeof(m.account.name));
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_run();
	m.run.len = ORDER_VALUES_MAX + 1;
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_run();
	m.run.len = 8;		/* the last string has no end */
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_run();
	m.run.len = 5;		/* a name without a value */
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_run();
	m.run.undo = 2;
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_mail();
	m.mail.len = ORDER_BODY_MAX + 1;
	assert_int_equal(message_check(&m, n), -EBADMSG);
	n = good_mail();
	memset(m.mail.subject, 'a', sizeof(m.mail.subject));
	assert_int_equal(message_check(&m, n), -EBADMSG);
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"", "-x", ".x", "a b", "a/b", "a;b", "a\n", "192.0.2.7/24", "fe80::1%eth0", "\xc3\xa4",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (message_check(&m, good_resolve(bad[i])) == 0)
			fail_msg("%s", bad[i]);
	good_resolve("a");
	memset(m.resolve.name, 'a', sizeof(m.resolve.name));
	assert_int_equal(message_check(&m, sizeof(m.resolve)), -EBADMSG);
	good_resolve("a");
	m.own.len--;
	assert_int_equal(message_check(&m, sizeof(m.resolve)), -EBADMSG);
	good_resolve("a");
	m.own.zero = 1;
	assert_int_equal(message_check(&m, sizeof(m.resolve)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_types), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
