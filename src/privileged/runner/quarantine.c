/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is purged leaves a copy: what `postcat -q ID` prints of a message goes
 * into a file of its own below STATE/runner/quarantine/INCIDENT/, which only
 * root can enter, and a line of the manifest says what it was. Only what has
 * its copy on the disk is deleted. The whole is bounded, and nothing that is
 * there is ever removed to make room: that is the admin's to do.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "privileged/runner/hold.h"

#define PLACE "quarantine"
#define ENVELOPE 2048		/* what postcat prints beside the message, about */
#define SPARE (16 << 20)	/* left free for others, on the disk */
#define MB(n) ((long long)(((n) + (1 << 20) - 1) >> 20))

/* ---- how much is there ---- */

static int64_t size_of_files(int dir_fd)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *e;
	struct stat st;
	int64_t sum = 0;

	if (!dir) {
		close(dir_fd);
		return 0;
	}
	while ((e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += st.st_size;
	closedir(dir);
	return sum;
}

static int64_t used(int state_fd)
{
	int fd = openat(state_fd, PLACE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), sub;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int64_t sum = 0;

	if (!dir) {
		close_fd(&fd);
		return 0;
	}
	while ((e = readdir(dir))) {
		sub = e->d_name[0] == '.' ? -1 :
		      openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			sum += size_of_files(sub);
	}
	closedir(dir);
	return sum;
}

int quarantine_room(const struct job *j, const struct queue_items *q, char *why, size_t size)
{
	int64_t need = 0, have = used(j->r->start->state_fd), limit = j->r->config->quarantine;
	struct statvfs fs;

	for (size_t i = 0; i < q->n; i++)
		if (q->v[i].last != QUEUE_GONE)
			need += ENVELOPE + (q->v[i].size > 0 ? q->v[i].size : 0);
	if (have + need > limit) {
		snprintf(why, size, "copies need %lld MB, %lld of %lld are taken in the quarantine (or --no-copy)",
			 MB(need), MB(have), MB(limit));
		return -ENOSPC;
	}
	if (fstatvfs(j->r->start->state_fd, &fs) == 0 &&
	    (int64_t)(fs.f_bavail * fs.f_frsize) < need + SPARE) {
		snprintf(why, size, "copies need %lld MB, the disk has %lld left (or --no-copy)", MB(need),
			 MB((int64_t)(fs.f_bavail * fs.f_frsize)));
		return -ENOSPC;
	}
	return 0;
}

/* ---- the copies ---- */

static int enter(int at, const char *name, int *ret)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	*ret = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? -errno : 0;
}

static int open_incident(const struct job *j, uint64_t incident, int *ret)
{
	_cleanup_(close_fd) int place = -1;
	char name[24];
	int r = enter(j->r->start->state_fd, PLACE, &place);

	snprintf(name, sizeof(name), "%llu", (unsigned long long)incident);
	return r < 0 ? r : enter(place, name, ret);
}

/* Ids of several instances may be the same; of one they are used again. */
static void file_name(const struct queue_item *i, char buf[64])
{
	if (i->instance)
		snprintf(buf, 64, "%s.%lld.%u", i->want.id, (long long)i->arrival_s, i->instance);
	else
		snprintf(buf, 64, "%s.%lld", i->want.id, (long long)i->arrival_s);
}

/* "FILE ID ARRIVAL SIZE COPIED SENDER", and what instance it is of if not the main one. */
static void note(struct hold *h, const struct queue_item *i, int64_t copied)
{
	const struct postfix_instance *of = &h->postfix.v[i->instance];
	struct span listing, sender = { 0 };
	char name[64];

	file_name(i, name);
	buf_printf(&h->manifest, "%s %s %lld %lld %lld <", name, i->want.id, (long long)i->arrival_s,
		   (long long)i->size, (long long)copied);
	if (postfix_map(of, &listing) == 0 && i->line_at + i->line_n <= listing.n)
		sender = queue_sender((struct span){ listing.p + i->line_at, i->line_n });
	buf_put_escaped(&h->manifest, sender);
	postfix_unmap(listing);
	buf_printf(&h->manifest, ">%s%s\n", of->dir[0] ? " " : "", of->dir);
}

static void copy_next(struct job *j);

static void failed(struct job *j, struct queue_item *i, const char *why)
{
	struct hold *h = j->work;
	char name[64];

	file_name(i, name);
	unlinkat(h->quarantine, name, 0);
	h->uncopied++;
	snprintf(j->why, sizeof(j->why), "%.60s", why);
}

static void after_postcat(struct job *j, const struct command_result *r)
{
	struct hold *h = j->work;
	struct queue_item *i = &h->items.v[h->at++];
	char why[TEMPLATE_WHY_MAX], name[64];
	struct stat st = { 0 };

	file_name(i, name);
	if (command_judge(r, "postcat", why, sizeof(why)) < 0) {
		failed(j, i, why);
	} else if (fstatat(h->quarantine, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size == 0 ||
		   st.st_size < i->size) {
		failed(j, i, "the copy is not whole");
	} else {
		i->copied = true;
		h->copied++;
		note(h, i, st.st_size);
	}
	copy_next(j);
}

/* Only then may anything be deleted. */
static int keep_manifest(struct hold *h)
{
	_cleanup_(close_fd) int fd = openat(h->quarantine, "manifest",
					    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (buf_error(&h->manifest))
		return buf_error(&h->manifest);
	for (size_t at = 0; at < h->manifest.n; at += (size_t)n) {
		n = write(fd, h->manifest.p + at, h->manifest.n - at);
		if (n < 0)
			return -errno;
	}
	return syncfs(fd) < 0 ? -errno : 0;
}

static void copied_all(struct job *j)
{
	struct hold *h = j->work;
	int ret = h->copied ? keep_manifest(h) : 0;

	for (size_t i = 0; ret < 0 && i < h->items.n; i++)
		h->items.v[i].copied = false;
	if (ret < 0)
		snprintf(j->why, sizeof(j->why), "the copies: %s", strerror(-ret));
	buf_free(&h->manifest);
	close_fd(&h->quarantine);
	h->then(j);
}

/* Where one copy cannot even be begun the next one cannot either. */
static void give_up(struct job *j, int error)
{
	struct hold *h = j->work;

	snprintf(j->why, sizeof(j->why), "a copy: %s", strerror(error));
	for (; h->at < h->items.n; h->at++)
		h->uncopied += h->items.v[h->at].last == QUEUE_HOLD;
	copied_all(j);
}

static void copy_next(struct job *j)
{
	struct hold *h = j->work;
	_cleanup_(close_fd) int fd = -1;
	const char *words[] = { "-q", NULL, NULL };
	struct queue_item *i;
	char name[64];

	while (h->at < h->items.n && h->items.v[h->at].last != QUEUE_HOLD)
		h->at++;
	if (h->at == h->items.n) {
		copied_all(j);
		return;
	}
	i = &h->items.v[h->at];
	file_name(i, name);
	words[1] = i->want.id;
	fd = openat(h->quarantine, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		give_up(j, errno);
	else
		postfix_run(j, &h->postfix.v[i->instance], &j->r->config->helpers.postcat, words,
			    (struct command_spec){ .output_fd = fd }, after_postcat);
}

void quarantine_copy(struct job *j, uint64_t incident, void (*then)(struct job *j))
{
	struct hold *h = j->work;
	int ret;

	h->at = h->copied = h->uncopied = 0;
	h->then = then;
	ret = open_incident(j, incident, &h->quarantine);
	if (ret < 0) {
		snprintf(j->why, sizeof(j->why), "the quarantine: %s", strerror(-ret));
		then(j);
	} else {
		copy_next(j);
	}
}
