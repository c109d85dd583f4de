/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots as files: a header, a table of sections, the sections' bytes one
 * after another. Takes and gives bytes, knows nothing of what they mean. Each
 * byte is under a checksum (each section's in the table, the table and the
 * header's in the header), for a snapshot that was believed though damaged
 * would ban on counts that never were. The file is this host's own: numbers
 * lie as they do in memory, and the mark tells another byte order apart.
 */
#include "engine/record/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"

#define MARK 0x504e534649414200ull	/* "\0BAIFSNP" in little endian */
#define VERSION 1
#define NAME_BYTES 16
#define SECTIONS_MAX 64

struct head {
	uint64_t mark;
	uint32_t version;
	uint32_t sections;
	uint64_t size;		/* of the whole file */
	uint64_t table_hash;
	uint64_t hash;		/* of the fields above */
};

struct entry_head {
	char name[NAME_BYTES];	/* NUL-padded */
	uint64_t len;
	uint64_t hash;
};

_Static_assert(sizeof(struct head) == 40, "no padding in the file");
_Static_assert(sizeof(struct entry_head) == 32, "no padding in the file");

struct snapshot {
	void *map;
	size_t size;
	const struct head *head;
	const struct entry_head *table;
	const char *bytes;	/* of the first section */
};

static uint64_t head_hash(const struct head *h)
{
	return hash_fixed(h, offsetof(struct head, hash));
}

static int describe(const struct snapshot_section *s, size_t n,
		    struct entry_head *table, struct head *ret)
{
	uint64_t size = sizeof(*ret) + n * sizeof(*table);

	for (size_t i = 0; i < n; i++) {
		if (strlen(s[i].name) >= NAME_BYTES)
			return -EINVAL;
		memcpy(table[i].name, s[i].name, strlen(s[i].name));
		table[i].len = s[i].bytes.n;
		table[i].hash = hash_fixed(s[i].bytes.n > 0 ? s[i].bytes.p : "",
					   s[i].bytes.n);
		size += s[i].bytes.n;
	}
	*ret = (struct head){
		.mark = MARK, .version = VERSION, .sections = (uint32_t)n,
		.size = size, .table_hash = hash_fixed(table, n * sizeof(*table)),
	};
	ret->hash = head_hash(ret);
	return 0;
}

static int write_file(int fd, const struct snapshot_section *s, size_t n)
{
	struct entry_head table[SECTIONS_MAX] = { 0 };
	struct head head;
	int r = describe(s, n, table, &head);

	if (r == 0)
		r = file_write(fd, (struct span){ (char *)&head, sizeof(head) });
	if (r == 0)
		r = file_write(fd, (struct span){ (char *)table, n * sizeof(*table) });
	for (size_t i = 0; i < n && r == 0; i++)
		r = file_write(fd, s[i].bytes);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* The rename is on the disk only once its directory is. */
static int sync_dir(int dirfd)
{
	_cleanup_(close_fd) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY |
					    O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int snapshot_write(int dirfd, const char *name,
		   const struct snapshot_section *s, size_t n)
{
	_cleanup_(close_fd) int fd = -1;
	char beside[256];
	int r;

	if (n > SECTIONS_MAX ||
	    snprintf(beside, sizeof(beside), "%s.new", name) >= (int)sizeof(beside))
		return -EINVAL;
	fd = openat(dirfd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_file(fd, s, n);
	if (r == 0 && renameat(dirfd, beside, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, beside, 0);
		return r;
	}
	return sync_dir(dirfd);
}

/* Nothing but checked numbers is followed; `left` is what the file still has. */
static int check(struct snapshot *s)
{
	const struct head *h = s->map;
	const char *p;
	size_t left = s->size;

	if (left < sizeof(*h) || h->mark != MARK || h->version != VERSION ||
	    h->hash != head_hash(h) || h->size != s->size)
		return -EBADMSG;
	left -= sizeof(*h);
	if (h->sections > SECTIONS_MAX || left < h->sections * sizeof(*s->table))
		return -EBADMSG;
	left -= h->sections * sizeof(*s->table);
	s->head = h;
	s->table = (const struct entry_head *)(h + 1);
	s->bytes = p = (const char *)(s->table + h->sections);
	if (hash_fixed(s->table, h->sections * sizeof(*s->table)) != h->table_hash)
		return -EBADMSG;
	for (uint32_t i = 0; i < h->sections; i++) {
		if (s->table[i].len > left || s->table[i].name[NAME_BYTES - 1] ||
		    hash_fixed(p, s->table[i].len) != s->table[i].hash)
			return -EBADMSG;
		p += s->table[i].len;
		left -= s->table[i].len;
	}
	return left == 0 ? 0 : -EBADMSG;
}

static int map(int fd, struct snapshot *s)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct head))
		return -EBADMSG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
		 fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	s->map = p;
	s->size = (size_t)st.st_size;
	return 0;
}

int snapshot_open(int dirfd, const char *name, struct snapshot **ret)
{
	_cleanup_(close_fd) int fd = -1;
	_cleanup_(snapshot_close) struct snapshot *s = NULL;
	int r;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = map(fd, s);
	if (r == 0)
		r = check(s);
	if (r < 0)
		return r;
	*ret = s;
	s = NULL;
	return 0;
}

bool snapshot_get(const struct snapshot *s, const char *section, struct span *ret)
{
	const char *p = s->bytes;

	for (uint32_t i = 0; i < s->head->sections; i++) {
		if (strcmp(s->table[i].name, section) == 0) {
			*ret = (struct span){ p, s->table[i].len };
			return true;
		}
		p += s->table[i].len;
	}
	return false;
}

void snapshot_close(struct snapshot **s)
{
	if (!*s)
		return;
	if ((*s)->map)
		munmap((*s)->map, (*s)->size);
	free(*s);
	*s = NULL;
}
