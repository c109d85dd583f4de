/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger as the engine sees it: records go in and are never waited for,
 * history comes out at the start, questions are answered when there is time.
 * Once store_start() ran the ledger is the thread's (writer.c); what both
 * threads touch is under one lock, held only to hand a list over.
 */
#include "engine/record/store.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/record/load.h"
#include "engine/record/writer.h"

/*
 * Bytes of records that wait, then new ones are dropped: a burst of 100,000
 * attackers, each with a verdict, its evidence, an order, a ban and an outcome,
 * while the disk does not answer.
 */
#define WAITING_MAX (128u << 20)
#define REQUESTS_MAX 1024
#define HOLD_MOST 64		/* records that don't wake the thread */

static char open_why[200];

const char *store_open_why(void)
{
	return open_why;
}

/* ---- opening ---- */

static int init(struct store *s)
{
	pthread_condattr_t attr;

	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	s->prune_before_ms = INT64_MIN;
	s->held_from = UINT64_MAX;
	ids_init(&s->ids, clock_wall().ms);
	/* Both draw their seeds from /dev/urandom, which the sandbox closes. */
	json_object_seed(0);
	sqlite3_randomness(0, NULL);
	sqlite3_randomness(sizeof(attr), &attr);
	return 0;
}

static int reserve(struct store *s, uint64_t n)
{
	uint64_t last;
	int r = ledger_reserve_ids(s->ledger, n, &last);

	if (r == 0)
		ids_add(&s->ids, last - n + 1, last);
	return r;
}

static int open_ledger(struct store *s, enum ledger_open_how how, bool *moved)
{
	return ledger_open(&s->ledger, how, moved, open_why, sizeof(open_why));
}

int store_open(struct store **ret, bool *moved)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	*moved = false;
	open_why[0] = '\0';
	if (!s)
		return -ENOMEM;
	s->fd = -1;
	r = init(s);
	if (r == 0)
		r = open_ledger(s, LEDGER_CHECK, moved);
	if (r == -EBADMSG) {
		ledger_close(&s->ledger, false);
		r = open_ledger(s, LEDGER_DAMAGED, moved);
	}
	if (r == 0)
		r = ledger_trouble(s->ledger);
	if (r == 0)
		r = reserve(s, IDS_BLOCK);
	if (ledger_may_recover(r)) {
		s->trouble = r;
		r = 0;
	}
	if (r < 0) {
		store_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

static int loaded(struct store *s, int r)
{
	if (r == -EBADMSG)
		s->damaged = true;
	return r;
}

int store_start(struct store *s)
{
	sigset_t all, old;
	int r = s->ledger ? loaded(s, load_recall(s->ledger, &s->recall)) : 0;

	if (r < 0 && r != -EBADMSG)	/* damage is the thread's to mend */
		return r;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&s->thread, NULL, writer_run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->started = r == 0;
	return r;
}

/* ---- closing ---- */

static void finish(struct store *s)
{
	uint64_t reserved, used;

	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	} else {
		writer_flush(s);
	}
	if (s->ledger && !s->trouble && ids_unused(&s->ids, &reserved, &used))
		ledger_return_ids(s->ledger, reserved, used);
	ledger_close(&s->ledger, !s->trouble && !s->damaged);
}

void store_close(struct store **sp)
{
	struct store *s = *sp;

	if (!s)
		return;
	if (s->fd >= 0) {
		finish(s);
		pthread_mutex_destroy(&s->lock);
		pthread_cond_destroy(&s->wake);
		close(s->fd);
	}
	backlog_free(&s->queue);
	backlog_free(&s->taken);
	requests_free(&s->asked);
	requests_free(&s->pending);
	requests_free(&s->answered);
	recall_free(&s->recall);
	free(s->setting);
	free(s);
	*sp = NULL;
}

/* ---- recording ---- */

static struct value number(int64_t i)
{
	return (struct value){ .type = VALUE_INT, .i = i };
}

static struct value text(const char *p)
{
	return p ? (struct value){ .type = VALUE_TEXT, .s = span_of(p) } :
		   (struct value){ .type = VALUE_NULL };
}

static struct value blob(const void *p, size_t n)
{
	return (struct value){ .type = VALUE_BLOB, .s = { p, n } };
}

static void push(struct store *s, enum record_kind kind, const struct value *v,
		 unsigned n)
{
	pthread_mutex_lock(&s->lock);
	if (backlog_push(&s->queue, WAITING_MAX - s->taken_bytes, kind, v, n) == 0) {
		s->queued++;
		s->waiting++;
		if (s->held_from == UINT64_MAX || s->queued - s->held_from > HOLD_MOST)
			pthread_cond_signal(&s->wake);
	} else {
		s->dropped++;
	}
	pthread_mutex_unlock(&s->lock);
}

void store_hold(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->held_from = s->queued;
	pthread_mutex_unlock(&s->lock);
}

void store_release(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->queued != s->held_from)
		pthread_cond_signal(&s->wake);
	s->held_from = UINT64_MAX;
	pthread_mutex_unlock(&s->lock);
}

#define PUSH(s, kind, ...) do { \
	const struct value values_[] = { __VA_ARGS__ }; \
	push(s, kind, values_, sizeof(values_) / sizeof(values_[0])); \
} while (0)

uint64_t store_next_id(struct store *s)
{
	uint64_t id;

	pthread_mutex_lock(&s->lock);
	id = ids_take(&s->ids);
	pthread_mutex_unlock(&s->lock);
	return id;
}

bool store_knows(struct store *s, const char *jail, struct span key,
		 int64_t when_ms, const struct position *pos, uint64_t *ret_id)
{
	return s->recall &&
	       recall_find(s->recall, jail, key, when_ms, pos->offset, ret_id);
}

static bool crowded(struct store *s)
{
	bool more_than_half;

	pthread_mutex_lock(&s->lock);
	more_than_half = s->queue.bytes + s->taken_bytes > WAITING_MAX / 2;
	pthread_mutex_unlock(&s->lock);
	return more_than_half;
}

void store_verdict(struct store *s, const struct verdict_row *v)
{
	const char *evidence = crowded(s) ? NULL : v->evidence;

	PUSH(s, RECORD_VERDICT, number((int64_t)v->id), text(evidence),
	     text(v->jail), blob(v->key.p, v->key.n), text(v->subject),
	     number(v->when_ms), number(v->until_ms), number((int64_t)v->pos.dev),
	     number((int64_t)v->pos.ino), number((int64_t)v->pos.fingerprint),
	     number((int64_t)v->pos.offset), number((int64_t)v->amount),
	     number(v->mode), text(v->actions), number(clock_wall().ms), text(v->made));
}

void store_ban(struct store *s, const struct ban_row *b)
{
	PUSH(s, RECORD_BAN, number((int64_t)b->order), number((int64_t)b->incident),
	     blob(&b->addr, sizeof(b->addr)), text(b->scope), text(b->jail),
	     number(b->since_ms), number(b->until_ms), text(b->reason), text(b->by));
}

void store_unban(struct store *s, const struct addr *a, const char *scope,
		 int64_t at_ms, const char *by)
{
	PUSH(s, RECORD_UNBAN, blob(a, sizeof(*a)), text(scope), number(at_ms),
	     text(by));
}

void store_order(struct store *s, uint64_t id, uint64_t incident, int type,
		 const char *what, const char *target, int64_t at_ms)
{
	PUSH(s, RECORD_ORDER, number((int64_t)id), number((int64_t)incident),
	     number(type), text(what), text(target), number(at_ms));
}

void store_outcome(struct store *s, const struct outcome *o, int64_t at_ms)
{
	int64_t id = (int64_t)o->id;

	PUSH(s, RECORD_OUTCOME, number(id), number(o->status), number(o->code),
	     text(o->text), number(at_ms));
	if (o->type != ORDER_BAN)
		return;
	if (o->status == OUTCOME_REFUSED)
		PUSH(s, RECORD_BAN_REFUSED, number(id), number(at_ms));
	else if (o->status == OUTCOME_DONE && o->addr.family != ADDR_NONE)
		PUSH(s, RECORD_BAN_DONE, number(id), blob(&o->addr, sizeof(o->addr)));
}

void store_incident_closed(struct store *s, uint64_t id, int64_t at_ms,
			   const char *how, const char *by)
{
	PUSH(s, RECORD_CLOSED, number((int64_t)id), number(at_ms), text(how), text(by));
}

void store_hand(struct store *s, uint64_t id, const char *what,
		const char *target, const char *reason, const char *by,
		int64_t at_ms)
{
	PUSH(s, RECORD_HAND, number((int64_t)id), text(what), text(target),
	     text(reason), text(by), number(at_ms));
}

void store_setting(struct store *s, const char *key, const char *value)
{
	PUSH(s, RECORD_SETTING, text(key), text(value));
}

void store_prune(struct store *s, int64_t before_ms)
{
	pthread_mutex_lock(&s->lock);
	s->prune_before_ms = before_ms;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* ---- history ---- */

/* Without a ledger (a full disk) there is no history: no error of these calls. */
const char *store_get_setting(struct store *s, const char *key)
{
	free(s->setting);
	s->setting = NULL;
	if (s->ledger)
		loaded(s, load_setting(s->ledger, key, &s->setting));
	return s->setting;
}

int store_active_bans(struct store *s, int64_t now_ms, store_ban_fn *fn, void *arg)
{
	return s->ledger ? loaded(s, load_active_bans(s->ledger, now_ms, fn, arg)) : 0;
}

int store_verdicts_since(struct store *s, int64_t since_ms, store_verdict_fn *fn,
			 void *arg)
{
	return s->ledger ? loaded(s, load_verdicts(s->ledger, since_ms, fn, arg)) : 0;
}

int store_open_orders(struct store *s, store_order_fn *fn, void *arg)
{
	return s->ledger ? loaded(s, load_open_orders(s->ledger, fn, arg)) : 0;
}

/* ---- questions ---- */

static int submit(struct store *s, struct request *q)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (s->nrequests < REQUESTS_MAX) {
		q->after = s->queued;
		requests_take(&s->asked, q);
		s->nrequests++;
		pthread_cond_signal(&s->wake);
	} else {
		r = -EAGAIN;
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		request_free(&q);
	return r;
}

int store_query(struct store *s, enum store_query query, const char *arg_json,
		store_answer_fn *fn, void *arg)
{
	struct request *q;
	int r = request_new(REQUEST_QUERY, arg_json, fn, arg, &q);

	if (r < 0)
		return r;
	q->query = query;
	return submit(s, q);
}

int store_sync(struct store *s, store_answer_fn *fn, void *arg)
{
	struct request *q;
	int r = request_new(REQUEST_SYNC, NULL, fn, arg, &q);

	return r < 0 ? r : submit(s, q);
}

int store_snapshot(struct store *s, const char *name,
		   const struct snapshot_section *sections, size_t n,
		   store_answer_fn *fn, void *arg)
{
	struct request *q;
	int r;

	if (n > STORE_SECTIONS_MAX)
		return -EINVAL;
	r = request_new(REQUEST_SNAPSHOT, name, fn, arg, &q);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		q->section[i] = sections[i];
	q->nsections = n;
	return submit(s, q);
}

int store_fd(const struct store *s)
{
	return s->fd;
}

void store_dispatch(struct store *s)
{
	struct requests done = { 0 };
	struct request *q;
	uint64_t n;

	if (read(s->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return;
	pthread_mutex_lock(&s->lock);
	requests_move(&done, &s->answered);
	s->nrequests -= done.n;
	pthread_mutex_unlock(&s->lock);
	for (q = done.first; q; q = q->next)
		q->fn(q->arg, q->error, q->json);
	requests_free(&done);
}

int store_trouble(const struct store *s)
{
	return s->trouble;
}

bool store_moved(struct store *s)
{
	return atomic_exchange(&s->moved, false);
}

size_t store_waiting(const struct store *s)
{
	return s->waiting;
}

uint64_t store_dropped(const struct store *s)
{
	return s->dropped;
}
