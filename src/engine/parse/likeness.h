/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSE_LIKENESS_H
#define ENGINE_PARSE_LIKENESS_H

#include "base/bytes.h"
#include "bailiff/entry.h"

/*
 * How the lines of most logs begin: a stamp of one shape, and the same host.
 * Another line with these very bytes, but for the stamp's digits, is told
 * apart as the one was that this was made from.
 */
#define LIKENESS_MAX 64
#define LIKENESS_TAG 32		/* so many bytes, and more, are behind it */

struct likeness {
	size_t need;		/* lines have so many bytes, or nothing is told; 0: nothing ever is */
	uint8_t n, nstamp;	/* stamp, space, host, space; the stamp alone */
	uint8_t form;
	unsigned turn;
	char low[LIKENESS_MAX], room[LIKENESS_MAX];
};

/* From a line whose parts are told, if it is of that kind. */
void likeness_take(struct likeness *l, struct span line, const struct entry *e);

/* `prog[9]:` at p, of a line that has n bytes more, LIKENESS_TAG at least; where it ends, or NULL:
 * of a path, among others, which is told otherwise. */
static inline const char *likeness_tag(const char *p, size_t n, struct entry *e)
{
	size_t third = n < 48 ? n - 16 : 32;	/* of 16 bytes each: all that there are up to 48 */
	uint64_t spaces = bytes_32(p, ' ') | (uint64_t)bytes_16(p + third, ' ') << third;
	const char *sp, *open;
	unsigned digits;

	if (!spaces)
		return NULL;
	sp = p + __builtin_ctzll(spaces);
	if (sp[-1] != ':' || sp[-2] != ']')
		return NULL;
	digits = bytes_digits_before(sp - 2);
	open = sp - 3 - digits;
	if (open <= p || digits == 0 || digits == 8 || *open != '[' ||
	    (unsigned char)*p <= '/' || *p == '[')
		return NULL;
	e->program = (struct span){ p, (size_t)(open - p) };
	e->pid = (struct span){ open + 1, digits };
	return sp;
}

/* Tell all of *e but its text. Where that begins, perhaps after white space; NULL: look yourself. */
static inline const char *likeness_tell(const struct likeness *l, struct span line, struct entry *e)
{
	if (line.n < l->need || !l->need || !bytes_within_64(line.p, l->low, l->room))
		return NULL;
	e->stamp = (struct span){ line.p, l->nstamp };
	e->host = (struct span){ line.p + l->nstamp + 1, (size_t)(l->n - l->nstamp - 2) };
	e->repeat = 1;
	e->cut = false;
	e->form = l->form;
	e->when_us = 0;
	return likeness_tag(line.p + l->n, line.n - l->n, e);
}

#endif
