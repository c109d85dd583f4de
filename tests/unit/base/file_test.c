/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files, and text taken line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static void copies(void **state)
{
	int from = memfd_create("from", 0), to = memfd_create("to", 0);
	static char bytes[200000], back[sizeof(bytes)];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	assert_int_equal(file_write(from, (struct span){ bytes, sizeof(bytes) }), 0);
	assert_int_equal(file_copy(from, to, sizeof(bytes)), 0);
	assert_int_equal(lseek(to, 0, SEEK_END), sizeof(bytes));
	assert_int_equal(pread(to, back, sizeof(back), 0), sizeof(back));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_int_equal(file_copy(from, to, sizeof(bytes) - 1), -EFBIG);
	close(to);
	assert_int_equal(file_copy(from, to, sizeof(bytes)), -EBADF);
	close(from);
}

static void seals(void **state)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING), never = memfd_create("never", 0);

	(void)state;
	assert_int_equal(file_write(fd, SPAN_LIT("x")), 0);
	assert_false(file_is_sealed(fd));
	assert_int_equal(file_seal(fd), 0);
	assert_true(file_is_sealed(fd));
	assert_int_equal(file_write(fd, SPAN_LIT("y")), -EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(file_seal(never), -EPERM);
	assert_false(file_is_sealed(never));
	assert_false(file_is_sealed(-1));
	close(fd);
	close(never);
}

static void lines(void **state)
{
	static const struct { struct span text; const char *want; } rows[] = {
		{ { NULL, 0 }, "" }, { SPAN_LIT("a"), "[a]" }, { SPAN_LIT("a\n"), "[a]" },
		{ SPAN_LIT("a\n\nb"), "[a][][b]" }, { SPAN_LIT("\n"), "[]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span rest = rows[i].text, line;
		char got[32] = "";

		while (span_line(&rest, &line)) {
			strcat(got, "[");
			strncat(got, line.p, line.n);
			strcat(got, "]");
		}
		assert_string_equal(got, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies), cmocka_unit_test(seals), cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
