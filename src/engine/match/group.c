/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All patterns of one log, program list and prefix as one expression:
 *
 *	(?:pattern 0)(*:0)|(?:pattern 1)(*:1)|...
 *
 * It says whether any of them matches, which nearly always is no, and costs
 * little more than one pattern alone (factor.c). On a match its mark is k:
 * the bundles before k failed, and the patterns of those from k on are run
 * singly, for their captures and because more than one jail may want the
 * entry.
 *
 * Patterns that cannot begin with the same bytes are kept apart, so that an
 * ordinary line is ruled out by its first byte from most of them: what PCRE2
 * itself does for a search, and not for an anchored alternation. Patterns
 * that search (`.*rhost=<ip>`) would cost a walk through each line; those are
 * put together by the longest fixed bytes they need, which are looked for
 * first (needle.c).
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

static bool same_programs(const struct strings *a, const struct strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static struct group *find(struct groups *gs, const struct jail *j, uint16_t log,
			  const struct prefix *prefix, const struct expr *x)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct group *g = &gs->v[i];

		if (g->log == log && g->prefix == prefix &&
		    same_programs(g->programs, &j->programs) &&
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
		g = append(gs, &(struct group){ .log = log, .programs = &j->programs,
						.prefix = prefix, .first = x->first,
						.needle = x->needle });
	return g ? add_member(g, m) : -ENOMEM;
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

/* From the bundle of each member to the first member in a bundle or a later one. */
static void note_starts(struct group *g, const size_t *bundle)
{
	for (size_t b = 0; b < g->n; b++) {
		size_t k = 0;

		while (k < g->n && bundle[k] < b)
			k++;
		g->start[b] = k;
	}
}

static int compile(struct group *g, const struct config *c, bool jit)
{
	struct pattern *p = calloc(g->n, sizeof(*p));
	size_t *bundle = calloc(g->n, sizeof(*bundle));
	struct buf text = { 0 };
	int rc = p && bundle ? 0 : -ENOMEM;

	free(g->start);
	g->start = calloc(g->n, sizeof(*g->start));
	if (!g->start)
		rc = -ENOMEM;
	if (rc == 0)
		rc = expand_members(g, c, p);
	if (rc == 0)
		rc = factor_put(p, g->n, &text, bundle);
	if (rc == 0) {
		note_starts(g, bundle);
		rc = expr_compile_raw(buf_span(&text), jit, &g->detect);
	}
	for (size_t k = 0; p && k < g->n; k++)
		pattern_free(&p[k]);
	free(p);
	free(bundle);
	buf_free(&text);
	return rc;
}

/* Move the second half of group `at` into a new one at the end. */
static int split(struct groups *gs, size_t at)
{
	size_t half = gs->v[at].n / 2;
	struct group upper = gs->v[at];

	upper.member = NULL;
	upper.start = NULL;
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
		free(gs->v[i].start);
	}
	free(gs->v);
	*gs = (struct groups){ 0 };
}

/* A mark is the bundle's number in decimal. */
static size_t marked(const struct group *g, pcre2_match_data *data)
{
	PCRE2_SPTR mark = pcre2_get_mark(data);
	size_t k = 0;

	if (!mark)
		return 0;
	for (; *mark >= '0' && *mark <= '9'; mark++)
		k = k * 10 + (size_t)(*mark - '0');
	return k < g->n ? g->start[k] : 0;
}

size_t group_detect(struct group *g, struct arena *a, struct span s, uint32_t options)
{
	int rc;

	if (!needle_in(&g->needle, s))
		return g->n;
	if (!g->detect.code || strain_spend(&g->strain))
		return 0;
	rc = expr_run(&g->detect, s, options, a->data, a->half);
	if (rc == 0)
		return g->n;
	if (rc > 0)
		return marked(g, a->data);
	strain_more(&g->strain);
	return 0;
}
