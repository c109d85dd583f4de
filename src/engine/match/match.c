/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry in, hits out. For the ordinary line this is: its program's groups that
 * can begin with its first byte from a small cache (demux.c), mostly none, or
 * one or two whose lead it has not (lead.c) or whose detecting expression
 * fails (group.c). Only where one matches do
 * patterns run singly, in the order of jails and rules over all groups, so
 * that the result is the one of the plain way: each jail, each rule, alone.
 * That plain way is here too (`reference`, and for one jail), and tests hold
 * the two against each other.
 *
 * All memory is taken before the first entry (compile.c).
 */
#include <assert.h>
#include <stdlib.h>

#include "base/glob.h"
#include "base/rare.h"
#include "engine/match/matcher.h"

#define LINE_MAX_DEFAULT 4096

/* An entry as patterns see it. */
struct view {
	struct span text;
	uint32_t options;
	const struct span *pid;	/* of the tag */
};

/* ---- jails in and out */

static size_t jail_index(const struct matcher *m, const struct jail *j)
{
	size_t i = (size_t)(j - m->c->jails);

	assert(i < m->c->njails);
	return i;
}

bool matcher_has(const struct matcher *m, const struct jail *j)
{
	return m->jails[jail_index(m, j)].ok;
}

void matcher_enable(struct matcher *m, const struct jail *j, bool on)
{
	struct jail_state *js = &m->jails[jail_index(m, j)];

	js->enabled = on && js->ok;
	matcher_count_enabled(m);
}

void matcher_refuse(struct matcher *m, const struct jail *j)
{
	m->jails[jail_index(m, j)].ok = false;
	matcher_enable(m, j, false);
}

void matcher_locate(struct matcher *m, const struct geo *geo)
{
	m->geo = geo;
}

/* ---- one entry */

/* What is past line_max is not looked at, and what is left has no end for `$`. */
static struct view view_of(const struct matcher *m, const struct entry *e)
{
	struct span text = e->text;
	size_t max = m->c->line_max ? m->c->line_max : LINE_MAX_DEFAULT;

	if (text.n == 0)
		text = SPAN_LIT("");	/* never NULL, captures point into it */
	if (text.n <= max && !e->cut)
		return (struct view){ text, 0, &e->pid };
	if (text.n < max)
		max = text.n;
	return (struct view){ { text.p, max }, PCRE2_NOTEOL, &e->pid };
}

/* Does the entry have this prefix? Tried once an entry. */
static bool prefix_match(struct matcher *m, struct prefix *p, const struct view *v)
{
	if (p->serial == m->serial)
		return p->matched;
	p->serial = m->serial;
	p->matched = first_has(&p->unit.x.first, v->text) &&
		     unit_run(&p->unit, &m->arena, v->text, v->options, p->data) > 0 &&
		     expr_group(p->data, v->text, p->unit.x.content, &p->content);
	return p->matched;
}

/*
 * An `ignore` that ran into its limit ignores: what cannot be told from an
 * entry that must not count does not count.
 */
static bool ignored(struct matcher *m, const struct jail *j, const struct jail_state *js,
		    struct span subject, uint32_t options)
{
	for (size_t i = 0; i < j->nignore; i++)
		if (unit_run(&js->ignore[i], &m->arena, subject, options, m->arena.data) != 0)
			return true;
	return false;
}

/* A rule's pattern on this entry; NULL: no match. */
static pcre2_match_data *run_rule(struct matcher *m, struct unit *u, struct span subject,
				  uint32_t options)
{
	struct memo *memo = u->memo;

	if (!memo)
		return unit_run(u, &m->arena, subject, options, m->arena.data) > 0 ?
		       m->arena.data : NULL;
	if (memo->serial != m->serial) {
		memo->serial = m->serial;
		memo->rc = unit_run(u, &m->arena, subject, options, memo->data);
	}
	return memo->rc > 0 ? memo->data : NULL;
}

/* The captures of a rule's match; those of a pattern that several rules have stay for the next of them. */
static bool take_captures(struct matcher *m, const struct jail_state *js, const struct unit *u,
			  pcre2_match_data *data, struct span subject, const struct view *v)
{
	struct hit *h = &m->hit;

	if (u->memo && m->captured == u->memo && m->captured_of == m->serial) {
		h->ncaptures = m->ncaptured;	/* without the other one's pid */
		return true;
	}
	m->captured = NULL;
	h->ncaptures = 0;
	if (!capture_add(m->c, &u->x, data, subject, h) ||
	    (js->prefix && !capture_add(m->c, &js->prefix->unit.x, js->prefix->data, v->text, h)))
		return false;
	m->captured = u->memo;
	m->captured_of = m->serial;
	m->ncaptured = h->ncaptures;
	return true;
}

/* Did another rule have the same pattern, in vain? */
static bool has_missed(const struct matcher *m, const struct unit *u)
{
	return u->memo && u->memo->serial == m->serial && u->memo->rc <= 0;
}

/* Was it told for another jail of those that share their threads? */
static bool is_told(const struct matcher *m, const struct unit *u)
{
	return u->set && u->memo->told_of == m->serial && u->memo->told & u->set;
}

static void note_told(const struct matcher *m, struct unit *u)
{
	if (u->memo->told_of != m->serial)
		u->memo->told = 0;
	u->memo->told_of = m->serial;
	u->memo->told |= u->set;
}

enum tried { MISSED, IGNORED, HIT };

/* One rule of a jail whose prefix, if any, has matched. `open`: so is its gate, whatever it is. */
static enum tried try_rule(struct matcher *m, size_t jail, struct unit *u, bool open,
			   const struct view *v, match_fn *fn, void *arg)
{
	const struct jail *j = &m->c->jails[jail];
	const struct jail_state *js = &m->jails[jail];
	struct hit *h = &m->hit;
	pcre2_match_data *data;
	struct span subject;

	/* matched before, but perhaps another entry of its own went through since */
	if (js->prefix && !prefix_match(m, js->prefix, v))
		return MISSED;
	subject = js->prefix ? js->prefix->content : v->text;
	data = run_rule(m, u, subject, v->options);
	if (!data || !take_captures(m, js, u, data, subject, v))
		return MISSED;
	if (j->threaded && j->thread_by == m->pid)
		capture_pid(j->thread_by, *v->pid, h);
	h->jail = j;
	h->rule = u->rule;
	h->line = m->serial;
	if (ignored(m, j, js, subject, v->options))
		return IGNORED;
	/* Told to nobody in either way, or the time of later hits could come to differ. */
	if (!open && gate_is_shut(m, jail, u, v->text))
		return HIT;
	if (u->rule->verb != VERB_JOIN || !gate_joins_nothing(m, h)) {
		m->moment++;
		fn(arg, h);
	}
	if (u->set)
		note_told(m, u);
	return HIT;
}

/* The plain way: one jail, its rules one after the other. */
static unsigned run_jail(struct matcher *m, size_t jail, const struct view *v,
			 match_fn *fn, void *arg)
{
	const struct jail *j = &m->c->jails[jail];
	struct jail_state *js = &m->jails[jail];
	enum tried t = MISSED;

	if (js->prefix && !prefix_match(m, js->prefix, v))
		return 0;
	for (size_t i = 0; i < j->nrules && t == MISSED; i++)
		t = try_rule(m, jail, &js->rule[i], m->single, v, fn, arg);
	return t == HIT;
}

static bool has_program(const struct jail *j, struct span program)
{
	for (size_t i = 0; i < j->programs.n; i++)
		if (glob_match(j->programs.v[i], program))
			return true;
	return j->programs.n == 0;
}

static bool has_log(const struct jail *j, uint16_t log)
{
	for (size_t i = 0; i < j->nlogs; i++)
		if (j->logs[i] == log)
			return true;
	return false;
}

static _rare_ unsigned run_reference(struct matcher *m, uint16_t log, const struct entry *e,
				     const struct view *v, match_fn *fn, void *arg)
{
	unsigned hits = 0;

	for (size_t i = 0; i < m->c->njails; i++) {
		const struct jail *j = &m->c->jails[i];

		if (m->jails[i].enabled && has_log(j, log) && has_program(j, e->program))
			hits += run_jail(m, i, v, fn, arg);
	}
	return hits;
}

/* Behind a prefix no head is looked for. */
static bool begins(const struct leads *leads, struct span text)
{
	uint64_t word = lead_word(text);

	for (size_t i = 0; i < leads->n; i++)
		if (leads->v[i].head == LEAD_PLAIN && lead_fits(&leads->v[i], text, word))
			return true;
	return leads->n == 0;
}

/* May the group have this entry? *ret: what its patterns see. */
static bool behind_prefix(struct matcher *m, const struct group *g, const struct view *v, struct span *ret)
{
	if (!prefix_match(m, g->prefix, v))
		return false;
	*ret = g->prefix->content;
	return begins(&g->leads, *ret) && (g->leads.n > 0 || first_has(&g->first, *ret));
}

/* What the door left to be compared; `from`: where the text goes on behind its head. */
static bool lead_holds(const struct lead *l, const struct view *v, size_t from)
{
	struct head h;

	if (l->n > sizeof(l->word) && memcmp(v->text.p + from, l->bytes, l->n - sizeof(l->word)) != 0)
		return false;
	if (l->head == LEAD_PLAIN)
		return true;
	h = head_of(v->text);
	return h.end == from && head_fits(&h, l, v->text);
}

/* Has the group behind a door that fits a member that may match? */
static bool enter(struct matcher *m, const struct door *d, const struct view *v, size_t from)
{
	struct group *g = &m->groups.v[d->group];
	struct span subject = v->text;

	/* it can have several doors, and one look tells all */
	if (g->serial == m->serial || (d->lead && !lead_holds(d->lead, v, from)) ||
	    (g->prefix && !behind_prefix(m, g, v, &subject)))
		return false;
	g->serial = m->serial;
	if (g->hidden && gate_is_shut_to(m, g->who, v->text))
		return false;
	if (g->hidden && m->gate && gate_leaves_one(m, g))
		return true;
	return group_detect(g, &m->arena, subject, from, v->options);
}

/* The groups behind these doors with a member that may match, added to the cursors; how many there are. */
static size_t detect_list(struct matcher *m, const struct door *door, const uint16_t *list, size_t n,
			  const struct view *v, size_t from, size_t found)
{
	struct span text = { v->text.p + from, v->text.n - from };
	uint64_t word = lead_word(text);

	for (size_t i = 0; i < n; i++) {
		const struct door *d = &door[list[i]];

		if (door_fits(d, text, word) && enter(m, d, v, from)) {
			struct group *g = &m->groups.v[d->group];

			m->cursors[found++] = (struct cursor){ g, group_found(g, 0) };
		}
	}
	return found;
}

/* The same of a list, which most lines find empty. */
static inline size_t detect_from(struct matcher *m, const struct tag_class *c, const struct view *v,
				 size_t from, size_t found)
{
	size_t n;
	const uint16_t *list = demux_list(c, from > 0, (struct span){ v->text.p + from, v->text.n - from }, &n);

	return n > 0 ? detect_list(m, c->door, list, n, v, from, found) : found;
}

/* Groups of this program with a member that may match; how many. */
static inline size_t detect(struct matcher *m, uint16_t log, struct span program, const struct view *v)
{
	const struct tag_class *c = demux_class(m->demux, log, program);
	size_t found = detect_from(m, c, v, 0, 0);
	size_t from = c->heads ? head_end(v->text) : 0;

	return from > 0 ? detect_from(m, c, v, from, found) : found;
}

/* The least member by jail and rule over all cursors, taken; NULL: none left. */
static const struct member *next_member(struct cursor *cursors, size_t n)
{
	const struct member *best = NULL;
	struct cursor *from = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct member *one = &cursors[i].g->member[cursors[i].at];

		if (cursors[i].at == cursors[i].g->n)
			continue;
		if (!best || one->jail < best->jail ||
		    (one->jail == best->jail && one->rule < best->rule)) {
			best = one;
			from = &cursors[i];
		}
	}
	if (from)
		from->at = group_found(from->g, from->at + 1);
	return best;
}

/* The members that may match, one by one. */
static _rare_ unsigned run_found(struct matcher *m, const struct entry *e, const struct view *v, size_t n,
				 match_fn *fn, void *arg)
{
	const struct member *one, *next;
	size_t done = SIZE_MAX;
	unsigned hits = 0;

	for (one = next_member(m->cursors, n); one; one = next) {
		enum tried t;
		bool alone;

		next = next_member(m->cursors, n);
		if (one->jail == done || !m->jails[one->jail].enabled || has_missed(m, one->unit) ||
		    (one->other_programs && !has_program(&m->c->jails[one->jail], e->program)))
			continue;
		if (is_told(m, one->unit)) {
			done = one->jail;
			hits++;
			continue;
		}
		/* Another rule of the jail would come into its own if this one were passed over. */
		alone = !next || next->jail != one->jail;
		if (alone && gate_is_shut(m, one->jail, one->unit, v->text))
			continue;
		t = try_rule(m, one->jail, one->unit, alone, v, fn, arg);
		if (t != MISSED)
			done = one->jail;
		hits += t == HIT;
	}
	return hits;
}

unsigned matcher_run(struct matcher *m, uint16_t log, const struct entry *e,
		     match_fn *fn, void *arg)
{
	struct view v = view_of(m, e);
	size_t n;

	m->serial = ++m->serials;
	m->moment++;
	m->single = false;
	if (m->reference)
		return run_reference(m, log, e, &v, fn, arg);
	n = detect(m, log, e->program, &v);
	return n > 0 ? run_found(m, e, &v, n, fn, arg) : 0;
}

unsigned matcher_run_jail(struct matcher *m, const struct jail *j,
			  const struct entry *e, match_fn *fn, void *arg)
{
	struct view v = view_of(m, e);
	size_t i = jail_index(m, j);
	uint64_t outer = m->serial;
	struct hit hit;
	unsigned hits;
	bool single;

	if (!m->jails[i].ok || !has_program(j, e->program))
		return 0;
	/* A verdict is told to jails while the hit that led to it is at hand. */
	hit = m->hit;
	single = m->single;
	m->serial = ++m->serials;
	m->moment++;
	m->single = true;
	hits = run_jail(m, i, &v, fn, arg);
	m->single = single;
	m->serial = outer;
	m->hit = hit;
	return hits;
}

/* ---- answers */

bool hit_get(struct matcher *m, const struct hit *h, uint16_t field,
	     struct capture *ret)
{
	if (field >= m->c->nfields)
		return false;
	return capture_get(m->c, m->geo, h, field, m->base[field], m->derived[field], ret);
}

struct telling {
	struct match_trouble *v;
	size_t n, max;
};

static void tell_trouble(struct unit *u, void *arg)
{
	struct telling *t = arg;

	if (u->troubles == 0 || t->n == t->max)
		return;
	t->v[t->n++] = (struct match_trouble){ u->jail, u->rule, u->troubles, u->what };
	u->troubles = 0;
}

size_t matcher_troubles(struct matcher *m, struct match_trouble *ret, size_t max)
{
	struct telling t = { ret, 0, max };

	m->arena.troubled = false;
	matcher_each_unit(m, tell_trouble, &t);
	m->arena.troubled |= t.n == max;	/* perhaps not all */
	return t.n;
}

bool matcher_troubled(const struct matcher *m)
{
	return m->arena.troubled;
}

struct asking {
	const struct rule *rule;
	const char *remark;
};

static void find_remark(struct unit *u, void *arg)
{
	struct asking *a = arg;

	if (u->rule == a->rule)
		a->remark = u->remark;
}

const char *matcher_remark(const struct matcher *m, const struct rule *r)
{
	struct asking a = { r, NULL };

	matcher_each_unit(m, find_remark, &a);
	return a.remark;
}
