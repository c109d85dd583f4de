/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of threads on entries whose id nobody knows: they are not run, and
 * what is told is the same as when each is run for itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/hash.h"
#include "engine/match/matcher.h"
#include "setup.h"

#define JAILS 5
#define RULES 5

static const char *const patterns[] = {
	"<qid>: removed$", "<qid>: removed", "<qid>: to=\\<<rcpt>>, ", "<qid>: to=\\<[^<>]*>, status=sent \\(<qid2>\\)",
	"<qid>: (?:to|from)=", "<qid>: <status>", "<qid>: \\w+", "(?:NOQUEUE|<qid>): to=", "<qid2>: to=\\<<qid>>, ",
	"<qid>: from=\\<<sender>>", "<qid>: from=", "(?:(?:NOQUEUE|<qid>): )?removed", ".*removed$",
	"<service>: removed", "[0-9A-Za-z]{4,30}: to=", "<qid>: a++|<qid>: from=", "4F1C: removed$", "<qid>: client=<ip>$",
};

static const char *const lines[] = {
	"4F1C: removed", "4F1D: removed", "4F1C: to=<4F1D>, status=sent (4F1E)", "4F1D: to=<4F1C>, ", "4F1E: from=<a@b>",
	"4F1C: from=<a@b> removed", "NOQUEUE: to=<a>, ", "removed", "abcd: removed", "4F1D: aa", "4F1C: own",
	"4F1D: client=192.0.2.1", "4F1D: client=999.0.2.1", "4F1C:removed", "bcdfghjklmnp: removed",
};

#define NPATTERNS (sizeof(patterns) / sizeof(*patterns))
#define NLINES (sizeof(lines) / sizeof(*lines))

static uint32_t next_random(uint32_t below)
{
	static uint32_t state = 4711;

	state = state * 1103515245u + 12345u;
	return (state >> 8) % below;
}

/* Which jails know which id: a bit each, by the id's fourth byte. */
struct knowing {
	unsigned jails[256];
	unsigned asked;
};

static uint64_t known(void *arg, struct span id)
{
	struct knowing *k = arg;

	k->asked++;
	return k->jails[id.n > 3 ? (unsigned char)id.p[3] : 0];
}

static struct match_ties alone(const void *arg, size_t jail)
{
	(void)arg;
	return (struct match_ties){ .who = UINT64_C(1) << jail };
}

/* The first two share their threads. */
static struct match_ties shared(const void *arg, size_t jail)
{
	(void)arg;
	return (struct match_ties){ .who = 1, .set = jail < 2 ? 1 : 2 };
}

struct out {
	const struct config *c;
	struct buf text;
};

static void note(void *arg, const struct hit *h)
{
	struct out *o = arg;

	setup_print(o->c, h, &o->text);
}

static void thread_jail(struct setup *s, struct jail *j)
{
	static const enum verb verbs[] = { VERB_COUNT, VERB_COUNT, VERB_JOIN, VERB_FORGET, VERB_REMEMBER };

	j->threaded = next_random(6) > 0;
	j->thread_by = (uint16_t)config_field(&s->c, SPAN_LIT("qid"));
	j->limit.nper = 1;
	j->limit.per[0] = (uint16_t)config_field(&s->c, SPAN_LIT("user"));
	for (size_t i = 0; i < j->nrules; i++) {
		j->rules[i].verb = verbs[next_random(5)];
		j->rules[i].at_once = next_random(4) > 0;
	}
}

static struct matcher *make(struct setup *s, bool reference, struct knowing *k)
{
	struct complaints bad = { 0 };
	struct matcher *m;

	assert_int_equal(matcher_new(&s->c, reference, &bad, &m), 0);
	for (size_t i = 0; i < bad.n; i++)
		fail_msg("%s: %s", bad.v[i].jail ? bad.v[i].jail : "-", bad.v[i].text);
	complaints_free(&bad);
	matcher_gate(m, known, alone, k);
	return m;
}

static void random_jails(struct jail_row *rows)
{
	static const char *const names[JAILS] = { "j0", "j1", "j2", "j3", "j4" };

	for (size_t i = 0; i < JAILS; i++) {
		rows[i] = (struct jail_row){ .name = names[i] };
		for (size_t k = 0; k < 1 + next_random(RULES); k++)
			rows[i].rules[k] = patterns[next_random(NPATTERNS)];
		if (next_random(8) == 0)
			rows[i].ignore[0] = "status=";
	}
}

static void test_differential(void **state)
{
	unsigned told = 0, hidden = 0;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		struct jail_row rows[JAILS];
		struct knowing knowing = { .asked = 0 };
		struct matcher *fast, *plain;
		struct setup s;
		struct out a = { .c = &s.c }, b = { .c = &s.c };

		random_jails(rows);
		setup_init(&s, rows, JAILS);
		for (size_t i = 0; i < JAILS; i++)
			thread_jail(&s, &s.c.jails[i]);
		fast = make(&s, false, &knowing);
		plain = make(&s, true, &knowing);
		for (size_t i = 0; i < fast->groups.n; i++)
			hidden += fast->groups.v[i].hidden;
		for (unsigned i = 0; i < 60; i++) {
			struct entry e = { .program = SPAN_LIT("x"), .text = span_of(lines[i % NLINES]), .repeat = 1 };

			if (i % NLINES == 0)
				for (unsigned n = 'A'; n < 'H'; n++)
					knowing.jails[n] = next_random(2) ? next_random(1 << JAILS) : 0;
			buf_clear(&a.text);
			buf_clear(&b.text);
			matcher_run(fast, 0, &e, note, &a);
			matcher_run(plain, 0, &e, note, &b);
			told += a.text.n > 0;
			if (strcmp(buf_cstr(&a.text), buf_cstr(&b.text)) != 0)
				fail_msg("'%s'\nfast '%s'\nplain '%s'", lines[i % NLINES], buf_cstr(&a.text),
					 buf_cstr(&b.text));
		}
		buf_free(&a.text);
		buf_free(&b.text);
		matcher_free(&fast);
		matcher_free(&plain);
		setup_fini(&s);
	}
	assert_true(told > 10000);
	assert_true(hidden > 2000);
}

/* Jails whose first rule remembers by <qid>, and whose others do `others`. */
static void remembering(struct setup *s, const struct jail_row *rows, size_t n, enum verb others)
{
	setup_init(s, rows, n);
	for (size_t i = 0; i < n; i++) {
		struct jail *j = &s->c.jails[i];

		j->threaded = true;
		j->thread_by = (uint16_t)config_field(&s->c, SPAN_LIT("qid"));
		for (size_t k = 0; k < j->nrules; k++)
			j->rules[k].verb = k == 0 ? VERB_REMEMBER : others;
	}
}

/* An entry of an id that is nobody's costs one question, and one that has no such rule none. */
static void test_asked(void **state)
{
	static const struct jail_row rows[] = {
		{ .name = "a", .rules = { "<qid>: client=<ip>$", "<qid>: removed$", "<qid>: from=" } },
		{ .name = "b", .rules = { "<qid>: client=<ip>$", "<qid>: removed$", "<qid>: from=" } },
	};
	struct knowing knowing = { .asked = 0 };
	struct setup s;
	struct matcher *m;
	struct entry e = { .program = SPAN_LIT("x"), .text = SPAN_LIT("4F1C: removed"), .repeat = 1 };
	struct out o = { .c = &s.c };

	(void)state;
	remembering(&s, rows, 2, VERB_FORGET);
	m = make(&s, false, &knowing);
	matcher_run(m, 0, &e, note, &o);
	assert_int_equal(knowing.asked, 1);
	assert_int_equal(o.text.n, 0);
	knowing.jails['C'] = 2;
	matcher_run(m, 0, &e, note, &o);
	assert_int_equal(knowing.asked, 2);
	assert_string_equal(buf_cstr(&o.text), "b/1 qid=4F1C; ");
	e.text = SPAN_LIT("4F1C: client=192.0.2.1");
	matcher_run(m, 0, &e, note, &o);
	assert_int_equal(knowing.asked, 2);
	/* without a gate all is run */
	buf_clear(&o.text);
	matcher_gate(m, NULL, NULL, NULL);
	e.text = SPAN_LIT("4F1D: removed");
	matcher_run(m, 0, &e, note, &o);
	assert_string_equal(buf_cstr(&o.text), "a/1 qid=4F1D; b/1 qid=4F1D; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* What does the same to the threads of several jails is told for the first; what is counted, for each. */
static void test_shared(void **state)
{
	static const struct jail_row rows[] = {
		{ .name = "a", .rules = { "<qid>: client=<ip>$", "<qid>: from=" } },
		{ .name = "b", .rules = { "<qid>: client=<ip>$", "<qid>: from=" } },
		{ .name = "c", .rules = { "<qid>: client=<ip>$", "<qid>: from=" } },
	};
	struct knowing knowing = { .jails = { ['C'] = 1 } };
	struct entry e = { .program = SPAN_LIT("x"), .repeat = 1 };
	struct matcher *m;
	struct setup s;
	struct out o = { .c = &s.c };

	(void)state;
	remembering(&s, rows, 3, VERB_COUNT);
	m = make(&s, false, &knowing);
	matcher_gate(m, known, shared, &knowing);
	for (int i = 0; i < 2; i++) {
		buf_clear(&o.text);
		e.text = SPAN_LIT("4F1C: client=192.0.2.1");
		assert_int_equal(matcher_run(m, 0, &e, note, &o), 3);
		assert_string_equal(buf_cstr(&o.text), "a/0 qid=4F1C ip=192.0.2.1; c/0 qid=4F1C ip=192.0.2.1; ");
	}
	buf_clear(&o.text);
	matcher_enable(m, &s.c.jails[0], false);
	matcher_run(m, 0, &e, note, &o);
	assert_string_equal(buf_cstr(&o.text), "b/0 qid=4F1C ip=192.0.2.1; c/0 qid=4F1C ip=192.0.2.1; ");
	buf_clear(&o.text);
	matcher_enable(m, &s.c.jails[0], true);
	e.text = SPAN_LIT("4F1C: from=<a@b>");
	matcher_run(m, 0, &e, note, &o);
	assert_string_equal(buf_cstr(&o.text), "a/1 qid=4F1C; b/1 qid=4F1C; c/1 qid=4F1C; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* Is the join of a jail gated that counts like this? */
static bool join_is_gated(const struct rule *count)
{
	struct jail_row row = { .name = "a", .rules = { count->pattern, "<qid>: queued as <qid2>$" } };
	struct complaints bad = { 0 };
	struct matcher *m;
	struct setup s;
	struct jail *j;
	bool gated;

	setup_init(&s, &row, 1);
	j = &s.c.jails[0];
	j->threaded = true;
	j->thread_by = (uint16_t)config_field(&s.c, SPAN_LIT("qid"));
	j->limit.kind = LIMIT_COUNT;
	j->limit.nper = 1;
	j->limit.per[0] = (uint16_t)config_field(&s.c, SPAN_LIT("user"));
	j->rules[0].verb = VERB_COUNT;
	j->rules[0].tells = count->tells;
	j->rules[0].at_once = count->at_once;
	j->rules[0].each = count->each;
	j->rules[1].verb = VERB_JOIN;
	assert_int_equal(matcher_new(&s.c, false, &bad, &m), 0);
	gated = m->jails[0].rule[1].gated;
	complaints_free(&bad);
	matcher_free(&m);
	setup_fini(&s);
	return gated;
}

/*
 * A join need not be run for an unknown id where no count can wait for it, or
 * have counted by itself.
 */
static void test_joins(void **state)
{
	static const struct { const char *count; bool gated; } cases[] = {
		{ "<qid>: client=<ip>, user=<user>$", true },
		{ "(?:NOQUEUE|<qid>): client=<ip>, user=<user>(?:,|$)", true },
		{ "<qid>: [)(|] user=<user>,", true }, { "<qid>: []|)] user=<user>,", true },
		{ "<qid>: \\(user=<user>\\)", true }, { "<qid>: \\[(?:a|b)\\] <user> ", true },
		{ "<qid>: user=<user_domain>", false }, { "<qid>: (?:user=<user>)?", false },
		{ "<qid>: user=<user>?", false }, { "<qid>: user=<user>{0,1} ", false },
		{ "<qid>: user=<user>|<qid>: nobody", false }, { "<qid>: (?:[)]user=<user>)?", false },
		{ "<qid>: (?:[[:alpha:])]user=<user>)?", false }, { "(?x)<qid>: # user=<user>\n", false },
		{ "<qid>: (?:\\)user=<user>)?", false }, { "(*ACCEPT)user=<user>", false },
		{ "<qid>: \\Q(\\E(?:user=<user>)?", false }, { "<qid>: user=\\<user>", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rule count = { .pattern = (char *)cases[i].count, .tells = true };

		if (join_is_gated(&count) != cases[i].gated)
			fail_msg("'%s'", cases[i].count);
	}
}

/* The same for counts that tell the thread nothing. */
static void test_joins_of_counts(void **state)
{
	static const struct { const char *count; bool at_once, each, gated; } cases[] = {
		{ "<qid>: user=<user>$", false, false, false }, { "<qid>: user=<user>$", false, true, false },
		{ "<qid>: user=<user>$", true, false, false }, { "<qid>: user=<user>$", true, true, true },
		{ "<qid>: from=", true, false, true }, { "<qid>: from=", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rule count = { .pattern = (char *)cases[i].count, .at_once = cases[i].at_once,
				      .each = cases[i].each };

		if (join_is_gated(&count) != cases[i].gated)
			fail_msg("%zu: '%s'", i, cases[i].count);
	}
}

/* A join of two ids that nobody knows is told to nobody; of one that its threads know, to its jail. */
static void test_joins_nothing(void **state)
{
	static const struct jail_row rows[] = {
		{ .name = "a", .rules = { "<qid>: client=<ip>$", "<qid2>: orig_queue_id=<qid>$" } },
		{ .name = "b", .rules = { "<qid>: client=<ip>$", "<qid2>: orig_queue_id=<qid>$" } },
	};
	struct entry e = { .program = SPAN_LIT("x"), .text = SPAN_LIT("4F1C: orig_queue_id=4F1D"), .repeat = 1 };
	struct knowing knowing = { .asked = 0 };

	(void)state;
	for (int reference = 0; reference < 2; reference++) {
		struct out o = { .text = { 0 } };
		struct matcher *m;
		struct setup s;

		remembering(&s, rows, 2, VERB_JOIN);
		o.c = &s.c;
		m = make(&s, reference, &knowing);
		memset(knowing.jails, 0, sizeof(knowing.jails));
		assert_int_equal(matcher_run(m, 0, &e, note, &o), 2);
		assert_int_equal(o.text.n, 0);
		knowing.jails['D'] = 2;
		matcher_run(m, 0, &e, note, &o);
		assert_string_equal(buf_cstr(&o.text), "b/1 qid2=4F1C qid=4F1D; ");
		knowing.jails['D'] = 0;
		knowing.jails['C'] = 1;
		buf_clear(&o.text);
		matcher_run(m, 0, &e, note, &o);
		assert_string_equal(buf_cstr(&o.text), "a/1 qid2=4F1C qid=4F1D; ");
		buf_free(&o.text);
		matcher_free(&m);
		setup_fini(&s);
	}
}

/* An id with colons in it does not end at the first: such rules are always run. */
static void test_colons(void **state)
{
	static const struct { const char *by, *pattern; bool gated; } cases[] = {
		{ "qid", "<qid>: bad$", true }, { "session", "<session>: bad$", true },
		{ "ip", "<ip>: bad$", false }, { "msgid", "<msgid>: bad$", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct jail_row row = { .name = "a", .rules = { cases[i].pattern } };
		struct knowing knowing = { .asked = 0 };
		struct matcher *m;
		struct setup s;

		setup_init(&s, &row, 1);
		s.c.jails[0].threaded = true;
		s.c.jails[0].thread_by = (uint16_t)config_field(&s.c, span_of(cases[i].by));
		s.c.jails[0].rules[0].verb = VERB_FORGET;
		m = make(&s, false, &knowing);
		assert_int_equal(m->jails[0].rule[0].gated, cases[i].gated);
		matcher_free(&m);
		setup_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_joins_of_counts),
		cmocka_unit_test(test_joins_nothing),
		cmocka_unit_test(test_colons),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
