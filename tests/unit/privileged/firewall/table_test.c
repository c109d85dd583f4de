/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "privileged/firewall/table.h"

static const struct {
	const char *name;
	int scope_len;		/* -1: no name of ours */
	uint8_t family, len;
} rows[] = {
	{ "mail4_32", 4, ADDR_V4, 32 },
	{ "all6_64", 3, ADDR_V6, 64 },
	{ "web_4_ui6_128", 8, ADDR_V6, 128 },
	{ "x4_0", 1, ADDR_V4, 0 },
	{ "allow4", -1, 0, 0 },
	{ "mail4_33", -1, 0, 0 },
	{ "mail6_129", -1, 0, 0 },
	{ "mail5_32", -1, 0, 0 },
	{ "mail4_", -1, 0, 0 },
	{ "mail4_032", -1, 0, 0 },
	{ "mail4_3x", -1, 0, 0 },
	{ "mail4_+3", -1, 0, 0 },
	{ "4_32", -1, 0, 0 },
	{ "_32", -1, 0, 0 },
	{ "", -1, 0, 0 },
};

static void names_go_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char scope[TABLE_NAME_MAX] = "", again[TABLE_NAME_MAX];
		uint8_t family, len;
		size_t scope_len;
		bool ours = table_parse_set_name(rows[i].name, &scope_len, &family, &len);

		if (ours != (rows[i].scope_len >= 0))
			fail_msg("%s: ours=%d", rows[i].name, ours);
		if (!ours)
			continue;
		assert_int_equal(scope_len, rows[i].scope_len);
		assert_int_equal(family, rows[i].family);
		assert_int_equal(len, rows[i].len);
		memcpy(scope, rows[i].name, scope_len);
		assert_int_equal(table_set_name(scope, family, len, again), 0);
		assert_string_equal(again, rows[i].name);
	}
}

static void long_scope_is_refused(void **state)
{
	char scope[TABLE_NAME_MAX], name[TABLE_NAME_MAX];

	(void)state;
	memset(scope, 'x', sizeof(scope));
	scope[sizeof(scope) - 1] = '\0';
	assert_int_equal(table_set_name(scope, ADDR_V4, 32, name), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_there_and_back),
		cmocka_unit_test(long_scope_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
