/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories, the lock and the listening sockets. All is made relative to
 * descriptors of the two configured directories, never through a link in
 * their last component. A socket file that a dead daemon left behind is no
 * obstacle: the lock, which the kernel drops with its holder, decides who runs.
 */
#include "privileged/places.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* mkdir -p with root's usual mode, then open. */
static int open_dir(const char *path, int *ret)
{
	char part[512];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? -errno : 0;
}

static int own_dir(int at, const char *name, struct identity owner, int *ret)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchown(fd, owner.uid, owner.gid) < 0 || fchmod(fd, 0700) < 0) {
		int e = -errno;

		close(fd);
		return e;
	}
	*ret = fd;
	return 0;
}

/* bind(2) knows only paths: go through the directory's descriptor. */
static int listen_at(int dir, const char *name, mode_t mode, gid_t group, int *ret)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, e;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s", dir, name);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    fchownat(dir, name, 0, group, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir, name, mode, 0) < 0 || listen(fd, 64) < 0) {
		e = -errno;
		close(fd);
		return e;
	}
	*ret = fd;
	return 0;
}

static int take_lock(int dir, int *ret, int *ret_pid)
{
	char text[16] = "";
	int fd = openat(dir, "bailiffd.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int e = -errno;

		if (read(fd, text, sizeof(text) - 1) > 0)
			*ret_pid = atoi(text);
		close(fd);
		return e;
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, text, strlen(text)) < 0) {
		int e = -errno;

		close(fd);
		return e;
	}
	*ret = fd;
	return 0;
}

int places_open(const char *state, const char *run, struct identity monitor,
		struct identity engine, struct places *ret,
		const char **ret_what, int *ret_pid)
{
	_cleanup_(close_fd) int state_fd = -1, run_fd = -1;
	const struct group *readers = getgrnam("bailiff-admin");
	const struct identity root = { 0, 0 };
	int r;

	*ret_what = run;
	r = open_dir(run, &run_fd);
	if (r == 0)
		r = take_lock(run_fd, &ret->lock_fd, ret_pid);
	if (r < 0)
		return r;
	*ret_what = state;
	r = open_dir(state, &state_fd);
	if (r == 0)
		r = own_dir(state_fd, "engine", engine, &ret->engine_fd);
	if (r == 0)
		r = own_dir(state_fd, "monitor", monitor, &ret->monitor_fd);
	if (r == 0)
		r = own_dir(state_fd, "runner", root, &ret->runner_fd);
	if (r < 0)
		return r;
	*ret_what = run;
	/* Whoever may read is told by peer credentials, not by the file's mode alone. */
	r = listen_at(run_fd, "control.sock", 0666, readers ? readers->gr_gid : 0,
		      &ret->control_fd);
	if (r == 0)
		r = listen_at(run_fd, "bailiffd.sock", 0600, 0, &ret->emergency_fd);
	return r;
}
