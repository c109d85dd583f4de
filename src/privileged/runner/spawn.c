/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting engines. bailiffd has given up the right to change users, so the
 * process that kept root does it: it knows one program, opened at the start,
 * and one user, and passes on descriptors that it never looks into.
 */
#include "privileged/runner/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define FIRST_FD 3

static void child(int engine_fd, struct identity who, const int *fds, size_t nfds)
{
	char *const argv[] = { (char *)"bailiff-engine", (char *)"--serve", NULL };
	const char *journal = getenv("JOURNAL_STREAM");
	char stream[64] = "JOURNAL_STREAM=";
	char *env[] = { (char *)"PATH=/nonexistent", (char *)"LC_ALL=C", NULL, NULL };
	int high[32], program;
	sigset_t none;

	if (journal && strlen(journal) < sizeof(stream) - 16) {
		strcat(stream, journal);
		env[2] = stream;
	}
	/* First out of the way of the numbers they will get. */
	program = fcntl(engine_fd, F_DUPFD_CLOEXEC, 64);
	for (size_t i = 0; i < nfds; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 65);
	for (size_t i = 0; i < nfds; i++)
		if (dup2(high[i], FIRST_FD + (int)i) < 0)
			_exit(71);
	if (syscall(SYS_close_range, FIRST_FD + (unsigned)nfds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(71);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (setpgid(0, 0) < 0 || chdir("/") < 0 || drop_to(who, 0) < 0)
		_exit(77);
	syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
	log_err("bailiff-engine: %m");
	_exit(71);
}

int spawn_engine(int engine_fd, struct identity who, const int *fds, size_t nfds,
		 pid_t *ret_pid)
{
	pid_t pid;

	if (nfds > 32)
		return -EINVAL;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(engine_fd, who, fds, nfds);
	*ret_pid = pid;
	return 0;
}
