/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole messages with descriptors between two ends, and one that is slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/channel.h"

static int ends[2];
static char big[CHANNEL_MAX_BYTES];

static int open_ends(void **state)
{
	(void)state;
	return channel_pair(ends);
}

static int close_ends(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static void boundaries(void **state)
{
	static const size_t sizes[] = { 1, 7, 4096, CHANNEL_MAX_BYTES };
	int fds[CHANNEL_MAX_FDS];
	size_t n, nfds;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(big, 'a' + (int)i, sizes[i]);
		assert_int_equal(channel_send(ends[0], big, sizes[i], NULL, 0), 0);
		assert_int_equal(channel_send(ends[0], "next", 4, NULL, 0), 0);
		memset(big, 0, sizeof(big));
		assert_int_equal(channel_recv(ends[1], big, sizeof(big), &n, fds, &nfds), 0);
		assert_int_equal(n, sizes[i]);
		assert_int_equal(nfds, 0);
		assert_true(big[0] == 'a' + (int)i && big[n - 1] == big[0]);
		assert_int_equal(channel_recv(ends[1], big, sizeof(big), &n, fds, &nfds), 0);
		assert_int_equal(n, 4);
	}
	assert_int_equal(channel_recv(ends[1], big, sizeof(big), &n, fds, &nfds), -EAGAIN);
}

static void refused(void **state)
{
	int fds[CHANNEL_MAX_FDS + 1] = { 0 };

	(void)state;
	assert_int_equal(channel_send(ends[0], big, 0, NULL, 0), -EMSGSIZE);
	assert_int_equal(channel_send(ends[0], big, sizeof(big) + 1, NULL, 0), -EMSGSIZE);
	assert_int_equal(channel_send(ends[0], big, 1, fds, CHANNEL_MAX_FDS + 1), -EMSGSIZE);
	fds[0] = 9999;
	assert_int_equal(channel_send(ends[0], big, 1, fds, 1), -EBADF);
}

static void descriptors(void **state)
{
	int sent[CHANNEL_MAX_FDS], got[CHANNEL_MAX_FDS], p[2];
	unsigned before;
	size_t n, nfds;
	char text[8] = "";

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	before = count_fds();
	for (size_t i = 0; i < CHANNEL_MAX_FDS; i++)
		sent[i] = p[1];
	assert_int_equal(channel_send(ends[0], "x", 1, sent, CHANNEL_MAX_FDS), 0);
	assert_int_equal(channel_recv(ends[1], big, sizeof(big), &n, got, &nfds), 0);
	assert_int_equal(nfds, CHANNEL_MAX_FDS);
	for (size_t i = 0; i < nfds; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(write(got[i], "y", 1), 1);
		close(got[i]);
	}
	assert_int_equal(read(p[0], text, 1), 1);
	assert_int_equal(count_fds(), before);
	close(p[0]);
	close(p[1]);
}

/* Nothing of a message that was cut is kept, its descriptors least of all. */
static void too_long(void **state)
{
	unsigned before = count_fds();
	int fds[CHANNEL_MAX_FDS];
	size_t n = 77, nfds = 77;

	(void)state;
	assert_int_equal(channel_send(ends[0], "12345", 5, (int[]){ 0, 1 }, 2), 0);
	assert_int_equal(channel_recv(ends[1], big, 4, &n, fds, &nfds), -EMSGSIZE);
	assert_int_equal(count_fds(), before);
	assert_int_equal(n, 77);
	assert_int_equal(nfds, 77);
}

static void peer_gone(void **state)
{
	int pair[2], fds[CHANNEL_MAX_FDS];
	size_t n, nfds;

	(void)state;
	assert_int_equal(channel_pair(pair), 0);
	assert_int_equal(channel_send(pair[0], "last", 4, NULL, 0), 0);
	close(pair[0]);
	assert_int_equal(channel_recv(pair[1], big, sizeof(big), &n, fds, &nfds), 0);
	assert_int_equal(n, 4);
	assert_int_equal(channel_recv(pair[1], big, sizeof(big), &n, fds, &nfds), -EPIPE);
	assert_int_equal(channel_send(pair[1], "x", 1, NULL, 0), -EPIPE);
	close(pair[1]);
	/* What the other end never read is lost, and that is an end, too. */
	assert_int_equal(channel_pair(pair), 0);
	assert_int_equal(channel_send(pair[0], "unread", 6, NULL, 0), 0);
	close(pair[1]);
	assert_int_equal(channel_send(pair[0], "x", 1, NULL, 0), -EPIPE);
	close(pair[0]);
}

/* Both are close-on-exec, and take a whole message at once. */
static void pair(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
		nonblocking(ends[i]);
		assert_int_equal(channel_send(ends[i], big, sizeof(big), NULL, 0), 0);
	}
}

static uint32_t receive_number(size_t want)
{
	int fds[CHANNEL_MAX_FDS];
	size_t n, nfds;
	uint32_t v;

	assert_int_equal(channel_recv(ends[1], big, sizeof(big), &n, fds, &nfds), 0);
	assert_int_equal(n, want);
	memcpy(&v, big, sizeof(v));
	return v;
}

static void outbox_in_order(void **state)
{
	static char message[5000];
	struct outbox *o;
	uint32_t sent = 0, got = 0;

	(void)state;
	nonblocking(ends[0]);
	assert_int_equal(outbox_new(ends[0], &o), 0);
	assert_false(outbox_waiting(o));
	for (; sent < 1000; sent++) {
		memcpy(message, &sent, sizeof(sent));
		assert_int_equal(outbox_send(o, message, sizeof(message)), 0);
	}
	assert_true(outbox_waiting(o));
	while (got < sent / 2) {
		assert_int_equal(receive_number(sizeof(message)), got);
		got++;
		assert_int_equal(outbox_flush(o), 0);
	}
	/* What is said now comes after what waits. */
	memcpy(message, &sent, sizeof(sent));
	assert_int_equal(outbox_send(o, message, sizeof(message)), 0);
	sent++;
	for (; got < sent; got++) {
		assert_int_equal(receive_number(sizeof(message)), got);
		assert_int_equal(outbox_flush(o), 0);
	}
	assert_false(outbox_waiting(o));
	outbox_free(&o);
	assert_null(o);
	outbox_free(&o);
}

static void outbox_of_descriptors(void **state)
{
	int ours[2], fds[CHANNEL_MAX_FDS];
	unsigned before = count_fds();
	struct outbox *o;
	size_t n, nfds, sent = 0, got = 0;
	int r;

	(void)state;
	nonblocking(ends[0]);
	nonblocking(ends[1]);
	assert_int_equal(outbox_new(ends[0], &o), 0);
	assert_int_equal(pipe(ours), 0);
	while ((r = outbox_send_fds(o, big, 4096, ours, 2)) == 0)
		sent++;
	assert_int_equal(r, -ENOBUFS);
	close(ours[0]);
	close(ours[1]);
	while (channel_recv(ends[1], big, sizeof(big), &n, fds, &nfds) == 0) {
		assert_int_equal(n, 4096);
		assert_int_equal(nfds, 2);
		got++;
		while (nfds-- > 0)
			assert_int_equal(close(fds[nfds]), 0);
		if (got == sent / 2)
			break;
		assert_int_equal(outbox_flush(o), 0);
	}
	assert_int_equal(got, sent / 2);
	/* What still waits is closed with the queue. */
	assert_true(outbox_waiting(o));
	outbox_free(&o);
	while (channel_recv(ends[1], big, sizeof(big), &n, fds, &nfds) == 0)
		while (nfds-- > 0)
			close(fds[nfds]);
	assert_int_equal(count_fds(), before);
}

static void outbox_bounded(void **state)
{
	struct outbox *o;
	size_t n = 0;
	int r;

	(void)state;
	nonblocking(ends[0]);
	assert_int_equal(outbox_new(ends[0], &o), 0);
	while ((r = outbox_send(o, big, sizeof(big))) == 0)
		n++;
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(n, (64u << 20) / sizeof(big), (64u << 20) / sizeof(big) + 16);
	outbox_free(&o);
}

static void outbox_peer_gone(void **state)
{
	struct outbox *o;
	int pair[2];

	(void)state;
	assert_int_equal(channel_pair(pair), 0);
	nonblocking(pair[0]);
	assert_int_equal(outbox_new(pair[0], &o), 0);
	while (!outbox_waiting(o))
		assert_int_equal(outbox_send(o, big, sizeof(big)), 0);
	close(pair[1]);
	assert_int_equal(outbox_flush(o), -EPIPE);
	assert_int_equal(outbox_send(o, "x", 1), -EPIPE);
	close(pair[0]);
	outbox_free(&o);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_ends, close_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(boundaries), TEST(refused), TEST(descriptors), TEST(too_long), TEST(peer_gone),
		TEST(pair), TEST(outbox_in_order), TEST(outbox_of_descriptors),
		TEST(outbox_bounded), TEST(outbox_peer_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
