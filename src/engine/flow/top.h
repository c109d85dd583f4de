/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_TOP_H
#define ENGINE_FLOW_TOP_H

#include "engine/flow/flow.h"

/*
 * Figures by user, sender, client or recipient domain, added up from messages.
 * Of a message that came in again only the first part tells the account, the
 * client, the sender, the size and the number of recipients; what became of
 * recipients is told by all parts.
 */
enum top_what { TOP_USERS, TOP_SENDERS, TOP_CLIENTS, TOP_DOMAINS };
enum top_by { TOP_MSGS, TOP_RCPTS, TOP_BYTES, TOP_ADDRESSES, TOP_COUNTRIES, TOP_BOUNCES };

/* By the words of the command line; false: none of them. */
bool top_what_named(const char *word, enum top_what *ret);
bool top_by_named(const char *word, enum top_by *ret);

/* What of the texts `what` needs. */
void top_options(enum top_what what, struct flow_options *o);

/* The country of an address in buf[3], "" if there is none. NULL: no countries are known. */
struct top_places {
	bool (*country)(void *arg, const struct addr *a, char buf[3]);
	void *arg;
};

struct top;
int top_new(enum top_what what, const struct top_places *places, struct top **ret);	/* -ENOMEM */
void top_free(struct top **t);

/* One whole message, if it is one: begun, and not part of another. */
void top_add(struct top *t, const struct flow *f, const struct message *m);
/* All of a table that began at `since` or later. */
void top_add_all(struct top *t, const struct flow *f, int64_t since_ms);

/*
 * {"what", "by", "messages", "keys", "rows": [{"name", "msgs", "rcpts",
 * "bytes", "addresses", "countries", "bounces"}], "uncounted"}, the largest
 * `limit` rows first. NULL: out of memory.
 */
json_t *top_json(struct top *t, enum top_by by, size_t limit);

#endif
