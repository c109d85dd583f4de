/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PICK_H
#define ENGINE_PICK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "bailiff/span.h"

/*
 * Which queued messages an admin means. Read and matched by the engine alone:
 * a listing holds what strangers wrote into MAIL FROM and RCPT TO.
 */
struct pick;

enum pick_kind {
	PICK_ALL,
	PICK_SENDER,	/* this address, in any case; "<>" or "": bounces */
	PICK_DOMAIN,	/* from or to this domain */
	PICK_MATCH,	/* a PCRE2 pattern, anywhere in the sender or in a recipient */
};

/* -EINVAL: `why` says what is wrong with the text. */
int pick_new(enum pick_kind kind, const char *text, struct pick **ret, char *why, size_t size);
void pick_free(struct pick **p);

/* `message` is an object as pick_parse() gives it. */
bool pick_takes(const struct pick *p, const json_t *message);

/* Patterns that took too long on a message and were given up: it was not taken. */
size_t pick_given_up(const struct pick *p);

/*
 * One line of `postqueue -j`. Bytes that are not UTF-8 read as '?'. NULL: not
 * such a line, or without a queue id and a time that could be told to root.
 */
json_t *pick_parse(struct span line);

#endif
