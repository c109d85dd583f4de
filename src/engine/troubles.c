/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Patterns that ran into their limit: which, where it stands, how often. Told
 * at most once a minute, since whoever can make one such line can make many.
 */
#include "engine/troubles.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

#define TELL_EVERY_MS 60000
#define TOLD_AT_ONCE 16

static void print(const struct match_trouble *t, char *buf, size_t size)
{
	const char *lines = t->times == 1 ? "line" : "lines";

	if (!t->rule)
		snprintf(buf, size, "jail %.64s: its prefix ran into its %s on %" PRIu64 " %s,"
			 " which did not match", t->jail->name, t->what, t->times, lines);
	else
		snprintf(buf, size, "jail %.64s: the pattern at %.100s:%u:%u ran into its %s on %" PRIu64
			 " %s, which did not match", t->jail->name, t->rule->place.file,
			 t->rule->place.line, t->rule->place.column, t->what, t->times, lines);
}

void troubles_print(struct matcher *m)
{
	struct match_trouble t[TOLD_AT_ONCE];
	char text[240];

	while (matcher_troubled(m)) {
		size_t n = matcher_troubles(m, t, TOLD_AT_ONCE);

		for (size_t i = 0; i < n; i++) {
			print(&t[i], text, sizeof(text));
			fprintf(stderr, "bailiff: %s\n", text);
		}
	}
}

void troubles_tell(struct serve *s)
{
	struct match_trouble t[TOLD_AT_ONCE];
	struct message_note note = { .alert = false };
	int64_t now;
	size_t n;

	if (!matcher_troubled(s->core->matcher))
		return;
	now = clock_mono().ms;
	if (now < s->troubles_from_ms)
		return;
	s->troubles_from_ms = now + TELL_EVERY_MS;
	n = matcher_troubles(s->core->matcher, t, TOLD_AT_ONCE);
	for (size_t i = 0; i < n; i++) {
		print(&t[i], note.text, sizeof(note.text));
		log_warning("%s", note.text);
		serve_note(s, &note);
	}
}
