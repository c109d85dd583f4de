/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's thread. It takes all that waits, commits it in batches,
 * answers, and sleeps. While the disk is full it keeps what it took and tries
 * again, ever less often; questions are answered meanwhile. Damage found while
 * running is handled as at a start: moved aside, begun anew, and what waited
 * goes into the new ledger.
 */
#include "engine/record/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/record/answer.h"

#define BATCH_BYTES (8u << 20)		/* of records in a transaction */

/*
 * Commits begin at least this far apart, so that a steady drip of records is
 * not an fsync each; the first after a pause goes at once.
 */
#define COMMIT_EVERY_MS 10
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000

/* In a transaction: enough for what is likely taken until the next one. */
static int top_up(struct store *s, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t taken, left, n, last;
	bool wanted;
	int r;

	pthread_mutex_lock(&s->lock);
	taken = s->ids.taken;
	left = ids_left(&s->ids);
	wanted = ids_has_room(&s->ids) && left < IDS_BLOCK / 2;
	pthread_mutex_unlock(&s->lock);
	if (!wanted)
		return 0;
	n = 4 * (taken - s->topped_up);
	n = n < IDS_BLOCK ? IDS_BLOCK : n;
	r = ledger_reserve_ids(s->ledger, n, &last);
	if (r < 0)
		return r;
	s->topped_up = taken;
	*ret_first = last - n + 1;
	*ret_last = last;
	return 0;
}

/* Records into the open transaction, up to a batch. *n: how many. */
static int apply_batch(struct store *s, struct backlog_cursor *at, size_t *n,
		       size_t *bad)
{
	struct record rec;
	size_t bytes, sum = 0;

	while (sum < BATCH_BYTES && backlog_next(&s->taken, at, &rec, &bytes)) {
		int r = ledger_apply(s->ledger, &rec);

		if (r == -EINVAL)
			(*bad)++;
		else if (r < 0)
			return r;
		sum += bytes;
		(*n)++;
	}
	return 0;
}

/* One transaction: a batch of records and new ids. 1: more records wait. */
static int commit_batch(struct store *s)
{
	struct backlog_cursor at = s->at;
	uint64_t first = 1, last = 0;
	size_t n = 0, bad = 0;
	int r = ledger_begin(s->ledger);

	if (r < 0)
		return r;
	r = apply_batch(s, &at, &n, &bad);
	if (r == 0)
		r = top_up(s, &first, &last);
	if (r == 0)
		r = ledger_commit(s->ledger);
	if (r < 0) {
		ledger_rollback(s->ledger);
		return r;
	}
	s->at = at;
	backlog_forget(&s->taken, &s->at);
	s->committed += n;
	s->waiting -= n;
	s->dropped += bad;
	pthread_mutex_lock(&s->lock);
	s->taken_bytes = s->taken.bytes;
	if (first <= last)
		ids_add(&s->ids, first, last);
	pthread_mutex_unlock(&s->lock);
	return s->taken.head ? 1 : 0;
}

/*
 * A ledger that can be written: opened once more if it was damaged, or if at
 * the start the disk had no room.
 */
static int ready(struct store *s)
{
	enum ledger_open_how how = s->damaged ? LEDGER_DAMAGED :
				   s->ledger ? LEDGER_TRUST : LEDGER_CHECK;
	bool moved = false;
	char why[200];
	int r;

	if (s->ledger && !s->damaged && ledger_trouble(s->ledger) == 0)
		return 0;
	ledger_close(&s->ledger, false);
	r = ledger_open(&s->ledger, how, &moved, why, sizeof(why));
	if (moved) {
		s->damaged = false;
		s->moved = true;
	}
	if (r < 0)
		return r;
	return ledger_trouble(s->ledger);
}

/* Commit all that was taken. */
static int commit(struct store *s)
{
	int64_t now;
	int r = ready(s);

	while (r == 0 && (r = commit_batch(s)) == 1)
		r = 0;
	if (r == -EBADMSG)
		s->damaged = true;
	now = clock_mono().ms;
	if (r == 0) {
		s->retry_ms = 0;
		s->not_before_ms = now + COMMIT_EVERY_MS;
	} else {
		s->retry_ms = s->retry_ms ? s->retry_ms * 2 : RETRY_FIRST_MS;
		if (s->retry_ms > RETRY_MAX_MS)
			s->retry_ms = RETRY_MAX_MS;
		s->not_before_ms = now + s->retry_ms;
	}
	s->trouble = r;
	return r;
}

static int answer_query(struct store *s, struct request *q)
{
	q->error = s->ledger ? answer_make(s->ledger, q->query, q->text, &q->json) :
		   s->trouble ? s->trouble : -EIO;
	if (q->error == -EBADMSG)
		s->damaged = true;
	return 1;
}

static int answer_sync(struct store *s, struct request *q)
{
	return s->committed >= q->after;
}

static int answer_snapshot(struct store *s, struct request *q)
{
	if (s->committed >= q->after)
		q->error = snapshot_write(AT_FDCWD, q->text, q->section, q->nsections);
	else
		q->error = s->trouble ? s->trouble : -EIO;
	return 1;
}

/* Each: 1 when it is answered, 0 when it has to wait on. */
static int (*const answer_request[])(struct store *s, struct request *q) = {
	[REQUEST_QUERY] = answer_query,
	[REQUEST_SYNC] = answer_sync,
	[REQUEST_SNAPSHOT] = answer_snapshot,
};

static void answer(struct store *s)
{
	struct requests still = { 0 }, done = { 0 };
	struct request *q, *next;
	uint64_t one = 1;

	for (q = s->pending.first; q; q = next) {
		next = q->next;
		requests_take(answer_request[q->kind](s, q) ? &done : &still, q);
	}
	s->pending = still;
	if (!done.first)
		return;
	pthread_mutex_lock(&s->lock);
	requests_move(&s->answered, &done);
	pthread_mutex_unlock(&s->lock);
	/* Fails only when the counter is full: then it is readable anyway. */
	if (write(s->fd, &one, sizeof(one)) < 0)
		return;
}

/* A step of it, as long as nothing else is to be done. */
static void prune(struct store *s)
{
	int64_t before;
	int r;

	pthread_mutex_lock(&s->lock);
	before = s->prune_before_ms;
	pthread_mutex_unlock(&s->lock);
	if (before == INT64_MIN || s->trouble)
		return;
	r = ledger_prune_step(s->ledger, before);
	if (r == -EBADMSG)
		s->damaged = true;
	if (r > 0)
		return;
	pthread_mutex_lock(&s->lock);
	if (s->prune_before_ms == before)
		s->prune_before_ms = INT64_MIN;
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. Is there something to write, or to be tried again? */
static bool has_work(const struct store *s)
{
	return s->queue.head || s->taken.head || s->trouble || s->damaged ||
	       (ids_has_room(&s->ids) && ids_left(&s->ids) < IDS_BLOCK / 2);
}

/* Under the lock: until there is something to do now. True: commit, too. */
static bool wait_for_work(struct store *s)
{
	while (!s->stop) {
		int64_t left = s->not_before_ms - clock_mono().ms;
		struct timespec until = {
			.tv_sec = s->not_before_ms / 1000,
			.tv_nsec = s->not_before_ms % 1000 * 1000000,
		};

		if (s->asked.first && !s->trouble)
			return true;
		if (has_work(s) && left <= 0)
			return true;
		if (s->asked.first || s->prune_before_ms != INT64_MIN)
			return false;
		if (has_work(s))
			pthread_cond_timedwait(&s->wake, &s->lock, &until);
		else
			pthread_cond_wait(&s->wake, &s->lock);
	}
	return true;
}

/* Under the lock: what is queued becomes the thread's. */
static void take(struct store *s)
{
	/* While the disk is full the queue goes on filling its last chunk. */
	if (!s->taken.head)
		backlog_take(&s->taken, &s->queue);
	s->taken_bytes = s->taken.bytes;
	requests_move(&s->pending, &s->asked);
}

void *writer_run(void *arg)
{
	struct store *s = arg;
	bool stop = false;

	while (!stop) {
		bool write_now;

		pthread_mutex_lock(&s->lock);
		write_now = wait_for_work(s);
		take(s);
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);
		if (write_now)
			commit(s);
		answer(s);
		if (!stop)
			prune(s);
	}
	return NULL;
}

void writer_flush(struct store *s)
{
	take(s);
	if (s->taken.head)
		commit(s);
}
