/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where threads are kept: a keyed hash of their names, and two lists by last
 * line, one of threads that a `remember` began, one of those that nobody told
 * anything yet. Every mail that a stranger sends in makes one of the latter,
 * so these go first when it gets full: a stranger must not be able to push
 * out what is known about an account.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/count/thread_private.h"

#define MALLOC_COST 16
#define HOST_MAX 255
#define INSTANCE_MAX 64

/* ---- names */

struct key thread_key_saved(struct span text)
{
	return (struct key){ text, hash_keyed(text.p, text.n) };
}

struct key thread_key(struct span host, struct span program, struct span id,
		      char buf[THREAD_KEY_MAX])
{
	const char *slash = program.n ? memchr(program.p, '/', program.n) : NULL;
	size_t instance = slash ? (size_t)(slash - program.p) : program.n;
	size_t n = 0;

	if (host.n > HOST_MAX)
		host.n = HOST_MAX;
	if (instance > INSTANCE_MAX)
		instance = INSTANCE_MAX;
	if (id.n == 0 || id.n > THREAD_KEY_MAX - 2 - host.n - instance)
		return (struct key){ { buf, 0 }, 0 };
	buf[n++] = (char)host.n;
	if (host.n)
		memcpy(buf + n, host.p, host.n);
	n += host.n;
	buf[n++] = (char)instance;
	if (instance)
		memcpy(buf + n, program.p, instance);
	n += instance;
	memcpy(buf + n, id.p, id.n);
	return thread_key_saved((struct span){ buf, n + id.n });
}

static size_t gate_row(struct span id)
{
	return hash_quick(id.p, id.n) & (GATE_ROWS - 1);
}

/* The id of a name's key: behind host and instance, which a snapshot may have damaged. */
static struct span id_of(const struct name *n)
{
	size_t at = 0;

	for (int i = 0; i < 2 && at < n->n; i++)
		at += 1 + (size_t)(uint8_t)n->key[at];
	return at < n->n ? (struct span){ n->key + at, n->n - at } : (struct span){ "", 0 };
}

static void gate_note(struct threads *t, const struct name *n, int change)
{
	size_t row = gate_row(id_of(n));
	unsigned who = t->book[n->thread->book].gate;
	uint16_t *ids = &t->gate->ids[row][who];

	if (*ids != UINT16_MAX)
		*ids = (uint16_t)(*ids + change);
	if (*ids > 0)
		t->gate->known[row] |= (uint8_t)(1u << who);
	else
		t->gate->known[row] &= (uint8_t)~(1u << who);
}

uint64_t threads_known(const struct threads *t, struct span id)
{
	return t->gate->known[gate_row(id)];
}

uint64_t threads_who(const struct threads *t, size_t jail)
{
	return t->config->jails[jail].threaded ? UINT64_C(1) << t->book[t->jail[jail].book].gate : 0;
}

unsigned threads_set(const struct threads *t, size_t jail)
{
	return t->jail[jail].book;
}

static size_t name_bytes(const struct name *n)
{
	return sizeof(*n) + n->n + MALLOC_COST;
}

struct name *thread_find(struct threads *t, uint16_t book, struct key key)
{
	uint64_t hash = hash_within(key.hash, book);
	struct name *n = t->bucket[hash & (t->nbuckets - 1)];

	for (; n; n = n->next)
		if (n->hash == hash && n->thread->book == book &&
		    n->n == key.text.n && memcmp(n->key, key.text.p, key.text.n) == 0)
			return n;
	return NULL;
}

/* Twice the buckets; without memory the chains just get longer. */
static void grow(struct threads *t)
{
	size_t nbuckets = t->nbuckets * 2;
	struct name **bucket = calloc(nbuckets, sizeof(bucket[0]));

	if (!bucket)
		return;
	for (size_t i = 0; i < t->nbuckets; i++) {
		struct name *n = t->bucket[i], *next;

		for (; n; n = next) {
			next = n->next;
			n->next = bucket[n->hash & (nbuckets - 1)];
			bucket[n->hash & (nbuckets - 1)] = n;
		}
	}
	t->bytes += (nbuckets - t->nbuckets) * sizeof(bucket[0]);
	free(t->bucket);
	t->bucket = bucket;
	t->nbuckets = nbuckets;
}

/* The name out of its bucket and its thread's list. */
static void name_free(struct threads *t, struct name *n)
{
	struct name **p = &t->bucket[n->hash & (t->nbuckets - 1)];
	struct name **q = &n->thread->names;

	gate_note(t, n, -1);
	t->changes++;
	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	while (*q != n)
		q = &(*q)->more;
	*q = n->more;
	n->thread->nnames--;
	t->nnames--;
	t->bytes -= name_bytes(n);
	free(n);
}

/* The oldest joined name makes room; a thread's own name stays. */
static void drop_oldest_joined(struct threads *t, struct thread *th)
{
	struct name *oldest = NULL;

	for (struct name *n = th->names; n; n = n->more)
		if (n->joined)
			oldest = n;
	if (oldest)
		name_free(t, oldest);
	t->forgotten++;
}

int thread_add_name(struct threads *t, struct thread *th, struct key key,
		    bool joined)
{
	struct name *n;

	if (th->nnames == THREAD_NAMES_MAX)
		drop_oldest_joined(t, th);
	if (t->nnames >= t->nbuckets)
		grow(t);
	n = malloc(sizeof(*n) + key.text.n);
	if (!n)
		return -ENOMEM;
	n->n = (uint16_t)key.text.n;
	memcpy(n->key, key.text.p, key.text.n);
	n->hash = hash_within(key.hash, th->book);
	n->joined = joined;
	n->ended = false;
	n->thread = th;
	gate_note(t, n, 1);
	t->changes++;
	n->more = th->names;
	th->names = n;
	th->nnames++;
	n->next = t->bucket[n->hash & (t->nbuckets - 1)];
	t->bucket[n->hash & (t->nbuckets - 1)] = n;
	t->nnames++;
	t->bytes += name_bytes(n);
	return 0;
}

void thread_drop_name(struct threads *t, struct name *n)
{
	struct thread *th = n->thread;

	name_free(t, n);
	if (!th->names)
		thread_drop(t, th);
}

/* ---- lists */

static struct thread_list *list_of(struct threads *t, const struct thread *th)
{
	return th->begun ? &t->begun : &t->pending;
}

static void list_take(struct thread_list *l, struct thread *th)
{
	*(th->prev ? &th->prev->next : &l->first) = th->next;
	*(th->next ? &th->next->prev : &l->last) = th->prev;
}

static void list_append(struct thread_list *l, struct thread *th)
{
	th->prev = l->last;
	th->next = NULL;
	*(l->last ? &l->last->next : &l->first) = th;
	l->last = th;
}

void thread_touch(struct threads *t, struct thread *th, int64_t when)
{
	struct thread_list *l = list_of(t, th);

	if (l->last != th) {
		list_take(l, th);
		list_append(l, th);
	}
	if (when > th->touched)
		th->touched = when;
}

void thread_set_begun(struct threads *t, struct thread *th)
{
	list_take(list_of(t, th), th);
	th->begun = true;
	list_append(list_of(t, th), th);
}

/* ---- threads */

int thread_begin(struct threads *t, uint16_t book, struct key key,
		 int64_t when, struct thread **ret)
{
	struct thread *th = malloc(sizeof(*th));

	if (!th)
		return -ENOMEM;
	*th = (struct thread){ .book = book, .touched = when };
	list_append(&t->pending, th);
	t->n++;
	t->bytes += sizeof(*th) + MALLOC_COST;
	if (thread_add_name(t, th, key, false) < 0) {
		thread_drop(t, th);
		return -ENOMEM;
	}
	threads_trim(t, th);
	*ret = th;
	return 0;
}

void thread_set_told(struct threads *t, struct thread *th, struct told *told)
{
	t->bytes += told_bytes(told);
	t->bytes -= told_bytes(th->told);
	free(th->told);
	th->told = told;
}

void thread_drop_wait(struct threads *t, struct thread *th, struct waiting **w)
{
	struct waiting *gone = *w;

	*w = gone->next;
	th->nwaits--;
	t->nwaits--;
	t->bytes -= sizeof(*gone) + told_bytes(gone->told) + MALLOC_COST;
	free(gone->told);
	free(gone);
}

void thread_drop_waits(struct threads *t, struct thread *th)
{
	while (th->waits)
		thread_drop_wait(t, th, &th->waits);
}

void thread_drop(struct threads *t, struct thread *th)
{
	while (th->names)
		name_free(t, th->names);
	thread_drop_waits(t, th);
	thread_set_told(t, th, NULL);
	list_take(list_of(t, th), th);
	t->n--;
	t->bytes -= sizeof(*th) + MALLOC_COST;
	free(th);
}

unsigned thread_waits_of(const struct thread *th, uint16_t jail)
{
	unsigned n = 0;

	for (const struct waiting *w = th->waits; w; w = w->next)
		n += w->jail == jail;
	return n;
}

int thread_wait(struct threads *t, struct thread *th, uint16_t jail,
		const struct rule *rule, int64_t when, struct told *told)
{
	struct waiting **last = &th->waits, *w;

	if (thread_waits_of(th, jail) >= THREAD_WAIT_MAX || t->nwaits >= THREADS_WAIT_MAX) {
		free(told);
		t->forgotten++;
		return -ENOBUFS;
	}
	w = malloc(sizeof(*w));
	if (!w) {
		free(told);
		return -ENOMEM;
	}
	*w = (struct waiting){ .rule = rule, .when = when, .told = told, .jail = jail };
	while (*last)
		last = &(*last)->next;
	*last = w;
	th->nwaits++;
	t->nwaits++;
	t->bytes += sizeof(*w) + told_bytes(told) + MALLOC_COST;
	threads_trim(t, th);
	return 0;
}

static void move_wait(struct threads *t, struct thread *from, struct thread *to)
{
	struct waiting *w = from->waits, **at = &to->waits;

	if (thread_waits_of(to, w->jail) >= THREAD_WAIT_MAX) {
		thread_drop_wait(t, from, &from->waits);
		t->forgotten++;
		return;
	}
	from->waits = w->next;
	from->nwaits--;
	while (*at && (*at)->when <= w->when)
		at = &(*at)->next;
	w->next = *at;
	*at = w;
	to->nwaits++;
}

static void move_name(struct threads *t, struct thread *from, struct thread *to)
{
	struct name *n = from->names;

	if (n->ended || to->nnames == THREAD_NAMES_MAX) {
		t->forgotten += !n->ended;
		name_free(t, n);
		return;
	}
	from->names = n->more;
	from->nnames--;
	n->thread = to;
	n->joined = true;
	n->more = to->names;
	to->names = n;
	to->nnames++;
}

void thread_move(struct threads *t, struct thread *from, struct thread *to)
{
	while (from->waits)
		move_wait(t, from, to);
	while (from->names)
		move_name(t, from, to);
}

void thread_drop_if_idle(struct threads *t, struct thread *th)
{
	if (!th->begun && !th->counted && !th->waits)
		thread_drop(t, th);
}

bool thread_is_expired(const struct threads *t, const struct thread *th,
		       int64_t now)
{
	const struct thread_book *b = &t->book[th->book];
	bool lasts = th->begun || th->counted;

	return th->touched < now - (lasts ? b->keep_ms : b->wait_ms);
}

/* Idle longest of one list, but not `spare`, nor one that is at work. */
static struct thread *oldest(const struct thread_list *l, const struct thread *spare)
{
	struct thread *th = l->first;

	while (th && (th == spare || th->busy))
		th = th->next;
	return th;
}

/* What the bounds cost next: those that nobody told anything come first. */
static struct thread *surplus(const struct threads *t, const struct thread *spare)
{
	bool big = t->n > t->max || t->bytes > t->bytes_max;
	struct thread *th = NULL;

	if (big || t->nwaits >= THREADS_WAIT_MAX)
		th = oldest(&t->pending, spare);
	return !th && big ? oldest(&t->begun, spare) : th;
}

void threads_trim(struct threads *t, const struct thread *spare)
{
	struct thread *first[] = { oldest(&t->pending, spare),
				   oldest(&t->begun, spare) }, *th;

	for (unsigned i = 0; i < 2; i++)
		if (first[i] && thread_is_expired(t, first[i], t->book[first[i]->book].now))
			thread_drop(t, first[i]);
	while ((th = surplus(t, spare))) {
		if (!thread_is_expired(t, th, t->book[th->book].now))
			t->forgotten++;
		thread_drop(t, th);
	}
}

void threads_clear(struct threads *t)
{
	while (t->pending.first)
		thread_drop(t, t->pending.first);
	while (t->begun.first)
		thread_drop(t, t->begun.first);
}
