/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table in a snapshot: messages in the order of their age, links as places
 * in that order, blocks as they lie. What the process alone knows (keyed
 * hashes, who has which id) is made anew.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/flow/flow_private.h"

#define VERSION 1u
#define MESSAGES_MAX (1u << 24)

enum { BEGUN = 1, PICKUP = 2, SETTLED = 4 };

static void put_message(const struct message *m, uint32_t parent, struct buf *out)
{
	const uint32_t numbers[] = {
		parent, m->first, m->last, m->id, m->account, m->method, m->sender, m->client, m->msgid,
		m->uid, m->nrcpt, m->rounds, m->sent, m->bounced, m->lost,
	};

	buf_put_u64(out, (uint64_t)m->begun_ms);
	buf_put_u64(out, (uint64_t)m->removed_ms);
	buf_put_u64(out, m->size);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		buf_put_u32(out, numbers[i]);
	buf_put_u16(out, m->host);
	buf_put_u16(out, m->instance);
	buf_put_u8(out, (uint8_t)((m->begun ? BEGUN : 0) | (m->pickup ? PICKUP : 0) | (m->settled ? SETTLED : 0)));
	buf_put(out, &m->addr, sizeof(m->addr));
	buf_put_span(out, (struct span){ m->block, m->used });
}

void flow_save(const struct flow *f, struct buf *out)
{
	uint32_t *place = calloc(f->nchunks * FLOW_CHUNK + 1, sizeof(*place)), n = 0;

	buf_put_u32(out, VERSION);
	buf_put_u64(out, (uint64_t)f->newest_ms);
	buf_put_u64(out, (uint64_t)f->oldest_ms);
	buf_put_u64(out, f->forgotten);
	buf_put_u32(out, (uint32_t)f->nnames - 1);
	for (size_t i = 1; i < f->nnames; i++)
		buf_put_span(out, span_of(f->name[i]));
	buf_put_u32(out, place ? (uint32_t)f->n : 0);
	/* A parent may stand behind its child: all places are known first. */
	for (uint32_t at = f->all.first; at && place; at = flow_at(f, at)->next)
		place[at] = ++n;
	for (uint32_t at = f->all.first; at && place; at = flow_at(f, at)->next)
		put_message(flow_at(f, at), place[flow_at(f, at)->parent], out);
	free(place);
}

/* ---- again */

static bool is_text(const struct message *m, uint32_t at)
{
	return at == 0 || (at < m->used && memchr(m->block + at, '\0', m->used - at));
}

/* Steps lie one behind the other, each within the block. */
static bool steps_hold(const struct message *m)
{
	uint32_t at = m->first, before = 0;

	while (at) {
		struct step s;

		if (at <= before || at >= m->used || m->used - at < sizeof(s))
			return false;
		s = message_step(m, at);
		if (!is_text(m, s.rcpt) || !is_text(m, s.orig_to) || !is_text(m, s.relay) ||
		    !is_text(m, s.dsn) || !is_text(m, s.word) || !is_text(m, s.text) ||
		    s.status > STATUS_DEFERRED)
			return false;
		before = at;
		at = s.next;
	}
	return before == m->last;
}

static bool holds(const struct flow *f, const struct message *m)
{
	return m->host < f->nnames && m->instance < f->nnames && is_text(m, m->id) &&
	       is_text(m, m->account) && is_text(m, m->method) && is_text(m, m->sender) &&
	       is_text(m, m->client) && is_text(m, m->msgid) && steps_hold(m);
}

/* Recipients that are deferred are found by a hash of this process. */
static void enter_deferred(struct flow *f, struct message *m)
{
	bool made;

	for (uint32_t at = m->first; at; ) {
		struct step s = message_step(m, at);
		const char *rcpt = message_text(m, s.rcpt);
		uint32_t *found;

		s.rcpt_hash = hash_keyed(rcpt, strlen(rcpt));
		message_set_step(m, at, &s);
		if (!s.note && s.status == STATUS_DEFERRED) {
			found = slots_add(&f->deferred, flow_step_hash(m, s.rcpt_hash), at, &made);
			m->deferred += found && made;
		}
		at = s.next;
	}
}

static int take_block(struct flow *f, struct message *m, struct span bytes)
{
	if (bytes.n > FLOW_BLOCK_MAX || (bytes.n && bytes.p[0] != '\0'))
		return -EBADMSG;
	if (bytes.n == 0)
		return 0;
	m->block = malloc(bytes.n);
	if (!m->block)
		return -ENOMEM;
	memcpy(m->block, bytes.p, bytes.n);
	m->used = m->room = (uint32_t)bytes.n;
	f->bytes += m->room;
	return 0;
}

static void take_numbers(struct message *m, struct reader *in, uint32_t *ret_parent)
{
	uint32_t *const numbers[] = {
		ret_parent, &m->first, &m->last, &m->id, &m->account, &m->method, &m->sender, &m->client,
		&m->msgid, &m->uid, &m->nrcpt, &m->rounds, &m->sent, &m->bounced, &m->lost,
	};

	m->begun_ms = (int64_t)reader_u64(in);
	m->removed_ms = (int64_t)reader_u64(in);
	m->size = reader_u64(in);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i] = reader_u32(in);
}

static int take_message(struct flow *f, struct reader *in, uint32_t *ret_parent, struct message **ret)
{
	struct message *m = flow_make(f);
	struct span bytes;
	uint8_t flags;
	int r;

	if (!m)
		return -ENOMEM;
	take_numbers(m, in, ret_parent);
	m->host = reader_u16(in);
	m->instance = reader_u16(in);
	flags = reader_u8(in);
	m->begun = flags & BEGUN;
	m->pickup = flags & PICKUP;
	m->settled = flags & SETTLED;
	bytes = reader_bytes(in, sizeof(m->addr));
	if (bytes.n == sizeof(m->addr))
		memcpy(&m->addr, bytes.p, sizeof(m->addr));
	r = take_block(f, m, reader_span(in));
	*ret = m;
	if (r < 0)
		return r;
	return in->error || !holds(f, m) ? -EBADMSG : 0;
}

static int take_names(struct flow *f, struct reader *in)
{
	uint32_t n = reader_u32(in);

	if (n >= FLOW_NAMES_MAX)
		return -EBADMSG;
	for (uint32_t i = 1; i <= n; i++)
		if (flow_name(f, reader_span(in)) != i)
			return -EBADMSG;
	return in->error ? -EBADMSG : 0;
}

static int take_messages(struct flow *f, struct reader *in, uint32_t n, uint32_t *parent, struct message **m)
{
	for (uint32_t i = 1; i <= n; i++) {
		int r = take_message(f, in, &parent[i], &m[i]);

		if (m[i]) {
			m[i]->hash = flow_hash(m[i]->host, span_of(message_text(m[i], r < 0 ? 0 : m[i]->id)));
			flow_enter(f, m[i]);
		}
		if (r < 0)
			return r;
		enter_deferred(f, m[i]);
	}
	for (uint32_t i = 1; i <= n; i++) {
		if (parent[i] > n)
			return -EBADMSG;
		if (parent[i])
			flow_join(f, m[i], m[parent[i]]);
	}
	return 0;
}

int flow_restore(struct flow *f, struct reader *in)
{
	uint32_t n, *parent;
	struct message **m;
	int r;

	if (reader_u32(in) != VERSION)
		return -EBADMSG;
	f->newest_ms = (int64_t)reader_u64(in);
	f->oldest_ms = (int64_t)reader_u64(in);
	f->forgotten = reader_u64(in);
	r = take_names(f, in);
	n = reader_u32(in);
	if (r < 0 || in->error || n > MESSAGES_MAX || n > (in->n - in->at) / 64)
		return -EBADMSG;
	parent = calloc(n + 1, sizeof(*parent));
	m = calloc(n + 1, sizeof(*m));
	r = parent && m ? take_messages(f, in, n, parent, m) : -ENOMEM;
	free(parent);
	free(m);
	if (r == 0)
		flow_shrink(f);
	return r;
}
