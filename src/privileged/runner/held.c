/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lists of what orders have put on hold. A list is there before postsuper
 * is started, so that a crash loses none of them, and what the admin had put
 * on hold himself is never taken for ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "privileged/runner/hold.h"

#define LIST_MAX (4u << 20)

static void name_of(uint64_t order, char buf[40])
{
	snprintf(buf, 40, "held.%llu", (unsigned long long)order);
}

int held_write(const struct job *j, uint64_t order, struct span text)
{
	_cleanup_(close_fd) int fd = -1;
	int dir = j->r->start->state_fd, ret;
	char name[40], new[48];

	name_of(order, name);
	snprintf(new, sizeof(new), "%s.new", name);
	fd = openat(dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = file_write(fd, text);
	if (ret == 0 && (fsync(fd) < 0 || renameat(dir, new, dir, name) < 0 || fsync(dir) < 0))
		ret = -errno;
	if (ret < 0)
		unlinkat(dir, new, 0);	/* a full disk has no room for halves */
	return ret;
}

int held_read(const struct job *j, uint64_t order, struct queue_items *ret)
{
	_cleanup_(close_fd) int fd = -1;
	struct buf text = { .max = LIST_MAX };
	char name[40], block[4096];
	ssize_t n;
	int r;

	name_of(order, name);
	fd = openat(j->r->start->state_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, block, sizeof(block))) > 0)
		buf_put(&text, block, (size_t)n);
	r = n < 0 ? -errno : buf_error(&text);
	if (r == 0)
		r = queue_items_read(buf_span(&text), ret);
	buf_free(&text);
	return r;
}

static void unlink_list(const struct runner *r, uint64_t order)
{
	char name[40];

	name_of(order, name);
	unlinkat(r->start->state_fd, name, 0);
}

void held_remove(const struct job *j, uint64_t order)
{
	unlink_list(j->r, order);
}

void held_forgot(void *runner, const struct logbook_entry *e)
{
	if (e->type == ORDER_HOLD || e->type == ORDER_QUEUE_HOLD)
		unlink_list(runner, e->id);
}
