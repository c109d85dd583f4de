/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the sockets are: of a good file, of a broken one, of none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/rundir.h"

static void files(void **state)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "run: /tmp/somewhere\n", "/tmp/somewhere" },
		{ "{run: /tmp/somewhere}\n", "/tmp/somewhere" },
		{ "jails: {sshd: {nonsense: 1}, postfix-sasl: off}\nrun: /tmp/somewhere\n", "/tmp/somewhere" },
		{ "run: /tmp/somewhere\nnonsense: [\n", "/tmp/somewhere" },
		{ "run: /tmp/somewhere\nrun: /tmp/else\n", "/tmp/somewhere" },
		{ "nonsense: [\n", BAILIFF_RUNDIR },
		{ "allow: []\n", BAILIFF_RUNDIR },
	};
	char path[] = "/tmp/bailiff-rundir-XXXXXX", buf[512];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, rows[i].text, strlen(rows[i].text), 0),
				 (ssize_t)strlen(rows[i].text));
		assert_int_equal(rundir_find(path, buf, sizeof(buf)), 0);
		assert_string_equal(buf, rows[i].want);
	}
	/* Beside the file, whether it loads or not. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "run: r", 6, 0), 6);
	assert_int_equal(rundir_find(path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/tmp/r");
	assert_int_equal(pwrite(fd, "run: r\na: [", 11, 0), 11);
	assert_int_equal(rundir_find(path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/tmp/r");
	close(fd);
	unlink(path);
	assert_int_equal(rundir_find(path, buf, sizeof(buf)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(files) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
