/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The unix sockets of a daemon: asking, and finding out why nobody answers.
 * "Not running", "not for you", "a socket that a dead daemon left" and "it
 * runs but its engine is down" call for different deeds of an admin, so each
 * gets its own sentence. bailiffd holds the control socket while its engine is
 * being replaced: a connection then succeeds and nothing comes.
 */
#include "ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ctl/text.h"

#define ANSWER_MAX (256u << 20)
#define EMERGENCY_PATIENCE_S 30

static int set_patience(int fd, unsigned patience_s)
{
	struct timeval t = { .tv_sec = patience_s };

	/* SO_SNDTIMEO also bounds connect(2) to a unix socket whose queue is full. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0)
		return -errno;
	return 0;
}

int client_open(const char *run, const char *name, unsigned patience_s, struct client *ret)
{
	/* Through the directory's descriptor, since sun_path holds 107 bytes only. */
	_cleanup_(close_fd) int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_(close_fd) int fd = -1;
	int r;

	if (dir < 0)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = set_patience(fd, patience_s);
	if (r < 0)
		return r;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s", dir, name);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	*ret = (struct client){ .fd = fd, .in = { .max = ANSWER_MAX } };
	fd = -1;
	return 0;
}

void client_close(struct client *c)
{
	close_fd(&c->fd);
	buf_free(&c->in);
}

int client_wait(struct client *c)
{
	return set_patience(c->fd, 0);
}

static int send_line(struct client *c, struct span line)
{
	struct buf out = { 0 };
	ssize_t n = 0;
	int r;

	buf_put(&out, line.p, line.n);
	buf_putc(&out, '\n');
	r = buf_error(&out);
	for (size_t at = 0; r == 0 && at < out.n; at += n > 0 ? (size_t)n : 0) {
		n = send(c->fd, out.p + at, out.n - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			r = -errno;
	}
	buf_free(&out);
	return r;
}

int client_line(struct client *c, struct span *ret)
{
	char chunk[65536], *end;
	size_t seen = 0;
	ssize_t n;

	if (c->line > 0) {
		memmove(c->in.p, c->in.p + c->line, c->in.n - c->line);
		c->in.n -= c->line;
		c->line = 0;
	}
	for (;;) {
		end = c->in.n > seen ? memchr(c->in.p + seen, '\n', c->in.n - seen) : NULL;
		if (end)
			break;
		seen = c->in.n;
		n = recv(c->fd, chunk, sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		buf_put(&c->in, chunk, (size_t)n);
		if (buf_error(&c->in))
			return buf_error(&c->in);
	}
	*ret = (struct span){ c->in.p, (size_t)(end - c->in.p) };
	c->line = ret->n + 1;
	return 0;
}

int client_object(struct client *c, json_t **ret)
{
	json_error_t error;
	struct span line;
	json_t *value;
	int r = client_line(c, &line);

	if (r < 0)
		return r;
	value = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &error);
	if (!json_is_object(value)) {
		json_decref(value);
		return -EBADMSG;
	}
	*ret = value;
	return 0;
}

int client_ask(struct client *c, struct span line, json_t **ret)
{
	int sent = send_line(c, line), r;

	/* One that was turned away before it could ask may have been told why. */
	r = client_object(c, ret);
	return r < 0 && sent < 0 ? sent : r;
}

int client_emergency(const char *run, const char *request, struct buf *ret)
{
	struct client c;
	struct span line;
	int r = client_open(run, "bailiffd.sock", EMERGENCY_PATIENCE_S, &c);

	if (r < 0)
		return r;
	r = send_line(&c, span_of(request));
	if (r == 0)
		r = client_line(&c, &line);
	if (r == 0)
		buf_put(ret, line.p, line.n);
	client_close(&c);
	return r;
}

bool client_is_down(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -EAGAIN ||
	       error == -ECONNRESET || error == -EPIPE;
}

static void say_start(const char *conf)
{
	text_complain("start it with: %s%s", conf ? "bailiffd -c " : "systemctl start bailiff",
		      conf ? conf : "");
	text_complain("bans stay in the kernel meanwhile; as root, bailiffd %s%s%s--teardown removes them all",
		      conf ? "-c " : "", conf ? conf : "", conf ? " " : "");
}

/* Is nobody listening any more? A listener that dies resets whoever waits for it. */
static bool has_ended(const char *run)
{
	struct client c;
	int r = client_open(run, "control.sock", EMERGENCY_PATIENCE_S, &c);

	if (r == 0)
		client_close(&c);
	return r == -ECONNREFUSED || r == -ENOENT;
}

/* Connected, and then nothing: does bailiffd at least live? */
static void say_silent(int error, const char *run, const char *conf)
{
	struct buf answer = { 0 };
	bool lives = geteuid() == 0 && client_emergency(run, "status", &answer) == 0;
	bool engine_down = lives && strstr(buf_cstr(&answer), "engine=down");

	if (!lives && error != -EAGAIN && has_ended(run)) {
		text_complain("no bailiffd runs: it ended before it answered, and whether it was done is not known");
		say_start(conf);
		buf_free(&answer);
		return;
	}
	if (engine_down)
		text_complain("bailiffd runs, but its engine is down; it is started again, and the journal says why it ended");
	else if (error == -EAGAIN)
		text_complain("no answer from the engine behind %s/control.sock", run);
	else
		text_complain("the engine ended the conversation before it answered");
	text_complain("whether it was done is not known; as root, unban and teardown work without the engine");
	buf_free(&answer);
}

void client_complain(int error, const char *run, const char *conf)
{
	switch (error) {
	case -ENOENT:
		text_complain("no bailiffd runs: there is no %s/control.sock", run);
		say_start(conf);
		break;
	case -ECONNREFUSED:
		text_complain("no bailiffd runs: %s/control.sock was left by one that has ended", run);
		say_start(conf);
		break;
	case -EACCES:
	case -EPERM:
		text_complain("no permission to ask at %s/control.sock: it takes root or the group bailiff-admin", run);
		break;
	case -EAGAIN:
	case -ECONNRESET:
	case -EPIPE:
		say_silent(error, run, conf);
		break;
	case -EBADMSG:
		text_complain("what answered at %s/control.sock does not speak as bailiff does", run);
		break;
	default:
		text_complain("%s/control.sock: %s", run, strerror(-error));
	}
}
