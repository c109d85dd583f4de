/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rules are not worth a run where nobody knows the id that the line
 * begins with. Most lines of a mail log belong to no account, and the
 * detecting expression finds nearly all of them: `<qid>: from=`, `to=`,
 * `removed`. What a rule would do with an unknown id is told by its verb, and
 * that its pattern begins with the id, alone, by its text.
 */
#include "engine/match/matcher.h"

#include <string.h>

#include "config/load.h"

#define ID_MAX 64

static int base_field(const struct config *c, int field)
{
	for (int i = 0; i < 4 && field >= 0 && c->fields[field].from; i++)
		field = config_field(c, span_of(c->fields[field].from));
	return field;
}

static bool captures(const struct unit *u, int field)
{
	for (unsigned i = 0; i < u->x.ngroups; i++)
		if (u->x.group[i].field == field)
			return true;
	return false;
}

/* Can it tell the subject by itself? */
static bool tells_subject(const struct config *c, const struct jail *j, const struct unit *u)
{
	for (size_t i = 0; i < j->limit.nper; i++)
		if (!captures(u, j->limit.per[i]) && !captures(u, base_field(c, j->limit.per[i])))
			return false;
	return true;
}

/* Past a class or an escape at p, or one byte. */
static const char *skip(const char *p)
{
	if (*p == '\\')
		return p[1] ? p + 2 : p + 1;
	if (*p++ != '[')
		return p;
	p += *p == '^';
	p += *p == ']';
	while (*p && *p != ']')
		p += *p == '\\' && p[1] ? 2 : 1;
	return *p ? p + 1 : p;
}

/*
 * Does each match capture the field? Its placeholder stands outside of all
 * groups then, with no alternative, and nothing lets it be left out.
 */
static bool always_tells(const char *pattern, const char *name)
{
	size_t n = strlen(name), depth = 0;
	bool found = false;

	/* What could end the match, or hides what stands behind it from this reading. */
	if (strstr(pattern, "(*") || strstr(pattern, "\\Q") || strstr(pattern, "[:") || strchr(pattern, '#'))
		return false;
	for (const char *p = pattern; *p; p = skip(p)) {
		depth += *p == '(';
		depth -= *p == ')' && depth > 0;
		if (*p == '|' && depth == 0)
			return false;
		if (*p == '<' && depth == 0 && strncmp(p + 1, name, n) == 0 && p[n + 1] == '>')
			found |= !p[n + 2] || !strchr("?*{", p[n + 2]);
	}
	return found;
}

static bool always_has(const struct config *c, const struct rule *r, int field)
{
	int base = base_field(c, field);

	return (field >= 0 && always_tells(r->pattern, c->fields[field].name)) ||
	       (base >= 0 && always_tells(r->pattern, c->fields[base].name));
}

/* Has it to wait for another line that tells whom or what it counts? (thread.c, is_ready) */
static bool may_wait(const struct config *c, const struct jail *j, const struct rule *r)
{
	const struct limit *l = &j->limit;
	bool value = l->kind == LIMIT_SUM || l->kind == LIMIT_DISTINCT || l->kind == LIMIT_LEVEL;

	for (size_t i = 0; i < l->nper; i++)
		if (!always_has(c, r, l->per[i]))
			return true;
	return value && !r->aside && !always_has(c, r, l->value);
}

static bool may_have(const struct config *c, const struct rule *r, int field)
{
	return field >= 0 && strstr(r->pattern, c->fields[field].name);
}

/* A count that tells its subject by itself counts without anything that was remembered. */
static bool may_tell(const struct config *c, const struct jail *j, const struct rule *r)
{
	for (size_t i = 0; i < j->limit.nper; i++)
		if (!may_have(c, r, j->limit.per[i]) && !may_have(c, r, base_field(c, j->limit.per[i])))
			return false;
	return true;
}

/*
 * Can a thread come of it that nobody told anything: one that waits, or has
 * counted? A join may be for that one, by its second id.
 */
static bool may_leave_thread(const struct config *c, const struct jail *j, const struct rule *r)
{
	if (r->verb != VERB_COUNT)
		return false;
	if (r->tells)
		return may_wait(c, j, r);
	return !r->at_once || (!r->each && may_tell(c, j, r));
}

static bool any_may_leave_thread(const struct config *c, const struct jail *j)
{
	for (size_t i = 0; i < j->nrules; i++)
		if (may_leave_thread(c, j, &j->rules[i]))
			return true;
	return false;
}

static bool begins_with_id(const struct config *c, const struct jail *j, const char *pattern)
{
	const char *name = c->fields[j->thread_by].name;
	size_t n = strlen(name);

	return pattern[0] == '<' && strncmp(pattern + 1, name, n) == 0 && strncmp(pattern + 1 + n, ">: ", 3) == 0;
}

/* Fields of other types may hold a colon, and where such a one ends the colon does not tell: 2001:db8::1. */
static bool ends_at_colon(const struct config *c, const struct jail *j)
{
	return c->fields[j->thread_by].type == FIELD_ID;
}

bool gate_fits(const struct config *c, const struct jail *j, const struct unit *u)
{
	if (!j->threaded || j->prefix || !ends_at_colon(c, j) || !begins_with_id(c, j, u->rule->pattern))
		return false;
	/* Whose message it is counts for a hold later on, whatever the threads know (core.c, note_message). */
	if (captures(u, config_field(c, SPAN_LIT("user"))))
		return false;
	switch (u->rule->verb) {
	case VERB_COUNT:
		return u->rule->at_once && !u->rule->tells && !tells_subject(c, j, u);
	case VERB_JOIN:
		return !any_may_leave_thread(c, j);
	case VERB_FORGET:
	case VERB_GAINED:
		return true;
	default:
		return false;
	}
}

/* Only those that come later could, and only on an entry that both match. */
bool gate_may_hide(const struct unit *rules, size_t n, size_t at)
{
	for (size_t i = at; i < n; i++)
		if (!rules[i].gated && !leads_exclude(&rules[at].leads, &rules[i].leads))
			return false;
	return true;
}

bool gate_is_shut_to(struct matcher *m, uint64_t who, struct span text)
{
	const char *colon;

	if (!m->gate)
		return false;
	if (m->known_of != m->serial) {
		m->known_of = m->serial;
		colon = memchr(text.p, ':', text.n < ID_MAX ? text.n : ID_MAX);
		m->known = colon ? m->gate(m->gate_arg, (struct span){ text.p, (size_t)(colon - text.p) }) : UINT64_MAX;
	}
	return !(m->known & who) && m->known != UINT64_MAX;
}

bool gate_is_shut(struct matcher *m, size_t jail, const struct unit *u, struct span text)
{
	return u->gated && gate_is_shut_to(m, m->jails[jail].who, text);
}

static bool same_place(struct span a, struct span b)
{
	return a.p == b.p && a.n == b.n;
}

bool gate_joins_nothing(struct matcher *m, const struct hit *h)
{
	const struct capture *id, *id2;

	if (!m->gate || m->single || h->jail->thread_by != m->qid)
		return false;
	id = hit_find(h, m->qid);
	id2 = hit_find(h, m->qid2);
	if (!id || !id2)
		return false;
	if (m->joined.moment != m->moment || !same_place(m->joined.id, id->raw) ||
	    !same_place(m->joined.id2, id2->raw)) {
		m->joined.moment = m->moment;
		m->joined.id = id->raw;
		m->joined.id2 = id2->raw;
		m->joined.known = m->gate(m->gate_arg, id->raw) | m->gate(m->gate_arg, id2->raw);
	}
	return !(m->joined.known & m->jails[h->jail - m->c->jails].who);
}

bool gate_leaves_one(struct matcher *m, struct group *g)
{
	uint64_t known = m->known & g->who;

	if (!(known & g->few) || known & (known - 1))
		return false;
	memset(g->found, 0, (g->n + 63) / 64 * sizeof(*g->found));
	for (size_t k = 0; k < g->n; k++)
		if (m->jails[g->member[k].jail].who & known)
			g->found[k / 64] |= UINT64_C(1) << (k % 64);
	g->any = true;
	return true;
}

/* Have all members of jails that ask for this bit the same pattern? */
static bool has_one(const struct matcher *m, const struct group *g, uint64_t bit)
{
	const struct member *first = NULL;

	for (size_t k = 0; k < g->n; k++) {
		const struct member *one = &g->member[k];

		if (!(m->jails[one->jail].who & bit))
			continue;
		if (first && first->pattern != one->pattern)
			return false;
		first = one;
	}
	return first;
}

static void tie_group(struct matcher *m, struct group *g)
{
	g->who = g->few = 0;
	for (size_t k = 0; k < g->n; k++)
		g->who |= m->jails[g->member[k].jail].who;
	for (uint64_t left = g->who; left; left &= left - 1)
		if (has_one(m, g, left & -left))
			g->few |= left & -left;
}

/* Does it change threads and nothing else? */
static bool is_for_threads(const struct rule *r)
{
	return r->verb == VERB_REMEMBER || r->verb == VERB_FORGET || r->verb == VERB_GAINED || r->verb == VERB_JOIN;
}

static void tie(struct matcher *m, size_t jail, struct match_ties ties)
{
	struct jail_state *js = &m->jails[jail];

	js->who = ties.who;
	for (size_t k = 0; js->rule && k < m->c->jails[jail].nrules; k++)
		js->rule[k].set = js->rule[k].memo && is_for_threads(js->rule[k].rule) ? ties.set : 0;
}

void matcher_gate(struct matcher *m, match_known_fn *known, match_ties_fn *ties, void *arg)
{
	m->gate = known;
	m->gate_arg = arg;
	for (size_t i = 0; i < m->c->njails; i++)
		tie(m, i, known ? ties(arg, i) : (struct match_ties){ 0, 0 });
	for (size_t i = 0; i < m->groups.n; i++)
		tie_group(m, &m->groups.v[i]);
}
