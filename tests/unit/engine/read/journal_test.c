/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal, from files that systemd-journal-remote makes. Without it (other
 * systems) the tests that need one are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "engine/read/journal.h"

#define LINE_MAX_ 4096
#define START INT64_C(1787299872000000)	/* us */
#define REMOTE "/lib/systemd/systemd-journal-remote"

static char dir[] = "/tmp/journal_test_XXXXXX";
static char file[64], second[64];

/* One entry in the journal export format; `more`: further fields, each with \n. */
static void entry(struct buf *b, unsigned i, const char *ident, const char *unit,
		  const char *more, const char *message)
{
	buf_printf(b, "__REALTIME_TIMESTAMP=%lld\n__MONOTONIC_TIMESTAMP=%u\n"
		      "_BOOT_ID=0123456789abcdef0123456789abcdef\nPRIORITY=6\n_PID=%u\n"
		      "_HOSTNAME=mx\n_COMM=comm\n",
		   (long long)START + i * 1000000, 1000 + i * 1000000, 100 + i);
	if (ident)
		buf_printf(b, "SYSLOG_IDENTIFIER=%s\n", ident);
	if (unit)
		buf_printf(b, "_SYSTEMD_UNIT=%s\n", unit);
	buf_puts(b, more);
	if (message)
		buf_printf(b, "MESSAGE=%s\n", message);
	buf_putc(b, '\n');
}

/* A field with any bytes: name, newline, 64-bit length, bytes, newline. */
static void binary_field(struct buf *b, const char *name, const char *p, uint64_t n)
{
	buf_puts(b, name);
	buf_putc(b, '\n');
	buf_put(b, &n, sizeof(n));
	buf_put(b, p, n);
	buf_putc(b, '\n');
}

static void make_journal(const char *to, struct buf *b)
{
	int fd = memfd_create("export", 0), status;
	pid_t pid;

	if (access(REMOTE, X_OK) < 0) {
		close(fd);
		buf_free(b);
		print_message("no " REMOTE "\n");
		skip();
	}
	assert_int_equal(write(fd, b->p, b->n), b->n);
	lseek(fd, 0, SEEK_SET);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(fd, 0);
		dup2(null, 1);
		dup2(null, 2);
		execl(REMOTE, REMOTE, "-o", to, "-", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	buf_free(b);
}

/* A handful of all kinds; written once. */
static void make_all_kinds(void)
{
	struct buf b = { 0 };
	static char big[20000];

	if (access(file, F_OK) == 0)
		return;
	entry(&b, 0, "postfix/smtpd", "postfix@-.service", "SYSLOG_PID=55\n_UID=0\n", "one");
	entry(&b, 1, "CRON", "cron.service", "_UID=0\n", "foreign");
	entry(&b, 2, "dovecot", "dovecot.service", "_UID=1234\n", " two, no root");
	entry(&b, 3, "postfix/smtpd", "session-1.scope", "_UID=0\n", "forged by logger(1)");
	entry(&b, 4, "postfix/qmgr", NULL, "_UID=0\n", "imported");
	entry(&b, 5, "sshd", NULL, "", "imported, foreign");
	entry(&b, 6, NULL, "dovecot.service", "_UID=0\n", "no identifier");
	entry(&b, 7, "dovecot", "dovecot.service", "SYSLOG_PID=x\n_UID=0\n", NULL);
	entry(&b, 8, "/usr/sbin/dovecot", "dovecot.service", "SYSLOG_PID=x\n_UID=0x\n", "bad pid, bad uid");
	entry(&b, 9, "/usr/sbin/dovecot", NULL, "MESSAGE=first\n", "second");
	for (unsigned i = 10; i < 12; i++) {
		buf_printf(&b, "__REALTIME_TIMESTAMP=%lld\n__MONOTONIC_TIMESTAMP=%u\n"
			       "_BOOT_ID=0123456789abcdef0123456789abcdef\n"
			       "SYSLOG_IDENTIFIER=dovecot\n_SYSTEMD_UNIT=dovecot.service\n",
			   (long long)START + i * 1000000, 1000 + i * 1000000);
		memset(big, 'b', sizeof(big));
		if (i == 10)
			binary_field(&b, "MESSAGE", "a\nb\0c\xff\n", 7);
		else
			binary_field(&b, "MESSAGE", big, sizeof(big));
		buf_putc(&b, '\n');
	}
	entry(&b, 12, "postfix/smtpd", "postfix.service", "_UID=0\n", "last");
	make_journal(file, &b);
}

struct got {
	struct buf text;
	unsigned n, stop_after;
	uint64_t places[64];
	int64_t when_us;
	struct journal *j;
};

static int take(void *arg, const struct journal_entry *e)
{
	struct got *g = arg;

	buf_put(&g->text, e->entry.program.p, e->entry.program.n);
	buf_putc(&g->text, '[');
	buf_put(&g->text, e->entry.pid.p, e->entry.pid.n);
	buf_puts(&g->text, "] ");
	buf_put_escaped(&g->text, (struct span){ e->entry.text.p,
						 e->entry.text.n > 20 ? 20 : e->entry.text.n });
	buf_puts(&g->text, journal_trusted(g->j) ? " T|" : "|");
	assert_true(e->entry.text.n <= LINE_MAX_);
	assert_int_equal(e->entry.repeat, 1);
	assert_true(e->entry.when_us > g->when_us);
	g->when_us = e->entry.when_us;
	if (g->n < 64)
		g->places[g->n] = e->pos.offset;
	return ++g->n == g->stop_after ? 9 : 0;
}

static struct got got;

static void start(struct journal *j)
{
	buf_free(&got.text);
	memset(&got, 0, sizeof(got));
	got.j = j;
}

static void expect(struct journal *j, const char *want)
{
	bool more = true;

	start(j);
	while (more)
		assert_int_equal(journal_read(j, 1000, take, &got, &more), 0);
	assert_string_equal(buf_cstr(&got.text), want);
	assert_false(journal_trusted(j));
}

static struct strings globs(unsigned n, ...)
{
	static char *v[8];
	va_list ap;

	va_start(ap, n);
	for (unsigned i = 0; i < n; i++)
		v[i] = va_arg(ap, char *);
	va_end(ap);
	return (struct strings){ n, v };
}

static struct journal *open_journal(const char *name, const struct strings *units)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct journal *j;

	assert_int_equal(journal_open(&fd, 1, units, LINE_MAX_, &j), 0);
	return j;
}

#define POSTFIX_DOVECOT \
	"postfix/smtpd[55] one T|" "dovecot[102] two, no root|" "postfix/qmgr[104] imported|" \
	"comm[106] no identifier T|" "dovecot[] bad pid, bad uid|" "dovecot[109] first|" \
	"dovecot[] a\\x0Ab\\x00c\\xFF|" "dovecot[] bbbbbbbbbbbbbbbbbbbb|" \
	"postfix/smtpd[112] last T|"

static void test_kinds(void **state)
{
	struct strings units = globs(2, "postfix*", "dovecot*"), one = globs(2, "dovecot", "no");
	struct journal *j;

	(void)state;
	make_all_kinds();
	units = globs(2, "postfix*", "dovecot*");
	j = open_journal(file, &units);
	expect(j, POSTFIX_DOVECOT);
	assert_int_equal(got.when_us, START + 12000000);
	assert_int_equal(journal_stats(j)->seen, 13);
	assert_int_equal(journal_stats(j)->given, 9);
	assert_int_equal(journal_stats(j)->cut, 1);
	for (unsigned a = 0; a < got.n; a++)
		for (unsigned b = 0; b < a; b++)
			assert_true(got.places[a] != got.places[b]);
	expect(j, "");
	journal_free(&j);
	journal_free(&j);
	/* A glob without ".service" names the service. */
	one = globs(2, "dovecot", "no");
	j = open_journal(file, &one);
	expect(j, "dovecot[102] two, no root|comm[106] no identifier T|"
		  "dovecot[] bad pid, bad uid|dovecot[109] first|dovecot[] a\\x0Ab\\x00c\\xFF|"
		  "dovecot[] bbbbbbbbbbbbbbbbbbbb|");
	journal_free(&j);
}

static void test_cursor(void **state)
{
	struct strings units = globs(2, "postfix*", "dovecot*");
	struct journal *j, *k;
	char *cursor;
	bool more;

	(void)state;
	make_all_kinds();
	j = open_journal(file, &units);
	assert_null(journal_cursor(j));
	start(j);
	got.stop_after = 2;
	assert_int_equal(journal_read(j, 1000, take, &got, &more), 9);
	assert_true(more);
	cursor = strdup(journal_cursor(j));
	uint64_t place = got.places[1];

	k = open_journal(file, &units);
	assert_int_equal(journal_seek_cursor(k, cursor), 0);
	assert_string_equal(journal_cursor(k), cursor);
	expect(k, POSTFIX_DOVECOT + strlen("postfix/smtpd[55] one T|dovecot[102] two, no root|"));
	/* max: two at a time, and the same place for the same entry. */
	assert_int_equal(journal_seek_time(k, START / 1000), 0);
	start(k);
	assert_int_equal(journal_read(k, 2, take, &got, &more), 0);
	assert_true(more && got.n == 2 && got.places[1] == place);
	/* Entries from a time on. */
	assert_int_equal(journal_seek_time(k, (START + 11500000) / 1000), 0);
	expect(k, "postfix/smtpd[112] last T|");
	assert_int_equal(journal_seek_end(k), 0);
	expect(k, "");
	/* No cursor at all, and one of an entry that is gone. */
	assert_int_equal(journal_seek_cursor(k, "nonsense"), -EINVAL);
	for (char *p = strstr(cursor, "x=") + 2; *p; p++)
		*p = *p == '1' ? '2' : '1';
	char *t = strstr(cursor, ";t="), *at = t + 3;

	at[strcspn(at, ";") - 1] ^= 1;	/* a time right beside it */
	assert_int_equal(journal_seek_cursor(k, cursor), -ENOENT);
	start(k);
	assert_int_equal(journal_read(k, 1, take, &got, &more), 0);
	assert_int_equal(got.n, 1);
	free(cursor);
	journal_free(&j);
	journal_free(&k);
}

/* Rotation: the caller comes with more files; we go on where we were. */
static void test_reopen(void **state)
{
	struct strings units = globs(2, "postfix*", "dovecot*");
	struct buf b = { 0 };
	struct journal *j;
	int fds[2];

	(void)state;
	make_all_kinds();
	entry(&b, 20, "dovecot", "dovecot.service", "_UID=0\n", "new one");
	entry(&b, 21, "dovecot", "dovecot-extra.service", "_UID=0\n", "a unit that is new");
	make_journal(second, &b);
	assert_int_equal(journal_open(NULL, 0, &units, LINE_MAX_, &j), 0);
	expect(j, "");
	assert_int_equal(journal_seek_end(j), 0);
	fds[0] = open(file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(journal_reopen(j, fds, 1), 0);
	expect(j, POSTFIX_DOVECOT);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = open(file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(journal_reopen(j, fds, 2), 0);
	assert_int_equal(journal_bad(j), 1);
	expect(j, "");
	fds[0] = open(file, O_RDONLY | O_CLOEXEC);
	fds[1] = open(second, O_RDONLY | O_CLOEXEC);
	assert_int_equal(journal_reopen(j, fds, 2), 0);
	assert_int_equal(journal_bad(j), 0);
	expect(j, "dovecot[120] new one T|dovecot[121] a unit that is new T|");
	assert_int_equal(journal_reopen(j, NULL, 0), 0);
	expect(j, "");
	assert_non_null(journal_cursor(j));
	journal_free(&j);
}

/* A file that becomes a journal: journald's own, looked at while it is made. */
static void test_no_journal(void **state)
{
	struct strings units = globs(2, "postfix*", "dovecot*");
	struct journal *j = NULL;
	char block[65536];
	int copy = open(second, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), from;
	int fd = open(second, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	(void)state;
	make_all_kinds();
	assert_int_equal(write(copy, "rubbish", 7), 7);
	assert_int_equal(journal_open(&fd, 1, &units, LINE_MAX_, &j), 0);
	assert_int_equal(journal_bad(j), 1);
	expect(j, "");
	from = open(file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
	while ((n = read(from, block, sizeof(block))) > 0)
		assert_int_equal(write(copy, block, (size_t)n), n);
	expect(j, POSTFIX_DOVECOT);
	assert_int_equal(journal_bad(j), 0);
	journal_free(&j);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	close(from);
	close(copy);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a.journal", dir);
	snprintf(second, sizeof(second), "%s/b.journal", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&got.text);
	unlink(file);
	unlink(second);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_no_journal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
