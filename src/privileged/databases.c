/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Databases of addresses for the engine: opened here, since their directory
 * may be closed to it, and read there. Updaters replace them every few days:
 * what is put into their directories, and the minute, lead to a look that
 * compares what lies there with what the last engine got, and another file, or
 * other content, leads to a hand-over like that of a reload.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "privileged/monitor.h"

#define SETTLED_MS 5000		/* what was changed later may still be written */
#define QUIET_S 1.		/* the other database may come along, or a reload */

static void look_soon(struct monitor *m)
{
	ev_timer_stop(m->loop, &m->databases_quiet);
	ev_timer_set(&m->databases_quiet, QUIET_S, 0.);
	ev_timer_start(m->loop, &m->databases_quiet);
}

static void on_quiet(struct ev_loop *loop, ev_timer *t, int events)
{
	struct monitor *m = t->data;

	(void)loop;
	(void)events;
	if (m->stopping)
		return;
	if (m->next)
		look_soon(m);
	else
		databases_look(m);
}

static void on_change(struct ev_loop *loop, ev_io *w, int events)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	(void)loop;
	(void)events;
	while (read(w->fd, buf, sizeof(buf)) > 0)
		;
	look_soon(w->data);
}

/* A directory that is not there yet, and what is removed, are the minute's. */
static void watch(struct monitor *m, const struct config *c)
{
	const char *place;
	char dir[PATH_MAX];

	ev_io_stop(m->loop, &m->databases_readable);
	close_fd(&m->databases_fd);
	m->databases_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (m->databases_fd < 0)
		return;
	for (enum database d = 0; d < DATABASES; d++)
		for (size_t i = 0; (place = database_place(c, d, i)); i++) {
			const char *slash = strrchr(place, '/');

			if (!slash || snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - place), place) >= (int)sizeof(dir))
				continue;
			inotify_add_watch(m->databases_fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
		}
	ev_io_init(&m->databases_readable, on_change, m->databases_fd, EV_READ);
	m->databases_readable.data = m;
	ev_io_start(m->loop, &m->databases_readable);
}

void databases_init(struct monitor *m)
{
	m->databases_fd = -1;
	ev_init(&m->databases_quiet, on_quiet);
	m->databases_quiet.data = m;
}

int databases_open(struct monitor *m, const struct config *c, int ret[DATABASES])
{
	watch(m, c);
	for (enum database d = 0; d < DATABASES; d++) {
		const char *path = "";
		int r;

		/* First, so that what changes in between is seen later. */
		database_mark(c, d, &m->database[d]);
		r = database_open(c, d, &ret[d], &path);
		if (r < 0 && r != -ENOENT)
			log_err("%s: %s: %s", database_key(d), path,
				r == -EINVAL ? "not a regular file" : strerror(-r));
		if (r < 0)
			ret[d] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (ret[d] < 0) {
			r = -errno;
			while (d > 0)
				close(ret[--d]);
			return r;
		}
	}
	return 0;
}

static bool has_settled(const struct database_mark *now)
{
	int64_t age = clock_wall().ms - now->mtime_ns / 1000000;

	return age < 0 || age >= SETTLED_MS;
}

void databases_look(struct monitor *m)
{
	struct database_mark now;

	if (m->next || !engines_alive(m))
		return;
	for (enum database d = 0; d < DATABASES; d++) {
		database_mark(m->policy->config, d, &now);
		if (memcmp(&now, &m->database[d], sizeof(now)) == 0)
			continue;
		if (!has_settled(&now)) {
			look_soon(m);
			continue;
		}
		log_info("%s: the database has changed: a new engine takes it", database_key(d));
		engines_start(m, m->policy);
		return;
	}
}
