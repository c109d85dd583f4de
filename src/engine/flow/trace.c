/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a message, from its parts: the steps of all of them in the order
 * of time, each with the queue id under which it happened.
 */
#include "engine/flow/trace.h"

#include <stdlib.h>

#include "base/addr.h"
#include "config/account.h"
#include "engine/flow/flow_private.h"
#include "engine/jsontext.h"

#define STEPS_MAX 10000		/* of one answer */

enum { BY_ID, BY_MESSAGE_ID, BY_USER, BY_NOTHING };
static const char *const words[] = { "id", "message-id", "user" };

void trace_init(struct trace *t, const struct accounts *a, const char *text, size_t limit)
{
	size_t n = strlen(text), skip = n > 2 && text[0] == '<' && text[n - 1] == '>';
	char *end;

	*t = (struct trace){ .limit = limit };
	snprintf(t->text, sizeof(t->text), "%.*s", (int)(n - 2 * skip), text + skip);
	if (strncmp(t->text, "uid ", 4) == 0) {
		t->uid = (uint32_t)strtoul(t->text + 4, &end, 10);
		t->has_uid = end > t->text + 4 && !*end;
	}
	if (account_canonical(a, span_of(t->text), t->account, sizeof(t->account)) < 0)
		t->account[0] = '\0';
}

/* ---- does it fit? */

static int fits_one(const struct trace *t, const struct message *m)
{
	if (m->id && strcmp(message_text(m, m->id), t->text) == 0)
		return BY_ID;
	if (m->msgid && strcmp(message_text(m, m->msgid), t->text) == 0)
		return BY_MESSAGE_ID;
	if (m->account && t->account[0] && strcmp(message_text(m, m->account), t->account) == 0)
		return BY_USER;
	return t->has_uid && m->pickup && m->uid == t->uid ? BY_USER : BY_NOTHING;
}

static int fits(const struct trace *t, const struct flow *f, const struct message *root)
{
	int best = fits_one(t, root);

	for (uint32_t c = root->child; c; c = flow_at(f, c)->sibling) {
		int is = fits_one(t, flow_at(f, c));

		if (is < best)
			best = is;
	}
	return best;
}

bool trace_keeps(void *arg, struct flow *f, struct message *m)
{
	const struct trace *t = arg;
	int kind = fits(t, f, m);
	struct message *oldest = NULL;
	size_t n = 1;

	if (kind == BY_NOTHING)
		return false;
	for (uint32_t at = f->kept.first; at; at = flow_at(f, at)->next) {
		struct message *k = flow_at(f, at);

		if (k->parent || fits(t, f, k) != kind)
			continue;
		oldest = oldest ? oldest : k;
		n++;
	}
	if (oldest && n > t->limit)
		flow_drop(f, oldest);
	return true;
}

/* ---- telling */

static json_t *text_or_null(const char *text)
{
	return *text ? json_text(span_of(text)) : json_null();
}

struct placed { const struct message *m; struct step s; size_t at; };

struct telling {
	struct placed *v;
	size_t n, cap;
	size_t left;		/* more steps that the answer may have */
};

static void place_steps(struct telling *t, const struct message *m)
{
	for (uint32_t at = m->first; at; at = message_step(m, at).next) {
		if (t->n == t->cap) {
			size_t cap = t->cap ? 2 * t->cap : 32;
			struct placed *v = realloc(t->v, cap * sizeof(*v));

			if (!v)
				return;
			t->v = v;
			t->cap = cap;
		}
		t->v[t->n] = (struct placed){ m, message_step(m, at), t->n };
		t->n++;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->s.ms != y->s.ms)
		return x->s.ms < y->s.ms ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static json_t *delivery_json(const struct placed *p)
{
	const struct message *m = p->m;
	const struct step *s = &p->s;
	const char *rcpt = message_text(m, s->rcpt);

	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o}",
		"time", flow_seconds(s->ms), "id", text_or_null(message_text(m, m->id)),
		"rcpt", *rcpt ? json_text(span_of(rcpt)) : json_string("<>"),
		"orig_to", text_or_null(message_text(m, s->orig_to)), "relay", text_or_null(message_text(m, s->relay)),
		"dsn", text_or_null(message_text(m, s->dsn)), "status", text_or_null(message_text(m, s->word)),
		"tries", (json_int_t)s->tries, "text", text_or_null(message_text(m, s->text)));
}

static json_t *note_json(const struct placed *p)
{
	const struct message *m = p->m;

	return json_pack("{s:o,s:o,s:o,s:o}", "time", flow_seconds(p->s.ms),
		"id", text_or_null(message_text(m, m->id)), "by", text_or_null(message_text(m, p->s.relay)),
		"text", text_or_null(message_text(m, p->s.text)));
}

static void put_steps(struct telling *t, json_t *out, uint64_t lost)
{
	json_t *deliveries = json_array(), *notes = json_array();

	if (t->n > 1)
		qsort(t->v, t->n, sizeof(*t->v), by_time);
	for (size_t i = 0; i < t->n; i++) {
		if (t->left == 0) {
			lost += t->n - i;
			break;
		}
		t->left--;
		if (t->v[i].s.note)
			json_array_append_new(notes, note_json(&t->v[i]));
		else
			json_array_append_new(deliveries, delivery_json(&t->v[i]));
	}
	json_object_set_new(out, "deliveries", deliveries);
	json_object_set_new(out, "notes", notes);
	json_object_set_new(out, "left_out", json_integer((json_int_t)lost));
}

static json_t *part_json(const struct flow *f, const struct message *m)
{
	char text[ADDR_TEXT_MAX];
	json_t *o = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "id", text_or_null(message_text(m, m->id)),
		"host", text_or_null(f->name[m->host] ? f->name[m->host] : ""),
		"instance", text_or_null(f->name[m->instance] ? f->name[m->instance] : ""),
		"time", flow_seconds(m->begun_ms), "removed", flow_seconds(m->removed_ms),
		"client", text_or_null(message_text(m, m->client)));

	json_object_set_new(o, "addr", m->addr.family == ADDR_NONE ? json_null() :
			    json_string(addr_print(&m->addr, text)));
	json_object_set_new(o, "from", json_string(m->pickup ? "pickup" : m->begun ? "client" : "unknown"));
	return o;
}

static uint32_t next_part(const struct flow *f, const struct message *root, uint32_t after)
{
	/* Children hang in the order of coming last, first. */
	uint32_t found = 0;

	for (uint32_t c = root->child; c && c != after; c = flow_at(f, c)->sibling)
		found = c;
	return found;
}

static json_t *message_json(const struct flow *f, const struct message *m, struct telling *t)
{
	json_t *o = part_json(f, m), *parts = json_array();
	uint64_t lost = m->lost, sent = m->sent, bounced = m->bounced, deferred = m->deferred;

	t->n = 0;
	place_steps(t, m);
	for (uint32_t c = next_part(f, m, 0); c; c = next_part(f, m, c)) {
		const struct message *part = flow_at(f, c);

		json_array_append_new(parts, part_json(f, part));
		place_steps(t, part);
		lost += part->lost;
		sent += part->sent;
		bounced += part->bounced;
		deferred += part->deferred;
	}
	json_object_set_new(o, "user", text_or_null(message_text(m, m->account)));
	json_object_set_new(o, "method", text_or_null(message_text(m, m->method)));
	json_object_set_new(o, "uid", m->pickup ? json_integer(m->uid) : json_null());
	json_object_set_new(o, "message_id", text_or_null(message_text(m, m->msgid)));
	json_object_set_new(o, "sender", m->rounds && !m->sender ? json_string("<>") :
			    text_or_null(message_text(m, m->sender)));
	json_object_set_new(o, "size", m->rounds ? json_integer((json_int_t)m->size) : json_null());
	json_object_set_new(o, "nrcpt", m->rounds ? json_integer(m->nrcpt) : json_null());
	json_object_set_new(o, "rounds", json_integer(m->rounds));
	json_object_set_new(o, "sent", json_integer((json_int_t)sent));
	json_object_set_new(o, "bounced", json_integer((json_int_t)bounced));
	json_object_set_new(o, "deferred", json_integer((json_int_t)deferred));
	json_object_set_new(o, "parts", parts);
	put_steps(t, o, lost);
	return o;
}

/* ---- the answer */

typedef void each_fn(void *arg, const struct flow *f, const struct message *root);

static void each_root(const struct flow *f, each_fn *fn, void *arg)
{
	const struct flow_list *const lists[] = { &f->kept, &f->all };

	for (size_t i = 0; i < 2; i++)
		for (uint32_t at = lists[i]->first; at; at = flow_at(f, at)->next)
			if (!flow_at(f, at)->parent)
				fn(arg, f, flow_at(f, at));
}

struct search {
	const struct trace *t;
	size_t n[BY_NOTHING + 1];
	int kind;
	size_t skip;			/* older ones than the last `limit` */
	struct telling telling;
	json_t *messages;
};

static void count_fits(void *arg, const struct flow *f, const struct message *root)
{
	struct search *s = arg;

	s->n[fits(s->t, f, root)]++;
}

static void tell_fits(void *arg, const struct flow *f, const struct message *root)
{
	struct search *s = arg;

	if (fits(s->t, f, root) != s->kind)
		return;
	if (s->skip > 0)
		s->skip--;
	else
		json_array_append_new(s->messages, message_json(f, root, &s->telling));
}

json_t *trace_json(const struct trace *t, const struct flow *f)
{
	struct search s = { .t = t, .messages = json_array(), .telling.left = STEPS_MAX };
	size_t n;

	each_root(f, count_fits, &s);
	while (s.kind < BY_NOTHING && s.n[s.kind] == 0)
		s.kind++;
	n = s.kind < BY_NOTHING ? s.n[s.kind] : 0;
	s.skip = n > t->limit ? n - t->limit : 0;
	if (n)
		each_root(f, tell_fits, &s);
	free(s.telling.v);
	return json_pack("{s:s?,s:I,s:o}", "by", n ? words[s.kind] : NULL, "found", (json_int_t)n,
			 "messages", s.messages);
}
