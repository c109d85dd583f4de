/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What engines died of. A shared page tells what a dead engine was working on:
 * after two deaths at one entry that entry is passed over, after three in one
 * jail's hands that jail starts off, until a reload. Known for as long as
 * bailiffd runs; by then a snapshot lies behind the entry.
 */
#include "privileged/monitor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/load.h"

#define DEATHS_ENTRY 2
#define DEATHS_JAIL 3

static bool same_place(const struct position *a, const struct position *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->offset == b->offset &&
	       a->fingerprint == b->fingerprint;
}

/* By names: a reload may number logs and jails anew. jail "": an entry. */
static struct poison *poison_for(struct monitor *m, const char *log, const char *jail,
				 const struct position *pos)
{
	struct poison *p;

	for (size_t i = 0; i < m->npoison; i++) {
		p = &m->poison[i];
		if (strcmp(p->jail, jail) == 0 &&
		    (jail[0] || (strcmp(p->log, log) == 0 && same_place(&p->pos, pos))))
			return p;
	}
	if (m->npoison == POISON_MAX) {
		memmove(&m->poison[0], &m->poison[1], (POISON_MAX - 1) * sizeof(m->poison[0]));
		m->npoison--;
	}
	p = &m->poison[m->npoison++];
	*p = (struct poison){ .pos = *pos };
	snprintf(p->log, sizeof(p->log), "%s", log);
	snprintf(p->jail, sizeof(p->jail), "%s", jail);
	return p;
}

/*
 * Did what it was working on end it? A signal that faults raise, or our own
 * verdict on it. SIGKILL comes from an admin or for want of memory, and of
 * those deaths any entry may be the bystander.
 */
static bool by_fault(const struct link *l)
{
	switch (l->ended ? l->status & 0x7f : 0) {
	case SIGSEGV: case SIGBUS: case SIGABRT: case SIGFPE: case SIGILL: case SIGSYS: case SIGTRAP:
		return true;
	}
	return l->blamed;
}

/* The page is the engine's: every number in it is checked. */
void poison_death(struct link *l)
{
	const struct config *c = l->policy->config;
	uint16_t log = l->page->log, jail = l->page->jail;
	struct position pos = { l->page->pos.dev, l->page->pos.ino,
				l->page->pos.fingerprint, l->page->pos.offset };
	struct poison *p;

	if (!by_fault(l) || !l->page->busy || log >= c->nlogs)
		return;
	p = poison_for(l->m, c->logs[log].name, "", &pos);
	p->deaths++;
	log_err("engine died at log=%s offset=%llu deaths=%u%s%s", p->log, (unsigned long long)pos.offset,
		p->deaths, jail < c->njails ? " jail=" : "", jail < c->njails ? c->jails[jail].name : "");
	if (p->deaths == DEATHS_ENTRY)
		link_note(l->m, true, "an entry of log %s at offset %llu killed the engine twice and is passed over",
			  p->log, (unsigned long long)pos.offset);
	if (jail >= c->njails)
		return;
	p = poison_for(l->m, "", c->jails[jail].name, &pos);
	p->deaths++;
	if (p->deaths == DEATHS_JAIL)
		link_note(l->m, true, "the engine died three times in jail %s, which starts off now", p->jail);
}

/* As the engine numbers it. False: it has no such log or jail. */
static bool translate(const struct poison *p, const struct config *c, struct message_poison *ret)
{
	int log = p->jail[0] ? 0 : config_log(c, p->log);
	const struct jail *j = p->jail[0] ? config_jail(c, p->jail) : NULL;

	*ret = (struct message_poison){ .log = (uint16_t)log, .jail = ORDER_NO_JAIL, .pos = p->pos };
	if (j)
		ret->jail = (uint16_t)(j - c->jails);
	return log >= 0 && (j || !p->jail[0]);
}

void poison_send(struct link *l)
{
	struct { struct message_head head; struct message_poison v[POISON_MAX]; } msg = {
		.head = { .type = MSG_POISON },
	};

	for (size_t i = 0; i < l->m->npoison; i++) {
		const struct poison *p = &l->m->poison[i];

		if (p->deaths >= (p->jail[0] ? DEATHS_JAIL : DEATHS_ENTRY) &&
		    translate(p, l->policy->config, &msg.v[msg.head.count]))
			msg.head.count++;
	}
	if (msg.head.count)
		link_send(l, &msg, sizeof(msg.head) + msg.head.count * sizeof(msg.v[0]));
}

void poison_forget_jails(struct monitor *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->npoison; i++)
		if (!m->poison[i].jail[0])
			m->poison[kept++] = m->poison[i];
	m->npoison = kept;
}
