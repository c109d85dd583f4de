/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures packed into one block: for each its field, type, raw bytes, and
 * the address or number that they mean. A thread keeps what `remember` lines
 * told for days, and there may be hundreds of thousands, so a struct hit with
 * its room for everything would not do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "engine/count/told.h"

/* One packed capture; then `len` raw bytes, then the value of its type. */
struct item {
	uint16_t field;
	uint16_t len;
	uint8_t type;
} __attribute__((packed));

static size_t value_size(uint8_t type)
{
	if (type == FIELD_ADDR)
		return sizeof(struct addr);
	return type == FIELD_NUMBER ? sizeof(int64_t) : 0;
}

static size_t item_size(const struct item *it)
{
	return sizeof(*it) + it->len + value_size(it->type);
}

static void item_get(const char *p, const struct item *it, struct capture *ret)
{
	ret->field = it->field;
	ret->type = it->type;
	ret->raw = (struct span){ p + sizeof(*it), it->len };
	if (it->type == FIELD_ADDR)
		memcpy(&ret->addr, p + sizeof(*it) + it->len, sizeof(ret->addr));
	if (it->type == FIELD_NUMBER)
		memcpy(&ret->number, p + sizeof(*it) + it->len, sizeof(ret->number));
}

static char *item_put(char *p, const struct capture *c)
{
	struct item it = { .field = c->field, .len = (uint16_t)c->raw.n,
			   .type = c->type };

	memcpy(p, &it, sizeof(it));
	p += sizeof(it);
	if (it.len)
		memcpy(p, c->raw.p, it.len);
	p += it.len;
	if (c->type == FIELD_ADDR)
		memcpy(p, &c->addr, sizeof(c->addr));
	if (c->type == FIELD_NUMBER)
		memcpy(p, &c->number, sizeof(c->number));
	return p + value_size(c->type);
}

int told_pack(const struct hit *h, uint16_t a, uint16_t b, struct told **ret)
{
	size_t size = 0;
	struct told *t;
	char *p;

	for (unsigned i = 0; i < h->ncaptures; i++)
		size += sizeof(struct item) + h->capture[i].raw.n +
			value_size(h->capture[i].type);
	t = malloc(sizeof(*t) + size);
	if (!t)
		return -ENOMEM;
	t->n = 0;
	p = t->b;
	for (unsigned i = 0; i < h->ncaptures; i++) {
		const struct capture *c = &h->capture[i];

		if (c->field == a || c->field == b || c->raw.n > UINT16_MAX)
			continue;
		p = item_put(p, c);
		t->n++;
	}
	t->size = (uint32_t)(p - t->b);
	*ret = t;
	return 0;
}

void told_fill(const struct told *t, struct hit *h)
{
	struct item it;

	for (size_t at = 0; t && at < t->size; at += item_size(&it)) {
		memcpy(&it, t->b + at, sizeof(it));
		if (h->ncaptures < HIT_MAX_CAPTURES && !hit_find(h, it.field))
			item_get(t->b + at, &it, &h->capture[h->ncaptures++]);
	}
}

size_t told_bytes(const struct told *t)
{
	return t ? sizeof(*t) + t->size + TOLD_MALLOC_COST : 0;
}

void told_save(const struct told *t, struct buf *out)
{
	buf_put_span(out, t ? (struct span){ t->b, t->size }
			    : (struct span){ NULL, 0 });
}

static bool addr_is_sound(const struct addr *a)
{
	return (a->family == ADDR_V4 || a->family == ADDR_V6) &&
	       a->len <= addr_bits(a);
}

int told_restore(struct reader *in, const uint16_t *field,
		 const uint8_t *type, size_t nfields, struct told **ret)
{
	struct span all = reader_span(in);
	struct hit h = { .ncaptures = 0 };
	struct item it;

	if (in->error)
		return -EBADMSG;
	for (size_t at = 0; at < all.n; at += item_size(&it)) {
		struct capture *c = &h.capture[h.ncaptures];

		if (all.n - at < sizeof(it) || h.ncaptures == HIT_MAX_CAPTURES)
			return -EBADMSG;
		memcpy(&it, all.p + at, sizeof(it));
		if (it.field >= nfields || it.type != type[it.field] ||
		    all.n - at < item_size(&it))
			return -EBADMSG;
		if (field[it.field] == TOLD_GONE)
			continue;
		item_get(all.p + at, &it, c);
		if (c->type == FIELD_ADDR && !addr_is_sound(&c->addr))
			return -EBADMSG;
		c->field = field[it.field];
		h.ncaptures++;
	}
	*ret = NULL;
	return h.ncaptures ? told_pack(&h, TOLD_GONE, TOLD_GONE, ret) : 0;
}
