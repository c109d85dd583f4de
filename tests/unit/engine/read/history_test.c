/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Old logs: plain, gzip, zstd, pipes; the same lines and positions from all. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "engine/read/history.h"

#define LINE_MAX_ 256

struct bytes {
	char *p;
	size_t n;
};

/* About 3 MB of lines: some long, some empty, "\r\n", NULs, an open end. */
static struct bytes make_log(void)
{
	struct bytes b = { malloc(4 << 20), 0 };

	for (unsigned i = 0; i < 30000; i++) {
		b.n += (size_t)sprintf(b.p + b.n, "Aug 21 10:11:12 mx a[%u]: %.*s%s", i, (int)(i % 100),
				       "0123456789012345678901234567890123456789012345678901234567890"
				       "123456789012345678901234567890123456789",
				       i % 7 ? "\n" : "\r\n\n");
		if (i % 5000 == 4999) {
			memset(b.p + b.n, '\0', 9);
			b.n += 9;
		}
		if (i % 3000 == 2999) {
			memset(b.p + b.n, '\n', 500);	/* nothing but empty lines */
			b.n += 500;
		}
		if (i % 9999 == 9998) {
			memset(b.p + b.n, 'L', 300000);	/* longer than a block */
			b.n += 300000;
			b.p[b.n++] = '\n';
		}
	}
	b.n += (size_t)sprintf(b.p + b.n, "the end has no newline");
	return b;
}

static struct bytes gz(struct bytes in, unsigned members)
{
	struct bytes out = { malloc(in.n + 65536), 0 };

	for (unsigned i = 0; i < members; i++) {
		size_t from = in.n * i / members, to = in.n * (i + 1) / members;
		z_stream z = { 0 };

		deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
		z.next_in = (Bytef *)in.p + from;
		z.avail_in = (uInt)(to - from);
		z.next_out = (Bytef *)out.p + out.n;
		z.avail_out = (uInt)(in.n + 65536 - out.n);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		out.n += z.total_out;
		deflateEnd(&z);
	}
	return out;
}

static struct bytes zst(struct bytes in, unsigned frames)
{
	size_t cap = ZSTD_compressBound(in.n) + 65536;
	struct bytes out = { malloc(cap), 0 };

	if (frames > 1) {	/* as pzstd: a skippable frame first */
		memcpy(out.p, "\x50\x2a\x4d\x18\x04\0\0\0abcd", 12);
		out.n = 12;
	}
	for (unsigned i = 0; i < frames; i++) {
		size_t from = in.n * i / frames, to = in.n * (i + 1) / frames;

		out.n += ZSTD_compress(out.p + out.n, cap - out.n, in.p + from, to - from, 1);
	}
	return out;
}

static int memory_file(struct bytes b)
{
	int fd = memfd_create("history", MFD_CLOEXEC);

	assert_int_equal(write(fd, b.p, b.n), b.n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* What is compared: every line and its position, folded into one number. */
struct sum {
	uint64_t text, places;
	unsigned lines;
	struct position end;
};

static void add(struct sum *s, const struct line *l)
{
	for (size_t i = 0; i < l->text.n; i++)
		s->text = (s->text ^ (unsigned char)l->text.p[i]) * 1099511628211u;
	s->text = (s->text ^ (l->cut ? 257 : 256)) * 1099511628211u;
	s->places = (s->places ^ l->pos.offset) * 1099511628211u;
	s->places = (s->places ^ l->pos.fingerprint) * 1099511628211u;
	s->lines++;
}

static int add_line(void *arg, const struct line *l)
{
	add(arg, l);
	return 0;
}

static int read_all(int fd, uint64_t offset, struct sum *s, struct follow_stats *stats)
{
	struct history_file *h;
	struct line l;
	int r = history_open(fd, LINE_MAX_, offset, &h);

	if (r < 0)
		return r;
	while ((r = history_next(h, &l)) > 0)
		add(s, &l);
	assert_int_equal(history_next(h, &l), r);
	*stats = *history_stats(h);
	s->end = history_position(h);
	history_close(&h);
	return r;
}

static void test_same_from_all(void **state)
{
	struct bytes log = make_log();
	struct bytes all[] = { log, gz(log, 1), gz(log, 3), zst(log, 1), zst(log, 4) };
	struct sum want = { 0 };
	struct follow *f;
	bool more;

	(void)state;
	assert_int_equal(follow_open(memory_file(log), LINE_MAX_, &f), 0);
	assert_int_equal(follow_read(f, SIZE_MAX, add_line, &want, &more), 0);
	assert_int_equal(follow_flush(f, add_line, &want), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sum sum = { 0 };
		struct follow_stats stats;

		assert_int_equal(read_all(memory_file(all[i]), 0, &sum, &stats), 0);
		assert_int_equal(sum.lines, want.lines);
		assert_true(sum.text == want.text);
		assert_true(sum.places == want.places);
		assert_true(sum.end.offset == follow_position(f).offset &&
			    sum.end.fingerprint == follow_position(f).fingerprint);
		assert_int_equal(stats.cut, 3);
		assert_int_equal(stats.cut, follow_stats(f)->cut);
		assert_int_equal(stats.bytes, follow_stats(f)->bytes);
	}
	follow_free(&f);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i].p);
}

/* Where a followed file stopped, its rotated part goes on. */
static void test_from_position(void **state)
{
	struct bytes log = make_log();
	struct bytes all[] = { log, gz(log, 2), zst(log, 2) };
	struct sum head = { 0 }, want = { 0 };
	struct position pos;
	struct follow *f;
	bool more;

	(void)state;
	assert_int_equal(follow_open(memory_file(log), LINE_MAX_, &f), 0);
	assert_int_equal(follow_read(f, 700000, add_line, &head, &more), 0);
	pos = follow_position(f);
	assert_true(pos.offset >= 700000 && more);
	assert_int_equal(follow_read(f, SIZE_MAX, add_line, &want, &more), 0);
	assert_int_equal(follow_flush(f, add_line, &want), 0);
	follow_free(&f);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sum sum = { 0 };
		struct follow_stats stats;
		int fd = memory_file(all[i]);

		assert_true(history_is(fd, &pos));
		assert_int_equal(read_all(fd, pos.offset, &sum, &stats), 0);
		assert_true(sum.lines == want.lines && sum.text == want.text &&
			    sum.places == want.places);
		log.p[10] ^= 1;		/* the same, but for one bit of the first line */
		struct bytes other = i == 2 ? zst(log, 1) : gz(log, 1);

		fd = memory_file(i ? other : log);
		assert_false(history_is(fd, &pos));
		close(fd);
		free(other.p);
		log.p[10] ^= 1;
	}
	/* Beyond the end: no lines. */
	struct sum none = { 0 };
	struct follow_stats stats;

	assert_int_equal(read_all(memory_file(all[1]), 1 << 30, &none, &stats), 0);
	assert_int_equal(none.lines, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i].p);
}

/* After each of the first lines, both readers are at the same place. */
static int at_same_place(void *arg, const struct line *l)
{
	struct history_file *h = arg;
	struct line line;

	assert_int_equal(history_next(h, &line), 1);
	assert_int_equal(line.pos.offset, l->pos.offset);
	assert_true(line.pos.fingerprint == l->pos.fingerprint);
	return 1;
}

static void test_positions(void **state)
{
	struct bytes log = make_log();
	struct history_file *h;
	struct follow *f;
	bool more;

	(void)state;
	assert_int_equal(history_open(memory_file(log), LINE_MAX_, 0, &h), 0);
	assert_int_equal(follow_open(memory_file(log), LINE_MAX_, &f), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct position a, b;

		assert_int_equal(follow_read(f, SIZE_MAX, at_same_place, h, &more), 1);
		a = follow_position(f);
		b = history_position(h);
		assert_true(a.offset == b.offset && a.fingerprint == b.fingerprint);
		assert_true(follow_is(follow_fd(f), &b));
	}
	history_close(&h);
	follow_free(&f);
	free(log.p);
}

static void test_damaged(void **state)
{
	struct bytes log = make_log();
	struct bytes whole[] = { gz(log, 1), zst(log, 1) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bytes cut = { whole[i].p, whole[i].n / 2 };
		struct sum sum = { 0 };
		struct follow_stats stats;

		/* Cut off: what came before is handed out. */
		assert_int_equal(read_all(memory_file(cut), 0, &sum, &stats), -EBADMSG);
		assert_true(sum.lines > 1000);
		/* A bit turned over, and rubbish after the end. */
		whole[i].p[whole[i].n / 3] ^= 0x40;
		memset(&sum, 0, sizeof(sum));
		read_all(memory_file(whole[i]), 0, &sum, &stats);
		whole[i].p[whole[i].n / 3] ^= 0x40;
		memset(whole[i].p + whole[i].n, 'x', 100);
		cut.n = whole[i].n + 100;
		assert_int_equal(read_all(memory_file(cut), 0, &sum, &stats), -EBADMSG);
	}
	/* Zeros after the last member are no damage: gzip(1) skips them too. */
	memset(whole[0].p + whole[0].n, 0, 1000);
	struct sum sum = { 0 };
	struct follow_stats stats;

	whole[0].n += 1000;
	assert_int_equal(read_all(memory_file(whole[0]), 0, &sum, &stats), 0);
	free(log.p);
	free(whole[0].p);
	free(whole[1].p);
}

static void test_small(void **state)
{
	static const struct { const char *text; size_t n; int r; unsigned lines; } rows[] = {
		{ "", 0, 0, 0 }, { "x", 1, 0, 1 }, { "\n", 1, 0, 1 }, { "x\r\ny\r", 5, 0, 2 },
		{ "\0\0\0", 3, 0, 0 }, { "\0\0x", 3, 0, 1 },
		{ "\x1f\x8b", 2, -EBADMSG, 0 }, { "\x28\xb5\x2f\xfd", 4, -EBADMSG, 0 },
		{ "\xfd" "7zXZ\0", 6, -ENOTSUP, 0 }, { "BZh91AY", 7, -ENOTSUP, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sum sum = { 0 };
		struct follow_stats stats;
		struct bytes b = { (char *)rows[i].text, rows[i].n };

		assert_int_equal(read_all(memory_file(b), 0, &sum, &stats), rows[i].r);
		assert_int_equal(sum.lines, rows[i].lines);
	}
}

static void test_directory(void **state)
{
	struct history_file *h;

	(void)state;
	assert_int_equal(history_open(open("/tmp", O_RDONLY), LINE_MAX_, 0, &h), -EISDIR);
}

struct pour { int fd; struct bytes b; };

static void *pour(void *arg)
{
	struct pour *p = arg;
	size_t at = 0;

	while (at < p->b.n) {
		size_t n = at < 10 ? 1 : 5000;

		n = n < p->b.n - at ? n : p->b.n - at;
		if (write(p->fd, p->b.p + at, n) < 0)
			abort();
		at += n;
	}
	close(p->fd);
	return NULL;
}

static void test_pipe(void **state)
{
	struct bytes log = make_log();
	struct bytes all[] = { log, gz(log, 1), zst(log, 1) };
	struct sum want = { 0 };
	struct follow_stats stats;

	(void)state;
	assert_int_equal(read_all(memory_file(log), 0, &want, &stats), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sum sum = { 0 };
		struct pour p = { .b = all[i] };
		pthread_t thread;
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		p.fd = fds[1];
		pthread_create(&thread, NULL, pour, &p);
		assert_int_equal(read_all(fds[0], 0, &sum, &stats), 0);
		pthread_join(thread, NULL);
		assert_true(sum.text == want.text && sum.places == want.places);
		free(all[i].p);
	}
}

/* Closing while the thread waits for a pipe or for a block to be read. */
static void test_close_early(void **state)
{
	struct bytes log = make_log(), packed = gz(log, 1);
	struct history_file *h;
	struct line l;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], packed.p, 2000), 2000);
	assert_int_equal(history_open(fds[0], LINE_MAX_, 0, &h), 0);
	assert_int_equal(history_mtime_ms(h), 0);
	history_close(&h);
	close(fds[1]);
	assert_int_equal(history_open(memory_file(packed), LINE_MAX_, 0, &h), 0);
	assert_true(history_mtime_ms(h) > 0);
	assert_int_equal(history_next(h, &l), 1);
	history_close(&h);
	history_close(&h);
	free(log.p);
	free(packed.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_from_all),
		cmocka_unit_test(test_from_position),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_close_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
