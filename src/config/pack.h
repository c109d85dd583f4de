/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_PACK_H
#define CONFIG_PACK_H

#include "bailiff/span.h"

/*
 * Every configuration byte, read once: bailiff.yaml, the jail files and the
 * files they name, as one block in a sealed memfd that both sides map and
 * parse, so that they cannot disagree.
 */
struct pack;

enum pack_role { PACK_MAIN, PACK_JAIL_SHIPPED, PACK_JAIL_ADMIN, PACK_LIST, PACK_DIR };

/*
 * Read `main_path` and all *.yaml in the jail directories it names (defaults
 * where it names none; see config_defaults()). A file that cannot be read is
 * packed as an error of its own and reported by config_load().
 * main_path NULL: built-in defaults only.
 * *ret is owned by the caller (pack_free).
 * -ENOENT/-EACCES/...: main_path cannot be read; -EFBIG: over 16 MB.
 */
int pack_read(const char *main_path, const char *const *shipped_dirs,
	      struct pack **ret);

/* Into a sealed memfd (F_SEAL_WRITE|SHRINK|GROW|SEAL), and out of one. */
int pack_seal(const struct pack *p, int *ret_fd);
int pack_open(int fd, struct pack **ret);	/* -EBADMSG: not a pack or not sealed */
void pack_free(struct pack **p);

#endif
