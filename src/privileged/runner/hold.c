/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORDER_HOLD: the messages that an account submitted and that have not left
 * are put on hold; ORDER_RELEASE and ORDER_PURGE end that for those that an
 * order held and that still are. The queue is listed, matched (queue.c), acted
 * on with the ids on postsuper's standard input, and listed again: what the
 * second listing says is the outcome, not an exit status.
 *
 * The ids that an order held stand in held.ID in our state directory before
 * postsuper is started, so that a crash loses none and what the admin had put
 * on hold himself is never taken for ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "privileged/runner/job.h"
#include "privileged/runner/queue.h"

#define HELPER_TIMEOUT_MS 60000

struct hold {
	struct queue_items items;
	int listing;		/* memfd: what postqueue said */
	bool again;		/* the second look */
	bool asked;		/* postsuper has run */
	size_t bad;
};

static void hold_free(void **work)
{
	struct hold *h = *work;

	queue_items_free(&h->items);
	close_fd(&h->listing);
	free(h);
	*work = NULL;
}

/* Ends the job if there is no memory. */
static struct hold *hold_new(struct job *j)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (!h) {
		job_end(j, OUTCOME_FAILED, -ENOMEM, "out of memory");
		return NULL;
	}
	h->listing = -1;
	j->work = h;
	j->work_free = hold_free;
	return h;
}

static void manifest_name(uint64_t order, char buf[40])
{
	snprintf(buf, 40, "held.%llu", (unsigned long long)order);
}

static int manifest_write(const struct job *j, struct span text)
{
	_cleanup_(close_fd) int fd = -1;
	int dir = j->r->start->state_fd;
	char name[40], new[48];
	ssize_t n;

	manifest_name(j->entry.id, name);
	snprintf(new, sizeof(new), "%s.new", name);
	fd = openat(dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < text.n; at += (size_t)n) {
		n = write(fd, text.p + at, text.n - at);
		if (n < 0)
			return -errno;
	}
	if (fsync(fd) < 0 || renameat(dir, new, dir, name) < 0 || fsync(dir) < 0)
		return -errno;
	return 0;
}

static int map_fd(int fd, struct span *ret)
{
	struct stat st;
	void *p;

	*ret = (struct span){ NULL, 0 };
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = (struct span){ p, (size_t)st.st_size };
	return 0;
}

static void unmap(struct span s)
{
	if (s.p)
		munmap((void *)s.p, s.n);
}

/* What an order held; -ENOENT: nothing, or long ago. */
static int manifest_read(const struct job *j, uint64_t order, struct queue_items *ret)
{
	_cleanup_(close_fd) int fd = -1;
	struct span text;
	char name[40];
	int r;

	manifest_name(order, name);
	fd = openat(j->r->start->state_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = map_fd(fd, &text);
	if (r < 0)
		return r;
	r = queue_items_read(text, ret);
	unmap(text);
	return r;
}

static void helper(struct job *j, const struct strings *program, const char *const *words,
		   struct command_spec spec, void (*step)(struct job *j, const struct command_result *r))
{
	char **argv = NULL;
	int ret = argv_make(program, words, &argv);

	spec.argv = argv;
	spec.timeout_ms = HELPER_TIMEOUT_MS;
	if (ret < 0)
		step(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, step);
	argv_free(&argv);
}

/* ---- looking ---- */

static void looked(struct job *j);

static void after_list(struct job *j, const struct command_result *r)
{
	struct hold *h = j->work;
	char why[TEMPLATE_WHY_MAX];
	struct span text;
	int ret = command_judge(r, "postqueue", why, sizeof(why));

	if (ret < 0) {
		job_end(j, OUTCOME_FAILED, ret, "%s%s", h->asked ? "asked for, not verified: " : "", why);
		return;
	}
	ret = map_fd(h->listing, &text);
	if (ret < 0) {
		job_end(j, OUTCOME_FAILED, ret, "the queue's listing: %s", strerror(-ret));
		return;
	}
	queue_look(&h->items, text, &h->bad);
	unmap(text);
	looked(j);
}

static void look(struct job *j)
{
	static const char *const words[] = { "-j", NULL };
	struct hold *h = j->work;

	close_fd(&h->listing);
	h->listing = memfd_create("queue", MFD_CLOEXEC);
	if (h->listing < 0)
		job_end(j, OUTCOME_FAILED, -errno, "the queue's listing: %s", strerror(errno));
	else
		helper(j, &j->r->config->helpers.postqueue, words,
		       (struct command_spec){ .output_fd = h->listing }, after_list);
}

/* ---- acting ---- */

static const struct deed {
	uint16_t order;
	const char *option;	/* of postsuper */
} deeds[] = {
	{ ORDER_HOLD, "-h" }, { ORDER_RELEASE, "-H" }, { ORDER_PURGE, "-d" },
};

static const char *option_of(uint16_t order)
{
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (deeds[i].order == order)
			return deeds[i].option;
	return NULL;
}

static void after_postsuper(struct job *j, const struct command_result *r)
{
	struct hold *h = j->work;

	command_judge(r, "postsuper", j->why, sizeof(j->why));
	h->asked = true;
	look(j);
}

/* Those that were where the deed finds them at the first look. */
static bool is_meant(const struct job *j, const struct queue_item *i)
{
	bool held = i->first == QUEUE_HOLD;

	return i->first != QUEUE_GONE && held == (j->kind->type != ORDER_HOLD);
}

static void ask_postsuper(struct job *j)
{
	const char *words[] = { option_of(j->kind->type), "-", NULL };
	struct hold *h = j->work;
	struct buf ids = { 0 };

	for (size_t i = 0; i < h->items.n; i++)
		if (is_meant(j, &h->items.v[i]))
			buf_printf(&ids, "%s\n", h->items.v[i].want.id);
	if (buf_error(&ids))
		after_postsuper(j, &(struct command_result){ .error = buf_error(&ids) });
	else
		helper(j, &j->r->config->helpers.postsuper, words,
		       (struct command_spec){ .input = buf_span(&ids) }, after_postsuper);
	buf_free(&ids);
}

/* ---- the words ---- */

static void unread(const struct hold *h, char buf[48])
{
	if (h->bad)
		snprintf(buf, 48, "; %zu lines not understood", h->bad);
	else
		buf[0] = 0;
}

static void end_hold(struct job *j)
{
	const struct hold *h = j->work;
	const struct queue_items *q = &h->items;
	size_t before = queue_count(q, QUEUE_HOLD, -1);
	size_t gone = queue_count(q, QUEUE_GONE, -1);
	size_t active = queue_count(q, QUEUE_ACTIVE, QUEUE_HOLD);
	size_t held = queue_count(q, QUEUE_WAITS, QUEUE_HOLD) + active;
	size_t slipped = queue_count(q, QUEUE_WAITS, QUEUE_GONE) + queue_count(q, QUEUE_ACTIVE, QUEUE_GONE);
	size_t stays = q->n - before - gone - held - slipped;
	char more[48];

	unread(h, more);
	if (stays > 0)
		job_end(j, OUTCOME_FAILED, -EIO, "%zu held, %zu not: %.60s", held, stays,
			j->why[0] ? j->why : "postsuper did nothing");
	else
		job_end(j, OUTCOME_DONE, (int)held, "%zu held (%zu in delivery, may be out), %zu left before, %zu held before%s",
			held, active, gone + slipped, before, more);
}

/* Nothing is on hold by that order any more: it can be forgotten. */
static void end_for_good(struct job *j, const char *did, size_t held, size_t others)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->entry.ref);
	struct logbook_entry copy;
	char name[40];

	if (e) {
		copy = *e;
		copy.phase = LOGBOOK_UNDONE;
		logbook_put(j->r->journal, &copy);
		manifest_name(copy.id, name);
		unlinkat(j->r->start->state_fd, name, 0);
	}
	job_end(j, OUTCOME_DONE, (int)held, "%zu %s, %zu were not on hold any more", held, did, others);
}

static void end_release(struct job *j)
{
	const struct hold *h = j->work;
	const struct queue_items *q = &h->items;
	size_t held = queue_count(q, QUEUE_HOLD, -1);
	size_t stays = queue_count(q, QUEUE_HOLD, QUEUE_HOLD);
	const char *did = j->kind->type == ORDER_RELEASE ? "released" : "deleted";

	if (stays > 0)
		job_end(j, OUTCOME_FAILED, -EIO, "%zu %s, %zu not: %.60s", held - stays, did, stays,
			j->why[0] ? j->why : "postsuper did nothing");
	else
		end_for_good(j, did, held, q->n - held);
}

static void end(struct job *j)
{
	if (j->kind->type == ORDER_HOLD)
		end_hold(j);
	else
		end_release(j);
}

/* ---- the road ---- */

/* Before postsuper: the intent of a hold is its list. */
static int keep_manifest(struct job *j)
{
	struct hold *h = j->work;
	struct buf text = { 0 };
	int ret;

	queue_manifest(&h->items, QUEUE_WAITS, &text);
	queue_manifest(&h->items, QUEUE_ACTIVE, &text);
	ret = buf_error(&text) ? buf_error(&text) : manifest_write(j, buf_span(&text));
	buf_free(&text);
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "not begun: the list of what is held: %s", strerror(-ret));
	return ret;
}

/*
 * What a crash left open may have held some already: those in its list are
 * ours, and asked for once more as if they were not on hold yet.
 */
static void take_up(struct job *j)
{
	struct hold *h = j->work;
	struct queue_items ours;

	if (!j->again || j->kind->type != ORDER_HOLD || manifest_read(j, j->entry.id, &ours) < 0)
		return;
	for (size_t i = 0; i < h->items.n; i++)
		if (h->items.v[i].last == QUEUE_HOLD &&
		    queue_has(&ours, h->items.v[i].want.id, h->items.v[i].arrival_s))
			h->items.v[i].last = QUEUE_WAITS;
	queue_items_free(&ours);
}

static void looked(struct job *j)
{
	struct hold *h = j->work;
	size_t meant = 0;

	if (h->again) {
		end(j);
		return;
	}
	h->again = true;
	take_up(j);
	for (size_t i = 0; i < h->items.n; i++) {
		h->items.v[i].first = h->items.v[i].last;
		meant += is_meant(j, &h->items.v[i]);
	}
	if (meant == 0)
		end(j);
	else if (j->kind->type != ORDER_HOLD || keep_manifest(j) == 0)
		ask_postsuper(j);
}

void job_hold(struct job *j)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = policy_account(j->r, j->entry.name, false, j->again, why);
	struct hold *h;

	if (ret < 0) {
		job_end(j, OUTCOME_REFUSED, ret, "%s", why);
		return;
	}
	h = hold_new(j);
	if (!h)
		return;
	ret = queue_items_new(j->order->hold.v, j->order->hold.n, &h->items);
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "out of memory");
	else if (h->items.n == 0)
		job_end(j, OUTCOME_DONE, 0, "no message of it is known");
	else if (job_intent(j) == 0)
		look(j);
}

void job_release(struct job *j)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->order->account.ref);
	struct hold *h = e ? hold_new(j) : NULL;
	int ret;

	if (!e) {
		job_end(j, OUTCOME_REFUSED, -ENOENT, "the journal no longer has that order");
		return;
	}
	if (!h)
		return;
	ret = manifest_read(j, e->id, &h->items);
	if (ret == -ENOENT)
		job_end(j, OUTCOME_DONE, 0, "it held nothing");
	else if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "the list of what was held: %s", strerror(-ret));
	else if (job_intent(j) == 0)
		look(j);
}
