/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries in, hits out; the fast way against the plain way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/hash.h"
#include "setup.h"

struct out {
	const struct config *c;
	struct buf text;
};

static void note(void *arg, const struct hit *h)
{
	struct out *o = arg;

	setup_print(o->c, h, &o->text);
}

static struct entry entry_of(const char *program, struct span text)
{
	return (struct entry){ .program = span_of(program), .text = text, .repeat = 1 };
}

/* What comes out for one entry, as text; the count must agree. */
static const char *run(struct matcher *m, uint16_t log, const char *program,
		       struct span text, struct out *o)
{
	struct entry e = entry_of(program, text);
	unsigned n, semicolons = 0;

	buf_clear(&o->text);
	n = matcher_run(m, log, &e, note, o);
	for (size_t i = 0; i < o->text.n; i++)
		semicolons += o->text.p[i] == ';';
	if (semicolons < n)
		fail_msg("%u hits said, '%s'", n, buf_cstr(&o->text));
	return buf_cstr(&o->text);
}

static struct matcher *make(struct setup *s, const struct jail_row *rows, size_t n,
			    bool reference)
{
	struct complaints bad = { 0 };
	struct matcher *m;

	if (s->c.fields == NULL)
		setup_init(s, rows, n);
	assert_int_equal(matcher_new(&s->c, reference, &bad, &m), 0);
	for (size_t i = 0; i < bad.n; i++)
		fail_msg("%s: %s", bad.v[i].jail ? bad.v[i].jail : "-", bad.v[i].text);
	complaints_free(&bad);
	return m;
}

/* ---- rows over the jails of setup.h */

static const struct {
	const char *name, *program, *text, *want;
} hits[] = {
	{ "SASL failure", "postfix/smtpd",
	  "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
	  "postfix-sasl/0 host=unknown ip=203.0.113.9; " },
	{ "with a port and a name", "postfix/submission/smtpd",
	  "warning: mx.example.org[203.0.113.9]:4711: SASL PLAIN authentication failed: (reason unavailable), sasl_username=joe",
	  "postfix-sasl/0 host=mx.example.org ip=203.0.113.9; " },
	{ "the server's own fault", "postfix/smtpd",
	  "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: Connection lost to authentication server", "" },
	{ "its words as a login name", "postfix/smtpd",
	  "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=Connection lost to authentication server",
	  "postfix-sasl/0 host=unknown ip=203.0.113.9; " },
	{ "its words with a tail", "postfix/smtpd",
	  "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: Connection lost to authentication server, sasl_username=x", "" },
	{ "another log's program", "sshd",
	  "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6", "" },
	{ "not at the start", "postfix/smtpd",
	  "x warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: y", "" },
	{ "no address", "postfix/smtpd",
	  "warning: unknown[999.1.1.1]: SASL LOGIN authentication failed: x", "" },
	{ "leading zeros", "postfix/smtpd",
	  "warning: unknown[203.0.113.009]: SASL LOGIN authentication failed: x", "" },
	{ "IPv6", "postfix/smtpd",
	  "warning: unknown[2001:db8:0::5]: SASL LOGIN authentication failed: x",
	  "postfix-sasl/0 host=unknown ip=2001:db8::5; " },
	{ "mapped", "postfix/smtpd",
	  "warning: unknown[::ffff:198.51.100.7]: SASL LOGIN authentication failed: x",
	  "postfix-sasl/0 host=unknown ip=198.51.100.7; " },
	{ "zone id", "postfix/smtpd",
	  "warning: unknown[fe80::1%eth0]: SASL LOGIN authentication failed: x",
	  "postfix-sasl/0 host=unknown ip=fe80::1; " },
	{ "two jails, a forged second name", "postfix/submission/smtpd",
	  "4F1C: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=joe, sasl_sender=x,sasl_username=boss",
	  "sasl-burst/0 qid=4F1C host=unknown ip=203.0.113.9 user=joe; "
	  "sasl-recipients/0 qid=4F1C host=unknown ip=203.0.113.9 user=joe; " },
	{ "queued", "postfix/qmgr", "4F1CA0: from=<joe@example.com>, size=1234, nrcpt=17 (queue active)",
	  "sasl-recipients/1 qid=4F1CA0 sender=joe@example.com size=1234 nrcpt=17; " },
	{ "NOQUEUE is no queue id", "postfix/smtpd",
	  "NOQUEUE: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=joe", "" },
	{ "joined", "postfix/smtp",
	  "4F1CA0: to=<a@example.net>, relay=mx[192.0.2.1]:25, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5A77B)",
	  "sasl-recipients/2 qid=4F1CA0 qid2=5A77B; " },
	{ "the first rule wins", "postfix/smtpd",
	  "NOQUEUE: reject: RCPT from unknown[203.0.113.77]: 554 5.7.1 <x@y>: Relay access denied; User unknown",
	  "postfix-reject/0 host=unknown ip=203.0.113.77; " },
	{ "a later rule", "postfix/smtpd", "lost connection after AUTH from unknown[203.0.113.9]",
	  "postfix-reject/13 host=unknown ip=203.0.113.9; " },
	{ "ignored", "postfix/smtpd",
	  "disconnect from unknown[203.0.113.9] auth=0/3 relay=dovecot commands=2/5", "" },
	{ "not ignored", "postfix/smtpd", "disconnect from unknown[203.0.113.9] auth=0/3 commands=2/5",
	  "postfix-reject/16 host=unknown ip=203.0.113.9; " },
	{ "a jail that is off", "postfix/smtpd", "connect from unknown[203.0.113.9]", "" },
	{ "a number", "dovecot",
	  "imap-login: Aborted login (auth failed, 2 attempts in 18 secs): user=<test>, method=PLAIN, rip=198.51.100.9, lip=198.51.100.10, secured",
	  "dovecot/0 attempts=2 user=test ip=198.51.100.9; " },
	{ "an optional group", "dovecot", "auth-worker(4711): sql(joe,198.51.100.9): Password mismatch",
	  "dovecot/2 user=joe ip=198.51.100.9; " },
	{ "... that took part", "dovecot", "auth: sql(joe,198.51.100.9,<aB1+/>): unknown user",
	  "dovecot/2 user=joe ip=198.51.100.9 session=aB1+/; " },
	{ "prefix, and a jail of any program", "auth",
	  "pam_unix(dovecot:auth): authentication failure; logname= ruser=x rhost=198.51.100.30  user=joe",
	  "pam/0 ip=198.51.100.30 user=joe pamservice=dovecot; any/0 ip=198.51.100.30; " },
	{ "one of them ignores", "auth",
	  "pam_unix(dovecot:auth): authentication failure; ruser=ignored rhost=198.51.100.30",
	  "pam/0 ip=198.51.100.30 pamservice=dovecot; " },
	{ "an own capture", "sshd",
	  "Failed password for invalid user x from 1.2.3.4 port 1 ssh2 from 198.51.100.21 port 51022 ssh2",
	  "sshd/0 login=x from 1.2.3.4 port 1 ssh2 ip=198.51.100.21 port=51022; " },
	{ "ignored at the start", "sshd",
	  "User root from 198.51.100.24 not allowed because not listed in AllowUsers", "" },
	{ "whatever the case", "x", "REFUSED CONNECT from x (198.51.100.31)", "any/1 ip=198.51.100.31; " },
	{ "nothing", "", "", "" },
	{ "no program", NULL, "refused connect from x (198.51.100.31)", "any/1 ip=198.51.100.31; " },
};

static void rows_of(bool reference)
{
	struct setup s = { 0 };
	struct matcher *m = make(&s, realistic, NREALISTIC, reference);
	struct out o = { .c = &s.c };

	for (size_t i = 0; i < sizeof(hits) / sizeof(*hits); i++) {
		const char *got = run(m, 0, hits[i].program, span_of(hits[i].text), &o);

		if (strcmp(got, hits[i].want) != 0)
			fail_msg("%s%s: '%s', wanted '%s'", hits[i].name,
				 reference ? " (reference)" : "", got, hits[i].want);
	}
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

static void test_hits(void **state)
{
	(void)state;
	rows_of(false);
	rows_of(true);
}

/* ---- small jails of their own */

static const struct jail_row by_log[] = {
	{ "one", NULL, NULL, { "x <ip>" }, { 0 }, 0, false },
	{ "two", NULL, NULL, { "x <ip>" }, { 0 }, 1, false },
	{ "both", NULL, NULL, { "[xy] <ip>" }, { 0 }, 2, false },
};

static void test_logs(void **state)
{
	struct setup s = { 0 };
	struct matcher *m = make(&s, by_log, 3, false);
	struct out o = { .c = &s.c };
	struct span x = SPAN_LIT("x 192.0.2.1");

	(void)state;
	assert_string_equal(run(m, 0, "p", x, &o), "one/0 ip=192.0.2.1; both/0 ip=192.0.2.1; ");
	assert_string_equal(run(m, 1, "p", x, &o), "two/0 ip=192.0.2.1; both/0 ip=192.0.2.1; ");
	assert_string_equal(run(m, 2, "p", x, &o), "");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* Rules that begin differently lie in different groups; the order holds. */
static const struct jail_row orders[] = {
	{ "a", NULL, NULL, { "\\w+b <ip>", "ab .*", "a" }, { 0 }, 0, false },
	{ "b", NULL, NULL, { "a(?<never>x)", "(?<all>.+)", "ab" }, { 0 }, 0, false },
	{ "c", "p*", NULL, { "ab" }, { 0 }, 0, false },
	{ "d", NULL, NULL, { "(?=a)ab", "A" }, { 0 }, 0, false },
};

static void test_order(void **state)
{
	struct setup s = { 0 };
	struct matcher *m = make(&s, orders, 4, false);
	struct out o = { .c = &s.c };

	(void)state;
	assert_string_equal(run(m, 0, "p", SPAN_LIT("ab 192.0.2.1"), &o),
			    "a/0 ip=192.0.2.1; b/1 all=ab 192.0.2.1; c/0; d/0; ");
	assert_string_equal(run(m, 0, "p", SPAN_LIT("ab 192.0.2.300"), &o),
			    "a/1; b/1 all=ab 192.0.2.300; c/0; d/0; ");
	assert_string_equal(run(m, 0, "q", SPAN_LIT("a"), &o), "a/2; b/1 all=a; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

static const struct jail_row prefixed[] = {
	{ "p1", NULL, "<host> <ip>: <content>", { "bad (?<what>\\w+)", "from <ip>", "end$", "(?<!: )look" },
	  { "^bad boy", "spare" }, 0, false },
	{ "p2", "x", "<host> <ip>: <content>", { "bad" }, { 0 }, 0, false },
	{ "p3", NULL, "(?:never)?z<content>?", { "bad", "" }, { 0 }, 0, false },
};

static void test_prefix(void **state)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "h 192.0.2.1: bad luck", "p1/0 what=luck host=h ip=192.0.2.1; p2/0 host=h ip=192.0.2.1; " },
		{ "h 192.0.2.1: from 192.0.2.2", "p1/1 ip=192.0.2.2 host=h; " },
		{ "h 1.2: from 192.0.2.2", "p1/1 ip=192.0.2.2 host=h; " },
		{ "h 1.2: bad luck", "" },
		{ "h 192.0.2.1: bad boy", "p2/0 host=h ip=192.0.2.1; " },
		{ "h 192.0.2.1: bad spare", "p2/0 host=h ip=192.0.2.1; " },
		{ "h 192.0.2.1: end", "p1/2 host=h ip=192.0.2.1; " },
		{ "h 192.0.2.1: look", "p1/3 host=h ip=192.0.2.1; " },
		{ "bad luck", "" },
		{ "zbad", "p3/0; " },
		{ "z", "p3/1; " },
	};
	struct setup s = { 0 };
	struct matcher *m = make(&s, prefixed, 3, false);
	struct out o = { .c = &s.c };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *got = run(m, 0, "x", span_of(rows[i].text), &o);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].text, got);
	}
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

static const struct jail_row typed[] = {
	{ "t", NULL, NULL, { "size=(?<size>\\S*)", "ip=(?<ip>\\S*)", "either (?:<ip>|name <user>|at (?<ip>x))",
			     "twice <ip> \\k<ip>$", "(?x) spaced \\  <ip> # out",
			     "(?i)mixed <user>", "\\Qq.t" }, { 0 }, 0, false },
};

static void test_types(void **state)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "size=17", "t/0 size=17; " },
		{ "size=9223372036854775807", "t/0 size=9223372036854775807; " },
		{ "size=9223372036854775808", "" },
		{ "size=-1", "" },
		{ "size=", "" },
		{ "ip=::1", "t/1 ip=::1; " },
		{ "ip=192.0.2.0/24", "" },
		{ "ip=", "" },
		{ "either 192.0.2.1", "t/2 ip=192.0.2.1; " },
		{ "either name joe", "t/2 user=joe; " },
		{ "either at x", "" },
		{ "twice 192.0.2.1 192.0.2.1", "t/3 ip=192.0.2.1; " },
		{ "twice 192.0.2.1 192.0.2.2", "" },
		{ "spaced 192.0.2.1", "t/4 ip=192.0.2.1; " },
		{ "MIXED joe", "t/5 user=joe; " },
		{ "q.t", "t/6; " },
		{ "qat", "" },
	};
	struct setup s = { 0 };
	struct matcher *fast = make(&s, typed, 1, false), *plain = make(&s, typed, 1, true);
	struct out o = { .c = &s.c };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(run(fast, 0, "x", span_of(rows[i].text), &o), rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].text, buf_cstr(&o.text));
		if (strcmp(run(plain, 0, "x", span_of(rows[i].text), &o), rows[i].want) != 0)
			fail_msg("%s (reference): '%s'", rows[i].text, buf_cstr(&o.text));
	}
	buf_free(&o.text);
	matcher_free(&fast);
	matcher_free(&plain);
	setup_fini(&s);
}

/* Bytes of any kind are data; a newline ends nothing. */
static void test_bytes(void **state)
{
	static const struct jail_row row = {
		"b", NULL, NULL, { "a.b$", "<user> end$" }, { 0 }, 0, false };
	struct setup s = { 0 };
	struct matcher *m = make(&s, &row, 1, false);
	struct out o = { .c = &s.c };

	(void)state;
	assert_string_equal(run(m, 0, "x", SPAN_LIT("a\0b"), &o), "b/0; ");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("a\nb"), &o), "b/0; ");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("a\xff" "b"), &o), "b/0; ");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("a-b\n"), &o), "");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("j\xf6rg end"), &o), "b/1 user=j\\xF6rg; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* No text at all is a text, too. */
static void test_empty(void **state)
{
	static const struct jail_row row = { "e", NULL, NULL, { "x", "(?<user>)$" }, { "y" }, 0, false };
	struct setup s = { 0 };
	struct matcher *m;
	struct out o = { .c = &s.c };

	(void)state;
	m = make(&s, &row, 1, false);
	assert_string_equal(run(m, 0, NULL, (struct span){ NULL, 0 }, &o), "e/1 user=; ");
	assert_string_equal(run(m, 0, "", SPAN_LIT(""), &o), "e/1 user=; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

static void test_line_max(void **state)
{
	static const struct jail_row row = {
		"l", NULL, NULL, { "a+$", "a+\\z", "a{8}b" }, { 0 }, 0, false };
	struct setup s = { 0 };
	struct matcher *m;
	struct out o = { .c = &s.c };
	struct entry cut = entry_of("x", SPAN_LIT("aaaa"));

	(void)state;
	cut.cut = true;
	setup_init(&s, &row, 1);
	s.c.line_max = 8;
	m = make(&s, NULL, 0, false);
	assert_string_equal(run(m, 0, "x", SPAN_LIT("aaaaaaaa"), &o), "l/0; ");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("aaaaaaaab"), &o), "l/1; ");
	/* What a reader has cut has no end either, however short it is here. */
	assert_string_equal(run(m, 0, "x", SPAN_LIT("aaaa"), &o), "l/0; ");
	buf_clear(&o.text);
	assert_int_equal(matcher_run(m, 0, &cut, note, &o), 1);
	assert_string_equal(buf_cstr(&o.text), "l/1; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* ---- jails in and out, and one alone */

static void test_enable(void **state)
{
	struct setup s = { 0 };
	struct matcher *m = make(&s, by_log, 3, false);
	struct out o = { .c = &s.c };
	struct span x = SPAN_LIT("x 192.0.2.1");
	struct entry e = entry_of("p", x);

	(void)state;
	matcher_enable(m, &s.c.jails[0], false);
	assert_string_equal(run(m, 0, "p", x, &o), "both/0 ip=192.0.2.1; ");
	matcher_enable(m, &s.c.jails[2], false);
	assert_string_equal(run(m, 0, "p", x, &o), "");
	buf_clear(&o.text);
	assert_int_equal(matcher_run_jail(m, &s.c.jails[0], &e, note, &o), 1);
	assert_string_equal(buf_cstr(&o.text), "one/0 ip=192.0.2.1; ");
	matcher_enable(m, &s.c.jails[0], true);
	assert_string_equal(run(m, 0, "p", x, &o), "one/0 ip=192.0.2.1; ");
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

static void test_run_jail_wants_program(void **state)
{
	struct setup s = { 0 };
	struct matcher *m = make(&s, realistic, NREALISTIC, false);
	struct out o = { .c = &s.c };
	struct entry e = entry_of("postfix/smtpd", span_of(hits[0].text));

	(void)state;
	assert_int_equal(matcher_run_jail(m, &s.c.jails[0], &e, note, &o), 1);
	e.program = SPAN_LIT("sshd");
	assert_int_equal(matcher_run_jail(m, &s.c.jails[0], &e, note, &o), 0);
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* ---- what is wrong with a jail */

static const struct jail_row wrong[] = {
	{ "good", NULL, NULL, { "a <ip>" }, { 0 }, 0, false },
	{ "bad", NULL, NULL, { "a <ip>", "b <usr>", "a[z-b]c" }, { "(*F)" }, 0, false },
	{ "range", NULL, NULL, { "<ip>ab{3,2}" }, { 0 }, 0, false },
	{ "noprefix", NULL, "no way: ", { "x" }, { 0 }, 0, false },
	{ "twice", NULL, NULL, { "<ip>|x<ip>\\k<ip>" }, { 0 }, 0, false },
	{ "badprefix", NULL, "<content>(", { "x" }, { 0 }, 0, false },
	{ "badprefix2", NULL, "<content>(", { "x" }, { 0 }, 0, false },
};

/* Where no log is read for them, patterns are looked at all the same. */
static void check_complaints(bool read)
{
	static const struct { const char *jail; unsigned line; const char *part; } want[] = {
		{ "bad", 2, "offset 2 of 'b <usr>': unknown placeholder" },
		{ "bad", 3, "offset 4 of 'a[z-b]c': range out of order" },
		{ "bad", 1, "offset 0 of '(*F)': verbs" },
		{ "range", 1, "offset 10 of '<ip>ab{3,2}': numbers out of order" },
		{ "noprefix", 0, "a prefix without <content>" },
		{ "twice", 1, "names one twice" },
		{ "badprefix", 0, "offset 10 of '<content>('" },
		{ "badprefix2", 0, "offset 10 of '<content>('" },
	};
	struct complaints bad = { 0 };
	struct matcher *m;
	struct setup s;

	setup_init(&s, wrong, 7);
	for (size_t i = 0; i < 7; i++)
		s.c.jails[i].nlogs *= read;
	assert_int_equal(matcher_new(&s.c, false, &bad, &m), 0);
	for (size_t i = 0; i < bad.n; i++) {
		if (i >= sizeof(want) / sizeof(*want) || bad.v[i].warning ||
		    strcmp(bad.v[i].jail, want[i].jail) != 0 ||
		    bad.v[i].place.line != want[i].line || !strstr(bad.v[i].text, want[i].part))
			fail_msg("%zu: %s:%u %s", i, bad.v[i].jail, bad.v[i].place.line, bad.v[i].text);
	}
	assert_int_equal(bad.n, sizeof(want) / sizeof(*want));
	assert_true(matcher_has(m, &s.c.jails[0]));
	for (size_t i = 1; i < 7; i++)
		assert_false(matcher_has(m, &s.c.jails[i]));
	matcher_enable(m, &s.c.jails[1], true);
	complaints_free(&bad);
	matcher_free(&m);
	setup_fini(&s);
}

static void test_complaints(void **state)
{
	(void)state;
	check_complaints(true);
	check_complaints(false);
}

static const struct jail_row unread[] = {
	{ "unread", NULL, NULL, { "a <ip>", "b <ip>" }, { "x$" }, 0, false },
	{ "read", NULL, NULL, { "a <ip>", "c <ip>" }, { 0 }, 0, false },
	{ "unread too", NULL, NULL, { "a <ip>" }, { 0 }, 0, false },
};

/* A jail without a log never runs, and one with the same patterns runs as ever. */
static void test_unread(void **state)
{
	static const char *const lines[] = { "a 192.0.2.1", "b 192.0.2.1", "c 192.0.2.1" };
	static const char *const want[] = { "read/0 ip=192.0.2.1; ", "", "read/1 ip=192.0.2.1; " };
	struct setup s = { 0 };
	struct out o = { .c = &s.c };
	struct matcher *m;

	(void)state;
	setup_init(&s, unread, 3);
	s.c.jails[0].nlogs = s.c.jails[2].nlogs = 0;
	m = make(&s, unread, 3, false);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(run(m, 0, "x", span_of(lines[i]), &o), want[i]);
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* ---- derived captures */

struct derived {
	struct matcher *m;
	const struct config *c;
	const char *field;
	char got[128];
};

static void derive(void *arg, const struct hit *h)
{
	struct derived *d = arg;
	struct capture v;
	int f = config_field(d->c, span_of(d->field));

	assert_true(f >= 0);
	if (hit_get(d->m, h, (uint16_t)f, &v))
		snprintf(d->got, sizeof(d->got), "%.*s", (int)v.raw.n, v.raw.p);
	else
		snprintf(d->got, sizeof(d->got), "none");
}

static void test_derived(void **state)
{
	static const struct jail_row row = {
		"d", NULL, NULL, { "<ip>(?: <user>)?(?: f=<<sender>>)?(?: t=<<rcpt>>)?$" }, { 0 }, 0, false };
	static const struct { const char *text, *field, *want; } rows[] = {
		{ "192.0.2.77", "net", "192.0.2.0/24" },
		{ "2001:db8:1:2::3", "net", "2001:db8:1::/48" },
		{ "192.0.2.77", "ip", "192.0.2.77" },
		{ "192.0.2.77", "user_domain", "none" },
		{ "192.0.2.77 Joe@Example.ORG", "user_domain", "example.org" },
		{ "192.0.2.77 joe", "user_domain", "example.com" },
		{ "192.0.2.77 a@b@c", "user_domain", "c" },
		{ "192.0.2.77 joe@", "user_domain", "none" },
		{ "192.0.2.77 f=<a@b.example> t=<c@d.example>", "sender_domain", "b.example" },
		{ "192.0.2.77 f=<a@b.example> t=<c@d.example>", "rcpt_domain", "d.example" },
		{ "192.0.2.77 f=<>", "sender_domain", "none" },
		{ "192.0.2.77", "country", "none" },
		{ "192.0.2.77", "asn", "none" },
	};
	struct setup s = { 0 };
	struct matcher *m = make(&s, &row, 1, false);
	char domain[] = "example.com";

	(void)state;
	s.c.accounts.default_domain = domain;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct derived d = { m, &s.c, rows[i].field, "" };
		struct entry e = entry_of("x", span_of(rows[i].text));

		assert_int_equal(matcher_run(m, 0, &e, derive, &d), 1);
		if (strcmp(d.got, rows[i].want) != 0)
			fail_msg("%s of %s: '%s'", rows[i].field, rows[i].text, d.got);
	}
	matcher_free(&m);
	setup_fini(&s);
}

/* ---- limits */

static const struct jail_row dear[] = {
	{ "early", NULL, NULL, { "a+ <ip>" }, { 0 }, 0, false },
	{ "dear", NULL, NULL, { "(a+)+$" }, { 0 }, 0, false },
	{ "late", NULL, NULL, { "a+!" }, { 0 }, 0, false },
	{ "ignores", NULL, NULL, { "[ab]+!" }, { "(?:a+)+x" }, 0, false },
};

#define MANY_AS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_limits(void **state)
{
	struct setup s = { 0 };
	struct matcher *m = make(&s, dear, 4, false);
	struct out o = { .c = &s.c };
	struct match_trouble t[8];

	(void)state;
	assert_string_equal(run(m, 0, "x", SPAN_LIT("aaa"), &o), "dear/0; ");
	assert_int_equal(matcher_troubles(m, t, 8), 0);
	/* the guilty one is named, its neighbours match */
	assert_string_equal(run(m, 0, "x", SPAN_LIT(MANY_AS "! x"), &o), "late/0; ");
	assert_int_equal(matcher_troubles(m, t, 8), 2);
	assert_ptr_equal(t[0].jail, &s.c.jails[1]);
	assert_ptr_equal(t[0].rule, &s.c.jails[1].rules[0]);
	assert_int_equal(t[0].times, 1);
	assert_string_equal(t[0].what, "match limit");
	assert_ptr_equal(t[1].rule, &s.c.jails[3].ignore[0]);
	assert_int_equal(matcher_troubles(m, t, 8), 0);
	/* it goes on, and so does the guilty one on lines that it can bear */
	for (unsigned i = 0; i < 1000; i++)
		run(m, 0, "x", SPAN_LIT(MANY_AS MANY_AS "! x"), &o);
	assert_string_equal(buf_cstr(&o.text), "late/0; ");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("aaaaa"), &o), "dear/0; ");
	assert_string_equal(run(m, 0, "x", SPAN_LIT("b!"), &o), "ignores/0; ");
	assert_int_equal(matcher_troubles(m, t, 1), 1);
	assert_int_equal(t[0].times, 1000);
	assert_int_equal(matcher_troubles(m, t, 8), 1);
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* ---- big groups */

/* Too big for one expression of PCRE2: cut in parts, with the same outcome. */
static void test_big_group(void **state)
{
	enum { N = 300 };
	static char text[N][400];
	static char name[N][16];
	static struct jail_row rows[N];
	struct setup s = { 0 };
	struct matcher *m;
	struct out o = { .c = &s.c };

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "j%d", i);
		snprintf(text[i], sizeof(text[i]), "w%d from <host>\\[<ip>\\] user=<user> <sender> %0200d", i % 150, i % 150);
		rows[i] = (struct jail_row){ .name = name[i], .rules = { text[i] } };
	}
	m = make(&s, rows, N, false);
	for (int i = 0; i < N; i++) {
		char line[400], want[200];

		snprintf(line, sizeof(line), "w%d from h[192.0.2.1] user=u s@x %0200d", i % 150, i % 150);
		snprintf(want, sizeof(want), "j%d/0 host=h ip=192.0.2.1 user=u sender=s@x; "
			 "j%d/0 host=h ip=192.0.2.1 user=u sender=s@x; ", i % 150, i % 150 + 150);
		assert_string_equal(run(m, 0, "x", span_of(line), &o), want);
	}
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* More programs than the cache holds, and names that are too long for it. */
static void test_many_programs(void **state)
{
	static const struct jail_row rows_p[] = {
		{ "p", "p*", NULL, { "x" }, { 0 }, 0, false },
		{ "p7", "p*7", NULL, { "x" }, { 0 }, 0, false },
	};
	struct setup s = { 0 };
	struct matcher *m = make(&s, rows_p, 2, false);
	struct out o = { .c = &s.c };
	char program[300];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5000; i++) {
			const char *want = i % 10 == 7 ? "p/0; p7/0; " : "p/0; ";

			snprintf(program, sizeof(program), "p%0*d", i % 3 ? 5 : 200, i);
			assert_string_equal(run(m, 0, program, SPAN_LIT("x"), &o), want);
			program[0] = 'q';
			assert_string_equal(run(m, 0, program, SPAN_LIT("x"), &o), "");
		}
	}
	buf_free(&o.text);
	matcher_free(&m);
	setup_fini(&s);
}

/* ---- fast against plain */

static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % below;
}

/* One line made of another, or of two. */
static size_t mutate(char *buf, size_t size, const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), at;

	memcpy(buf, a, n);
	for (unsigned k = next_random(4); k > 0 && n > 0; k--) {
		at = next_random((uint32_t)n);
		switch (next_random(5)) {
		case 0:
			buf[at] = (char)next_random(256);
			break;
		case 1:
			memmove(buf + at, buf + at + 1, n - at - 1);
			n--;
			break;
		case 2:
			n = at;
			break;
		case 3:
			if (m > 0) {
				size_t from = next_random((uint32_t)m), len = m - from;

				if (at + len < size) {
					memcpy(buf + at, b + from, len);
					n = at + len;
				}
			}
			break;
		default:
			buf[at] = " []<>:,.()="[next_random(11)];
		}
	}
	return n;
}

static void test_differential(void **state)
{
	struct setup s = { 0 };
	struct matcher *fast = make(&s, realistic, NREALISTIC, false);
	struct matcher *plain = make(&s, realistic, NREALISTIC, true);
	struct out a = { .c = &s.c }, b = { .c = &s.c };
	unsigned with_hits = 0;
	char line[4096];

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		const struct sample *x = &samples[i % NSAMPLES];
		const struct sample *y = &samples[next_random(NSAMPLES)];
		const char *program = next_random(20) ? x->program : y->program;
		struct span text = { line, mutate(line, sizeof(line), x->text, y->text) };
		uint16_t log = (uint16_t)next_random(2);

		run(fast, log, program, text, &a);
		run(plain, log, program, text, &b);
		if (a.text.n != b.text.n || memcmp(buf_cstr(&a.text), buf_cstr(&b.text), a.text.n) != 0)
			fail_msg("%s: %.*s\nfast '%s'\nplain '%s'", program, (int)text.n, text.p,
				 buf_cstr(&a.text), buf_cstr(&b.text));
		with_hits += a.text.n > 0;
	}
	assert_in_range(with_hits, 5000, 50000);
	buf_free(&a.text);
	buf_free(&b.text);
	matcher_free(&fast);
	matcher_free(&plain);
	setup_fini(&s);
}

/* Pieces of which patterns are made that share beginnings, or seem to. */
static const char *const pieces[] = {
	"a", "b", "ab", "abcd", "c d", "<", "(?:a|b)", "(a|bc)?", "a{2}", "a(?#x){2}", "a(?#x)",
	"\\Qab\\E{2}", "\\Qa", "b\\E*", "b\\Q\\E?", "<user>", "<<user>>", "<ip>", "[ab]", "[^a]+", "x?",
	"|", "(?i)", "(?i:AB)", "(?x) a b # c\n", "^", ".*", ".*abcd", "(?!a)", "(?=b)", "\\bb",
	"(?<=a)b", "$", "(?<own>a+) \\k<own>", "(?<own>b)?(?(<own>)a|c)", "\\w{2,3}?", "a++", "b*?", "(?>a|ab)",
	"\\x61", "\\.", "1", "(?-x)", "{", "{2}", ".",
	"<qid>", "<qid>: ", "(?:NOQUEUE|<qid>)", "(?:NOQUEUE|<qid>): ", "(?:(?:NOQUEUE|<qid>): )?",
	"(?!<qid>)", "(?=<qid>: )", "<qid>{1,2}", "\\k<ip>", "<ip> \\k<ip>", "\\k<qid>", "(?<ip>[12.]+)",
	"<service>-login: ", "<service>: ", "<service>", "(?:ab|c d)", "(?:a|ab|)", "(?:<|\\.|b\\|)", "\\G",
	"(?:<qid>: )?+", "(?>NOQUEUE|<qid>)", "(NOQUEUE|<qid>|a)",
};

#define NPIECES (sizeof(pieces) / sizeof(*pieces))

static void put_pieces(char *out, size_t size, unsigned from, unsigned n)
{
	size_t at = strlen(out);

	while (n-- > 0 && at + 32 < size)
		at += (size_t)snprintf(out + at, size - at, "%s", pieces[next_random(from)]);
}

static void random_jails(struct jail_row *rows, size_t n, char text[][300])
{
	static const char *const names[] = { "j0", "j1", "j2", "j3" };
	static const char *const programs[] = { NULL, NULL, "x", "x|y*", "y*", "y*|x", "z|x|y*", "*" };
	char begin[80] = "";

	put_pieces(begin, sizeof(begin), NPIECES, 1 + next_random(2));
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct jail_row){ .name = names[i], .log = 0,
					     .program = programs[next_random(8)] };
		for (size_t k = 0; k < 4; k++, text++) {
			snprintf(*text, sizeof(*text), "%s", next_random(3) ? begin : "");
			put_pieces(*text, sizeof(*text), NPIECES, 1 + next_random(4));
			rows[i].rules[k] = *text;
		}
	}
}

static void random_subject(char *line, size_t *n)
{
	static const char *const words[] = {
		"a", "b", "ab", "abcd", "c d", "<", ">", "192.0.2.1", "A", "B", "x", " ", "aa", ".", "1", "\n", "{2}",
		"NOQUEUE", ": ", "4F1C", "4F1C2: ", "NOQUEUE: ", "bcdfghjklmn: ", "abcdefg: ", "192.0.2.2 ",
		"imap-login: ", "-login: ", "a.b: ",
	};
	char *p = line;

	for (unsigned k = 1 + next_random(7); k > 0; k--) {
		const char *w = words[next_random(sizeof(words) / sizeof(*words))];

		p = stpcpy(p, w);
	}
	*n = (size_t)(p - line);
}

/* Any set of patterns: factored, gated by bytes, in JIT, as alone and interpreted. */
static void test_differential_patterns(void **state)
{
	unsigned compiled = 0, with_hits = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct complaints bad = { 0 };
		struct matcher *fast, *plain;
		struct jail_row rows[4];
		char text[16][300], line[200];
		struct setup s;
		struct out a = { .c = &s.c }, b = { .c = &s.c };

		random_jails(rows, 4, text);
		setup_init(&s, rows, 4);
		setup_own(&s, "(?<own>)");
		assert_int_equal(matcher_new(&s.c, false, &bad, &fast), 0);
		complaints_free(&bad);
		assert_int_equal(matcher_new(&s.c, true, &bad, &plain), 0);
		complaints_free(&bad);
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(matcher_has(fast, &s.c.jails[i]), matcher_has(plain, &s.c.jails[i]));
			compiled += matcher_has(fast, &s.c.jails[i]);
		}
		for (unsigned i = 0; i < 40; i++) {
			struct span subject = { line, 0 };

			random_subject(line, &subject.n);
			run(fast, 0, i % 4 ? "x" : "y2", subject, &a);
			run(plain, 0, i % 4 ? "x" : "y2", subject, &b);
			with_hits += a.text.n > 0;
			if (strcmp(buf_cstr(&a.text), buf_cstr(&b.text)) == 0)
				continue;
			for (size_t k = 0; k < 16; k++)
				print_message("%zu/%zu: %s\n", k / 4, k % 4, text[k]);
			fail_msg("'%.*s'\nfast '%s'\nplain '%s'", (int)subject.n, subject.p,
				 buf_cstr(&a.text), buf_cstr(&b.text));
		}
		buf_free(&a.text);
		buf_free(&b.text);
		matcher_free(&fast);
		matcher_free(&plain);
		setup_fini(&s);
	}
	assert_true(compiled > 3000);
	assert_true(with_hits > 20000);
}

/* ---- remarks */

static void test_remarks(void **state)
{
	static const struct jail_row row = {
		"r", NULL, NULL, { "warning: <ip>", ".*rhost=<ip>", "\\d+ \\w+", "user=.* rip=<ip>" },
		{ "Connection lost", "^Connection lost" }, 0, false };
	static const char *const want[] = { NULL, "begins with free text", "no fixed text", "<ip> is taken after" };
	struct setup s = { 0 };
	struct matcher *m = make(&s, &row, 1, false);
	const struct jail *j = s.c.jails;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const char *got = matcher_remark(m, &j->rules[i]);

		if (!want[i] != !got || (got && !strstr(got, want[i])))
			fail_msg("%s: %s", j->rules[i].pattern, got ? got : "-");
	}
	assert_non_null(strstr(matcher_remark(m, &j->ignore[0]), "goes unseen"));
	assert_null(matcher_remark(m, &j->ignore[1]));
	matcher_free(&m);
	setup_fini(&s);
}

static int begin(void **state)
{
	(void)state;
	hash_init();
	return 0;
}

/* What the tag tells one jail, whose threads go by it, is not told to another with the same pattern. */
static void test_pid_of_the_tag(void **state)
{
	static const struct jail_row rows[] = {
		{ .name = "a", .rules = { "login from <ip>$" } }, { .name = "b", .rules = { "login from <ip>$" } },
	};
	struct entry e = { .program = SPAN_LIT("x"), .pid = SPAN_LIT("4711"), .text = SPAN_LIT("login from 192.0.2.1"),
			   .repeat = 1 };

	(void)state;
	for (int reference = 0; reference < 2; reference++) {
		struct complaints bad = { 0 };
		struct matcher *m;
		struct setup s;
		struct out o = { 0 };

		setup_init(&s, rows, 2);
		s.c.jails[0].threaded = true;
		s.c.jails[0].thread_by = (uint16_t)config_field(&s.c, SPAN_LIT("pid"));
		s.c.jails[0].rules[0].verb = VERB_REMEMBER;
		assert_int_equal(matcher_new(&s.c, reference, &bad, &m), 0);
		o.c = &s.c;
		matcher_run(m, 0, &e, note, &o);
		assert_string_equal(buf_cstr(&o.text), "a/0 ip=192.0.2.1 pid=4711; b/0 ip=192.0.2.1; ");
		buf_free(&o.text);
		matcher_free(&m);
		setup_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hits),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_line_max),
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_run_jail_wants_program),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_big_group),
		cmocka_unit_test(test_many_programs),
		cmocka_unit_test(test_differential),
		cmocka_unit_test(test_differential_patterns),
		cmocka_unit_test(test_pid_of_the_tag),
		cmocka_unit_test(test_remarks),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
