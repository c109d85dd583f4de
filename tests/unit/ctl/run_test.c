/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit statuses of steps, and requests as lines for the emergency socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/run.h"

static void steps(void **state)
{
	static const struct { const char *request, *answer; int want; } rows[] = {
		{ "{}", "{\"steps\":[{\"status\":\"done\"},{\"status\":\"done\"}]}", 0 },
		{ "{}", "{\"steps\":[]}", 0 },
		{ "{}", "{}", 0 },
		{ "{}", "{\"steps\":[{\"status\":\"done\"},{\"status\":\"refused\"}]}", 1 },
		{ "{}", "{\"steps\":[{\"status\":\"failed\"}]}", 1 },
		{ "{}", "{\"steps\":[{\"status\":\"unknown\"}]}", 1 },
		{ "{}", "{\"steps\":[{\"status\":\"proposed\"}]}", 1 },
		{ "{\"dry_run\":true}", "{\"steps\":[{\"status\":\"proposed\"}]}", 0 },
		{ "{}", "{\"steps\":[3,{\"status\":7}]}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *request = json_loads(rows[i].request, 0, NULL);
		json_t *answer = json_loads(rows[i].answer, 0, NULL);

		assert_int_equal(judge_steps(request, answer), rows[i].want);
		json_decref(request);
		json_decref(answer);
	}
}

static void lines(void **state)
{
	static const struct { const char *request; bool wide; const char *want; } rows[] = {
		{ "{\"cmd\":\"teardown\"}", false, "teardown" },
		{ "{\"cmd\":\"unban\",\"all\":true}", false, "unban --all" },
		{ "{\"cmd\":\"unban\",\"jail\":\"x\"}", false, NULL },
		{ "{\"cmd\":\"unban\",\"addr\":\"::ffff:192.0.2.7\"}", false, "unban 192.0.2.7" },
		{ "{\"cmd\":\"unban\",\"addr\":\"192.0.2.7\"}", true, "unban 192.0.2.7" },
		{ "{\"cmd\":\"unban\",\"addr\":\"192.0.2.0/24\",\"exact\":true}", false, "unban 192.0.2.0/24" },
		{ "{\"cmd\":\"unban\",\"addr\":\"2001:db8::1\"}", false, "unban 2001:db8::1" },
		{ "{\"cmd\":\"unban\",\"addr\":\"2001:db8::1\"}", true, "unban 2001:db8::/64" },
		{ "{\"cmd\":\"unban\",\"addr\":\"2001:db8::1/128\",\"exact\":true}", true, "unban 2001:db8::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *request = json_loads(rows[i].request, 0, NULL);
		char line[80] = "";

		assert_int_equal(emergency_line(request, rows[i].wide, line, sizeof(line)),
				 rows[i].want != NULL);
		assert_string_equal(line, rows[i].want ? rows[i].want : "");
		json_decref(request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(steps), cmocka_unit_test(lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
