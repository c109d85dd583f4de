/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is read, and from where on. Files and journals come as descriptors;
 * bailiffd watches directories, the inotify it shares with us tells when
 * content changed.
 *
 * A file is followed by its descriptor, not by its name: after a rotation by
 * rename the old one is read on until it has been quiet for a while. After a
 * copytruncate the copy is asked for, and read from where we were (rotated.c).
 * A start goes on from the snapshot's positions (positions.c).
 */
#include "engine/sources_private.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/fault.h"
#include "engine/troubles.h"

#define READ_BUDGET (1u << 20)		/* bytes of one source, then the next */
#define JOURNAL_BUDGET 4096		/* entries */
#define RETIRED_QUIET_MS 30000
#define POLL_S 1.

/* ---- one line */

static bool is_poison(const struct serve *s, uint16_t log, const struct position *pos)
{
	for (size_t i = 0; i < s->npoison; i++)
		if (s->poison[i].log == log && s->poison[i].pos.offset == pos->offset &&
		    s->poison[i].pos.ino == pos->ino)
			return true;
	return false;
}

/* The page tells bailiffd what we were at, should we die of it. False: pass it over. */
static bool begin(struct source *src, const struct position *pos)
{
	struct serve *s = src->all->s;
	struct engine_page *page = s->page;

	src->lines++;
	if (s->npoison && is_poison(s, src->log, pos)) {
		src->all->skipped++;
		log_warning("log %s: the entry at offset %llu is passed over", s->config->logs[src->log].name,
			    (unsigned long long)pos->offset);
		return false;
	}
	page->log = src->log;
	page->pos.dev = pos->dev;
	page->pos.ino = pos->ino;
	page->pos.fingerprint = pos->fingerprint;
	page->pos.offset = pos->offset;
	page->jail = ORDER_NO_JAIL;
	page->busy = 1;
	if (src->follow || src->journal)
		page->lines++;
	return true;
}

static void work_on(struct source *src, const struct entry *e, struct span line,
		    const struct position *pos, bool trusted)
{
	struct sources *all = src->all;
	struct serve *s = all->s;
	struct clockwork clock = {
		s->parsers[src->log], { .arrival = { src->read_ms }, .finished = src->finished }, &src->last, &all->clamped,
	};

	src->hits += core_take(s->core, src->log, e, line, pos, &clock, trusted);
}

int sources_on_line(void *arg, const struct line *line)
{
	struct source *src = arg;
	struct serve *s = src->all->s;
	struct entry e;

	if (!begin(src, &line->pos))
		return 0;
	fault(line->text, FAULT_ENTRY);
	prefix_parse(s->parsers[src->log], line->text, &e);
	e.cut = line->cut;
	work_on(src, &e, line->text, &line->pos, s->config->logs[src->log].trust);
	s->page->busy = 0;
	return 0;
}

static int on_entry(void *arg, const struct journal_entry *e)
{
	struct source *src = arg;
	struct serve *s = src->all->s;

	if (!begin(src, &e->pos))
		return 0;
	fault(e->entry.text, FAULT_ENTRY);
	work_on(src, &e->entry, e->entry.text, &e->pos,
		s->config->logs[src->log].trust || journal_trusted(src->journal));
	s->page->busy = 0;
	return 0;
}

/* ---- reading */

static void source_free(struct source **sp)
{
	follow_free(&(*sp)->follow);
	free(*sp);
	*sp = NULL;
}

/* 0 or -errno, which is told once. */
static int read_file(struct source *src, bool *more)
{
	int e = follow_read(src->follow, READ_BUDGET, sources_on_line, src, more);
	struct position pos;

	if (e != -ESTALE)
		return e;
	pos = follow_position(src->follow);
	rotated_search(src->all, src->log, src->path, &pos, src->last, src, true);
	return 0;
}

/* true: there is more. */
static bool read_source(struct source *src)
{
	uint64_t before = src->lines;
	bool more = false;
	int e = 0;

	src->read_ms = clock_wall().ms;
	if (src->follow)
		e = read_file(src, &more);
	else if (src->journal)
		e = journal_read(src->journal, JOURNAL_BUDGET, on_entry, src, &more);
	if (e < 0 && e != src->error)
		log_err("log %s: %s: %s", src->all->s->config->logs[src->log].name, src->path, strerror(-e));
	src->error = e < 0 ? e : 0;
	if (src->lines != before) {
		src->changed_ms = src->read_ms;
		state_changed(src->all->s);
	}
	return more;
}

/* A rotated file is read to its end before the one that took its name. */
static bool is_held_back(const struct sources *r, size_t at)
{
	const struct source *src = r->v[at];

	for (size_t i = 0; i < at && ev_is_active(&r->retire); i++)
		if (r->v[i]->retired && r->v[i]->dirty && r->v[i]->log == src->log &&
		    strcmp(r->v[i]->path, src->path) == 0)
			return true;
	return false;
}

static void read_dirty(struct sources *r)
{
	bool more = false;

	/* Orders go first: our log and the ledger's thread can wait for that. */
	log_hold();
	store_hold(r->s->store);
	for (size_t i = 0; i < r->n; i++) {
		struct source *src = r->v[i];

		if (!src->dirty || src->waiting || src->failed || is_held_back(r, i))
			continue;
		src->dirty = read_source(src);
		more |= src->dirty;
	}
	if (serve_flush(r->s))
		sched_yield();	/* bailiffd may wait for this very processor */
	troubles_tell(r->s);
	store_release(r->s->store);
	log_release();
	if (more) {
		ev_idle_start(r->s->loop, &r->more);
		return;
	}
	ev_idle_stop(r->s->loop, &r->more);
	if (r->fresh) {
		/* The window before the start is read: from here on all counts,
		 * whatever its stamp, and a crash goes on from here. */
		r->fresh = false;
		r->unsaved = true;
		r->s->core->not_before_ms = INT64_MIN;
	}
	if (r->unsaved) {
		/* A file that no snapshot knows could be rotated away, and a
		 * start after a crash would not miss it. */
		r->unsaved = false;
		state_snapshot(r->s);
	}
}

static void on_more(struct ev_loop *loop, ev_idle *w, int events)
{
	(void)loop;
	(void)events;
	read_dirty(w->data);
}

static void mark(struct sources *r, int wd)
{
	bool known = false;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->wd == wd && wd >= 0) {
			r->v[i]->dirty = true;
			known = true;
		}
	for (size_t i = 0; i < r->n && !known; i++)
		r->v[i]->dirty |= r->v[i]->journal != NULL || wd < 0;
}

static void on_inotify(struct ev_loop *loop, ev_io *w, int events)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct sources *r = w->data;
	ssize_t n;

	(void)loop;
	(void)events;
	do {
		const struct inotify_event *e;

		n = read(ENGINE_FD_INOTIFY, buf, sizeof(buf));
		for (char *p = buf; p < buf + n; p += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)p;
			mark(r, e->mask & IN_Q_OVERFLOW ? -1 : e->wd);
		}
	} while (n > (ssize_t)sizeof(buf) / 2);
	if (r->started)
		read_dirty(r);
}

/* Rotated files that have been quiet long enough are let go. */
static void on_retire(struct ev_loop *loop, ev_timer *t, int events)
{
	struct sources *r = t->data;
	int64_t now = clock_wall().ms;
	size_t kept = 0;
	bool left = false;

	(void)events;
	for (size_t i = 0; i < r->n; i++) {
		struct source *src = r->v[i];

		if (src->retired && !src->waiting && !src->dirty && now - src->changed_ms >= RETIRED_QUIET_MS) {
			follow_flush(src->follow, sources_on_line, src);
			inotify_rm_watch(ENGINE_FD_INOTIFY, src->wd);
			source_free(&src);
			state_changed(r->s);
			continue;
		}
		left |= src->retired;
		r->v[kept++] = src;
	}
	r->n = kept;
	serve_flush(r->s);
	if (!left)
		ev_timer_stop(loop, t);
}

static void on_poll(struct ev_loop *loop, ev_timer *t, int events)
{
	struct sources *r = t->data;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < r->n; i++)
		r->v[i]->dirty |= r->v[i]->follow && r->v[i]->wd < 0;
	if (r->started)
		read_dirty(r);
}

/* ---- sources come */

/* Its inode is held open, so no other file can have the number. */
static bool is_followed(const struct sources *r, const struct source *src)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->follow && r->v[i]->log == src->log && r->v[i]->dev == src->dev &&
		    r->v[i]->ino == src->ino)
			return true;
	return false;
}

static void add_file(struct sources *r, const struct message_source *m, int fd)
{
	struct source *src = calloc(1, sizeof(*src));
	struct stat st;
	int e;

	if (!src) {
		close(fd);
		return;
	}
	*src = (struct source){ .all = r, .log = m->log, .wd = m->wd, .dirty = true };
	memcpy(src->path, m->path, sizeof(src->path));
	if (fstat(fd, &st) == 0) {
		src->dev = st.st_dev;
		src->ino = st.st_ino;
	}
	if (is_followed(r, src)) {
		close(fd);
		free(src);
		return;
	}
	e = follow_open(fd, r->s->config->line_max, &src->follow);
	if (e < 0) {
		log_err("log %s: %s: %s", r->s->config->logs[m->log].name, m->path, strerror(-e));
		free(src);
		return;
	}
	src->changed_ms = clock_wall().ms;
	for (size_t i = 0; i < r->n; i++) {
		struct source *old = r->v[i];

		if (old->log != src->log || strcmp(old->path, src->path) != 0)
			continue;
		/* The same name, another file: the old one was rotated. */
		old->retired = old->follow;
		old->dirty = true;
		old->changed_ms = src->changed_ms;
		src->waiting = old->waiting;
		if (!ev_is_active(&r->retire))
			ev_timer_again(r->s->loop, &r->retire);
	}
	r->v[r->n++] = src;
	if (src->wd < 0 && !ev_is_active(&r->poll))
		ev_timer_again(r->s->loop, &r->poll);
	if (r->started) {
		log_info("log %s: following %s", r->s->config->logs[m->log].name, m->path);
		r->unsaved = true;
	}
}

static void add_journal(struct sources *r, const struct message_source *m, const int *fds, size_t n)
{
	struct journal *j = r->journals[m->log];
	struct source *src = NULL;
	int e;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->log == m->log && r->v[i]->journal)
			src = r->v[i];
	if (!j)
		return;
	e = journal_reopen(j, fds, n);
	if (e < 0 && e != -ENOENT) {
		log_err("log %s: %s: %s", r->s->config->logs[m->log].name, m->path, strerror(-e));
		return;
	}
	if (journal_bad(j))
		log_warning("log %s: %s: %zu of %zu files are no journals, are damaged or not yet complete:"
			    " they are passed over until they change", r->s->config->logs[m->log].name,
			    m->path, journal_bad(j), n);
	if (src) {
		src->dirty = true;
		return;
	}
	src = calloc(1, sizeof(*src));
	if (!src)
		return;
	*src = (struct source){ .all = r, .log = m->log, .wd = -1, .dirty = true, .journal = j };
	memcpy(src->path, m->path, sizeof(src->path));
	r->v[r->n++] = src;
	if (r->started) {
		positions_place_journal(r, src);
		r->unsaved = true;
	}
}

/* What could not be opened stands in `status`, once, until it can be. */
static void drop_failed(struct sources *r, const struct message_source *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i]->failed && r->v[i]->log == m->log && strcmp(r->v[i]->path, m->path) == 0)
			source_free(&r->v[i]);
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
}

static void add_failed(struct sources *r, const struct message_source *m)
{
	struct source *src = calloc(1, sizeof(*src));

	if (!src)
		return;
	*src = (struct source){ .all = r, .log = m->log, .wd = -1, .failed = true, .error = m->wd };
	memcpy(src->path, m->path, sizeof(src->path));
	r->v[r->n++] = src;
}

void sources_add(struct sources *r, const struct message_source *m, const int *fds, size_t nfds)
{
	bool file = m->head.type == MSG_SOURCE && nfds == 1, known = m->log < r->s->config->nlogs;

	if (known)
		drop_failed(r, m);
	if (!known || r->n == SOURCES_MAX) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		if (r->n == SOURCES_MAX)
			log_err("more than %d log files: %s is not read", SOURCES_MAX, m->path);
		return;
	}
	if (file)
		add_file(r, m, fds[0]);
	else if (m->head.type == MSG_COMMAND && nfds == 1)
		commands_add(r, m, fds[0]);
	else if (m->head.type == MSG_JOURNAL)
		add_journal(r, m, fds, nfds);
	else
		add_failed(r, m);
	if (r->started)
		read_dirty(r);
}

/* ---- start and stop */

int sources_new(struct serve *s, struct sources **ret)
{
	struct sources *r = calloc(1, sizeof(*r));
	int e = 0;

	if (!r)
		return -ENOMEM;
	r->s = s;
	r->journals = calloc(s->config->nlogs + 1, sizeof(*r->journals));
	if (!r->journals)
		e = -ENOMEM;
	for (size_t i = 0; i < s->config->nlogs && e == 0; i++)
		if (s->config->logs[i].has_journal)
			e = journal_open(NULL, 0, &s->config->logs[i].units, s->config->line_max, &r->journals[i]);
	if (e == 0)
		e = commands_new(r);
	if (e < 0) {
		sources_free(&r);
		return e;
	}
	ev_io_init(&r->inotify, on_inotify, ENGINE_FD_INOTIFY, EV_READ);
	ev_idle_init(&r->more, on_more);
	ev_timer_init(&r->retire, on_retire, 10., 10.);
	ev_timer_init(&r->poll, on_poll, POLL_S, POLL_S);
	r->inotify.data = r->more.data = r->retire.data = r->poll.data = r;
	*ret = r;
	return 0;
}

void sources_free(struct sources **rp)
{
	struct sources *r = *rp;

	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		source_free(&r->v[i]);
	for (size_t i = 0; r->journals && i < r->s->config->nlogs; i++)
		journal_free(&r->journals[i]);
	commands_free(r);
	free(r->journals);
	free(r->saved);
	free(r);
	*rp = NULL;
}

void sources_start(struct sources *r, bool fresh)
{
	r->fresh = fresh;
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i]->follow)
			positions_place_file(r, r->v[i]);
		else if (r->v[i]->journal)
			positions_place_journal(r, r->v[i]);
	}
	r->started = true;
	positions_search_lost(r);
	ev_io_start(r->s->loop, &r->inotify);
	ev_idle_start(r->s->loop, &r->more);
}

void sources_stop(struct sources *r)
{
	r->started = false;
	commands_stop(r);
	ev_io_stop(r->s->loop, &r->inotify);
	ev_idle_stop(r->s->loop, &r->more);
	ev_timer_stop(r->s->loop, &r->retire);
	ev_timer_stop(r->s->loop, &r->poll);
}

json_t *sources_json(const struct sources *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n; i++) {
		const struct source *src = r->v[i];
		const char *state = src->failed ? "failed" : src->retired ? "rotated" :
				    src->waiting ? "waiting" : "following";
		struct position pos = { 0 };
		struct stat st;
		json_int_t lag = 0;

		if (src->follow) {
			pos = follow_position(src->follow);
			if (fstat(follow_fd(src->follow), &st) == 0 && (uint64_t)st.st_size > pos.offset)
				lag = (json_int_t)((uint64_t)st.st_size - pos.offset);
		}
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s?}",
			"log", r->s->config->logs[src->log].name, "kind", src->journal ? "journal" : "file",
			"path", src->path, "state", state, "lines", (json_int_t)src->lines,
			"hits", (json_int_t)src->hits, "lag", lag,
			"error", src->error ? strerror(-src->error) : NULL));
	}
	commands_json(r, list);
	return list;
}
