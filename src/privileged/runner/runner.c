/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that stays root. Start here: messages come in from bailiffd,
 * each becomes a job, jobs run in their turn and end in one outcome. What an
 * order does stands in files named after it (lock.c, hold.c, ...); here are the
 * loop, the queue, the slots, and the rules that hold for all: a known id gets
 * the outcome it had, and our own configuration has the last word.
 */
#include "privileged/runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "config/account.h"
#include "config/load.h"
#include "config/pack.h"
#include "privileged/runner/job.h"
#include "privileged/runner/message.h"
#include "wire/order.h"

/* What ends by the clock is looked for at its time, but neither more often nor,
 * as the clock may be set, much less often than this. */
#define DUE_S 5.0
#define DUE_LONGEST_S 60.0
#define LEAVE_S 10.0		/* what runs may take this long when bailiffd is gone */

static const struct job_kind kinds[] = {
	{ ORDER_LOCK,	  CLASS_ACCOUNT, job_accept_step,    job_lock },
	{ ORDER_DENY,	  CLASS_ACCOUNT, job_accept_step,    job_deny },
	{ ORDER_PARK,	  CLASS_ACCOUNT, job_accept_step,    job_deny },
	{ ORDER_KICK,	  CLASS_ACCOUNT, job_accept_step,    job_kick },
	{ ORDER_HOLD,	  CLASS_ACCOUNT, job_accept_step,    job_hold },
	{ ORDER_LOOK,	  CLASS_ACCOUNT, job_accept_step,    job_look },
	{ ORDER_RELEASE,  CLASS_ACCOUNT, job_accept_undo,    job_release },
	{ ORDER_PURGE,	  CLASS_ACCOUNT, job_accept_undo,    job_release },
	{ ORDER_QUEUE_LIST,    CLASS_QUEUE, job_accept_queue, job_queue_list },
	{ ORDER_QUEUE_HOLD,    CLASS_QUEUE, job_accept_queue, job_queue },
	{ ORDER_QUEUE_RELEASE, CLASS_QUEUE, job_accept_queue, job_queue },
	{ ORDER_QUEUE_PURGE,   CLASS_QUEUE, job_accept_queue, job_queue },
	{ ORDER_UNLOCK,	  CLASS_ACCOUNT, job_accept_name,    job_unlock },
	{ ORDER_PROTECT,  CLASS_ACCOUNT, job_accept_name,    job_protect },
	{ ORDER_UNDO,	  CLASS_ACCOUNT, job_accept_undo,    job_undo },
	{ ORDER_RUN,	  CLASS_RUN,	 job_accept_run,     job_run },
	{ ORDER_NOTIFY,	  CLASS_MAIL,	 job_accept_mail,    job_mail },
	{ RUNNER_RESOLVE, CLASS_LOOKUP,	 job_accept_resolve, job_resolve },
};

static const struct { unsigned slots, queue; } classes[JOB_CLASSES] = {
	[CLASS_ACCOUNT] = { 4, 256 },
	[CLASS_QUEUE]	= { 2, 256 },
	[CLASS_RUN]	= { 4, 512 },
	[CLASS_MAIL]	= { 2, 64 },
	[CLASS_LOOKUP]	= { 4, 256 },
};

/* The runner and the watchers of its loop. */
struct service {
	struct runner r;
	bool leaving;
	ev_io in, out;
	ev_prepare prepare;
	ev_timer leave, due;
};

static void on_leave(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* bailiffd is gone: what runs may end and be written down, the rest is not begun. */
static void start_leaving(struct service *s)
{
	if (s->leaving)
		return;
	s->leaving = true;
	ev_io_stop(s->r.loop, &s->in);
	ev_io_stop(s->r.loop, &s->out);
	source_end_all(&s->r);
	ev_timer_init(&s->leave, on_leave, LEAVE_S, 0.);
	ev_timer_start(s->r.loop, &s->leave);
}

/* ---- answers ---- */

void runner_send_fd(struct runner *r, const void *p, size_t n, int fd)
{
	struct service *s = (struct service *)r;

	if (s->leaving)
		return;
	if (outbox_send_fds(r->outbox, p, n, &fd, fd >= 0) < 0)
		start_leaving(s);
	else if (outbox_waiting(r->outbox))
		ev_io_start(r->loop, &s->out);
}

void runner_send(struct runner *r, const void *p, size_t n)
{
	runner_send_fd(r, p, n, -1);
}

/*
 * A name in it may be any bytes: they are made printable, and the whole is cut
 * at `size`, but not within a UTF-8 sequence.
 */
static void copy_text(char *to, size_t size, const char *said)
{
	struct buf clean = { 0 };
	const char *from;
	size_t n;

	buf_put_text(&clean, span_of(said));
	from = buf_cstr(&clean);
	n = strlen(from);
	if (n >= size) {
		n = size - 1;
		while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, from, n);
	memset(to + n, 0, size - n);
	buf_free(&clean);
}

void runner_answer(struct runner *r, uint64_t id, uint16_t type, uint16_t status, int code, const char *text)
{
	struct outcome o = { .id = id, .type = type, .status = status, .code = code };

	copy_text(o.text, sizeof(o.text), text);
	runner_send(r, &o, sizeof(o));
}

/* ---- jobs ---- */

static void job_free(struct job *j)
{
	struct job **at = &j->r->jobs;

	while (*at && *at != j)
		at = &(*at)->next;
	if (*at) {
		*at = j->next;
		(j->running ? j->r->running : j->r->waiting)[j->kind->class]--;
	}
	argv_free(&j->argv);
	if (j->work_free)
		j->work_free(&j->work);
	free(j->order);
	free(j);
}

/* Only what was begun is written down: refusals cost no disk. */
static void write_end(struct job *j, enum outcome_status status, int code, const char *text)
{
	int ret;

	j->entry.phase = LOGBOOK_ENDED;
	j->entry.status = (uint16_t)status;
	j->entry.code = code;
	copy_text(j->entry.text, sizeof(((struct outcome *)0)->text), text);
	ret = logbook_put(j->r->journal, &j->entry);
	if (ret < 0)
		log_err("journal id=%llu end not written: %s", (unsigned long long)j->entry.id,
			strerror(-ret));
	log_info("outcome id=%llu order=%s status=%s text=\"%s\"",
		 (unsigned long long)j->entry.id, order_name(j->kind->type),
		 outcome_name((uint16_t)status), j->entry.text);
}

void job_end(struct job *j, enum outcome_status status, int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (j->journaled)
		write_end(j, status, code, text);
	if (j->kind->class == CLASS_LOOKUP) {
		if (status != OUTCOME_DONE)
			resolve_failed(j, -EAGAIN);
	} else {
		runner_answer(j->r, j->entry.id, j->kind->type, (uint16_t)status, code, text);
	}
	job_free(j);
}

int job_intent(struct job *j)
{
	int ret;

	j->entry.phase = LOGBOOK_INTENT;
	if (!j->again)
		j->entry.at_ms = clock_wall().ms;
	ret = logbook_put(j->r->journal, &j->entry);
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "not begun: the runner's journal: %s",
			strerror(-ret));
	else
		j->journaled = true;
	return ret;
}

static void on_command(void *arg, const struct command_result *r)
{
	struct job *j = arg;

	j->step(j, r);
}

void job_command(struct job *j, const struct command_spec *spec,
		 void (*step)(struct job *j, const struct command_result *r))
{
	int ret;

	j->step = step;
	ret = command_start(j->r->loop, spec, on_command, j);
	if (ret < 0)
		step(j, &(struct command_result){ .error = ret });
}

void job_about(struct job *j, const char *canonical)
{
	const char *key = j->entry.unix_name;

	snprintf(j->entry.name, sizeof(j->entry.name), "%s", canonical);
	if (account_unix_name(&j->r->config->accounts, canonical, j->entry.unix_name,
			      sizeof(j->entry.unix_name)) < 0) {
		j->entry.unix_name[0] = 0;
		key = j->entry.name;
	}
	j->key = hash_keyed(key, strlen(key)) | 1;
}

const struct action *job_action(const struct job *j)
{
	const struct order_head *h = &j->order->head;
	const struct config *c = j->r->config;

	if (h->jail >= c->njails || h->action >= c->jails[h->jail].nthen)
		return NULL;
	return &c->jails[h->jail].then[h->action];
}

/* The first that has a slot and no earlier job of its key before it. */
static struct job *next_ready(const struct runner *r)
{
	for (struct job *j = r->jobs; j; j = j->next) {
		const struct job *k = r->jobs;

		if (j->running || r->running[j->kind->class] >= classes[j->kind->class].slots)
			continue;
		while (k != j && (j->key == 0 || k->key != j->key))
			k = k->next;
		if (k == j)
			return j;
	}
	return NULL;
}

static void on_due(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct service *s = w->data;

	(void)loop;
	(void)revents;
	if (!s->leaving)
		deny_end_due(&s->r);
}

/* Nothing is waited for while nothing has a time: an idle runner sleeps. */
static void wait_for_due(struct service *s)
{
	int64_t first = deny_first_end(&s->r);
	double wait = (double)(first - clock_wall().ms) / 1000;

	if (first == INT64_MAX)
		return;
	wait = wait < DUE_S ? DUE_S : wait > DUE_LONGEST_S ? DUE_LONGEST_S : wait;
	if (ev_is_active(&s->due) && ev_timer_remaining(s->r.loop, &s->due) <= wait)
		return;
	ev_timer_stop(s->r.loop, &s->due);
	ev_timer_set(&s->due, wait, 0.);
	ev_timer_start(s->r.loop, &s->due);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct service *s = w->data;
	struct runner *r = &s->r;
	struct job *j;
	unsigned busy = 0;

	(void)revents;
	while (!s->leaving && (j = next_ready(r))) {
		j->running = true;
		r->running[j->kind->class]++;
		r->waiting[j->kind->class]--;
		j->kind->begin(j);
	}
	for (int i = 0; i < JOB_CLASSES; i++)
		busy += r->running[i];
	if (s->leaving && busy == 0)
		ev_break(loop, EVBREAK_ALL);
	wait_for_due(s);
}

/* ---- messages ---- */

static const struct job_kind *kind_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* What an order asks for, as a number: the same id must ask the same again. */
static uint64_t what_of(const struct job *j)
{
	const struct order_account *a = &j->order->account;

	if (j->kind->class == CLASS_RUN)
		return run_what(&j->order->run, j->order->run.undo);
	if (j->kind->class == CLASS_QUEUE && j->kind->type != ORDER_QUEUE_LIST)
		return hash_fixed(j->order->hold.v, j->order->hold.n * sizeof(struct queued)) + a->head.action;
	if (j->kind->class == CLASS_ACCOUNT)
		return hash_fixed(a->name, strlen(a->name)) + a->ref;
	return 0;
}

/* Already on its way: its one outcome will answer both. */
static bool is_live(const struct job *wanted)
{
	for (const struct job *j = wanted->r->jobs; j; j = j->next) {
		if (j->entry.id != wanted->entry.id ||
		    (j->kind->class == CLASS_LOOKUP) != (wanted->kind->class == CLASS_LOOKUP))
			continue;
		if (j->entry.type != wanted->entry.type || j->entry.what != wanted->entry.what)
			runner_answer(j->r, wanted->entry.id, wanted->entry.type, OUTCOME_REFUSED,
			       -EEXIST, "this id is another order's");
		return true;
	}
	return false;
}

/*
 * An order the journal knows: true if that settles it. What a crash left open
 * is done again, from the state that was before, except for mail.
 */
static bool is_repeated(struct job *j)
{
	const struct logbook_entry *e = j->kind->class == CLASS_LOOKUP ? NULL :
					logbook_get(j->r->journal, j->entry.id);

	if (!e)
		return false;
	if (e->type != j->entry.type || e->what != j->entry.what)
		runner_answer(j->r, j->entry.id, j->entry.type, OUTCOME_REFUSED, -EEXIST,
		       "this id is another order's");
	else if (e->phase == LOGBOOK_ENDED && e->status == OUTCOME_UNKNOWN &&
		 e->type != ORDER_NOTIFY)
		j->again = true;
	else
		runner_answer(j->r, e->id, e->type, e->status, e->code, e->text);
	if (j->again)
		j->entry = *e;
	return !j->again;
}

static void enqueue(struct job *j)
{
	struct runner *r = j->r;
	struct job **last = &r->jobs;
	char why[TEMPLATE_WHY_MAX] = "";
	int status = OUTCOME_REFUSED;

	if (r->waiting[j->kind->class] >= classes[j->kind->class].queue)
		snprintf(why, sizeof(why), "too many orders wait");
	else
		status = j->kind->accept(j, why);
	if (status != 0) {
		job_end(j, (enum outcome_status)status, j->entry.code ? j->entry.code : -EPERM, "%s", why);
		return;
	}
	while (*last)
		last = &(*last)->next;
	*last = j;
	r->waiting[j->kind->class]++;
}

void runner_take(struct runner *r, const void *p, size_t n)
{
	const struct order_head *h = p;
	struct job *j = calloc(1, sizeof(*j));

	if (!j || !(j->order = malloc(n))) {
		free(j);
		runner_answer(r, h->id, h->type, OUTCOME_FAILED, -ENOMEM, "out of memory");
		return;
	}
	memcpy(j->order, p, n);
	j->r = r;
	j->kind = kind_of(h->type);
	j->entry.id = h->id;
	j->entry.type = h->type;
	j->entry.origin = h->origin;
	j->entry.what = what_of(j);
	if (is_live(j) || is_repeated(j))
		job_free(j);
	else
		enqueue(j);
}

static int load_config(int pack_fd, struct config **ret)
{
	_cleanup_(pack_free) struct pack *pack = NULL;
	struct complaints bad = { 0 };
	int r = pack_open(pack_fd, &pack);

	if (r == 0)
		r = config_load(pack, &bad, ret);
	complaints_free(&bad);
	malloc_trim(0);		/* what reading alone needed goes back */
	return r;
}

static void reconf(struct runner *r, uint64_t id, const int *fds, size_t nfds)
{
	struct config *fresh = NULL;
	int ret = nfds == 1 ? load_config(fds[0], &fresh) : -EBADMSG;

	if (ret == 0) {
		config_free(&r->config);
		r->config = fresh;
	}
	runner_answer(r, id, RUNNER_RECONF, ret == 0 ? OUTCOME_DONE : OUTCOME_FAILED, ret,
	       ret == 0 ? "" : "the configuration does not load");
}

static void nonsense(struct runner *r, const void *p, size_t n)
{
	struct order_head h = { 0 };

	memcpy(&h, p, n < sizeof(h) ? n : sizeof(h));
	if (r->nonsense++ == 0)
		log_err("runner got nonsense from bailiffd type=%u bytes=%zu", h.type, n);
	runner_answer(r, h.id, h.type, OUTCOME_REFUSED, -EBADMSG, "not a message");
}

static void dispatch(struct runner *r, const void *msg, size_t n, const int *fds, size_t nfds)
{
	const struct order_head *h = msg;

	switch (h->type) {
	case RUNNER_RECONF:
		reconf(r, h->id, fds, nfds);
		break;
	case RUNNER_START_ENGINE:
		engine_start(r, h->id, fds, nfds);
		break;
	case RUNNER_KILL_ENGINE:
		engine_kill(r, h->id);
		break;
	case RUNNER_START_SOURCE:
		source_start(r, h->id, ((const struct runner_source *)msg)->log, nfds == 1 ? fds[0] : -1);
		break;
	case RUNNER_KILL_SOURCE:
		source_end(r, h->id);
		break;
	default:
		runner_take(r, msg, n);
	}
}

static void on_input(struct ev_loop *loop, ev_io *w, int revents)
{
	static _Alignas(max_align_t) char msg[MESSAGE_MAX];
	struct service *s = w->data;
	int fds[CHANNEL_MAX_FDS];
	size_t n = 0, nfds = 0;
	int ret = channel_recv(w->fd, msg, sizeof(msg), &n, fds, &nfds);

	(void)loop;
	(void)revents;
	if (ret == -EAGAIN)
		return;
	if (ret < 0 && ret != -EMSGSIZE) {
		start_leaving(s);
		return;
	}
	if (ret < 0 || message_check(msg, n) < 0)
		nonsense(&s->r, msg, ret < 0 ? 0 : n);
	else
		dispatch(&s->r, msg, n, fds, nfds);
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}

/* While bailiffd does not listen we don't either: nothing piles up. */
static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct service *s = w->data;

	(void)revents;
	if (outbox_flush(s->r.outbox) < 0)
		start_leaving(s);
	else if (!outbox_waiting(s->r.outbox))
		ev_io_stop(loop, w);
}

/* ---- start and end ---- */

static int service_open(struct service *s)
{
	int ret = load_config(s->r.start->pack_fd, &s->r.config);

	if (ret < 0) {
		log_err("runner: the sealed configuration does not load: %s", strerror(-ret));
		return ret;
	}
	ret = settle_open(s->r.start->state_fd, &s->r.journal);
	if (ret < 0) {
		log_err("runner: its journal: %s", strerror(-ret));
		return ret;
	}
	ret = outbox_new(s->r.start->sock, &s->r.outbox);
	if (ret < 0)
		return ret;
	s->r.loop = ev_default_loop(0);
	return s->r.loop && fcntl(s->r.start->sock, F_SETFL, O_NONBLOCK) == 0 ? 0 : -EIO;
}

static void service_watch(struct service *s)
{
	ev_init(&s->due, on_due);
	s->due.data = s;
	ev_io_init(&s->in, on_input, s->r.start->sock, EV_READ);
	ev_io_init(&s->out, on_writable, s->r.start->sock, EV_WRITE);
	ev_prepare_init(&s->prepare, on_prepare);
	s->in.data = s->out.data = s->prepare.data = s;
	ev_io_start(s->r.loop, &s->in);
	ev_prepare_start(s->r.loop, &s->prepare);
}

static void service_close(struct service *s)
{
	while (s->r.jobs)
		job_free(s->r.jobs);
	hold_forget_listing(&s->r);
	outbox_free(&s->r.outbox);
	logbook_close(&s->r.journal);
	config_free(&s->r.config);
}

/* The end of the socket is what ends us; a signal to all comes to us as well. */
static void ignore_signals(void)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		signal(ours[i], SIG_IGN);
}

int runner_main(const struct runner_start *start)
{
	struct service s = { .r.start = start };
	int ret;

	prctl(PR_SET_NAME, "bailiff-runner");
	umask(077);
	ignore_signals();
	hash_init();
	ret = service_open(&s);
	if (ret == 0) {
		service_watch(&s);
		settle_all(&s.r);
		ev_run(s.r.loop, 0);
	}
	service_close(&s);
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
