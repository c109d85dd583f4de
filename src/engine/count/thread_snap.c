/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads in a snapshot: first what its numbers mean (fields by name, jails
 * by name with their thread id, rules by a hash of verb and pattern), then
 * the threads, each list in its order, and each once for every jail that it
 * serves: another configuration may put jails together differently. What has
 * no counterpart in the configuration of now is read over. The bytes come back
 * from a file, so nothing in them is believed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/count/thread_private.h"

#define SNAP_VERSION 1
#define SNAP_MORE 1
#define SNAP_END 0

#define FLAG_BEGUN 1
#define FLAG_COUNTED 2
#define NAME_JOINED 1
#define NAME_ENDED 2

static uint64_t rule_hash(const struct rule *r)
{
	return hash_fixed(r->pattern, strlen(r->pattern)) + r->verb +
	       (r->each ? 16 : 0);
}

static const char *by_name(const struct config *c, const struct jail *j)
{
	return j->thread_by < c->nfields ? c->fields[j->thread_by].name : "";
}

static void put_head(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < c->nfields; i++) {
		buf_put_u8(out, SNAP_MORE);
		buf_put_span(out, span_of(c->fields[i].name));
		buf_put_u8(out, (uint8_t)c->fields[i].type);
	}
	buf_put_u8(out, SNAP_END);
	for (size_t i = 0; i < c->njails; i++) {
		const struct jail *j = &c->jails[i];

		if (!j->threaded)
			continue;
		buf_put_u8(out, SNAP_MORE);
		buf_put_u16(out, (uint16_t)i);
		buf_put_span(out, span_of(j->name));
		buf_put_span(out, span_of(by_name(c, j)));
		buf_put_u16(out, (uint16_t)j->nrules);
		for (size_t k = 0; k < j->nrules; k++)
			buf_put_u64(out, rule_hash(&j->rules[k]));
	}
	buf_put_u8(out, SNAP_END);
}

static void put_thread(const struct threads *t, const struct thread *th,
		       uint16_t jail, struct buf *out)
{
	const struct rule *rules = t->config->jails[jail].rules;

	buf_put_u8(out, SNAP_MORE);
	buf_put_u16(out, jail);
	buf_put_u8(out, (th->begun ? FLAG_BEGUN : 0) |
			(th->counted & t->jail[jail].bit ? FLAG_COUNTED : 0));
	buf_put_u64(out, (uint64_t)th->touched);
	buf_put_u64(out, th->remembered);
	told_save(th->told, out);
	buf_put_u8(out, th->nnames);
	for (const struct name *n = th->names; n; n = n->more) {
		buf_put_u8(out, (n->joined ? NAME_JOINED : 0) |
				(n->ended ? NAME_ENDED : 0));
		buf_put_span(out, (struct span){ n->key, n->n });
	}
	buf_put_u8(out, (uint8_t)thread_waits_of(th, jail));
	for (const struct waiting *w = th->waits; w; w = w->next) {
		if (w->jail != jail)
			continue;
		buf_put_u16(out, (uint16_t)(w->rule - rules));
		buf_put_u64(out, (uint64_t)w->when);
		told_save(w->told, out);
	}
}

static void put_list(const struct threads *t, const struct thread_list *l,
		     struct buf *out)
{
	for (const struct thread *th = l->first; th; th = th->next) {
		if (thread_is_expired(t, th, t->book[th->book].now))
			continue;
		for (size_t i = 0; i < t->config->njails; i++)
			if (t->config->jails[i].threaded && t->jail[i].book == th->book)
				put_thread(t, th, (uint16_t)i, out);
	}
}

void threads_save(const struct threads *t, struct buf *out)
{
	buf_put_u8(out, SNAP_VERSION);
	put_head(t->config, out);
	put_list(t, &t->pending, out);
	put_list(t, &t->begun, out);
	buf_put_u8(out, SNAP_END);
}

/* ---- and back */

#define NO_RULE 0xffff

/* A jail of the snapshot. */
struct old_jail {
	uint16_t number;
	uint16_t jail;		/* of now, or TOLD_GONE */
	uint16_t nrules;
	uint16_t *rule;		/* of now, or NO_RULE */
};

/* What the snapshot's numbers mean now. */
struct meaning {
	uint16_t field[UINT16_MAX];
	uint8_t type[UINT16_MAX];
	size_t nfields;
	struct old_jail *jails;
	size_t njails;
};

static void meaning_free(struct meaning **m)
{
	for (size_t i = 0; *m && i < (*m)->njails; i++)
		free((*m)->jails[i].rule);
	if (*m)
		free((*m)->jails);
	free(*m);
	*m = NULL;
}

static int get_fields(const struct config *c, struct reader *in, struct meaning *m)
{
	while (reader_u8(in) == SNAP_MORE) {
		struct span name = reader_span(in);
		uint8_t type = reader_u8(in);

		if (in->error || m->nfields == UINT16_MAX)
			return -EBADMSG;
		m->type[m->nfields] = type;
		m->field[m->nfields] = TOLD_GONE;
		for (size_t i = 0; i < c->nfields && i < TOLD_GONE; i++)
			if (c->fields[i].type == type &&
			    span_eq(span_of(c->fields[i].name), name))
				m->field[m->nfields] = (uint16_t)i;
		m->nfields++;
	}
	return in->error ? -EBADMSG : 0;
}

static uint16_t jail_like(const struct config *c, struct span name, struct span by)
{
	for (size_t i = 0; i < c->njails; i++) {
		const struct jail *j = &c->jails[i];

		if (j->threaded && span_eq(span_of(j->name), name) &&
		    span_eq(span_of(by_name(c, j)), by))
			return (uint16_t)i;
	}
	return TOLD_GONE;
}

static uint16_t rule_like(const struct jail *j, uint64_t hash)
{
	for (size_t i = 0; i < j->nrules; i++)
		if (rule_hash(&j->rules[i]) == hash)
			return (uint16_t)i;
	return NO_RULE;
}

static int get_jail(const struct config *c, struct reader *in, struct old_jail *ret)
{
	struct span name, by;

	ret->number = reader_u16(in);
	name = reader_span(in);
	by = reader_span(in);
	ret->nrules = reader_u16(in);
	if (in->error || ret->nrules > (in->n - in->at) / sizeof(uint64_t))
		return -EBADMSG;
	ret->jail = jail_like(c, name, by);
	ret->rule = calloc(ret->nrules ? ret->nrules : 1, sizeof(ret->rule[0]));
	if (!ret->rule)
		return -ENOMEM;
	for (uint16_t i = 0; i < ret->nrules; i++) {
		uint64_t hash = reader_u64(in);

		ret->rule[i] = ret->jail == TOLD_GONE ? NO_RULE :
			       rule_like(&c->jails[ret->jail], hash);
	}
	return 0;
}

static int get_jails(const struct config *c, struct reader *in, struct meaning *m)
{
	while (reader_u8(in) == SNAP_MORE) {
		struct old_jail j, *more;
		int ret = get_jail(c, in, &j);

		if (ret < 0)
			return ret;
		more = realloc(m->jails, (m->njails + 1) * sizeof(*more));
		if (!more) {
			free(j.rule);
			return -ENOMEM;
		}
		m->jails = more;
		m->jails[m->njails++] = j;
	}
	return in->error ? -EBADMSG : 0;
}

static const struct old_jail *old_jail(const struct meaning *m, uint16_t number)
{
	for (size_t i = 0; i < m->njails; i++)
		if (m->jails[i].number == number)
			return &m->jails[i];
	return NULL;
}

static uint64_t rules_now(const struct old_jail *j, uint64_t bits)
{
	uint64_t ret = 0;

	for (uint16_t i = 0; i < j->nrules && i < 64; i++)
		if (bits >> i & 1 && j->rule[i] != NO_RULE)
			ret |= 1ull << j->rule[i] % 64;
	return ret;
}

/* Names that another jail of the same book has brought are there already. */
static int get_names(struct threads *t, uint16_t jail, int64_t touched,
		     struct reader *in, struct thread **th)
{
	struct { struct span key; uint8_t flags; } name[THREAD_NAMES_MAX];
	unsigned n = reader_u8(in);
	int ret = 0;

	if (in->error || n == 0 || n > THREAD_NAMES_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < n; i++) {
		name[i].flags = reader_u8(in);
		name[i].key = reader_span(in);
		if (in->error || name[i].key.n > THREAD_KEY_MAX || name[i].key.n == 0)
			return -EBADMSG;
	}
	if (jail == TOLD_GONE)
		return 0;
	/* They were saved newest first. */
	for (unsigned i = n; i > 0 && ret == 0; i--) {
		struct span key = name[i - 1].key;
		struct name *known = thread_find(t, t->jail[jail].book, thread_key_saved(key));

		if (known) {
			*th = *th ? *th : known->thread;
			continue;
		}
		if (!*th)
			ret = thread_begin(t, t->jail[jail].book, thread_key_saved(key), touched, th);
		else
			ret = thread_add_name(t, *th, thread_key_saved(key), false);
		if (ret < 0)
			return ret;
		(*th)->names->joined = name[i - 1].flags & NAME_JOINED;
		(*th)->names->ended = name[i - 1].flags & NAME_ENDED;
	}
	return ret;
}

/* The counting rule that a saved number means; NULL: there is none any more. */
static const struct rule *counting_rule(const struct threads *t,
					const struct old_jail *j, uint16_t number)
{
	const struct rule *r;

	if (j->jail == TOLD_GONE || j->rule[number] == NO_RULE)
		return NULL;
	r = &t->config->jails[j->jail].rules[j->rule[number]];
	return r->verb == VERB_COUNT ? r : NULL;
}

static int get_waits(struct threads *t, const struct meaning *m,
		     const struct old_jail *j, struct reader *in, struct thread *th)
{
	unsigned n = reader_u8(in);
	const struct rule *rule;
	struct told *told;
	int ret = 0;

	if (in->error || n > THREAD_WAIT_MAX)
		return -EBADMSG;
	for (; n > 0 && ret == 0; n--) {
		uint16_t number = reader_u16(in);
		uint64_t when = reader_u64(in);

		if (in->error || number >= j->nrules || when > INT64_MAX / 2)
			return -EBADMSG;
		told = NULL;
		ret = told_restore(in, m->field, m->type, m->nfields, &told);
		if (ret < 0)
			return ret;
		rule = counting_rule(t, j, number);
		if (!th || !rule) {
			free(told);
			continue;
		}
		ret = thread_wait(t, th, j->jail, rule, (int64_t)when, told);
		if (ret == -ENOBUFS)
			ret = 0;
	}
	return ret;
}

static int get_thread(struct threads *t, const struct meaning *m, struct reader *in)
{
	const struct old_jail *j = old_jail(m, reader_u16(in));
	uint8_t flags = reader_u8(in);
	uint64_t touched = reader_u64(in), remembered = reader_u64(in);
	struct thread *th = NULL;
	struct told *told = NULL;
	int ret;

	if (in->error || !j || touched > INT64_MAX / 2)
		return -EBADMSG;
	ret = told_restore(in, m->field, m->type, m->nfields, &told);
	if (ret < 0)
		return ret;
	ret = get_names(t, j->jail, (int64_t)touched, in, &th);
	if (!th) {
		free(told);
		return ret < 0 ? ret : get_waits(t, m, j, in, NULL);
	}
	thread_set_told(t, th, told);
	if (flags & FLAG_BEGUN)
		thread_set_begun(t, th);
	if (flags & FLAG_COUNTED)
		th->counted |= t->jail[j->jail].bit;
	th->remembered |= rules_now(j, remembered);
	if (th->touched > t->book[th->book].now)
		t->book[th->book].now = th->touched;
	return ret < 0 ? ret : get_waits(t, m, j, in, th);
}

static int get_all(struct threads *t, struct reader *in, struct meaning *m)
{
	int ret;

	if (reader_u8(in) != SNAP_VERSION || in->error)
		return -EBADMSG;
	ret = get_fields(t->config, in, m);
	if (ret == 0)
		ret = get_jails(t->config, in, m);
	while (ret == 0 && reader_u8(in) == SNAP_MORE)
		ret = get_thread(t, m, in);
	if (ret == 0 && in->error)
		ret = -EBADMSG;
	return ret;
}

int threads_restore(struct threads *t, struct reader *in)
{
	struct meaning *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return -ENOMEM;
	ret = get_all(t, in, m);
	meaning_free(&m);
	if (ret < 0) {
		threads_clear(t);
		for (size_t i = 0; i < t->nbooks; i++)
			t->book[i].now = 0;
	}
	return ret;
}
