/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the processes speak: one message a sendmsg(2), descriptors beside it.
 * Nothing here knows what a message means; the receiver checks every byte.
 */
#include "wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int channel_pair(int ret[2])
{
	int size = 4 * CHANNEL_MAX_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(ret[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			setsockopt(ret[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(CHANNEL_MAX_FDS * sizeof(int))];
};

int channel_send(int sock, const void *p, size_t n, const int *fds, size_t nfds)
{
	union control control;
	struct iovec iov = { (void *)p, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t done;

	if (nfds > CHANNEL_MAX_FDS || n > CHANNEL_MAX_BYTES || n == 0)
		return -EMSGSIZE;
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		control.head = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(nfds * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.head), fds, nfds * sizeof(int));
	}
	do
		done = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	if (done >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static void take_fds(struct msghdr *m, int fds[CHANNEL_MAX_FDS], size_t *ret_n)
{
	*ret_n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*ret_n < CHANNEL_MAX_FDS)
				fds[(*ret_n)++] = fd;
			else
				close(fd);
		}
	}
}

int channel_recv(int sock, void *p, size_t size, size_t *ret_n,
		 int fds[CHANNEL_MAX_FDS], size_t *ret_nfds)
{
	union control control;
	struct iovec iov = { p, size };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control),
	};
	size_t nfds;
	ssize_t n;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&m, fds, &nfds);
	if (n == 0 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return n == 0 ? -EPIPE : -EMSGSIZE;
	}
	*ret_n = (size_t)n;
	*ret_nfds = nfds;
	return 0;
}

#define OUTBOX_MAX (64u << 20)
#define OUTBOX_MAX_FDS 1024

struct waiting {
	struct waiting *next;
	size_t n, nfds;
	int *fds;		/* behind the bytes */
	char p[];
};

struct outbox {
	int sock;
	struct waiting *first, **last;
	size_t bytes, nfds;
};

int outbox_new(int sock, struct outbox **ret)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->sock = sock;
	o->last = &o->first;
	*ret = o;
	return 0;
}

static void waiting_free(struct waiting *w)
{
	for (size_t i = 0; i < w->nfds; i++)
		close(w->fds[i]);
	free(w);
}

void outbox_free(struct outbox **o)
{
	if (!*o)
		return;
	for (struct waiting *w = (*o)->first, *next; w; w = next) {
		next = w->next;
		waiting_free(w);
	}
	free(*o);
	*o = NULL;
}

int outbox_flush(struct outbox *o)
{
	while (o->first) {
		struct waiting *w = o->first;
		int r = channel_send(o->sock, w->p, w->n, w->fds, w->nfds);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		o->first = w->next;
		if (!o->first)
			o->last = &o->first;
		o->bytes -= w->n;
		o->nfds -= w->nfds;
		waiting_free(w);
	}
	return 0;
}

static int waiting_new(const void *p, size_t n, const int *fds, size_t nfds, struct waiting **ret)
{
	size_t at = (n + sizeof(int) - 1) / sizeof(int) * sizeof(int);
	struct waiting *w = malloc(sizeof(*w) + at + nfds * sizeof(int));

	if (!w)
		return -ENOMEM;
	*w = (struct waiting){ .n = n, .fds = (int *)(w->p + at) };
	memcpy(w->p, p, n);
	for (; w->nfds < nfds; w->nfds++) {
		w->fds[w->nfds] = fcntl(fds[w->nfds], F_DUPFD_CLOEXEC, 0);
		if (w->fds[w->nfds] < 0) {
			int e = -errno;

			waiting_free(w);
			return e;
		}
	}
	*ret = w;
	return 0;
}

int outbox_send_fds(struct outbox *o, const void *p, size_t n, const int *fds, size_t nfds)
{
	struct waiting *w = NULL;
	int r;

	if (!o->first) {
		r = channel_send(o->sock, p, n, fds, nfds);
		if (r != -EAGAIN)
			return r;
	}
	if (o->bytes + n > OUTBOX_MAX || o->nfds + nfds > OUTBOX_MAX_FDS)
		return -ENOBUFS;
	r = waiting_new(p, n, fds, nfds, &w);
	if (r < 0)
		return r;
	*o->last = w;
	o->last = &w->next;
	o->bytes += n;
	o->nfds += nfds;
	return outbox_flush(o);
}

int outbox_send(struct outbox *o, const void *p, size_t n)
{
	return outbox_send_fds(o, p, n, NULL, 0);
}

bool outbox_waiting(const struct outbox *o)
{
	return o->first != NULL;
}
