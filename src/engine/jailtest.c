/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A jail's own tests, run at load: one line and the captures it must give, or
 * several lines with times and the verdict they must lead to. Both run in the
 * compiled matcher that serves afterwards; the second kind with a small core
 * beside the one that serves, so that no test leaves a trace in its tables. The
 * tests share that core: each begins with empty counts, and long after the one
 * before, when what was known of accounts has passed.
 */
#include "engine/jailtest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "config/account.h"
#include "engine/match/geo.h"
#include "engine/count/subject.h"

#define KNOWN_AFTER_MS (4 * 3600000LL)	/* as by default */
#define BEGIN_MS 1000000000000LL
#define APART_MS (100 * 86400000LL)	/* longer than a place is known for an account */
#define TRACKED_MAX 1024

/* What the tests of one or all jails run in. */
struct bench {
	struct core *core;	/* the one that serves */
	struct config config;
	struct core *small;	/* NULL: no test has asked for it */
	int64_t now;
	struct complaints *bad;
	unsigned failed;
};

struct seen {
	struct core *core;
	const struct jail_test *test;
	unsigned hits;
	bool wrong;
	struct buf why;
};

static void print_capture(const struct capture *c, struct buf *out)
{
	char text[ADDR_TEXT_MAX];

	if (c->type == FIELD_ADDR)
		buf_puts(out, addr_print(&c->addr, text));
	else if (c->type == FIELD_NUMBER)
		buf_printf(out, "%" PRId64, c->number);
	else
		buf_put(out, c->raw.p, c->raw.n);
}

/* An account by each of its forms: `joe` is joe@example.org where that is the default domain. */
static bool same_account(const struct config *config, const char *got, const char *want)
{
	char a[SUBJECT_TEXT_MAX], b[SUBJECT_TEXT_MAX];

	return account_canonical(&config->accounts, span_of(got), a, sizeof(a)) == 0 &&
	       account_canonical(&config->accounts, span_of(want), b, sizeof(b)) == 0 && strcmp(a, b) == 0;
}

/* Addresses are compared as addresses, accounts as such, all else as text. */
static bool same_value(const struct config *config, const struct capture *c, const char *want)
{
	struct buf got = { 0 };
	struct addr a;
	bool same;

	if (c->type == FIELD_ADDR)
		return addr_parse(span_of(want), &a) == 0 && addr_equal(&a, &c->addr);
	print_capture(c, &got);
	same = strcmp(buf_cstr(&got), want) == 0 ||
	       (c->type == FIELD_ACCOUNT && same_account(config, buf_cstr(&got), want));
	buf_free(&got);
	return same;
}

static void on_hit(void *arg, const struct hit *hit)
{
	struct seen *s = arg;

	s->hits++;
	for (size_t i = 0; i < s->test->nwant && !s->wrong; i++) {
		const char *name = s->test->want[i].name, *want = s->test->want[i].value;
		int field = config_field(s->core->config, span_of(name));
		struct capture c;

		if (field < 0 || !hit_get(s->core->matcher, hit, (uint16_t)field, &c)) {
			s->wrong = true;
			buf_printf(&s->why, "%s was not captured, '%s' is wanted", name, want);
		} else if (!same_value(s->core->config, &c, want)) {
			s->wrong = true;
			buf_printf(&s->why, "%s is '", name);
			print_capture(&c, &s->why);
			buf_printf(&s->why, "', '%s' is wanted", want);
		}
	}
}

static void fail(struct bench *b, const struct jail *j, const struct jail_test *t, const char *why)
{
	b->failed++;
	complaints_add(b->bad, t->place, j->name, false, "test failed: %s", why);
}

/* "sshd[4711]", as a tag is written. */
static void take_pid(struct entry *e)
{
	const char *open = e->program.n ? memrchr(e->program.p, '[', e->program.n) : NULL;
	size_t at = open ? (size_t)(open - e->program.p) : 0;

	if (at == 0 || e->program.p[e->program.n - 1] != ']')
		return;
	e->pid = (struct span){ open + 1, e->program.n - at - 2 };
	e->program.n = at;
}

static struct entry entry_of(const struct jail *j, const struct jail_test_line *l)
{
	struct entry e = { .repeat = 1, .text = span_of(l->text) };

	e.program = span_of(l->program ? l->program : j->programs.n ? j->programs.v[0] : NULL);
	e.host = span_of(l->host ? l->host : "mail");
	if (l->program)
		take_pid(&e);
	return e;
}

static void run_line(struct bench *b, const struct jail *j, const struct jail_test *t)
{
	struct seen s = { .core = b->core, .test = t };
	struct entry e = entry_of(j, &t->lines[0]);

	matcher_run_jail(b->core->matcher, j, &e, on_hit, &s);
	if (t->none && s.hits)
		fail(b, j, t, "it is a hit, none is wanted");
	else if (!t->none && !s.hits)
		fail(b, j, t, "no pattern matches, a hit is wanted");
	else if (!t->none && s.wrong)
		fail(b, j, t, buf_cstr(&s.why));
	buf_free(&s.why);
}

/* ---- several lines and a verdict */

struct wanted {
	struct core *core;
	const struct jail_test *test;
	unsigned verdicts, right;
	struct buf last;
};

static void on_verdict(void *arg, const struct core_verdict *v)
{
	struct wanted *w = arg;
	bool right = true;

	w->verdicts++;
	buf_clear(&w->last);
	subject_print(w->core->config, v->subject, &w->last);
	for (size_t i = 0; i < w->test->nwant; i++) {
		bool found = false;

		for (size_t k = 0; k < v->subject->n; k++) {
			const struct subject_part *p = &v->subject->part[k];
			struct capture c = { .field = p->field, .type = p->type, .raw = p->text };

			if (p->type == FIELD_ADDR)
				c.addr = p->addr;
			found |= strcmp(w->core->config->fields[p->field].name, w->test->want[i].name) == 0 &&
				 same_value(w->core->config, &c, w->test->want[i].value);
		}
		right &= found;
	}
	w->right += right;
}

static int make_small(struct bench *b)
{
	int r;

	b->config = *b->core->config;
	b->config.tracked_max = TRACKED_MAX;
	/* What the admin says of his own accounts is not what the test is about. */
	b->config.nclasses = 0;
	b->config.accounts.local_domains.n = 0;
	b->config.accounts.known_after_ms = KNOWN_AFTER_MS;
	r = core_beside(b->core, &b->config, &b->small);
	if (r == 0)
		b->small->testing = true;
	return r;
}

static void play(struct bench *b, const struct jail *j, const struct jail_test *t)
{
	int64_t begin = b->now, at = begin;

	for (size_t i = 0; i < t->nlines; i++) {
		struct entry e = entry_of(j, &t->lines[i]);
		struct position pos = { .offset = i };
		struct event_time last = { 0 };
		uint64_t clamped = 0;
		struct clockwork clock = { .last = &last, .clamped = &clamped };

		if (t->lines[i].has_at)
			at = begin + t->lines[i].at_ms;
		e.when_us = at * 1000;
		clock.ctx.arrival.ms = at;
		core_take(b->small, j->verdicts ? 0 : j->logs[0], &e, e.text, &pos, &clock, true);
		if (at > b->now)
			b->now = at;
	}
}

static int run_lines(struct bench *b, const struct jail *j, const struct jail_test *t)
{
	uint16_t jail = (uint16_t)(j - b->core->config->jails);
	struct wanted w = { .test = t };
	int r = b->small ? core_renew(b->small, jail) : make_small(b);

	if (r < 0) {
		core_free(&b->small);
		return r;
	}
	b->now += APART_MS;
	w.core = b->small;
	b->small->fn = on_verdict;
	b->small->arg = &w;
	core_place(b->small, b->core->geo);
	core_set_mode(b->small, jail, MODE_ON);
	play(b, j, t);
	core_set_mode(b->small, jail, MODE_OFF);
	if (t->none && w.verdicts)
		fail(b, j, t, "a verdict fell, none is wanted");
	else if (!t->none && !w.verdicts)
		fail(b, j, t, "no verdict fell, one is wanted");
	else if (!t->none && !w.right) {
		struct buf why = { 0 };

		buf_printf(&why, "the verdict fell on %s", buf_cstr(&w.last));
		fail(b, j, t, buf_cstr(&why));
		buf_free(&why);
	}
	buf_free(&w.last);
	return 0;
}

/* Where the test says that addresses are, and else as the core knows. */
static int run_one(struct bench *b, const struct jail *j, const struct jail_test *t)
{
	const struct geo *before = b->core->geo;
	struct geo *own = NULL;
	int r = 0;

	if (t->nplaces)
		r = geo_new(&own);
	for (size_t i = 0; i < t->nplaces && r == 0; i++)
		r = geo_put(own, &t->places[i].addr, t->places[i].country, t->places[i].asn);
	if (own)
		core_place(b->core, own);
	if (r == 0 && t->wants_verdict)
		r = run_lines(b, j, t);
	else if (r == 0)
		run_line(b, j, t);
	core_place(b->core, before);
	geo_free(&own);
	return r;
}

static int run_jail(struct bench *b, const struct jail *j)
{
	int r = 0;

	b->failed = 0;
	/* A replay of named logs leaves the other jails without one to run in. */
	if (j->nlogs == 0 && !j->verdicts)
		return 0;
	for (size_t i = 0; i < j->ntests && r == 0; i++)
		r = run_one(b, j, &j->tests[i]);
	return r;
}

int jailtest_run(struct core *core, const struct jail *j, struct complaints *bad,
		 unsigned *ret_failed)
{
	struct bench b = { .core = core, .bad = bad, .now = BEGIN_MS };
	int r = run_jail(&b, j);

	*ret_failed = b.failed;
	core_free(&b.small);
	return r;
}

unsigned jailtest_all(struct core *core, struct complaints *bad)
{
	struct bench b = { .core = core, .bad = bad, .now = BEGIN_MS };
	const struct config *c = core->config;
	unsigned refused = 0;

	for (uint16_t i = 0; i < c->njails; i++) {
		const struct jail *j = &c->jails[i];

		if (matcher_has(core->matcher, j) && run_jail(&b, j) == 0 && b.failed == 0)
			continue;
		core_set_mode(core, i, MODE_OFF);
		refused++;
	}
	core_free(&b.small);
	return refused;
}
