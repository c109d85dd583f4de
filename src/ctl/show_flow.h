/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_SHOW_FLOW_H
#define CTL_SHOW_FLOW_H

#include <jansson.h>

/* Answers about mail that went through, for people; see show.h. */
void show_top(const json_t *request, const json_t *answer);
void show_trace(const json_t *request, const json_t *answer);

/* YAML; all else in its comments. */
void show_suggest(const json_t *request, const json_t *answer);

/* Was anything found? An exit status. */
int judge_trace(const json_t *request, const json_t *answer);

#endif
