/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for bailiff-engine, as one that was taken over: it is started by
 * bailiffd with the engine's descriptors and rights, and does what a test
 * tells it over a socket (abstract, in the same network namespace). Messages
 * are whole packets; what bailiffd says is handed back as it came, behind one
 * byte: how many descriptors came with it. Told to stop it ends.
 *
 *   S BYTES       say BYTES to bailiffd, with the descriptors that came along
 *   A N BYTES     ... with our own descriptor N (one byte) along
 *   F N BYTES     say BYTES N times (four bytes), whatever comes back
 *   P BYTES       write BYTES into the page
 *   X             hear nothing more of bailiffd
 *   D             die
 */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/channel.h"
#include "wire/engine.h"

#define SOCKET_NAME "\0bailiff-hostile-engine"

static char msg[CHANNEL_MAX_BYTES + 4096];
static bool deaf;

static int meet(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET, 0), size = 1 << 20;

	memcpy(sun.sun_path, SOCKET_NAME, sizeof(SOCKET_NAME) - 1);
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (connect(sock, (void *)&sun, offsetof(struct sockaddr_un, sun_path) + sizeof(SOCKET_NAME) - 1) < 0)
		exit(3);
	return sock;
}

static ssize_t receive(int sock, char *p, size_t size, int *fds, size_t *nfds, int flags)
{
	char control[CMSG_SPACE(CHANNEL_MAX_FDS * sizeof(int))];
	struct iovec iov = { p, size };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(sock, &m, flags);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	*nfds = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (c)
		memcpy(fds, CMSG_DATA(c), *nfds * sizeof(int));
	return n;
}

/* Larger than the channel's own code would. */
static void say(const char *p, size_t n, const int *fds, size_t nfds)
{
	char control[CMSG_SPACE(CHANNEL_MAX_FDS * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)p, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (nfds > 0) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	sendmsg(ENGINE_FD_CHANNEL, &m, MSG_NOSIGNAL);
}

static void drain(void)
{
	static char spare[CHANNEL_MAX_BYTES];
	int fds[CHANNEL_MAX_FDS];
	size_t nfds;

	while (receive(ENGINE_FD_CHANNEL, spare, sizeof(spare), fds, &nfds, MSG_DONTWAIT) > 0)
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
}

static void obey(const char *p, size_t n, const int *fds, size_t nfds)
{
	uint32_t times;
	int own;

	switch (p[0]) {
	case 'S':
		say(p + 1, n - 1, fds, nfds);
		return;
	case 'A':
		own = p[1];
		say(p + 2, n - 2, &own, 1);
		return;
	case 'F':
		memcpy(&times, p + 1, sizeof(times));
		while (times-- > 0) {
			drain();
			say(p + 5, n - 5, NULL, 0);
		}
		return;
	case 'P':
		if (pwrite(ENGINE_FD_PAGE, p + 1, n - 1, 0) < 0)
			exit(4);
		return;
	case 'X':
		deaf = true;
		return;
	case 'D':
		abort();
	}
}

static bool is_stop(const char *p, size_t n)
{
	struct message_head head;

	if (n < sizeof(head))
		return false;
	memcpy(&head, p, sizeof(head));
	return head.type == MSG_STOP;
}

int main(void)
{
	int test = meet(), fds[CHANNEL_MAX_FDS], size = 1 << 20;
	struct pollfd p[] = { { .fd = test, .events = POLLIN }, { .fd = ENGINE_FD_CHANNEL, .events = POLLIN } };
	size_t nfds = 0;
	ssize_t n;

	prctl(PR_SET_NAME, "bailiff-engine");
	setsockopt(ENGINE_FD_CHANNEL, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents) {
			n = receive(test, msg, sizeof(msg), fds, &nfds, 0);
			if (n <= 0)
				return 0;
			obey(msg, (size_t)n, fds, nfds);
		} else if (p[1].revents) {
			n = receive(ENGINE_FD_CHANNEL, msg + 1, sizeof(msg) - 1, fds, &nfds, 0);
			if (n <= 0 || is_stop(msg + 1, (size_t)n))
				return 0;
			msg[0] = (char)nfds;
			send(test, msg, (size_t)n + 1, MSG_NOSIGNAL);
		}
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		p[1].fd = deaf ? -1 : ENGINE_FD_CHANNEL;
	}
	return 0;
}
