/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration on root's side: read once, sealed, parsed from the seal;
 * and the last one that an engine found fit to run, kept as bytes for the day
 * when the file is broken.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "config/load.h"
#include "config/scan.h"
#include "privileged/monitor.h"

void policy_unref(struct policy **pp)
{
	struct policy *p = *pp;

	*pp = NULL;
	if (!p || --p->users > 0)
		return;
	config_free(&p->config);
	peers_free(&p->peers);
	if (p->pack_fd >= 0)
		close(p->pack_fd);
	free(p);
}

static void say_complaints(const struct complaints *bad)
{
	for (size_t i = 0; i < bad->n; i++) {
		const struct complaint *v = &bad->v[i];
		struct buf line = { 0 };

		complaint_print(v, &line);
		log_msg(v->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERR, "%s%s%s%s", buf_cstr(&line),
			v->jail && !v->warning ? " (jail " : "", v->jail && !v->warning ? v->jail : "",
			v->jail && !v->warning ? " is refused)" : "");
		buf_free(&line);
	}
}

/* From a sealed pack; takes the descriptor. */
static int policy_from(int take_fd, struct policy **ret, char why[102])
{
	struct policy *p = calloc(1, sizeof(*p));
	struct complaints bad = { 0 };
	struct pack *pack = NULL;
	int r;

	if (!p) {
		close(take_fd);
		return -ENOMEM;
	}
	p->users = 1;
	p->pack_fd = take_fd;
	r = pack_open(take_fd, &pack);
	if (r == 0)
		r = config_load(pack, &bad, &p->config);
	if (r == 0)
		r = peers_new(p->config, &p->peers);
	say_complaints(&bad);
	if (r < 0 && bad.n > 0)
		snprintf(why, 102, "%s:%u: %s", bad.v[0].place.file, bad.v[0].place.line, bad.v[0].text);
	else
		snprintf(why, 102, "%s", r < 0 ? strerror(-r) : bad.n ? "with complaints: see the log" : "");
	complaints_free(&bad);
	pack_free(&pack);
	malloc_trim(0);		/* what reading alone needed goes back */
	if (r < 0) {
		policy_unref(&p);
		return r;
	}
	*ret = p;
	return 0;
}

int policy_read(const char *path, const char *const *shipped, struct policy **ret, char why[102])
{
	struct pack *pack = NULL;
	int r = pack_read(path, shipped, &pack), fd;

	if (r == 0)
		r = pack_seal(pack, &fd);
	pack_free(&pack);
	if (r < 0) {
		snprintf(why, 102, "%s: %s", path ? path : "configuration", strerror(-r));
		log_err("%s", why);
		return r;
	}
	return policy_from(fd, ret, why);
}

/* The pack, as the engine found it fit to run, is kept as bytes. */
void policy_keep(struct monitor *m)
{
	_cleanup_(close_fd) int fd = openat(m->places.monitor_fd, "last-good.new",
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : file_copy(m->policy->pack_fd, fd, SIZE_MAX);

	if (r == 0 && (fsync(fd) < 0 ||
	    renameat(m->places.monitor_fd, "last-good.new", m->places.monitor_fd, "last-good") < 0))
		r = -errno;
	if (r < 0)
		log_warning("the last good configuration is not kept: %s", strerror(-r));
}

static int policy_last_good(const char *state, struct policy **ret)
{
	_cleanup_(close_fd) int from = -1;
	char path[512], why[102];
	int fd, r;

	snprintf(path, sizeof(path), "%s/monitor/last-good", state);
	from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return -errno;
	fd = memfd_create("bailiff-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	r = file_copy(from, fd, SIZE_MAX);
	if (r == 0)
		r = file_seal(fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	return policy_from(fd, ret, why);
}

/* The configuration, or the last good one where that is broken. */
int policy_first(struct monitor *m)
{
	char why[102], state[512] = BAILIFF_STATEDIR;
	int r = policy_read(m->conf_path, m->shipped, &m->policy, why);
	struct pack *pack = NULL;

	if (r == 0)
		return 0;
	if (pack_read(m->conf_path, m->shipped, &pack) == 0)
		scan_path(pack, "state", state, sizeof(state));
	pack_free(&pack);
	if (policy_last_good(state, &m->policy) < 0)
		return r;
	note_make(&m->last_good, true, "the configuration is broken; the last good one, kept in %s, is used", state);
	log_err("%s", m->last_good.text);
	m->policy->last_good = true;
	return 0;
}
