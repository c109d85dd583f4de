/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration of those who ask offline: /etc/bailiff's if it is there and
 * can be read, the built-in defaults if not, and a jail that somebody is writing.
 */
#include "engine/offline_pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The pack with this file as a jail, in place of any of its name. */
static int with_jail(struct pack **pack, const char *jail_file)
{
	struct pack *made = NULL;
	struct buf text = { 0 };
	int r = pack_read_file(jail_file, PACK_JAIL_MAX, &text);

	if (r < 0) {
		fprintf(stderr, "bailiff: %s: %s\n", jail_file, strerror(-r));
		buf_free(&text);
		return r;
	}
	r = pack_new(pack_base(*pack), &made);
	for (size_t i = 0; r == 0 && i < pack_count(*pack); i++) {
		const struct pack_file *old = pack_get(*pack, i);
		bool jail = old->role == PACK_JAIL_SHIPPED || old->role == PACK_JAIL_ADMIN;

		if (!jail || strcmp(base_of(old->path), base_of(jail_file)) != 0)
			r = pack_add(made, old->role, old->path, old->error, old->text);
	}
	if (r == 0)
		r = pack_add(made, PACK_JAIL_ADMIN, jail_file, 0, buf_span(&text));
	buf_free(&text);
	pack_free(pack);
	*pack = made;
	return r;
}

int offline_pack(const char *conf_path, const char *const *shipped, const char *jail_file,
		 struct complaints *bad, struct pack **ret)
{
	const char *path = conf_path ? conf_path : BAILIFF_SYSCONFDIR "/bailiff/bailiff.yaml";
	int r = pack_read(path, shipped, ret);

	if (r < 0 && !conf_path) {
		if (r != -ENOENT)
			fprintf(stderr, "bailiff: %s: %s; the built-in defaults serve\n", path, strerror(-r));
		r = pack_read(NULL, shipped, ret);
	}
	if (r < 0) {
		complaints_add(bad, (struct place){ .file = path }, NULL, false, "cannot read it: %s",
			       r == -EINVAL ? "not a regular file" : strerror(-r));
		return r;
	}
	return jail_file ? with_jail(ret, jail_file) : 0;
}
