/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following a file that grows, is rotated, is truncated, and is full of junk. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/read/follow.h"

#define LINE_MAX_ 64

static char dir[] = "/tmp/follow_test_XXXXXX";

static const char *path(const char *name)
{
	static char buf[4][256];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(buf[i], sizeof(buf[i]), "%s/%s", dir, name);
	return buf[i];
}

static void put(const char *name, int flags, const char *bytes, size_t n)
{
	int fd = open(path(name), O_WRONLY | O_CREAT | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void append(const char *name, const char *text)
{
	put(name, O_APPEND, text, strlen(text));
}

static struct follow *open_file(const char *name, uint32_t line_max)
{
	struct follow *f;

	assert_int_equal(follow_open(open(path(name), O_RDONLY | O_CLOEXEC), line_max, &f), 0);
	return f;
}

/* Lines as they came, joined by '|'. */
struct got {
	char text[65536];
	size_t n;
	unsigned lines, stop_after, cut;
	struct position last;
};

static int take(void *arg, const struct line *line)
{
	struct got *g = arg;

	assert_true(g->n + line->text.n + 1 < sizeof(g->text));
	memcpy(g->text + g->n, line->text.p, line->text.n);
	g->n += line->text.n;
	g->text[g->n++] = '|';
	g->text[g->n] = '\0';
	g->last = line->pos;
	g->cut += line->cut;
	return ++g->lines == g->stop_after ? 7 : 0;
}

static struct got got;

static int read_all(struct follow *f, bool *more)
{
	memset(&got, 0, sizeof(got));
	return follow_read(f, SIZE_MAX, take, &got, more);
}

static void expect(struct follow *f, const char *want)
{
	bool more;

	assert_int_equal(read_all(f, &more), 0);
	assert_string_equal(got.text, want);
	assert_false(more);
}

static void test_lines(void **state)
{
	struct follow *f;

	(void)state;
	append("a", "one\ntwo\r\n\n\r\nha");
	f = open_file("a", LINE_MAX_);
	expect(f, "one|two|||");
	expect(f, "");
	append("a", "lf");
	expect(f, "");
	assert_int_equal(follow_position(f).offset, 12);
	append("a", "\nnext\n");
	expect(f, "half|next|");
	put("a", O_APPEND, "a\0b\n\0\0\0c\n\0\n", 11);
	memset(&got, 0, sizeof(got));
	bool more;

	assert_int_equal(read_all(f, &more), 0);
	assert_memory_equal(got.text, "a\0b|c||", 8);
	append("a", "no newline");
	expect(f, "");
	assert_int_equal(follow_flush(f, take, &got), 0);
	assert_string_equal(got.text, "no newline|");
	assert_int_equal(follow_flush(f, take, &got), 0);
	assert_int_equal(got.lines, 1);
	append("a", "more\n");
	expect(f, "more|");
	assert_int_equal(follow_stats(f)->lines, 11);
	assert_int_equal(follow_stats(f)->cut, 0);
	follow_free(&f);
	follow_free(&f);
}

static void test_long_lines(void **state)
{
	static char big[1200000];
	char want[256];
	struct follow *f;

	(void)state;
	/* Exactly line_max, with "\r", one more, and far over a read's size. */
	memset(big, 'x', sizeof(big));
	put("long", O_APPEND, big, 64);
	append("long", "\n");
	put("long", O_APPEND, big, 64);
	append("long", "\r\n");
	put("long", O_APPEND, big, 65);
	append("long", "\nafter\n");
	f = open_file("long", LINE_MAX_);
	snprintf(want, sizeof(want), "%.64s|%.64s|%.64s|after|", big, big, big);
	expect(f, want);
	assert_int_equal(follow_stats(f)->cut, 1);
	memset(big, 'y', sizeof(big));
	memcpy(big, "start", 5);
	put("long", O_APPEND, big, sizeof(big));
	expect(f, "");
	uint64_t at = follow_position(f).offset;

	put("long", O_APPEND, big, 100);
	expect(f, "");
	assert_int_equal(follow_position(f).offset, at);
	append("long", "\nshort\n");
	snprintf(want, sizeof(want), "%.64s|short|", big);
	expect(f, want);
	assert_int_equal(follow_stats(f)->cut, 2);
	assert_int_equal(follow_position(f).offset, at + sizeof(big) + 101 + 6);
	/* The same from the start, in small helpings. */
	follow_restart(f);
	memset(&got, 0, sizeof(got));
	bool more = true;
	unsigned calls = 0;

	while (more) {
		assert_int_equal(follow_read(f, 1, take, &got, &more), 0);
		calls++;
	}
	assert_int_equal(got.lines, 6);
	assert_int_equal(got.cut, 2);
	assert_true(calls > 6);
	assert_int_equal(follow_stats(f)->cut, 4);
	follow_free(&f);
}

/* Whatever a call may read: `more` until the last line was handed out. */
static void test_budgets(void **state)
{
	char text[400];
	struct follow *f;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s\n", i % 4, "abc");
	put("budget", O_APPEND, text, n);
	f = open_file("budget", LINE_MAX_);
	for (size_t budget = 1; budget <= n + 2; budget++) {
		bool more = true;

		follow_restart(f);
		memset(&got, 0, sizeof(got));
		while (more)
			assert_int_equal(follow_read(f, budget, take, &got, &more), 0);
		assert_int_equal(got.lines, 100);
	}
	follow_free(&f);
}

/* What cannot be read now will not be read by asking at once again. */
static void test_error(void **state)
{
	struct follow *f;
	bool more = true;

	(void)state;
	append("error", "one\n");
	assert_int_equal(follow_open(open(path("error"), O_WRONLY | O_CLOEXEC), LINE_MAX_, &f), 0);
	assert_int_equal(read_all(f, &more), -EBADF);
	assert_false(more);
	follow_free(&f);
}

static void test_stop(void **state)
{
	struct follow *f;
	bool more;

	(void)state;
	append("stop", "1\n2\n3\n4\n");
	f = open_file("stop", LINE_MAX_);
	memset(&got, 0, sizeof(got));
	got.stop_after = 2;
	assert_int_equal(follow_read(f, SIZE_MAX, take, &got, &more), 7);
	assert_true(more);
	assert_int_equal(follow_position(f).offset, 4);
	expect(f, "3|4|");
	follow_free(&f);
}

static void test_seek(void **state)
{
	struct follow *f, *g;
	struct position pos, early;

	(void)state;
	append("seek", "first line\nsecond line\n");
	f = open_file("seek", LINE_MAX_);
	expect(f, "first line|second line|");
	early = got.last;	/* of "second line": its fingerprint covers 11 bytes */
	assert_int_equal(early.offset, 11);
	pos = follow_position(f);
	/* Growth, also past the first KB, changes nothing. */
	for (unsigned i = 0; i < 100; i++)
		append("seek", "some more of these lines\n");
	g = open_file("seek", LINE_MAX_);
	assert_true(follow_is(follow_fd(g), &pos));
	assert_int_equal(follow_seek(g, &pos), 0);
	assert_int_equal(follow_position(g).fingerprint, pos.fingerprint);
	memset(&got, 0, sizeof(got));
	bool more;

	assert_int_equal(read_all(g, &more), 0);
	assert_int_equal(got.lines, 100);
	assert_int_equal(follow_seek(g, &early), 0);
	got.lines = 0;
	got.stop_after = 1;
	got.n = 0;
	assert_int_equal(follow_read(g, SIZE_MAX, take, &got, &more), 7);
	assert_string_equal(got.text, "second line|");
	assert_int_equal(got.last.fingerprint, early.fingerprint);
	follow_free(&f);
	/* A copy is recognised, another file is not, a short one neither. */
	append("seek2", "first line\nsecond lime\n");
	append("seek3", "first line\n");
	follow_free(&g);
	g = open_file("seek2", LINE_MAX_);
	assert_int_equal(follow_seek(g, &pos), -ESTALE);
	assert_int_equal(follow_seek(g, &early), 0);
	follow_free(&g);
	g = open_file("seek3", LINE_MAX_);
	assert_int_equal(follow_seek(g, &pos), -ESTALE);
	follow_free(&g);
	/* At offset 0 only the inode tells. */
	f = open_file("seek2", LINE_MAX_);
	pos = follow_position(f);
	assert_int_equal(pos.offset, 0);
	assert_true(follow_is(follow_fd(f), &pos));
	g = open_file("seek3", LINE_MAX_);
	assert_false(follow_is(follow_fd(g), &pos));
	follow_free(&f);
	follow_free(&g);
}

static void test_seek_end(void **state)
{
	static char big[100000];
	struct follow *f;

	(void)state;
	append("end", "a\nb\nhalf");
	f = open_file("end", LINE_MAX_);
	assert_int_equal(follow_seek_end(f), 0);
	assert_int_equal(follow_position(f).offset, 4);
	append("end", " whole\n");
	expect(f, "half whole|");
	memset(big, 'z', sizeof(big));
	put("end", O_APPEND, big, sizeof(big));
	assert_int_equal(follow_seek_end(f), 0);
	append("end", "\nnew\n");
	bool more;

	assert_int_equal(read_all(f, &more), 0);
	assert_int_equal(got.lines, 2);
	follow_free(&f);
	append("end2", "");
	f = open_file("end2", LINE_MAX_);
	assert_int_equal(follow_seek_end(f), 0);
	append("end2", "x\n");
	expect(f, "x|");
	follow_free(&f);
}

static void copy_file(const char *from, const char *to)
{
	char cmd[65536];
	int in = open(path(from), O_RDONLY);
	ssize_t n;

	while ((n = read(in, cmd, sizeof(cmd))) > 0)
		put(to, O_APPEND, cmd, (size_t)n);
	close(in);
}

static void test_copytruncate(void **state)
{
	struct follow *f, *copy;
	struct position pos;
	bool more;

	(void)state;
	append("ct", "line 1\nline 2\n");
	f = open_file("ct", LINE_MAX_);
	expect(f, "line 1|line 2|");
	append("ct", "line 3\n");
	copy_file("ct", "ct.1");
	assert_int_equal(truncate(path("ct"), 0), 0);
	append("ct", "line 4\n");	/* shorter than our offset */
	assert_int_equal(read_all(f, &more), -ESTALE);
	assert_int_equal(got.lines, 0);
	pos = follow_position(f);
	copy = open_file("ct.1", LINE_MAX_);
	assert_int_equal(follow_seek(copy, &pos), 0);
	expect(copy, "line 3|");
	follow_free(&copy);
	follow_restart(f);
	expect(f, "line 4|");
	/* It grew past our offset again: same length, other bytes. */
	assert_int_equal(truncate(path("ct"), 0), 0);
	append("ct", "line 5\nline 6\n");
	assert_int_equal(read_all(f, &more), -ESTALE);
	follow_restart(f);
	expect(f, "line 5|line 6|");
	/* The last 64 bytes are alike by chance, the first KB is not. */
	append("ct", "a line that is repeated again and again, longer than 64 bytes is\n");
	append("ct", "a line that is repeated again and again, longer than 64 bytes is\n");
	assert_int_equal(read_all(f, &more), 0);
	assert_int_equal(got.lines, 2);
	assert_int_equal(truncate(path("ct"), 0), 0);
	append("ct", "line 7\nline 8\n");
	append("ct", "a line that is repeated again and again, longer than 64 bytes is\n");
	append("ct", "a line that is repeated again and again, longer than 64 bytes is\nx\n");
	assert_int_equal(read_all(f, &more), -ESTALE);
	follow_restart(f);
	assert_int_equal(read_all(f, &more), 0);
	assert_int_equal(got.lines, 5);
	/* A writer without O_APPEND goes on at its old offset: a hole. */
	assert_int_equal(truncate(path("ct"), 0), 0);
	int fd = open(path("ct"), O_WRONLY);

	assert_int_equal(pwrite(fd, "line 9\n", 7, 300000), 7);
	close(fd);
	assert_int_equal(read_all(f, &more), -ESTALE);
	follow_restart(f);
	expect(f, "line 9|");
	assert_int_equal(follow_stats(f)->truncated, 4);
	follow_free(&f);
}

/* ---- a fast writer, rotated under our hands ---- */

enum { WRITTEN = 60000 };

struct writer {
	pthread_mutex_t lock;	/* copy and truncate hold it: logrotate loses nothing */
	atomic_bool done;
	int fd;
};

static void *write_lines(void *arg)
{
	struct writer *w = arg;
	for (unsigned i = 0; i < WRITTEN; i++) {
		char line[256];
		int n = snprintf(line, sizeof(line), "%06u %.*s\n", i, (int)(i % 90),
				 "01234567890123456789012345678901234567890123456789"
				 "01234567890123456789012345678901234567890123456789");

		pthread_mutex_lock(&w->lock);
		if (write(w->fd, line, (size_t)n / 2) < 0 ||
		    write(w->fd, line + n / 2, (size_t)n - (size_t)n / 2) < 0)
			abort();
		pthread_mutex_unlock(&w->lock);
	}
	atomic_store(&w->done, true);
	return NULL;
}

static unsigned char seen[WRITTEN];

static int count_line(void *arg, const struct line *line)
{
	char text[8] = "";

	(void)arg;
	if (line->text.n < 6)
		fail_msg("a torn line: '%.*s'", (int)line->text.n, line->text.p);
	memcpy(text, line->text.p, 6);
	seen[atoi(text)]++;
	return 0;
}

static void test_copytruncate_under_writer(void **state)
{
	struct writer w = { .fd = open(path("fast"), O_WRONLY | O_APPEND | O_CREAT, 0600) };
	pthread_t thread;
	struct follow *f;
	bool more, done;
	unsigned rotations = 0;

	(void)state;
	pthread_mutex_init(&w.lock, NULL);
	f = open_file("fast", 256);
	pthread_create(&thread, NULL, write_lines, &w);
	do {
		int r;

		done = atomic_load(&w.done);
		r = follow_read(f, 20000, count_line, NULL, &more);
		/* A file of which nothing was read yet cannot be told from a new one. */
		if (r == 0 && rotations < 200 && !done && follow_position(f).offset) {
			pthread_mutex_lock(&w.lock);
			unlink(path("fast.1"));
			copy_file("fast", "fast.1");
			if (truncate(path("fast"), 0) < 0)
				abort();
			pthread_mutex_unlock(&w.lock);
			rotations++;
			if (rotations % 3 == 0)		/* let it grow past us again */
				usleep(2000);
			r = follow_read(f, 20000, count_line, NULL, &more);
		}
		if (r == -ESTALE) {
			struct position pos = follow_position(f);
			struct follow *copy = open_file("fast.1", 256);

			assert_int_equal(follow_seek(copy, &pos), 0);
			do
				assert_int_equal(follow_read(copy, SIZE_MAX, count_line,
							     NULL, &more), 0);
			while (more);
			follow_free(&copy);
			follow_restart(f);
			more = true;
		} else {
			assert_int_equal(r, 0);
		}
	} while (!done || more);
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < WRITTEN; i++)
		if (seen[i] != 1)
			fail_msg("line %u came %u times (%u rotations)", i, seen[i], rotations);
	assert_true(rotations > 10);
	close(w.fd);
	follow_free(&f);
}

/* Rename and create: the old descriptor is read to its end, then the new. */
static void test_rename(void **state)
{
	struct follow *old, *new;
	struct position pos;

	(void)state;
	append("r", "1\n2\n");
	old = open_file("r", LINE_MAX_);
	expect(old, "1|2|");
	assert_int_equal(rename(path("r"), path("r.1")), 0);
	append("r", "4\n");
	append("r.1", "3\n");	/* written late to the old one */
	pos = follow_position(old);
	new = open_file("r", LINE_MAX_);
	assert_false(follow_is(follow_fd(new), &pos));
	expect(old, "3|");
	expect(new, "4|");
	follow_free(&old);
	follow_free(&new);
}

static void test_not_a_file(void **state)
{
	struct follow *f;
	int fds[2];

	(void)state;
	assert_int_equal(follow_open(open(dir, O_RDONLY), LINE_MAX_, &f), -EINVAL);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(follow_open(fds[0], LINE_MAX_, &f), -EINVAL);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	close(fds[1]);
}

static void test_fingerprint(void **state)
{
	uint64_t a, b;
	size_t n;
	int fd;

	(void)state;
	append("fp", "abc\n");
	fd = open(path("fp"), O_RDONLY);
	assert_int_equal(follow_fingerprint(fd, &a, &n), 0);
	assert_int_equal(n, 4);
	for (unsigned i = 0; i < 300; i++)
		append("fp", "abc\n");
	assert_int_equal(follow_fingerprint(fd, &b, &n), 0);
	assert_int_equal(n, FOLLOW_HEAD);
	assert_true(a != b);
	append("fp", "abc\n");
	assert_int_equal(follow_fingerprint(fd, &a, &n), 0);
	assert_true(a == b);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "a", "long", "budget", "error", "stop", "seek", "seek2", "seek3", "end",
					     "end2", "ct", "ct.1", "fast", "fast.1", "r", "r.1", "fp" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path(names[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_seek_end),
		cmocka_unit_test(test_copytruncate),
		cmocka_unit_test(test_copytruncate_under_writer),
		cmocka_unit_test(test_rename),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
