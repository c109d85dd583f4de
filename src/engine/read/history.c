/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Old logs, read once. A block of bytes at a time comes in, lines go out that
 * point into the block; only a line that crosses two blocks is copied. For
 * compressed files a thread fills blocks ahead of the one that is being read;
 * plain files and pipes are read in place, for the kernel reads ahead itself.
 */
#include "engine/read/history.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/rare.h"
#include "engine/read/head.h"
#include "engine/read/inflate.h"

#define BLOCK (128u << 10)	/* handed over between threads */
#define AHEAD 16		/* of them */
#define PLAIN (64u << 10)	/* of it, in place: stays in the processor's cache */

#define CHUNK 4096		/* newlines are looked for in so much at a time */

struct block {
	size_t n;
	int error;		/* after these n bytes: 0, or -errno */
	bool last;		/* no block follows */
	char bytes[BLOCK + 64];	/* looked at by 64, so a little past the end */
};

struct history_file {
	int fd, wake_fd;
	uint32_t line_max;
	uint64_t dev, ino;
	int64_t mtime_ms;
	struct inflate *inflate;
	size_t part;			/* of a block that is filled at a time */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	unsigned nfull;		/* blocks that wait for the reader or are being read */
	bool filled, closing;	/* the last one is among them; all is given up */
	struct block *blocks;	/* one, or AHEAD with a thread: a ring */
	struct block *now;	/* the one being read, NULL at first */
	size_t at;		/* in it */
	size_t seen;		/* up to there newlines were looked for: */
	unsigned nends, end;	/* so many, the next one to be taken */
	uint32_t ends[CHUNK + 1];
	uint64_t offset;	/* of the next line */
	int error;		/* met at the end of the blocks */
	bool ended;
	char *carry;		/* a line that crosses blocks */
	size_t ncarry;
	uint64_t ncrossed;	/* its length so far, beyond line_max too */
	struct head head;
	struct follow_stats stats;
};

static void block_fill(struct history_file *h, struct block *b)
{
	b->error = inflate_read(h->inflate, b->bytes, h->part, &b->n);
	b->last = b->error < 0 || b->n < h->part;
	memset(b->bytes + b->n, 0, sizeof(b->bytes) - BLOCK);	/* no newline there */
}

/*
 * One who has nothing to do is woken when there is something for a while: a
 * sleep a block, with a wake-up over to another processor, costs both.
 */
static bool is_worth_reading(const struct history_file *h)
{
	return h->nfull >= AHEAD / 2 || h->filled;
}

static bool is_worth_filling(const struct history_file *h)
{
	return h->nfull <= AHEAD / 2 || h->closing;
}

static void *fill_blocks(void *arg)
{
	struct history_file *h = arg;
	bool last = false;

	for (unsigned i = 0; !last; i = (i + 1) % AHEAD) {
		struct block *b = &h->blocks[i];

		pthread_mutex_lock(&h->lock);
		if (h->nfull == AHEAD)
			while (!is_worth_filling(h))
				pthread_cond_wait(&h->turn, &h->lock);
		last = h->closing;
		pthread_mutex_unlock(&h->lock);
		if (last)
			break;
		block_fill(h, b);
		last = b->last;
		pthread_mutex_lock(&h->lock);
		h->nfull++;
		h->filled = last;
		if (is_worth_reading(h))
			pthread_cond_signal(&h->turn);
		pthread_mutex_unlock(&h->lock);
	}
	return NULL;
}

/* The next block, waiting for it; false: there is none. */
static bool next_block(struct history_file *h)
{
	struct block *b;

	if (h->now && h->now->last) {
		h->error = h->now->error;
		h->ended = true;
		return false;
	}
	h->at = h->seen = 0;
	h->nends = h->end = 0;
	if (!h->threaded) {
		h->now = h->blocks;
		block_fill(h, h->now);
		return true;
	}
	pthread_mutex_lock(&h->lock);
	if (h->now) {
		h->nfull--;
		if (is_worth_filling(h))
			pthread_cond_signal(&h->turn);
	}
	b = h->now && h->now != h->blocks + AHEAD - 1 ? h->now + 1 : h->blocks;
	if (h->nfull == 0)
		while (!is_worth_reading(h))
			pthread_cond_wait(&h->turn, &h->lock);
	pthread_mutex_unlock(&h->lock);
	h->now = b;
	return true;
}

static int skip(struct history_file *h, uint64_t offset)
{
	while (h->offset < offset) {
		uint64_t left;

		if ((!h->now || h->at == h->now->n) && !next_block(h))
			return h->error;
		left = h->now->n - h->at;
		if (left > offset - h->offset)
			left = offset - h->offset;
		head_feed(&h->head, h->now->bytes + h->at, (size_t)left);
		h->at += (size_t)left;
		h->offset += left;
	}
	h->seen = h->at;
	return 0;
}

/* All signals are the main thread's. */
static int start_thread(struct history_file *h)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&h->thread, NULL, fill_blocks, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	h->threaded = r == 0;
	return -r;
}

int history_open(int take_fd, uint32_t line_max, uint64_t offset,
		 struct history_file **ret)
{
	_cleanup_(history_close) struct history_file *h = calloc(1, sizeof(*h));
	struct stat st;
	int r;

	if (!h) {
		close(take_fd);
		return -ENOMEM;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->turn, NULL);
	h->fd = take_fd;
	h->line_max = line_max;
	h->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (h->wake_fd < 0 || fstat(take_fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	if (S_ISREG(st.st_mode))
		h->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
			      st.st_mtim.tv_nsec / 1000000;
	r = inflate_open(take_fd, h->wake_fd, &h->inflate);
	if (r < 0)
		return r;
	h->part = inflate_compressed(h->inflate) ? BLOCK : PLAIN;
	h->blocks = calloc(inflate_compressed(h->inflate) ? AHEAD : 1, sizeof(*h->blocks));
	h->carry = malloc(line_max + 1);
	if (!h->blocks || !h->carry)
		return -ENOMEM;
	if (inflate_compressed(h->inflate)) {
		r = start_thread(h);
		if (r < 0)
			return r;
	}
	r = skip(h, offset);
	if (r < 0)
		return r;
	*ret = h;
	h = NULL;
	return 0;
}

static void stop_thread(struct history_file *h)
{
	uint64_t one = 1;
	ssize_t r;

	if (!h->threaded)
		return;
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	pthread_cond_signal(&h->turn);
	pthread_mutex_unlock(&h->lock);
	do	/* it may wait for a pipe */
		r = write(h->wake_fd, &one, sizeof(one));
	while (r < 0 && errno == EINTR);
	pthread_join(h->thread, NULL);
}

void history_close(struct history_file **hp)
{
	struct history_file *h = *hp;

	if (!h)
		return;
	stop_thread(h);
	inflate_free(&h->inflate);
	pthread_cond_destroy(&h->turn);
	pthread_mutex_destroy(&h->lock);
	close_fd(&h->wake_fd);
	close_fd(&h->fd);
	free(h->blocks);
	free(h->carry);
	free(h);
	*hp = NULL;
}

struct position history_position(const struct history_file *h)
{
	return (struct position){ h->dev, h->ino,
				  head_fingerprint(&h->head, h->offset), h->offset };
}

int64_t history_mtime_ms(const struct history_file *h)
{
	return h->mtime_ms;
}

const struct follow_stats *history_stats(const struct history_file *h)
{
	return &h->stats;
}

/* A line of n bytes at p (as much of it as was kept), followed by `ends`. */
static inline int give(struct history_file *h, const char *p, size_t kept, uint64_t n,
		       unsigned ends, struct line *ret)
{
	ret->pos.dev = h->dev;
	ret->pos.ino = h->ino;
	ret->pos.fingerprint = head_fingerprint(&h->head, h->offset);
	ret->pos.offset = h->offset;
	h->offset += n + ends;
	h->stats.lines++;
	h->stats.bytes += n + ends;
	if (kept == n && n && p[n - 1] == '\r')
		kept = (size_t)--n;
	ret->cut = n > h->line_max;
	if (ret->cut) {
		h->stats.cut++;
		kept = h->line_max;
	}
	ret->text = (struct span){ p, kept };
	return 1;
}

static void carry_on(struct history_file *h, const char *p, size_t n)
{
	size_t room = h->line_max + 1 - h->ncarry;	/* + 1: a "\r" */
	size_t take = n < room ? n : room;

	memcpy(h->carry + h->ncarry, p, take);
	h->ncarry += take;
	h->ncrossed += n;
}

/* The carried line; its head is fed last, since its fingerprint ends before it. */
static int give_carry(struct history_file *h, const char *rest, size_t nrest,
		      unsigned ends, struct line *ret)
{
	int r;

	carry_on(h, rest, nrest);
	r = give(h, h->carry, h->ncarry, h->ncrossed, ends, ret);
	h->ncarry = 0;
	h->ncrossed = 0;
	return r;
}

static void skip_nuls(struct history_file *h)
{
	const struct block *b = h->now;

	while (h->at < b->n && b->bytes[h->at] == '\0') {
		head_feed(&h->head, b->bytes + h->at, 1);
		h->at++;
		h->offset++;
	}
}

/*
 * Where the newlines of the next part of the block are: where a line ends is
 * known then before it is asked for, and costs no wrong guess of a loop's end.
 */
static void find_ends(struct history_file *h)
{
	const struct block *b = h->now;
	size_t end = b->n - h->seen < CHUNK ? b->n : h->seen + CHUNK;
	unsigned n = 0;

	for (size_t at = h->seen; at < end; at += 64) {
		uint64_t ends = bytes_64(b->bytes + at, '\n');

		/* mostly one or none: written in any case, so that nothing is guessed */
		h->ends[n] = (uint32_t)(at + (unsigned)__builtin_ctzll(ends | UINT64_C(1) << 63));
		n += ends != 0;
		for (ends &= ends - 1; ends; ends &= ends - 1)
			h->ends[n++] = (uint32_t)(at + (unsigned)__builtin_ctzll(ends));
	}
	h->seen = end;
	h->nends = n;
	h->end = 0;
}

/* The end of the line at hand, NULL if the block has none. */
static inline const char *next_end(struct history_file *h)
{
	while (h->end == h->nends) {
		if (h->seen == h->now->n)
			return NULL;
		find_ends(h);
	}
	return h->now->bytes + h->ends[h->end++];
}

/* Most lines: within the block, their end known, and beyond the head of the file. */
static inline bool give_ordinary(struct history_file *h, struct line *ret)
{
	const char *p;
	size_t n;

	if (h->ncrossed || h->head.n < sizeof(h->head.bytes))
		return false;
	if (h->end == h->nends) {
		if (!h->now || h->seen == h->now->n)
			return false;
		find_ends(h);
		if (h->nends == 0)
			return false;
	}
	p = h->now->bytes + h->at;
	n = h->ends[h->end] - h->at;
	if (*p == '\0')
		return false;
	h->end++;
	h->at += n + 1;
	give(h, p, n, n, 1, ret);
	return true;
}

static _rare_ int next_of_any(struct history_file *h, struct line *ret)
{
	for (;;) {
		const char *p, *nl;
		size_t left;
		int r;

		if (h->ended)
			return h->error;
		if (!h->now || h->at == h->now->n) {
			if (next_block(h))
				continue;
			return h->ncrossed ? give_carry(h, "", 0, 0, ret) : h->error;
		}
		if (!h->ncrossed && h->now->bytes[h->at] == '\0') {
			skip_nuls(h);
			continue;
		}
		p = h->now->bytes + h->at;
		left = h->now->n - h->at;
		nl = next_end(h);
		if (nl && !h->ncrossed) {
			r = give(h, p, (size_t)(nl - p), (size_t)(nl - p), 1, ret);
		} else if (nl) {
			r = give_carry(h, p, (size_t)(nl - p), 1, ret);
		} else {
			carry_on(h, p, left);
			r = 0;
		}
		left = nl ? (size_t)(nl - p) + 1 : left;
		head_feed(&h->head, p, left);
		h->at += left;
		if (r)
			return r;
	}
}

int history_next(struct history_file *h, struct line *ret)
{
	return give_ordinary(h, ret) ? 1 : next_of_any(h, ret);
}

bool history_is(int fd, const struct position *pos)
{
	_cleanup_(inflate_free) struct inflate *i = NULL;
	char bytes[FOLLOW_HEAD];
	size_t want = pos->offset < sizeof(bytes) ? (size_t)pos->offset : sizeof(bytes);
	struct stat st;
	bool is;
	size_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_SET) < 0 ||
	    inflate_open(fd, -1, &i) < 0)
		return false;
	if (!inflate_compressed(i))
		is = follow_is(fd, pos);
	else
		is = want && inflate_read(i, bytes, want, &n) == 0 && n == want &&
		     hash_fixed(bytes, n) == pos->fingerprint;
	return lseek(fd, 0, SEEK_SET) == 0 && is;
}
