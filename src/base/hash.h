/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") under
 * a secret of this process drawn with getrandom(2) by hash_init(): strangers
 * choose what goes into our tables.
 */
void hash_init(void);
uint64_t hash_keyed(const void *p, size_t n);

/*
 * hash_keyed() for keys that are looked up in one table after the other: the
 * last answers are kept, a few a thread. Keys over 640 bytes are not.
 */
uint64_t hash_keyed_again(const void *p, size_t n);

/* What a key's hash becomes in the table, or the part of one, that has this number. */
static inline uint64_t hash_within(uint64_t hash, uint16_t number)
{
	hash ^= (number + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
	return (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
}

/* Of no secret, for filters that may be wrong: length, beginning and end. */
static inline uint64_t hash_quick(const char *p, size_t n)
{
	uint64_t a = 0, b = 0;

	if (n >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		memcpy(&b, p + n - sizeof(b), sizeof(b));
	} else {
		for (size_t i = 0; i < n; i++)
			a = a << 8 | (unsigned char)p[i];
	}
	a = (a ^ n) * UINT64_C(0x9e3779b97f4a7c15);
	b = (b ^ a ^ a >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return b ^ b >> 32;
}

/* hash_keyed() under a fixed key: for fingerprints that outlive the process. */
uint64_t hash_fixed(const void *p, size_t n);

#endif
