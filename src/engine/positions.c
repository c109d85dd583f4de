/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where each source was read up to, in snapshots and out of them. A position
 * is looked for in the open file of that inode, then by the name's content;
 * what is in neither was rotated away.
 */
#include "engine/sources_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/load.h"

/* In the same inode; or, where that changed (a device's number after a boot, a
 * restored copy), under the same name with the same content. */
static struct saved *find_saved(struct sources *r, const struct source *src)
{
	struct saved *same = NULL;

	for (size_t i = 0; i < r->nsaved; i++) {
		struct saved *v = &r->saved[i];

		if (v->log != src->log || v->cursor[0] || v->used)
			continue;
		if (v->pos.dev == src->dev && v->pos.ino == src->ino)
			return v;
		if (v->pos.offset > 0 && strcmp(v->path, src->path) == 0 &&
		    follow_is(follow_fd(src->follow), &v->pos))
			same = v;
	}
	return same;
}

/* Of the positions that were saved under one name, the last is the newest. */
static bool is_newest(const struct sources *r, const struct saved *v)
{
	for (const struct saved *o = v + 1; o < r->saved + r->nsaved; o++)
		if (o->log == v->log && !o->cursor[0] && strcmp(o->path, v->path) == 0)
			return false;
	return true;
}

/* Where a file begins for us. */
void positions_place_file(struct sources *r, struct source *src)
{
	struct saved *v = find_saved(r, src);

	if (!v)
		return;		/* from its start */
	v->used = true;
	src->last.ms = v->last_ms;
	if (follow_seek(src->follow, &v->pos) == 0)
		return;
	/* Truncated, or another file in the same inode, while we were away. */
	rotated_search(r, src->log, src->path, &v->pos, src->last, src, is_newest(r, v));
}

void positions_place_journal(struct sources *r, struct source *src)
{
	int64_t from = clock_wall().ms;
	int e;

	for (size_t i = 0; i < r->nsaved; i++) {
		struct saved *v = &r->saved[i];

		if (v->log != src->log || !v->cursor[0])
			continue;
		v->used = true;
		src->last.ms = v->last_ms;
		e = journal_seek_cursor(src->journal, v->cursor);
		if (e == -ENOENT) {
			r->gaps++;
			log_warning("log %s: the journal no longer holds where we were: entries may be missing",
				    r->s->config->logs[src->log].name);
		}
		return;
	}
	/* No history: one longest window, as with files. */
	if (r->s->core->not_before_ms > 0)
		from = r->s->core->not_before_ms;
	/* One that comes while we run is read from its start. */
	if (!r->started)
		journal_seek_time(src->journal, from);
}

/* Where we were in what is no longer there under its name. */
void positions_search_lost(struct sources *r)
{
	for (size_t i = 0; i < r->nsaved; i++) {
		const struct saved *v = &r->saved[i];

		if (!v->used && !v->cursor[0])
			rotated_search(r, v->log, v->path, &v->pos, (struct event_time){ v->last_ms },
				       NULL, is_newest(r, v));
	}
}

static void save_one(const struct sources *r, uint16_t log, const char *path, const char *cursor,
		     const struct position *pos, struct event_time last, struct buf *out)
{
	buf_put_span(out, span_of(r->s->config->logs[log].name));
	buf_put_span(out, span_of(path));
	buf_put_span(out, span_of(cursor));
	buf_put(out, pos, sizeof(*pos));
	buf_put_u64(out, (uint64_t)last.ms);
}

/* In the order of age under each name: rotated parts that are still sought come first. */
void sources_save(const struct sources *r, struct buf *out)
{
	uint32_t n = 0;
	size_t at = out->n;

	buf_put_u32(out, 0);
	for (const struct search *q = r->searches; q; q = q->next) {
		if (q->truncated)
			continue;	/* below, its position is the one before */
		save_one(r, q->log, q->path, "", &q->pos, q->last, out);
		n++;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct source *src = r->v[i];
		const char *cursor = src->journal ? journal_cursor(src->journal) : "";
		struct position pos = { 0 };

		if (src->failed || (src->journal && !cursor))
			continue;
		if (src->follow)
			pos = follow_position(src->follow);
		save_one(r, src->log, src->path, cursor, &pos, src->last, out);
		n++;
	}
	if (!buf_error(out))
		memcpy(out->p + at, &n, sizeof(n));
}

static void copy_text(char *to, size_t size, struct span from)
{
	if (from.n < size)
		memcpy(to, from.p, from.n);
}

int sources_restore(struct sources *r, struct reader *in)
{
	uint32_t n = reader_u32(in);

	if (n > 2 * SOURCES_MAX)
		return -EBADMSG;
	r->saved = calloc(n + 1, sizeof(*r->saved));
	if (!r->saved)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct saved *v = &r->saved[r->nsaved];
		struct span name = reader_span(in), path = reader_span(in), cursor = reader_span(in);
		struct span pos = reader_bytes(in, sizeof(v->pos));
		int64_t last = (int64_t)reader_u64(in);
		char text[128] = "";
		int log;

		if (in->error)
			return in->error;
		copy_text(text, sizeof(text), name);
		log = config_log(r->s->config, text);
		if (log < 0)
			continue;
		v->log = (uint16_t)log;
		v->last_ms = last;
		memcpy(&v->pos, pos.p, sizeof(v->pos));
		copy_text(v->path, sizeof(v->path), path);
		copy_text(v->cursor, sizeof(v->cursor), cursor);
		r->nsaved++;
	}
	return 0;
}
