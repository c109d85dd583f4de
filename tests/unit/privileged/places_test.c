/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories, the lock and the sockets of one daemon, in a directory of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privileged/places.h"

static const struct identity monitor = { 64998, 64998 }, engine = { 64997, 64997 };
static char top[32], state_dir[64], run_dir[64];

static int begin(void **state)
{
	(void)state;
	strcpy(top, "/tmp/places_testXXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(state_dir, sizeof(state_dir), "%s/var/lib/x", top);
	snprintf(run_dir, sizeof(run_dir), "%s/run/x", top);
	return 0;
}

static int end(void **state)
{
	extern char **environ;
	char *const argv[] = { (char []){ "rm" }, (char []){ "-rf" }, top, NULL };
	int status;
	pid_t pid;

	(void)state;
	if (posix_spawnp(&pid, "rm", NULL, NULL, argv, environ) != 0)
		return -1;
	return waitpid(pid, &status, 0) < 0 || status != 0;
}

struct tried {
	struct places p;
	const char *what;
	int pid, r;
};

static struct tried try_open(const char *state, const char *run)
{
	struct tried t = { .p = { -1, -1, -1, -1, -1, -1 } };

	t.r = places_open(state, run, monitor, engine, &t.p, &t.what, &t.pid);
	return t;
}

static void close_all(struct places *p)
{
	const int fds[] = { p->lock_fd, p->engine_fd, p->monitor_fd, p->runner_fd, p->control_fd, p->emergency_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void expect(const char *dir, const char *name, mode_t mode, uid_t uid)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &st) < 0 || st.st_mode != mode || st.st_uid != uid)
		fail_msg("%s: mode %o uid %d", path, st.st_mode, (int)st.st_uid);
}

static int connect_to(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", run_dir, name);
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void makes_everything(void **state)
{
	struct tried t = try_open(state_dir, run_dir);
	const int fds[] = { t.p.lock_fd, t.p.engine_fd, t.p.monitor_fd, t.p.runner_fd, t.p.control_fd,
			    t.p.emergency_fd };

	(void)state;
	assert_int_equal(t.r, 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	expect(top, "var/lib", S_IFDIR | 0755, 0);
	expect(state_dir, ".", S_IFDIR | 0755, 0);
	expect(state_dir, "engine", S_IFDIR | 0700, engine.uid);
	expect(state_dir, "monitor", S_IFDIR | 0700, monitor.uid);
	expect(state_dir, "runner", S_IFDIR | 0700, 0);
	expect(run_dir, "bailiffd.lock", S_IFREG | 0644, 0);
	expect(run_dir, "control.sock", S_IFSOCK | 0666, 0);
	expect(run_dir, "bailiffd.sock", S_IFSOCK | 0600, 0);
	assert_int_equal(connect_to("control.sock"), 0);
	assert_int_equal(connect_to("bailiffd.sock"), 0);
	close_all(&t.p);
}

/* What was there is taken over, with rights put right; a dead daemon's sockets are no obstacle. */
static void takes_over(void **state)
{
	struct tried t = try_open(state_dir, run_dir);
	char path[96];

	(void)state;
	assert_int_equal(t.r, 0);
	close_all(&t.p);
	assert_int_equal(connect_to("control.sock"), -ECONNREFUSED);
	snprintf(path, sizeof(path), "%s/engine", state_dir);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(chown(path, 64000, 64000), 0);
	t = try_open(state_dir, run_dir);
	assert_int_equal(t.r, 0);
	expect(state_dir, "engine", S_IFDIR | 0700, engine.uid);
	assert_int_equal(connect_to("control.sock"), 0);
	close_all(&t.p);
}

/* The second says who the first is, and leaves the first one's sockets alone. */
static void one_daemon(void **state)
{
	struct tried first = try_open(state_dir, run_dir), second = try_open(state_dir, run_dir);

	(void)state;
	assert_int_equal(first.r, 0);
	assert_int_equal(second.r, -EWOULDBLOCK);
	assert_int_equal(second.pid, getpid());
	assert_string_equal(second.what, run_dir);
	assert_int_equal(connect_to("control.sock"), 0);
	close_all(&first.p);
	close_all(&second.p);
	second = try_open(state_dir, run_dir);
	assert_int_equal(second.r, 0);
	close_all(&second.p);
}

/* Things that stand in the way: each is -errno and names the directory at fault. */
static const struct {
	const char *name;
	const char *file, *dir, *link;	/* what is there before, under top; the link leads to /etc */
	const char *state, *run;
	int error;
	bool in_state;
} obstacles[] = {
	{ "a file as the run directory", "f", NULL, NULL, "s", "f", -ENOTDIR, false },
	{ "a file above it", "f", NULL, NULL, "s", "f/x", -ENOTDIR, false },
	{ "a file as the state directory", "f", NULL, NULL, "f", "r", -ENOTDIR, true },
	{ "a file in the engine's place", "s/engine", "s", NULL, "s", "r", -ENOTDIR, true },
	{ "a link in the engine's place", NULL, "s", "s/engine", "s", "r", -ENOTDIR, true },
	{ "a link in the runner's place", NULL, "s", "s/runner", "s", "r", -ENOTDIR, true },
	{ "a link in the lock's place", NULL, "r", "r/bailiffd.lock", "s", "r", -ELOOP, false },
	{ "a directory in the socket's place", NULL, "r/control.sock", NULL, "s", "r", -EISDIR, false },
};

static void under_top(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", top, name);
}

static void obstacle(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(obstacles) / sizeof(*obstacles); i++) {
		char path[128], s[128], r[128];
		struct tried t;
		struct stat before, after;

		assert_int_equal(stat("/etc", &before), 0);
		if (obstacles[i].dir) {
			under_top(obstacles[i].dir, path);
			for (char *p = path + strlen(top) + 1; (p = strchr(p, '/')); p++) {
				*p = 0;
				mkdir(path, 0755);
				*p = '/';
			}
			assert_int_equal(mkdir(path, 0755), 0);
		}
		if (obstacles[i].file) {
			under_top(obstacles[i].file, path);
			close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
		}
		if (obstacles[i].link) {
			under_top(obstacles[i].link, path);
			assert_int_equal(symlink("/etc", path), 0);
		}
		under_top(obstacles[i].state, s);
		under_top(obstacles[i].run, r);
		t = try_open(s, r);
		if (t.r != obstacles[i].error || strcmp(t.what, obstacles[i].in_state ? s : r) != 0)
			fail_msg("%s: %s, %s", obstacles[i].name, strerror(-t.r), t.what);
		assert_int_equal(stat("/etc", &after), 0);
		assert_true(before.st_uid == after.st_uid && before.st_mode == after.st_mode);
		close_all(&t.p);
		assert_int_equal(end(NULL), 0);
		assert_int_equal(begin(NULL), 0);
	}
}

static void long_names(void **state)
{
	char path[700];
	struct tried t;

	(void)state;
	memset(path, 'a', sizeof(path));
	memcpy(path, top, strlen(top));
	path[strlen(top)] = '/';
	path[512] = 0;
	t = try_open(state_dir, path);
	assert_int_equal(t.r, -ENAMETOOLONG);
	t = try_open(state_dir, "");
	assert_int_equal(t.r, -ENAMETOOLONG);
	/* Longer than a socket's name may be, and still fine: it goes by descriptor. */
	snprintf(path, sizeof(path), "%s/%0150d", top, 7);
	t = try_open(state_dir, path);
	assert_int_equal(t.r, 0);
	close_all(&t.p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_everything), TEST(takes_over), TEST(one_daemon), TEST(obstacle), TEST(long_names),
	};

	if (geteuid() != 0) {
		printf("places_test: left out, it needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
