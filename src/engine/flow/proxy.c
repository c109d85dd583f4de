/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter before the queue (smtpd_proxy_filter): the smtpd that the client
 * logs in to has no queue id, and the one that takes what the filter hands on
 * knows nobody but the filter. The first one's "proxy-accept: ... queued as ID"
 * ties the two; until then what it told of its client waits here.
 */
#include <stdlib.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/flow/flow_private.h"

#define SESSIONS 1024		/* one a process; then the oldest goes */

struct session {
	uint64_t hash;		/* host, program and process; 0: free */
	int64_t ms;
	struct addr addr;
	char account[256], method[32], client[128];
};

struct proxy {
	struct slots index;	/* hash: number + 1 */
	uint32_t next;
	struct session v[SESSIONS];
};

void flow_proxy_free(struct flow *f)
{
	if (f->proxy)
		slots_free(&f->proxy->index);
	free(f->proxy);
	f->proxy = NULL;
}

static uint64_t hash_of(uint16_t host, const struct entry *e)
{
	char key[128] = { 0 };
	size_t n = e->program.n < 100 ? e->program.n : 100;

	memcpy(key, &host, sizeof(host));
	memcpy(key + 2, e->program.p, n);
	memcpy(key + 104, e->pid.p ? e->pid.p : "", e->pid.n < 20 ? e->pid.n : 20);
	return hash_keyed(key, sizeof(key));
}

static void keep(char *to, size_t size, struct span text)
{
	size_t n = text.n < size ? text.n : 0;

	if (n)
		memcpy(to, text.p, n);
	to[n] = '\0';
}

void flow_proxy_client(struct flow *f, uint16_t host, const struct entry *entry,
		       const struct postfix_event *e, const char *account, int64_t ms)
{
	uint64_t hash = hash_of(host, entry);
	struct session *s;
	uint32_t *at;
	bool made;

	if (!f->proxy)
		f->proxy = calloc(1, sizeof(*f->proxy));
	at = f->proxy ? slots_add(&f->proxy->index, hash, 0, &made) : NULL;
	if (!at)
		return;
	if (made) {
		uint32_t number = f->proxy->next++ % SESSIONS;

		*at = number + 1;
		if (f->proxy->v[number].hash)
			slots_del(&f->proxy->index, f->proxy->v[number].hash);
		s = &f->proxy->v[number];
	} else {
		s = &f->proxy->v[*at - 1];
	}
	s->hash = hash;
	s->ms = ms;
	s->addr = e->addr;
	keep(s->account, sizeof(s->account), span_of(account));
	keep(s->method, sizeof(s->method), e->method);
	keep(s->client, sizeof(s->client), e->client);
}

void flow_proxy_accept(struct flow *f, uint16_t host, const struct entry *entry, const struct postfix_event *e)
{
	uint32_t *at = f->proxy ? slots_find(&f->proxy->index, hash_of(host, entry)) : NULL;
	struct message *m = at ? flow_find_any(f, flow_hash(host, e->other), NULL) : NULL;
	struct session *s = at ? &f->proxy->v[*at - 1] : NULL;

	if (!m || !m->begun || m->pickup || m->account || m->begun_ms < s->ms ||
	    !(addr_is_special(&m->addr) || addr_is_private(&m->addr)) || s->ms == 0)
		return;
	m->addr = s->addr;
	if (f->o.details || f->o.accounts)
		m->account = message_put(f, m, span_of(s->account));
	if (f->o.details) {
		m->method = message_put(f, m, span_of(s->method));
		m->client = message_put(f, m, span_of(s->client));
	}
	s->ms = 0;	/* the next message has a line of its own */
}
