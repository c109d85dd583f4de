/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of records {head, line}. A line that several jails keep one after the
 * other stands there once, behind the first of them; where they keep it for one
 * subject, a record names several. Each record links to the one before it of
 * the same hash bucket by its place in the ring's ever-growing byte count, so
 * that what has been overwritten is known by its age and never followed.
 */
#include "engine/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS 4096
#define LINE_MAX_KEPT 512
#define JAILS 6			/* of one record */

struct record {
	uint64_t key_hash;
	uint64_t before;	/* count of the record before it in the bucket, 0 none */
	uint64_t text;		/* count of the line's first byte */
	int64_t when_ms;
	uint16_t len;
	uint16_t njails;
	uint16_t jail[JAILS];	/* in the order in which they kept it */
};

struct evidence {
	char *ring;
	size_t size;
	uint64_t next;		/* bytes ever written, plus size at the start */
	uint64_t last;		/* count of the last line, and its length */
	size_t last_len;
	struct record *record;	/* the last one; NULL: none */
	uint64_t head[BUCKETS];
};

int evidence_new(size_t bytes, struct evidence **ret)
{
	struct evidence *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->size = bytes & ~(size_t)7;
	e->ring = malloc(e->size);
	if (!e->ring) {
		free(e);
		return -ENOMEM;
	}
	e->next = e->size;
	*ret = e;
	return 0;
}

void evidence_free(struct evidence **e)
{
	if (!*e)
		return;
	free((*e)->ring);
	free(*e);
	*e = NULL;
}

static struct record *at(const struct evidence *e, uint64_t count)
{
	return (struct record *)(e->ring + count % e->size);
}

/* Is it the line that was kept last, and will that stay for a while? */
static bool is_last(const struct evidence *e, struct span line)
{
	return line.n > 0 && line.n == e->last_len && e->next - e->last < e->size / 2 &&
	       memcmp(e->ring + e->last % e->size, line.p, line.n) == 0;
}

/* Into the last record, if that is of the same line (which is the last), subject and time. */
static bool add_jail(struct evidence *e, uint16_t jail, uint64_t hash, int64_t when_ms)
{
	struct record *r = e->record;

	if (!r || r->key_hash != hash || r->text != e->last || r->when_ms != when_ms || r->njails == JAILS)
		return false;
	r->jail[r->njails++] = jail;
	return true;
}

void evidence_add(struct evidence *e, uint16_t jail, struct span key,
		  struct event_time when, struct span line)
{
	size_t len = line.n < LINE_MAX_KEPT ? line.n : LINE_MAX_KEPT;
	bool again = is_last(e, (struct span){ line.p, len });
	size_t size = (sizeof(struct record) + (again ? 0 : len) + 7) & ~(size_t)7;
	uint64_t hash = hash_keyed_again(key.p, key.n);
	uint64_t *head = &e->head[hash % BUCKETS];

	if (again && add_jail(e, jail, hash, when.ms))
		return;
	/* Records do not wrap: the rest of the ring is passed over. */
	if (e->next % e->size + size > e->size)
		e->next += e->size - e->next % e->size;
	if (!again) {
		e->last = e->next + sizeof(struct record);
		e->last_len = len;
		memcpy(e->ring + e->last % e->size, line.p, len);
	}
	e->record = at(e, e->next);
	*e->record = (struct record){ hash, *head, e->last, when.ms, (uint16_t)len, 1, { jail } };
	*head = e->next;
	e->next += size;
}

static size_t find(const struct evidence *e, bool any, uint16_t jail, struct span key,
		   struct evidence_line *ret, size_t max)
{
	uint64_t hash = hash_keyed_again(key.p, key.n);
	uint64_t oldest = e->next - e->size;
	uint64_t count = e->head[hash % BUCKETS];
	size_t n = 0;

	while (n < max && count > oldest) {
		const struct record *r = at(e, count);

		for (unsigned i = r->key_hash == hash && r->text > oldest ? r->njails : 0; i > 0 && n < max; i--)
			if (any || r->jail[i - 1] == jail)
				ret[n++] = (struct evidence_line){
					r->jail[i - 1], { r->when_ms }, { e->ring + r->text % e->size, r->len },
				};
		if (r->before >= count)
			break;
		count = r->before;
	}
	return n;
}

size_t evidence_find(const struct evidence *e, uint16_t jail, struct span key,
		     struct evidence_line *ret, size_t max)
{
	return find(e, false, jail, key, ret, max);
}

size_t evidence_find_any(const struct evidence *e, struct span key,
			 struct evidence_line *ret, size_t max)
{
	return find(e, true, 0, key, ret, max);
}

/* As nearly every line of a log is: nothing in it to escape. */
static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

void json_put_bytes(struct buf *out, struct span s)
{
	struct buf plain = { 0 };

	if (is_plain(s)) {
		buf_putc(out, '"');
		buf_put(out, s.p, s.n);
		buf_putc(out, '"');
		return;
	}
	buf_put_text(&plain, s);
	buf_putc(out, '"');
	for (size_t i = 0; i < plain.n; i++) {
		if (plain.p[i] == '"' || plain.p[i] == '\\' || plain.p[i] == '\t')
			buf_putc(out, '\\');
		buf_putc(out, plain.p[i] == '\t' ? 't' : plain.p[i]);
	}
	buf_putc(out, '"');
	if (plain.error)
		out->error = plain.error;
	buf_free(&plain);
}

void evidence_json(const struct evidence *e, uint16_t jail, struct span key,
		   size_t max, struct buf *out)
{
	struct evidence_line lines[64];
	size_t n = find(e, false, jail, key, lines, max < 64 ? max : 64);

	buf_putc(out, '[');
	for (size_t i = n; i > 0; i--) {
		json_put_bytes(out, lines[i - 1].line);
		if (i > 1)
			buf_putc(out, ',');
	}
	buf_putc(out, ']');
}
