/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deeds on queued messages. ORDER_HOLD puts those on hold that an account
 * submitted and that have not left; ORDER_RELEASE and ORDER_PURGE end that for
 * those that an order held and that still are; ORDER_QUEUE_* do the same to
 * messages that an admin has chosen. The queues are listed, matched (queue.c),
 * acted on with the ids on postsuper's standard input, and listed again: what
 * the last listing says is the outcome, not an exit status.
 *
 * A purge holds first, then copies (quarantine.c), then deletes what has its
 * copy. What is older than the queue's lifetime is requeued in place of being
 * released: a release would bounce it, and its sender may be forged.
 */
#include "privileged/runner/hold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define LENT_MS 5000	/* how old a listing may be that another job made */

static void hold_free(void **work)
{
	struct hold *h = *work;

	queue_items_free(&h->items);
	postfix_close(&h->postfix);
	close_fd(&h->quarantine);
	buf_free(&h->manifest);
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
	postfix_init(&h->postfix, j->r->config);
	h->quarantine = -1;
	j->work = h;
	j->work_free = hold_free;
	return h;
}

static bool holds(const struct job *j)
{
	return j->kind->type == ORDER_HOLD || j->kind->type == ORDER_QUEUE_HOLD;
}

static bool purges(const struct job *j)
{
	return j->kind->type == ORDER_PURGE || j->kind->type == ORDER_QUEUE_PURGE;
}

/* By hand on any message; else only on those that an order has put on hold. */
static bool is_by_choice(const struct job *j)
{
	return j->kind->type >= ORDER_QUEUE_HOLD && j->kind->type <= ORDER_QUEUE_PURGE;
}

static bool keeps_copies(const struct job *j)
{
	return purges(j) && j->order->head.action != PURGE_NO_COPY;
}

/* ---- asking postsuper ---- */

static void look(struct job *j);

/*
 * What it may be asked for, and the queue in which alone it then looks: a
 * message that has moved on meanwhile is not touched.
 */
static const struct deed { char letter; const char *option, *queue; } deeds[] = {
	{ 'h', "-h", NULL }, { 'H', "-H", "hold" }, { 'r', "-r", "hold" }, { 'd', "-d", "hold" },
};

static void ask_next(struct job *j);

static void after_postsuper(struct job *j, const struct command_result *r)
{
	struct hold *h = j->work;

	command_judge(r, "postsuper", j->why, sizeof(j->why));
	h->asked = true;
	ask_next(j);
}

static void ask(struct job *j, unsigned instance, char letter)
{
	struct hold *h = j->work;
	const char *words[] = { NULL, "-", NULL, NULL };
	struct buf ids = { 0 };

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (deeds[i].letter == letter) {
			words[0] = deeds[i].option;
			words[2] = deeds[i].queue;
		}
	for (size_t i = 0; i < h->items.n; i++) {
		struct queue_item *item = &h->items.v[i];

		if (item->instance == instance && item->deed == letter && !item->asked) {
			buf_printf(&ids, "%s\n", item->want.id);
			item->asked = true;
		}
	}
	if (buf_error(&ids))
		after_postsuper(j, &(struct command_result){ .error = buf_error(&ids) });
	else
		postfix_run(j, &h->postfix.v[instance], &j->r->config->helpers.postsuper, words,
			    (struct command_spec){ .input = buf_span(&ids) }, after_postsuper);
	buf_free(&ids);
}

/* One start of postsuper for each instance and deed; then what came of it. */
static void ask_next(struct job *j)
{
	struct hold *h = j->work;

	for (size_t i = 0; i < h->items.n; i++)
		if (h->items.v[i].deed && !h->items.v[i].asked) {
			ask(j, h->items.v[i].instance, h->items.v[i].deed);
			return;
		}
	look(j);
}

/* ---- the words ---- */

struct sums { size_t all, before, gone, active, held, done, requeued, stays; };

static bool is_done(const struct job *j, const struct queue_item *q)
{
	if (holds(j))
		return q->last == QUEUE_HOLD;
	return q->deed == 'd' ? q->last == QUEUE_GONE : q->deed && q->last != QUEUE_HOLD;
}

static struct sums sum_up(const struct job *j)
{
	const struct hold *h = j->work;
	struct sums s = { .all = h->items.n };

	for (size_t i = 0; i < h->items.n; i++) {
		const struct queue_item *q = &h->items.v[i];
		bool here = q->last != QUEUE_GONE;
		bool meant = holds(j) || j->kind->type == ORDER_QUEUE_PURGE || q->first == QUEUE_HOLD;

		if (q->first == QUEUE_GONE) {
			s.gone++;
		} else if (holds(j) && q->first == QUEUE_HOLD) {
			s.before++;
		} else if (is_done(j, q)) {
			s.done++;
			s.active += q->first == QUEUE_ACTIVE;
			s.requeued += q->deed == 'r';
		} else if (here && meant) {
			s.stays++;
		} else {
			s.gone++;
		}
	}
	return s;
}

/* Does all that was asked for stand, and was all of it seen? If not, why. */
static const char *trouble(const struct job *j, const struct sums *s)
{
	const struct hold *h = j->work;

	if (h->postfix.why[0])
		return h->postfix.why;
	if (s->stays == 0)
		return NULL;
	return j->why[0] ? j->why : "postsuper did nothing";
}

static void end_hold(struct job *j)
{
	const struct hold *h = j->work;
	const struct sums s = sum_up(j);
	const char *why = trouble(j, &s);
	char more[48] = "";

	if (h->bad)
		snprintf(more, sizeof(more), "; %zu lines not understood", h->bad);
	if (why)
		job_end(j, OUTCOME_FAILED, -EIO, "%zu held, %zu not: %.60s", s.done, s.stays, why);
	else
		job_end(j, OUTCOME_DONE, (int)s.done, "%zu held (%zu in delivery, may be out), %zu left before, %zu held before%s",
			s.done, s.active, s.gone, s.before, more);
}

/* Nothing is on hold by that order any more: it can be forgotten. */
static void forget_held(struct job *j)
{
	const struct logbook_entry *e = logbook_get(j->r->journal, j->entry.ref);
	struct logbook_entry copy;

	if (is_by_choice(j) || !e)
		return;
	copy = *e;
	copy.phase = LOGBOOK_UNDONE;
	logbook_put(j->r->journal, &copy);
	held_remove(j, copy.id);
}

static void end_release(struct job *j)
{
	const struct sums s = sum_up(j);
	const char *why = trouble(j, &s);
	char more[48] = "";

	if (s.requeued)
		snprintf(more, sizeof(more), "%zu requeued (too old), ", s.requeued);
	if (why) {
		job_end(j, OUTCOME_FAILED, -EIO, "%zu released, %s%zu not: %.60s", s.done - s.requeued, more, s.stays, why);
		return;
	}
	forget_held(j);
	job_end(j, OUTCOME_DONE, (int)s.done, "%zu released, %s%zu were not on hold any more",
		s.done - s.requeued, more, s.gone);
}

static void end_purge(struct job *j)
{
	const struct hold *h = j->work;
	const struct sums s = sum_up(j);
	const char *why = trouble(j, &s);
	char more[64] = "";

	if (h->copied)
		snprintf(more, sizeof(more), "; copies: quarantine/%lld", (long long)j->order->account.at_ms);
	if (why) {
		job_end(j, OUTCOME_FAILED, -EIO, "%zu deleted, %zu not: %.60s", s.done, s.stays, why);
		return;
	}
	forget_held(j);
	if (is_by_choice(j))
		job_end(j, OUTCOME_DONE, (int)s.done, "%zu deleted (%zu in delivery, may be out), %zu left before%s",
			s.done, s.active, s.gone, more);
	else
		job_end(j, OUTCOME_DONE, (int)s.done, "%zu deleted, %zu were not on hold any more%s", s.done, s.gone, more);
}

static void end(struct job *j)
{
	if (holds(j))
		end_hold(j);
	else if (purges(j))
		end_purge(j);
	else
		end_release(j);
}

/* ---- the road ---- */

/*
 * Before postsuper: the intent of a hold is its list. One that a crash left
 * open may have a list already: what stands there stays ours.
 */
static int keep_list(struct job *j)
{
	struct hold *h = j->work;
	struct queue_items ours = { 0 };
	struct buf text = { 0 };
	int ret;

	if (j->again)
		held_read(j, j->entry.id, &ours);
	for (size_t i = 0; i < ours.n; i++) {
		ours.v[i].arrival_s = ours.v[i].want.from_s;
		queue_manifest(&ours.v[i], ours.v[i].want.home, &text);
	}
	for (size_t i = 0; i < h->items.n; i++) {
		const struct queue_item *q = &h->items.v[i];

		if (q->deed && !queue_has(&ours, q->want.id, q->arrival_s))
			queue_manifest(q, postfix_home(&h->postfix, q->instance), &text);
	}
	ret = buf_error(&text) ? buf_error(&text) : held_write(j, j->entry.id, buf_span(&text));
	buf_free(&text);
	queue_items_free(&ours);
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

	if (!j->again || !holds(j) || held_read(j, j->entry.id, &ours) < 0)
		return;
	for (size_t i = 0; i < h->items.n; i++)
		if (h->items.v[i].last == QUEUE_HOLD &&
		    queue_has(&ours, h->items.v[i].want.id, h->items.v[i].arrival_s))
			h->items.v[i].last = QUEUE_WAITS;
	queue_items_free(&ours);
}

/* What is to be done with an item that is where its first listing saw it; 0: nothing. */
static char deed_of(const struct job *j, const struct queue_item *q)
{
	const struct hold *h = j->work;
	int64_t lifetime = h->postfix.v[q->instance].lifetime_s;

	if (q->last == QUEUE_GONE)
		return 0;
	if (q->last != QUEUE_HOLD)
		return holds(j) || j->kind->type == ORDER_QUEUE_PURGE ? 'h' : 0;
	if (holds(j))
		return 0;
	if (purges(j))
		return 'd';
	return clock_wall().ms / 1000 - q->arrival_s >= lifetime ? 'r' : 'H';
}

/* Deeds of this letter, or of any but this one, are off. */
static size_t choose(struct job *j, char only, char but)
{
	struct hold *h = j->work;
	size_t n = 0;

	for (size_t i = 0; i < h->items.n; i++) {
		struct queue_item *q = &h->items.v[i];
		char deed = deed_of(j, q);

		if (h->looks == 1)
			q->first = q->last;
		q->deed = (only && deed != only) || (but && deed == but) ? 0 : deed;
		q->asked = false;
		n += q->deed != 0;
	}
	return n;
}

/* Only what has its copy goes. */
static void delete(struct job *j)
{
	struct hold *h = j->work;
	bool copies = keeps_copies(j);

	choose(j, 'd', 0);
	for (size_t i = 0; copies && i < h->items.n; i++)
		if (!h->items.v[i].copied)
			h->items.v[i].deed = 0;
	h->looks = 2;		/* the next one is the last */
	ask_next(j);
}

static void copy_and_delete(struct job *j)
{
	if (choose(j, 'd', 0) == 0)
		end(j);
	else if (keeps_copies(j))
		quarantine_copy(j, (uint64_t)j->order->account.at_ms, delete);
	else
		delete(j);
}

static void first_look(struct job *j)
{
	struct hold *h = j->work;
	char why[TEMPLATE_WHY_MAX];

	take_up(j);
	if (keeps_copies(j) && quarantine_room(j, &h->items, why, sizeof(why)) < 0) {
		job_end(j, OUTCOME_REFUSED, -ENOSPC, "%s", why);
		return;
	}
	if (choose(j, 0, 'd') > 0) {
		if (!holds(j) || keep_list(j) == 0)
			ask_next(j);
	} else if (purges(j)) {
		copy_and_delete(j);
	} else {
		end(j);
	}
}

static int read_listings(struct job *j)
{
	struct hold *h = j->work;
	uint32_t others[POSTFIX_MAX];
	struct span text;
	int ret;

	h->bad = 0;
	queue_start(&h->items);
	for (size_t i = 0; i < h->postfix.n; i++) {
		struct queue_of of = postfix_of(&h->postfix, i, others);

		ret = postfix_map(&h->postfix.v[i], &text);
		if (ret < 0)
			return ret;
		queue_look(&h->items, text, &of, &h->bad);
		postfix_unmap(text);
	}
	return 0;
}

/* One instance that cannot be listed leaves the others to be acted on. */
static bool nothing_seen(const struct postfix *p)
{
	size_t seen = 0;

	for (size_t i = 0; i < p->n; i++)
		seen += p->v[i].listing >= 0;
	return seen == 0;
}

/* ---- the parts of a large hold: one's last look is the next one's first */

void hold_forget_listing(struct runner *r)
{
	if (r->listed)
		postfix_close(r->listed);
	free(r->listed);
	r->listed = NULL;
}

/* Kept only while somebody waits who can use it: a listing can be large. */
static void lend(struct job *j)
{
	const struct hold *h = j->work;
	struct runner *r = j->r;

	hold_forget_listing(r);
	for (const struct job *k = r->jobs; k; k = k->next)
		if (k != j && !k->running && k->kind == j->kind && !r->listed) {
			r->listed = calloc(1, sizeof(*r->listed));
			if (!r->listed)
				return;
			postfix_init(r->listed, r->config);
			if (!postfix_borrow(r->listed, &h->postfix))
				hold_forget_listing(r);
			return;
		}
}

/* Once: what this job does, or another one later, is not in it. */
static bool borrow(struct job *j)
{
	struct hold *h = j->work;
	const struct postfix *from = j->r->listed;

	h->borrowed = from && clock_mono().ms - from->listed.ms < LENT_MS && postfix_borrow(&h->postfix, from);
	hold_forget_listing(j->r);
	return h->borrowed;
}

/* One that is not in it may have come since. */
static bool is_stale(struct hold *h)
{
	bool stale = h->borrowed && queue_count(&h->items, -1, QUEUE_GONE) > 0;

	h->borrowed = false;
	return stale;
}

static void looked(struct job *j)
{
	struct hold *h = j->work;
	const char *so_far = h->asked ? "asked for, not verified: " : "";
	int ret;

	if (nothing_seen(&h->postfix)) {
		job_end(j, OUTCOME_FAILED, -EIO, "%s%s", so_far, h->postfix.why);
		return;
	}
	ret = read_listings(j);
	if (ret == 0 && is_stale(h)) {
		look(j);
		return;
	}
	h->looks++;
	if (h->looks > 1 && holds(j))
		lend(j);
	else
		hold_forget_listing(j->r);
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%sthe queue's listing: %s", so_far, strerror(-ret));
	else if (h->looks == 1)
		first_look(j);
	else if (h->looks == 2 && purges(j))
		copy_and_delete(j);
	else
		end(j);
}

static void look(struct job *j)
{
	postfix_list(j, looked);
}

/* Lifetimes are needed for a release, names where there is more than one instance. */
static void begin(struct job *j)
{
	struct hold *h = j->work;

	if (job_intent(j) < 0)
		return;
	if (h->postfix.n > 1 || !(holds(j) || purges(j)))
		postfix_learn(j, look);
	else if (holds(j) && borrow(j))
		looked(j);
	else
		look(j);
}

/*
 * What a crash left open is asked for again, perhaps by an engine that has
 * forgotten some of the messages: what its list has is meant still.
 */
static int add_listed(struct job *j)
{
	struct hold *h = j->work;
	struct queue_items ours;
	int ret;

	if (!j->again || held_read(j, j->entry.id, &ours) < 0)
		return 0;
	ret = queue_items_add(&h->items, &ours);
	queue_items_free(&ours);
	return ret;
}

static void begin_with(struct job *j, const struct queued *v, size_t n, const char *none)
{
	struct hold *h = hold_new(j);
	int ret = h ? queue_items_new(v, n, &h->items) : 0;

	if (!h)
		return;
	if (ret == 0)
		ret = add_listed(j);
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "out of memory");
	else if (h->items.n == 0)
		job_end(j, OUTCOME_DONE, 0, "%s", none);
	else
		begin(j);
}

void job_hold(struct job *j)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = policy_account(j->r, j->kind->type, j->entry.name, false, j->again, why);

	if (ret < 0)
		job_end(j, OUTCOME_REFUSED, ret, "%s", why);
	else
		begin_with(j, j->order->hold.v, j->order->hold.n, "no message of it is known");
}

void job_queue(struct job *j)
{
	begin_with(j, j->order->hold.v, j->order->hold.n, "no message");
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
	ret = held_read(j, e->id, &h->items);
	if (ret == -ENOENT)
		job_end(j, OUTCOME_DONE, 0, "it held nothing");
	else if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "the list of what was held: %s", strerror(-ret));
	else
		begin(j);
}
