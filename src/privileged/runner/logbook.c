/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner's journal: an append-only file of fixed-size records, each with
 * a checksum, each the whole entry as it is from now on, so that the last
 * record of an id wins and replay is a loop. Every append is fdatasync'ed:
 * what we do to accounts and mails is rare, and must be known after a crash.
 * The first record carries the salt of the fingerprints. When most records
 * are outdated the file is written anew beside and renamed into place.
 *
 * Space for the next appends is reserved (FALLOC_FL_KEEP_SIZE), so that a disk
 * that fills up does not stop a lock.
 */
#include "privileged/runner/logbook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"

#define MAGIC 0x316c6e724a66696cULL	/* the format: changes with the struct */
#define SLACK 1024			/* outdated records before a compaction */
#define RESERVE (128 * 1024)

struct record {
	uint64_t magic;
	struct logbook_entry entry;	/* id 0: the salt, in `what` */
	uint64_t sum;			/* over all before it */
};
_Static_assert(sizeof(struct record) == 544, "record");

struct logbook {
	int dir, lock, fd;
	off_t size;		/* of the records in the file */
	uint64_t salt;
	size_t bad;
	size_t n, cap;
	struct logbook_entry *v;	/* oldest first */
	void (*forgot)(void *arg, const struct logbook_entry *e);
	void *arg;
};

static uint64_t sum_of(const struct record *r)
{
	return hash_fixed(r, offsetof(struct record, sum));
}

static struct record record_of(const struct logbook_entry *e)
{
	struct record r = { .magic = MAGIC, .entry = *e };

	r.sum = sum_of(&r);
	return r;
}

static struct record salt_record(const struct logbook *j)
{
	return record_of(&(struct logbook_entry){ .what = j->salt });
}

static int write_at(int fd, const void *p, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p = (const char *)p + done;
		n -= (size_t)done;
		at += done;
	}
	return 0;
}

/* Append and make durable; on failure the file is as it was. */
static int append(struct logbook *j, const struct record *r)
{
	int ret = write_at(j->fd, r, sizeof(*r), j->size);

	if (ret == 0 && fdatasync(j->fd) < 0)
		ret = -errno;
	if (ret < 0) {
		if (ftruncate(j->fd, j->size) < 0)
			return -EIO;
		return ret;
	}
	j->size += (off_t)sizeof(*r);
	return 0;
}

static struct logbook_entry *find(const struct logbook *j, uint64_t id)
{
	for (size_t i = j->n; i-- > 0;)
		if (j->v[i].id == id)
			return &j->v[i];
	return NULL;
}

static bool is_hold(const struct logbook_entry *e)
{
	return e->type == ORDER_HOLD || e->type == ORDER_QUEUE_HOLD;
}

/* Can somebody still ask to have it taken back, or does it hold a rule? */
static bool in_force(const struct logbook_entry *e)
{
	if (is_hold(e) && e->phase == LOGBOOK_ENDED && e->status == OUTCOME_DONE && e->code == 0)
		return false;	/* it found nothing to hold */
	return (e->type == ORDER_LOCK || e->type == ORDER_PROTECT || e->type == ORDER_DENY ||
		e->type == ORDER_PARK || is_hold(e)) && e->phase != LOGBOOK_UNDONE;
}

/*
 * The oldest that is not in force. If all are, the oldest hold, since an admin
 * finds held mail in the queue as well; then the oldest lock.
 */
static size_t victim(const struct logbook *j)
{
	size_t lock = 0;

	for (size_t i = 0; i < j->n; i++)
		if (!in_force(&j->v[i]) && j->v[i].phase != LOGBOOK_INTENT)
			return i;
	for (size_t i = 0; i < j->n; i++)
		if (is_hold(&j->v[i]) && j->v[i].phase != LOGBOOK_INTENT)
			return i;
	while (lock + 1 < j->n && j->v[lock].type == ORDER_PROTECT)
		lock++;
	return lock;
}

/* Memory for one entry more, so that remember() cannot fail. */
static int grow(struct logbook *j)
{
	struct logbook_entry *v;
	size_t cap = j->cap ? j->cap * 2 : 64;

	if (j->n < j->cap || j->cap == LOGBOOK_MAX)
		return 0;
	v = reallocarray(j->v, cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	j->v = v;
	j->cap = cap;
	return 0;
}

/* `e` must not point into the journal's own memory. */
static void remember(struct logbook *j, const struct logbook_entry *e)
{
	struct logbook_entry *old = find(j, e->id);

	if (!old && j->n == LOGBOOK_MAX) {
		size_t i = victim(j);

		if (j->forgot)
			j->forgot(j->arg, &j->v[i]);
		j->n--;
		memmove(&j->v[i], &j->v[i + 1], (j->n - i) * sizeof(*j->v));
	}
	if (!old)
		old = &j->v[j->n++];
	*old = *e;
}

static bool sane(const struct logbook_entry *e)
{
	return e->phase >= LOGBOOK_INTENT && e->phase <= LOGBOOK_UNDONE &&
	       memchr(e->name, 0, sizeof(e->name)) && memchr(e->text, 0, sizeof(e->text)) &&
	       memchr(e->unix_name, 0, sizeof(e->unix_name));
}

static int replay(struct logbook *j)
{
	struct record r;
	ssize_t n;
	int ret;

	while ((n = pread(j->fd, &r, sizeof(r), j->size)) == (ssize_t)sizeof(r)) {
		j->size += n;
		if (r.magic != MAGIC || r.sum != sum_of(&r)) {
			j->bad++;
			continue;
		}
		if (r.entry.id == 0) {
			j->salt = r.entry.what;
			continue;
		}
		ret = grow(j);
		if (ret < 0)
			return ret;
		if (sane(&r.entry))
			remember(j, &r.entry);
	}
	if (n < 0)
		return -errno;
	/* A torn record was never answered for: its put did not return. */
	return n > 0 && ftruncate(j->fd, j->size) < 0 ? -errno : 0;
}

static int write_all(const struct logbook *j, int fd)
{
	struct record r = salt_record(j);
	int ret = write_at(fd, &r, sizeof(r), 0);

	for (size_t i = 0; ret == 0 && i < j->n; i++) {
		r = record_of(&j->v[i]);
		ret = write_at(fd, &r, sizeof(r), (off_t)((i + 1) * sizeof(r)));
	}
	return ret == 0 && fsync(fd) < 0 ? -errno : ret;
}

static int compact(struct logbook *j)
{
	_cleanup_(close_fd) int fd = -1;
	int ret;

	fd = openat(j->dir, "runner.journal.new",
		    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = write_all(j, fd);
	if (ret == 0 && renameat(j->dir, "runner.journal.new", j->dir, "runner.journal") < 0)
		ret = -errno;
	if (ret == 0 && fsync(j->dir) < 0)
		ret = -errno;
	if (ret < 0) {
		unlinkat(j->dir, "runner.journal.new", 0);
		return ret;
	}
	close(j->fd);
	j->fd = fd;
	fd = -1;
	j->size = (off_t)((j->n + 1) * sizeof(struct record));
	return 0;
}

/* Only saves space: where it fails the old file goes on serving. */
static void compact_if_due(struct logbook *j)
{
	if (j->size > (off_t)((2 * j->n + SLACK) * sizeof(struct record)))
		compact(j);
}

static void reserve(const struct logbook *j)
{
	/* Best effort: not every file system can. */
	(void)!fallocate(j->fd, FALLOC_FL_KEEP_SIZE, j->size, RESERVE);
}

static int open_files(struct logbook *j)
{
	struct stat st;

	j->lock = openat(j->dir, "runner.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->lock < 0 || flock(j->lock, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	j->fd = openat(j->dir, "runner.journal",
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (j->fd < 0 || fstat(j->fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int keep_damaged(const struct logbook *j)
{
	unlinkat(j->dir, "runner.journal.damaged", 0);
	if (linkat(j->dir, "runner.journal", j->dir, "runner.journal.damaged", 0) < 0)
		return -errno;
	return 0;
}

static int load(struct logbook *j)
{
	int ret = replay(j);

	if (ret < 0)
		return ret;
	if (j->bad > 0 && keep_damaged(j) < 0)
		return 0;	/* the damaged file goes on serving */
	if (j->salt == 0 && getrandom(&j->salt, sizeof(j->salt), 0) != (ssize_t)sizeof(j->salt))
		return -EIO;
	if (j->size == 0 || j->bad > 0)
		return compact(j);
	compact_if_due(j);
	return 0;
}

int logbook_open(int dir_fd, struct logbook **ret)
{
	_cleanup_(logbook_close) struct logbook *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->lock = j->fd = -1;
	j->dir = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	if (j->dir < 0)
		return -errno;
	r = open_files(j);
	if (r == 0)
		r = load(j);
	if (r < 0)
		return r;
	reserve(j);
	*ret = j;
	j = NULL;
	return 0;
}

void logbook_close(struct logbook **j)
{
	if (!*j)
		return;
	close_fd(&(*j)->fd);
	close_fd(&(*j)->lock);
	close_fd(&(*j)->dir);
	free((*j)->v);
	free(*j);
	*j = NULL;
}

int logbook_put(struct logbook *j, const struct logbook_entry *e)
{
	struct logbook_entry copy = *e;
	struct record r = record_of(&copy);
	int ret = grow(j);

	if (ret == 0)
		ret = append(j, &r);
	if (ret < 0)
		return ret;
	remember(j, &copy);
	compact_if_due(j);
	if (j->size % RESERVE < (off_t)sizeof(r))
		reserve(j);
	return 0;
}

void logbook_on_forget(struct logbook *j, void (*forgot)(void *arg, const struct logbook_entry *e), void *arg)
{
	j->forgot = forgot;
	j->arg = arg;
}

const struct logbook_entry *logbook_get(const struct logbook *j, uint64_t id)
{
	return find(j, id);
}

size_t logbook_count(const struct logbook *j)
{
	return j->n;
}

const struct logbook_entry *logbook_at(const struct logbook *j, size_t i)
{
	return &j->v[i];
}

size_t logbook_bad(const struct logbook *j)
{
	return j->bad;
}

uint64_t logbook_salt(const struct logbook *j)
{
	return j->salt;
}
