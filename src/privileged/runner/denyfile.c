/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adds names to Dovecot's deny file and takes them out again. The new file is
 * written beside the old one with its owner and mode and renamed over it, so
 * that a reader sees the one or the other; if the old one was changed
 * meanwhile (an editor), it is read again.
 */
#include "privileged/runner/denyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SIZE_MAX_BYTES (16u << 20)
#define TRIES 5
#define OURS "::::bailiff"	/* name:password:uid:gid:gecos, see passwd-file */

/* The name that a line is about. */
static struct span name_in(struct span line)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;

	return (struct span){ line.p, colon ? (size_t)(colon - line.p) : line.n };
}

static bool is_ours(struct span line, const char *name)
{
	size_t n = strlen(name);

	return line.n == n + sizeof(OURS) - 1 && memcmp(line.p, name, n) == 0 &&
	       memcmp(line.p + n, OURS, sizeof(OURS) - 1) == 0;
}

static bool stands_in(struct span text, const char *name)
{
	struct span line;

	while (span_line(&text, &line))
		if (span_eq(name_in(line), span_of(name)))
			return true;
	return false;
}

bool denyfile_with(struct span text, const struct names *names, struct buf *out)
{
	bool changed = false;

	buf_put(out, text.p, text.n);
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		buf_putc(out, '\n');
	for (size_t i = 0; i < names->n; i++) {
		if (stands_in(text, names->v[i]))
			continue;
		buf_printf(out, "%s" OURS "\n", names->v[i]);
		changed = true;
	}
	return changed;
}

bool denyfile_without(struct span text, const struct names *names, struct buf *out)
{
	bool changed = false;
	struct span line;

	while (span_line(&text, &line)) {
		size_t i = 0;

		while (i < names->n && !is_ours(line, names->v[i]))
			i++;
		if (i < names->n) {
			changed = true;
			continue;
		}
		buf_put(out, line.p, line.n);
		buf_putc(out, '\n');
	}
	return changed;
}

/* ---- the file */

static int read_all(int fd, struct buf *out)
{
	char block[8192];
	ssize_t n;

	out->max = SIZE_MAX_BYTES;
	while ((n = read(fd, block, sizeof(block))) > 0)
		buf_put(out, block, (size_t)n);
	if (n < 0)
		return -errno;
	return buf_error(out) == -ENOMEM ? -ENOMEM : buf_error(out) ? -EFBIG : 0;
}

static int write_new(const char *path, struct span text, const struct stat *like)
{
	_cleanup_(close_fd) int fd = -1;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0)
			return -errno;
		text.p += n;
		text.n -= (size_t)n;
	}
	/* Readable before it is in place. */
	if (fchown(fd, like->st_uid, like->st_gid) < 0 || fchmod(fd, like->st_mode & 07777) < 0 ||
	    fsync(fd) < 0)
		return -errno;
	return 0;
}

static bool is_same(const char *path, const struct stat *before)
{
	struct stat now;

	return stat(path, &now) == 0 && now.st_ino == before->st_ino && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

static void sync_dir(const char *path)
{
	_cleanup_(close_fd) int fd = -1;
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return;
	slash[1] = 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

typedef bool change_fn(struct span text, const struct names *names, struct buf *out);

/* 1: it is done; 0: the file was changed meanwhile. */
static int change_once(const char *path, const struct names *names, change_fn *change)
{
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_(buf_free) struct buf old = { 0 }, new = { 0 };
	char beside[PATH_MAX];
	struct stat st;
	int ret;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	ret = read_all(fd, &old);
	if (ret < 0)
		return ret;
	if (!change(buf_span(&old), names, &new))
		return 1;
	if (buf_error(&new))
		return buf_error(&new);
	if (snprintf(beside, sizeof(beside), "%s.bailiff-new", path) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	ret = write_new(beside, buf_span(&new), &st);
	if (ret == 0 && !is_same(path, &st))
		ret = -EAGAIN;
	if (ret == 0 && rename(beside, path) < 0)
		ret = -errno;
	if (ret < 0) {
		unlink(beside);
		return ret == -EAGAIN ? 0 : ret;
	}
	sync_dir(path);
	return 1;
}

static int change_file(const char *path, const struct names *names, change_fn *change)
{
	for (int i = 0; i < TRIES; i++) {
		int ret = change_once(path, names, change);

		if (ret != 0)
			return ret < 0 ? ret : 0;
	}
	return -EBUSY;
}

int denyfile_add(const char *path, const struct names *names)
{
	return change_file(path, names, denyfile_with);
}

int denyfile_remove(const char *path, const struct names *names)
{
	return change_file(path, names, denyfile_without);
}
