/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_MATCH_LEAD_H
#define ENGINE_MATCH_LEAD_H

#include <string.h>

#include "base/bytes.h"
#include "engine/match/pattern.h"

#define LEAD_MAX 32
#define LEAD_TAIL_MAX 8
#define LEADS_MAX 8

/* What comes before a lead's bytes: nothing; an id, a colon and a space; a word, and those. */
enum lead_head { LEAD_PLAIN, LEAD_ID, LEAD_WORD };

/* One way in which a text can begin. */
struct lead {
	enum lead_head head;
	uint8_t ntail, n;
	char tail[LEAD_TAIL_MAX];	/* the word ends so, and something is before it */
	char bytes[LEAD_MAX];
	uint64_t word, mask;	/* the first eight of the bytes; or the last, and mask is 0 */
};

/* How everything that a pattern matches begins: so, or so. None: nobody knows. */
struct leads {
	uint8_t n;
	uint8_t tokens, bytes;	/* of the pattern, of the text: need not be looked at again */
	bool whole;		/* behind a head, too, all of the text is to be looked at */
	struct lead v[LEADS_MAX];
};

/* The leads of a loosened pattern. */
void leads_of(const struct pattern *p, struct leads *ret);

bool leads_equal(const struct leads *a, const struct leads *b);

/* Is there no text that begins in the ways of both? */
bool leads_exclude(const struct leads *a, const struct leads *b);

/* A text's head: what an id or a word can be, a colon and a space. */
struct head {
	size_t n;	/* up to the colon */
	size_t end;	/* behind the space; 0: there is no head */
	bool id;	/* it can be an id */
};

struct head head_of(struct span text);

/* Where a text goes on behind what must be its head if it has one; 0: it has none. */
static inline size_t head_end(struct span text)
{
	uint32_t colons = text.n > 32 ? bytes_32(text.p, ':') : 0;
	size_t n;

	if (!colons)
		return text.n > 32 && bytes_32(text.p, ' ') ? 0 : head_of(text).end;
	n = (size_t)__builtin_ctz(colons);
	return n > 0 && text.p[n + 1] == ' ' ? n + 2 : 0;
}

/* Is it the head that the lead asks for? */
bool head_fits(const struct head *h, const struct lead *l, struct span text);

/* The first eight bytes, for lead_fits(). */
static inline uint64_t lead_word(struct span s)
{
	uint64_t word = 0;

	if (s.n >= sizeof(word))
		memcpy(&word, s.p, sizeof(word));
	else if (s.n > 0)
		memcpy(&word, s.p, s.n);
	return word;
}

/* Does s, what is behind the head, begin with the lead's bytes? */
static inline bool lead_fits(const struct lead *l, struct span s, uint64_t word)
{
	if (s.n < l->n)
		return false;
	if (l->n <= sizeof(word))
		return (word & l->mask) == l->word;
	memcpy(&word, s.p + l->n - sizeof(word), sizeof(word));
	return word == l->word && memcmp(s.p, l->bytes, l->n - sizeof(word)) == 0;
}

#endif
