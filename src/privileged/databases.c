/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Databases of addresses for the engine: opened here, since their directory
 * may be closed to it, and read there. Updaters replace them every few days;
 * the minute's look compares what lies there with what the last engine got, and
 * another file, or other content, leads to a hand-over like that of a reload.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "privileged/monitor.h"

#define SETTLED_MS 5000		/* what was changed later may still be written */

int databases_open(struct monitor *m, const struct config *c, int ret[DATABASES])
{
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
		if (memcmp(&now, &m->database[d], sizeof(now)) == 0 || !has_settled(&now))
			continue;
		log_info("%s: the database has changed: a new engine takes it", database_key(d));
		engines_start(m, m->policy);
		return;
	}
}
