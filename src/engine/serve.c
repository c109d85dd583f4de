/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine under bailiffd: born with descriptors and nothing else. First it
 * reads the sealed configuration, compiles every pattern and loads every zone;
 * then it seals itself; only then does it look at a byte that a stranger wrote.
 */
#include "engine/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/prompt.h"
#include "config/pack.h"
#include "engine/digest.h"
#include "engine/flow_state.h"
#include "engine/jailtest.h"
#include "engine/parsers.h"
#include "engine/presence.h"
#include "engine/sandbox.h"
#include "wire/order.h"

/* Longer than a tick of the kernel: a timer of its own would cost more than a ban. */
#define ANSWER_PATIENCE_MS 8

static void die(const char *what, int error)
{
	log_err("%s: %s", what, strerror(-error));
	exit(1);
}

/* ---- to bailiffd */

void serve_send(struct serve *s, const void *p, size_t n)
{
	int r = outbox_send(s->out, p, n);

	if (outbox_waiting(s->out))
		ev_io_start(s->loop, &s->writable);
	if (r < 0 && r != -EPIPE)
		log_err("bailiffd does not take what we say: %s", strerror(-r));
}

bool serve_flush(struct serve *s)
{
	if (s->frame_n <= sizeof(struct message_head))
		return false;
	serve_send(s, s->frame, s->frame_n);
	s->frame_n = 0;
	s->unanswered = true;
	return true;
}

void serve_order(struct serve *s, const struct order_head *o, int admin_fd)
{
	struct message_head head = { .type = MSG_ORDERS, .cpu = (uint16_t)(sched_getcpu() + 1) };
	size_t size = order_size(o->type);
	int r;

	if (admin_fd >= 0 || s->frame_n + size > sizeof(s->frame))
		serve_flush(s);
	if (s->frame_n == 0) {
		memcpy(s->frame, &head, sizeof(head));
		s->frame_n = sizeof(head);
	}
	memcpy(s->frame + s->frame_n, o, size);
	s->frame_n += size;
	if (admin_fd < 0)
		return;
	/* The admin's own socket goes along, so nothing may wait before it. */
	outbox_flush(s->out);
	while ((r = channel_send(ENGINE_FD_CHANNEL, s->frame, s->frame_n, &admin_fd, 1)) == -EAGAIN)
		usleep(1000);
	if (r < 0)
		log_err("bailiffd does not take an order: %s", strerror(-r));
	s->frame_n = 0;
}

void serve_order_at_once(struct serve *s, const struct order_head *o)
{
	struct pollfd answer = { ENGINE_FD_CHANNEL, POLLIN, 0 };
	bool idle = !s->unanswered;

	serve_order(s, o, -1);
	if (s->hurried)
		return;
	s->hurried = true;
	serve_flush(s);
	/*
	 * A bailiffd that has nothing else to do gets this processor, too, until
	 * it has answered; and whoever we would wake meanwhile (the ledger's
	 * thread) does not come before it.
	 */
	if (idle)
		poll(&answer, 1, ANSWER_PATIENCE_MS);
}

void serve_order_told(struct serve *s, const struct order_head *o, int admin_fd,
		      outcome_fn *fn, void *arg)
{
	struct waiting_order *w = calloc(1, sizeof(*w));
	struct outcome failed = { .id = o->id, .type = o->type, .status = OUTCOME_FAILED,
				  .code = -ENOMEM, .text = "out of memory" };

	if (!w) {
		fn(arg, &failed);
		return;
	}
	*w = (struct waiting_order){ s->orders[o->id % 1024], o->id, fn, arg };
	s->orders[o->id % 1024] = w;
	serve_order(s, o, admin_fd);
}

void serve_ask(struct serve *s, uint16_t kind, const struct addr *a, uint16_t scope,
	       void (*fn)(void *, const struct message_answer *), void *arg)
{
	struct { struct message_head head; struct message_ask q; } msg = {
		.head = { .type = MSG_ASK, .count = 1 },
		.q = { .ticket = ++s->ticket, .kind = kind, .scope = scope },
	};
	struct message_answer failed = { .error = -ENOMEM };
	struct waiting_answer *w = calloc(1, sizeof(*w));

	if (!w) {
		fn(arg, &failed);
		return;
	}
	if (a)
		msg.q.addr = *a;
	*w = (struct waiting_answer){ s->answers, msg.q.ticket, fn, arg };
	s->answers = w;
	serve_send(s, &msg, sizeof(msg));
}

/* ---- from bailiffd */

static void take_outcomes(struct serve *s, const struct outcome *v, size_t n)
{
	log_hold();	/* hundreds may come at once */
	for (size_t i = 0; i < n; i++) {
		struct waiting_order **p = &s->orders[v[i].id % 1024];

		act_outcome(s, &v[i]);
		while (*p && (*p)->id != v[i].id)
			p = &(*p)->next;
		if (*p) {
			struct waiting_order *w = *p;

			*p = w->next;
			w->fn(w->arg, &v[i]);
			free(w);
		}
	}
	log_release();
}

static void take_answers(struct serve *s, const struct message_answer *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct waiting_answer **p = &s->answers;

		while (*p && (*p)->ticket != v[i].ticket)
			p = &(*p)->next;
		if (*p) {
			struct waiting_answer *w = *p;

			*p = w->next;
			w->fn(w->arg, &v[i]);
			free(w);
		}
	}
}

static void take_poison(struct serve *s, const struct message_poison *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].jail < s->config->njails) {
			s->poisoned[v[i].jail] = true;
			core_set_mode(s->core, v[i].jail, MODE_OFF);
		} else if (s->npoison < sizeof(s->poison) / sizeof(s->poison[0])) {
			s->poison[s->npoison++] = v[i];
		}
	}
}

static void told(void *arg, const struct outcome *o)
{
	struct serve *s = arg;

	if (o->status != OUTCOME_DONE)
		log_warning("notify: %s", o->text);
	state_changed(s);
}

void serve_note(struct serve *s, const struct message_note *n)
{
	struct buf text = { 0 };

	memmove(&s->notes[1], &s->notes[0], sizeof(s->notes) - sizeof(s->notes[0]));
	s->notes[0] = *n;
	s->notes[0].text[sizeof(n->text) - 1] = 0;
	if (s->nnotes < sizeof(s->notes) / sizeof(s->notes[0]))
		s->nnotes++;
	act_event(s, json_pack("{s:s,s:s}", "event", "note", "text", s->notes[0].text));
	if (!n->alert)
		return;
	buf_printf(&text, "bailiff on %s reports:\n\n  %s\n\n`bailiff status` tells more.\n",
		   s->host, s->notes[0].text);
	incidents_mail(s, n->id, true, NULL, "bailiff needs a look", buf_cstr(&text), told, s);
	buf_free(&text);
}

static void on_store(struct ev_loop *loop, ev_io *w, int events)
{
	struct serve *s = w->data;

	(void)loop;
	(void)events;
	store_dispatch(s->store);
	if (store_moved(s->store))
		log_err("the ledger was damaged: it was moved aside and started anew; bans stay in force");
}

static void go(struct serve *s)
{
	bool moved = false, fresh = true;
	int r = store_open(&s->store, &moved);

	if (r < 0)
		die(store_open_why(), r);
	if (moved)
		log_err("%s", store_open_why());
	s->speaking = true;
	/* Bans first: bailiffd writes them into the kernel while we read the rest. */
	r = act_restore(s);
	if (r == 0)
		r = state_restore(s, &fresh);
	flow_state_restore(s);
	if (r == 0)
		r = incidents_restore(s->incidents);
	if (r < 0)
		die("restore", r);
	r = store_start(s->store);
	if (r < 0)
		die("ledger thread", r);
	ev_io_init(&s->store_readable, on_store, store_fd(s->store), EV_READ);
	s->store_readable.data = s;
	ev_io_start(s->loop, &s->store_readable);
	r = control_new(s, s->loop, ENGINE_FD_LISTEN, &s->control);
	if (r < 0)
		die("control socket", r);
	incidents_resume(s->incidents);
	digest_arm(s);
	sources_start(s->sources, fresh);
	commands_want(s);
	log_info("started jails=%zu bans=%zu history=%s", s->config->njails,
		 bans_count(s->bans), fresh ? "none, one longest window is read" : "restored");
}

static void stop(struct serve *s)
{
	s->stopping = true;
	if (!s->speaking)
		exit(0);
	sources_stop(s->sources);
	control_free(&s->control);
	serve_flush(s);
	state_snapshot(s);
}

static void say(struct serve *s, uint16_t type)
{
	struct message_head h = { .type = type };

	serve_send(s, &h, sizeof(h));
}

/* bailiffd is trusted, but a message cut short would be a bug of ours. */
static void take(struct serve *s, const char *p, size_t n, const int *fds, size_t nfds)
{
	const struct message_head *h = (const struct message_head *)p;
	const void *body = p + sizeof(*h);
	size_t room = n - sizeof(*h);

	switch (h->type) {
	case MSG_POISON:
		if (room == h->count * sizeof(struct message_poison))
			take_poison(s, body, h->count);
		return;
	case MSG_SOURCE:
	case MSG_JOURNAL:
	case MSG_COMMAND:
		if (n == sizeof(struct message_source))
			sources_add(s->sources, (const struct message_source *)p, fds, nfds);
		return;
	case MSG_RAN:
		if (n == sizeof(struct message_ran) && s->speaking && !s->stopping)
			commands_ran(s->sources, (const struct message_ran *)p);
		return;
	case MSG_FOUND:
		if (n == sizeof(struct message_find))
			sources_found(s->sources, (const struct message_find *)p, fds, nfds);
		return;
	case MSG_OUTCOMES:
		s->unanswered = false;
		if (room == h->count * sizeof(struct outcome))
			take_outcomes(s, body, h->count);
		return;
	case MSG_ANSWER:
		if (room == h->count * sizeof(struct message_answer))
			take_answers(s, body, h->count);
		return;
	case MSG_LISTING:
		if (n == sizeof(struct message_listing) && nfds == 1)
			queue_listing(s, (const struct message_listing *)p, fds[0]);
		return;
	case MSG_NOTE:
		if (n == sizeof(struct message_note) && s->speaking)
			serve_note(s, (const struct message_note *)p);
		return;
	case MSG_GO:
		go(s);
		return;
	case MSG_STOP:
		stop(s);
		return;
	case MSG_PING:
		say(s, MSG_PONG);
		return;
	}
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	static _Alignas(16) char msg[CHANNEL_MAX_BYTES];
	struct serve *s = w->data;
	int fds[CHANNEL_MAX_FDS], r;
	size_t n, nfds;

	(void)loop;
	(void)events;
	for (int i = 0; i < 16; i++) {
		r = channel_recv(ENGINE_FD_CHANNEL, msg, sizeof(msg), &n, fds, &nfds);
		if (r == -EAGAIN)
			return;
		if (r < 0) {
			/* bailiffd died: what is recorded is kept, and we end. */
			log_err("bailiffd is gone");
			store_close(&s->store);
			exit(1);
		}
		if (n >= sizeof(struct message_head))
			take(s, msg, n, fds, nfds);
	}
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	struct serve *s = w->data;

	(void)events;
	outbox_flush(s->out);
	if (!outbox_waiting(s->out))
		ev_io_stop(loop, w);
}

/* Before the loop waits: what one round of reading led to goes as one frame. */
static void on_flush(struct ev_loop *loop, ev_prepare *w, int events)
{
	struct serve *s = w->data;

	(void)loop;
	(void)events;
	serve_flush(s);
	s->hurried = false;
}

/* ---- birth */

static void tell(const struct complaint *c)
{
	bool refused = c->jail && !c->warning;
	struct buf line = { 0 };

	complaint_print(c, &line);
	log_msg(c->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERR, "%s%s%s%s", buf_cstr(&line),
		refused ? " (jail " : "", refused ? c->jail : "", refused ? " is refused)" : "");
	buf_free(&line);
}

static void load(struct serve *s)
{
	struct pack *pack = NULL;
	size_t known;
	int r = pack_open(ENGINE_FD_CONFIG, &pack);

	if (r == 0)
		r = config_load(pack, &s->complaints, &s->config);
	pack_free(&pack);
	if (r < 0)
		die("configuration", r);
	known = s->complaints.n;	/* bailiffd has said these */
	r = core_new(s->config, false, &s->complaints, &s->core);
	for (size_t i = known; r < 0 && i < s->complaints.n; i++)
		tell(&s->complaints.v[i]);
	if (r < 0)
		die("compile", r);
	r = locate_take((const int[]){ ENGINE_FD_COUNTRY, ENGINE_FD_ASN }, &s->located);
	if (r < 0)
		die("databases", r);
	locate_jails(s->core, &s->located, &s->complaints);
	s->refused = calloc(s->config->njails + 1, sizeof(*s->refused));
	s->poisoned = calloc(s->config->njails + 1, sizeof(*s->poisoned));
	s->absent = calloc(s->config->njails + 1, sizeof(*s->absent));
	s->parsers = calloc(s->config->nlogs + 1, sizeof(*s->parsers));
	if (!s->refused || !s->poisoned || !s->absent || !s->parsers)
		die("tables", -ENOMEM);
	r = parsers_make(s->core, &s->complaints, s->parsers);
	if (r < 0)
		die("logs", r);
	jailtest_all(s->core, &s->complaints);
	for (size_t i = known; i < s->complaints.n; i++) {
		const struct complaint *c = &s->complaints.v[i];

		tell(c);
		for (size_t j = 0; c->jail && !c->warning && j < s->config->njails; j++)
			if (strcmp(c->jail, s->config->jails[j].name) == 0)
				s->refused[j] = true;
	}
	for (size_t i = 0; i < s->config->njails; i++)
		s->refused[i] |= !matcher_has(s->core->matcher, &s->config->jails[i]);
	for (uint16_t i = 0; i < s->config->njails; i++) {
		s->absent[i] = s->config->jails[i].automatic && !presence_of(s->config, &s->config->jails[i]);
		if (s->absent[i])
			core_set_mode(s->core, i, MODE_OFF);
	}
}

static void seal(void)
{
	const char *what;
	int abi, r;

	if (fchdir(ENGINE_FD_STATE) < 0)
		die("state directory", -errno);
	tzset();
	/* Libraries that would open /dev/urandom at their first use. */
	json_object_seed(0);
	store_init();
	r = sandbox_seal_code();
	if (r < 0)
		die("code", r);
	r = sandbox_enter(ENGINE_FD_STATE, &abi, &what);
	if (r < 0)
		die(what, r);
	log_info("sealed: seccomp, Landlock ABI %d%s", abi, abi ? "" : " (this kernel has none)");
}

int serve_main(void)
{
	static struct serve s;
	int r;

	log_init("bailiff-engine", LOG_LEVEL_INFO);
	/* Started by descriptor, older kernels would call us by its number. */
	prctl(PR_SET_NAME, "bailiff-engine");
	hash_init();
	load(&s);
	if (gethostname(s.host, sizeof(s.host) - 1) < 0)
		strcpy(s.host, "this host");
	s.page = mmap(NULL, sizeof(*s.page), PROT_READ | PROT_WRITE, MAP_SHARED, ENGINE_FD_PAGE, 0);
	if (s.page == MAP_FAILED)
		die("page", -errno);
	s.page->jail = ORDER_NO_JAIL;
	s.core->page = s.page;
	s.core->fn = act_verdict;
	s.core->arg = &s;
	s.started = clock_wall();
	if (fcntl(ENGINE_FD_CHANNEL, F_SETFL, O_NONBLOCK) < 0)
		die("channel", -errno);
	s.loop = ev_default_loop(EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	r = s.loop ? 0 : -ENOSYS;
	if (r == 0)
		r = outbox_new(ENGINE_FD_CHANNEL, &s.out);
	if (r == 0)
		r = peers_new(s.config, &s.peers);
	if (r == 0)
		r = bans_new(&s.bans);
	if (r == 0)
		r = incidents_new(&s, &s.incidents);
	if (r == 0)
		r = sources_new(&s, &s.sources);
	if (r < 0)
		die("start", r);
	malloc_trim(0);		/* what compiling alone needed goes back */
	prompt();
	seal();
	ev_io_init(&s.readable, on_readable, ENGINE_FD_CHANNEL, EV_READ);
	ev_io_init(&s.writable, on_writable, ENGINE_FD_CHANNEL, EV_WRITE);
	ev_prepare_init(&s.flush, on_flush);
	s.readable.data = s.writable.data = s.flush.data = &s;
	ev_io_start(s.loop, &s.readable);
	ev_prepare_start(s.loop, &s.flush);
	say(&s, MSG_READY);
	ev_run(s.loop, 0);
	return 0;
}
