/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What strangers' words may do to a mail: nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "privileged/runner/mail.h"

static struct order_mail order(const char *subject, const char *body, size_t n)
{
	struct order_mail m = { .head = { .id = 42 }, .len = (uint32_t)n };

	snprintf(m.subject, sizeof(m.subject), "%s", subject);
	memcpy(m.body, body, n);
	return m;
}

#define HEAD(from, to, subject) \
	"From: " from "\nTo: " to "\nSubject: " subject "\nAuto-Submitted: auto-generated\n" \
	"X-Bailiff-Order: 42\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n" \
	"Content-Transfer-Encoding: 8bit\n\n"

static void test_rows(void **state)
{
	static const struct row {
		const char *name, *mail, *from, *subject, *body, *want;
	} rows[] = {
		{ "plain", "root", NULL, "joe locked", "a line\n", HEAD("root", "root", "joe locked") "a line\n" },
		{ "from", "a@b", "bailiff@b", "s", "x", HEAD("bailiff@b", "a@b", "s") "x\n" },
		{ "header by newline", "root", NULL, "s\nBcc: evil@example.org\n\nx", "b\n",
		  HEAD("root", "root", "s?Bcc: evil@example.org??x") "b\n" },
		{ "header by return", "root", NULL, "s\rBcc: e@x", "b\n", HEAD("root", "root", "s?Bcc: e@x") "b\n" },
		{ "header in the address", "root\nBcc: e@x", "f\r\nX: y", "s", "b\n",
		  HEAD("f??X: y", "root?Bcc: e@x", "s") "b\n" },
		{ "escapes in the subject", "root", NULL, "\033[2J\xff\x7f", "b\n", HEAD("root", "root", "?[2J??") "b\n" },
		{ "UTF-8 in the subject", "root", NULL, "bailiff: j\xc3\xb6_1=x? \xe2\x82\xac\n\xc3", "b\n",
		  HEAD("root", "root", "=?UTF-8?Q?bailiff:_j=C3=B6=5F1=3Dx=3F_=E2=82=AC=3F=3F?=") "b\n" },
		{ "looks encoded", "root", NULL, "=?utf-8?b?eA==?=", "b\n",
		  HEAD("root", "root", "=?UTF-8?Q?=3D=3Futf-8=3Fb=3FeA=3D=3D=3F=3D?=") "b\n" },
		{ "folded", "root", NULL, "account \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
		  "@example.net locked (incident 4611686018427387905)", "b\n",
		  HEAD("root", "root", "=?UTF-8?Q?account_=E6=97=A5=E6=9C=AC=E8=AA=9E=E6=97=A5=E6=9C=AC?=\n"
		       " =?UTF-8?Q?=E8=AA=9E@example.net_locked_(incident_4611686018427387905)?=") "b\n" },
		{ "body that looks like a header", "root", NULL, "s", "Bcc: evil@example.org\n\nx\n",
		  HEAD("root", "root", "s") "Bcc: evil@example.org\n\nx\n" },
		{ "a dot alone", "root", NULL, "s", "a\n.\nb\n", HEAD("root", "root", "s") "a\n.\nb\n" },
		{ "control characters in the body", "root", NULL, "s", "a\rb\033c\td\x7f\n",
		  HEAD("root", "root", "s") "a?b?c\td?\n" },
		{ "C1 controls and turned writing", "root", NULL, "s", "a\xc2\x9b" "2J\xe2\x80\xae" "b\n",
		  HEAD("root", "root", "s") "a??2J???b\n" },
		{ "UTF-8 stays", "root", NULL, "s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xad\n",
		  HEAD("root", "root", "s") "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xad\n" },
		{ "what is no UTF-8", "root", NULL, "s", "\xff \xc0\xaf \xed\xa0\x80 \xe2\x82 \xf5\x80\x80\x80 \xc3",
		  HEAD("root", "root", "s") "? ?? ??? ?? ???? ?\n" },
		{ "empty", "root", NULL, "", "", HEAD("root", "root", "") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct order_mail m = order(r->subject, r->body, strlen(r->body));
		struct notify to = { .mail = (char *)(uintptr_t)r->mail, .from = (char *)(uintptr_t)r->from };
		struct buf out = { 0 };

		mail_compose(&to, &m, &out);
		if (strcmp(buf_cstr(&out), r->want) != 0)
			fail_msg("%s:\n%s", r->name, buf_cstr(&out));
		buf_free(&out);
	}
}

/* Lines are folded, never within a character, and none is lost. */
static void test_long_lines(void **state)
{
	static char body[ORDER_BODY_MAX];
	struct order_mail m;
	struct notify to = { .mail = (char []){ "root" } };
	struct buf out = { 0 };
	size_t letters = 0;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(body); i += 2)
		memcpy(body + i, "\xc3\xa4", 2);
	m = order("s", body, sizeof(body));
	mail_compose(&to, &m, &out);
	for (char *line = strtok(strstr(out.p, "\n\n") + 2, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 990);
		assert_int_equal(strlen(line) % 2, 0);
		letters += strlen(line) / 2;
	}
	assert_int_equal(letters, sizeof(body) / 2);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
