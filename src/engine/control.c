/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: connections, lines and peers. What a request means is
 * requests.c's. Clients are few and slow to be trusted: 64 at a time, 64 KB a
 * request, and one that does not read its answers is dropped at 4 MB.
 */
#include "engine/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "engine/requests.h"
#include "engine/serve.h"

#define CLIENTS_MAX 64
#define REQUEST_MAX 65536
#define ANSWERS_MAX (64u << 20)

struct client {
	struct control *control;
	struct client *next;
	int sock;
	unsigned users;		/* requests under way keep it */
	bool gone, watches;
	bool ending;		/* what is still to be said goes out, then the end */
	uid_t uid;
	enum operator_right right;
	struct buf in, out;
	size_t sent;
	ev_io readable, writable;
};

struct control {
	struct serve *s;
	struct ev_loop *loop;
	int fd;
	size_t n;
	struct client *first;
	ev_io accept;
};

static void client_unref(struct client *c)
{
	struct client **p = &c->control->first;

	if (c->users > 0 || !c->gone)
		return;
	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	c->control->n--;
	close(c->sock);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static void drop(struct client *c)
{
	ev_io_stop(c->control->loop, &c->readable);
	ev_io_stop(c->control->loop, &c->writable);
	c->gone = true;
	client_unref(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	struct client *c = w->data;
	ssize_t n = send(c->sock, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)events;
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(c);
		return;
	}
	c->sent += (size_t)n;
	if (c->sent == c->out.n) {
		buf_clear(&c->out);
		c->sent = 0;
		ev_io_stop(loop, w);
		if (c->ending)
			drop(c);
	}
}

static void put_line(struct client *c, const char *json)
{
	if (c->gone)
		return;
	buf_puts(&c->out, json);
	buf_putc(&c->out, '\n');
	if (buf_error(&c->out)) {
		drop(c);
		return;
	}
	ev_io_start(c->control->loop, &c->writable);
}

void client_answer(struct client *c, json_t *take_answer)
{
	char *text = json_dumps(take_answer, JSON_COMPACT | JSON_REAL_PRECISION(15));

	put_line(c, text ? text : "{\"ok\":false,\"error\":\"out of memory\",\"status\":1}");
	free(text);
	json_decref(take_answer);
	c->users--;
	client_unref(c);
}

int client_sock(const struct client *c)
{
	return c->sock;
}

uid_t client_uid(const struct client *c)
{
	return c->uid;
}

enum operator_right client_right(const struct client *c)
{
	return c->right;
}

void client_watch(struct client *c)
{
	c->watches = true;
}

static void on_client(struct ev_loop *loop, ev_io *w, int events)
{
	struct client *c = w->data;
	char block[16384];
	ssize_t n = recv(c->sock, block, sizeof(block), MSG_DONTWAIT);
	char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	buf_put(&c->in, block, (size_t)n);
	if (buf_error(&c->in)) {
		c->users++;
		c->ending = true;
		ev_io_stop(loop, w);
		client_answer(c, json_pack("{s:b,s:s,s:i}", "ok", 0, "error", "request over 64 KB", "status", 2));
		return;
	}
	c->users++;	/* a request may end the client */
	while (!c->gone && (end = memchr(c->in.p, '\n', c->in.n))) {
		size_t len = (size_t)(end - c->in.p);

		c->users++;
		request_take(c->control->s, c, c->in.p, len);
		c->in.n -= len + 1;
		memmove(c->in.p, c->in.p + len + 1, c->in.n);
	}
	c->users--;
	client_unref(c);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct control *k = w->data;
	struct client *c;
	int sock = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC);
	static const char no[] = "{\"ok\":false,\"error\":\"permission denied: root, an operator, "
				 "or a member of bailiff-admin may ask\",\"status\":1}\n";
	static const char busy[] = "{\"ok\":false,\"error\":\"too many connections\",\"status\":1}\n";

	(void)events;
	if (sock < 0)
		return;
	c = k->n < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		send(sock, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(sock);
		return;
	}
	if (!peers_check(k->s->peers, sock, &c->right, &c->uid)) {
		send(sock, no, sizeof(no) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		shutdown(sock, SHUT_RDWR);
		close(sock);
		free(c);
		return;
	}
	c->control = k;
	c->sock = sock;
	c->in.max = REQUEST_MAX;
	c->out.max = ANSWERS_MAX;
	c->next = k->first;
	k->first = c;
	k->n++;
	ev_io_init(&c->readable, on_client, sock, EV_READ);
	ev_io_init(&c->writable, on_writable, sock, EV_WRITE);
	c->readable.data = c->writable.data = c;
	ev_io_start(loop, &c->readable);
}

int control_new(struct serve *s, struct ev_loop *loop, int listen_fd, struct control **ret)
{
	struct control *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->s = s;
	k->loop = loop;
	k->fd = listen_fd;
	ev_io_init(&k->accept, on_accept, listen_fd, EV_READ);
	k->accept.data = k;
	ev_io_start(loop, &k->accept);
	*ret = k;
	return 0;
}

/* Those who wait for an answer get what is written, and then an end. */
void control_free(struct control **kp)
{
	struct control *k = *kp;
	struct client *next;

	if (!k)
		return;
	ev_io_stop(k->loop, &k->accept);
	for (struct client *c = k->first; c; c = next) {
		next = c->next;
		if (c->out.n > c->sent)
			on_writable(k->loop, &c->writable, EV_WRITE);
	}
	while (k->first) {
		k->first->users = 0;
		drop(k->first);
	}
	free(k);
	*kp = NULL;
}

bool control_watched(const struct control *k)
{
	for (const struct client *c = k->first; c; c = c->next)
		if (c->watches)
			return true;
	return false;
}

void control_event(struct control *k, const char *json)
{
	struct client *next;

	for (struct client *c = k->first; c; c = next) {
		next = c->next;
		if (c->watches)
			put_line(c, json);
	}
}
