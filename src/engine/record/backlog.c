/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue between the main thread and the ledger's. Takes records as rows of
 * SQL values, gives them back in the same order. They lie packed in chunks so
 * that a burst costs one malloc for hundreds of records, handing over is the
 * swap of a list, and the whole is bounded in bytes rather than in rows (a
 * verdict with its evidence is twenty times a ban).
 */
#include "engine/record/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64 * 1024 - 64)

struct chunk {
	struct chunk *next;
	size_t n, cap;		/* bytes used and there */
	char bytes[];
};

struct head {			/* before each record and each value */
	uint32_t len;
	uint16_t what;		/* kind, or enum value_type */
	uint16_t n;		/* values of a record */
};

static size_t record_size(const struct value *v, unsigned n)
{
	size_t size = sizeof(struct head);

	for (unsigned i = 0; i < n; i++) {
		size += sizeof(struct head);
		if (v[i].type == VALUE_INT)
			size += sizeof(int64_t);
		else if (v[i].type != VALUE_NULL)
			size += v[i].s.n;
	}
	return size;
}

static void put(struct chunk *c, const void *p, size_t n)
{
	if (n > 0)
		memcpy(c->bytes + c->n, p, n);
	c->n += n;
}

static void put_value(struct chunk *c, const struct value *v)
{
	struct head h = { .what = v->type };

	if (v->type == VALUE_INT) {
		h.len = sizeof(v->i);
		put(c, &h, sizeof(h));
		put(c, &v->i, sizeof(v->i));
		return;
	}
	h.len = v->type == VALUE_NULL ? 0 : (uint32_t)v->s.n;
	put(c, &h, sizeof(h));
	put(c, v->s.p, h.len);
}

/* The last chunk, if `size` fits, or a new one. */
static int room(struct backlog *b, size_t max, size_t size, struct chunk **ret)
{
	struct chunk *c = b->tail;
	size_t cap = size > CHUNK_BYTES ? size : CHUNK_BYTES;

	if (c && c->cap - c->n >= size) {
		*ret = c;
		return 0;
	}
	if (b->bytes + sizeof(*c) + cap > max)
		return -ENOBUFS;
	c = malloc(sizeof(*c) + cap);
	if (!c)
		return -ENOMEM;
	*c = (struct chunk){ .cap = cap };
	if (b->tail)
		b->tail->next = c;
	else
		b->head = c;
	b->tail = c;
	b->bytes += sizeof(*c) + cap;
	*ret = c;
	return 0;
}

int backlog_push(struct backlog *b, size_t max, unsigned kind,
		 const struct value *v, unsigned n)
{
	size_t size = record_size(v, n);
	struct chunk *c;
	struct head h = { .what = (uint16_t)kind, .n = (uint16_t)n };
	int r;

	if (n > RECORD_VALUES_MAX || size > UINT32_MAX)
		return -ENOBUFS;
	r = room(b, max, size, &c);
	if (r < 0)
		return r;
	h.len = (uint32_t)(size - sizeof(h));
	put(c, &h, sizeof(h));
	for (unsigned i = 0; i < n; i++)
		put_value(c, &v[i]);
	return 0;
}

void backlog_take(struct backlog *to, struct backlog *from)
{
	if (!from->head)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->bytes += from->bytes;
	*from = (struct backlog){ 0 };
}

static void drop_head(struct backlog *b)
{
	struct chunk *c = b->head;

	b->head = c->next;
	if (!b->head)
		b->tail = NULL;
	b->bytes -= sizeof(*c) + c->cap;
	free(c);
}

void backlog_free(struct backlog *b)
{
	while (b->head)
		drop_head(b);
}

static struct head get_head(struct backlog_cursor *c)
{
	struct head h;

	memcpy(&h, c->chunk->bytes + c->at, sizeof(h));
	c->at += sizeof(h);
	return h;
}

static void get_value(struct backlog_cursor *c, struct value *ret)
{
	struct head h = get_head(c);
	const char *p = c->chunk->bytes + c->at;

	*ret = (struct value){ .type = h.what };
	if (ret->type == VALUE_INT)
		memcpy(&ret->i, p, sizeof(ret->i));
	else
		ret->s = (struct span){ p, h.len };
	c->at += h.len;
}

bool backlog_next(const struct backlog *b, struct backlog_cursor *c,
		  struct record *ret, size_t *bytes)
{
	struct head h;

	if (!c->chunk)
		*c = (struct backlog_cursor){ b->head, 0 };
	if (!c->chunk)
		return false;
	if (c->at == c->chunk->n) {
		if (!c->chunk->next)
			return false;
		*c = (struct backlog_cursor){ c->chunk->next, 0 };
	}
	h = get_head(c);
	*bytes = sizeof(h) + h.len;
	ret->kind = h.what;
	ret->n = h.n;
	for (unsigned i = 0; i < ret->n; i++)
		get_value(c, &ret->v[i]);
	return true;
}

void backlog_forget(struct backlog *b, struct backlog_cursor *c)
{
	if (!c->chunk)
		return;
	while (b->head != c->chunk)
		drop_head(b);
	if (c->at == b->head->n) {
		drop_head(b);
		*c = (struct backlog_cursor){ 0 };
	}
}
