/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FIREWALL_NETNS_H
#define TESTS_FIREWALL_NETNS_H

/*
 * For tests against the real kernel: a network namespace of our own, so that
 * the host's firewall is never touched, and programs run in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL }, NULL, 0)
#define OUTPUT(buf, ...) \
	run((const char *const[]){ __VA_ARGS__, NULL }, (buf), sizeof(buf))

/* Exit status; what it printed goes to buf if there is one. */
static inline int run(const char *const argv[], char *buf, size_t size)
{
	posix_spawn_file_actions_t actions;
	int fds[2], status = -1;
	size_t n = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	if (buf)
		posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ) == 0) {
		close(fds[1]);
		fds[1] = -1;
		while (buf && n + 1 < size) {
			ssize_t k = read(fds[0], buf + n, size - 1 - n);

			if (k <= 0)
				break;
			n += (size_t)k;
		}
		waitpid(pid, &status, 0);
	}
	if (buf)
		buf[n] = '\0';
	posix_spawn_file_actions_destroy(&actions);
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Into a namespace of our own; false, said why: this test cannot run here. */
static inline bool netns_enter(const char *test)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("%s: left out, it needs root for a network namespace\n", test);
		return false;
	}
	return RUN("ip", "link", "set", "lo", "up") == 0;
}

#endif
