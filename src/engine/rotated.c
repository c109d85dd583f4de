/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of a log that were rotated away: after a copytruncate, or while we were
 * not there. bailiffd opens what lies beside the log, oldest first; the part
 * that we were in is told by its fingerprint, compressed or not, and read from
 * our place on, then what came since. A part that cannot be found is said.
 */
#include "engine/sources_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/read/history.h"

void rotated_search(struct sources *r, uint16_t log, const char *path, const struct position *pos,
		    struct event_time last, struct source *truncated, bool newest)
{
	struct message_find find = {
		.head = { .type = MSG_FIND, .count = 1 }, .log = log,
		.ticket = ++r->s->ticket, .pos = *pos,
	};
	struct search *q = calloc(1, sizeof(*q)), **end = &r->searches;

	if (!q)
		return;
	*q = (struct search){ .ticket = find.ticket, .truncated = truncated, .newest = newest,
			      .log = log, .pos = *pos, .last = last };
	memcpy(q->path, path, sizeof(q->path));
	memcpy(find.path, path, sizeof(find.path));
	while (*end)
		end = &(*end)->next;
	*end = q;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->log == log && strcmp(r->v[i]->path, path) == 0)
			r->v[i]->waiting = true;
	serve_send(r->s, &find, sizeof(find));
}

static bool is_open(const struct sources *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return true;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->follow && r->v[i]->dev == st.st_dev && r->v[i]->ino == st.st_ino)
			return true;
	return false;
}

/* Does it begin as the file of that position does, however far it reaches? */
static bool begins_as(int fd, struct position pos)
{
	if (pos.offset > FOLLOW_HEAD)
		pos.offset = FOLLOW_HEAD;
	return pos.offset > 0 && history_is(fd, &pos);
}

/* A part that we were in, or a copy of one: whatever it is called, it is not new. */
static bool is_known(const struct sources *r, const struct search *q, int fd)
{
	if (is_open(r, fd) || begins_as(fd, q->pos))
		return true;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->follow && r->v[i]->log == q->log &&
		    begins_as(fd, follow_position(r->v[i]->follow)))
			return true;
	for (size_t i = 0; i < r->nsaved; i++)
		if (r->saved[i].log == q->log && !r->saved[i].cursor[0] && begins_as(fd, r->saved[i].pos))
			return true;
	return false;
}

/* Read a finished part to its end, on behalf of `src`; *last: where that was. */
static void read_part(struct source *src, int take_fd, uint64_t offset, struct position *last)
{
	struct history_file *h = NULL;
	struct line line;
	int e = history_open(take_fd, src->all->s->config->line_max, offset, &h);

	if (e == 0) {
		src->read_ms = history_mtime_ms(h);
		src->finished = true;
		while ((e = history_next(h, &line)) > 0)
			sources_on_line(src, &line);
		src->finished = false;
		*last = history_position(h);
	}
	history_close(&h);
	if (e < 0) {
		src->all->gaps++;
		log_warning("log %s: a rotated part of %s could not be read: %s",
			    src->all->s->config->logs[src->log].name, src->path, strerror(-e));
	}
}

/*
 * The rest of the part that we were in, and what came after it. After a
 * copytruncate the copy may end before the place where we were: what was
 * written between the copy and the truncation we had read, and nothing is
 * missing.
 */
static void chain(struct sources *r, struct search *q, struct source *src, const int *fds, size_t n)
{
	struct position last[CHANNEL_MAX_FDS];
	size_t at = 0, nread = 0;
	uint64_t before = src->lines;

	while (at < n && !(history_is(fds[at], &q->pos) && (q->truncated || !is_open(r, fds[at]))))
		at++;
	if (at < n) {
		last[nread] = q->pos;
		read_part(src, dup(fds[at]), q->pos.offset, &last[nread++]);
	} else {
		for (at = 0; at < n && !(q->truncated && begins_as(fds[at], q->pos)); at++)
			;
	}
	if (at == n) {
		r->gaps++;
		log_warning("log %s: the rotated part of %s was not found: lines after offset %llu of it may be missing",
			    r->s->config->logs[q->log].name, q->path, (unsigned long long)q->pos.offset);
		return;
	}
	for (size_t i = at + 1; i < n && q->newest; i++) {
		bool again = is_known(r, q, fds[i]);

		for (size_t k = 0; k < nread && !again; k++)
			again = begins_as(fds[i], last[k]);
		if (!again) {
			last[nread] = (struct position){ 0 };
			read_part(src, dup(fds[i]), 0, &last[nread++]);
		}
	}
	log_info("log %s: read on in what was rotated: %s parts=%zu lines=%llu", r->s->config->logs[q->log].name,
		 q->path, nread, (unsigned long long)(src->lines - before));
}

void sources_found(struct sources *r, const struct message_find *m, const int *fds, size_t nfds)
{
	struct search **p = &r->searches, *q;
	struct source *src = NULL, stand_in = { .all = r, .wd = -1 };
	bool others = false;

	while (*p && (*p)->ticket != m->ticket)
		p = &(*p)->next;
	q = r->started ? *p : NULL;	/* P is saved, this search with it */
	if (q) {
		*p = q->next;
		src = q->truncated ? q->truncated : &stand_in;
		if (!q->truncated) {
			stand_in.log = q->log;
			stand_in.last = q->last;
			memcpy(stand_in.path, q->path, sizeof(stand_in.path));
		}
		chain(r, q, src, fds, nfds);
		if (q->truncated) {
			follow_restart(q->truncated->follow);
			log_info("log %s: %s was truncated and is read from its start",
				 r->s->config->logs[q->log].name, q->path);
		}
		for (struct search *o = r->searches; o; o = o->next)
			others |= o->log == q->log && strcmp(o->path, q->path) == 0;
		for (size_t i = 0; i < r->n && !others; i++)
			if (r->v[i]->log == q->log && strcmp(r->v[i]->path, q->path) == 0) {
				r->v[i]->waiting = false;
				r->v[i]->dirty = true;
				if (stand_in.last.ms > r->v[i]->last.ms)
					r->v[i]->last = stand_in.last;
			}
		free(q);
		ev_idle_start(r->s->loop, &r->more);
		state_changed(r->s);
	}
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}
