/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that a message has of texts and steps lies in one block that grows by
 * half: one allocation for a message and not for a line, and a snapshot is
 * a copy, for within it are offsets and no pointers.
 */
#include <stdlib.h>

#include "engine/flow/flow_private.h"

#define FIRST_ROOM 192u

static bool reserve(struct flow *f, struct message *m, size_t n)
{
	size_t room = m->room ? m->room : f->o.details ? 2 * FIRST_ROOM : FIRST_ROOM / 2, want = m->used + n;
	char *p;

	if (m->used == 0)
		want++;
	if (want <= m->room)
		return true;
	while (room < want)
		room += room / 2;
	if (room > FLOW_BLOCK_MAX)
		return false;
	p = realloc(m->block, room);
	if (!p)
		return false;
	f->bytes += room - m->room;
	m->block = p;
	m->room = (uint32_t)room;
	if (m->used == 0)
		m->block[m->used++] = '\0';
	return true;
}

uint32_t message_put(struct flow *f, struct message *m, struct span text)
{
	size_t n = text.n < FLOW_TEXT_MAX ? text.n : FLOW_TEXT_MAX;
	uint32_t at;

	if (n == 0 || !reserve(f, m, n + 1))
		return 0;
	at = m->used;
	memcpy(m->block + at, text.p, n);
	m->block[at + n] = '\0';
	m->used += (uint32_t)n + 1;
	return at;
}

uint32_t message_replace(struct flow *f, struct message *m, uint32_t at, struct span text)
{
	size_t n = text.n < FLOW_TEXT_MAX ? text.n : FLOW_TEXT_MAX;
	uint32_t put;

	if (!at || n == 0 || n > strlen(m->block + at)) {
		put = message_put(f, m, text);
		return put ? put : at;
	}
	memcpy(m->block + at, text.p, n);
	m->block[at + n] = '\0';
	return at;
}

void message_set_step(struct message *m, uint32_t at, const struct step *s)
{
	memcpy(m->block + at, s, sizeof(*s));
}

uint32_t message_add_step(struct flow *f, struct message *m, const struct step *s)
{
	struct step before;
	uint32_t at;

	if (!reserve(f, m, sizeof(*s))) {
		m->lost++;
		return 0;
	}
	at = m->used;
	message_set_step(m, at, s);
	m->used += sizeof(*s);
	if (m->last) {
		before = message_step(m, m->last);
		before.next = at;
		message_set_step(m, m->last, &before);
	} else {
		m->first = at;
	}
	m->last = at;
	return at;
}
