/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

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

/* The same under a fixed key: for fingerprints that outlive the process. */
uint64_t hash_fixed(const void *p, size_t n);

#endif
