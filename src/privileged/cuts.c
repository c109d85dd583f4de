/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of those who were banned, a little later. A look at all
 * sockets of this host takes some hundred microseconds, however many bans it
 * is for: so those of a while share one, and no ban waits for it.
 */
#include "privileged/monitor.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"

#define WHILE_S 0.02
#define TOGETHER_MAX 4096	/* more are not kept waiting */

void cuts_now(struct monitor *m)
{
	struct cuts *c = &m->cuts;
	size_t cut = 0;
	int r;

	ev_timer_stop(m->loop, &c->timer);
	if (c->n == 0)
		return;
	r = sockets_cut(m->sockets, m->policy->config->scopes, c->v, c->n, &cut);
	if (r < 0)
		log_warning("sockets of banned addresses are not closed: %s", strerror(-r));
	else if (cut > 0)
		log_info("sockets closed=%zu bans=%zu", cut, c->n);
	free(c->v);
	c->v = NULL;
	c->n = c->cap = 0;
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	cuts_now(t->data);
}

void cuts_init(struct monitor *m)
{
	ev_timer_init(&m->cuts.timer, on_timer, WHILE_S, 0.);
	m->cuts.timer.data = m;
}

/* Who was let in again within the while keeps what they open from now on. */
static void drop(struct cuts *c, const struct firewall_ban *removed)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!addr_equal(&c->v[i].addr, &removed->addr) ||
		    (removed->scope != FIREWALL_ANY_SCOPE && removed->scope != c->v[i].scope))
			c->v[kept++] = c->v[i];
	c->n = kept;
}

void cuts_change(struct monitor *m, const struct firewall_ban *ban)
{
	struct cuts *c = &m->cuts;

	if (!m->sockets || ban->error)
		return;
	if (ban->remove) {
		drop(c, ban);
		return;
	}
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct firewall_ban *v = realloc(c->v, cap * sizeof(*v));

		if (!v)
			return;		/* silenced they are */
		c->v = v;
		c->cap = cap;
	}
	c->v[c->n++] = *ban;
	if (c->n == TOGETHER_MAX)
		cuts_now(m);
	else if (!ev_is_active(&c->timer)) {
		ev_timer_set(&c->timer, WHILE_S, 0.);
		ev_timer_start(m->loop, &c->timer);
	}
}
