/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

/*
 * Many bytes at once, for what every line of every log passes: where a byte
 * stands is a mask then, and not the number of turns of a loop, which no
 * processor guesses right for words that all have another length.
 */
#include <endian.h>
#include <stdbool.h>
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

/* Bit i: p[i] is c. Looks at 16 bytes. */
static inline uint32_t bytes_16(const char *p, char c)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *)p);

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
#else
	uint32_t ret = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t v = le64toh(bytes_word(p + 8 * i)) ^ BYTES_EACH(c);
		uint64_t other = ((v & ~BYTES_HIGH) + ~BYTES_HIGH) | v;	/* its high bit: this byte is not c */

		ret |= (uint32_t)(((~other & BYTES_HIGH) >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
	return ret;
#endif
}

static inline uint32_t bytes_32(const char *p, char c)
{
	return bytes_16(p, c) | bytes_16(p + 16, c) << 16;
}

static inline uint64_t bytes_64(const char *p, char c)
{
	return bytes_32(p, c) | (uint64_t)bytes_32(p + 32, c) << 32;
}

#ifdef __SSE2__
/* Of 16 bytes each: how much it is over low + room; far over, if it is below low. */
static inline __m128i bytes_over(const char *p, const char *low, const char *room)
{
	__m128i above = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)low));

	return _mm_subs_epu8(above, _mm_loadu_si128((const __m128i *)room));
}
#endif

/* Is each of 64 bytes one of those from low[i] to low[i] + room[i]? */
static inline bool bytes_within_64(const char *p, const char *low, const char *room)
{
#ifdef __SSE2__
	__m128i over = _mm_or_si128(bytes_over(p, low, room), bytes_over(p + 16, low + 16, room + 16));

	over = _mm_or_si128(over, bytes_over(p + 32, low + 32, room + 32));
	over = _mm_or_si128(over, bytes_over(p + 48, low + 48, room + 48));
	return _mm_movemask_epi8(_mm_cmpeq_epi8(over, _mm_setzero_si128())) == 0xffff;
#else
	bool over = false;

	for (unsigned i = 0; i < 64; i++)
		over |= (unsigned char)(p[i] - low[i]) > (unsigned char)room[i];
	return !over;
#endif
}

/* How many of the eight bytes before `end` are digits, counted from there to the left. */
static inline unsigned bytes_digits_before(const char *end)
{
	uint64_t v = le64toh(bytes_word(end - 8)) ^ BYTES_EACH('0');
	uint64_t other = (((v & ~BYTES_HIGH) + BYTES_EACH(0x80 - 10)) | v) & BYTES_HIGH;

	return other ? (unsigned)__builtin_clzll(other) / 8 : 8;
}

#endif
