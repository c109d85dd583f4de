/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What commands print, as logs. bailiffd hands over the pipe of each run and
 * tells how it ended; lines go the road of any log's. Nobody reads such a line
 * again after a crash, so its position is only a name: the run's time and the
 * offset in it. A listing of the queue counts whole or not at all.
 */
#include "engine/sources_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/read/listing.h"

#define RUN_BYTES_MAX (64u << 20)	/* of a run with `interval`; docs/jails.md names it */
#define READ_BUDGET (1u << 20)		/* then others have their turn */
#define LEFT_READS 4		/* so often, when it has ended: a pipe holds less */
#define BLOCK (64u << 10)

struct command {
	struct source src;
	int fd;			/* -1: it does not run */
	ev_io readable;
	uint64_t run_ms;	/* when it was handed over */
	uint64_t bytes, at;	/* of the run: read, and where the line began */
	bool eating;		/* the line is too long: its rest is skipped */
	size_t n, max;		/* of the line that is not whole yet */
	char *text;
	struct listing *listing;	/* form: queue */
	char why[120];		/* "" well */
};

static const struct log_conf *conf_of(const struct command *c)
{
	return &c->src.all->s->config->logs[c->src.log];
}

static void fail(struct command *c, const char *why)
{
	snprintf(c->why, sizeof(c->why), "%s", why);
}

/* ---- lines */

static void hand_out(struct command *c, struct span text, uint64_t offset)
{
	struct line line = {
		.text = text, .cut = c->eating, .pos = { .ino = c->run_ms, .offset = offset },
	};

	sources_on_line(&c->src, &line);
}

static void end_line(struct command *c)
{
	struct span text = { c->text, c->n };

	if (text.n > 0 && text.p[text.n - 1] == '\r')
		text.n--;
	if (c->listing)
		listing_line(c->listing, text);
	else
		hand_out(c, text, c->at);
	c->n = 0;
	c->eating = false;
}

static void take_bytes(struct command *c, const char *p, size_t n)
{
	while (n > 0) {
		const char *nl = memchr(p, '\n', n);
		size_t have = nl ? (size_t)(nl - p) : n, room = c->max - c->n;
		size_t take = c->eating ? 0 : have < room ? have : room;

		if (c->n == 0 && !c->eating)
			c->at = c->bytes;
		memcpy(c->text + c->n, p, take);
		c->n += take;
		c->eating |= take < have;
		have += nl != NULL;
		c->bytes += have;
		p += have;
		n -= have;
		if (nl)
			end_line(c);
	}
}

/* ---- runs */

static void close_run(struct command *c)
{
	ev_io_stop(c->src.all->s->loop, &c->readable);
	close_fd(&c->fd);
}

/* 1: more may be there; 0: nothing now; -1: the end. */
static int read_some(struct command *c)
{
	static char block[BLOCK];
	size_t done = 0;
	ssize_t n;

	c->src.read_ms = clock_wall().ms;
	while (done < READ_BUDGET) {
		n = read(c->fd, block, sizeof(block));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0)
			return -1;
		take_bytes(c, block, (size_t)n);
		done += (size_t)n;
		if (conf_of(c)->interval_ms && c->bytes > RUN_BYTES_MAX) {
			fail(c, "it printed more than 64 MB: the rest is not read");
			log_err("log %s: %s", conf_of(c)->name, c->why);
			return -1;
		}
	}
	return 1;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct command *c = w->data;

	(void)loop;
	(void)events;
	if (read_some(c) < 0)
		close_run(c);
	state_changed(c->src.all->s);
}

static void tell_listing(struct command *c)
{
	struct buf out = { 0 };
	int r = listing_end(c->listing, clock_wall().ms / 1000, &out);
	uint64_t offset = 0;

	if (r < 0)
		fail(c, "not one line was an entry of a queue");
	else if (listing_bad(c->listing))
		log_warning("log %s: %llu lines were no entries of a queue", conf_of(c)->name,
			    (unsigned long long)listing_bad(c->listing));
	for (const char *p = out.p, *nl; r == 0 && p && (nl = memchr(p, '\n', out.n - offset)); p = nl + 1) {
		hand_out(c, (struct span){ p, (size_t)(nl - p) }, offset);
		offset += (uint64_t)(nl - p) + 1;
	}
	buf_free(&out);
}

static struct command *find(struct sources *r, uint16_t log)
{
	return r->commands && log < r->s->config->nlogs ? r->commands[log] : NULL;
}

void commands_ran(struct sources *r, const struct message_ran *m)
{
	struct command *c = find(r, m->log);
	bool cut;

	if (!c)
		return;
	/* What it left in the pipe; a child of its own may hold that open, and go on writing. */
	for (unsigned i = 0; i < LEFT_READS && c->fd >= 0 && read_some(c) > 0; i++)
		;
	close_run(c);
	cut = c->why[0];
	if (m->error < 0 && !cut)
		fail(c, memchr(m->why, 0, sizeof(m->why)) ? m->why : "it failed");
	if (c->n > 0)
		end_line(c);
	if (c->listing && !c->why[0])
		tell_listing(c);
	state_changed(r->s);
}

void commands_add(struct sources *r, const struct message_source *m, int fd)
{
	struct command *c = find(r, m->log);

	if (!c) {
		close(fd);
		return;
	}
	close_run(c);
	memcpy(c->src.path, m->path, sizeof(c->src.path));
	c->fd = fd;
	c->run_ms = (uint64_t)clock_wall().ms;
	c->bytes = c->at = c->n = 0;
	c->eating = false;
	c->why[0] = 0;
	if (c->listing)
		listing_begin(c->listing);
	ev_io_set(&c->readable, fd, EV_READ);
	ev_io_start(r->s->loop, &c->readable);
}

/* ---- which */

static bool is_read(const struct serve *s, uint16_t log)
{
	for (size_t i = 0; i < s->config->njails; i++)
		for (size_t k = 0; k < s->config->jails[i].nlogs; k++)
			if (s->config->jails[i].logs[k] == log && s->core->mode[i] != MODE_OFF)
				return true;
	return false;
}

void commands_want(struct serve *s)
{
	struct message_want w = { .head = { .type = MSG_WANT } };

	for (uint16_t i = 0; i < s->config->nlogs && i < 64 * sizeof(w.logs) / sizeof(w.logs[0]); i++)
		if (s->config->logs[i].prefer == PREFER_COMMAND && is_read(s, i))
			w.logs[i / 64] |= 1ULL << (i % 64);
	if (s->sources->told_wanted && memcmp(w.logs, s->sources->wanted, sizeof(w.logs)) == 0)
		return;
	s->sources->told_wanted = true;
	memcpy(s->sources->wanted, w.logs, sizeof(w.logs));
	serve_send(s, &w, sizeof(w));
}

/* ---- made and told */

static int command_new(struct sources *r, uint16_t log, struct command **ret)
{
	struct command *c = calloc(1, sizeof(*c));
	const struct log_conf *conf = &r->s->config->logs[log];

	if (!c)
		return -ENOMEM;
	*ret = c;
	c->src.all = r;
	c->src.log = log;
	c->fd = -1;
	c->max = conf->form == FORM_QUEUE ? LISTING_LINE_MAX : r->s->config->line_max;
	c->text = malloc(c->max + 1);
	ev_init(&c->readable, on_readable);
	c->readable.data = c;
	if (!c->text)
		return -ENOMEM;
	return conf->form == FORM_QUEUE ? listing_new(&c->listing) : 0;
}

int commands_new(struct sources *r)
{
	int e = 0;

	r->commands = calloc(r->s->config->nlogs + 1, sizeof(*r->commands));
	if (!r->commands)
		return -ENOMEM;
	for (uint16_t i = 0; i < r->s->config->nlogs && e == 0; i++)
		if (r->s->config->logs[i].prefer == PREFER_COMMAND)
			e = command_new(r, i, &r->commands[i]);
	return e;
}

void commands_free(struct sources *r)
{
	for (size_t i = 0; r->commands && i < r->s->config->nlogs; i++) {
		struct command *c = r->commands[i];

		if (!c)
			continue;
		close_fd(&c->fd);
		listing_free(&c->listing);
		free(c->text);
		free(c);
	}
	free(r->commands);
	r->commands = NULL;
}

void commands_stop(struct sources *r)
{
	for (size_t i = 0; r->commands && i < r->s->config->nlogs; i++)
		if (r->commands[i])
			close_run(r->commands[i]);
}

/* Those that no jail reads are not told of. */
void commands_json(const struct sources *r, json_t *list)
{
	for (size_t i = 0; r->commands && i < r->s->config->nlogs; i++) {
		const struct command *c = r->commands[i];
		const char *state;

		if (!c || !(r->wanted[i / 64] >> (i % 64) & 1))
			continue;
		state = c->why[0] ? "failed" : c->fd < 0 ? "waiting" : conf_of(c)->interval_ms ? "running" : "following";
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s?}",
			"log", conf_of(c)->name, "kind", "command", "path", c->src.path, "state", state,
			"lines", (json_int_t)c->src.lines, "hits", (json_int_t)c->src.hits, "lag", (json_int_t)0,
			"error", c->why[0] ? c->why : NULL));
	}
}
