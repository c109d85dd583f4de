/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own lines: one fact each, whatever is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

/* What one call writes to standard error. */
static const char *said(bool journal, enum log_level threshold, enum log_level level, const char *text)
{
	static char got[8192];
	int out[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(saved >= 0 && dup2(out[1], STDERR_FILENO) >= 0);
	if (journal)
		setenv("JOURNAL_STREAM", "8:1", 1);
	else
		unsetenv("JOURNAL_STREAM");
	log_init("log_test", threshold);
	log_msg(level, "%s", text);
	dup2(saved, STDERR_FILENO);
	n = read(out[0], got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = 0;
	close(saved);
	close(out[0]);
	close(out[1]);
	return got;
}

static const struct {
	const char *name;
	bool journal;
	enum log_level threshold, level;
	const char *input, *want;
} rows[] = {
	{ "info", false, LOG_LEVEL_INFO, LOG_LEVEL_INFO, "ban addr=192.0.2.7", "log_test: ban addr=192.0.2.7\n" },
	{ "error", false, LOG_LEVEL_INFO, LOG_LEVEL_ERR, "x", "log_test: error: x\n" },
	{ "warning", false, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, "x", "log_test: warning: x\n" },
	{ "debug, not wanted", false, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, "x", "" },
	{ "debug", false, LOG_LEVEL_DEBUG, LOG_LEVEL_DEBUG, "x", "log_test: debug: x\n" },
	{ "only errors", false, LOG_LEVEL_ERR, LOG_LEVEL_WARNING, "x", "" },
	{ "journal, info", true, LOG_LEVEL_INFO, LOG_LEVEL_INFO, "x", "<6>x\n" },
	{ "journal, error", true, LOG_LEVEL_INFO, LOG_LEVEL_ERR, "x", "<3>error: x\n" },
	{ "journal, warning", true, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, "x", "<4>warning: x\n" },
	{ "journal, debug", true, LOG_LEVEL_DEBUG, LOG_LEVEL_DEBUG, "x", "<7>debug: x\n" },
	{ "no line of a stranger's", true, LOG_LEVEL_INFO, LOG_LEVEL_INFO, "a\n<0>b\r\x1b[2J\x7f",
	  "<6>a\\x0A<0>b\\x0D\\x1B[2J\\x7F\n" },
	{ "escaped text is not escaped again", false, LOG_LEVEL_INFO, LOG_LEVEL_INFO, "a\\x0Ab\xc3\xa9",
	  "log_test: a\\x0Ab\xc3\xa9\n" },
	{ "nothing", false, LOG_LEVEL_INFO, LOG_LEVEL_INFO, "", "log_test: \n" },
};

static void lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *got = said(rows[i].journal, rows[i].threshold, rows[i].level, rows[i].input);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].name, got);
	}
}

static void long_line(void **state)
{
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(strlen(said(false, LOG_LEVEL_INFO, LOG_LEVEL_INFO, text)),
			 strlen("log_test: ") + sizeof(text));
}

/* Standard error may be closed: nothing to be done, and no harm. */
static void nowhere(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	log_msg(LOG_LEVEL_ERR, "nobody hears this");
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/* Held lines come in order, all at once; an error doesn't wait, nor do too many. */
static void held_lines(void **state)
{
	static char got[1 << 17];
	int out[2], saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(saved >= 0 && dup2(out[1], STDERR_FILENO) >= 0);
	unsetenv("JOURNAL_STREAM");
	log_init("t", LOG_LEVEL_INFO);
	log_hold();
	log_info("one");
	log_info("two\n");
	assert_int_equal(read(out[0], got, sizeof(got)), -1);
	log_release();
	assert_int_equal(read(out[0], got, sizeof(got)), 18);
	assert_memory_equal(got, "t: one\nt: two\\x0A\n", 18);
	log_release();
	log_hold();
	log_info("three");
	log_err("four");
	assert_int_equal(read(out[0], got, sizeof(got)), 24);
	assert_memory_equal(got, "t: three\nt: error: four\n", 24);
	for (unsigned i = 0; i < 5000; i++)
		log_info("five");
	assert_true(read(out[0], got, sizeof(got)) > 30000);
	log_release();
	assert_true(read(out[0], got, sizeof(got)) > 0);
	log_info("six");
	assert_int_equal(read(out[0], got, sizeof(got)), 7);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(out[0]);
	close(out[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_lines), cmocka_unit_test(lines), cmocka_unit_test(long_line), cmocka_unit_test(nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
