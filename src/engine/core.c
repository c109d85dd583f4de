/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joins the steps. Ordinary entries end in matcher_run(); all else here is
 * for hits. Time is told only when a hit asks, the page that bailiffd reads
 * after a crash is kept up with what is being worked on, and nothing here
 * knows whether it runs live or over an old log.
 */
#include "engine/core.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/hash.h"
#include "engine/count/subject.h"
#include "engine/fault.h"
#include "engine/locate.h"
#include "engine/passage.h"
#include "engine/targets.h"

#define EVIDENCE_BYTES (1u << 20)

/* A join is worth a run also where no thread waits: it tells whose message the second id is. */
#define WHO_SUBMITTED (UINT64_C(1) << THREADS_WHO)

static uint64_t known(void *arg, struct span id)
{
	const struct core *core = arg;

	return threads_known(core->threads, id) | (submitted_knows(core->submitted, id) ? WHO_SUBMITTED : 0);
}

/* What tells whose message it is (note_message) is told for one that asks for that. */
static struct match_ties ties(const void *arg, size_t jail)
{
	const struct core *core = arg;
	bool accounts = core->jails[jail].accounts;
	unsigned set = threads_set(core->threads, jail) * 2 + accounts;

	return (struct match_ties){
		.who = threads_who(core->threads, jail) | (accounts ? WHO_SUBMITTED : 0),
		.set = set < 64 ? UINT64_C(1) << set : 0,
	};
}

/* All but the matcher. */
static int tables_new(struct core *core, struct complaints *bad)
{
	const struct config *c = core->config;
	int r = windows_new(c, &core->windows);

	if (r == 0)
		r = threads_new(c, &core->threads);
	if (r == 0)
		r = history_new(c, &core->history);
	if (r == 0)
		r = brakes_new(c, &core->brakes);
	if (r == 0)
		r = known_new(&core->known);
	if (r == 0)
		r = networks_new(&core->networks);
	if (r == 0)
		r = levels_new(c, &core->levels);
	if (r == 0)
		r = classes_new(c, &core->classes);
	if (r == 0)
		r = zones_load(core, bad);
	if (r == 0)
		r = submitted_new(&core->submitted);
	if (r == 0)
		r = evidence_new(EVIDENCE_BYTES, &core->evidence);
	return r;
}

static struct core *blank(const struct config *c)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->config = c;
	core->not_before_ms = INT64_MIN;
	core->qid = config_field(c, SPAN_LIT("qid"));
	core->qid2 = config_field(c, SPAN_LIT("qid2"));
	core->user = config_field(c, SPAN_LIT("user"));
	core->country = config_field(c, SPAN_LIT("country"));
	core->sender = config_field(c, SPAN_LIT("sender"));
	core->mode = calloc(c->njails + 1, sizeof(*core->mode));
	core->jails = calloc(c->njails + 1, sizeof(*core->jails));
	core->login = calloc(1, sizeof(*core->login));
	if (!core->mode || !core->jails || !core->login)
		core_free(&core);
	for (size_t i = 0; core && i < c->njails; i++)
		core->jails[i].accounts = jail_touches_accounts(&c->jails[i]);
	return core;
}

int core_new(const struct config *c, bool reference, struct complaints *bad, struct core **ret)
{
	struct core *core = blank(c);
	int r = core ? matcher_new(c, reference, bad, &core->matcher) : -ENOMEM;

	if (r == 0)
		r = tables_new(core, bad);
	if (r < 0) {
		core_free(&core);
		return r;
	}
	matcher_gate(core->matcher, known, ties, core);
	for (size_t i = 0; i < c->njails; i++)
		core_set_mode(core, (uint16_t)i, c->jails[i].mode);
	*ret = core;
	return 0;
}

int core_beside(struct core *first, const struct config *c, struct core **ret)
{
	struct core *core = blank(c);
	struct complaints told = { 0 };		/* by the first one */
	int r = core ? tables_new(core, &told) : -ENOMEM;

	complaints_free(&told);
	if (r < 0) {
		core_free(&core);
		return r;
	}
	core->first = first;
	core->matcher = first->matcher;
	matcher_gate(core->matcher, known, ties, core);
	core_place(core, first->geo);
	for (size_t i = 0; i < c->njails; i++)
		core_set_mode(core, (uint16_t)i, MODE_OFF);
	*ret = core;
	return 0;
}

/* The matcher back to the core that has it. */
static void give_back(struct core *core)
{
	struct core *first = core->first;

	core->matcher = NULL;
	matcher_gate(first->matcher, known, ties, first);
	for (size_t i = 0; i < first->config->njails; i++)
		core_set_mode(first, (uint16_t)i, first->mode[i]);
}

int core_renew(struct core *core, uint16_t jail)
{
	const struct config *c = core->config;
	int r;

	windows_free(&core->windows);
	history_free(&core->history);
	brakes_free(&core->brakes);
	threads_clear(core->threads);
	r = windows_new(c, &core->windows);
	if (r == 0)
		r = history_new(c, &core->history);
	if (r == 0)
		r = brakes_new(c, &core->brakes);
	if (r == 0 && c->jails[jail].limit.kind == LIMIT_LEVEL) {
		levels_free(&core->levels);
		r = levels_new(c, &core->levels);
	}
	return r;
}

void core_free(struct core **cp)
{
	struct core *core = *cp;

	if (!core)
		return;
	if (core->first)
		give_back(core);
	matcher_free(&core->matcher);
	windows_free(&core->windows);
	threads_free(&core->threads);
	history_free(&core->history);
	brakes_free(&core->brakes);
	evidence_free(&core->evidence);
	known_free(&core->known);
	networks_free(&core->networks);
	levels_free(&core->levels);
	classes_free(&core->classes);
	zones_free(core);
	submitted_free(&core->submitted);
	flow_free(&core->flow);
	free(core->login);
	free(core->mode);
	free(core->jails);
	free(core);
	*cp = NULL;
}

void core_forget(struct core *core, uint16_t jail, struct span key)
{
	windows_clear(core->windows, jail, key);
	levels_clear(core->levels, jail, key);
	history_clear(core->history, jail, key);
}

void core_set_mode(struct core *core, uint16_t jail, enum jail_mode mode)
{
	const struct jail *j = &core->config->jails[jail];

	core->mode[jail] = mode;
	matcher_enable(core->matcher, j, mode != MODE_OFF);
}

void core_place(struct core *core, const struct geo *geo)
{
	core->geo = geo;
	matcher_locate(core->matcher, geo);
}

/* ---- one entry on its way */

static struct event_time when_of(struct passage *p)
{
	if (p->timed)
		return p->when;
	p->timed = true;
	p->when = prefix_time(p->clock->parser, p->entry, &p->clock->ctx,
			      p->clock->last, p->clock->clamped);
	return p->when;
}

static struct event_time flow_clock(void *arg)
{
	return when_of(arg);
}

/* Does it ban anybody? What is refused anyway, no brake counts. */
static bool bans(const struct core *core, const struct verdict *v, const struct facts *f)
{
	for (size_t i = 0; i < v->nactions; i++)
		if (v->action[i].action->kind == ACTION_BAN &&
		    (v->action[i].action->whom == WHOM_SEEN || !f->from || !targets_refused(core->config, v->jail, f->from)))
			return true;
	return false;
}

/*
 * `whom: seen` bans the places a stolen account was used from, but not those
 * that others, or the owner before, use as well. bailiffd has the last word on
 * allowed and private ones; here they are named for the report.
 */
static const char *why_spared(const struct core *core, const struct jail *j, const struct addr *a,
			      struct span account, struct event_time now)
{
	static const char *const words[] = {
		[KNOWN_OWN] = "the account was used from there before",
		[KNOWN_OTHERS] = "another account was used from there within a day",
	};
	const char *why = targets_refused(core->config, j, a);

	if (why)
		return why;
	return account.n ? words[known_ask(core->known, a, account, now)] : NULL;
}

static void fire(struct passage *p, const struct facts *f, const struct window_hit *w,
		 const struct subject *subject, const struct tally *t)
{
	struct core *core = p->core;
	struct event_time when = w->when;
	struct core_verdict cv = {
		.subject = subject, .key = w->key, .hit = f->hit, .jail = w->jail,
		.pos = *p->pos, .trusted = p->trusted,
	};
	unsigned earlier = history_earlier(core->history, w->jail, w->key,
					   (struct event_time){ when.ms - decide_remember_ms(f->hit->jail) });
	struct verdict v;

	decide(f->hit->jail, t, earlier, when, core->mode[w->jail] == MODE_SHADOW || brakes_on(core->brakes, w->jail), &v);
	v.class = config_class_limit(f->class, w->jail) ? f->class->name : NULL;
	if (core->mode[w->jail] == MODE_ON && !v.shadow && bans(core, &v, f) &&
	    (cv.braked = brakes_count(core->brakes, w->jail, when)))
		decide_shadow(&v);
	cv.v = &v;
	cv.nseen = windows_seen(core->windows, w->jail, w->key, cv.seen, CORE_SEEN_MAX);
	for (size_t i = 0; i < cv.nseen; i++)
		cv.spared[i] = why_spared(core, f->hit->jail, &cv.seen[i], subject_account(subject), when);
	windows_signals(core->windows, w->jail, w->key, when, v.signal);
	windows_clear(core->windows, w->jail, w->key);
	history_add(core->history, w->jail, w->key, when, v.until);
	core->jails[w->jail].verdicts++;
	if (!f->hit->jail->signal || core->testing)
		core->fn(core->arg, &cv);
	if (!f->hit->jail->verdicts)
		retell_scored(p, &cv);
	if (!f->hit->jail->verdicts && !v.shadow && core->mode[w->jail] == MODE_ON)
		retell(p, &cv);
}

/* The limit was crossed a while ago: this address alone is one more of those. */
static void fire_further(struct passage *p, const struct facts *f, const struct window_hit *w,
			 const struct subject *subject)
{
	struct tally t = { .amount = f->hit->jail->limit.amount, .first = w->when, .crossed = true };
	struct span account = subject_account(subject), own;
	struct addr from;

	if (!f->from)
		return;
	from = addr_group(f->from, 32, f->hit->jail->limit.v6_len);
	own = (struct span){ (const char *)&from, sizeof(from) };
	if (history_quiet(p->core->history, w->jail, own, w->when) ||
	    why_spared(p->core, f->hit->jail, f->from, account, w->when))
		return;
	history_add(p->core->history, w->jail, own, w->when,
		    (struct event_time){ w->when.ms + f->hit->jail->limit.within_ms });
	windows_clear(p->core->windows, w->jail, w->key);
	if (windows_add(p->core->windows, w, &(struct tally){ 0 }) == 0)
		fire(p, f, w, subject, &t);
}

/*
 * A failure of an account that we shut out, from where it was at home: the
 * owner's phone with the old password, and no guess.
 */
static bool is_owners(const struct passage *p, const struct hit *hit, const struct addr *from,
		      struct event_time when)
{
	struct span account;

	return p->core->contained.n > 0 && from && !jail_touches_accounts(hit->jail) &&
	       measure_account(p->core, hit_captured(hit, p->core->user), &account) &&
	       contained_has(&p->core->contained, account, when) &&
	       known_has(p->core->known, from, account);
}

/* A gauge: not how often, but how much there is now. */
static void gauge(struct passage *p, const struct facts *f, const struct window_hit *w,
		  const struct subject *subject)
{
	struct core *core = p->core;
	const struct limit *l = &f->hit->jail->limit;
	struct tally t = { .first = w->when, .crossed = true };
	uint64_t over = w->bar ? w->bar->amount : l->amount;

	if (!measure_number(p, f->hit, l->value, &t.amount) ||
	    !levels_add(core->levels, w->jail, w->key, w->when, t.amount, over, l->under < over ? l->under : over))
		return;
	/* Told when the quiet time is over, if it is still so then. */
	if (history_quiet(core->history, w->jail, w->key, w->when))
		levels_clear(core->levels, w->jail, w->key);
	else
		fire(p, f, w, subject, &t);
}

/* What a jail that counts successes teaches: where its account is at home. */
static void learn(struct passage *p, const struct hit *hit, const struct addr *from,
		  const struct subject *subject, struct event_time when)
{
	struct span account = subject_account(subject);
	struct core *core = p->core;

	if (!account.n || !jail_counts_successes(hit->jail))
		return;
	/* Several jails count the same success of a line; one that waited has another time. */
	if (when.ms == p->when.ms) {
		if (addr_equal(&p->taught_from, from) && span_eq(p->taught, account))
			return;
		memcpy(p->taught_name, account.p, account.n);
		p->taught = (struct span){ p->taught_name, account.n };
		p->taught_from = *from;
	}
	known_add(core->known, from, account, when);
	networks_add(core->networks, from, account, when);
}

/* Lower limits for an account that was stolen lately; in *room where it is one. */
static void lower_limit(const struct core *core, const struct hit *hit, const struct subject *subject,
			struct window_hit *w, struct bar *room)
{
	const struct limit *l = &hit->jail->limit;
	struct bar own = { .amount = l->amount, .alone = l->alone };

	if (core->probation.n == 0 || !jail_touches_accounts(hit->jail) || !subject_account(subject).n ||
	    !probation_until(&core->probation, subject_account(subject), w->when))
		return;
	*room = probation_bar(w->bar ? w->bar : &own, l, core->config->accounts.probation_factor);
	w->bar = room;
}

static void tell_counted(const struct core *core, const struct facts *f, const struct window_hit *w,
			 const struct subject *subject, const struct tally *t)
{
	struct core_counted c = { w->jail, subject, f->class ? f->class->name : NULL, w->when, t->amount };

	core->counted(core->arg, &c);
}

/* A hit whose time and captures are complete. */
void core_count(void *arg, const struct hit *hit, struct event_time when)
{
	struct passage *p = arg;
	struct core *core = p->core;
	uint16_t jail = (uint16_t)(hit->jail - core->config->jails);
	const struct subject *subject = &p->who.subject;
	struct window_hit w = { .jail = jail, .when = when };
	struct facts facts;
	struct tally t;
	struct bar bar, lower;
	bool quiet, met;

	/* A hit may have waited, and the line that lets it go be another jail's. */
	if (core->mode[jail] == MODE_OFF)
		return;
	if (core->page)
		core->page->jail = jail;
	core->jails[jail].hits++;
	if (hit->jail->limit.kind == LIMIT_NONE)
		return;
	if (!measure_subject(p, hit))
		return;
	w.key = p->who.key;
	facts_of(p, hit, &facts);
	history_watch(core->history, jail, jail_only_watches(core, jail, when));
	quiet = history_quiet(core->history, jail, w.key, when);
	met = conditions_meet(p, &facts, subject, &w, &bar);
	/* Nothing comes of it but one more line to show. */
	if (quiet && !hit->jail->limit.further && hit->jail->limit.kind != LIMIT_LEVEL) {
		if (met)
			evidence_add(core->evidence, jail, w.key, when, p->line);
		return;
	}
	if (met && measure(p, &facts, &w)) {
		evidence_add(core->evidence, jail, w.key, when, p->line);
		if (hit->jail->limit.kind == LIMIT_LEVEL) {
			gauge(p, &facts, &w, subject);
			return;
		}
	} else {
		w.weight = 0;
		w.aside = false;
	}
	if (facts.from)
		w.seen = *facts.from;
	if (quiet) {
		if (w.weight > 0 && !is_owners(p, hit, facts.from, when))
			fire_further(p, &facts, &w, subject);
		return;
	}
	if (facts.from)
		learn(p, hit, facts.from, subject, when);
	if ((w.weight == 0 && !w.aside) || is_owners(p, hit, facts.from, when))
		return;
	lower_limit(core, hit, subject, &w, &lower);
	if (windows_add(core->windows, &w, &t) < 0)
		return;
	if (core->counted)
		tell_counted(core, &facts, &w, subject, &t);
	if (t.crossed)
		fire(p, &facts, &w, subject, &t);
}

/* Which account handed in which message, for a hold later on. */
static void note_message(struct passage *p, const struct hit *hit, struct event_time when)
{
	struct span id, id2, account, instance = p->entry->program;
	bool join = hit->rule && hit->rule->verb == VERB_JOIN;
	const char *slash;

	if (!p->core->jails[hit->jail - p->core->config->jails].accounts)
		return;
	id = hit_captured(hit, p->core->qid);
	if (id.n == 0)
		return;
	/* The same words of the line, taken by jail after jail. */
	id2 = hit_captured(hit, join ? p->core->qid2 : p->core->user);
	if (id2.n == 0 || (p->noted[0].p == id.p && p->noted[1].p == id2.p && p->noted[1].n == id2.n))
		return;
	p->noted[0] = id;
	p->noted[1] = id2;
	slash = instance.n ? memchr(instance.p, '/', instance.n) : NULL;
	if (slash)
		instance.n = (size_t)(slash - instance.p);
	if (join)
		submitted_join(p->core->submitted, instance, id, id2, when);
	else if (measure_account(p->core, id2, &account))
		submitted_add(p->core->submitted, instance, id, account, when, p->trusted);
}

/*
 * pickup(8) of a message that `postsuper -r` had requeued (Postfix's pickup.c):
 * "NEW: uid=0 from=<SENDER> orig_id=OLD". Only the last word is not a stranger's.
 */
static void note_requeued(struct passage *p)
{
	static const struct span key = SPAN_LIT("orig_id=");
	struct span text = p->entry->text, instance = p->entry->program;
	const char *last = memrchr(text.p, ' ', text.n), *colon = memchr(text.p, ':', text.n);
	size_t n = last ? text.n - (size_t)(last + 1 - text.p) : 0;

	if (!p->trusted || !colon || n <= key.n || memcmp(last + 1, key.p, key.n) != 0)
		return;
	instance.n = (size_t)((const char *)memchr(instance.p, '/', instance.n) - instance.p);
	submitted_join(p->core->submitted, instance, (struct span){ last + 1 + key.n, n - key.n },
		       (struct span){ text.p, (size_t)(colon - text.p) }, when_of(p));
}

static bool is_pickup(const struct entry *e)
{
	static const struct span name = SPAN_LIT("/pickup");

	return e->program.n > name.n && e->text.n > 0 &&
	       memcmp(e->program.p + e->program.n - name.n, name.p, name.n) == 0;
}

void core_hit(void *arg, const struct hit *hit)
{
	struct passage *p = arg;
	struct core *core = p->core;
	struct event_time when = when_of(p);

	if (when.ms < core->not_before_ms)
		return;
	if (core->page)
		core->page->jail = (uint16_t)(hit->jail - core->config->jails);
	fault(p->line, FAULT_JAIL);
	note_message(p, hit, when);
	if (hit->jail->threaded)
		threads_take(core->threads, hit, p->entry->host, p->entry->program, when, core_count, p);
	else
		core_count(p, hit, when);
}

unsigned core_take(struct core *core, uint16_t log, const struct entry *e,
		   struct span line, const struct position *pos,
		   const struct clockwork *clock, bool trusted)
{
	struct passage p;

	/* Field by field: the buffers of a passage are large and need no clearing. */
	p.core = core;
	p.log = log;
	p.score = NULL;
	p.entry = e;
	p.line = line;
	p.pos = pos;
	p.clock = clock;
	p.trusted = trusted;
	p.timed = false;
	memset(p.noted, 0, sizeof(p.noted));
	p.taught = (struct span){ NULL, 0 };
	p.taught_from.family = ADDR_NONE;
	p.who.raw.n = 0;
	if (core->flow)
		flow_take(core->flow, e, flow_clock, &p);
	if (is_pickup(e))
		note_requeued(&p);
	return matcher_run(core->matcher, log, e, core_hit, &p);
}

int core_key_of(const struct core *core, const struct jail *j, const char *text,
		char *ret, size_t size, size_t *ret_n)
{
	struct subject s = { .n = 1 };
	char buf[SUBJECT_TEXT_MAX];
	struct capture cap = { .raw = span_of(text) };

	if (j->limit.nper != 1)
		return -EINVAL;
	cap.field = j->limit.per[0];
	cap.type = (uint8_t)core->config->fields[cap.field].type;
	if (cap.type == FIELD_ADDR && addr_parse(cap.raw, &cap.addr) < 0)
		return -EINVAL;
	if (!measure_canonical(core, &cap, buf, &s.part[0]))
		return -EINVAL;
	if (cap.type == FIELD_ADDR)
		s.part[0].addr = addr_group(&cap.addr, 32, j->limit.v6_len);
	return subject_key(&s, ret, size, ret_n);
}

struct addr core_ban_prefix(const struct action *a, const struct addr *host)
{
	return addr_group(host, a->v4_len, a->v6_len);
}
