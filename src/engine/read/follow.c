/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following one log file. Nothing is held back between calls but numbers: a
 * half line is read again when more of it came, so the position alone says
 * where we are, and a stop after any line needs no undoing.
 *
 * copytruncate is seen in two ways. A file shorter than our offset is easy.
 * One that grew past it again is told by its bytes: each read begins CHECK
 * bytes before the offset, in the same system call, and compares them with
 * what stood there; and each call compares the file's first KB. Both compares
 * are of bytes that were handed out, so a wrong alarm cannot be.
 */
#include "engine/read/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/read/head.h"

#define SMALL (16u << 10)	/* what an idle log's reads need */
#define BIG (256u << 10)
#define CHECK 64

struct follow {
	int fd;
	uint32_t line_max;
	uint64_t dev, ino;
	uint64_t at;		/* first byte of the next line */
	uint64_t scanned;	/* a long line: no newline from `at` up to here */
	bool eating;		/* `scanned` holds: the line is over line_max */
	size_t ntail;		/* bytes before `at` or `scanned` that we know */
	char tail[CHECK];
	char *memory;		/* CHECK bytes and buf */
	char *buf;
	size_t size, big;	/* of buf; how big it may get */
	struct follow_stats stats;
	struct head head;
};

static int pread_full(int fd, char *p, size_t n, uint64_t offset, size_t *ret)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, p + got, n - got, (off_t)(offset + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	*ret = got;
	return 0;
}

static int resize(struct follow *f, size_t size)
{
	char *memory = realloc(f->memory, CHECK + size);

	if (!memory)
		return -ENOMEM;
	f->memory = memory;
	f->buf = memory + CHECK;
	f->size = size;
	return 0;
}

int follow_open(int take_fd, uint32_t line_max, struct follow **ret)
{
	_cleanup_(follow_free) struct follow *f = calloc(1, sizeof(*f));
	struct stat st;
	int r;

	if (!f) {
		close(take_fd);
		return -ENOMEM;
	}
	f->fd = take_fd;
	if (fstat(take_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	f->line_max = line_max;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->big = BIG + line_max;
	r = resize(f, SMALL + line_max);
	if (r < 0)
		return r;
	*ret = f;
	f = NULL;
	return 0;
}

void follow_free(struct follow **f)
{
	if (!*f)
		return;
	close((*f)->fd);
	free((*f)->memory);
	free(*f);
	*f = NULL;
}

void follow_restart(struct follow *f)
{
	f->at = f->scanned = 0;
	f->eating = false;
	f->ntail = 0;
	f->head.n = 0;
}

struct position follow_position(const struct follow *f)
{
	return (struct position){ f->dev, f->ino, head_fingerprint(&f->head, f->at),
				  f->at };
}

const struct follow_stats *follow_stats(const struct follow *f)
{
	return &f->stats;
}

int follow_fd(const struct follow *f)
{
	return f->fd;
}

int follow_fingerprint(int fd, uint64_t *ret, size_t *ret_n)
{
	char bytes[FOLLOW_HEAD];
	size_t n;
	int r = pread_full(fd, bytes, sizeof(bytes), 0, &n);

	if (r < 0)
		return r;
	*ret = hash_fixed(bytes, n);
	*ret_n = n;
	return 0;
}

bool follow_is(int fd, const struct position *pos)
{
	char bytes[FOLLOW_HEAD];
	size_t want = pos->offset < sizeof(bytes) ? (size_t)pos->offset : sizeof(bytes);
	struct stat st;
	size_t n;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size < pos->offset)
		return false;
	if (!want)
		return st.st_dev == pos->dev && st.st_ino == pos->ino;
	return pread_full(fd, bytes, want, 0, &n) == 0 && n == want &&
	       hash_fixed(bytes, n) == pos->fingerprint;
}

/* Stand at `offset`, knowing what lies before it. */
static int stand(struct follow *f, uint64_t offset)
{
	char bytes[FOLLOW_HEAD];
	size_t want = offset < sizeof(bytes) ? (size_t)offset : sizeof(bytes);
	size_t n;
	int r;

	follow_restart(f);
	r = pread_full(f->fd, bytes, want, 0, &n);
	if (r == 0 && n < want)
		r = -ESTALE;
	if (r < 0)
		return r;
	head_feed(&f->head, bytes, n);
	want = offset < CHECK ? (size_t)offset : CHECK;
	r = pread_full(f->fd, f->tail, want, offset - want, &n);
	if (r == 0 && n < want)
		r = -ESTALE;
	if (r < 0) {
		follow_restart(f);
		return r;
	}
	f->ntail = n;
	f->at = offset;
	return 0;
}

int follow_seek(struct follow *f, const struct position *pos)
{
	return follow_is(f->fd, pos) ? stand(f, pos->offset) : -ESTALE;
}

int follow_seek_end(struct follow *f)
{
	struct stat st;
	uint64_t end;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	end = (uint64_t)st.st_size;
	while (end) {
		uint64_t from = end > f->size ? end - f->size : 0;
		size_t n;
		const char *nl;
		int r = pread_full(f->fd, f->buf, (size_t)(end - from), from, &n);

		if (r < 0)
			return r;
		nl = memrchr(f->buf, '\n', n);
		if (nl)
			return stand(f, from + (uint64_t)(nl - f->buf) + 1);
		end = from;
	}
	return stand(f, 0);
}

/* The bytes [p, p + n) were passed by: they are before our offset now. */
static void remember(struct follow *f, const char *p, size_t n)
{
	size_t keep;

	if (n >= CHECK) {
		memcpy(f->tail, p + n - CHECK, CHECK);
		f->ntail = CHECK;
		return;
	}
	keep = f->ntail + n > CHECK ? CHECK - n : f->ntail;
	memmove(f->tail, f->tail + f->ntail - keep, keep);
	memcpy(f->tail + keep, p, n);
	f->ntail = keep + n;
}

/* -ESTALE: what we handed out is no longer there. */
static int stale(struct follow *f)
{
	f->stats.truncated++;
	return -ESTALE;
}

static int check_head(struct follow *f)
{
	char bytes[FOLLOW_HEAD];
	size_t want = f->at < f->head.n ? (size_t)f->at : f->head.n, n;
	int r;

	if (!want)
		return 0;
	r = pread_full(f->fd, bytes, want, 0, &n);
	if (r < 0)
		return r;
	return n < want || memcmp(bytes, f->head.bytes, want) != 0 ? stale(f) : 0;
}

/* Up to `want` bytes from `from` into buf, and those before it for a look. */
static int read_on(struct follow *f, uint64_t from, size_t want, size_t *ret)
{
	char *before = f->buf - f->ntail;
	ssize_t r;

	do
		r = pread(f->fd, before, f->ntail + want, (off_t)(from - f->ntail));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if ((size_t)r < f->ntail || memcmp(before, f->tail, f->ntail) != 0)
		return stale(f);
	*ret = (size_t)r - f->ntail;
	return 0;
}

/* Hand out [p, p + n), n without the newline; `next` is where the next begins. */
static int hand_out(struct follow *f, const char *p, size_t n, uint64_t next,
		    follow_fn *fn, void *arg)
{
	struct line line = { .pos = follow_position(f), .cut = next - f->at > n + 1 };
	int r;

	if (n && p[n - 1] == '\r' && !line.cut)
		n--;
	if (n > f->line_max) {
		line.cut = true;
		n = f->line_max;
		f->stats.cut++;
	}
	line.text = (struct span){ p, n };
	f->stats.lines++;
	f->stats.bytes += next - f->at;
	r = fn(arg, &line);
	f->at = next;
	return r;
}

static size_t leading_nuls(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == '\0')
		i++;
	return i;
}

/* Pass NULs by that stand before a line. */
static size_t skip_nuls(struct follow *f, const char *p, size_t n)
{
	size_t nuls = leading_nuls(p, n);

	if (nuls) {
		head_feed(&f->head, p, nuls);
		f->at += nuls;
	}
	return nuls;
}

/*
 * All whole lines of buf[0..n). *used: how much they were; what is left is
 * a half line, or not wanted any more.
 */
static int split(struct follow *f, size_t n, size_t max_bytes, follow_fn *fn,
		 void *arg, size_t *used)
{
	const char *p = f->buf, *end = f->buf + n;
	int r = 0;

	while (p < end && (size_t)(p - f->buf) < max_bytes) {
		const char *nl;

		p += *p ? 0 : skip_nuls(f, p, (size_t)(end - p));
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			break;
		r = hand_out(f, p, (size_t)(nl - p), f->at + (uint64_t)(nl - p) + 1,
			     fn, arg);
		head_feed(&f->head, p, (size_t)(nl - p) + 1);
		p = nl + 1;
		if (r)
			break;
	}
	*used = (size_t)(p - f->buf);
	remember(f, f->buf, *used);
	return r;
}

/*
 * The newline of a line that is being eaten is at buf[nl]: fetch the line's
 * start once more and hand it out cut.
 */
static int eaten(struct follow *f, size_t nl, follow_fn *fn, void *arg)
{
	uint64_t next = f->scanned + nl + 1;
	size_t want = f->line_max + 1, n;
	int r;

	if (want < FOLLOW_HEAD)
		want = FOLLOW_HEAD;
	if (want > next - f->at)
		want = (size_t)(next - f->at);
	remember(f, f->buf, nl + 1);
	r = pread_full(f->fd, f->buf, want, f->at, &n);
	if (r < 0)
		return r;
	if (n < want)
		return stale(f);
	f->eating = false;
	r = hand_out(f, f->buf, n, next, fn, arg);
	head_feed(&f->head, f->buf, n);
	return r;
}

/* One block. *end: the file has no more for now; *used: bytes passed. */
static int read_block(struct follow *f, size_t max_bytes, follow_fn *fn, void *arg,
		      bool *end, size_t *used)
{
	size_t want = f->size, n = 0;
	const char *nl;
	int r;

	*used = 0;
	if (max_bytes < want - f->line_max - 2)	/* a line and its "\r\n" must fit */
		want = max_bytes + f->line_max + 2;
	r = read_on(f, f->eating ? f->scanned : f->at, want, &n);
	if (r < 0)
		return r;
	*end = n < want;
	if (f->eating) {
		nl = memchr(f->buf, '\n', n);
		if (nl) {
			*end = false;
			*used = (size_t)(nl - f->buf) + 1;
			return eaten(f, *used - 1, fn, arg);
		}
		remember(f, f->buf, n);
		f->scanned += n;
		*used = n;
		return 0;
	}
	r = split(f, n, max_bytes, fn, arg, used);
	*end &= *used < max_bytes;	/* lines may be left behind the budget */
	if (r == 0 && n - *used > f->line_max + 1 && *used < max_bytes) {
		f->eating = true;	/* + 1: a "\r" may end it */
		f->scanned = f->at + (n - *used);
		remember(f, f->buf + *used, n - *used);
	}
	return r;
}

int follow_read(struct follow *f, size_t max_bytes, follow_fn *fn, void *arg,
		bool *more)
{
	size_t most = 0, done = 0, used;
	bool end = false;
	int r = check_head(f);

	*more = false;
	if (r < 0)
		return r;
	while (!end && done < max_bytes) {
		r = read_block(f, max_bytes - done, fn, arg, &end, &used);
		if (r) {
			*more = r > 0;
			return r;
		}
		done += used;
		most = used > most ? used : most;
		if (!end && f->size < f->big)
			resize(f, f->big);	/* refused: goes on with small reads */
	}
	if (end && most < SMALL && f->size == f->big)
		resize(f, SMALL + f->line_max);
	*more = !end;
	return 0;
}

int follow_flush(struct follow *f, follow_fn *fn, void *arg)
{
	struct stat st;
	size_t n, nuls;
	uint64_t size;
	int r;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size;
	if (size <= f->at)
		return size < f->at ? stale(f) : 0;
	r = pread_full(f->fd, f->buf, f->size, f->at, &n);
	if (r < 0)
		return r;
	nuls = skip_nuls(f, f->buf, n);
	remember(f, f->buf, nuls);
	f->eating = false;
	if (nuls == n)
		return 0;
	r = hand_out(f, f->buf + nuls, n - nuls, size, fn, arg);
	head_feed(&f->head, f->buf + nuls, n - nuls);
	return stand(f, size) < 0 && !r ? -ESTALE : r;
}
