/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry in, hits out. For the ordinary line this is: its program's groups
 * from a small cache (demux.c), for each a look at the first byte, for one or
 * two a detecting expression that fails (group.c). Only where one matches do
 * patterns run singly, in the order of jails and rules over all groups, so
 * that the result is the one of the plain way: each jail, each rule, alone.
 * That plain way is here too (`reference`, and for one jail), and tests hold
 * the two against each other.
 *
 * All memory is taken by matcher_new().
 */
#include "engine/match/match.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/glob.h"
#include "engine/match/capture.h"
#include "engine/match/demux.h"
#include "engine/match/remark.h"

#define LINE_MAX_DEFAULT 4096

struct jail_state {
	bool ok;		/* all its patterns compiled */
	bool enabled;
	struct prefix *prefix;
	struct unit *rule;	/* jail.nrules */
	struct unit *ignore;	/* jail.nignore */
};

/* The next member of a group that is to be tried for this entry. */
struct cursor {
	const struct group *g;
	size_t at;
};

struct matcher {
	const struct config *c;
	bool reference;
	struct arena arena;
	struct jail_state *jails;	/* as config.jails */
	size_t nprefixes;
	struct prefix *prefixes;
	struct groups groups;
	struct demux *demux;
	struct cursor *cursors;		/* as many as groups */
	uint64_t serial;		/* of the entry at hand */
	char (*derived)[DERIVED_MAX];	/* as config.fields */
	struct hit hit;
};

/* An entry as patterns see it. */
struct view {
	struct span text;
	uint32_t options;
};

/* ---- compiling */

static void complain(struct complaints *bad, const struct jail *j, struct place place,
		     const char *pattern, const struct pattern_error *err)
{
	complaints_add(bad, place, j->name, false, "pattern, offset %zu of '%.60s%s': %s",
		       err->offset, pattern, strlen(pattern) > 60 ? "..." : "", err->text);
}

static int compile_unit(struct matcher *m, struct jail_state *js, const char *source,
			enum pattern_place place, struct place where,
			struct complaints *bad, struct unit *u)
{
	struct pattern_traits traits = { 0 };
	struct pattern_error err = { 0 };
	int rc;

	rc = expr_compile(m->c, source, place, m->arena.jit, &u->x, &traits, &err);
	if (rc == -EINVAL) {
		complain(bad, u->jail, where, source, &err);
		js->ok = false;
		return 0;
	}
	return rc < 0 ? rc : remark_make(place, &traits, &u->remark);
}

static int compile_rules(struct matcher *m, struct jail_state *js, const struct jail *j,
			 const struct rule *rules, size_t n, enum pattern_place place,
			 struct complaints *bad, struct unit **ret)
{
	int rc = 0;

	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++) {
		(*ret)[i] = (struct unit){ .jail = j, .rule = &rules[i] };
		rc = compile_unit(m, js, rules[i].pattern, place, rules[i].place,
				  bad, &(*ret)[i]);
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
		rc = compile_rules(m, js, j, j->rules, j->nrules, PATTERN_RULE, bad, &js->rule);
	if (rc == 0)
		rc = compile_rules(m, js, j, j->ignore, j->nignore, PATTERN_IGNORE, bad,
				   &js->ignore);
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
			struct member one = { (uint16_t)at, (uint16_t)i, &js->rule[i] };

			rc = groups_add(&m->groups, j, j->logs[l], js->prefix, &one);
		}
	}
	return rc;
}

static void count_enabled(struct matcher *m)
{
	for (size_t i = 0; i < m->groups.n; i++) {
		struct group *g = &m->groups.v[i];

		g->enabled = 0;
		for (size_t k = 0; k < g->n; k++)
			g->enabled += m->jails[g->member[k].jail].enabled;
	}
}

static int make_groups(struct matcher *m, unsigned *nojit)
{
	int rc = 0;

	for (size_t i = 0; i < m->c->njails && rc == 0; i++)
		if (m->jails[i].ok)
			rc = add_to_groups(m, i);
	if (rc == 0)
		rc = groups_compile(&m->groups, m->c, m->arena.jit, nojit);
	if (rc < 0)
		return rc;
	count_enabled(m);
	m->cursors = calloc(m->groups.n + 1, sizeof(*m->cursors));
	return m->cursors ? demux_new(&m->groups, &m->demux) : -ENOMEM;
}

/* Call fn for each pattern there is: prefixes, rules, ignores. */
static void each_unit(const struct matcher *m, void (*fn)(struct unit *u, void *arg),
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

static void count_nojit(struct unit *u, void *arg)
{
	*(unsigned *)arg += u->x.code && !u->x.jit;
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
	if (!m->jails || !m->prefixes || !m->derived)
		return -ENOMEM;
	rc = arena_init(&m->arena, m->c, have && !m->reference);
	for (size_t i = 0; i < m->c->njails && rc == 0; i++)
		rc = compile_jail(m, i, bad);
	if (rc == 0 && !m->reference)
		rc = make_groups(m, &nojit);
	if (rc < 0)
		return rc;
	each_unit(m, count_nojit, &nojit);
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
		each_unit(m, free_unit, NULL);
	for (size_t i = 0; m->prefixes && i < m->nprefixes; i++)
		pcre2_match_data_free(m->prefixes[i].data);
	for (size_t i = 0; m->jails && i < m->c->njails; i++) {
		free(m->jails[i].rule);
		free(m->jails[i].ignore);
	}
	arena_fini(&m->arena);
	free(m->jails);
	free(m->prefixes);
	free(m->cursors);
	free(m->derived);
	free(m);
}

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
	count_enabled(m);
}

/* ---- one entry */

/* What is past line_max is not looked at, and what is left has no end for `$`. */
static struct view view_of(const struct matcher *m, struct span text)
{
	size_t max = m->c->line_max ? m->c->line_max : LINE_MAX_DEFAULT;

	if (text.n <= max)
		return (struct view){ text, 0 };
	return (struct view){ { text.p, max }, PCRE2_NOTEOL };
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

enum tried { MISSED, IGNORED, HIT };

/* One rule of a jail whose prefix, if any, has matched. */
static enum tried try_rule(struct matcher *m, size_t jail, struct unit *u,
			   const struct view *v, match_fn *fn, void *arg)
{
	const struct jail *j = &m->c->jails[jail];
	const struct jail_state *js = &m->jails[jail];
	struct span subject = js->prefix ? js->prefix->content : v->text;
	struct hit *h = &m->hit;

	if (unit_run(u, &m->arena, subject, v->options, m->arena.data) <= 0)
		return MISSED;
	h->jail = j;
	h->rule = u->rule;
	h->ncaptures = 0;
	if (!capture_add(m->c, &u->x, m->arena.data, subject, h))
		return MISSED;
	if (js->prefix &&
	    !capture_add(m->c, &js->prefix->unit.x, js->prefix->data, v->text, h))
		return MISSED;
	if (ignored(m, j, js, subject, v->options))
		return IGNORED;
	fn(arg, h);
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
		t = try_rule(m, jail, &js->rule[i], v, fn, arg);
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

static unsigned run_reference(struct matcher *m, uint16_t log, const struct entry *e,
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

/* Groups of this program with a member that may match; how many. */
static size_t detect(struct matcher *m, uint16_t log, struct span program,
		     const struct view *v)
{
	size_t n, found = 0;
	const uint16_t *list = demux_find(m->demux, log, program, &n);

	for (size_t i = 0; i < n; i++) {
		struct group *g = &m->groups.v[list[i]];
		struct span subject = v->text;
		size_t at;

		if (g->enabled == 0)
			continue;
		if (g->prefix) {
			if (!prefix_match(m, g->prefix, v))
				continue;
			subject = g->prefix->content;
		}
		if (!first_has(&g->first, subject))
			continue;
		at = group_detect(g, &m->arena, subject, v->options);
		if (at < g->n)
			m->cursors[found++] = (struct cursor){ g, at };
	}
	return found;
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
		from->at++;
	return best;
}

unsigned matcher_run(struct matcher *m, uint16_t log, const struct entry *e,
		     match_fn *fn, void *arg)
{
	struct view v = view_of(m, e->text);
	const struct member *one;
	size_t n, done = SIZE_MAX;
	unsigned hits = 0;

	m->serial++;
	if (m->reference)
		return run_reference(m, log, e, &v, fn, arg);
	n = detect(m, log, e->program, &v);
	while (n > 0 && (one = next_member(m->cursors, n))) {
		enum tried t;

		if (one->jail == done || !m->jails[one->jail].enabled)
			continue;
		t = try_rule(m, one->jail, one->unit, &v, fn, arg);
		if (t != MISSED)
			done = one->jail;
		hits += t == HIT;
	}
	return hits;
}

unsigned matcher_run_jail(struct matcher *m, const struct jail *j,
			  const struct entry *e, match_fn *fn, void *arg)
{
	struct view v = view_of(m, e->text);
	size_t i = jail_index(m, j);

	m->serial++;
	if (!m->jails[i].ok || !has_program(j, e->program))
		return 0;
	return run_jail(m, i, &v, fn, arg);
}

/* ---- answers */

bool hit_get(struct matcher *m, const struct hit *h, uint16_t field,
	     struct capture *ret)
{
	if (field >= m->c->nfields)
		return false;
	return capture_get(m->c, h, field, m->derived[field], ret);
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

	each_unit(m, tell_trouble, &t);
	return t.n;
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

	each_unit(m, find_remark, &a);
	return a.remark;
}
