/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_PACK_H
#define CONFIG_PACK_H

#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Every configuration byte, read once: bailiff.yaml, the jail files and the
 * files they name, as one block in a sealed memfd that both sides map and
 * parse, so that they cannot disagree.
 */
struct pack;

enum pack_role { PACK_MAIN, PACK_JAIL_SHIPPED, PACK_JAIL_ADMIN, PACK_LIST, PACK_DIR, PACK_PASSED_OVER };

/*
 * Read `main_path` and all *.yaml in the jail directories: the shipped ones
 * (NULL-terminated, or NULL) and the admin's, which its key jail_dirs names
 * (SYSCONFDIR/bailiff/jails where it names none). A directory that is both is
 * the admin's. A *.yml there is packed by its name alone, for config_load() to
 * warn of. A jail file, or a list, that cannot be read is packed as an
 * error of its own and reported by config_load(): also a jail of more than
 * 4 MB, and what would make it all more than 16 MB.
 * main_path NULL: built-in defaults and shipped jails only.
 * *ret is owned by the caller (pack_free).
 * -ENOENT/-EACCES/...: main_path cannot be read; -EISDIR, -EINVAL: it is no
 * regular file; -EFBIG: it is over 16 MB, or there are over 10,000 files.
 */
int pack_read(const char *main_path, const char *const *shipped_dirs,
	      struct pack **ret);

/* Into a sealed memfd (F_SEAL_WRITE|SHRINK|GROW|SEAL), and out of one. */
int pack_seal(const struct pack *p, int *ret_fd);
int pack_open(int fd, struct pack **ret);	/* -EBADMSG: not a pack or not sealed */
void pack_free(struct pack **p);

/* One file of it; the bytes live as long as the pack. */
struct pack_file {
	enum pack_role role;
	int error;		/* -errno if it could not be read, `text` is none then */
	const char *path;	/* as it was named, for messages */
	struct span text;
};

size_t pack_count(const struct pack *p);
const struct pack_file *pack_get(const struct pack *p, size_t i);
/* The directory that relative paths in bailiff.yaml start from, absolute. */
const char *pack_base(const struct pack *p);

#define PACK_JAIL_MAX (4u << 20)	/* bytes of a jail's file */
/* A whole regular file of at most `max` bytes; -EFBIG: of more; -EISDIR, -EINVAL: of another kind. */
int pack_read_file(const char *path, size_t max, struct buf *ret);

/* A pack made by hand, of texts: for what is not read from a disk. */
int pack_new(const char *base, struct pack **ret);
int pack_add(struct pack *p, enum pack_role role, const char *path, int error,
	     struct span text);	/* -EFBIG, -ENOMEM */

#endif
