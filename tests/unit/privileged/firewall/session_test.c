/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>
#include <cmocka.h>

#include "base/addr.h"
#include "privileged/firewall/session.h"

static char dir[] = "/tmp/session_testXXXXXX";
static char passwd[64], group[64], utmp_path[64], logind[64];
static struct session_files files = { passwd, group, utmp_path, logind };

static void write_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static struct utmp make_login(const char *user, const char *from, const char *host, short type)
{
	struct utmp u;

	memset(&u, 0, sizeof(u));
	u.ut_type = type;
	u.ut_pid = 4711;
	strncpy(u.ut_user, user, sizeof(u.ut_user));
	strncpy(u.ut_host, host, sizeof(u.ut_host));
	if (strchr(from, ':'))
		inet_pton(AF_INET6, from, u.ut_addr_v6);
	else if (*from)
		inet_pton(AF_INET, from, u.ut_addr_v6);
	return u;
}

static const struct {
	const char *user, *addr, *host;
	short type;
	const char *want;	/* NULL: no session that counts */
} rows[] = {
	{ "root", "192.0.2.1", "a.example", USER_PROCESS, "192.0.2.1" },
	{ "toor", "192.0.2.2", "", USER_PROCESS, "192.0.2.2" },
	{ "ann", "2001:db8::1", "", USER_PROCESS, "2001:db8::1" },	/* sudo by list */
	{ "wes", "", "192.0.2.4", USER_PROCESS, "192.0.2.4" },		/* wheel, primary */
	{ "bob", "::ffff:192.0.2.5", "", USER_PROCESS, "192.0.2.5" },	/* bailiff-admin */
	{ "joe", "192.0.2.6", "", USER_PROCESS, NULL },
	{ "root", "192.0.2.7", "", DEAD_PROCESS, NULL },
	{ "root", "", "", USER_PROCESS, NULL },
	{ "root", "", ":0", USER_PROCESS, NULL },
	{ "nobody-knows", "192.0.2.8", "", USER_PROCESS, NULL },
};

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(passwd, sizeof(passwd), "%s/passwd", dir);
	snprintf(group, sizeof(group), "%s/group", dir);
	snprintf(utmp_path, sizeof(utmp_path), "%s/utmp", dir);
	snprintf(logind, sizeof(logind), "%s/sessions", dir);
	write_text(passwd, "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"
		   "ann:x:1000:1000::/:/bin/sh\nwes:x:1001:10::/:/bin/sh\n"
		   "bob:x:1002:1002::/:/bin/sh\njoe:x:1003:1003::/:/bin/sh\n");
	write_text(group, "root:x:0:\nsudo:x:27:eve,ann\nwheel:x:10:\n"
		   "bailiff-admin:x:99:bob\nusers:x:100:joe\n");
	write_text(utmp_path, "");
	return mkdir(logind, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(passwd);
	unlink(group);
	unlink(utmp_path);
	rmdir(logind);
	return rmdir(dir);
}

static void reads_utmp(void **state)
{
	struct session got[SESSION_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct utmp u = make_login(rows[i].user, rows[i].addr, rows[i].host, rows[i].type);
		char text[ADDR_TEXT_MAX] = "";
		size_t n;

		write_file(utmp_path, &u, sizeof(u));
		n = session_read(&files, got, SESSION_MAX);
		if (n == 1)
			addr_print(&got[0].from, text);
		if (n != (rows[i].want != NULL) || (n && strcmp(text, rows[i].want) != 0))
			fail_msg("row %zu: n=%zu %s", i, n, text);
		if (n)
			assert_int_equal(got[0].pid, 4711);
	}
}

static void keeps_within_bounds(void **state)
{
	struct utmp u[5];
	struct session got[3];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		u[i] = make_login("root", "192.0.2.1", "", USER_PROCESS);
	write_file(utmp_path, u, sizeof(u));
	assert_int_equal(session_read(&files, got, 3), 3);
	write_file(utmp_path, u, sizeof(u[0]) / 2);
	assert_int_equal(session_read(&files, got, 3), 0);
	unlink(utmp_path);
	assert_int_equal(session_read(&files, got, 3), 0);
	write_text(utmp_path, "");
}

static void reads_logind(void **state)
{
	static const struct { const char *name, *text; } sessions[] = {
		{ "c1", "# private\nUID=0\nUSER=root\nREMOTE=1\nREMOTE_HOST=192.0.2.9\n"
			"LEADER=812\n" },
		{ "2", "USER=joe\nREMOTE_HOST=192.0.2.10\nLEADER=813\n" },
		{ "3", "USER=root\nREMOTE_HOST=desk.example\nLEADER=814\n" },
		{ "4.ref", "USER=root\nREMOTE_HOST=192.0.2.11\nLEADER=815\n" },
		{ "5", "" },
	};
	struct session got[SESSION_MAX];
	char path[128], text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", logind, sessions[i].name);
		write_text(path, sessions[i].text);
	}
	assert_int_equal(session_read(&files, got, SESSION_MAX), 1);
	assert_string_equal(addr_print(&got[0].from, text), "192.0.2.9");
	assert_int_equal(got[0].pid, 812);
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", logind, sessions[i].name);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_utmp),
		cmocka_unit_test(keeps_within_bounds),
		cmocka_unit_test(reads_logind),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
