/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in and out of Dovecot's deny file, and how an account may log in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privileged/runner/denyfile.h"

static const struct names joe = { 2, { "joe", "joe@example.com" } };
#define JOE "joe::::bailiff\njoe@example.com::::bailiff\n"

static void test_text(void **state)
{
	static const struct row {
		const char *name, *before, *with, *without;
	} rows[] = {
		{ "empty", "", JOE, NULL },
		{ "twice", JOE, NULL, "" },
		{ "others stay", "# note\nann\n", "# note\nann\n" JOE, NULL },
		{ "ours among others", "ann\n" JOE "bob:x\n", NULL, "ann\nbob:x\n" },
		{ "the admin's own entry", "joe\n", "joe\njoe@example.com::::bailiff\n", NULL },
		{ "no end of line", "ann", "ann\n" JOE, NULL },
		{ "only alike", "joel::::bailiff\nxjoe::::bailiff\n", "joel::::bailiff\nxjoe::::bailiff\n" JOE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct buf out = { 0 };

		if (denyfile_with(span_of(r->before), &joe, &out) != (r->with != NULL) ||
		    (r->with && strcmp(buf_cstr(&out), r->with) != 0))
			fail_msg("with: %s: %s", r->name, buf_cstr(&out));
		buf_clear(&out);
		if (denyfile_without(span_of(r->before), &joe, &out) != (r->without != NULL) ||
		    (r->without && strcmp(buf_cstr(&out), r->without) != 0))
			fail_msg("without: %s: %s", r->name, buf_cstr(&out));
		buf_free(&out);
	}
}

static void test_file(void **state)
{
	char path[] = "/tmp/denyfile-XXXXXX", text[256] = "", beside[64];
	int fd = mkstemp(path);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0640), 0);
	close(fd);
	assert_int_equal(denyfile_add(path, &joe), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	fd = open(path, O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_string_equal(text, JOE);
	assert_int_equal(denyfile_add(path, &joe), 0);
	assert_int_equal(denyfile_remove(path, &joe), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	snprintf(beside, sizeof(beside), "%s.bailiff-new", path);
	assert_int_equal(access(beside, F_OK), -1);
	unlink(path);
	assert_int_equal(denyfile_add(path, &joe), -ENOENT);	/* never made */
	assert_int_equal(access(path, F_OK), -1);
}

static void test_names(void **state)
{
	char *domains[] = { (char []){ "example.com" }, (char []){ "Example.ORG" } };
	const struct accounts a = { .local_domains = { 2, domains } };
	static const struct row {
		const char *account;
		int ret;
		size_t n;
		const char *last;
	} rows[] = {
		{ "joe", 0, 3, "joe@example.org" },
		{ "joe@example.com", 0, 3, "joe@example.org" },
		{ "eve@example.net", 0, 1, "eve@example.net" },
		{ "j*", -EINVAL, 0, NULL }, { "j?@example.net", -EINVAL, 0, NULL },
		{ "#joe", -EINVAL, 0, NULL }, { "-joe", -EINVAL, 0, NULL }, { "j\"oe", -EINVAL, 0, NULL },
		{ "jo\xc3\xa9@example.net", 0, 1, "jo\xc3\xa9@example.net" },	/* SMTPUTF8 */
		{ "jo\xe9", -EINVAL, 0, NULL }, { "jo\xc2\x85", -EINVAL, 0, NULL }, { "jo\xe2\x80\xae", -EINVAL, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct names n;

		if (names_of(&a, rows[i].account, &n) != rows[i].ret)
			fail_msg("%s", rows[i].account);
		if (rows[i].ret == 0 && (n.n != rows[i].n || strcmp(n.v[n.n - 1], rows[i].last) != 0))
			fail_msg("%s: %zu %s", rows[i].account, n.n, n.v[n.n - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_file), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
