/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of messages: slabs of fixed size, found by a keyed hash of host
 * and queue id, in a list by age. Postfix uses short ids again, so an id leads
 * to the newest message that had it and from there to a few before it.
 */
#include "engine/flow/flow_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define SAME_ID_MAX 8		/* messages of one id that are found by it */
#define CHILDREN_MAX 1000
#define CHANCES 16		/* messages that are passed over, at most, for one that goes */
#define QUEUED_MS (6 * 86400000LL)	/* Postfix gives up after five days */

int flow_new(const struct accounts *a, const struct flow_options *o, struct flow **ret)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->o = *o;
	f->accounts = a;
	f->nnames = 1;
	*ret = f;
	return 0;
}

void flow_free(struct flow **fp)
{
	struct flow *f = *fp;

	if (!f)
		return;
	for (size_t c = 0; c < f->nchunks; c++) {
		for (size_t i = 0; i < FLOW_CHUNK; i++)
			free(f->chunk[c][i].block);
		free(f->chunk[c]);
	}
	for (size_t i = 1; i < f->nnames; i++)
		free(f->name[i]);
	free(f->chunk);
	slots_free(&f->ids);
	slots_free(&f->deferred);
	slots_free(&f->names);
	flow_proxy_free(f);
	free(f);
	*fp = NULL;
}

size_t flow_messages(const struct flow *f)
{
	return f->n;
}

uint64_t flow_forgotten(const struct flow *f)
{
	return f->forgotten;
}

size_t flow_bytes(const struct flow *f)
{
	return f->bytes + slots_bytes(&f->ids) + slots_bytes(&f->deferred);
}

/* A handful of hosts and instances; what strangers add beyond the bound is "". */
uint16_t flow_name(struct flow *f, struct span name)
{
	uint32_t *at;
	bool made;

	if (name.n == 0 || name.n > 255)
		return 0;
	at = f->nnames < FLOW_NAMES_MAX ? slots_add(&f->names, hash_keyed(name.p, name.n), 0, &made) :
	     slots_find(&f->names, hash_keyed(name.p, name.n));
	if (!at)
		return 0;
	if (*at == 0) {
		char *copy = strndup(name.p, name.n);

		if (!copy)
			return 0;
		f->name[f->nnames] = copy;
		*at = (uint32_t)f->nnames++;
	}
	return (uint16_t)*at;
}

uint64_t flow_hash(uint16_t host, struct span id)
{
	char key[34] = { 0 };

	memcpy(key, &host, 2);
	if (id.n)
		memcpy(key + 2, id.p, id.n < 32 ? id.n : 32);
	return hash_keyed(key, sizeof(key));
}

uint64_t flow_step_hash(const struct message *m, uint64_t rcpt_hash)
{
	return rcpt_hash ^ (m->serial + 1ULL) * 0x9e3779b97f4a7c15ULL;
}

/* ---- lists by age */

void flow_append(struct flow *f, struct flow_list *l, struct message *m)
{
	uint32_t link = m->self;

	m->prev = l->last;
	m->next = 0;
	if (l->last)
		flow_at(f, l->last)->next = link;
	else
		l->first = link;
	l->last = link;
}

void flow_unlink(struct flow *f, struct flow_list *l, struct message *m)
{
	if (m->prev)
		flow_at(f, m->prev)->next = m->next;
	else
		l->first = m->next;
	if (m->next)
		flow_at(f, m->next)->prev = m->prev;
	else
		l->last = m->prev;
	m->prev = m->next = 0;
}

/* ---- come */

static bool more_room(struct flow *f)
{
	struct message **chunks = realloc(f->chunk, (f->nchunks + 1) * sizeof(*chunks));
	struct message *c = chunks ? calloc(FLOW_CHUNK, sizeof(*c)) : NULL;

	if (chunks)
		f->chunk = chunks;
	if (!c)
		return false;
	f->chunk[f->nchunks++] = c;
	for (uint32_t i = FLOW_CHUNK; i > 0; i--) {
		c[i - 1].self = (uint32_t)((f->nchunks - 1) * FLOW_CHUNK) + i;
		c[i - 1].next = f->free;
		f->free = c[i - 1].self;
	}
	return true;
}

struct message *flow_make(struct flow *f)
{
	struct message *m;

	if (!f->free && !more_room(f))
		return NULL;
	m = flow_at(f, f->free);
	f->free = m->next;
	*m = (struct message){ .self = m->self, .serial = f->serial++, .live = true };
	f->n++;
	f->bytes += sizeof(*m);
	return m;
}

void flow_enter(struct flow *f, struct message *m)
{
	bool made;
	uint32_t *newest = slots_add(&f->ids, m->hash, 0, &made);
	unsigned n = 0;

	flow_append(f, &f->all, m);
	if (!newest)
		return;
	for (uint32_t at = *newest; at && n < SAME_ID_MAX; at = flow_at(f, at)->older)
		n++;
	m->older = n < SAME_ID_MAX ? *newest : 0;
	*newest = m->self;
}

/*
 * The smtpd that began it may log as another instance than cleanup and qmgr do
 * (`-o syslog_name=submission`): the first of those that knows the id takes it.
 */
struct message *flow_find(struct flow *f, uint64_t hash, uint16_t instance)
{
	uint32_t *newest = slots_find(&f->ids, hash);
	struct message *strange = NULL, *m;

	for (m = newest ? flow_at(f, *newest) : NULL; m; m = flow_at(f, m->older)) {
		if (m->instance == instance) {
			m->settled = true;
			return m;
		}
		if (!m->settled && !strange)
			strange = m;
	}
	if (strange) {
		strange->instance = instance;
		strange->settled = true;
	}
	return strange;
}

struct message *flow_find_any(struct flow *f, uint64_t hash, const struct message *but)
{
	uint32_t *newest = slots_find(&f->ids, hash);
	struct message *m = newest ? flow_at(f, *newest) : NULL;

	return m == but && m ? flow_at(f, m->older) : m;
}

struct message *flow_root(const struct flow *f, struct message *m)
{
	while (m->parent)
		m = flow_at(f, m->parent);
	return m;
}

/* Away from the bounds, with what is part of it. */
static void keep(struct flow *f, struct message *m)
{
	for (uint32_t c = m->child; c; c = flow_at(f, c)->sibling)
		keep(f, flow_at(f, c));
	if (m->kept)
		return;
	flow_unlink(f, &f->all, m);
	m->kept = true;
	flow_append(f, &f->kept, m);
}

static void hang(struct flow *f, struct message *m, struct message *root)
{
	m->parent = root->self;
	m->sibling = root->child;
	root->child = m->self;
	root->nchildren++;
	if (root->kept != m->kept)
		keep(f, root->kept ? m : root);
}

void flow_join(struct flow *f, struct message *m, struct message *parent)
{
	struct message *root = flow_root(f, parent);
	uint32_t child = m->child;

	if (m->parent || root == m || root->nchildren + m->nchildren >= CHILDREN_MAX)
		return;
	m->child = m->nchildren = 0;
	hang(f, m, root);
	while (child) {
		struct message *c = flow_at(f, child);

		child = c->sibling;
		hang(f, c, root);
	}
}

/* ---- go */

static void forget_id(struct flow *f, struct message *m)
{
	uint32_t *at = slots_find(&f->ids, m->hash), link = m->self;

	if (at && *at == link && !m->older) {
		slots_del(&f->ids, m->hash);
		return;
	}
	while (at && *at && *at != link)
		at = &flow_at(f, *at)->older;
	if (at && *at == link)
		*at = m->older;
}

static void forget_deferred(struct flow *f, const struct message *m)
{
	for (uint32_t at = m->first; at && m->deferred; ) {
		struct step s = message_step(m, at);

		if (!s.note && s.status == STATUS_DEFERRED)
			slots_del(&f->deferred, flow_step_hash(m, s.rcpt_hash));
		at = s.next;
	}
}

static void forget_one(struct flow *f, struct message *m)
{
	forget_id(f, m);
	forget_deferred(f, m);
	flow_unlink(f, m->kept ? &f->kept : &f->all, m);
	f->bytes -= m->room + sizeof(*m);
	free(m->block);
	m->block = NULL;
	m->live = false;
	m->next = f->free;
	f->free = m->self;
	f->n--;
}

void flow_drop(struct flow *f, struct message *m)
{
	uint32_t child = m->child;

	while (child) {
		struct message *c = flow_at(f, child);

		child = c->sibling;
		flow_drop(f, c);
	}
	forget_one(f, m);
}

/* What is still queued, or part of a message that stays, gets behind the others. */
static bool may_wait(const struct flow *f, const struct message *m)
{
	return m->parent || (f->o.patient && !m->removed_ms && m->begun_ms > f->newest_ms - QUEUED_MS);
}

static void oldest_goes(struct flow *f, bool for_want_of_room)
{
	struct message *m = flow_at(f, f->all.first);

	for (unsigned i = 0; for_want_of_room && i < CHANCES && may_wait(f, m); i++) {
		flow_unlink(f, &f->all, m);
		flow_append(f, &f->all, m);
		m = flow_at(f, f->all.first);
	}
	m = flow_root(f, m);
	if (f->o.gone && f->o.gone(f->o.arg, f, m)) {
		keep(f, m);
		return;
	}
	f->forgotten += for_want_of_room;
	flow_drop(f, m);
}

void flow_shrink(struct flow *f)
{
	while (f->all.first && (f->n > f->o.messages_max || f->bytes > f->o.bytes_max) &&
	       f->all.first != f->all.last)
		oldest_goes(f, true);
	while (f->o.window_ms && f->all.first && f->all.first != f->all.last &&
	       flow_at(f, f->all.first)->begun_ms < f->newest_ms - f->o.window_ms)
		oldest_goes(f, false);
}
