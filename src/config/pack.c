/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the configuration's files, each once, into one block: a head, then one
 * record a file. The block crosses to the other processes as a memfd whose
 * seals say that nobody can change it after it was checked; so it is read as
 * strange bytes there all the same.
 */
#include "config/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "config/tree.h"

#ifndef BAILIFF_SYSCONFDIR
#define BAILIFF_SYSCONFDIR "/etc"
#endif

#define PACK_MAX (16 * 1024 * 1024)
#define FILES_MAX 10000
#define DIRS_MAX 64

static const char magic[8] = "bailpak1";

struct pack {
	struct buf block;	/* made here, or .. */
	void *map;		/* .. by pack_open() */
	size_t map_size;
	size_t n;
	struct pack_file *files;
	const char *base;
};

static struct span block_of(const struct pack *p)
{
	return p->map ? (struct span){ p->map, p->map_size } : buf_span(&p->block);
}

/* A text with its NUL, within the block; NULL: there is none. */
static const char *read_path(struct reader *r)
{
	struct span s = reader_span(r);

	return s.n && s.p[s.n - 1] == 0 && strlen(s.p) == s.n - 1 ? s.p : NULL;
}

static int read_record(struct reader *r, struct pack_file *ret)
{
	uint32_t role = reader_u32(r);

	ret->role = role;
	ret->error = (int)reader_u32(r);
	ret->path = read_path(r);
	ret->text = reader_span(r);
	return r->error || !ret->path || role > PACK_PASSED_OVER || ret->error > 0 ? -EBADMSG : 0;
}

/* Find the records of a whole block again: pointers into it are all we keep. */
static int index_files(struct pack *p)
{
	struct span block = block_of(p), head;
	struct reader r = { .p = block.p, .n = block.n };
	struct pack_file one;
	int err;

	free(p->files);
	p->files = NULL;
	p->n = 0;
	head = reader_bytes(&r, sizeof(magic));
	if (r.error || memcmp(head.p, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	p->base = read_path(&r);
	if (r.error || !p->base)
		return -EBADMSG;
	while (r.at < r.n) {
		struct pack_file *files;

		err = read_record(&r, &one);
		if (err)
			return err;
		if (p->n == FILES_MAX)
			return -EFBIG;
		files = reallocarray(p->files, p->n + 1, sizeof(*files));
		if (!files)
			return -ENOMEM;
		p->files = files;
		p->files[p->n++] = one;
	}
	return 0;
}

static void put_path(struct buf *b, const char *path)
{
	buf_put_span(b, (struct span){ path, strlen(path) + 1 });
}

static int append(struct pack *p, enum pack_role role, const char *path, int error,
		  struct span text)
{
	if (text.n > PACK_MAX || (text.n > 0 && p->block.n > PACK_MAX - text.n))
		return -EFBIG;
	buf_put_u32(&p->block, role);
	buf_put_u32(&p->block, (uint32_t)error);
	put_path(&p->block, path);
	buf_put_span(&p->block, text);
	return buf_error(&p->block);
}

int pack_new(const char *base, struct pack **ret)
{
	struct pack *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	buf_put(&p->block, magic, sizeof(magic));
	put_path(&p->block, base);
	err = buf_error(&p->block);
	if (!err)
		err = index_files(p);
	if (err) {
		pack_free(&p);
		return err;
	}
	*ret = p;
	return 0;
}

int pack_add(struct pack *p, enum pack_role role, const char *path, int error,
	     struct span text)
{
	int err = append(p, role, path, error, text);

	return err ? err : index_files(p);
}

void pack_free(struct pack **pp)
{
	struct pack *p = *pp;

	if (!p)
		return;
	if (p->map)
		munmap(p->map, p->map_size);
	buf_free(&p->block);
	free(p->files);
	free(p);
	*pp = NULL;
}

size_t pack_count(const struct pack *p)
{
	return p->n;
}

const struct pack_file *pack_get(const struct pack *p, size_t i)
{
	return i < p->n ? &p->files[i] : NULL;
}

const char *pack_base(const struct pack *p)
{
	return p->base;
}

/* ---- from the disk ---- */

/* A FIFO must not make us wait, nor a device. */
int pack_read_file(const char *path, size_t max, struct buf *ret)
{
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char bytes[65536];
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (ret->n + (size_t)n > max)
			return -EFBIG;
		buf_put(ret, bytes, (size_t)n);
	}
	return buf_error(ret);
}

/* One that is too big, or for which no room is left, is an error of its own. */
static int add_file(struct pack *p, enum pack_role role, const char *path)
{
	bool jail = role == PACK_JAIL_SHIPPED || role == PACK_JAIL_ADMIN;
	const struct span none = { NULL, 0 };
	struct buf text = { 0 };
	int ret, err = pack_read_file(path, jail ? PACK_JAIL_MAX : PACK_MAX, &text);

	if (err == -ENOMEM)
		ret = err;
	else
		ret = append(p, role, path, err, err ? none : buf_span(&text));
	if (ret == -EFBIG)
		ret = append(p, role, path, ret, none);
	buf_free(&text);
	return ret;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), m = strlen(with);

	return n > m && strcmp(name + n - m, with) == 0;
}

static int is_jail_file(const struct dirent *d)
{
	return d->d_name[0] != '.' && (ends(d->d_name, ".yaml") || ends(d->d_name, ".yml"));
}

/* Not alphasort(3): the order may not hang on a locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_dir(struct pack *p, enum pack_role role, const char *dir)
{
	struct dirent **v = NULL;
	int n = scandir(dir, &v, is_jail_file, by_name), err = 0;

	if (n < 0)
		return append(p, PACK_DIR, dir, -errno, (struct span){ NULL, 0 });
	if (n > FILES_MAX)
		err = -EFBIG;
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		if (!err && snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name) >= (int)sizeof(path))
			err = -ENAMETOOLONG;
		if (!err)
			err = ends(path, ".yaml") ? add_file(p, role, path) :
				append(p, PACK_PASSED_OVER, path, 0, (struct span){ NULL, 0 });
		free(v[i]);
	}
	free(v);
	return err;
}

/* Directories that were read, by what they are and not by how they are called. */
struct seen {
	size_t n;
	struct { dev_t dev; ino_t ino; } v[DIRS_MAX];
};

/* Is it new? One that cannot be looked at is: reading it will tell why. */
static bool see(struct seen *s, const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].dev == st.st_dev && s->v[i].ino == st.st_ino)
			return false;
	if (s->n < DIRS_MAX) {
		s->v[s->n].dev = st.st_dev;
		s->v[s->n++].ino = st.st_ino;
	}
	return true;
}

/* The admin's directories: as bailiff.yaml says, if it can be understood. */
static void jail_dirs(struct arena *a, const char *base, struct span text, struct strings *ret)
{
	const struct node *root, *dirs;
	struct tree_error error;

	if (tree_parse(a, "", text, &root, &error) < 0)
		return;
	dirs = node_get(root, "jail_dirs");
	if (!dirs || dirs->kind == NODE_MAP)
		return;
	ret->v = arena_array(a, dirs->n + 1, sizeof(char *));
	for (size_t i = 0; i < (dirs->kind == NODE_LIST ? dirs->n : 1) && ret->n < DIRS_MAX; i++) {
		const struct node *d = dirs->kind == NODE_LIST ? dirs->items[i] : dirs;

		if (d->kind == NODE_SCALAR && *d->text)
			ret->v[ret->n++] = *d->text == '/' ? arena_strdup(a, d->text) :
				arena_printf(a, "%s/%s", strcmp(base, "/") ? base : "", d->text);
	}
}

static int add_shipped(struct pack *p, const struct strings *admins, const char *const *shipped)
{
	struct seen seen = { 0 };
	int err = 0;

	for (size_t i = 0; i < admins->n; i++)
		see(&seen, admins->v[i]);
	for (; shipped && *shipped && !err; shipped++)
		if (see(&seen, *shipped))
			err = add_dir(p, PACK_JAIL_SHIPPED, *shipped);
	return err;
}

static int add_admins(struct pack *p, const struct strings *admins)
{
	static const char usual[] = BAILIFF_SYSCONFDIR "/bailiff/jails";
	struct seen seen = { 0 };
	struct stat st;
	int err = 0;

	if (!admins->v)
		return stat(usual, &st) == 0 ? add_dir(p, PACK_JAIL_ADMIN, usual) : 0;
	for (size_t i = 0; i < admins->n && !err; i++)
		if (see(&seen, admins->v[i]))
			err = add_dir(p, PACK_JAIL_ADMIN, admins->v[i]);
	return err;
}

static int add_dirs(struct pack *p, const char *base, const struct span *main_text,
		    const char *const *shipped)
{
	struct arena arena = { 0 };
	struct strings admins = { 0 };
	int err;

	if (setjmp(arena.oom)) {
		arena_free(&arena);
		return -ENOMEM;
	}
	if (main_text)
		jail_dirs(&arena, base, *main_text, &admins);
	err = add_shipped(p, &admins, shipped);
	if (!err && main_text)
		err = add_admins(p, &admins);
	arena_free(&arena);
	return err;
}

/* The absolute directory of a file; *ret is malloc()ed. */
static int directory_of(const char *path, char **ret)
{
	_cleanup_(free_ptr) char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL, *real;

	if (!dir)
		return -ENOMEM;
	if (slash)
		slash[slash == dir] = 0;
	real = realpath(slash ? dir : ".", NULL);
	if (!real)
		return -errno;
	*ret = real;
	return 0;
}

/* The files that `classes:` names, each once. */
static void list_paths(struct arena *a, const char *base, struct span text, struct strings *ret)
{
	const struct node *root, *classes, *file;
	struct tree_error error;

	if (tree_parse(a, "", text, &root, &error) < 0)
		return;
	classes = node_get(root, "classes");
	for (size_t i = 0; classes && classes->kind == NODE_MAP && i < classes->n; i++) {
		bool again = false;
		char *path;

		file = node_get(classes->items[i], "file");
		if (!file || file->kind != NODE_SCALAR || !*file->text)
			continue;
		path = *file->text == '/' ? arena_strdup(a, file->text) :
			arena_printf(a, "%s/%s", strcmp(base, "/") ? base : "", file->text);
		for (size_t k = 0; k < ret->n; k++)
			again |= strcmp(ret->v[k], path) == 0;
		if (!again)
			*(char **)arena_push(a, &ret->v, &ret->n, sizeof(char *)) = path;
	}
}

static int add_lists(struct pack *p, const char *base, struct span main_text)
{
	struct arena arena = { 0 };
	struct strings paths = { 0 };
	int err;

	if (setjmp(arena.oom)) {
		arena_free(&arena);
		return -ENOMEM;
	}
	list_paths(&arena, base, main_text, &paths);
	err = 0;
	for (size_t i = 0; i < paths.n && !err; i++)
		err = add_file(p, PACK_LIST, paths.v[i]);
	arena_free(&arena);
	return err;
}

static int read_all(struct pack *p, const char *base, const char *main_path,
		    const char *const *shipped_dirs)
{
	struct buf text = { 0 };
	struct span main_text;
	int err = main_path ? pack_read_file(main_path, PACK_MAX, &text) : 0;

	main_text = buf_span(&text);
	if (!err)
		err = append(p, PACK_MAIN, main_path ? main_path : "(built-in)", 0, main_text);
	if (!err)
		err = add_dirs(p, base, main_path ? &main_text : NULL, shipped_dirs);
	if (!err && main_path)
		err = add_lists(p, base, main_text);
	buf_free(&text);
	return err ? err : index_files(p);
}

int pack_read(const char *main_path, const char *const *shipped_dirs,
	      struct pack **ret)
{
	_cleanup_(free_ptr) char *base = NULL;
	struct pack *p = NULL;
	int err = main_path ? directory_of(main_path, &base) : 0;

	if (!err)
		err = pack_new(base ? base : "/", &p);
	if (!err)
		err = read_all(p, base ? base : "/", main_path, shipped_dirs);
	if (err)
		pack_free(&p);
	else
		*ret = p;
	return err;
}

/* ---- across processes ---- */

int pack_seal(const struct pack *p, int *ret_fd)
{
	_cleanup_(close_fd) int fd = memfd_create("bailiff-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	err = file_write(fd, block_of(p));
	if (err)
		return err;
	err = file_seal(fd);
	if (err)
		return err;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int pack_open(int fd, struct pack **ret)
{
	struct stat st;
	struct pack *p;
	int err;

	if (!file_is_sealed(fd))
		return -EBADMSG;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > 2 * PACK_MAX)
		return -EBADMSG;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->map_size = (size_t)st.st_size;
	p->map = mmap(NULL, p->map_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p->map == MAP_FAILED) {
		free(p);
		return -errno;
	}
	err = index_files(p);
	if (err)
		pack_free(&p);
	else
		*ret = p;
	return err;
}
