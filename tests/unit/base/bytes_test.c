/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes looked at many at once, against one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/bytes.h"

/* Bytes that are near to each other, so that a carry would be seen. */
static const char few[] = { '/', '0', '5', '9', ':', ' ', '\n', '\n' + 1, '\0', '\x7f', '\x80', '\x8a', '\xb0', '\xb9', '\xff' };

static void fill(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = few[(size_t)random() % sizeof(few)];
}

static void test_mask(void **state)
{
	char text[64];

	(void)state;
	for (unsigned round = 0; round < 10000; round++) {
		char c = few[round % sizeof(few)];
		uint64_t want = 0;

		fill(text, sizeof(text));
		for (unsigned i = 0; i < sizeof(text); i++)
			want |= (uint64_t)(text[i] == c) << i;
		assert_int_equal(bytes_64(text, c), want);
		assert_int_equal(bytes_32(text, c), (uint32_t)want);
		assert_int_equal(bytes_16(text, c), (uint16_t)want);
	}
}

static void test_digits(void **state)
{
	char text[8];

	(void)state;
	for (unsigned round = 0; round < 10000; round++) {
		unsigned n = 0;

		fill(text, sizeof(text));
		for (unsigned i = 0; i < round % 9; i++)
			text[7 - i] = (char)('0' + random() % 10);
		while (n < 8 && text[7 - n] >= '0' && text[7 - n] <= '9')
			n++;
		assert_int_equal(bytes_digits_before(text + sizeof(text)), n);
	}
}

static void test_within(void **state)
{
	char text[64], low[64], room[64];

	(void)state;
	for (unsigned round = 0; round < 10000; round++) {
		unsigned at = (unsigned)random() % 64;
		bool want;

		fill(text, sizeof(text));
		fill(room, sizeof(room));
		for (unsigned i = 0; i < sizeof(text); i++)
			low[i] = (char)(text[i] - random() % ((unsigned char)room[i] + 1));
		assert_true(bytes_within_64(text, low, room));
		fill(low + at, 1);
		want = (unsigned char)(text[at] - low[at]) <= (unsigned char)room[at];
		assert_int_equal(bytes_within_64(text, low, room), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
