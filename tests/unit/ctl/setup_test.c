/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which services are set up, and what their restrictions become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "ctl/setup.h"

static void test_services(void **state)
{
	static const struct row { const char *line, *want; } rows[] = {
		{ "submission inet n       -       y       -       -       smtpd -o a=b", "submission/inet" },
		{ "smtps      inet  n - y - - smtpd", "smtps/inet" },
		{ "127.0.0.1:587 inet n - y - - smtpd", "127.0.0.1:587/inet" },
		{ "[::1]:465 inet n - y - - smtpd", "[::1]:465/inet" },
		{ "smtp inet n - y - - smtpd", NULL },
		{ "submission inet n - y - - postscreen", NULL },
		{ "submission unix n - y - - smtpd", NULL },
		{ "", NULL }, { "submission inet", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char name[128] = "";

		if (setup_is_submission(span_of(rows[i].line), name, sizeof(name)) != (rows[i].want != NULL))
			fail_msg("%s", rows[i].line);
		if (rows[i].want)
			assert_string_equal(name, rows[i].want);
	}
}

#define OURS "check_sasl_access,lmdb:/m"

static void test_restrictions(void **state)
{
	static const struct row { const char *now; int ret; const char *want; } rows[] = {
		{ "", 1, OURS }, { " ", 1, OURS },
		{ " permit_mynetworks, reject_x", 1, OURS ",permit_mynetworks,reject_x" },
		{ "$mua_sender_restrictions", 1, OURS ",$mua_sender_restrictions" },
		{ "a,check_sasl_access lmdb:/m,b", 0, NULL },
		{ " " OURS, 0, NULL },
		{ "check_policy_service { inet:h:1, timeout=1s }", -EINVAL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out = { 0 };

		if (setup_restrictions("/m", span_of(rows[i].now), &out) != rows[i].ret)
			fail_msg("%s", rows[i].now);
		if (rows[i].want)
			assert_string_equal(buf_cstr(&out), rows[i].want);
		buf_free(&out);
	}
}

static void test_without(void **state)
{
	static const struct row { const char *now; int ret; const char *want; } rows[] = {
		{ "", 0, "" }, { OURS, 1, "" }, { "a, b", 0, "a,b" },
		{ OURS ",permit_mynetworks,reject_x", 1, "permit_mynetworks,reject_x" },
		{ "a, check_sasl_access hash:/m, check_sasl_access lmdb:/m2", 1, "a,check_sasl_access,lmdb:/m2" },
		{ OURS ",check_policy_service,{ inet:h:1, timeout=1s }", 1, "check_policy_service,{ inet:h:1, timeout=1s }" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out = { 0 };

		if (setup_without("/m", span_of(rows[i].now), &out) != rows[i].ret || strcmp(buf_cstr(&out), rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].now, buf_cstr(&out));
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services), cmocka_unit_test(test_restrictions), cmocka_unit_test(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
