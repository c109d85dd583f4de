/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what a jail guards is on this host. */
#include "unit/config/setup.h"

#include "engine/presence.h"

#define REST "match: '<ip>'\n" LIMIT "then: []\n"

static const struct { const char *name, *main_yaml, *jail; bool want; } rows[] = {
	{ "by its service", "", LOG "service: env\nprogram: nosuch\n" REST, true },
	{ "by its service, not here", "", LOG "service: no-such-program-42\nprogram: env\n" REST, false },
	{ "by its program", "", LOG "program: env\n" REST, true },
	{ "by what its glob begins with", "", LOG "program: 'env*'\n" REST, true },
	{ "up to the slash", "", LOG "program: env/x/y\n" REST, true },
	{ "not here", "", LOG "program: 'no-such-program-42*'\n" REST, false },
	{ "the first of several", "", LOG "program: [no-such-program-42, env]\n" REST, false },
	{ "a glob that begins with a star tells nothing", "", LOG "program: '*x'\n" REST, true },
	{ "any program", "", LOG REST, true },
	{ "the admin said where the log is", "logs: {mail: {files: [/x]}}\n",
	  LOG "program: no-such-program-42\n" REST, true },
	{ "where another log is", "logs: {web: {files: [/x]}}\n",
	  LOG "program: no-such-program-42\n" REST, false },
	{ "one of its logs", "logs: {web: {files: [/x]}}\n",
	  "log: [mail, web]\nprogram: no-such-program-42\n" REST, true },
	{ "verdicts are always here", "", "log: verdicts\n" LIMIT "then: []\n", true },
	{ "no way out of the directories", "", LOG "service: ../../../../usr/bin/env\n" REST, true },
};

static void present(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct made m;

		made_begin(&m, rows[i].main_yaml);
		made_jail(&m, PACK_JAIL_SHIPPED, "j.yaml", rows[i].jail);
		made_load(&m);
		if (m.err || m.config->njails != 1)
			fail_msg("%s: %s", rows[i].name, buf_cstr(&m.text));
		if (presence_of(m.config, &m.config->jails[0]) != rows[i].want) {
			print_error("%s\n", rows[i].name);
			wrong++;
		}
		made_free(&m);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(present) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
