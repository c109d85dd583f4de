/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WIRE_CHANNEL_H
#define WIRE_CHANNEL_H

/*
 * Whole messages, with descriptors, over a SOCK_SEQPACKET pair: boundaries
 * are kept, and the peer's death is an end of file (unix(7)).
 */

#include <stdbool.h>
#include <stddef.h>

#define CHANNEL_MAX_FDS 64
#define CHANNEL_MAX_BYTES 131072

/* A close-on-exec pair with send buffers that take CHANNEL_MAX_BYTES. -errno. */
int channel_pair(int ret[2]);

/*
 * Send one message. Descriptors are duplicated to the peer, the caller keeps
 * its own. -EAGAIN: the peer is slow (only on a non-blocking socket);
 * -EPIPE: the peer is gone; -EMSGSIZE.
 */
int channel_send(int sock, const void *p, size_t n, const int *fds, size_t nfds);

/*
 * Receive one message into p (of `size` bytes). Descriptors that came with it
 * are the caller's to close, close-on-exec.
 * 0: *ret_n bytes; -EAGAIN: none there; -EPIPE: the peer is gone;
 * -EMSGSIZE: it did not fit, its descriptors were closed.
 */
int channel_recv(int sock, void *p, size_t size, size_t *ret_n,
		 int fds[CHANNEL_MAX_FDS], size_t *ret_nfds);

/*
 * A queue in front of a non-blocking socket: what the peer has no room for
 * yet waits here, in order.
 */
struct outbox;
int outbox_new(int sock, struct outbox **ret);
void outbox_free(struct outbox **o);

/*
 * Queue one message and send what goes. Descriptors are duplicated, the caller
 * keeps its own. -EPIPE; -ENOBUFS: over 64 MB or 1024 descriptors wait.
 */
int outbox_send(struct outbox *o, const void *p, size_t n);
int outbox_send_fds(struct outbox *o, const void *p, size_t n, const int *fds, size_t nfds);
int outbox_flush(struct outbox *o);	/* call when the socket is writable */
bool outbox_waiting(const struct outbox *o);

#endif
