/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SipHash-1-3: fixed where fingerprints are kept, secret where strangers choose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

/* Before hash_init() the secret is 0, 0: checked against a second writing of the paper. */
static const struct { size_t n; uint64_t want; } zero_key[] = {
	{ 0, 0xd1fba762150c532c }, { 1, 0x68a914128e01e473 }, { 7, 0x2f098ab0c751325a },
	{ 8, 0xead411e67ebe2eea }, { 15, 0xf30eb725bb91c9ea }, { 16, 0x8972188433a5c5b7 },
};

static void vectors(void **state)
{
	unsigned char bytes[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(zero_key) / sizeof(*zero_key); i++)
		if (hash_keyed(bytes, zero_key[i].n) != zero_key[i].want)
			fail_msg("%zu: 0x%llx", zero_key[i].n,
				 (unsigned long long)hash_keyed(bytes, zero_key[i].n));
}

/* Snapshots and positions hold these: they may never change. */
static void fingerprints(void **state)
{
	(void)state;
	assert_true(hash_fixed("", 0) == hash_fixed("x", 0));
	assert_true(hash_fixed("Aug 21", 6) == 0xc8993df3c9c0fdd4);
	assert_true(hash_fixed("a", 1) != hash_fixed("a\0", 2));
	assert_true(hash_fixed("\0\0", 2) != hash_fixed("\0\0\0", 3));
}

static void secret(void **state)
{
	uint64_t before = hash_keyed("abc", 3), fixed = hash_fixed("abc", 3);

	(void)state;
	hash_init();
	assert_true(hash_keyed("abc", 3) != before);
	assert_true(hash_keyed("abc", 3) == hash_keyed("abc", 3));
	assert_true(hash_fixed("abc", 3) == fixed);
}

static void again(void **state)
{
	char key[1000] = "abc";

	(void)state;
	for (size_t n = 0; n < sizeof(key); n += 3) {
		assert_true(hash_keyed_again(key, n) == hash_keyed(key, n));
		assert_true(hash_keyed_again(key, n) == hash_keyed(key, n));
	}
	key[0] = 'b';
	assert_true(hash_keyed_again(key, 3) == hash_keyed(key, 3));
	hash_init();
	assert_true(hash_keyed_again(key, 3) == hash_keyed(key, 3));
	assert_true(hash_within(7, 0) != hash_within(7, 1));
}

/* One bit of the input moves about half of the bits of the hash. */
static void spreads(void **state)
{
	unsigned char in[24] = { 0 };
	uint64_t base = hash_keyed(in, sizeof(in));
	int moved = 0;

	(void)state;
	for (unsigned bit = 0; bit < 8 * sizeof(in); bit++) {
		in[bit / 8] ^= (unsigned char)(1 << bit % 8);
		moved += __builtin_popcountll(base ^ hash_keyed(in, sizeof(in)));
		in[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_in_range(moved / (8 * sizeof(in)), 28, 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors), cmocka_unit_test(fingerprints),
		cmocka_unit_test(secret), cmocka_unit_test(again), cmocka_unit_test(spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
