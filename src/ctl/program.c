/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts what tells and changes how the mail server is set up. No shell: the
 * words of the helper and ours are the argv.
 */
#include "ctl/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OUTPUT_MAX (1u << 20)
#define WORDS_MAX 64

static int words(const struct strings *helper, const char *const *more, const char *ret[WORDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < helper->n; i++, n++) {
		if (n == WORDS_MAX - 1)
			return -E2BIG;
		ret[n] = helper->v[i];
	}
	for (; *more; more++, n++) {
		if (n == WORDS_MAX - 1)
			return -E2BIG;
		ret[n] = *more;
	}
	ret[n] = NULL;
	return n > 0 ? 0 : -EINVAL;
}

void program_print(const struct strings *helper, const char *const *more, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=/.,:";
	const char *argv[WORDS_MAX];

	if (words(helper, more, argv) < 0)
		return;
	for (size_t i = 0; argv[i]; i++) {
		bool bare = argv[i][0] && argv[i][strspn(argv[i], plain)] == 0;

		buf_printf(out, "%s%s%s%s", i ? " " : "", bare ? "" : "'", argv[i], bare ? "" : "'");
	}
}

static int start(const char *const *argv, int to, bool quiet, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, to, 1);
	if (quiet)
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int program_run(const struct strings *helper, const char *const *more, bool quiet, struct buf *out)
{
	_cleanup_(close_fd) int from = -1;
	const char *argv[WORDS_MAX];
	char block[4096];
	int ends[2], status, r = words(helper, more, argv);
	ssize_t n;
	pid_t pid;

	if (r < 0)
		return r;
	out->max = OUTPUT_MAX;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	r = start(argv, ends[1], quiet, &pid);
	close(ends[1]);
	if (r < 0)
		return r;
	while ((n = read(from, block, sizeof(block))) > 0)
		buf_put(out, block, (size_t)n);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

bool program_is_there(const struct strings *helper)
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin",
					    "/usr/local/bin" };
	char path[4096];

	if (helper->n == 0)
		return false;
	if (strchr(helper->v[0], '/'))
		return access(helper->v[0], X_OK) == 0;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], helper->v[0]);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

bool program_is_here(const struct strings *helper)
{
	return helper->n == 1;
}

int program_write(const char *path, const char *text, unsigned mode, unsigned gid)
{
	_cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t n = strlen(text);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (write(fd, text, n) != (ssize_t)n || fchown(fd, 0, (gid_t)gid) < 0 || fchmod(fd, (mode_t)mode) < 0 ||
	    fsync(fd) < 0)
		return -errno;
	return 0;
}
