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
 * A pattern that several jails have stands in it once. Patterns whose
 * beginning is known (lead.c) are put together by that: it is compared
 * before anything runs, and the expression goes on behind it.
 *
 * Others that cannot begin with the same bytes are kept apart, so that an
 * ordinary line is ruled out by its first byte from most of them: what PCRE2
 * itself does for a search, and not for an anchored alternation. Patterns
 * that search (`.*rhost=<ip>`) would cost a walk through each line; those are
 * put together by the longest fixed bytes they need, which are looked for
 * first (needle.c). Jails that are off at the start are kept apart, too: until
 * an admin puts one on, its group costs nothing.
 *
 * One pattern alone needs no detecting, and a few of which one mostly matches
 * cost less one by one.
 *
 * An expression that ran into a limit tells nothing. Its members then run
 * singly, for this entry and for some more (struct strain), so that the
 * limit is not paid for twice on each of an attacker's lines.
 */
#include "engine/match/group.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/match/factor.h"

#define LONG (48u << 10)	/* bytes of text: most likely too many for PCRE2, which needs long to say so */
#define HOT 8
#define HOT_MOST 16

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

/* Behind a prefix no head is looked for. */
static void set_leads(struct leads *ret, const struct prefix *prefix, const struct unit *u)
{
	*ret = u->leads;
	for (size_t i = 0; prefix && i < u->leads.n; i++)
		if (u->leads.v[i].head != LEAD_PLAIN)
			*ret = (struct leads){ 0 };
}

/* The same bytes to begin with, as far as they are known. */
static bool begins_alike(const struct group *g, const struct leads *leads, const struct expr *x)
{
	if (!leads_equal(&g->leads, leads))
		return false;
	return leads->n > 0 ||
	       (memcmp(&g->first, &x->first, sizeof(g->first)) == 0 && needle_equal(&g->needle, &x->needle));
}

static struct group *find(struct groups *gs, const struct jail *j, uint16_t log,
			  const struct prefix *prefix, const struct unit *u)
{
	struct leads leads;

	set_leads(&leads, prefix, u);
	for (size_t i = 0; i < gs->n; i++) {
		struct group *g = &gs->v[i];

		if (g->log == log && g->prefix == prefix && g->off == (j->mode == MODE_OFF) &&
		    g->hidden == u->hidden && begins_alike(g, &leads, &u->x) &&
		    (holds(g->programs, &j->programs) || holds(&j->programs, g->programs)))
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
	const struct unit *u = m->unit;
	struct group *g = find(gs, j, log, prefix, u);

	if (!g)
		g = append(gs, &(struct group){ .log = log, .off = j->mode == MODE_OFF,
						.hidden = u->hidden, .programs = &j->programs,
						.prefix = prefix, .first = u->x.first,
						.needle = u->x.needle });
	if (g && g->n == 0)
		set_leads(&g->leads, prefix, u);
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

static size_t nwords(const struct group *g)
{
	return (g->n + 63) / 64;
}

/* The number of the member's pattern; npatterns if it is none of those yet. */
static uint32_t pattern_number(const struct group *g, size_t k)
{
	const struct memo *memo = g->member[k].unit->memo;

	for (size_t i = 0; memo && i < k; i++)
		if (g->member[i].unit->memo == memo)
			return g->member[i].pattern;
	return (uint32_t)g->npatterns;
}

/* Each pattern once, and who has it. */
static int collect_patterns(struct group *g)
{
	free(g->pattern);
	free(g->same);
	free(g->found);
	g->npatterns = 0;
	g->pattern = calloc(g->n, sizeof(*g->pattern));
	g->same = calloc(2 * g->n, sizeof(*g->same));
	g->found = calloc(nwords(g), sizeof(*g->found));
	if (!g->pattern || !g->same || !g->found)
		return -ENOMEM;
	for (size_t k = 0; k < g->n; k++) {
		g->member[k].pattern = pattern_number(g, k);
		if (g->member[k].pattern < g->npatterns)
			continue;
		g->same[g->npatterns] = FINDING_END;
		g->pattern[g->npatterns++] = &g->member[k].unit->loose;
	}
	for (size_t k = 0; k < g->n; k++) {
		g->same[g->n + k] = g->same[g->member[k].pattern];
		g->same[g->member[k].pattern] = (uint32_t)k;
	}
	return 0;
}

/* Bytes that are of the lead are there anyway. */
static bool is_of_lead(const struct leads *leads, struct span bytes)
{
	for (size_t i = 0; i < leads->n && bytes.n > 0; i++)
		if (memmem(leads->v[i].bytes, leads->v[i].n, bytes.p, bytes.n))
			return true;
	return false;
}

static void set_needs(struct group *g)
{
	for (size_t i = 0; i < g->npatterns && i < GROUP_FEW; i++) {
		struct span bytes = buf_span(&g->pattern[i]->needle);

		needle_set(&g->need[i], is_of_lead(&g->leads, bytes) ? SPAN_LIT("") : bytes);
	}
}

static int compile(struct group *g, bool jit)
{
	struct buf text = { 0 };
	int rc = collect_patterns(g);

	if (rc < 0 || g->npatterns == 1)
		return rc;
	set_needs(g);
	rc = factor_put(g->pattern, g->npatterns, g->leads.tokens, &text);
	if (rc == 0)
		rc = text.n > LONG && g->npatterns > 1 ? -EINVAL : expr_compile_raw(buf_span(&text), jit, &g->detect);
	buf_free(&text);
	return rc;
}

/* Move members with the second half of the patterns of group `at` into a new one at the end. */
static int split(struct groups *gs, size_t at)
{
	size_t half = gs->v[at].npatterns / 2, n = 0;
	struct group upper = gs->v[at], *g;

	upper.member = NULL;
	upper.pattern = NULL;
	upper.same = NULL;
	upper.found = NULL;
	upper.n = 0;
	for (size_t k = 0; k < gs->v[at].n; k++) {
		if (gs->v[at].member[k].pattern >= half && add_member(&upper, &gs->v[at].member[k]) < 0) {
			free(upper.member);
			return -ENOMEM;
		}
	}
	if (!append(gs, &upper)) {
		free(upper.member);
		return -ENOMEM;
	}
	g = &gs->v[at];
	for (size_t k = 0; k < g->n; k++)
		if (g->member[k].pattern < half)
			g->member[n++] = g->member[k];
	g->n = n;
	return 0;
}

int groups_compile(struct groups *gs, bool jit, unsigned *nojit)
{
	int rc = 0;

	for (size_t i = 0; i < gs->n; i++) {
		note_programs(&gs->v[i]);
		/* each pattern compiled by itself, so the sum is what is wrong */
		while ((rc = compile(&gs->v[i], jit)) == -EINVAL && gs->v[i].npatterns > 1)
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
		free(gs->v[i].pattern);
		free(gs->v[i].same);
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

static void find_pattern(struct group *g, size_t pattern)
{
	for (uint32_t k = g->same[pattern]; k != FINDING_END; k = g->same[g->n + k])
		g->found[k / 64] |= UINT64_C(1) << (k % 64);
	g->any = true;
}

/* Its few patterns, but for those that need what is not there. */
static bool find_few(struct group *g, struct span s)
{
	set_found(g, 0);
	for (size_t i = 0; i < g->npatterns; i++)
		if (needle_in(&g->need[i], s))
			find_pattern(g, i);
	return g->any;
}

/*
 * Do its few patterns run one by one now, as lines are mostly hits? Each
 * eighth line is detected all the same and tells whether they still are.
 */
static bool is_hot(struct group *g)
{
	if (g->hot < HOT)
		return false;
	g->turn++;
	return g->turn % 8 != 0;
}

static void note_heat(struct group *g)
{
	if (!g->any)
		g->hot /= 2;
	else if (g->npatterns <= GROUP_FEW && g->hot < HOT_MOST)
		g->hot++;
}

bool group_detect(struct group *g, struct arena *a, struct span s, size_t from, uint32_t options)
{
	if (!needle_in(&g->needle, s))
		return false;
	if (!g->detect.code || strain_spend(&g->strain)) {
		set_found(g, 0xff);
		return true;
	}
	if (is_hot(g))
		return find_few(g, s);
	if (g->any)
		set_found(g, 0);
	a->finding = (struct finding){ .bits = g->found, .first = g->same, .next = g->same + g->n };
	if (expr_run_from(&g->detect, s, g->leads.whole ? 0 : from + g->leads.bytes, options, a->data, a->half) < 0) {
		strain_more(&g->strain);
		set_found(g, 0xff);
	} else {
		g->any = a->finding.any;
		note_heat(g);
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
