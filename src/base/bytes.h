/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

/*
 * Many bytes at once, for what every line of every log passes: where a byte
 * stands is a mask then, and not the number of turns of a loop, which no
 * processor guesses right for words that all have another length.
 */
#include <endian.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BYTES_EACH(c) ((uint64_t)(unsigned char)(c) * UINT64_C(0x0101010101010101))
#define BYTES_HIGH BYTES_EACH(0x80)

/* Eight bytes as they lie there. */
static inline uint64_t bytes_word(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Bit i: p[i] is c. Looks at 32 bytes. */
static inline uint32_t bytes_32(const char *p, char c)
{
	uint32_t ret = 0;

#ifdef __SSE2__
	for (unsigned i = 0; i < 2; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));

		ret |= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c))) << (16 * i);
	}
#else
	for (unsigned i = 0; i < 4; i++) {
		uint64_t v = le64toh(bytes_word(p + 8 * i)) ^ BYTES_EACH(c);
		uint64_t other = ((v & ~BYTES_HIGH) + ~BYTES_HIGH) | v;	/* its high bit: this byte is not c */

		ret |= (uint32_t)(((~other & BYTES_HIGH) >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
#endif
	return ret;
}

static inline uint64_t bytes_64(const char *p, char c)
{
	return bytes_32(p, c) | (uint64_t)bytes_32(p + 32, c) << 32;
}

/* How many of the eight bytes before `end` are digits, counted from there to the left. */
static inline unsigned bytes_digits_before(const char *end)
{
	uint64_t v = le64toh(bytes_word(end - 8)) ^ BYTES_EACH('0');
	uint64_t other = (((v & ~BYTES_HIGH) + BYTES_EACH(0x80 - 10)) | v) & BYTES_HIGH;

	return other ? (unsigned)__builtin_clzll(other) / 8 : 8;
}

#endif
