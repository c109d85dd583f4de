/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may ask, by what the kernel says of a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/peer.h"

#define NOBODY (-1)
#define STRANGER 64999	/* no user's number: Debian Policy 9.2.2 */

static struct operator_conf operators[] = {
	{ (char *)"daemon", RIGHT_READ },
	{ (char *)"@bin", RIGHT_BAN },
	{ (char *)"@sys", RIGHT_ALL },
	{ (char *)"no-such-user", RIGHT_ALL },
	{ (char *)"@no-such-group", RIGHT_ALL },
};
static const struct config config = { .noperators = 5, .operators = operators };

static gid_t group(const char *name)
{
	const struct group *g = getgrnam(name);

	assert_non_null(g);
	return g->gr_gid;
}

static uid_t user(const char *name)
{
	const struct passwd *p = getpwnam(name);

	assert_non_null(p);
	return p->pw_uid;
}

/* The right of one who connects as that user with these groups, or NOBODY. */
static int right_of(const struct peers *p, uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		enum operator_right right = RIGHT_READ;
		uid_t seen = 0;
		int ends[2];

		if (setgroups(n, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
			_exit(99);
		if (!peers_check(p, ends[0], &right, &seen))
			_exit(98);
		_exit(seen == uid ? (int)right : 97);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 99 && WEXITSTATUS(status) != 97);
	return WEXITSTATUS(status) == 98 ? NOBODY : WEXITSTATUS(status);
}

static const struct { const char *name, *user, *gid, *groups[2]; int want; } rows[] = {
	{ "root", "root", "root", { NULL }, RIGHT_ALL },
	{ "root, in a group of readers", "root", "root", { "bin" }, RIGHT_ALL },
	{ "an operator by name", "daemon", "daemon", { NULL }, RIGHT_READ },
	{ "a stranger", NULL, "nogroup", { NULL }, NOBODY },
	{ "by the first group", NULL, "bin", { NULL }, RIGHT_BAN },
	{ "by another group", NULL, "nogroup", { "mail", "bin" }, RIGHT_BAN },
	{ "the most of all", "daemon", "nogroup", { "bin", "sys" }, RIGHT_ALL },
	{ "the most, the other way round", "daemon", "sys", { "bin" }, RIGHT_ALL },
	{ "a group that is root's grants nothing", NULL, "root", { "root" }, NOBODY },
};

static void rights(void **state)
{
	struct peers *p;

	(void)state;
	if (geteuid() != 0) {
		print_message("peer_test: other users are left out, that needs root\n");
		skip();
	}
	assert_int_equal(peers_new(&config, &p), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		gid_t groups[2];
		size_t n = 0;
		int got;

		while (n < 2 && rows[i].groups[n]) {
			groups[n] = group(rows[i].groups[n]);
			n++;
		}
		got = right_of(p, rows[i].user ? user(rows[i].user) : STRANGER, group(rows[i].gid), groups, n);
		if (got != rows[i].want)
			fail_msg("%s: %d", rows[i].name, got);
	}
	peers_free(&p);
	assert_null(p);
	peers_free(&p);
}

/* As many groups as the kernel gives: the one that counts is the last. */
static void many_groups(void **state)
{
	gid_t groups[300];
	struct peers *p;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < 300; i++)
		groups[i] = (gid_t)(70000 + i);
	assert_int_equal(peers_new(&config, &p), 0);
	groups[199] = group("bin");
	assert_int_equal(right_of(p, STRANGER, STRANGER, groups, 200), RIGHT_BAN);
	groups[199] = 70199;
	groups[299] = group("bin");
	assert_int_equal(right_of(p, STRANGER, STRANGER, groups, 300), RIGHT_BAN);
	peers_free(&p);
}

static void gone(void **state)
{
	enum operator_right right = RIGHT_READ;
	struct peers *p;
	int ends[2];
	uid_t uid;

	(void)state;
	assert_int_equal(peers_new(&config, &p), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[1]);
	assert_false(peers_check(p, ends[0], &right, &uid));
	close(ends[0]);
	assert_false(peers_check(p, ends[0], &right, &uid));
	/* No unix socket has a peer that the kernel knows. */
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_false(peers_check(p, ends[0], &right, &uid));
	close(ends[0]);
	peers_free(&p);
}

/* SO_PEERCRED of a listening socket is who made it: no admin's connection. */
static void listening(void **state)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	enum operator_right right = RIGHT_READ;
	struct peers *p;
	uid_t uid;

	(void)state;
	assert_int_equal(peers_new(&config, &p), 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&any, sizeof(any.sun_family)), 0);
	assert_int_equal(listen(sock, 1), 0);
	assert_false(peers_check(p, sock, &right, &uid));
	close(sock);
	peers_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights), cmocka_unit_test(many_groups), cmocka_unit_test(gone),
		cmocka_unit_test(listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
