/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What engines ask for: each order is checked, then done here (the firewall,
 * what is set by hand), or handed to the runner. All bans of one frame go to
 * the kernel as one batch, and every order is answered with an outcome, but for
 * bans out of the ledger, at a start, that are in force again as they were: of
 * these there may be a million, and no news is good news.
 */
#include "privileged/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "privileged/check.h"
#include "wire/order.h"
#include "wire/runner.h"

#define OUTCOMES_A_FRAME 900
#define REFUSALS_SAID 20	/* a frame; a captured engine must not fill the log */
#define BANS_A_FRAME (CHANNEL_MAX_BYTES / sizeof(struct order_ban) + 1)

/* One frame on its way: its bans wait for the batch. */
struct frame {
	struct link *link;
	struct check check;
	uid_t uid;			/* the admin's */
	size_t nbans, nrefused;
	struct firewall_ban bans[BANS_A_FRAME];
	struct outcome ban_out[BANS_A_FRAME];
	bool from_ledger[BANS_A_FRAME];
	struct { struct message_head head; struct outcome v[OUTCOMES_A_FRAME]; } out;
};

static void flush_outcomes(struct frame *f)
{
	if (f->out.head.count == 0)
		return;
	f->out.head.type = MSG_OUTCOMES;
	link_send(f->link, &f->out, sizeof(f->out.head) + f->out.head.count * sizeof(f->out.v[0]));
	f->out.head.count = 0;
}

static void answer(struct frame *f, const struct outcome *o)
{
	f->out.v[f->out.head.count++] = *o;
	if (f->out.head.count == OUTCOMES_A_FRAME)
		flush_outcomes(f);
}

static struct outcome outcome_of(const struct order_head *h, uint16_t status, int code, const char *text)
{
	struct outcome o = { .id = h->id, .type = h->type, .status = status, .code = code };

	if (*text)
		snprintf(o.text, sizeof(o.text), "%s", text);
	return o;
}

static void answer_with(struct frame *f, const struct order_head *h, uint16_t status, int code, const char *text)
{
	struct outcome o = outcome_of(h, status, code, text);

	answer(f, &o);
}

static void refused(struct frame *f, const struct order_head *h, const char *why)
{
	if (f->nrefused++ < REFUSALS_SAID)
		log_info("refused order=%s id=%llu: %s", order_name(h->type), (unsigned long long)h->id, why);
	answer_with(f, h, OUTCOME_REFUSED, -EPERM, why);
}

/* ---- the firewall */

static void flush_bans(struct frame *f)
{
	struct monitor *m = f->link->m;
	struct firewall_ban gone[64];
	char text[ADDR_TEXT_MAX];
	size_t n;
	int r;

	if (f->nbans == 0)
		return;
	firewall_expire(m->firewall, f->check.now);	/* what is over cannot be unbanned */
	r = firewall_apply(m->firewall, f->bans, f->nbans, f->check.now);
	for (size_t i = 0; i < f->nbans; i++) {
		struct outcome *o = &f->ban_out[i];
		int error = r < 0 ? r : f->bans[i].error;

		o->addr = f->bans[i].addr;
		o->code = error;
		if (error < 0) {
			o->status = OUTCOME_FAILED;
			snprintf(o->text, sizeof(o->text), "%s", strerror(-error));
			log_err("%s addr=%s failed: %s", order_name(o->type),
				addr_print(&o->addr, text), strerror(-error));
		} else if (f->bans[i].remove && !f->bans[i].was_there) {
			o->code = -ENOENT;
		}
		if (!f->from_ledger[i] || error < 0 || o->text[0])
			answer(f, o);
		/* A ban that stood before had its sockets closed then. */
		if (!f->from_ledger[i] && error == 0)
			cuts_change(m, &f->bans[i]);
	}
	log_info("firewall changes=%zu", f->nbans);
	f->nbans = 0;
	while ((n = firewall_evicted(m->firewall, gone, 64)) > 0)
		for (size_t i = 0; i < n; i++)
			link_note(m, false, "set full: the ban of %s, which ends first, went",
				  addr_print(&gone[i].addr, text));
}

static struct firewall_ban *next_ban(struct frame *f, const struct order_head *h, const char *text)
{
	f->bans[f->nbans] = (struct firewall_ban){ 0 };
	f->ban_out[f->nbans] = outcome_of(h, OUTCOME_DONE, 0, text);
	f->from_ledger[f->nbans] = h->origin == ORIGIN_LEDGER;
	return &f->bans[f->nbans++];
}

static void do_ban(struct frame *f, const struct order_head *h)
{
	const struct order_ban *o = (const struct order_ban *)h;
	struct monitor *m = f->link->m;
	const char *said = "";
	char why[102], text[ADDR_TEXT_MAX];
	struct firewall_element e;
	struct firewall_ban *b;
	struct addr addr;
	int r = check_ban(&f->check, o, &addr, why);

	/* A jail has changed since: the ban stays as it is, where it is. */
	if (r == -ESTALE && firewall_get(m->firewall, &o->addr, o->scope, &e) == 0) {
		answer_with(f, h, OUTCOME_DONE, 0, "left in force as it was");
		return;
	}
	if (r < 0) {
		refused(f, h, why);
		return;
	}
	if (o->until_ms <= f->check.now.ms) {
		answer_with(f, h, OUTCOME_DONE, 0, "its end is past");
		return;
	}
	if (!addr_equal(&addr, &o->addr))
		said = "narrowed to the host: the prefix holds a protected address";
	if (h->origin == ORIGIN_HAND) {
		struct hand_item item = { .kind = HAND_BAN, .addr = addr, .until_ms = o->until_ms };

		snprintf(item.name, sizeof(item.name), "%s", f->check.config->scopes[o->scope].name);
		r = hand_put(m->hand, &item, f->check.now);
		if (r < 0) {
			said = "not kept over a restart: cannot write the file";
			log_err("ban by hand of %s is not kept over a restart: %s",
				addr_print(&addr, text), strerror(-r));
		}
	}
	b = next_ban(f, h, said);
	b->addr = addr;
	b->scope = o->scope;
	b->until = (struct wall){ o->until_ms };
}

static void do_unban(struct frame *f, const struct order_head *h)
{
	const struct order_ban *o = (const struct order_ban *)h;
	const struct config *c = f->check.config;
	struct firewall_ban *b;
	char why[102];
	bool found;

	if (check_hand(&f->check, h, why) < 0) {
		refused(f, h, why);
		return;
	}
	if (o->scope != ORDER_ANY_SCOPE && o->scope >= c->nscopes) {
		refused(f, h, "no such scope");
		return;
	}
	hand_remove(f->link->m->hand, HAND_BAN, &o->addr,
		    o->scope == ORDER_ANY_SCOPE ? NULL : c->scopes[o->scope].name, &found);
	b = next_ban(f, h, "");
	b->addr = o->addr;
	b->scope = o->scope == ORDER_ANY_SCOPE ? FIREWALL_ANY_SCOPE : o->scope;
	b->remove = true;
}

static void on_allow_ends(struct ev_loop *loop, ev_periodic *p, int events)
{
	struct monitor *m = p->data;

	(void)loop;
	(void)events;
	if (!m->stopping)
		orders_allow(m);
}

static void await_end(struct monitor *m, int64_t until_ms)
{
	if (!m->loop)
		return;		/* at the start; an engine that speaks asks again */
	ev_periodic_stop(m->loop, &m->allow_ends);
	if (until_ms == INT64_MAX)
		return;
	ev_periodic_init(&m->allow_ends, on_allow_ends, (double)until_ms / 1000, 0., NULL);
	m->allow_ends.data = m;
	ev_periodic_start(m->loop, &m->allow_ends);
}

void orders_allow(struct monitor *m)
{
	const struct config *c = m->policy->config;
	const struct hand_item *item;
	struct wall now = clock_wall();
	size_t n = c->nallow, at = 0;
	int64_t soonest = INT64_MAX;
	struct addr *kernel, *v;
	int r;

	for (size_t i = 0; i < m->nnames; i++)
		n += m->names[i].n;
	v = calloc(n + 1, sizeof(*v));
	kernel = calloc(n + HAND_MAX, sizeof(*kernel));
	if (!v || !kernel) {
		free(v);
		free(kernel);
		log_err("allow list: out of memory, the last one stays");
		return;
	}
	n = 0;
	for (size_t i = 0; i < c->nallow; i++)
		if (c->allow[i].addr.family != ADDR_NONE)
			v[n++] = c->allow[i].addr;
	for (size_t i = 0; i < m->nnames; i++)
		for (size_t k = 0; k < m->names[i].n; k++)
			v[n++] = m->names[i].addr[k];
	free(m->allowed);
	m->allowed = v;
	m->nallowed = n;
	memcpy(kernel, v, n * sizeof(*v));
	while ((item = hand_next(m->hand, HAND_ALLOW, now, &at))) {
		kernel[n++] = item->addr;
		soonest = item->until_ms < soonest ? item->until_ms : soonest;
	}
	await_end(m, soonest);
	r = firewall_allow(m->firewall, kernel, n);
	if (r < 0)
		log_err("allow sets: %s", strerror(-r));
	free(kernel);
}

static void do_allow(struct frame *f, const struct order_head *h)
{
	const struct order_ban *o = (const struct order_ban *)h;
	struct hand_item item = { .kind = HAND_ALLOW, .addr = o->addr, .until_ms = o->until_ms };
	struct monitor *m = f->link->m;
	char why[102], still[102] = "";
	bool found = true;
	int r;

	if (check_hand(&f->check, h, why) < 0) {
		refused(f, h, why);
		return;
	}
	cuts_now(m);	/* what is opened from here on stays */
	if (h->type == ORDER_ALLOW)
		r = hand_put(m->hand, &item, f->check.now);
	else
		r = hand_remove(m->hand, HAND_ALLOW, &o->addr, NULL, &found);
	orders_allow(m);
	f->check.allowed = m->allowed;
	f->check.nallowed = m->nallowed;
	if (h->type == ORDER_DISALLOW)
		check_allowed(&f->check, &o->addr, still);
	answer_with(f, h, r < 0 ? OUTCOME_FAILED : OUTCOME_DONE, found ? r : -ENOENT,
		    r < 0 ? "in force, but not kept over a restart: cannot write the file" : still);
}

/*
 * A cut is a ban's second half without its first: the connections end, and
 * who may come back comes back.
 */
static void do_cut(struct frame *f, const struct order_head *h)
{
	const struct order_ban *o = (const struct order_ban *)h;
	struct firewall_ban b = { .addr = o->addr, .scope = o->scope, .until = { INT64_MAX } };
	struct monitor *m = f->link->m;
	char why[102];
	size_t cut = 0;
	int r;

	if (check_cut(&f->check, o, why) < 0) {
		refused(f, h, why);
		return;
	}
	r = m->sockets ? sockets_cut(m->sockets, f->check.config->scopes, &b, 1, &cut) : -EOPNOTSUPP;
	snprintf(why, sizeof(why), "%zu connections closed", cut);
	answer_with(f, h, r < 0 ? OUTCOME_FAILED : OUTCOME_DONE, r < 0 ? r : (int)cut,
		    r < 0 ? strerror(-r) : why);
}

/* ---- root's part */

/*
 * A runner that is gone gives no answer: bailiffd ends, and what was asked of
 * it stays open in the ledger, to be asked for again. "Failed" would be final.
 */
static void to_runner(struct frame *f, const struct order_head *h)
{
	struct monitor *m = f->link->m;
	int r = root_send(m, h, order_size(h->type), NULL, 0);

	if (r < 0 && r != -EPIPE)
		answer_with(f, h, OUTCOME_FAILED, r, "the runner does not take orders");
}

static void do_account(struct frame *f, const struct order_head *h)
{
	char why[102];

	if (check_account(&f->check, (const struct order_account *)h, why) < 0)
		refused(f, h, why);
	else
		to_runner(f, h);
}

/* Messages, not accounts: an admin's deed, which the runner looks at once more. */
static void do_queue(struct frame *f, const struct order_head *h)
{
	char why[102];

	if (check_hand(&f->check, h, why) < 0)
		refused(f, h, why);
	else
		to_runner(f, h);
}

static void do_protect(struct frame *f, const struct order_head *h)
{
	const struct order_account *o = (const struct order_account *)h;
	struct hand_item item = { .kind = HAND_PROTECT, .until_ms = INT64_MAX };
	char why[102];
	int r;

	if (check_account(&f->check, o, why) < 0) {
		refused(f, h, why);
		return;
	}
	snprintf(item.name, sizeof(item.name), "%s", o->name);
	r = hand_put(f->link->m->hand, &item, f->check.now);
	if (r < 0)
		answer_with(f, h, OUTCOME_FAILED, r, strerror(-r));
	else
		to_runner(f, h);
}

static void do_run(struct frame *f, const struct order_head *h)
{
	char why[102];

	if (check_run(&f->check, (const struct order_run *)h, why) < 0)
		refused(f, h, why);
	else
		to_runner(f, h);
}

static bool is_due(const struct monitor_mails *r, size_t most, struct mono now)
{
	return r->n < most || now.ms - r->v[r->n % most].ms >= 3600000;
}

static void count_mail(struct monitor_mails *r, size_t most, struct mono now)
{
	r->v[r->n++ % most] = now;
}

/*
 * At most 30 mails an hour, whatever the engine says; of these a third is for
 * accounts alone, since strangers can cause mails about anything else.
 */
static bool mail_rate_ok(struct monitor *m, bool account)
{
	struct mono now = clock_mono();

	if (!is_due(&m->mails, MAILS_AN_HOUR, now) || (!account && !is_due(&m->others, OTHERS_AN_HOUR, now)))
		return false;
	count_mail(&m->mails, MAILS_AN_HOUR, now);
	if (!account)
		count_mail(&m->others, OTHERS_AN_HOUR, now);
	return true;
}

static void do_mail(struct frame *f, const struct order_head *h)
{
	const struct order_mail *o = (const struct order_mail *)h;
	char why[102];

	if (check_mail(&f->check, o, why) < 0)
		refused(f, h, why);
	else if (!mail_rate_ok(f->link->m, o->user[0]))
		refused(f, h, o->user[0] ? "30 mails within the hour: no more" :
			"20 mails about no account, or 30 in all, within the hour: no more");
	else
		to_runner(f, h);
}

static void do_reload(struct frame *f, const struct order_head *h)
{
	char why[102];

	if (check_hand(&f->check, h, why) < 0)
		refused(f, h, why);
	else if (monitor_reload(f->link->m, why) < 0)
		answer_with(f, h, OUTCOME_FAILED, -EINVAL, why);
	else
		f->link->m->reload_asked = h->id;	/* answered when it is done */
}

static void do_teardown(struct frame *f, const struct order_head *h)
{
	char why[102];

	if (check_hand(&f->check, h, why) < 0) {
		refused(f, h, why);
		return;
	}
	answer_with(f, h, OUTCOME_DONE, 0, "");
	flush_outcomes(f);
	monitor_teardown(f->link->m);
}

static void (*const doers[ORDER_TYPES])(struct frame *, const struct order_head *) = {
	[ORDER_BAN] = do_ban, [ORDER_UNBAN] = do_unban,
	[ORDER_ALLOW] = do_allow, [ORDER_DISALLOW] = do_allow,
	[ORDER_LOCK] = do_account, [ORDER_UNLOCK] = do_account,
	[ORDER_UNDO] = do_account, [ORDER_PROTECT] = do_protect,
	[ORDER_RUN] = do_run, [ORDER_NOTIFY] = do_mail,
	[ORDER_RELOAD] = do_reload, [ORDER_TEARDOWN] = do_teardown,
	[ORDER_DENY] = do_account, [ORDER_PARK] = do_account,
	[ORDER_KICK] = do_account, [ORDER_HOLD] = do_account,
	[ORDER_RELEASE] = do_account, [ORDER_PURGE] = do_account,
	[ORDER_CUT] = do_cut, [ORDER_LOOK] = do_account,
	[ORDER_QUEUE_LIST] = do_queue, [ORDER_QUEUE_HOLD] = do_queue,
	[ORDER_QUEUE_RELEASE] = do_queue, [ORDER_QUEUE_PURGE] = do_queue,
};

int orders_take(struct link *l, const void *body, size_t n, int admin_fd)
{
	static struct frame frame;	/* large, and there is one loop */
	struct frame *f = &frame;
	const struct order_head *h;
	struct monitor *m = l->m;
	size_t at = 0;
	int r;

	f->link = l;
	f->nbans = f->nrefused = 0;
	f->out.head.count = 0;
	f->check = (struct check){
		.config = l->policy->config, .own = m->own, .hand = m->hand,
		.allowed = m->allowed, .nallowed = m->nallowed, .now = clock_wall(),
	};
	/* Who has just logged in counts, and a flood of frames costs one look a second. */
	if (m->own && f->check.now.ms - m->own_read_ms >= 1000) {
		own_refresh_files(m->own);
		m->own_read_ms = f->check.now.ms;
	}
	if (admin_fd >= 0)
		f->check.admin = peers_check(l->policy->peers, admin_fd, &f->check.right, &f->uid);
	while ((r = order_next(body, n, &at, &h)) > 0) {
		/* Bans may wait for each other, nothing else for them or they for it. */
		if (f->nbans == BANS_A_FRAME || (h->type != ORDER_BAN && h->type != ORDER_UNBAN))
			flush_bans(f);
		doers[h->type](f, h);
	}
	flush_bans(f);
	flush_outcomes(f);
	if (f->nrefused > REFUSALS_SAID)
		log_info("refused orders=%zu more of this frame", f->nrefused - REFUSALS_SAID);
	return r;
}

void orders_outcome(struct monitor *m, const struct outcome *o)
{
	struct { struct message_head head; struct outcome o; } msg = {
		.head = { .type = MSG_OUTCOMES, .count = 1 }, .o = *o,
	};

	if (o->type == ORDER_NOTIFY)
		notes_mailed(m, o->id);
	if (m->now)
		link_send(m->now, &msg, sizeof(msg));
}

void orders_listing(struct monitor *m, const struct runner_listing *l, const int *fds, size_t nfds)
{
	struct message_listing msg = {
		.head = { .type = MSG_LISTING, .count = 1 }, .order = l->head.id, .name = l->name, .home = l->home,
	};

	memcpy(msg.dir, l->dir, sizeof(msg.dir));
	if (m->now && nfds == 1)
		link_send_fds(m->now, &msg, sizeof(msg), fds, nfds);
}

void orders_reloaded(struct monitor *m, const char *why)
{
	struct outcome o = {
		.id = m->reload_asked, .type = ORDER_RELOAD,
		.status = why ? OUTCOME_FAILED : OUTCOME_DONE, .code = why ? -EINVAL : 0,
	};

	if (!m->reload_asked)
		return;
	snprintf(o.text, sizeof(o.text), "%s", why ? why : "");
	m->reload_asked = 0;
	orders_outcome(m, &o);
}

/* ---- questions */

static void ask_firewall(struct monitor *m, struct message_answer *a)
{
	struct firewall_status st;
	int r = firewall_status(m->firewall, &st);

	if (r < 0) {
		a->error = r;
		return;
	}
	a->flags = (st.owned ? ANSWER_OWNED : 0) | (st.persistent ? ANSWER_PERSISTENT : 0) |
		   (st.healing ? ANSWER_HEALING : 0) | ANSWER_RUNNER;
	a->wanted = st.wanted;
	a->in_kernel = st.in_kernel;
	a->packets = st.dropped_packets;
	a->bytes = st.dropped_bytes;
	a->healed = st.healed;
	snprintf(a->text, sizeof(a->text), "%s", st.last_flush);
}

int orders_ask(struct link *l, const struct message_ask *q, size_t n)
{
	struct { struct message_head head; struct message_answer a; } msg;

	for (size_t i = 0; i < n; i++) {
		struct firewall_element e = { 0 };

		memset(&msg, 0, sizeof(msg));
		msg.head = (struct message_head){ .type = MSG_ANSWER, .count = 1 };
		msg.a.ticket = q[i].ticket;
		if (q[i].kind == ASK_FIREWALL) {
			ask_firewall(l->m, &msg.a);
		} else if (q[i].kind == ASK_ELEMENT && q[i].scope < l->policy->config->nscopes) {
			msg.a.error = firewall_get(l->m->firewall, &q[i].addr, q[i].scope, &e);
			msg.a.expires_ms = e.expires_ms;
			msg.a.packets = e.packets;
			msg.a.bytes = e.bytes;
		} else {
			return -EBADMSG;
		}
		link_send(l, &msg, sizeof(msg));
	}
	return 0;
}
