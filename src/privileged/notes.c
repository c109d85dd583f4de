/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bailiffd has to say to an admin. It has no voice but the log: `status`
 * and mail are the engine's, and just then there may be none. So the last
 * notes are kept, every engine shows them, and one of them mails each, at most
 * once: a note's id is that of the order under which it is mailed.
 */
#include "privileged/monitor.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

static void make(struct message_note *note, bool alert, const char *fmt, va_list ap)
{
	static uint8_t n;

	*note = (struct message_note){
		.head = { .type = MSG_NOTE, .count = 1 }, .alert = alert,
		/* Of no order of an engine, also after a restart of ours. */
		.id = 1ULL << 62 | (uint64_t)clock_wall().ms << 8 | n++,
	};
	vsnprintf(note->text, sizeof(note->text), fmt, ap);
}

void note_make(struct message_note *note, bool alert, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	make(note, alert, fmt, ap);
	va_end(ap);
}

void link_note(struct monitor *m, bool alert, const char *fmt, ...)
{
	struct message_note *note = &m->notes[m->nnotes++ % NOTES_KEPT];
	va_list ap;

	va_start(ap, fmt);
	make(note, alert, fmt, ap);
	va_end(ap);
	log_warning("%s", note->text);
	if (m->now && m->now->state == LINK_SPEAKING)
		link_send(m->now, note, sizeof(*note));
}

void notes_send(struct link *l)
{
	struct monitor *m = l->m;
	size_t first = m->nnotes > NOTES_KEPT ? m->nnotes - NOTES_KEPT : 0;

	for (size_t i = first; i < m->nnotes; i++)
		link_send(l, &m->notes[i % NOTES_KEPT], sizeof(m->notes[0]));
	if (l->policy->last_good)
		link_send(l, &m->last_good, sizeof(m->last_good));
}

void notes_mailed(struct monitor *m, uint64_t id)
{
	for (size_t i = 0; i < NOTES_KEPT; i++)
		if (m->notes[i].id == id)
			m->notes[i].alert = false;
	if (m->last_good.id == id)
		m->last_good.alert = false;
}
