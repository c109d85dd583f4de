/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From jails to everything that matching needs, once, before the sandbox
 * closes: each pattern alone, prefixes, groups with their detecting
 * expressions, the way from program to groups. A jail with a pattern that is
 * wrong stays out and says why; all of its patterns are looked at, so that
 * one round of mending is enough.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "config/load.h"
#include "engine/match/matcher.h"
#include "engine/match/remark.h"

static void complain(struct complaints *bad, const struct jail *j, struct place place,
		     const char *pattern, const struct pattern_error *err)
{
	complaints_add(bad, place, j->name, false, "pattern, offset %zu of '%.60s%s': %s",
		       err->offset, pattern, strlen(pattern) > 60 ? "..." : "", err->text);
}

/* Not in a replay that has no log for it: then its patterns are only looked at. */
static bool runs(const struct jail *j)
{
	return j->nlogs > 0 || j->verdicts;
}

/* How the match can begin is asked where the leads don't tell. Behind a prefix no head is looked for (group.c). */
static bool is_led(const struct unit *u)
{
	for (size_t i = 0; i < u->leads.n; i++)
		if (u->jail->prefix && u->leads.v[i].head != LEAD_PLAIN)
			return false;
	return u->leads.n > 0;
}

static unsigned how_to_compile(const struct matcher *m, enum pattern_place place, const struct unit *u)
{
	unsigned how = m->arena.jit ? EXPR_JIT : 0;

	if (place == PATTERN_PREFIX || (place == PATTERN_RULE && !m->reference && !is_led(u)))
		how |= EXPR_FIRST;
	return place == PATTERN_PREFIX || runs(u->jail) ? how : 0;
}

static int compile_unit(struct matcher *m, struct jail_state *js, const char *source,
			enum pattern_place place, struct place where,
			struct complaints *bad, struct unit *u)
{
	struct pattern_traits traits = { 0 };
	struct pattern_error err = { 0 };
	int rc;

	rc = expr_compile(m->c, source, place, how_to_compile(m, place, u), &u->x, &traits, &err);
	if (rc == -EINVAL) {
		complain(bad, u->jail, where, source, &err);
		js->ok = false;
		return 0;
	}
	return rc < 0 ? rc : remark_make(place, &traits, &u->remark);
}

/* As a detecting expression has it; what cannot be had so matches anything there. */
static int compile_loose(struct matcher *m, struct unit *u)
{
	struct pattern_error err;
	char rename[24];
	int rc;

	snprintf(rename, sizeof(rename), "m%zu_", m->nloose++);
	rc = pattern_expand(m->c, u->rule->pattern, PATTERN_RULE, rename, &u->loose, &err);
	if (rc == -EINVAL) {
		pattern_free(&u->loose);
		u->loose = (struct pattern){ .whole = true };
		rc = 0;
	}
	if (rc == 0)
		leads_of(&u->loose, &u->leads);
	return rc;
}

/* Jails about the same lines have the same patterns: a rule of an earlier jail that has this one. */
static const struct unit *find_like(const struct matcher *m, const struct unit *u)
{
	const struct jail *j = u->jail;

	for (size_t i = 0; i < (size_t)(j - m->c->jails); i++)
		for (size_t k = 0; runs(&m->c->jails[i]) >= runs(j) && k < m->c->jails[i].nrules; k++) {
			const struct unit *other = &m->jails[i].rule[k];

			if (other->hash == u->hash && other->x.code && strcmp(other->rule->pattern, u->rule->pattern) == 0)
				return other;
		}
	return NULL;
}

static int compile_like(struct unit *u, const struct unit *like)
{
	u->like = like->like ? like->like : like;
	u->x = like->x;
	u->loose = like->loose;
	u->leads = like->leads;
	u->remark = like->remark ? strdup(like->remark) : NULL;
	return like->remark && !u->remark ? -ENOMEM : 0;
}

static int compile_rule(struct matcher *m, struct jail_state *js, struct complaints *bad, struct unit *u)
{
	const struct unit *like = find_like(m, u);
	int rc = 0;

	if (like)
		return compile_like(u, like);
	if (!m->reference && runs(u->jail))
		rc = compile_loose(m, u);
	return rc < 0 ? rc : compile_unit(m, js, u->rule->pattern, PATTERN_RULE, u->rule->place, bad, u);
}

static int compile_rules(struct matcher *m, struct jail_state *js, const struct jail *j,
			 struct complaints *bad)
{
	int rc = 0;

	js->rule = calloc(j->nrules + 1, sizeof(*js->rule));
	if (!js->rule)
		return -ENOMEM;
	for (size_t i = 0; i < j->nrules && rc == 0; i++) {
		struct unit *u = &js->rule[i];

		*u = (struct unit){ .jail = j, .rule = &j->rules[i] };
		u->hash = hash_fixed(u->rule->pattern, strlen(u->rule->pattern));
		rc = compile_rule(m, js, bad, u);
		u->gated = gate_fits(m->c, j, u);
	}
	for (size_t i = 0; i < j->nrules; i++)
		js->rule[i].hidden = gate_may_hide(js->rule, j->nrules, i);
	return rc;
}

static int compile_ignores(struct matcher *m, struct jail_state *js, const struct jail *j,
			   struct complaints *bad)
{
	int rc = 0;

	js->ignore = calloc(j->nignore + 1, sizeof(*js->ignore));
	if (!js->ignore)
		return -ENOMEM;
	for (size_t i = 0; i < j->nignore && rc == 0; i++) {
		js->ignore[i] = (struct unit){ .jail = j, .rule = &j->ignore[i] };
		rc = compile_unit(m, js, j->ignore[i].pattern, PATTERN_IGNORE, j->ignore[i].place, bad,
				  &js->ignore[i]);
	}
	return rc;
}

/* Jails with the same prefix share it: it is matched once an entry. */
static int compile_prefix(struct matcher *m, struct jail_state *js, const struct jail *j,
			  struct complaints *bad)
{
	struct prefix *p = m->prefixes;
	int rc;

	for (; p < m->prefixes + m->nprefixes; p++) {
		if (strcmp(p->unit.jail->prefix, j->prefix) == 0) {
			js->prefix = p;
			return 0;
		}
	}
	p->unit.jail = j;
	rc = compile_unit(m, js, j->prefix, PATTERN_PREFIX, j->prefix_place, bad, &p->unit);
	if (rc < 0 || !js->ok) {
		unit_fini(&p->unit);
		return rc;
	}
	js->prefix = p;
	m->nprefixes++;
	p->data = pcre2_match_data_create_from_pattern(p->unit.x.code, NULL);
	return p->data ? 0 : -ENOMEM;
}

static void check_captures(struct jail_state *js, const struct jail *j,
			   struct complaints *bad)
{
	unsigned prefix = js->prefix ? js->prefix->unit.x.nfields : 0;

	for (size_t i = 0; i < j->nrules && js->ok; i++) {
		if (prefix + js->rule[i].x.nfields <= HIT_MAX_CAPTURES)
			continue;
		complaints_add(bad, j->rules[i].place, j->name, false,
			       "more than %d captures", HIT_MAX_CAPTURES);
		js->ok = false;
	}
}

static int compile_jail(struct matcher *m, size_t at, struct complaints *bad)
{
	const struct jail *j = &m->c->jails[at];
	struct jail_state *js = &m->jails[at];
	int rc = 0;

	js->ok = true;
	if (j->prefix)
		rc = compile_prefix(m, js, j, bad);
	if (rc == 0)
		rc = compile_rules(m, js, j, bad);
	if (rc == 0)
		rc = compile_ignores(m, js, j, bad);
	if (rc < 0)
		return rc;
	check_captures(js, j, bad);
	js->enabled = js->ok && j->mode != MODE_OFF;
	return 0;
}

static int add_to_groups(struct matcher *m, size_t at)
{
	const struct jail *j = &m->c->jails[at];
	struct jail_state *js = &m->jails[at];
	int rc = 0;

	for (size_t l = 0; l < j->nlogs; l++) {
		for (size_t i = 0; i < j->nrules && rc == 0; i++) {
			struct member one = { .jail = (uint16_t)at, .rule = (uint16_t)i,
					      .unit = &js->rule[i] };

			rc = groups_add(&m->groups, j, j->logs[l], js->prefix, &one);
		}
	}
	return rc;
}

void matcher_count_enabled(struct matcher *m)
{
	bool changed = false;

	for (size_t i = 0; i < m->groups.n; i++) {
		struct group *g = &m->groups.v[i];
		bool was = g->enabled > 0;

		g->enabled = 0;
		for (size_t k = 0; k < g->n; k++)
			g->enabled += m->jails[g->member[k].jail].enabled;
		changed |= was != (g->enabled > 0);
	}
	if (changed && m->demux)
		demux_forget(m->demux);
}

/* ---- patterns that several rules have */

/* One rule, for finding its likes. */
struct alike {
	const char *prefix, *pattern;
	struct unit *unit;
};

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare_alike(const void *a, const void *b)
{
	const struct alike *x = a, *y = b;
	int c = strcmp(x->pattern, y->pattern);

	return c ? c : compare_text(x->prefix, y->prefix);
}

static size_t list_rules(struct matcher *m, struct alike *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < m->c->njails; i++) {
		const struct jail *j = &m->c->jails[i];

		for (size_t k = 0; m->jails[i].ok && runs(j) && k < j->nrules; k++, n++)
			if (ret)
				ret[n] = (struct alike){ j->prefix, j->rules[k].pattern,
							 &m->jails[i].rule[k] };
	}
	return n;
}

static int share_memo(struct matcher *m, const struct alike *v, size_t n)
{
	struct memo *memo = &m->memos[m->nmemos++];

	memo->data = pcre2_match_data_create_from_pattern(v->unit->x.code, NULL);
	if (!memo->data)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i].unit->memo = memo;
	return 0;
}

static int make_memos(struct matcher *m)
{
	size_t n = list_rules(m, NULL);
	struct alike *v = calloc(n + 1, sizeof(*v));
	int rc = 0;

	m->memos = calloc(n / 2 + 1, sizeof(*m->memos));
	if (!v || !m->memos) {
		free(v);
		return -ENOMEM;
	}
	list_rules(m, v);
	qsort(v, n, sizeof(*v), compare_alike);
	for (size_t i = 0, k; i < n && rc == 0; i = k) {
		for (k = i + 1; k < n && compare_alike(&v[i], &v[k]) == 0; k++)
			;
		if (k > i + 1)
			rc = share_memo(m, &v[i], k - i);
	}
	free(v);
	return rc;
}

void matcher_each_unit(const struct matcher *m, void (*fn)(struct unit *u, void *arg),
		       void *arg)
{
	for (size_t i = 0; i < m->nprefixes; i++)
		fn(&m->prefixes[i].unit, arg);
	for (size_t i = 0; i < m->c->njails; i++) {
		const struct jail *j = &m->c->jails[i];
		const struct jail_state *js = &m->jails[i];

		for (size_t k = 0; js->rule && k < j->nrules; k++)
			fn(&js->rule[k], arg);
		for (size_t k = 0; js->ignore && k < j->nignore; k++)
			fn(&js->ignore[k], arg);
	}
}

static void drop_loose(struct unit *u, void *arg)
{
	(void)arg;
	if (!u->like)
		pattern_free(&u->loose);
}

static int make_groups(struct matcher *m, unsigned *nojit, struct complaints *bad)
{
	int rc = 0;

	for (size_t i = 0; i < m->c->njails && rc == 0; i++)
		if (m->jails[i].ok)
			rc = add_to_groups(m, i);
	if (rc == 0)
		rc = groups_compile(&m->groups, m->arena.jit, nojit);
	if (rc < 0)
		return rc;
	matcher_each_unit(m, drop_loose, NULL);
	matcher_count_enabled(m);
	m->cursors = calloc(m->groups.n + 1, sizeof(*m->cursors));
	rc = m->cursors ? demux_new(&m->groups, &m->demux) : -ENOMEM;
	if (rc == -E2BIG)
		complaints_add(bad, (struct place){ 0 }, NULL, false,
			       "too many patterns: those of all jails together begin in more than %d ways",
			       DEMUX_WAYS_MAX);
	return rc;
}

static void count_nojit(struct unit *u, void *arg)
{
	*(unsigned *)arg += u->x.code && !u->x.jit && !u->like && runs(u->jail);
}

static void complain_nojit(const struct matcher *m, bool have, unsigned nojit,
			   struct complaints *bad)
{
	if (m->reference)
		return;
	if (!have)
		complaints_add(bad, (struct place){ 0 }, NULL, true,
			       "PCRE2 has no JIT here: matching is ten times slower");
	else if (nojit > 0)
		complaints_add(bad, (struct place){ 0 }, NULL, true,
			       "JIT failed for %u expressions (is writable and executable "
			       "memory denied?): matching is ten times slower", nojit);
}

static int build(struct matcher *m, struct complaints *bad)
{
	uint32_t have = 0;
	unsigned nojit = 0;
	int rc;

	pcre2_config(PCRE2_CONFIG_JIT, &have);
	m->jails = calloc(m->c->njails + 1, sizeof(*m->jails));
	m->prefixes = calloc(m->c->njails + 1, sizeof(*m->prefixes));
	m->derived = calloc(m->c->nfields + 1, sizeof(*m->derived));
	m->base = calloc(m->c->nfields + 1, sizeof(*m->base));
	if (!m->jails || !m->prefixes || !m->derived || !m->base)
		return -ENOMEM;
	for (size_t i = 0; i < m->c->nfields; i++) {
		const char *from = m->c->fields[i].from;

		m->base[i] = from ? config_field(m->c, span_of(from)) : -1;
	}
	m->qid = config_field(m->c, SPAN_LIT("qid"));
	m->qid2 = config_field(m->c, SPAN_LIT("qid2"));
	m->pid = config_field(m->c, SPAN_LIT("pid"));
	rc = arena_init(&m->arena, m->c, have && !m->reference);
	for (size_t i = 0; i < m->c->njails && rc == 0; i++)
		rc = compile_jail(m, i, bad);
	if (rc == 0 && !m->reference)
		rc = make_memos(m);
	if (rc == 0 && !m->reference)
		rc = make_groups(m, &nojit, bad);
	if (rc < 0)
		return rc;
	matcher_each_unit(m, count_nojit, &nojit);
	complain_nojit(m, have, nojit, bad);
	return 0;
}

int matcher_new(const struct config *c, bool reference,
		struct complaints *bad, struct matcher **ret)
{
	struct matcher *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return -ENOMEM;
	m->c = c;
	m->reference = reference;
	rc = build(m, bad);
	if (rc < 0) {
		matcher_free(&m);
		return rc;
	}
	*ret = m;
	return 0;
}

static void free_unit(struct unit *u, void *arg)
{
	(void)arg;
	unit_fini(u);
}

void matcher_free(struct matcher **mp)
{
	struct matcher *m = *mp;

	*mp = NULL;
	if (!m)
		return;
	demux_free(&m->demux);
	groups_free(&m->groups);
	if (m->jails && m->prefixes)
		matcher_each_unit(m, free_unit, NULL);
	for (size_t i = 0; m->prefixes && i < m->nprefixes; i++)
		pcre2_match_data_free(m->prefixes[i].data);
	for (size_t i = 0; i < m->nmemos; i++)
		pcre2_match_data_free(m->memos[i].data);
	for (size_t i = 0; m->jails && i < m->c->njails; i++) {
		free(m->jails[i].rule);
		free(m->jails[i].ignore);
	}
	arena_fini(&m->arena);
	free(m->jails);
	free(m->prefixes);
	free(m->memos);
	free(m->cursors);
	free(m->derived);
	free(m->base);
	free(m);
}
