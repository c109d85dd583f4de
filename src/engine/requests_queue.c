/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `bailiff queue`: what is queued, and holding, releasing or purging messages
 * that an admin chooses. The runner lists the queues and sends what postqueue
 * said unread; here it is read, a slice at a time so that bans do not wait,
 * and the ids that are meant go back as orders, with the times by which the
 * runner knows the messages again. A deed is an incident by hand.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "config/account.h"
#include "engine/pick.h"
#include "engine/requests.h"
#include "engine/serve.h"
#include "wire/order.h"

#define INSTANCES_MAX 17
#define PICKED_MAX (64 * ORDER_QUEUED_MAX)
#define SLICE (256 << 10)		/* bytes read between two looks at the rest of the world */
#define LINE_MAX_BYTES (16 << 20)	/* a message with a hundred thousand recipients */
#define SAMPLES 5
#define ANSWER_BYTES (24 << 20)		/* of lines whose messages are told one by one */

static const struct deed { const char *name; uint16_t order; const char *done; } deeds[] = {
	{ "hold", ORDER_QUEUE_HOLD, "held" }, { "release", ORDER_QUEUE_RELEASE, "released" },
	{ "purge", ORDER_QUEUE_PURGE, "deleted" },
};

struct listing {
	int fd;
	uint32_t name, home;
	char dir[ORDER_NAME_MAX];
};

/* One request that waits for listings, and then reads them. */
struct queue_request {
	struct queue_request *next;
	struct request *q;
	uint64_t order;
	const struct deed *deed;	/* NULL: only to be told */
	bool dry, purge_bare;
	struct pick *pick;
	char user[ORDER_NAME_MAX];	/* "": anybody's */
	char target[ORDER_NAME_MAX];	/* for people: "joe", "--sender x@y" */
	int64_t before_s;		/* later ones are not meant */
	size_t nlistings, at;
	bool unsealed;			/* one of them can still be changed: none is read */
	struct listing listing[INSTANCES_MAX];
	off_t offset;
	struct buf line;
	ev_timer slice;

	json_t *messages, *queues;
	size_t told_bytes, left_out, unpicked, bad, npicked;
	uint64_t n, bytes;
	struct queued *picked;
};

static void queue_free(struct queue_request *r)
{
	struct queue_request **p = &r->q->s->queue_requests;

	while (*p && *p != r)
		p = &(*p)->next;
	if (*p)
		*p = r->next;
	for (size_t i = 0; i < r->nlistings; i++)
		close_fd(&r->listing[i].fd);
	ev_timer_stop(r->q->s->loop, &r->slice);
	pick_free(&r->pick);
	buf_free(&r->line);
	json_decref(r->messages);
	json_decref(r->queues);
	free(r->picked);
	free(r);
}

/* ---- the deed ---- */

struct part {
	struct request *q;
	const struct deed *deed;
	char target[ORDER_NAME_MAX];
};

static void part_told(void *arg, const struct outcome *o)
{
	struct part *p = arg;
	struct request *q = p->q;

	request_step(q, p->deed->name, p->target, o);
	free(p);
	if (--q->waits == 0)
		request_end(q);
}

static void send_part(struct queue_request *r, const struct queued *v, size_t n)
{
	static struct order_hold o;	/* large; there is one thread here */
	struct request *q = r->q;
	struct part *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	memset(&o, 0, sizeof(o));
	o.account.head = (struct order_head){
		.id = store_next_id(q->s->store), .type = r->deed->order, .origin = ORIGIN_HAND,
		.jail = ORDER_NO_JAIL, .action = r->purge_bare ? PURGE_NO_COPY : 0,
	};
	o.account.at_ms = (int64_t)q->id;
	o.n = (uint32_t)n;
	memcpy(o.v, v, n * sizeof(*v));
	*p = (struct part){ .q = q, .deed = r->deed };
	memcpy(p->target, r->target, sizeof(p->target));
	q->waits++;
	store_order(q->s->store, o.account.head.id, q->id, r->deed->order, order_name(r->deed->order),
		    r->target, clock_wall().ms);
	serve_order_told(q->s, &o.account.head, client_sock(q->c), part_told, p);
}

static void carry_out(struct queue_request *r)
{
	struct request *q = r->q;
	char by[32], what[32];

	q->id = store_next_id(q->s->store);
	request_by(q, by);
	snprintf(what, sizeof(what), "queue %s", r->deed->name);
	store_hand(q->s->store, q->id, what, r->target, request_text(q, "reason"), by, clock_wall().ms);
	json_object_set_new(q->answer, "incident", json_integer((json_int_t)q->id));
	q->waits = 1;
	for (size_t at = 0; at < r->npicked; at += ORDER_QUEUED_MAX)
		send_part(r, r->picked + at, r->npicked - at < ORDER_QUEUED_MAX ? r->npicked - at : ORDER_QUEUED_MAX);
	queue_free(r);
	if (--q->waits == 0)
		request_end(q);
}

static void all_read(struct queue_request *r)
{
	struct request *q = r->q;

	json_object_set_new(q->answer, "n", json_integer((json_int_t)r->n));
	json_object_set_new(q->answer, "bytes", json_integer((json_int_t)r->bytes));
	json_object_set(q->answer, "queues", r->queues);
	json_object_set(q->answer, r->deed ? "samples" : "messages", r->messages);
	if (r->left_out && !r->deed)
		json_object_set_new(q->answer, "left_out", json_integer((json_int_t)r->left_out));
	if (r->unpicked)
		json_object_set_new(q->answer, "not_taken", json_integer((json_int_t)r->unpicked));
	if (r->bad)
		json_object_set_new(q->answer, "not_understood", json_integer((json_int_t)r->bad));
	if (r->pick && pick_given_up(r->pick))
		json_object_set_new(q->answer, "given_up", json_integer((json_int_t)pick_given_up(r->pick)));
	if (r->deed && !r->dry && r->npicked > 0) {
		carry_out(r);
		return;
	}
	queue_free(r);
	request_end(q);
}

/* ---- one message ---- */

static bool is_submitted_by(const struct queue_request *r, const struct listing *l, const json_t *m)
{
	uint32_t others[INSTANCES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->nlistings; i++)
		if (r->listing[i].home != l->home && r->listing[i].name && r->listing[i].name != l->name)
			others[n++] = r->listing[i].name;
	return submitted_by(r->q->s->core->submitted, span_of(r->user),
			    json_string_value(json_object_get(m, "queue_id")),
			    json_integer_value(json_object_get(m, "arrival_time")), others, n);
}

/* A release is about what is on hold, a hold about what is not. */
static bool is_meant(const struct queue_request *r, const struct listing *l, const json_t *m)
{
	const char *queue = json_string_value(json_object_get(m, "queue_name"));
	bool held = strcmp(queue, "hold") == 0;

	if (r->deed && r->deed->order != ORDER_QUEUE_PURGE && held != (r->deed->order == ORDER_QUEUE_RELEASE))
		return false;
	if (r->before_s && json_integer_value(json_object_get(m, "arrival_time")) > r->before_s)
		return false;
	return r->user[0] ? is_submitted_by(r, l, m) : !r->pick || pick_takes(r->pick, m);
}

static void tell(struct queue_request *r, const struct listing *l, json_t *m, size_t bytes)
{
	json_t *to = json_array(), *one;
	size_t i;

	if (r->deed ? json_array_size(r->messages) >= SAMPLES : r->told_bytes + bytes > ANSWER_BYTES) {
		r->left_out++;
		json_decref(to);
		return;
	}
	r->told_bytes += bytes;
	json_array_foreach(json_object_get(m, "recipients"), i, one)
		json_array_append(to, json_object_get(one, "address"));
	json_array_append_new(r->messages, json_pack("{s:O,s:O,s:O,s:O,s:O,s:o,s:s}",
		"queue", json_object_get(m, "queue_name"), "id", json_object_get(m, "queue_id"),
		"arrival", json_object_get(m, "arrival_time"), "size", json_object_get(m, "message_size"),
		"sender", json_object_get(m, "sender"), "recipients", to, "instance", l->dir));
}

static bool pick(struct queue_request *r, const struct listing *l, const json_t *m)
{
	uint32_t arrival = (uint32_t)json_integer_value(json_object_get(m, "arrival_time"));
	struct queued *q;

	if (r->npicked == PICKED_MAX)
		return false;
	if (r->npicked % 4096 == 0) {
		q = realloc(r->picked, (r->npicked + 4096) * sizeof(*q));
		if (!q)
			return false;
		r->picked = q;
	}
	q = &r->picked[r->npicked++];
	*q = (struct queued){ .from_s = arrival, .to_s = arrival, .home = l->home };
	snprintf(q->id, sizeof(q->id), "%s", json_string_value(json_object_get(m, "queue_id")));
	return true;
}

static void take_line(struct queue_request *r, const struct listing *l, struct span line)
{
	json_t *m = line.n ? pick_parse(line) : NULL;
	const char *queue;

	if (!m) {
		r->bad += line.n > 0;
		return;
	}
	if (is_meant(r, l, m)) {
		if (!json_is_integer(json_object_get(m, "message_size")))
			json_object_set_new(m, "message_size", json_integer(0));
		queue = json_string_value(json_object_get(m, "queue_name"));
		r->n++;
		r->bytes += (uint64_t)json_integer_value(json_object_get(m, "message_size"));
		json_object_set_new(r->queues, queue,
				    json_integer(json_integer_value(json_object_get(r->queues, queue)) + 1));
		tell(r, l, m, line.n);
		if (r->deed && !pick(r, l, m))
			r->unpicked++;
	}
	json_decref(m);
}

/* ---- reading ---- */

static void take_block(struct queue_request *r, const struct listing *l, const char *p, size_t n)
{
	const char *end;

	while (n > 0 && (end = memchr(p, '\n', n))) {
		size_t len = (size_t)(end - p);

		buf_put(&r->line, p, len);
		if (buf_error(&r->line))
			r->bad++;
		else
			take_line(r, l, buf_span(&r->line));
		buf_clear(&r->line);
		p += len + 1;
		n -= len + 1;
	}
	buf_put(&r->line, p, n);
}

static void on_slice(struct ev_loop *loop, ev_timer *t, int events)
{
	static char block[SLICE];
	struct queue_request *r = t->data;
	struct listing *l = &r->listing[r->at];
	ssize_t n;

	(void)events;
	if (r->at == r->nlistings) {
		all_read(r);
		return;
	}
	n = pread(l->fd, block, sizeof(block), r->offset);
	if (n > 0) {
		take_block(r, l, block, (size_t)n);
		r->offset += n;
	} else {
		take_block(r, l, "\n", 1);
		r->offset = 0;
		r->at++;
	}
	ev_timer_set(t, 0., 0.);
	ev_timer_start(loop, t);
}

static void listed(void *arg, const struct outcome *o)
{
	struct queue_request *r = arg;
	struct request *q = r->q;

	if (o->status != OUTCOME_DONE || r->unsealed) {
		const char *why = r->unsealed ? "a listing came unsealed" : o->text;

		queue_free(r);
		request_fail(q, 1, "the queue cannot be listed: %s", why);
		return;
	}
	if (o->text[0])		/* an instance that gave none */
		json_object_set_new(q->answer, "warning", json_string(o->text));
	json_object_set_new(q->answer, "time", json_integer(clock_wall().ms / 1000));
	on_slice(q->s->loop, &r->slice, 0);
}

void queue_listing(struct serve *s, const struct message_listing *m, int fd)
{
	struct queue_request *r = s->queue_requests;
	struct listing *l;

	while (r && r->order != m->order)
		r = r->next;
	if (r && !file_is_sealed(fd))
		r->unsealed = true;
	if (!r || r->unsealed || r->nlistings == INSTANCES_MAX) {
		close(fd);
		return;
	}
	l = &r->listing[r->nlistings++];
	*l = (struct listing){ .fd = fd, .name = m->name, .home = m->home };
	memcpy(l->dir, m->dir, sizeof(l->dir));
	l->dir[sizeof(l->dir) - 1] = 0;
}

/* ---- what was asked ---- */

static bool choose(struct queue_request *r, enum pick_kind kind, const char *option, const char *text)
{
	char why[200];
	int ret = pick_new(kind, text, &r->pick, why, sizeof(why));
	struct buf said = { .max = sizeof(r->target) - 1 };

	if (ret < 0) {
		request_fail(r->q, ret == -EINVAL ? 2 : 1, "%s", why);
		return false;
	}
	buf_printf(&said, "%s ", option);
	buf_put_escaped(&said, span_of(text));
	snprintf(r->target, sizeof(r->target), "%s", buf_error(&said) ? option : buf_cstr(&said));
	buf_free(&said);
	return true;
}

static bool select_messages(struct queue_request *r)
{
	static const struct { const char *key, *option; enum pick_kind kind; } by[] = {
		{ "sender", "--sender", PICK_SENDER }, { "domain", "--domain", PICK_DOMAIN },
		{ "match", "--match", PICK_MATCH },
	};
	struct request *q = r->q;
	const char *user = request_text(q, "user");

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		if (request_text(q, by[i].key))
			return choose(r, by[i].kind, by[i].option, request_text(q, by[i].key));
	if (json_is_true(json_object_get(q->args, "all"))) {
		strcpy(r->target, "--all");
		return true;
	}
	if (user && account_canonical(&q->s->config->accounts, span_of(user), r->user, sizeof(r->user)) == 0) {
		memcpy(r->target, r->user, sizeof(r->target));
		return true;
	}
	request_fail(q, 2, user ? "'%s' is no account's name" : "whose mail? a USER, --sender, --domain, --match or --all", user);
	return false;
}

static bool find_deed(struct queue_request *r)
{
	const char *name = request_text(r->q, "do");

	for (size_t i = 0; name && i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(name, deeds[i].name) == 0)
			r->deed = &deeds[i];
	if (name && !r->deed)
		request_fail(r->q, 2, "'%s' is not hold, release or purge", name);
	else if (r->deed && client_right(r->q->c) < RIGHT_ALL)
		request_fail(r->q, 1, "permission denied: 'queue %s' needs root, or an operator's right", name);
	else
		return true;
	return false;
}

void request_queue(struct request *q)
{
	struct order_account o = {
		.head = { .id = store_next_id(q->s->store), .type = ORDER_QUEUE_LIST, .origin = ORIGIN_HAND,
			  .jail = ORDER_NO_JAIL },
	};
	struct queue_request *r = calloc(1, sizeof(*r));

	if (!r) {
		request_fail(q, 1, "out of memory");
		return;
	}
	r->q = q;
	r->order = o.head.id;
	ev_init(&r->slice, on_slice);
	r->slice.data = r;
	if (!find_deed(r) || !select_messages(r)) {
		pick_free(&r->pick);
		free(r);
		return;
	}
	r->dry = json_is_true(json_object_get(q->args, "dry_run"));
	r->purge_bare = json_is_true(json_object_get(q->args, "no_copy"));
	r->before_s = json_integer_value(json_object_get(q->args, "before"));
	r->line.max = LINE_MAX_BYTES;
	r->messages = json_array();
	r->queues = json_object();
	r->next = q->s->queue_requests;
	q->s->queue_requests = r;
	serve_order_told(q->s, &o.head, client_sock(q->c), listed, r);
}
