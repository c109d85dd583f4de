/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All patterns of one log, program list and prefix as one expression:
 *
 *	(?>pattern 0)(?C{0})|(?>pattern 1)(?C{1})|...
 *
 * It says whether any of them matches, which nearly always is no, and costs
 * little more than one pattern alone (factor.c). A pattern that matches comes
 * to its callout, which notes its number and refuses, so that one run tells
 * all of them: more than one jail may want the entry. Those are then run
 * singly, for their captures and because here they match a little more than
 * they should (pattern.c).
 *
 * Patterns that cannot begin with the same bytes are kept apart, so that an
 * ordinary line is ruled out by its first byte from most of them: what PCRE2
 * itself does for a search, and not for an anchored alternation. Patterns
 * that search (`.*rhost=<ip>`) would cost a walk through each line; those are
 * put together by the longest fixed bytes they need, which are looked for
 * first (needle.c). Jails that are off at the start are kept apart, too: until
 * an admin puts one on, its group costs nothing.
 *
 * An expression that ran into a limit tells nothing. Its members then run
 * singly, for this entry and for some more (struct strain), so that the
 * limit is not paid for twice on each of an attacker's lines.
 */
#include "engine/match/group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/match/factor.h"

static bool has_glob(const struct strings *s, const char *glob)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], glob) == 0)
			return true;
	return false;
}

/* Does `all` hold each of `some`? Any program at all (none named) is for itself. */
static bool holds(const struct strings *all, const struct strings *some)
{
	for (size_t i = 0; i < some->n; i++)
		if (!has_glob(all, some->v[i]))
			return false;
	return (all->n == 0) == (some->n == 0);
}

static bool same_programs(const struct strings *a, const struct strings *b)
{
	return holds(a, b) && holds(b, a);
}

static struct group *find(struct groups *gs, const struct jail *j, uint16_t log,
			  const struct prefix *prefix, const struct expr *x)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct group *g = &gs->v[i];

		if (g->log == log && g->prefix == prefix && g->off == (j->mode == MODE_OFF) &&
		    (holds(g->programs, &j->programs) || holds(&j->programs, g->programs)) &&
		    memcmp(&g->first, &x->first, sizeof(g->first)) == 0 &&
		    needle_equal(&g->needle, &x->needle))
			return g;
	}
	return NULL;
}

static struct group *append(struct groups *gs, const struct group *g)
{
	struct group *v = realloc(gs->v, (gs->n + 1) * sizeof(*v));

	if (!v)
		return NULL;
	gs->v = v;
	v[gs->n] = *g;
	return &v[gs->n++];
}

static int add_member(struct group *g, const struct member *m)
{
	struct member *v = realloc(g->member, (g->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	g->member = v;
	v[g->n++] = *m;
	return 0;
}

int groups_add(struct groups *gs, const struct jail *j, uint16_t log,
	       struct prefix *prefix, const struct member *m)
{
	const struct expr *x = &m->unit->x;
	struct group *g = find(gs, j, log, prefix, x);

	if (!g)
		g = append(gs, &(struct group){ .log = log, .off = j->mode == MODE_OFF,
						.programs = &j->programs, .prefix = prefix,
						.first = x->first, .needle = x->needle });
	if (g && !holds(g->programs, &j->programs))
		g->programs = &j->programs;
	return g ? add_member(g, m) : -ENOMEM;
}

static void note_programs(struct group *g)
{
	for (size_t k = 0; k < g->n; k++)
		g->member[k].other_programs =
			!same_programs(g->programs, &g->member[k].unit->jail->programs);
}

static int expand_members(const struct group *g, const struct config *c, struct pattern *p)
{
	struct pattern_error err;
	char rename[24];
	int rc = 0;

	for (size_t k = 0; k < g->n && rc == 0; k++) {
		snprintf(rename, sizeof(rename), "m%zu_", k);
		rc = pattern_expand(c, g->member[k].unit->rule->pattern, PATTERN_RULE,
				    rename, &p[k], &err);
	}
	return rc;
}

static size_t nwords(const struct group *g)
{
	return (g->n + 63) / 64;
}

static int compile(struct group *g, const struct config *c, bool jit)
{
	struct pattern *p = calloc(g->n, sizeof(*p));
	struct buf text = { 0 };
	int rc = p ? 0 : -ENOMEM;

	free(g->found);
	g->found = calloc(nwords(g), sizeof(*g->found));
	if (!g->found)
		rc = -ENOMEM;
	if (rc == 0)
		rc = expand_members(g, c, p);
	if (rc == 0)
		rc = factor_put(p, g->n, &text);
	if (rc == 0)
		rc = expr_compile_raw(buf_span(&text), jit, &g->detect);
	for (size_t k = 0; p && k < g->n; k++)
		pattern_free(&p[k]);
	free(p);
	buf_free(&text);
	return rc;
}

/* Move the second half of group `at` into a new one at the end. */
static int split(struct groups *gs, size_t at)
{
	size_t half = gs->v[at].n / 2;
	struct group upper = gs->v[at];

	upper.member = NULL;
	upper.found = NULL;
	upper.n = 0;
	for (size_t k = half; k < gs->v[at].n; k++) {
		if (add_member(&upper, &gs->v[at].member[k]) < 0) {
			free(upper.member);
			return -ENOMEM;
		}
	}
	if (!append(gs, &upper)) {
		free(upper.member);
		return -ENOMEM;
	}
	gs->v[at].n = half;
	return 0;
}

int groups_compile(struct groups *gs, const struct config *c, bool jit, unsigned *nojit)
{
	int rc = 0;

	for (size_t i = 0; i < gs->n; i++) {
		note_programs(&gs->v[i]);
		/* each pattern compiled by itself, so the sum is what is wrong */
		while ((rc = compile(&gs->v[i], c, jit)) == -EINVAL && gs->v[i].n > 1)
			if (split(gs, i) < 0)
				return -ENOMEM;
		if (rc == -ENOMEM)
			return rc;
		*nojit += jit && gs->v[i].detect.code && !gs->v[i].detect.jit;
	}
	return 0;
}

void groups_free(struct groups *gs)
{
	for (size_t i = 0; i < gs->n; i++) {
		expr_fini(&gs->v[i].detect);
		free(gs->v[i].member);
		free(gs->v[i].found);
	}
	free(gs->v);
	*gs = (struct groups){ 0 };
}

static void set_found(struct group *g, int byte)
{
	memset(g->found, byte, nwords(g) * sizeof(*g->found));
	g->any = byte != 0;
}

bool group_detect(struct group *g, struct arena *a, struct span s, uint32_t options)
{
	if (!needle_in(&g->needle, s))
		return false;
	if (!g->detect.code || strain_spend(&g->strain)) {
		set_found(g, 0xff);
		return true;
	}
	if (g->any)
		set_found(g, 0);
	a->found = g->found;
	a->nfound = 0;
	if (expr_run(&g->detect, s, options, a->data, a->half) < 0) {
		strain_more(&g->strain);
		set_found(g, 0xff);
	} else {
		g->any = a->nfound > 0;
	}
	return g->any;
}

size_t group_found(const struct group *g, size_t k)
{
	uint64_t left;

	for (; k < g->n; k = (k | 63) + 1) {
		left = g->found[k / 64] >> (k % 64);
		if (left)
			return k + (size_t)__builtin_ctzll(left);
	}
	return g->n;
}
