/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines become messages. Only lines that tell of one get here at all, and each
 * costs a look-up; texts are copied once, and in `top` only those that its
 * table needs.
 */
#include "base/addr.h"
#include "base/hash.h"
#include "config/account.h"
#include "engine/flow/flow_private.h"

struct taking {
	struct flow *f;
	const struct entry *entry;
	const struct postfix_event *e;
	flow_clock_fn *when;
	void *arg;
	uint16_t host, instance;
	uint64_t hash;
};

static int64_t time_of(const struct taking *t)
{
	return t->when(t->arg).ms;
}

static uint16_t name_of(struct flow *f, uint16_t *last, struct span name)
{
	const char *text = f->name[*last];

	if (!text || strlen(text) != name.n || memcmp(text, name.p, name.n) != 0)
		*last = flow_name(f, name);
	return *last;
}

/* ---- the beginning */

static struct message *begin(struct taking *t, bool begun)
{
	struct message *m = flow_make(t->f);

	if (!m)
		return NULL;
	m->begun_ms = time_of(t);
	m->hash = t->hash;
	m->host = t->host;
	m->instance = t->instance;
	m->begun = begun;
	m->settled = !begun;
	flow_enter(t->f, m);
	if (begun && m->begun_ms > t->f->newest_ms)
		t->f->newest_ms = m->begun_ms;
	if (begun && (!t->f->oldest_ms || m->begun_ms < t->f->oldest_ms))
		t->f->oldest_ms = m->begun_ms;
	t->f->begun += begun;
	if (t->f->o.details)
		m->id = message_put(t->f, m, t->e->id);
	return m;
}

static void put_account(struct flow *f, struct message *m, struct span user)
{
	char name[256];

	if (user.n && account_canonical(f->accounts, user, name, sizeof(name)) == 0)
		m->account = message_put(f, m, span_of(name));
}

static bool is_near(const struct addr *a)
{
	return a->family != ADDR_NONE && (addr_is_special(a) || addr_is_private(a));
}

static void take_begin(struct taking *t)
{
	const struct postfix_event *e = t->e;
	struct flow *f = t->f;
	struct message *m = begin(t, true), *before;

	if (!m)
		return;
	m->addr = e->addr;
	m->pickup = e->what == POSTFIX_PICKUP;
	if (m->pickup)
		for (size_t i = 0; i < e->uid.n && i < 9; i++)
			m->uid = m->uid * 10 + (uint32_t)((e->uid.p[i] - '0') & 15);
	if (f->o.details || f->o.accounts)
		put_account(f, m, e->user);
	if (f->o.details) {
		m->client = message_put(f, m, e->client);
		m->method = message_put(f, m, e->method);
	}
	if (m->pickup && (f->o.details || f->o.senders))
		m->sender = message_put(f, m, e->sender);
	if (!e->other.n)
		return;
	before = flow_find_any(f, flow_hash(t->host, e->other), m);
	if (before)
		flow_join(f, m, before);
}

/* ---- a filter before the queue */

static void take_proxy(struct taking *t)
{
	char name[256] = "";

	if (t->e->user.n && account_canonical(t->f->accounts, t->e->user, name, sizeof(name)) < 0)
		name[0] = '\0';
	flow_proxy_client(t->f, t->host, t->entry, t->e, name, time_of(t));
}

static void take_accept(struct taking *t)
{
	flow_proxy_accept(t->f, t->host, t->entry, t->e);
}

/* ---- what others say of it */

/* An id that is used again without a line that began it: a bounce, a forward. */
static struct message *find(struct taking *t, bool anew)
{
	struct message *m = flow_find(t->f, t->hash, t->instance);

	if (m && !(anew && m->removed_ms))
		return m;
	return t->f->o.details || m ? begin(t, false) : NULL;
}

static void take_message_id(struct taking *t)
{
	struct message *m = find(t, true);

	if (m && t->f->o.details && !m->msgid)
		m->msgid = message_put(t->f, m, t->e->msgid);
}

static void take_active(struct taking *t)
{
	struct message *m = find(t, true);

	if (!m)
		return;
	/* qmgr says this at each retry, too, and then only of those that are left. */
	if (m->rounds++ > 0)
		return;
	m->size = t->e->size;
	m->nrcpt = t->e->nrcpt > UINT32_MAX ? UINT32_MAX : (uint32_t)t->e->nrcpt;
	if (t->f->o.details || t->f->o.senders)
		m->sender = message_replace(t->f, m, m->sender, t->e->sender);
}

static void take_removed(struct taking *t)
{
	struct message *m = find(t, false);

	if (m)
		m->removed_ms = t->f->o.details ? time_of(t) : 1;
}

static void take_note(struct taking *t)
{
	struct message *m = t->f->o.details ? find(t, false) : NULL;
	struct step s = { .tries = 1, .note = true };

	if (!m)
		return;
	s.ms = time_of(t);
	s.relay = message_put(t->f, m, t->e->daemon);
	s.text = message_put(t->f, m, t->e->text);
	message_add_step(t->f, m, &s);
}

/* "127.0.0.1[127.0.0.1]:10024", "filter[private/amavis]", "local", "none" */
static struct addr relay_addr(struct span relay)
{
	const char *open = relay.n ? memchr(relay.p, '[', relay.n) : NULL, *close;
	struct addr a = { .family = ADDR_NONE };

	close = open ? memchr(open, ']', relay.n - (size_t)(open - relay.p)) : NULL;
	if (close)
		addr_parse_host((struct span){ open + 1, (size_t)(close - open - 1) }, &a);
	return a;
}

/*
 * Is ID the same message, a hop on? "queued as ID" is whatever the other side wrote. It is believed of one that
 * is near (a filter on this host or in a private network, a socket) if the
 * other id came in from near, or of a host whose own mail that is.
 */
static bool tie(struct taking *t, struct message *m)
{
	struct message *other = flow_find_any(t->f, flow_hash(t->host, t->e->other), m);
	struct addr relay = relay_addr(t->e->relay);

	if (!other || other->account || other->pickup || !other->begun || other->begun_ms < m->begun_ms)
		return false;
	if (relay.family != ADDR_NONE && !(is_near(&relay) && is_near(&other->addr)) &&
	    !addr_equal(&relay, &other->addr))
		return false;
	if (relay.family == ADDR_NONE && !is_near(&other->addr))
		return false;
	flow_join(t->f, other, m);
	return flow_root(t->f, other) == flow_root(t->f, m);
}

static void put_texts(struct taking *t, struct message *m, struct step *s)
{
	const struct postfix_event *e = t->e;

	s->relay = message_replace(t->f, m, s->relay, e->relay);
	s->dsn = message_replace(t->f, m, s->dsn, e->dsn);
	s->word = message_replace(t->f, m, s->word, e->status_word);
	s->text = message_replace(t->f, m, s->text, e->text);
}

/* One step for each recipient: a retry changes it. */
static void put_step(struct taking *t, struct message *m)
{
	const struct postfix_event *e = t->e;
	struct flow *f = t->f;
	struct step s = { .rcpt_hash = hash_keyed(e->rcpt.p, e->rcpt.n) };
	uint64_t key = flow_step_hash(m, s.rcpt_hash);
	uint32_t *found = m->deferred ? slots_find(&f->deferred, key) : NULL;
	uint32_t at = found ? *found : 0;
	bool made;

	if (at)
		s = message_step(m, at);
	s.tries++;
	s.status = (uint8_t)e->status;
	if (f->o.details) {
		s.ms = time_of(t);
		put_texts(t, m, &s);
	}
	if (!at) {
		s.rcpt = message_put(f, m, e->rcpt);
		if (f->o.details)
			s.orig_to = message_put(f, m, e->orig_to);
		at = message_add_step(f, m, &s);
	} else {
		s.next = message_step(m, at).next;
		message_set_step(m, at, &s);
	}
	if (found && e->status != STATUS_DEFERRED) {
		slots_del(&f->deferred, key);
		m->deferred--;
	} else if (!found && at && e->status == STATUS_DEFERRED) {
		found = slots_add(&f->deferred, key, at, &made);
		m->deferred += found && made;
	}
}

static void take_delivery(struct taking *t)
{
	struct message *m = find(t, false);

	if (!m)
		return;
	m->bounced += t->e->status == STATUS_BOUNCED;
	if (t->f->o.details || t->f->o.rcpts)
		put_step(t, m);
	if (t->e->status == STATUS_SENT && !(t->e->other.n && tie(t, m)))
		m->sent++;
}

void flow_take(struct flow *f, const struct entry *entry, flow_clock_fn *when, void *arg)
{
	static void (*const takers[])(struct taking *t) = {
		[POSTFIX_CLIENT] = take_begin, [POSTFIX_PICKUP] = take_begin,
		[POSTFIX_MESSAGE_ID] = take_message_id, [POSTFIX_ACTIVE] = take_active,
		[POSTFIX_DELIVERY] = take_delivery, [POSTFIX_REMOVED] = take_removed,
		[POSTFIX_NOTE] = take_note, [POSTFIX_PROXY] = take_proxy, [POSTFIX_ACCEPT] = take_accept,
	};
	struct postfix_event e;
	struct taking t = { .f = f, .entry = entry, .e = &e, .when = when, .arg = arg };

	if (!postfix_read(entry, &e))
		return;
	t.host = name_of(f, &f->last_host, entry->host);
	t.instance = name_of(f, &f->last_instance, e.instance);
	t.hash = flow_hash(t.host, e.id);
	takers[e.what](&t);
	if (f->n > f->o.messages_max || f->bytes > f->o.bytes_max || f->o.window_ms)
		flow_shrink(f);
}
