/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>

/*
 * Answers for people, on standard output. `request` is what was asked, for
 * the words that an answer does not repeat.
 */
void show_status(const json_t *request, const json_t *answer);
void show_bans(const json_t *request, const json_t *answer);
void show_locks(const json_t *request, const json_t *answer);
void show_incidents(const json_t *request, const json_t *answer);
void show_incident(const json_t *request, const json_t *answer);
void show_why(const json_t *request, const json_t *answer);
void show_banned(const json_t *request, const json_t *answer);
void show_unbanned(const json_t *request, const json_t *answer);
void show_allowed(const json_t *request, const json_t *answer);
void show_disallowed(const json_t *request, const json_t *answer);
void show_protected(const json_t *request, const json_t *answer);
void show_steps(const json_t *request, const json_t *answer);
void show_queue(const json_t *request, const json_t *answer);	/* queue.c */
void show_mode(const json_t *request, const json_t *answer);
void show_pause(const json_t *request, const json_t *answer);
void show_reload(const json_t *request, const json_t *answer);
void show_teardown(const json_t *request, const json_t *answer);

/* One line: "10:31:05 ban  addr=192.0.2.7 jail=postfix-sasl". */
void show_event(const json_t *event);

/* An answer for programs: ASCII only, no byte that a terminal obeys. */
void show_json(const json_t *value);

#endif
