/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the next line is held against. Only stamps count whose length their
 * shape tells, and hosts that no other reading of the line would take for
 * something else: then the same shape is the same answer.
 */
#include "engine/parse/likeness.h"

#include "engine/parse/stamp.h"

#define TURNS 8		/* of lines that are of another kind, one is taken for the next */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Stamp, space, host, space, program: from the line's first byte on. */
static bool is_common(struct span line, const struct entry *e)
{
	const char *host = line.p + e->stamp.n + 1, *tag = host + e->host.n + 1;

	return (e->form == STAMP_ISO || e->form == STAMP_SYSLOG) && e->stamp.p == line.p &&
	       e->host.n > 0 && e->host.p == host && host[-1] == ' ' && is_plain(host[0]) &&
	       is_plain(tag[-2]) && tag[-1] == ' ' && e->program.p == tag &&
	       tag - line.p <= LIKENESS_MAX;
}

void likeness_take(struct likeness *l, struct span line, const struct entry *e)
{
	/* Where hosts take turns, most of this is in vain. */
	if (l->turn++ % TURNS != 0 || !is_common(line, e))
		return;
	l->nstamp = (uint8_t)e->stamp.n;
	l->n = (uint8_t)(e->program.p - line.p);
	l->form = e->form;
	l->need = l->n + LIKENESS_TAG > LIKENESS_MAX ? l->n + LIKENESS_TAG : LIKENESS_MAX;
	memset(l->low, 0, sizeof(l->low));
	memset(l->room, 0xff, sizeof(l->room));
	memset(l->room, 0, l->n);
	memcpy(l->low, line.p, l->n);
	for (size_t i = 0; i < l->nstamp; i++)
		if (is_digit(l->low[i])) {
			l->low[i] = '0';
			l->room[i] = 9;
		}
}
