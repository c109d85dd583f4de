/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a line tells, and that strangers cannot write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/addr.h"
#include "base/buf.h"
#include "engine/flow/postfix.h"

static void put(struct buf *b, const char *name, struct span s)
{
	if (s.p)
		buf_printf(b, " %s=%.*s", name, (int)s.n, s.p);
}

static const char *told(const char *program, const char *text, struct buf *b)
{
	static const char *const names[] = {
		"none", "client", "pickup", "message-id", "active", "delivery", "removed", "note", "proxy", "accept",
	};
	struct entry entry = { .program = span_of(program), .text = span_of(text), .repeat = 1 };
	struct postfix_event e;
	char addr[ADDR_TEXT_MAX];

	buf_clear(b);
	if (!postfix_read(&entry, &e))
		return "";
	buf_printf(b, "%s %.*s", names[e.what], (int)e.id.n, e.id.p);
	put(b, "client", e.client);
	if (e.addr.family != ADDR_NONE)
		buf_printf(b, " addr=%s", addr_print(&e.addr, addr));
	put(b, "method", e.method);
	put(b, "user", e.user);
	put(b, "uid", e.uid);
	put(b, "from", e.sender);
	if (e.what == POSTFIX_ACTIVE)
		buf_printf(b, " size=%llu nrcpt=%llu", (unsigned long long)e.size, (unsigned long long)e.nrcpt);
	put(b, "msgid", e.msgid);
	put(b, "to", e.rcpt);
	put(b, "orig_to", e.orig_to);
	put(b, "relay", e.relay);
	put(b, "dsn", e.dsn);
	put(b, "status", e.status_word);
	put(b, "other", e.other);
	put(b, "text", e.text);
	return buf_cstr(b);
}

static const struct { const char *program, *text, *want; } rows[] = {
	{ "postfix/submission/smtpd", "4F1C2: client=h.example[203.0.113.9], sasl_method=PLAIN, sasl_username=joe@a.example",
	  "client 4F1C2 client=h.example addr=203.0.113.9 method=PLAIN user=joe@a.example" },
	{ "postfix/smtpd", "4Zr0Jk2gqXz1xW: client=unknown[2001:db8::9]:40110", "client 4Zr0Jk2gqXz1xW client=unknown addr=2001:db8::9" },
	{ "submission/smtpd", "4F1C2: client=x[203.0.113.9]:25, sasl_method=LOGIN, sasl_username=joe, sasl_sender=ann",
	  "client 4F1C2 client=x addr=203.0.113.9 method=LOGIN user=joe" },
	{ "postfix/smtpd", "4F1C3: client=localhost[127.0.0.1], orig_queue_id=4F1C2, orig_client=x[203.0.113.9]",
	  "client 4F1C3 client=localhost addr=127.0.0.1 other=4F1C2" },
	{ "postfix/pickup", "4F1C2: uid=33 from=<www-data>", "pickup 4F1C2 uid=33 from=www-data" },
	{ "postfix/pickup", "4F1C9: uid=0 from=<joe> orig_id=4F1C2", "pickup 4F1C9 uid=0 from=joe other=4F1C2" },
	{ "postfix/cleanup", "4F1C2: message-id=<a.1@b>", "message-id 4F1C2 msgid=a.1@b" },
	{ "postfix/cleanup", "4F1C2: message-id=<>", "message-id 4F1C2 msgid=" },
	{ "postfix/qmgr", "4F1C2: from=<joe@a.example>, size=812, nrcpt=50 (queue active)",
	  "active 4F1C2 from=joe@a.example size=812 nrcpt=50" },
	{ "postfix/qmgr", "4F1C2: removed", "removed 4F1C2" },
	{ "postfix/qmgr", "4F1C2: from=<a@b>, status=expired, returned to sender",
	  "note 4F1C2 text=from=<a@b>, status=expired, returned to sender" },
	{ "postfix/smtp", "4F1C2: to=<x@y>, relay=mx[198.51.100.7]:25, conn_use=2, delay=0.9, delays=0.1/0/0.2/0.6, dsn=2.0.0, "
	  "status=sent (250 2.0.0 Ok: queued as 4F1C3)",
	  "delivery 4F1C2 to=x@y relay=mx[198.51.100.7]:25 dsn=2.0.0 status=sent other=4F1C3 text=(250 2.0.0 Ok: queued as 4F1C3)" },
	{ "postfix/local", "4F1C2: to=<x@y>, orig_to=<z>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)",
	  "delivery 4F1C2 to=x@y orig_to=z relay=local dsn=2.0.0 status=sent text=(delivered to mailbox)" },
	{ "postfix/smtp", "4F1C2: to=<x@y>, relay=none, delay=3, delays=3/0/0/0, dsn=4.4.1, status=deferred (connect to mx: queued as 4F1C3)",
	  "delivery 4F1C2 to=x@y relay=none dsn=4.4.1 status=deferred text=(connect to mx: queued as 4F1C3)" },
	{ "postfix/bounce", "4F1C2: sender non-delivery notification: 4F1C4", "note 4F1C2 text=sender non-delivery notification: 4F1C4" },
	{ "postfix/postsuper", "4F1C2: placed on hold", "note 4F1C2 text=placed on hold" },
	{ "postfix/postsuper", "4F1C2: removed", "removed 4F1C2" },

	{ "postfix/submission/smtpd", "NOQUEUE: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe",
	  "proxy  client=x addr=203.0.113.9 method=PLAIN user=joe" },
	{ "postfix/submission/smtpd", "proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4F1C2; from=<a@b> to=<c@d> proto=ESMTP helo=<x>",
	  "accept  other=4F1C2" },

	/* what a client or another host can write */
	{ "postfix/smtpd", "proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok; from=<a@b> to=<c@d> helo=<x: queued as 4F1C2; from=<>", "" },
	{ "postfix/smtpd", "proxy-reject: END-OF-MESSAGE: 550 no: queued as 4F1C2; from=<a@b>", "" },
	{ "postfix/smtp", "NOQUEUE: client=x[203.0.113.9]", "" },
	{ "postfix/smtpd", "4F1C2: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe, sasl_sender=x,sasl_username=boss",
	  "client 4F1C2 client=x addr=203.0.113.9 method=PLAIN user=joe" },
	{ "postfix/smtpd", "4F1C2: client=x[203.0.113.9], sasl_sender=x, sasl_method=PLAIN, sasl_username=boss",
	  "client 4F1C2 client=x addr=203.0.113.9" },
	{ "postfix/smtpd", "4F1C2: client=x[203.0.113.9], sasl_method=PLAIN, sasl_username=joe, sasl_sender=x, orig_queue_id=4F1C1",
	  "client 4F1C2 client=x addr=203.0.113.9 method=PLAIN user=joe" },
	{ "postfix/cleanup", "4F1C2: message-id=<4F1C3: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=boss>",
	  "message-id 4F1C2 msgid=4F1C3: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=boss" },
	{ "postfix/qmgr", "4F1C2: from=<\"x>, size=1, nrcpt=900 (queue active)\"@b>, size=812, nrcpt=1 (queue active)",
	  "active 4F1C2 from=\"x>, size=1, nrcpt=900 (queue active)\"@b size=812 nrcpt=1" },
	{ "postfix/pickup", "4F1C9: uid=1000 from=<a> orig_id=4F1C2>", "pickup 4F1C9 uid=1000 from=a> orig_id=4F1C2" },
	{ "postfix/smtp", "4F1C2: to=<\"a>, relay=x, delay=0, delays=0, dsn=2.0.0, status=bounced (\"@y>, relay=none, delay=3, delays=3/0/0/0, "
	  "dsn=4.4.1, status=deferred (x)",
	  "delivery 4F1C2 to=\"a>, relay=x, delay=0, delays=0, dsn=2.0.0, status=bounced (\"@y relay=none dsn=4.4.1 status=deferred text=(x)" },
	{ "postfix/smtp", "4F1C2: to=<x@y>, relay=mx[198.51.100.7]:25, delay=0.9, delays=0.1/0/0.2/0.6, dsn=2.0.0, status=sent (queued as 4F1C3) ok)",
	  "delivery 4F1C2 to=x@y relay=mx[198.51.100.7]:25 dsn=2.0.0 status=sent text=(queued as 4F1C3) ok)" },
	{ "postfix/smtp", "4F1C2: host mx[198.51.100.7] said: 450 to=<x@y>, relay=none", "" },
	{ "postfix/smtpd", "NOQUEUE: reject: RCPT from x[203.0.113.9]: 554 5.7.1 <4F1C: client=a[1.2.3.4]>", "" },
	{ "postfix/smtpd", "warning: 4F1C2: client=x[203.0.113.9]", "" },
	{ "postfix/smtpd", "connect from x[203.0.113.9]", "" },
	{ "sshd", "4F1C2: client=x[203.0.113.9]", "" },
	{ "postfix/qmgr", "4F1C2: client=x[203.0.113.9]", "" },
	{ "postfix/qmgr", "4F1C2: from=<", "" },
	{ "postfix/smtp", "4F1C2: to=<\"a", "" },
	{ "postfix/smtp", "4F1C2: to=<\"a\\", "" },
	{ "postfix/smtpd", "4F1C2: client=x[203.0.113.9", "" },
	{ "postfix/qmgr", "4F1C2:", "" },
	{ "postfix/qmgr", "4F1", "" },
	{ "postfix/qmgr", "", "" },
};

static void test_rows(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(told(rows[i].program, rows[i].text, &b), rows[i].want);
	buf_free(&b);
}

/* Each line cut at each place: nothing is read behind the end (for sanitizers). */
static void test_cut(void **state)
{
	struct postfix_event e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t n = 0; n <= strlen(rows[i].text); n++) {
			char *copy = test_malloc(n + 1);
			struct entry entry = { .program = span_of(rows[i].program), .text = { copy, n }, .repeat = 1 };

			memcpy(copy, rows[i].text, n);
			postfix_read(&entry, &e);
			test_free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("flow: postfix", tests, NULL, NULL);
}
