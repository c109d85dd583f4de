/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds an account's messages in Postfix's queue. Takes the ids and times that
 * the engine has from the log and what `postqueue -j` lists; an id alone is no
 * proof, since Postfix uses short ones again. Of a line only the first four
 * fields are read, which showq(8) writes in this order and which hold no
 * stranger's bytes, so no JSON is parsed here. The sender is copied as it
 * stands there, and only for people.
 */
#include "privileged/runner/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct { struct span name; enum queue_place place; } queues[] = {
	{ SPAN_LIT("incoming"), QUEUE_WAITS }, { SPAN_LIT("deferred"), QUEUE_WAITS },
	{ SPAN_LIT("maildrop"), QUEUE_WAITS }, { SPAN_LIT("active"), QUEUE_ACTIVE },
	{ SPAN_LIT("hold"), QUEUE_HOLD },
};

static bool skip(struct span *s, struct span what)
{
	if (s->n < what.n || memcmp(s->p, what.p, what.n) != 0)
		return false;
	s->p += what.n;
	s->n -= what.n;
	return true;
}

/* Letters and digits up to something else. */
static struct span word(struct span *s)
{
	struct span w = { s->p, 0 };

	while (w.n < s->n && ((s->p[w.n] >= '0' && s->p[w.n] <= '9') ||
			      ((s->p[w.n] | 32) >= 'a' && (s->p[w.n] | 32) <= 'z')))
		w.n++;
	s->p += w.n;
	s->n -= w.n;
	return w;
}

static bool number(struct span w, int64_t *ret)
{
	int64_t v = 0;

	if (w.n == 0 || w.n > 12)
		return false;
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
		v = v * 10 + (w.p[i] - '0');
	}
	*ret = v;
	return true;
}

int queue_parse(struct span line, struct queue_message *ret)
{
	struct span name, id, arrival;

	memset(ret, 0, sizeof(*ret));
	ret->size = -1;
	if (!skip(&line, SPAN_LIT("{\"queue_name\": \"")))
		return -EBADMSG;
	name = word(&line);
	if (!skip(&line, SPAN_LIT("\", \"queue_id\": \"")))
		return -EBADMSG;
	id = word(&line);
	if (!skip(&line, SPAN_LIT("\", \"arrival_time\": ")))
		return -EBADMSG;
	arrival = word(&line);
	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++)
		if (span_eq(name, queues[i].name))
			ret->place = queues[i].place;
	if (ret->place == QUEUE_GONE || id.n == 0 || id.n >= sizeof(ret->id) ||
	    !number(arrival, &ret->arrival_s) || line.n == 0 || line.p[0] != ',')
		return -EBADMSG;
	memcpy(ret->id, id.p, id.n);
	if (skip(&line, SPAN_LIT(", \"message_size\": ")))
		number(word(&line), &ret->size);
	return 0;
}

struct span queue_sender(struct span line)
{
	static const struct span key = SPAN_LIT(", \"sender\": \"");
	const char *at = memmem(line.p, line.n < 512 ? line.n : 512, key.p, key.n);
	struct span s = { 0 };

	if (!at)
		return s;
	s.p = at + key.n;
	for (size_t left = line.n - (size_t)(s.p - line.p); s.n < left && s.p[s.n] != '"'; s.n++)
		if (s.p[s.n] == '\\' && s.n + 1 < left)
			s.n++;
	return s;
}

/* ---- what is wanted */

static int by_id(const void *a, const void *b)
{
	const struct queue_item *x = a, *y = b;
	int r = strcmp(x->want.id, y->want.id);

	return r ? r : (x->want.from_s > y->want.from_s) - (x->want.from_s < y->want.from_s);
}

int queue_items_new(const struct queued *v, size_t n, struct queue_items *ret)
{
	*ret = (struct queue_items){ .n = n, .v = calloc(n + 1, sizeof(*ret->v)) };
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ret->v[i].want = v[i];
	qsort(ret->v, n, sizeof(*ret->v), by_id);
	return 0;
}

void queue_items_free(struct queue_items *q)
{
	free(q->v);
	*q = (struct queue_items){ 0 };
}

/*
 * The name in the log rules an instance out only if it is another's: a service
 * may log under a name of its own (master.cf, -o syslog_name=).
 */
static bool may_be_of(const struct queued *want, const struct queue_of *of)
{
	if (want->home)
		return want->home == of->home;
	for (size_t i = 0; want->name && i < of->nothers; i++)
		if (want->name == of->others[i])
			return false;
	return true;
}

/* An id can be wanted more than once, for two of its lives. */
static struct queue_item *find(struct queue_items *q, const struct queue_message *m, const struct queue_of *of)
{
	size_t lo = 0, hi = q->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(q->v[mid].want.id, m->id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < q->n && strcmp(q->v[lo].want.id, m->id) == 0; lo++)
		if (m->arrival_s >= q->v[lo].want.from_s && m->arrival_s <= q->v[lo].want.to_s &&
		    (!of || may_be_of(&q->v[lo].want, of)))
			return &q->v[lo];
	return NULL;
}

bool queue_has(struct queue_items *q, const char *id, int64_t arrival_s)
{
	struct queue_message m = { .arrival_s = arrival_s };

	memccpy(m.id, id, 0, sizeof(m.id) - 1);
	return find(q, &m, NULL) != NULL;
}

int queue_items_add(struct queue_items *q, const struct queue_items *more)
{
	struct queue_item *v = realloc(q->v, (q->n + more->n + 1) * sizeof(*v));
	size_t n = q->n;

	if (!v)
		return -ENOMEM;
	q->v = v;
	for (size_t i = 0; i < more->n; i++)
		if (!queue_has(q, more->v[i].want.id, more->v[i].want.from_s))
			q->v[n++] = (struct queue_item){ .want = more->v[i].want };
	q->n = n;
	qsort(q->v, q->n, sizeof(*q->v), by_id);
	return 0;
}

void queue_start(struct queue_items *q)
{
	for (size_t i = 0; i < q->n; i++)
		q->v[i].last = QUEUE_GONE;
}

void queue_look(struct queue_items *q, struct span listing, const struct queue_of *of, size_t *bad)
{
	const char *start = listing.p;
	struct span line;

	while (span_line(&listing, &line)) {
		struct queue_message m;
		struct queue_item *item;

		if (line.n == 0)
			continue;
		if (queue_parse(line, &m) < 0) {
			(*bad)++;
			continue;
		}
		item = find(q, &m, of);
		if (item) {
			item->last = m.place;
			item->arrival_s = m.arrival_s;
			item->size = m.size;
			item->instance = of->instance;
			item->line_at = (size_t)(line.p - start);
			item->line_n = line.n;
		}
	}
}

size_t queue_count(const struct queue_items *q, int first, int last)
{
	size_t n = 0;

	for (size_t i = 0; i < q->n; i++)
		n += (first < 0 || (int)q->v[i].first == first) && (last < 0 || (int)q->v[i].last == last);
	return n;
}

/* ---- kept on the disk */

void queue_manifest(const struct queue_item *item, uint32_t home, struct buf *out)
{
	buf_printf(out, "%s %lld", item->want.id, (long long)item->arrival_s);
	if (home)
		buf_printf(out, " %lu", (unsigned long)home);
	buf_putc(out, '\n');
}

int queue_items_read(struct span manifest, struct queue_items *ret)
{
	size_t max = 1;
	bool bad = false;

	for (size_t i = 0; i < manifest.n; i++)
		max += manifest.p[i] == '\n';
	*ret = (struct queue_items){ .v = calloc(max, sizeof(*ret->v)) };
	if (!ret->v)
		return -ENOMEM;
	while (manifest.n > 0 && !bad) {
		struct queue_item *item = &ret->v[ret->n];
		struct span id = word(&manifest), arrival;
		int64_t home = 0;

		bad = id.n == 0 || id.n >= sizeof(item->want.id) || !skip(&manifest, SPAN_LIT(" "));
		arrival = word(&manifest);
		bad = bad || !number(arrival, &item->arrival_s);
		if (!bad && skip(&manifest, SPAN_LIT(" ")))
			bad = !number(word(&manifest), &home);
		bad = bad || !skip(&manifest, SPAN_LIT("\n"));
		if (bad)
			break;
		memcpy(item->want.id, id.p, id.n);
		item->want.from_s = item->want.to_s = (uint32_t)item->arrival_s;
		item->want.home = (uint32_t)home;
		ret->n++;
	}
	if (bad) {
		queue_items_free(ret);
		return -EBADMSG;
	}
	qsort(ret->v, ret->n, sizeof(*ret->v), by_id);
	return 0;
}
