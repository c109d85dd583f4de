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
#include "config/load.h"

/*
 * A LOG without a name stands for every log that none was named for. Those
 * become one: a jail that names two of them must not see a line twice.
 */
static void fold_logs(struct parts *all, const bool *named, int one)
{
	for (size_t i = 0; i < all->config->njails; i++) {
		struct jail *j = &all->config->jails[i];
		bool has_one = false;
		size_t kept = 0;

		for (size_t k = 0; k < j->nlogs; k++) {
			if (named[j->logs[k]])
				j->logs[kept++] = j->logs[k];
			else if (!has_one && one >= 0) {
				has_one = true;
				j->logs[kept++] = (uint16_t)one;
			}
		}
		j->nlogs = kept;
	}
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
	p->log = log >= 0 ? (uint16_t)log : UINT16_MAX;
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

int parts_open(struct parts *all, int n, char **args)
{
	bool *named = calloc(all->config->nlogs + 1, sizeof(*named));
	int one = -1, r = named ? 0 : -ENOMEM;

	for (int i = 0; i < n && r == 0; i++)
		r = add_part(all, args[i], named);
	for (size_t i = 0; i < all->n && r == 0; i++)
		for (size_t k = 0; all->v[i].log == UINT16_MAX && one < 0 && k < all->config->nlogs; k++)
			if (!named[k])
				one = (int)k;
	if (r == 0)
		fold_logs(all, named, one);
	all->parsers = calloc(all->config->nlogs + 1, sizeof(*all->parsers));
	if (r == 0 && !all->parsers)
		r = -ENOMEM;
	for (size_t i = 0; i < all->n && r == 0; i++) {
		struct part *p = &all->v[i];
		const char *why = NULL;

		if (p->log == UINT16_MAX)
			p->log = (uint16_t)one;
		if (!all->parsers[p->log])
			r = prefix_parser_new(&all->config->logs[p->log], &all->parsers[p->log], &why);
		if (r < 0)
			fprintf(stderr, "bailiff: log %s: %s\n", all->config->logs[p->log].name,
				why ? why : strerror(-r));
		else
			r = open_part(all, p);
		p->parser = all->parsers[p->log];
	}
	free(named);
	return r;
}

static int fill(struct parts *all, struct part *p, bool merge)
{
	struct event_time t;
	int r;

	if (p->pending || p->ended)
		return 0;
	r = history_next(p->file, &p->line);
	if (r < 0)
		fprintf(stderr, "bailiff: %s: %s; what came before was read\n", p->path,
			r == -EBADMSG ? "damaged compressed data" : strerror(-r));
	if (r <= 0) {
		p->ended = true;
		return r;
	}
	p->pending = true;
	all->lines++;
	prefix_parse(p->parser, p->line.text, &p->entry);
	if (merge && prefix_raw_time(p->parser, &p->entry, &p->ctx, &t) == 0)
		p->raw = t;
	return 0;
}

struct part *parts_next(struct parts *all, int *ret_error)
{
	struct part *first = NULL;

	for (size_t i = 0; i < all->n; i++) {
		struct part *p = &all->v[i];
		int r = fill(all, p, all->n > 1);

		if (r < 0)
			*ret_error = r;
		if (p->pending && (!first || p->raw.ms < first->raw.ms))
			first = p;
	}
	if (!first)
		return NULL;
	first->pending = false;
	/* Some heads lie in the parser's own buffer, which the others used since. */
	if (all->n > 1)
		prefix_parse(first->parser, first->line.text, &first->entry);
	return first;
}

void parts_close(struct parts *all)
{
	for (size_t i = 0; i < all->n; i++)
		history_close(&all->v[i].file);
	for (size_t i = 0; all->parsers && i < all->config->nlogs; i++)
		prefix_parser_free(&all->parsers[i]);
	free(all->parsers);
	all->parsers = NULL;
	all->n = 0;
}
