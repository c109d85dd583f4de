/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of `top`. Different addresses and countries are counted in one
 * set of hashes of (row, value), so a row costs the same whoever it is.
 */
#include "engine/flow/top.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/flow/flow_private.h"
#include "engine/jsontext.h"

#define ROWS_MAX (2u << 20)
#define PAIRS_MAX (16u << 20)

struct row {
	size_t name;			/* offset into names */
	uint64_t count[TOP_BOUNCES + 1];	/* by enum top_by */
};

struct noted { uint64_t rcpt; uint32_t row; bool bounced; };

struct top {
	enum top_what what;
	const struct top_places *places;
	struct slots index;		/* name: row */
	struct slots pairs;		/* row and address, or country */
	struct buf names;
	struct row *rows;
	size_t nrows, cap;
	uint64_t messages, uncounted;
	struct noted *scratch;		/* recipients of one message */
	size_t nscratch, scratch_cap;
};

static const char *const what_words[] = {
	[TOP_USERS] = "users", [TOP_SENDERS] = "senders", [TOP_CLIENTS] = "clients", [TOP_DOMAINS] = "domains",
};
static const char *const by_words[] = {
	[TOP_MSGS] = "msgs", [TOP_RCPTS] = "rcpts", [TOP_BYTES] = "bytes", [TOP_ADDRESSES] = "addresses",
	[TOP_COUNTRIES] = "countries", [TOP_BOUNCES] = "bounces",
};

bool top_what_named(const char *word, enum top_what *ret)
{
	for (unsigned i = 0; i <= TOP_DOMAINS; i++)
		if (strcmp(word, what_words[i]) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

bool top_by_named(const char *word, enum top_by *ret)
{
	for (unsigned i = 0; i <= TOP_BOUNCES; i++)
		if (strcmp(word, by_words[i]) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

void top_options(enum top_what what, struct flow_options *o)
{
	o->accounts = what == TOP_USERS;
	o->senders = what == TOP_SENDERS;
	o->rcpts = what == TOP_DOMAINS;
}

int top_new(enum top_what what, const struct top_places *places, struct top **ret)
{
	struct top *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->what = what;
	t->places = places;
	t->index.max = ROWS_MAX;
	t->pairs.max = PAIRS_MAX;
	*ret = t;
	return 0;
}

void top_free(struct top **tp)
{
	struct top *t = *tp;

	if (!t)
		return;
	slots_free(&t->index);
	slots_free(&t->pairs);
	buf_free(&t->names);
	free(t->rows);
	free(t->scratch);
	free(t);
	*tp = NULL;
}

/* ---- rows */

static bool more_rows(struct top *t)
{
	size_t cap = t->cap ? 2 * t->cap : 256;
	struct row *rows = realloc(t->rows, cap * sizeof(*rows));

	if (!rows)
		return false;
	t->rows = rows;
	t->cap = cap;
	return true;
}

/* The row of a name, 0: no room; else its number + 1. */
static uint32_t row_of(struct top *t, const char *name, size_t n)
{
	uint32_t *at;
	bool made;

	if (t->nrows == t->cap && !more_rows(t))
		return 0;
	at = slots_add(&t->index, hash_keyed(name, n), (uint32_t)t->nrows + 1, &made);
	if (!at)
		return 0;
	if (made) {
		t->rows[t->nrows++] = (struct row){ .name = t->names.n };
		buf_put(&t->names, name, n);
		buf_putc(&t->names, '\0');
	}
	return *at;
}

static void count_different(struct top *t, uint32_t row, enum top_by by, const void *p, size_t n)
{
	struct { uint32_t row, by; char value[24]; } key = { row, by, { 0 } };
	bool made;

	memcpy(key.value, p, n);
	if (slots_add(&t->pairs, hash_keyed(&key, sizeof(key)), 0, &made))
		t->rows[row - 1].count[by] += made;
	else
		t->uncounted++;
}

static void count_places(struct top *t, uint32_t row, const struct message *m)
{
	char country[3] = "";

	if (m->addr.family == ADDR_NONE)
		return;
	count_different(t, row, TOP_ADDRESSES, &m->addr, sizeof(m->addr));
	if (t->places && t->places->country(t->places->arg, &m->addr, country) && country[0])
		count_different(t, row, TOP_COUNTRIES, country, 2);
}

static void count_message(struct top *t, uint32_t row, const struct message *m)
{
	struct row *r;

	if (!row) {
		t->uncounted++;
		return;
	}
	r = &t->rows[row - 1];
	r->count[TOP_MSGS]++;
	r->count[TOP_BYTES] += m->size;
	count_places(t, row, m);
}

/* ---- by what a message has one of */

static size_t lower(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	for (; n < size - 1 && text[n]; n++)
		ret[n] = (char)tolower((unsigned char)text[n]);
	ret[n] = '\0';
	return n;
}

/* What it is counted under; "" if it has none. An account holds no blank. */
static void name_of(const struct top *t, const struct message *m, char *ret, size_t size)
{
	char text[ADDR_TEXT_MAX];

	ret[0] = '\0';
	if (t->what == TOP_USERS && m->account)
		snprintf(ret, size, "%s", message_text(m, m->account));
	else if (t->what == TOP_USERS && m->pickup)
		snprintf(ret, size, "uid %u", m->uid);
	else if (t->what == TOP_SENDERS && m->rounds > 0 && !m->sender)
		snprintf(ret, size, "<>");
	else if (t->what == TOP_SENDERS && m->rounds > 0)
		lower(message_text(m, m->sender), ret, size);
	else if (t->what == TOP_CLIENTS && m->pickup)
		snprintf(ret, size, "pickup");
	else if (t->what == TOP_CLIENTS && m->addr.family != ADDR_NONE)
		snprintf(ret, size, "%s", addr_print(&m->addr, text));
}

static uint64_t bounces_of(const struct flow *f, const struct message *m)
{
	uint64_t n = m->bounced;

	for (uint32_t c = m->child; c; c = flow_at(f, c)->sibling)
		n += flow_at(f, c)->bounced;
	return n;
}

static void add_one(struct top *t, const struct flow *f, const struct message *m)
{
	char name[FLOW_TEXT_MAX + 1];
	uint32_t row;

	name_of(t, m, name, sizeof(name));
	if (!name[0])
		return;
	row = row_of(t, name, strlen(name));
	count_message(t, row, m);
	if (!row)
		return;
	t->rows[row - 1].count[TOP_RCPTS] += m->nrcpt;
	t->rows[row - 1].count[TOP_BOUNCES] += bounces_of(f, m);
}

/* ---- by recipient domain */

static void note_rcpt(struct top *t, const struct message *m, const struct step *s)
{
	char domain[FLOW_TEXT_MAX + 1];
	const char *rcpt = message_text(m, s->rcpt), *at = strrchr(rcpt, '@');
	size_t n = lower(at ? at + 1 : "", domain, sizeof(domain));
	uint32_t row = n ? row_of(t, domain, n) : 0;

	if (t->nscratch == t->scratch_cap) {
		size_t cap = t->scratch_cap ? 2 * t->scratch_cap : 64;
		void *p = realloc(t->scratch, cap * sizeof(*t->scratch));

		if (!p)
			return;
		t->scratch = p;
		t->scratch_cap = cap;
	}
	if (row) {
		t->scratch[t->nscratch++] = (struct noted){ s->rcpt_hash, row, s->status == STATUS_BOUNCED };
	} else if (n) {
		t->uncounted++;
	}
}

static void note_rcpts(struct top *t, const struct message *m)
{
	for (uint32_t at = m->first; at; ) {
		struct step s = message_step(m, at);

		if (!s.note)
			note_rcpt(t, m, &s);
		at = s.next;
	}
	t->uncounted += m->lost;
}

static int compare_rcpts(const void *a, const void *b)
{
	const struct noted *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->rcpt < y->rcpt ? -1 : x->rcpt > y->rcpt;
}

static void add_domains(struct top *t, const struct flow *f, const struct message *m)
{
	t->nscratch = 0;
	note_rcpts(t, m);
	for (uint32_t c = m->child; c; c = flow_at(f, c)->sibling)
		note_rcpts(t, flow_at(f, c));
	if (t->nscratch > 1)
		qsort(t->scratch, t->nscratch, sizeof(*t->scratch), compare_rcpts);
	for (size_t i = 0; i < t->nscratch; i++) {
		uint32_t row = t->scratch[i].row;
		bool same_row = i && t->scratch[i - 1].row == row;

		if (!same_row)
			count_message(t, row, m);
		if (!same_row || t->scratch[i - 1].rcpt != t->scratch[i].rcpt)
			t->rows[row - 1].count[TOP_RCPTS]++;
		t->rows[row - 1].count[TOP_BOUNCES] += t->scratch[i].bounced;
	}
}

void top_add(struct top *t, const struct flow *f, const struct message *m)
{
	if (!m->begun || m->parent)
		return;
	t->messages++;
	if (t->what == TOP_DOMAINS)
		add_domains(t, f, m);
	else
		add_one(t, f, m);
}

void top_add_all(struct top *t, const struct flow *f, int64_t since_ms)
{
	for (uint32_t at = f->all.first; at; at = flow_at(f, at)->next)
		if (flow_at(f, at)->begun_ms >= since_ms)
			top_add(t, f, flow_at(f, at));
}

/* ---- the answer */

struct order { const struct top *t; enum top_by by; };

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	const struct order *how = arg;

	if (x->count[how->by] != y->count[how->by])
		return x->count[how->by] > y->count[how->by] ? -1 : 1;
	return strcmp(how->t->names.p + x->name, how->t->names.p + y->name);
}

static json_t *row_json(const struct top *t, const struct row *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_text(span_of(t->names.p + r->name)));
	for (unsigned i = 0; i <= TOP_BOUNCES; i++)
		json_object_set_new(o, by_words[i], i == TOP_COUNTRIES && !t->places ? json_null() :
				    json_integer((json_int_t)r->count[i]));
	return o;
}

json_t *top_json(struct top *t, enum top_by by, size_t limit)
{
	struct order how = { t, by };
	struct row **sorted = malloc((t->nrows + 1) * sizeof(*sorted));
	json_t *rows = json_array();

	if (!sorted || buf_error(&t->names)) {
		free(sorted);
		json_decref(rows);
		return NULL;
	}
	for (size_t i = 0; i < t->nrows; i++)
		sorted[i] = &t->rows[i];
	qsort_r(sorted, t->nrows, sizeof(*sorted), compare_rows, &how);
	for (size_t i = 0; i < t->nrows && i < limit && sorted[i]->count[by] > 0; i++)
		json_array_append_new(rows, row_json(t, sorted[i]));
	free(sorted);
	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:o}", "what", what_words[t->what], "by", by_words[by],
			 "messages", (json_int_t)t->messages, "keys", (json_int_t)t->nrows,
			 "uncounted", (json_int_t)t->uncounted, "rows", rows);
}
