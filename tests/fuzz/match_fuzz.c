/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines, and patterns, of strangers: the detecting expressions must find what
 * each pattern alone finds. Input: lines ended by \n; the first byte of a
 * line chooses program and log. Lines that begin with = add a pattern to a
 * jail of their own before the others are matched.
 */
#include <stdio.h>

#include "base/hash.h"
#include "unit/engine/match/setup.h"

#define OWN_RULES 8
#define PATTERN_SIZE 120

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pair {
	struct setup s;
	struct matcher *fast, *plain;
};

static const char *const programs[] = {
	"postfix/smtpd", "postfix/submission/smtpd", "postfix/qmgr", "postfix/smtp",
	"postfix/postscreen", "dovecot", "sshd", "auth",
};

static void note(void *arg, const struct hit *h)
{
	struct pair *p = ((void **)arg)[0];

	setup_print(&p->s.c, h, ((void **)arg)[1]);
}

static bool troubled(struct pair *p)
{
	struct match_trouble t[64];

	return matcher_troubles(p->fast, t, 64) + matcher_troubles(p->plain, t, 64) > 0;
}

static void compare(struct pair *p, struct span line)
{
	struct buf a = { 0 }, b = { 0 };
	unsigned choice = line.n ? (unsigned char)line.p[0] : 0;
	struct entry e = { .program = span_of(programs[choice % 8]), .repeat = 1 };
	void *to_a[] = { p, &a }, *to_b[] = { p, &b };

	if (line.n > 0)
		e.text = (struct span){ line.p + 1, line.n - 1 };
	matcher_run(p->fast, (uint16_t)(choice / 8 % 2), &e, note, to_a);
	matcher_run(p->plain, (uint16_t)(choice / 8 % 2), &e, note, to_b);
	/* the interpreter counts its steps otherwise than JIT */
	if (!troubled(p) && !span_eq(buf_span(&a), buf_span(&b))) {
		fprintf(stderr, "fast '%s'\nplain '%s'\n", buf_cstr(&a), buf_cstr(&b));
		abort();
	}
	buf_free(&a);
	buf_free(&b);
}

static void make(struct pair *p, const struct jail_row *rows, size_t n)
{
	struct complaints bad = { 0 };

	setup_init(&p->s, rows, n);
	if (matcher_new(&p->s.c, false, &bad, &p->fast) < 0 ||
	    matcher_new(&p->s.c, true, &bad, &p->plain) < 0)
		abort();
	complaints_free(&bad);
}

static struct span next_line(struct span *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct span line = { rest->p, end ? (size_t)(end - rest->p) : rest->n };
	size_t used = line.n + (end != NULL);

	*rest = (struct span){ rest->p + used, rest->n - used };
	return line;
}

/* The patterns that the input brings along. */
static size_t own_jail(struct span rest, struct jail_row *row,
		       char text[OWN_RULES][PATTERN_SIZE])
{
	size_t n = 0;

	while (rest.n > 0 && n < OWN_RULES) {
		struct span line = next_line(&rest);

		if (line.n < 2 || line.p[0] != '=' || line.n > PATTERN_SIZE ||
		    memchr(line.p, 0, line.n))
			continue;
		memcpy(text[n], line.p + 1, line.n - 1);
		text[n][line.n - 1] = 0;
		row->rules[n] = text[n];
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair fixed;
	struct span all = { (const char *)data, size }, rest = all;
	struct jail_row rows[OWN_RULES] = { 0 }, own = { 0 };
	char text[OWN_RULES][PATTERN_SIZE];
	struct pair p = { 0 };
	size_t n;

	if (!fixed.fast) {
		hash_init();
		make(&fixed, realistic, NREALISTIC);
	}
	n = own_jail(all, &own, text);
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct jail_row){ .name = "own", .rules = { text[i] } };
	if (n > 0)
		make(&p, rows, n);
	while (rest.n > 0) {
		struct span line = next_line(&rest);

		if (line.n > 0 && line.p[0] == '=')
			continue;
		compare(&fixed, line);
		if (n > 0)
			compare(&p, line);
	}
	if (n > 0) {
		matcher_free(&p.fast);
		matcher_free(&p.plain);
		setup_fini(&p.s);
	}
	return 0;
}
