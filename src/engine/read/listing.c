/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sums up a listing of the queue. Of each entry the recipients are cut off
 * before the JSON is read, where they stand last, as showq(8) writes them: a
 * message may have fifty thousand, and none is of interest. The mark that they
 * are cut at holds bare quotes, which no JSON string can.
 */
#include "engine/read/listing.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SENDERS_MAX 65536	/* different ones of a listing; more are not told apart */
#define SENDER_MAX 256
#define SLOTS (4 * SENDERS_MAX)

struct sender {
	uint64_t messages;
	char *name;
};

struct listing {
	uint64_t messages, active, deferred, hold, bad;
	uint64_t before;	/* messages in the listing before */
	bool had;
	int64_t oldest_s;	/* arrival; INT64_MAX: none */
	size_t n;
	struct sender *sender;	/* SENDERS_MAX */
	uint32_t *slot;		/* SLOTS, 0 free: index + 1 by hash of the name */
};

int listing_new(struct listing **ret)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->sender = calloc(SENDERS_MAX, sizeof(*l->sender));
	l->slot = calloc(SLOTS, sizeof(*l->slot));
	if (!l->sender || !l->slot) {
		listing_free(&l);
		return -ENOMEM;
	}
	l->oldest_s = INT64_MAX;
	*ret = l;
	return 0;
}

static void forget_senders(struct listing *l)
{
	for (size_t i = 0; l->sender && i < l->n; i++)
		free(l->sender[i].name);
	if (l->n > 0)
		memset(l->slot, 0, SLOTS * sizeof(*l->slot));
	l->n = 0;
}

void listing_free(struct listing **l)
{
	if (!*l)
		return;
	forget_senders(*l);
	free((*l)->sender);
	free((*l)->slot);
	free(*l);
	*l = NULL;
}

void listing_begin(struct listing *l)
{
	forget_senders(l);
	l->messages = l->active = l->deferred = l->hold = l->bad = 0;
	l->oldest_s = INT64_MAX;
}

uint64_t listing_bad(const struct listing *l)
{
	return l->bad;
}

/* ---- one line */

/* As a sender may stand between < and > in an entry: nothing that ends it. */
static void clean(const char *name, char ret[SENDER_MAX])
{
	size_t n = 0;

	for (; *name && n + 1 < SENDER_MAX; name++)
		ret[n++] = *name > ' ' && *name < 0x7f && !strchr("<>,\"", *name) ?
			   (char)tolower((unsigned char)*name) : '?';
	ret[n] = 0;
}

static void count_sender(struct listing *l, const char *name)
{
	char text[SENDER_MAX];
	size_t at;

	clean(name, text);
	at = hash_fixed(text, strlen(text)) % SLOTS;
	while (l->slot[at] && strcmp(l->sender[l->slot[at] - 1].name, text) != 0)
		at = (at + 1) % SLOTS;
	if (!l->slot[at]) {
		char *copy = l->n < SENDERS_MAX ? strdup(text) : NULL;

		if (!copy)
			return;
		l->sender[l->n++] = (struct sender){ .name = copy };
		l->slot[at] = (uint32_t)l->n;
	}
	l->sender[l->slot[at] - 1].messages++;
}

/* The line without its recipients, as whole JSON. */
static json_t *parse(struct span line)
{
	static const char mark[] = ", \"recipients\": [";
	const char *cut = memmem(line.p, line.n, mark, sizeof(mark) - 1);
	struct buf text = { 0 };
	json_t *j = NULL;

	buf_put(&text, line.p, cut ? (size_t)(cut - line.p) : line.n);
	if (cut)
		buf_putc(&text, '}');
	if (!buf_error(&text))
		j = json_loadb(text.p, text.n, 0, NULL);
	buf_free(&text);
	return j;
}

static bool take(struct listing *l, const json_t *j)
{
	const char *queue = json_string_value(json_object_get(j, "queue_name"));
	const char *sender = json_string_value(json_object_get(j, "sender"));
	const json_t *arrival = json_object_get(j, "arrival_time");

	if (!queue || !sender || !json_is_integer(arrival))
		return false;
	l->messages++;
	l->active += strcmp(queue, "active") == 0;
	l->deferred += strcmp(queue, "deferred") == 0;
	l->hold += strcmp(queue, "hold") == 0;
	if (json_integer_value(arrival) < l->oldest_s)
		l->oldest_s = json_integer_value(arrival);
	count_sender(l, sender);
	return true;
}

void listing_line(struct listing *l, struct span line)
{
	json_t *j;

	if (line.n == 0)
		return;
	j = parse(line);
	if (!j || !take(l, j))
		l->bad++;
	json_decref(j);
}

/* ---- the end */

static int by_messages(const void *a, const void *b)
{
	const struct sender *x = a, *y = b;

	if (x->messages != y->messages)
		return x->messages < y->messages ? 1 : -1;
	return strcmp(x->name, y->name);
}

int listing_end(struct listing *l, int64_t now_s, struct buf *out)
{
	uint64_t growth = l->had && l->messages > l->before ? l->messages - l->before : 0;
	int64_t oldest = l->oldest_s < now_s ? now_s - l->oldest_s : 0;

	if (l->messages == 0 && l->bad > 0)
		return -EBADMSG;
	buf_printf(out, "queue=all messages=%llu active=%llu deferred=%llu hold=%llu growth=%llu oldest=%lld\n",
		   (unsigned long long)l->messages, (unsigned long long)l->active,
		   (unsigned long long)l->deferred, (unsigned long long)l->hold,
		   (unsigned long long)growth, (long long)oldest);
	qsort(l->sender, l->n, sizeof(*l->sender), by_messages);
	for (size_t i = 0; l->messages > 0 && i < l->n && i < LISTING_SENDERS_TOLD; i++)
		buf_printf(out, "queue=sender sender=<%s> messages=%llu share=%llu\n", l->sender[i].name,
			   (unsigned long long)l->sender[i].messages,
			   (unsigned long long)(l->sender[i].messages * 100 / l->messages));
	l->before = l->messages;
	l->had = true;
	return 0;
}
