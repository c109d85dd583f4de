/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots: what was written is read, any damage is found, and a write that
 * fails leaves the old one.
 */
#include "engine/record/snapshot.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "place.h"

static const struct snapshot_section sample[] = {
	{ "positions", SPAN_LIT("where we are") },
	{ "empty", { NULL, 0 } },
	{ "windows", SPAN_LIT("\0\1\2 counts") },
};

static void assert_sample(const char *name)
{
	struct snapshot *s = NULL;
	struct span got;

	assert_int_equal(snapshot_open(AT_FDCWD, name, &s), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(snapshot_get(s, sample[i].name, &got));
		assert_true(span_eq(got, sample[i].bytes));
	}
	assert_false(snapshot_get(s, "position", &got));
	assert_false(snapshot_get(s, "threads", &got));
	snapshot_close(&s);
	assert_null(s);
	snapshot_close(&s);
}

static void test_read_back(void **state)
{
	(void)state;
	assert_int_equal(snapshot_write(AT_FDCWD, "snap", sample, 3), 0);
	assert_sample("snap");
	assert_int_equal(snapshot_write(AT_FDCWD, "snap", sample, 3), 0);
	assert_sample("snap");
	assert_int_equal(place_count("snap.new"), 0);
}

static void test_by_descriptor(void **state)
{
	struct snapshot *s = NULL;
	int dir = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(snapshot_write(dir, "snap", sample, 3), 0);
	assert_int_equal(snapshot_open(dir, "snap", &s), 0);
	snapshot_close(&s);
	assert_int_equal(fchdir(dir), 0);
	close(dir);
	assert_sample("snap");
}

static void test_no_sections(void **state)
{
	struct snapshot *s = NULL;
	struct span got;

	(void)state;
	assert_int_equal(snapshot_write(AT_FDCWD, "snap", NULL, 0), 0);
	assert_int_equal(snapshot_open(AT_FDCWD, "snap", &s), 0);
	assert_false(snapshot_get(s, "", &got));
	snapshot_close(&s);
}

static void test_not_there(void **state)
{
	struct snapshot *s = NULL;
	struct snapshot_section bad = { "sixteen-bytes-xx", { NULL, 0 } };

	(void)state;
	assert_int_equal(snapshot_open(AT_FDCWD, "snap", &s), -ENOENT);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(snapshot_open(AT_FDCWD, "dir", &s), -EBADMSG);
	rmdir("dir");
	assert_int_equal(symlink("/etc/passwd", "link"), 0);
	assert_int_equal(snapshot_open(AT_FDCWD, "link", &s), -ELOOP);
	assert_int_equal(snapshot_write(AT_FDCWD, "snap", &bad, 1), -EINVAL);
	assert_int_equal(place_count("snap"), 0);
	assert_null(s);
}

static size_t slurp(const char *name, char *buf, size_t size)
{
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, size);

	assert_true(n > 0 && (size_t)n < size);
	close(fd);
	return (size_t)n;
}

static void spill(const char *name, const char *buf, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, buf, n), n);
	close(fd);
}

static void test_damage(void **state)
{
	struct snapshot *s = NULL;
	char good[1000], bad[1000];
	size_t n;

	(void)state;
	assert_int_equal(snapshot_write(AT_FDCWD, "snap", sample, 3), 0);
	n = slurp("snap", good, sizeof(good));
	for (size_t at = 0; at < n; at++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(bad, good, n);
			bad[at] ^= (char)(1 << bit);
			spill("bad", bad, n);
			assert_int_equal(snapshot_open(AT_FDCWD, "bad", &s), -EBADMSG);
		}
	for (size_t len = 0; len < n; len++) {
		spill("bad", good, len);
		assert_int_equal(snapshot_open(AT_FDCWD, "bad", &s), -EBADMSG);
	}
	memcpy(bad, good, n);
	bad[n] = 0;
	spill("bad", bad, n + 1);
	assert_int_equal(snapshot_open(AT_FDCWD, "bad", &s), -EBADMSG);
	assert_null(s);
}

static void test_no_room(void **state)
{
	char *big = calloc(1, 1 << 20);
	struct snapshot_section sections = { "windows", { big, 1 << 20 } };
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(snapshot_write(AT_FDCWD, "snap", sample, 3), 0);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = { 100000, 100000 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(snapshot_write(AT_FDCWD, "snap", &sections, 1) == -EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_sample("snap");
	assert_int_equal(place_count("snap.new"), 0);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(test_read_back),
		PLACED(test_by_descriptor),
		PLACED(test_no_sections),
		PLACED(test_not_there),
		PLACED(test_damage),
		PLACED(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
