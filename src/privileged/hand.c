/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of what was set by hand. It is small and changes at the speed of
 * people, so it is an array, and a change writes the whole file beside the old
 * one and renames it into place.
 */
#include "privileged/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"

struct hand {
	int dir_fd;
	size_t n, cap;
	struct hand_item *v;
};

static const char *const words[HAND_KINDS] = { "allow", "ban", "protect" };

static int append(struct hand *h, const struct hand_item *i)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 16;
		struct hand_item *v = realloc(h->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n++] = *i;
	return 0;
}

/* "ban 192.0.2.7/32 1763781234000 mail" */
static bool read_line(char *line, struct hand_item *ret)
{
	char *save = NULL, *end;
	const char *word = strtok_r(line, " \n", &save);
	const char *addr = strtok_r(NULL, " \n", &save);
	const char *until = strtok_r(NULL, " \n", &save);
	const char *name = strtok_r(NULL, " \n", &save);

	*ret = (struct hand_item){ .kind = HAND_KINDS };
	if (!word || !addr || !until)
		return false;
	for (int k = 0; k < HAND_KINDS; k++)
		if (strcmp(word, words[k]) == 0)
			ret->kind = (enum hand_kind)k;
	errno = 0;
	ret->until_ms = strtoll(until, &end, 10);
	if (ret->kind == HAND_KINDS || *end || errno)
		return false;
	if (ret->kind == HAND_PROTECT)
		name = addr;
	else if (addr_parse(span_of(addr), &ret->addr) < 0)
		return false;
	if ((ret->kind != HAND_ALLOW && !name) || (name && strlen(name) >= sizeof(ret->name)))
		return false;
	if (name)
		strcpy(ret->name, name);
	return true;
}

static int load(struct hand *h, size_t *bad)
{
	_cleanup_(close_file) FILE *f = NULL;
	struct hand_item item;
	char line[512];
	int fd;

	*bad = 0;
	fd = openat(h->dir_fd, "hand", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), f)) {
		if (!read_line(line, &item) || h->n >= HAND_MAX)
			++*bad;
		else if (append(h, &item) < 0)
			return -ENOMEM;
	}
	return ferror(f) ? -EIO : 0;
}

int hand_open(int dir_fd, struct hand **ret, size_t *bad)
{
	struct hand *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->dir_fd = dir_fd;
	r = load(h, bad);
	if (r < 0)
		hand_free(&h);
	else
		*ret = h;
	return r;
}

void hand_free(struct hand **h)
{
	if (!*h)
		return;
	free((*h)->v);
	free(*h);
	*h = NULL;
}

static int save(const struct hand *h)
{
	_cleanup_(close_file) FILE *f = NULL;
	int fd = openat(h->dir_fd, "hand.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	char text[ADDR_TEXT_MAX];

	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	for (size_t i = 0; i < h->n; i++) {
		const struct hand_item *v = &h->v[i];

		fprintf(f, "%s %s %" PRId64 " %s\n", words[v->kind],
			v->kind == HAND_PROTECT ? v->name : addr_print(&v->addr, text),
			v->until_ms, v->kind == HAND_BAN ? v->name : "");
	}
	if (fflush(f) != 0 || fsync(fd) < 0)
		return -errno;
	return renameat(h->dir_fd, "hand.new", h->dir_fd, "hand") < 0 ? -errno : 0;
}

static bool same(const struct hand_item *v, enum hand_kind kind,
		 const struct addr *a, const char *name)
{
	if (v->kind != kind)
		return false;
	if (kind == HAND_PROTECT)
		return strcmp(v->name, name) == 0;
	return addr_equal(&v->addr, a) &&
	       (kind != HAND_BAN || !name || strcmp(v->name, name) == 0);
}

/* Bans and allows by hand end, too: the file must not keep them for ever. */
static void forget_past(struct hand *h, struct wall now)
{
	size_t kept = 0;

	for (size_t k = 0; k < h->n; k++)
		if (h->v[k].until_ms > now.ms)
			h->v[kept++] = h->v[k];
	h->n = kept;
}

int hand_put(struct hand *h, const struct hand_item *i, struct wall now)
{
	forget_past(h, now);
	for (size_t k = 0; k < h->n; k++) {
		if (!same(&h->v[k], i->kind, &i->addr, i->name))
			continue;
		h->v[k] = *i;
		return save(h);
	}
	if (h->n >= HAND_MAX)
		return -E2BIG;
	if (append(h, i) < 0)
		return -ENOMEM;
	return save(h);
}

int hand_remove(struct hand *h, enum hand_kind kind, const struct addr *a,
		const char *name, bool *ret_found)
{
	size_t kept = 0;

	for (size_t k = 0; k < h->n; k++)
		if (!same(&h->v[k], kind, a, name))
			h->v[kept++] = h->v[k];
	*ret_found = kept < h->n;
	h->n = kept;
	return *ret_found ? save(h) : 0;
}

const struct hand_item *hand_next(const struct hand *h, enum hand_kind kind,
				  struct wall now, size_t *at)
{
	while (*at < h->n) {
		const struct hand_item *v = &h->v[(*at)++];

		if (v->kind == kind && v->until_ms > now.ms)
			return v;
	}
	return NULL;
}

bool hand_has_ban(const struct hand *h, const struct addr *a, const char *scope,
		  struct wall now)
{
	const struct hand_item *v;
	size_t at = 0;

	while ((v = hand_next(h, HAND_BAN, now, &at)))
		if (same(v, HAND_BAN, a, scope))
			return true;
	return false;
}
