/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads: a mail's lines name their account once and count something else
 * later, and only a queue id ties them. This file is what the verbs mean;
 * thread_table.c keeps the threads, thread_book.c tells which jails share them.
 *
 * Two facts about Postfix shape it. qmgr says `from=... nrcpt=...` again at
 * every retry, so a count is once a thread. And a message that a content
 * filter hands back has a second id whose whole life, `removed` included, can
 * be logged before the line `queued as SECOND` that ties it to the first: its
 * counts wait as a thread of nobody's, and outlive its `forget`, until a join
 * claims them or their time is over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/count/thread_private.h"

#define BYTES_FLOOR (8u << 20)
#define BYTES_EACH 32
#define BUCKETS_FIRST 256

int threads_new(const struct config *c, struct threads **ret)
{
	struct threads *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->config = c;
	t->max = c->tracked_max / 4 ? c->tracked_max / 4 : 1;
	t->bytes_max = BYTES_FLOOR + (size_t)c->tracked_max * BYTES_EACH;
	t->nbuckets = BUCKETS_FIRST;
	t->bytes = sizeof(*t) + BUCKETS_FIRST * sizeof(t->bucket[0]);
	t->bucket = calloc(t->nbuckets, sizeof(t->bucket[0]));
	t->gate = calloc(1, sizeof(*t->gate));
	if (!t->bucket || !t->gate || thread_books(t) < 0) {
		threads_free(&t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void threads_free(struct threads **t)
{
	if (!*t)
		return;
	threads_clear(*t);
	free((*t)->gate);
	free((*t)->bucket);
	free((*t)->jail);
	free((*t)->book);
	free(*t);
	*t = NULL;
}

/* ---- one line */

/* A hit on its way through, and where what is ready goes. */
struct passage {
	struct threads *t;
	const struct hit *hit;
	struct thread_book *book;
	uint16_t jail, number;		/* number of the book */
	struct span host, program;
	struct key key;
	int64_t when;
	thread_fn *fn;
	void *arg;
};

static struct span captured(const struct hit *h, uint16_t field)
{
	const struct capture *c = hit_find(h, field);

	return c ? c->raw : (struct span){ NULL, 0 };
}

static bool is_ready(const struct thread_jail *j, const struct hit *h)
{
	/* What stands aside adds nothing up. */
	unsigned n = h->rule->aside ? h->jail->limit.nper : j->nneeds;

	for (unsigned i = 0; i < n && i < j->nneeds; i++)
		if (!hit_find(h, j->need[i]) && !hit_find(h, j->base[i]))
			return false;
	return true;
}

/* A copy without the unused captures, which are most of a struct hit. */
static void hit_copy(const struct hit *h, struct hit *ret)
{
	ret->jail = h->jail;
	ret->rule = h->rule;
	ret->line = h->line;
	ret->ncaptures = h->ncaptures;
	memcpy(ret->capture, h->capture, h->ncaptures * sizeof(h->capture[0]));
}

static bool has_counted(const struct threads *t, const struct thread *th, uint16_t jail)
{
	return th->counted & t->jail[jail].bit;
}

static void let_go(const struct passage *p, struct thread *th, uint16_t jail,
		   const struct hit *h, int64_t when)
{
	if (th && !h->rule->each)
		th->counted |= p->t->jail[jail].bit;
	/* It may come to a verdict that jails with threads of their own are told of. */
	if (th)
		th->busy = true;
	p->fn(p->arg, h, (struct event_time){ when });
	if (th)
		th->busy = false;
}

/* Hits that waited too long are of an earlier life of the id. */
static void drop_older(struct threads *t, struct thread *th, int64_t now)
{
	struct waiting **w = &th->waits;

	while (*w) {
		if ((*w)->when < now - t->jail[(*w)->jail].wait_ms)
			thread_drop_wait(t, th, w);
		else
			w = &(*w)->next;
	}
}

/* Let go whatever waited for what the thread knows now, for whichever jail. */
static void release(const struct passage *p, struct thread *th)
{
	struct waiting **w = &th->waits;
	struct hit h;

	drop_older(p->t, th, p->when);
	while (*w) {
		uint16_t jail = (*w)->jail;

		h.jail = &p->t->config->jails[jail];
		h.rule = (*w)->rule;
		h.line = p->hit->line;
		h.ncaptures = 0;
		told_fill((*w)->told, &h);
		told_fill(th->told, &h);
		if (!h.rule->each && has_counted(p->t, th, jail)) {
			thread_drop_wait(p->t, th, w);
		} else if (is_ready(&p->t->jail[jail], &h)) {
			let_go(p, th, jail, &h, (*w)->when);
			thread_drop_wait(p->t, th, w);
		} else {
			w = &(*w)->next;
		}
	}
}

static struct thread *thread_of(struct name *n)
{
	return n ? n->thread : NULL;
}

static uint64_t rule_bit(const struct hit *h)
{
	return 1ull << ((size_t)(h->rule - h->jail->rules) % 64);
}

/* What the thread was told and what it is told now; of what is told twice the first holds. */
static int tell(const struct passage *p, struct thread *th)
{
	const struct hit *hit = p->hit;
	struct told *told;
	struct hit all;
	int ret;

	if (th->told) {
		all.ncaptures = 0;
		told_fill(th->told, &all);
		for (unsigned i = 0; i < hit->ncaptures; i++)
			if (all.ncaptures < HIT_MAX_CAPTURES && !hit_find(&all, hit->capture[i].field))
				all.capture[all.ncaptures++] = hit->capture[i];
		hit = &all;
	}
	ret = told_pack(hit, p->hit->jail->thread_by, p->book->by2, &told);
	if (ret == 0)
		thread_set_told(p->t, th, told);
	return ret;
}

static int take_remember(const struct passage *p, struct name *n)
{
	struct thread *th = thread_of(n);
	int ret;

	if (th && (n->ended || n->joined || th->remembered & rule_bit(p->hit))) {
		thread_drop_name(p->t, n);
		th = NULL;
	}
	if (!th) {
		ret = thread_begin(p->t, p->number, p->key, p->when, &th);
		if (ret < 0)
			return ret;
	}
	ret = tell(p, th);
	if (ret < 0)
		return ret;
	thread_set_begun(p->t, th);
	th->remembered |= rule_bit(p->hit);
	release(p, th);
	threads_trim(p->t, th);
	return 0;
}

/* Is there one of this rule that waits, of which only one will count? */
static bool waits_already(const struct thread *th, const struct rule *rule)
{
	for (const struct waiting *w = th->waits; w && !rule->each; w = w->next)
		if (w->rule == rule)
			return true;
	return false;
}

static int let_wait(const struct passage *p, struct thread *th)
{
	struct told *told;
	int ret;

	if (waits_already(th, p->hit->rule))
		return 0;
	ret = told_pack(p->hit, p->hit->jail->thread_by, p->book->by2, &told);
	if (ret < 0)
		return ret;
	ret = thread_wait(p->t, th, p->jail, p->hit->rule, p->when, told);
	return ret == -ENOBUFS ? 0 : ret;
}

static int take_count(const struct passage *p, struct name *n)
{
	const struct rule *rule = p->hit->rule;
	struct thread *th = thread_of(n);
	struct hit h;
	bool ready;
	int ret;

	if (n && n->ended) {
		thread_drop_name(p->t, n);
		th = NULL;
	}
	if (th && has_counted(p->t, th, p->jail) && !rule->each)
		return 0;
	hit_copy(p->hit, &h);
	told_fill(th ? th->told : NULL, &h);
	ready = is_ready(&p->t->jail[p->jail], &h);
	if (!ready && rule->at_once)
		return 0;
	if (!th && !(ready && rule->each)) {
		ret = thread_begin(p->t, p->number, p->key, p->when, &th);
		if (ret < 0)
			return ret;
	}
	if (ready) {
		let_go(p, th, p->jail, &h, p->when);
		return 0;
	}
	ret = let_wait(p, th);
	thread_drop_if_idle(p->t, th);
	return ret;
}

/* Tells the thread first, which may begin anew by that, and counts in it then. */
static int take_telling_count(const struct passage *p, struct name *n)
{
	int ret = take_remember(p, n);

	return ret < 0 ? ret : take_count(p, thread_find(p->t, p->number, p->key));
}

static int take_forget(const struct passage *p, struct name *n)
{
	if (!n)
		return 0;
	if (!n->thread->begun && n->thread->waits)
		n->ended = true;
	else
		thread_drop_name(p->t, n);
	return 0;
}

static int take_gained(const struct passage *p, struct name *n)
{
	if (!n)
		return 0;
	thread_drop_waits(p->t, n->thread);
	thread_drop_if_idle(p->t, n->thread);
	return 0;
}

/* A second id that is known has become the first one's. */
static void take_over(const struct passage *p, struct thread *th,
		      struct thread *second)
{
	th->counted |= second->counted;
	if (second->touched > th->touched)
		th->touched = second->touched;
	thread_move(p->t, second, th);
	thread_drop(p->t, second);
	release(p, th);
}

/*
 * The second id waits and the first is unknown: it may be told later, or be
 * somebody's second id itself (two filters in a row).
 */
static int name_first(const struct passage *p, struct name *n2)
{
	struct thread *th = n2->thread;
	int ret = thread_add_name(p->t, th, p->key, false);

	if (ret < 0)
		return ret;
	n2->joined = true;
	if (n2->ended)
		thread_drop_name(p->t, n2);
	thread_touch(p->t, th, p->when);
	return 0;
}

static int take_join(const struct passage *p, struct name *n)
{
	struct thread *th = thread_of(n), *second;
	char buf[THREAD_KEY_MAX];
	struct name *n2;
	struct span id2;
	struct key key;

	id2 = captured(p->hit, p->book->by2);
	key = thread_key(p->host, p->program, id2, buf);
	if (key.text.n == 0 || span_eq(key.text, p->key.text))
		return 0;
	n2 = thread_find(p->t, p->number, key);
	second = thread_of(n2);
	if (second && thread_is_expired(p->t, second, p->when)) {
		thread_drop(p->t, second);
		second = NULL;
	}
	if (second == th || (second && second->begun))
		return 0;
	if (!second)
		return thread_add_name(p->t, th, key, true);
	if (!th)
		return name_first(p, n2);
	take_over(p, th, second);
	return 0;
}

typedef int take_fn(const struct passage *p, struct name *n);

static take_fn *const takes[] = {
	[VERB_REMEMBER] = take_remember,
	[VERB_COUNT] = take_count,
	[VERB_FORGET] = take_forget,
	[VERB_GAINED] = take_gained,
	[VERB_JOIN] = take_join,
};

/*
 * All jails of a book say the same of a line, unless it is to be counted. The
 * first of them that asks has it done.
 */
static bool is_done(struct thread_book *b, const struct hit *h)
{
	size_t rule = (size_t)(h->rule - h->jail->rules);

	if (h->rule->verb == VERB_COUNT)
		return false;
	if (h->line != 0 && b->line == h->line && b->rule == rule)
		return true;
	b->line = h->line;
	b->rule = rule;
	return false;
}

/* The key in a buffer of our own: what comes of a count may be taken, too. */
static struct key key_of(const struct passage *p, struct span id, char buf[THREAD_KEY_MAX])
{
	struct line_key *l = &p->t->last;
	struct key key;

	if (p->hit->line == 0 || l->line != p->hit->line || l->id.p != id.p || l->id.n != id.n) {
		l->line = p->hit->line;
		l->id = id;
		l->key = thread_key(p->host, p->program, id, l->text);
	}
	key = (struct key){ { buf, l->key.text.n }, l->key.hash };
	memcpy(buf, l->text, key.text.n);
	return key;
}

/* thread_find(), once for the jails of a book that count in the same line. */
static struct name *find(const struct passage *p, struct span id)
{
	struct asked *a = &p->book->asked;

	if (p->hit->line == 0)
		return thread_find(p->t, p->number, p->key);
	if (a->line != p->hit->line || a->changes != p->t->changes || a->id.p != id.p || a->id.n != id.n)
		*a = (struct asked){ p->hit->line, p->t->changes, id, thread_find(p->t, p->number, p->key) };
	return a->name;
}

int threads_take(struct threads *t, const struct hit *h, struct span host,
		 struct span program, struct event_time when,
		 thread_fn *fn, void *arg)
{
	char buf[THREAD_KEY_MAX];
	struct passage p = { .t = t, .hit = h, .host = host, .program = program,
			     .jail = (uint16_t)(h->jail - t->config->jails),
			     .when = when.ms, .fn = fn, .arg = arg };
	struct name *n;
	struct span id;

	if (h->rule->verb == VERB_MATCH) {
		fn(arg, h, when);
		return 0;
	}
	p.number = t->jail[p.jail].book;
	p.book = &t->book[p.number];
	if (is_done(p.book, h))
		return 0;
	if (when.ms > p.book->now)
		p.book->now = when.ms;
	id = captured(h, h->jail->thread_by);
	p.key = key_of(&p, id, buf);
	if (p.key.text.n == 0) {
		if (h->rule->verb == VERB_COUNT && is_ready(&t->jail[p.jail], h))
			fn(arg, h, when);
		return 0;
	}
	n = find(&p, id);
	if (n && thread_is_expired(t, n->thread, when.ms)) {
		thread_drop(t, n->thread);
		n = NULL;
	}
	if (n)
		thread_touch(t, n->thread, when.ms);
	return h->rule->tells ? take_telling_count(&p, n) : takes[h->rule->verb](&p, n);
}

size_t threads_used(const struct threads *t)
{
	return t->n;
}

size_t threads_waiting(const struct threads *t)
{
	return t->nwaits;
}

uint64_t threads_forgotten(const struct threads *t)
{
	return t->forgotten;
}

size_t threads_bytes(const struct threads *t)
{
	return t->bytes;
}
