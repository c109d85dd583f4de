/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-1-3 after Aumasson and Bernstein, "SipHash: a fast short-input PRF"
 * (2012), section 2: one compression round a word and three at the end are
 * enough for hash tables, where only the collisions matter.
 */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define AGAIN_MAX 640
#define AGAIN_KEPT 4	/* a power of two */

static uint64_t secret[2];

/* Answers of hash_keyed_again(). */
struct answer {
	size_t n;		/* 0: none */
	uint64_t hash;
	char key[AGAIN_MAX];
};

static _Thread_local struct answer answers[AGAIN_KEPT];

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void round1(uint64_t v[4])
{
	v[0] += v[1]; v[1] = ROTL(v[1], 13); v[1] ^= v[0]; v[0] = ROTL(v[0], 32);
	v[2] += v[3]; v[3] = ROTL(v[3], 16); v[3] ^= v[2];
	v[0] += v[3]; v[3] = ROTL(v[3], 21); v[3] ^= v[0];
	v[2] += v[1]; v[1] = ROTL(v[1], 17); v[1] ^= v[2]; v[2] = ROTL(v[2], 32);
}

/* The last n < 8 bytes of `all`: by one load that reaches back, if there is where to. */
static inline uint64_t tail(const unsigned char *in, size_t n, size_t all)
{
	uint64_t m = 0;

	if (n == 0)
		return 0;
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && all >= 8) {
		memcpy(&m, in + n - 8, 8);
		return m >> (8 * (8 - n));
	}
	memcpy(&m, in, n);
	return m;
}

static uint64_t siphash13(const void *p, size_t n, uint64_t k0, uint64_t k1)
{
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
		k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL,
	};
	const unsigned char *in = p;
	uint64_t m, last = (uint64_t)n << 56;
	size_t all = n;

	for (; n >= 8; n -= 8, in += 8) {
		memcpy(&m, in, 8);
		v[3] ^= m;
		round1(v);
		v[0] ^= m;
	}
	last |= tail(in, n, all);
	v[3] ^= last;
	round1(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	round1(v);
	round1(v);
	round1(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_init(void)
{
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		abort();
	for (size_t i = 0; i < AGAIN_KEPT; i++)
		answers[i].n = 0;
}

uint64_t hash_keyed(const void *p, size_t n)
{
	return siphash13(p, n, secret[0], secret[1]);
}

uint64_t hash_keyed_again(const void *p, size_t n)
{
	struct answer *a;

	if (n == 0 || n > AGAIN_MAX)
		return hash_keyed(p, n);
	a = &answers[n % AGAIN_KEPT];
	if (n != a->n || memcmp(p, a->key, n) != 0) {
		memcpy(a->key, p, n);
		a->n = n;
		a->hash = hash_keyed(p, n);
	}
	return a->hash;
}

uint64_t hash_fixed(const void *p, size_t n)
{
	return siphash13(p, n, 0x6261696c696666ULL, 0x66696c69616274ULL);
}
