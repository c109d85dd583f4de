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

/* A join may also be asked for by what waits under its second id. */
static bool anything_waits(const struct jail *j)
{
	for (size_t i = 0; i < j->nrules; i++)
		if (j->rules[i].verb == VERB_COUNT && !j->rules[i].at_once)
			return true;
	return false;
}

static bool begins_with_id(const struct config *c, const struct jail *j, const char *pattern)
{
	const char *name = c->fields[j->thread_by].name;
	size_t n = strlen(name);

	return pattern[0] == '<' && strncmp(pattern + 1, name, n) == 0 && strncmp(pattern + 1 + n, ">: ", 3) == 0;
}

bool gate_fits(const struct config *c, const struct jail *j, const struct unit *u)
{
	if (!j->threaded || j->prefix || !begins_with_id(c, j, u->rule->pattern))
		return false;
	switch (u->rule->verb) {
	case VERB_COUNT:
		return u->rule->at_once && !u->rule->tells && !tells_subject(c, j, u);
	case VERB_JOIN:
		return !anything_waits(j);
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

/* Does the jail, or any, say that it does not know the id? */
static bool is_unknown(const struct matcher *m, size_t jail, struct span text)
{
	const char *colon = memchr(text.p, ':', text.n < ID_MAX ? text.n : ID_MAX);

	return colon && !m->gate(m->gate_arg, jail, (struct span){ text.p, (size_t)(colon - text.p) });
}

bool gate_is_shut(const struct matcher *m, size_t jail, const struct unit *u, struct span text)
{
	return u->gated && m->gate && is_unknown(m, jail, text);
}

bool gate_is_shut_to_all(struct matcher *m, struct span text)
{
	if (!m->gate)
		return false;
	if (m->known_of != m->serial) {
		m->known_of = m->serial;
		m->known = !is_unknown(m, MATCH_ANY_JAIL, text);
	}
	return !m->known;
}

void matcher_gate(struct matcher *m, match_gate_fn *fn, void *arg)
{
	m->gate = fn;
	m->gate_arg = arg;
}
