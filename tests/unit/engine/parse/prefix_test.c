/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heads of lines in all formats, and the times that come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/parse/likeness.h"
#include "engine/parse/prefix.h"
#include "engine/parse/stamp.h"

#define ARRIVAL INT64_C(1788256800000)	/* 2026-09-01 12:00:00 in Berlin */
#define AUG21 INT64_C(1787299872000)	/* 2026-08-21 10:11:12 in Berlin */
#define NO_TIME INT64_C(-1)

static struct prefix_parser *parser(const char *find, const char *format)
{
	struct log_conf log = { .timezone = (char *)"Europe/Berlin",
				.time_find = (char *)find,
				.time_format = (char *)format };
	struct prefix_parser *p;
	const char *bad = "";
	int r = prefix_parser_new(&log, &p, &bad);

	if (r < 0)
		fail_msg("prefix_parser_new: %d %s", r, bad);
	return p;
}

static void expect_span(const char *row, const char *what, struct span got,
			const char *want)
{
	if (!span_eq(got, span_of(want)))
		fail_msg("%s: %s is '%.*s', wanted '%s'", row, what, (int)got.n,
			 got.n ? got.p : "", want);
}

struct head_row {
	const char *line, *host, *program, *pid, *text;
	enum stamp_form form;
	int64_t ms;
};

static const struct head_row heads[] = {
	/* traditional syslog */
	{ "\t  Aug 21 10:11:12 mx postfix/smtpd[9]: lost connection", "mx", "postfix/smtpd",
	  "9", "lost connection", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx postfix/smtpd[9]: lost connection", "mx", "postfix/smtpd",
	  "9", "lost connection", STAMP_SYSLOG, AUG21 },
	{ "Aug  1 03:27:28 mx sshd[743]: x", "mx", "sshd", "743", "x", STAMP_SYSLOG,
	  1785547648000 },
	{ "Aug 1 03:27:28 mx sshd[743]: x", "mx", "sshd", "743", "x", STAMP_SYSLOG,
	  1785547648000 },
	{ "Aug 01 03:27:28 mx sshd[743]: x", "mx", "sshd", "743", "x", STAMP_SYSLOG,
	  1785547648000 },
	{ "<22>Aug 21 10:11:12 mx dovecot: imap-login: x", "mx", "dovecot", "",
	  "imap-login: x", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12.345 mx cron[1]: x", "mx", "cron", "1", "x", STAMP_SYSLOG,
	  AUG21 + 345 },
	{ "Aug 21 10:11:12 mx postfix/submission/smtpd[12]: a", "mx",
	  "postfix/submission/smtpd", "12", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx postfix-out/smtpd[12]: a", "mx", "postfix-out/smtpd", "12",
	  "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx /usr/sbin/sshd[12]: a", "mx", "sshd", "12", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx /USR/SBIN/CRON: a", "mx", "CRON", "", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx /hpfax[1]: a", "mx", "hpfax", "1", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx /usr/[1]: a", "mx", "/usr/", "1", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx /[1]: a", "mx", "/", "1", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx ./sshd[1]: a", "mx", "./sshd", "1", "a", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx sshd(pam_unix)[9420]: authentication failure", "mx",
	  "sshd(pam_unix)", "9420", "authentication failure", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx sshd[3]:  Failed publickey", "mx", "sshd", "3",
	  "Failed publickey", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mail proftpd[15302]: xx (::ffff:192.168.0.213[::ffff:192.168.0.213])",
	  "mail", "proftpd", "15302", "xx (::ffff:192.168.0.213[::ffff:192.168.0.213])",
	  STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx proftpd[25530] host.example (1.2.3.4): no such user", "mx",
	  "proftpd", "25530", "host.example (1.2.3.4): no such user", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 sshd[1]: no host", "", "sshd", "1", "no host", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 192.0.2.9 kernel: eth0", "192.0.2.9", "kernel", "", "eth0",
	  STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 some words without a tag", "", "", "", "some words without a tag",
	  STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12", "", "", "", "", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx", "", "", "", "mx", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 mx a:", "mx", "a", "", "", STAMP_SYSLOG, AUG21 },
	/* RFC 3339 */
	{ "2026-08-21T10:11:12.123456+02:00 mx sshd[9]: x", "mx", "sshd", "9", "x",
	  STAMP_ISO, AUG21 + 123 },
	{ "2026-08-21T08:11:12Z mx sshd[9]: x", "mx", "sshd", "9", "x", STAMP_ISO, AUG21 },
	{ "2026-08-21T04:11:12-0400 mx sshd[9]: x", "mx", "sshd", "9", "x", STAMP_ISO, AUG21 },
	{ "2026-08-21T13:41:12+05:30 mx dovecot: auth: x", "mx", "dovecot", "", "auth: x",
	  STAMP_ISO, AUG21 },
	{ "2026-08-21T10:11:12+02 mx sshd[9]: x", "mx", "sshd", "9", "x", STAMP_ISO, AUG21 },
	{ "2026-08-21T10:11:12 mx sshd[9]: local", "mx", "sshd", "9", "local", STAMP_ISO, AUG21 },
	{ "<38>2026-08-21T10:11:12+02:00 mx sshd[9]: x", "mx", "sshd", "9", "x", STAMP_ISO, AUG21 },
	{ "2026-08-21 01:11:12.801612-0700  localhost sshd[3186]: error", "localhost", "sshd",
	  "3186", "error", STAMP_ISO, AUG21 + 801 },
	{ "2026-08-21 10:11:12,805 zuse proftpd[26189] zuse.example (1.2.3.4): USER", "zuse",
	  "proftpd", "26189", "zuse.example (1.2.3.4): USER", STAMP_ISO, AUG21 + 805 },
	{ "[2026-08-21 10:11:12] local.ERROR: login failed", "", "", "",
	  "local.ERROR: login failed", STAMP_ISO, AUG21 },
	/* RFC 5424 */
	{ "<34>1 2026-08-21T08:11:12.003Z mx.example su 77 ID47 - \xef\xbb\xbf'su root' failed",
	  "mx.example", "su", "77", "'su root' failed", STAMP_ISO, AUG21 + 3 },
	{ "<165>1 2026-08-21T08:11:12Z mx app - - [a@1 b=\"x \\\"] y\"][c@2] text", "mx", "app",
	  "", "text", STAMP_ISO, AUG21 },
	{ "<165>1 2026-08-21T08:11:12Z mx /usr/sbin/sshd 9 - - text", "mx", "sshd", "9", "text",
	  STAMP_ISO, AUG21 },
	{ "<165>1 - - - - - - text", "", "", "", "text", STAMP_NONE, NO_TIME },
	/* web servers */
	{ "203.0.113.5 - - [21/Aug/2026:10:11:12 +0200] \"GET / HTTP/1.1\" 200 1", "", "", "",
	  "203.0.113.5 - - [] \"GET / HTTP/1.1\" 200 1", STAMP_DMY, AUG21 },
	{ "2001:db8::1 - joe [21/Aug/2026:08:11:12 +0000] \"POST /[21/Aug/2020:08:11:12 +0000] \"",
	  "", "", "", "2001:db8::1 - joe [] \"POST /[21/Aug/2020:08:11:12 +0000] \"",
	  STAMP_DMY, AUG21 },
	{ "example.org:443 203.0.113.5 - - [21/Aug/2026:10:11:12 +0200] \"GET", "", "", "",
	  "example.org:443 203.0.113.5 - - [] \"GET", STAMP_DMY, AUG21 },
	{ "2026/08/21 10:11:12 [error] 1#1: *1 user \"x\": password mismatch", "", "", "",
	  "[error] 1#1: *1 user \"x\": password mismatch", STAMP_ISO, AUG21 },
	{ "[Fri Aug 21 10:11:12.123456 2026] [auth_basic:error] [pid 5] x", "", "", "",
	  "[auth_basic:error] [pid 5] x", STAMP_CTIME, AUG21 + 123 },
	{ "Fri Aug 21 10:11:12 2026 [pid 1] [joe] FAIL LOGIN", "", "", "",
	  "[pid 1] [joe] FAIL LOGIN", STAMP_CTIME, AUG21 },
	/* Exim */
	{ "2026-08-21 10:11:12 [16223] plain authenticator failed", "", "", "16223",
	  "plain authenticator failed", STAMP_ISO, AUG21 },
	{ "2026-08-21 10:11:12 +0200 [16223] plain", "", "", "16223", "plain", STAMP_ISO, AUG21 },
	{ "2026-08-21 10:11:12.250 +0200 plain", "", "", "", "plain", STAMP_ISO, AUG21 + 250 },
	{ "2026-08-21 10:11:12 Connection refused: too many", "", "", "",
	  "Connection refused: too many", STAMP_ISO, AUG21 },
	{ "2026-08-21 10:11:12 Warning: purging the environment", "", "", "",
	  "Warning: purging the environment", STAMP_ISO, AUG21 },
	/* Roundcube, PHP, Kerio */
	{ "[21-Aug-2026 10:11:12 +0200]: <s073mu0l> IMAP Error", "", "", "",
	  "<s073mu0l> IMAP Error", STAMP_DMY, AUG21 },
	{ "[21-Aug-2026 08:11:12 UTC] PHP Warning: x", "", "", "", "PHP Warning: x",
	  STAMP_DMY, AUG21 },
	{ "[21-Aug-2026 10:11:12 Europe/Berlin] PHP", "", "", "", "PHP", STAMP_DMY, AUG21 },
	{ "[21/Aug/2026 10:11:12] IMAP: Invalid password", "", "", "",
	  "IMAP: Invalid password", STAMP_DMY, AUG21 },
	/* epoch, TAI64N */
	{ "1787299872 x", "", "", "", "x", STAMP_EPOCH, AUG21 },
	{ "1787299872.25 x", "", "", "", "x", STAMP_EPOCH, AUG21 + 250 },
	{ "[1787299872.250] x", "", "", "", "x", STAMP_EPOCH, AUG21 + 250 },
	{ "@400000006a88082a1dcd6500 qmail: x", "", "", "", "qmail: x", STAMP_TAI64N,
	  AUG21 + 500 },
	/* Dovecot's own log */
	{ "Aug 21 10:11:12 imap-login: Info: Disconnected (auth failed)", "", "dovecot", "",
	  "imap-login: Disconnected (auth failed)", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 auth: Warning: Event leaked", "", "dovecot", "",
	  "auth: Warning: Event leaked", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 imap(joe)<9><sid>: Info: Logged out", "", "dovecot", "",
	  "imap(joe)<9><sid>: Logged out", STAMP_SYSLOG, AUG21 },
	{ "Aug 21 10:11:12 Info: pop3-login: Aborted login", "", "dovecot", "",
	  "pop3-login: Aborted login", STAMP_SYSLOG, AUG21 },
	{ "2026-08-21 10:11:12 imap-login: Info: Login", "", "dovecot", "",
	  "imap-login: Login", STAMP_ISO, AUG21 },
	{ "Aug 21 10:11:12 mx dovecot: auth: Info: x", "mx", "dovecot", "", "auth: Info: x",
	  STAMP_SYSLOG, AUG21 },
	/* no stamp */
	{ "postfix/smtpd[123]: connect from", "", "postfix/smtpd", "123", "connect from",
	  STAMP_NONE, NO_TIME },
	{ "mx postfix/smtpd[123]: connect from", "mx", "postfix/smtpd", "123", "connect from",
	  STAMP_NONE, NO_TIME },
	{ "warning: unknown[203.0.113.9]: SASL", "", "", "", "warning: unknown[203.0.113.9]: SASL",
	  STAMP_NONE, NO_TIME },
	{ "4F1C: client=unknown[203.0.113.9]", "", "", "", "4F1C: client=unknown[203.0.113.9]",
	  STAMP_NONE, NO_TIME },
	{ "1234567890: from=<a@b>", "", "", "", "1234567890: from=<a@b>", STAMP_NONE, NO_TIME },
	{ "[12345.678901] kernel", "", "", "", "[12345.678901] kernel", STAMP_NONE, NO_TIME },
	{ "[123] x", "", "", "", "[123] x", STAMP_NONE, NO_TIME },
	{ "", "", "", "", "", STAMP_NONE, NO_TIME },
	{ " ", "", "", "", "", STAMP_NONE, NO_TIME },
	{ "<", "", "", "", "<", STAMP_NONE, NO_TIME },
	{ "<34", "", "", "", "<34", STAMP_NONE, NO_TIME },
	{ "[", "", "", "", "[", STAMP_NONE, NO_TIME },
	/* bad stamps */
	{ "Aug 32 10:11:12 mx sshd[1]: x", "mx", "sshd", "1", "x", STAMP_SYSLOG, NO_TIME },
	{ "Feb 31 10:11:12 mx sshd[1]: x", "mx", "sshd", "1", "x", STAMP_SYSLOG, NO_TIME },
	{ "Aug 21 25:11:12 mx sshd[1]: x", "mx", "sshd", "1", "x", STAMP_SYSLOG, NO_TIME },
	{ "2026-13-21T10:11:12Z mx sshd[1]: x", "mx", "sshd", "1", "x", STAMP_ISO, NO_TIME },
	{ "2026-02-29T10:11:12Z mx sshd[1]: x", "mx", "sshd", "1", "x", STAMP_ISO, NO_TIME },
	{ "@4fffffffffffffffffffffff x", "", "", "", "x", STAMP_TAI64N, NO_TIME },
	{ "Aug 21 10:11 mx sshd[1]: x", "", "", "", "Aug 21 10:11 mx sshd[1]: x", STAMP_NONE,
	  NO_TIME },
	{ "Aug 21 10:11:1", "", "", "", "Aug 21 10:11:1", STAMP_NONE, NO_TIME },
	{ "2026-08-21T10:11:1", "", "", "", "2026-08-21T10:11:1", STAMP_NONE, NO_TIME },
	{ "Xug 21 10:11:12 mx", "", "", "", "Xug 21 10:11:12 mx", STAMP_NONE, NO_TIME },
	{ "[2026-08-21 10:11:12 x", "", "", "", "[2026-08-21 10:11:12 x", STAMP_NONE, NO_TIME },
};

static void test_heads(void **state)
{
	struct stamp_ctx ctx = { .arrival = { ARRIVAL } };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		const struct head_row *row = &heads[i];
		struct prefix_parser *p = parser(NULL, NULL);
		struct event_time t = { NO_TIME };
		struct entry e;

		prefix_parse(p, span_of(row->line), &e);
		expect_span(row->line, "host", e.host, row->host);
		expect_span(row->line, "program", e.program, row->program);
		expect_span(row->line, "pid", e.pid, row->pid);
		expect_span(row->line, "text", e.text, row->text);
		if (e.form != row->form || e.repeat != 1)
			fail_msg("%s: form %d, repeat %u", row->line, e.form, e.repeat);
		prefix_raw_time(p, &e, &ctx, &t);
		if (t.ms != row->ms)
			fail_msg("%s: %lld, wanted %lld", row->line, (long long)t.ms,
				 (long long)row->ms);
		prefix_parser_free(&p);
	}
}

/* Every line, cut anywhere, from memory that ends where the line does. */
static void test_cut_anywhere(void **state)
{
	struct prefix_parser *p = parser(NULL, NULL);
	struct stamp_ctx ctx = { .arrival = { ARRIVAL } };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		for (size_t n = 0; n <= strlen(heads[i].line); n++) {
			char *bytes = malloc(n ? n : 1);
			struct event_time t;
			struct entry e;

			memcpy(bytes, heads[i].line, n);
			prefix_parse(p, (struct span){ bytes, n }, &e);
			prefix_raw_time(p, &e, &ctx, &t);
			assert_true(e.text.n <= n);
			free(bytes);
		}
	prefix_parser_free(&p);
}

static void expect_same(const char *line, const struct entry *a, const struct entry *b)
{
	if (!span_eq(a->stamp, b->stamp) || !span_eq(a->host, b->host) ||
	    !span_eq(a->program, b->program) || !span_eq(a->pid, b->pid) ||
	    !span_eq(a->text, b->text) || a->form != b->form || a->repeat != b->repeat)
		fail_msg("%s: not as if it were the first line", line);
}

/* Lines take turns at being what the next ones are held against. */
static void parse_often(struct prefix_parser *p, struct span line)
{
	struct entry e;

	for (unsigned i = 0; i < 8; i++)
		prefix_parse(p, line, &e);
}

/*
 * What the last lines were like makes the next one cheaper and nothing else:
 * any byte of a line changed, after the line itself and after quite others.
 */
static void expect_alike(struct prefix_parser *warm, struct prefix_parser *cold, const char *of, size_t n)
{
	static const char bytes[] = "0 :.,[]<>+-TZmx\t\x80";
	static const struct span others[] = {
		{ "Feb  3 04:05:06 zzz q[1]: x", 27 },
		{ "1999-02-03T04:05:06.000000-11:30 zzz q[1]: x", 44 },
	};
	char line[512];
	struct entry a, b;

	for (size_t k = 0; k < n; k++) {
		for (const char *c = bytes; *c; c++) {
			memcpy(line, of, n + 1);
			line[k] = *c;
			parse_often(warm, (struct span){ of, n });
			prefix_parse(warm, (struct span){ line, n }, &a);
			for (size_t o = 0; o < 2; o++)
				parse_often(cold, others[o]);
			prefix_parse(cold, (struct span){ line, n }, &b);
			expect_same(line, &a, &b);
		}
	}
}

static void test_last_line(void **state)
{
	struct prefix_parser *warm = parser(NULL, NULL), *cold = parser(NULL, NULL);
	char line[512];

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		size_t n = strlen(heads[i].line);

		if (n >= sizeof(line) - 80)
			continue;
		memset(line, 0, sizeof(line));
		memcpy(line, heads[i].line, n);
		expect_alike(warm, cold, line, n);
		/* long enough to be held against it */
		memset(line + n, 'x', 80);
		expect_alike(warm, cold, line, n + 80);
	}
	prefix_parser_free(&warm);
	prefix_parser_free(&cold);
}

/* Most lines of a log are told by the last one's head; their stamps differ. */
static void test_alike(void **state)
{
	static const char *const common[] = {
		"2026-08-21T10:11:12.123456+02:00 mx postfix/smtpd[9]: lost connection after AUTH",
		"2026-08-21T10:11:59.000000+02:00 mx postfix/submission/smtpd[12345]:  disconnect",
		"2026-09-30T23:59:59.999999+02:00 mx a[1]: message repeated 5 times: [ x] and more of it",
	}, *const strange[] = {
		"2026-08-21T10:11:12.123456+02:00 my postfix/smtpd[9]: lost connection after AUTH",
		"2026-08-21T10:11:12.12345+02:00 mx postfix/smtpd[9]: lost connection after AUTH",
		"2026-08-21T10:11:12.123456+02:00 mx dovecot: imap-login: Disconnected: Inactivity",
		"2026-08-21T10:11:12.123456+02:00 mx /usr/sbin/sshd[9]: lost connection after AUTH",
		"2026-08-21T10:11:12.123456+02:00 mx a[1]: short",
	};
	struct prefix_parser *p = parser(NULL, NULL);
	struct likeness like = { 0 };
	struct entry e;

	(void)state;
	prefix_parse(p, span_of(common[0]), &e);
	assert_null(likeness_tell(&like, span_of(common[0]), &e));
	prefix_parse(p, span_of(common[0]), &e);
	likeness_take(&like, span_of(common[0]), &e);
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++) {
		assert_non_null(likeness_tell(&like, span_of(common[i]), &e));
		expect_span(common[i], "host", e.host, "mx");
		assert_int_equal(e.stamp.n, 32);
	}
	for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++)
		assert_null(likeness_tell(&like, span_of(strange[i]), &e));
	prefix_parser_free(&p);
}

static void test_repeated(void **state)
{
	static const struct { const char *text, *want; uint32_t n; } rows[] = {
		{ "message repeated 5 times: [ Failed password for root]",
		  "Failed password for root", 5 },
		{ "message repeated 2 times: [x y z cut off at 800 bytes", "x y z cut off at 800 bytes", 2 },
		{ "message repeated 999999999 times: [ a]", "a", 999999999 },
		{ "message repeated 0 times: [ aaaaaa]", "message repeated 0 times: [ aaaaaa]", 1 },
		{ "message repeated 9999999999 times: [ a]", "message repeated 9999999999 times: [ a]", 1 },
		{ "message repeated x times: [ aaaaaaa]", "message repeated x times: [ aaaaaaa]", 1 },
		{ "message repeated 5 times: ", "message repeated 5 times:", 1 },
		{ "message repeated 12 times: []", "", 12 },
	};
	struct prefix_parser *p = parser(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char line[256];
		struct entry e;

		snprintf(line, sizeof(line), "Aug 21 10:11:12 mx sshd[1]: %s", rows[i].text);
		prefix_parse(p, span_of(line), &e);
		if (i != 6)	/* trailing blanks stay */
			expect_span(rows[i].text, "text", e.text, rows[i].want);
		assert_int_equal(e.repeat, rows[i].n);
	}
	prefix_parser_free(&p);
}

static void test_long_put_together(void **state)
{
	struct prefix_parser *p = parser(NULL, NULL);
	const char *head = "1.2.3.4 - - [21/Aug/2026:10:11:12 +0200] ";
	size_t n = 200000;
	char *line = malloc(n);
	struct entry e;

	(void)state;
	memset(line, 'x', n);
	memcpy(line, head, strlen(head));
	prefix_parse(p, (struct span){ line, n }, &e);
	assert_int_equal(e.text.n, 65536);
	assert_memory_equal(e.text.p, "1.2.3.4 - - [] xxx", 18);
	/* A stamp that comes late is part of the text. */
	memset(line, 'x', n);
	memcpy(line + 1000, head, strlen(head));
	prefix_parse(p, (struct span){ line, n }, &e);
	assert_int_equal(e.form, STAMP_NONE);
	free(line);
	prefix_parser_free(&p);
}

static void test_custom(void **state)
{
	static const struct {
		const char *find, *format, *line, *text;
		int64_t ms;
	} rows[] = {
		{ "^\\d\\d/\\d\\d/\\d{4} [\\d:]+", "%m/%d/%Y %H:%M:%S",
		  "08/21/2026 10:11:12 [LOGIN_ERROR] joe", "[LOGIN_ERROR] joe", AUG21 },
		{ "ts=(\\S+) ", "%FT%T.%f%z", "lvl=warn ts=2026-08-21T08:11:12.5Z msg=x",
		  "lvl=warn msg=x", AUG21 + 500 },
		{ "^(.{21}) - ", "%d %b %Y %I:%M:%S%p", "21 Aug 2026 10:11:12am - hello", "",
		  NO_TIME },
		{ "^(.*?[ap]m) - ", "%d %B %Y %I:%M:%S %p", "21 August 2026 10:11:12am - hi",
		  "hi", AUG21 },
		{ "^(.*?[ap]m) - ", "%d %B %y %I:%M %p", "21 August 26 12:05 am - hi", "hi",
		  AUG21 - (10 * 3600 + 11 * 60 + 12) * 1000 + 300000 },
		{ "time:(\\d+)", "%s", "x time:1787299872 y", "x  y", AUG21 },
		{ "^\\S+ \\d+ \\S+", "%b %e %T", "Aug 21 10:11:12 mx sshd[5]: x", "x", AUG21 },
		{ "^\\S+", "%F-%H%%%M", "2026-08-21-10%11 x", "x", AUG21 - 12000 },
		{ "^\\S+", "%F-%H:%M", "rubbish x", "x", NO_TIME },
		{ "never", "%s", "Aug 21 10:11:12 mx sshd[5]: x", "Aug 21 10:11:12 mx sshd[5]: x",
		  NO_TIME },
		{ "(?=x)", "%s", "x y", "x y", NO_TIME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct prefix_parser *p = parser(rows[i].find, rows[i].format);
		struct stamp_ctx ctx = { .arrival = { ARRIVAL } };
		struct event_time t = { NO_TIME };
		struct entry e;

		prefix_parse(p, span_of(rows[i].line), &e);
		if (*rows[i].text)
			expect_span(rows[i].line, "text", e.text, rows[i].text);
		prefix_raw_time(p, &e, &ctx, &t);
		if (t.ms != rows[i].ms)
			fail_msg("%s: %lld, wanted %lld", rows[i].line, (long long)t.ms,
				 (long long)rows[i].ms);
		prefix_parser_free(&p);
	}
}

static void test_bad_settings(void **state)
{
	static const struct { const char *zone, *find, *format; int want; const char *bad; } rows[] = {
		{ "Europe/Atlantis", NULL, NULL, -2, "no such time zone" },
		{ "../../etc/passwd", NULL, NULL, -2, "no such time zone" },
		{ "/etc/passwd", NULL, NULL, -2, "no such time zone" },
		{ "", NULL, NULL, -2, "no such time zone" },
		{ "Europe", NULL, NULL, -2, "no such time zone" },
		{ "UTC", "(x", "%s", -22, "time find: offset 2: missing closing parenthesis" },
		{ "UTC", "x", "%Q", -22, "time format: unknown directive at offset 0" },
		{ "UTC", "x", "%H:%", -22, "time format: unknown directive at offset 3" },
		{ "UTC", "x", "%H:%M", -22, "time format: must tell day, month and hour, or %s" },
		{ "UTC", "\\C", "%s", -22, "time find: offset 2: using \\C is disabled by the application" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct log_conf log = { .timezone = (char *)rows[i].zone,
					.time_find = (char *)rows[i].find,
					.time_format = (char *)rows[i].format };
		struct prefix_parser *p = NULL;
		const char *bad = "";

		assert_int_equal(prefix_parser_new(&log, &p, &bad), rows[i].want);
		assert_string_equal(bad, rows[i].bad);
		assert_null(p);
	}
}

/* One source's lines in order: what each one's time is. */
struct time_row {
	const char *line;
	int64_t arrival, want;
	unsigned clamped;
};

static void run_times(const char *name, const struct time_row *rows, size_t n, int year,
		      bool finished)
{
	struct prefix_parser *p = parser(NULL, NULL);
	struct event_time last = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct stamp_ctx ctx = { { rows[i].arrival }, year, finished };
		uint64_t clamped = 0;
		struct event_time t;
		struct entry e;

		prefix_parse(p, span_of(rows[i].line), &e);
		t = prefix_time(p, &e, &ctx, &last, &clamped);
		if (t.ms != rows[i].want || clamped != rows[i].clamped)
			fail_msg("%s, row %zu, %s: %lld (%lu clamped), wanted %lld", name, i,
				 rows[i].line, (long long)t.ms, (unsigned long)clamped,
				 (long long)rows[i].want);
	}
	prefix_parser_free(&p);
}

#define TIMES(rows, year, finished) \
	run_times(#rows, rows, sizeof(rows) / sizeof(*rows), year, finished)

#define NEW_YEAR INT64_C(1798758000000)		/* 2027-01-01 00:00:00 in Berlin */
#define FOLD1 INT64_C(1792888200000)		/* 2026-10-25 02:30 CEST */
#define FOLD2 INT64_C(1792891800000)		/* an hour later, 02:30 CET */
#define MIN INT64_C(60000)
#define DAY (1440 * MIN)

static void test_years(void **state)
{
	static const struct time_row live[] = {
		{ "Dec 31 23:59:59 mx a: x", NEW_YEAR - 1000, NEW_YEAR - 1000, 0 },
		{ "Dec 31 23:59:59 mx a: x", NEW_YEAR + 5000, NEW_YEAR - 1000, 0 },
		{ "Jan  1 00:00:01 mx a: x", NEW_YEAR + 5000, NEW_YEAR + 1000, 0 },
	}, early[] = {	/* the line's clock is ahead of ours */
		{ "Jan  1 00:00:01 mx a: x", NEW_YEAR - 1000, NEW_YEAR + 1000, 0 },
	}, mtime[] = {	/* replay: the file's last line is of 1 January */
		{ "Dec 30 12:00:00 mx a: x", NEW_YEAR + 5000, NEW_YEAR - 36 * 60 * MIN, 0 },
		{ "Dec 31 23:59:59 mx a: x", NEW_YEAR + 5000, NEW_YEAR - 1000, 0 },
		{ "Jan  1 00:00:01 mx a: x", NEW_YEAR + 5000, NEW_YEAR + 1000, 0 },
	}, given[] = {	/* --year 2026, over New Year, a line out of order */
		{ "Dec 31 23:59:58 mx a: x", NEW_YEAR + DAY, NEW_YEAR - 2000, 0 },
		{ "Jan  1 00:00:01 mx a: x", NEW_YEAR + DAY, NEW_YEAR + 1000, 0 },
		{ "Dec 31 23:59:59 mx a: x", NEW_YEAR + DAY, NEW_YEAR + 1000, 0 },
		{ "Jan  1 00:00:02 mx a: x", NEW_YEAR + DAY, NEW_YEAR + 2000, 0 },
	}, leap[] = {	/* arrival 2026: the last 29 February was in 2024 */
		{ "Feb 29 12:00:00 mx a: x", ARRIVAL, 1709204400000, 0 },
	}, no_leap[] = {
		{ "Feb 29 12:00:00 mx a: x", ARRIVAL, ARRIVAL, 0 },
	};

	(void)state;
	TIMES(live, 0, false);
	TIMES(early, 0, false);
	TIMES(mtime, 0, true);
	TIMES(given, 2026, true);
	TIMES(leap, 0, false);
	TIMES(no_leap, 2025, false);
}

static void test_dst(void **state)
{
	static const struct time_row replay[] = {
		{ "Oct 25 02:29:59 mx a: x", FOLD2 + DAY, FOLD1 - 1000, 0 },
		{ "Oct 25 02:30:00 mx a: x", FOLD2 + DAY, FOLD1, 0 },
		{ "Oct 25 02:29:57 mx a: x", FOLD2 + DAY, FOLD1, 0 },	/* out of order */
		{ "Oct 25 02:59:59 mx a: x", FOLD2 + DAY, FOLD1 + 30 * MIN - 1000, 0 },
		{ "Oct 25 02:00:01 mx a: x", FOLD2 + DAY, FOLD1 + 30 * MIN + 1000, 0 },
		{ "Oct 25 02:30:00 mx a: x", FOLD2 + DAY, FOLD2, 0 },
		{ "Oct 25 03:00:00 mx a: x", FOLD2 + DAY, FOLD2 + 30 * MIN, 0 },
	}, live_second[] = {	/* the first line ever is of the second run */
		{ "Oct 25 02:30:00 mx a: x", FOLD2 + 1000, FOLD2, 0 },
	}, live_first[] = {
		{ "Oct 25 02:30:00 mx a: x", FOLD1 + 1000, FOLD1, 0 },
	}, zoned[] = {
		{ "2026-10-25T02:30:00+01:00 mx a: x", FOLD2 + DAY, FOLD2, 0 },
		{ "2026-10-25T02:30:00+02:00 mx a: x", FOLD2 + DAY, FOLD2, 0 },
	}, gap[] = {	/* 02:30 never was: as mktime(3) takes it */
		{ "2026-03-29 02:30:00 x", ARRIVAL, 1774747800000, 0 },
		{ "2026-03-29 01:30:00 x", ARRIVAL, 1774747800000, 0 },
	};

	(void)state;
	TIMES(replay, 0, true);
	TIMES(live_second, 0, false);
	TIMES(live_first, 0, false);
	TIMES(zoned, 0, false);
	TIMES(gap, 0, false);
}

static void test_clamp(void **state)
{
	static const struct time_row ahead[] = {
		{ "2026-09-01T12:00:59+02:00 mx a: x", ARRIVAL, ARRIVAL + 59000, 0 },
		{ "2026-09-01T12:01:01+02:00 mx a: x", ARRIVAL, ARRIVAL + 59000, 1 },
		{ "2030-09-01T12:01:01+02:00 mx a: x", ARRIVAL + MIN, ARRIVAL + MIN, 1 },
		{ "2026-09-01T11:00:00+02:00 mx a: x", ARRIVAL + MIN, ARRIVAL + MIN, 0 },
		{ "9999999999 x", ARRIVAL + MIN, ARRIVAL + MIN, 1 },
	}, none[] = {	/* a log that has no stamps at all */
		{ "a[1]: x", ARRIVAL, ARRIVAL, 0 },
		{ "a[1]: x", ARRIVAL + 1, ARRIVAL + 1, 0 },
		{ "a[1]: x", ARRIVAL - 5, ARRIVAL + 1, 0 },
	}, mixed[] = {	/* does not drag those with a stamp along */
		{ "Aug 21 10:11:12 mx a: x", ARRIVAL, AUG21, 0 },
		{ "no stamp", ARRIVAL, ARRIVAL, 0 },
		{ "Aug 21 10:11:13 mx a: x", ARRIVAL, AUG21 + 1000, 0 },
	}, finished[] = {
		{ "Aug 21 10:11:12 mx a: x", ARRIVAL, AUG21, 0 },
		{ "no stamp", ARRIVAL, AUG21, 0 },
		{ "Aug 21 10:11:13 mx a: x", ARRIVAL, AUG21 + 1000, 0 },
	};

	(void)state;
	TIMES(ahead, 0, false);
	TIMES(none, 0, false);
	TIMES(mixed, 0, false);
	TIMES(finished, 0, true);
}

static void test_journal_time(void **state)
{
	struct prefix_parser *p = parser(NULL, NULL);
	struct stamp_ctx ctx = { .arrival = { ARRIVAL } };
	struct entry e = { .when_us = AUG21 * 1000 + 999, .repeat = 1 };
	struct event_time last = { 0 };
	uint64_t clamped = 0;

	(void)state;
	assert_int_equal(prefix_time(p, &e, &ctx, &last, &clamped).ms, AUG21);
	e.when_us -= 5000000;
	assert_int_equal(prefix_time(p, &e, &ctx, &last, &clamped).ms, AUG21);
	prefix_parser_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_last_line),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_long_put_together),
		cmocka_unit_test(test_custom),
		cmocka_unit_test(test_bad_settings),
		cmocka_unit_test(test_years),
		cmocka_unit_test(test_dst),
		cmocka_unit_test(test_clamp),
		cmocka_unit_test(test_journal_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
