/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Old logs as one stream. One file is read as it is; of several, each line's
 * time is told, and the earliest is next, since a window must see what really
 * came first.
 */
#include "engine/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rare.h"
#include "config/load.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The first log that has no LOG of its own and whose stamps read like those of `log`. */
static uint16_t stand_in(const struct config *c, const bool *named, uint16_t log)
{
	const struct log_conf *l = &c->logs[log];
	uint16_t i = 0;

	for (; i < log; i++)
		if (!named[i] && same_text(c->logs[i].time_find, l->time_find) &&
		    same_text(c->logs[i].time_format, l->time_format) &&
		    same_text(c->logs[i].timezone, l->timezone))
			break;
	return i;
}

static void stand_for(struct parts *all, uint16_t log)
{
	for (size_t i = 0; i < all->nstands; i++)
		if (all->stands[i] == log)
			return;
	all->stands[all->nstands++] = log;
}

/*
 * A LOG without a name stands for every log that none was named for. Those
 * that are read alike become one, and a jail keeps one of them: it must not
 * see a line twice.
 */
static int fold_logs(struct parts *all, const bool *named)
{
	const struct part *unnamed = NULL;

	for (size_t i = 0; i < all->n && !unnamed; i++)
		if (!all->v[i].named)
			unnamed = &all->v[i];
	for (size_t i = 0; i < all->config->njails; i++) {
		struct jail *j = &all->config->jails[i];
		bool reads = all->only ? j == all->only : j->mode != MODE_OFF;
		bool has_one = false;
		size_t kept = 0;

		/* What is off stays off: its patterns are looked at, and no more. */
		if (!reads && !all->only)
			j->nlogs = 0;
		for (size_t k = 0; k < j->nlogs; k++) {
			uint16_t log = j->logs[k];

			/* What a command prints stands in no log by accident. */
			if (!named[log] && (has_one || !unnamed ||
					    all->config->logs[log].prefer == PREFER_COMMAND))
				continue;
			if (!named[log]) {
				has_one = true;
				log = stand_in(all->config, named, log);
				if (reads)
					stand_for(all, log);
			}
			j->logs[kept++] = log;
		}
		j->nlogs = kept;
	}
	/* No jail reads them; still they are read, and their lines counted. */
	for (uint16_t k = 0; unnamed && all->nstands == 0 && k < all->config->nlogs; k++)
		if (!named[k])
			stand_for(all, k);
	if (!unnamed || all->nstands)
		return 0;
	fprintf(stderr, "bailiff: %s: stands for no log, since each has a LOG of its own: NAME=%s\n",
		unnamed->path, unnamed->path);
	return -EINVAL;
}

static int add_part(struct parts *all, const char *arg, bool *named)
{
	const char *eq = strchr(arg, '=');
	struct part *p = &all->v[all->n];
	char name[64];
	int log = -1;

	if (all->n == PARTS_MAX) {
		fprintf(stderr, "bailiff: more than %d logs\n", PARTS_MAX);
		return -E2BIG;
	}
	p->path = arg;
	if (eq && (size_t)(eq - arg) < sizeof(name) && !memchr(arg, '/', (size_t)(eq - arg))) {
		snprintf(name, sizeof(name), "%.*s", (int)(eq - arg), arg);
		log = config_log(all->config, name);
		if (log < 0 && access(arg, F_OK) < 0) {
			fprintf(stderr, "bailiff: %s: no log is called '%s'\n", arg, name);
			return -ENOENT;
		}
	}
	if (log >= 0) {
		p->path = eq + 1;
		named[log] = true;
	}
	p->named = log >= 0;
	p->log = p->named ? (uint16_t)log : 0;
	all->n++;
	return 0;
}

static int open_part(struct parts *all, struct part *p)
{
	int64_t mtime;
	int fd, r;

	fd = strcmp(p->path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
	     open(p->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		fprintf(stderr, "bailiff: %s: %s\n", p->path, strerror(-r));
		return r;
	}
	r = history_open(fd, all->config->line_max, 0, &p->file);
	if (r < 0) {
		fprintf(stderr, "bailiff: %s: %s\n", p->path, strerror(-r));
		return r;
	}
	mtime = history_mtime_ms(p->file);
	p->ctx = (struct stamp_ctx){ .arrival = { mtime }, .year = all->year, .finished = true };
	if (mtime == 0) {
		p->ctx.arrival = clock_wall();
		p->ctx.finished = false;
	}
	return 0;
}

static int make_parser(struct parts *all, uint16_t log)
{
	const char *why = NULL;
	int r;

	if (all->parsers[log])
		return 0;
	r = prefix_parser_new(&all->config->logs[log], &all->parsers[log], &why);
	if (r < 0)
		fprintf(stderr, "bailiff: log %s: %s\n", all->config->logs[log].name,
			why ? why : strerror(-r));
	return r;
}

/* As the log that it is, or the first that it stands for. */
static void begin_line(struct parts *all, struct part *p)
{
	p->as = 0;
	if (!p->named)
		p->log = all->stands[0];
	p->parser = all->parsers[p->log];
}

static int prepare(struct parts *all, struct part *p)
{
	int r = 0;

	p->last = calloc(all->nstands + 1, sizeof(*p->last));
	if (!p->last)
		return -ENOMEM;
	if (p->named)
		r = make_parser(all, p->log);
	for (size_t i = 0; !p->named && i < all->nstands && r == 0; i++)
		r = make_parser(all, all->stands[i]);
	if (r == 0)
		r = open_part(all, p);
	if (r == 0)
		begin_line(all, p);
	return r;
}

int parts_open(struct parts *all, int n, char **args)
{
	size_t nlogs = all->config->nlogs;
	bool *named = calloc(nlogs + 1, sizeof(*named));
	int r = 0;

	all->parsers = calloc(nlogs + 1, sizeof(*all->parsers));
	all->stands = calloc(nlogs + 1, sizeof(*all->stands));
	if (!named || !all->parsers || !all->stands)
		r = -ENOMEM;
	for (int i = 0; i < n && r == 0; i++)
		r = add_part(all, args[i], named);
	if (r == 0)
		r = fold_logs(all, named);
	for (size_t i = 0; i < all->n && r == 0; i++)
		r = prepare(all, &all->v[i]);
	free(named);
	return r;
}

static void parse(struct part *p)
{
	prefix_parse(p->parser, p->line.text, &p->entry);
	p->entry.cut = p->line.cut;
}

static int end_part(struct part *p, int r)
{
	if (r < 0)
		fprintf(stderr, "bailiff: %s: %s; what came before was read\n", p->path,
			r == -EBADMSG ? "damaged compressed data" : strerror(-r));
	p->ended = true;
	return r;
}

/* The part's next line, parsed. 1, 0: there is none, or -errno, which was said. */
static inline int read_line(struct parts *all, struct part *p)
{
	int r = history_next(p->file, &p->line);

	if (r <= 0)
		return end_part(p, r);
	all->lines++;
	if (p->as > 0)
		begin_line(all, p);
	parse(p);
	return 1;
}

static int fill(struct parts *all, struct part *p)
{
	struct event_time t;
	int r;

	if (p->pending || p->ended)
		return 0;
	r = read_line(all, p);
	if (r <= 0)
		return r;
	p->pending = true;
	if (prefix_raw_time(p->parser, &p->entry, &p->ctx, &t) == 0)
		p->raw = t;
	return 0;
}

static _rare_ struct part *earliest(struct parts *all, int *ret_error)
{
	struct part *first = NULL;

	for (size_t i = 0; i < all->n; i++) {
		struct part *p = &all->v[i];
		int r = fill(all, p);

		if (r < 0)
			*ret_error = r;
		if (p->pending && (!first || p->raw.ms < first->raw.ms))
			first = p;
	}
	if (!first)
		return NULL;
	first->pending = false;
	/* Some heads lie in the parser's own buffer, which the others used since. */
	parse(first);
	return first;
}

struct part *parts_next(struct parts *all, int *ret_error)
{
	int r;

	if (all->n != 1)
		return earliest(all, ret_error);
	if (all->v[0].ended)
		return NULL;
	r = read_line(all, &all->v[0]);
	if (r < 0)
		*ret_error = r;
	return r > 0 ? &all->v[0] : NULL;
}

bool parts_again(struct parts *all, struct part *p)
{
	if (p->named || p->as + 1 >= all->nstands)
		return false;
	p->as++;
	p->log = all->stands[p->as];
	p->parser = all->parsers[p->log];
	parse(p);
	return true;
}

void parts_close(struct parts *all)
{
	for (size_t i = 0; i < all->n; i++) {
		history_close(&all->v[i].file);
		free(all->v[i].last);
	}
	for (size_t i = 0; all->parsers && i < all->config->nlogs; i++)
		prefix_parser_free(&all->parsers[i]);
	free(all->parsers);
	free(all->stands);
	all->stands = NULL;
	all->nstands = 0;
	all->parsers = NULL;
	all->n = 0;
}
