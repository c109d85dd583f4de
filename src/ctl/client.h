/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

/* One conversation with a daemon, line by line. */
struct client {
	int fd;
	struct buf in;
	size_t line;	/* bytes of the line last given */
};

/*
 * Connect to a socket in the directory `run`. Each wait (for a place in the
 * queue, for bytes) ends after `patience_s`; 0: never.
 * -ENOENT no socket there, -ECONNREFUSED nobody behind it, -EACCES not for us,
 * -EAGAIN its queue stays full
 */
int client_open(const char *run, const char *name, unsigned patience_s, struct client *ret);
void client_close(struct client *c);
/* From now on wait without end. */
int client_wait(struct client *c);

/*
 * The next line without its newline; lives until the next call.
 * -EAGAIN silence, -ECONNRESET it went away, -E2BIG over 256 MB
 */
int client_line(struct client *c, struct span *ret);
/* The next line as an object; -EBADMSG: it is none. The caller owns *ret. */
int client_object(struct client *c, json_t **ret);
/* Send one line, read one object; -EPIPE, too, when it went away. */
int client_ask(struct client *c, struct span line, json_t **ret);

/* One line out, one line in, over the socket that only root may use. */
int client_emergency(const char *run, const char *request, struct buf *ret);

/* Nobody is there who could do it, as opposed to "no" or "not you". */
bool client_is_down(int error);

/*
 * Say on standard error why asking failed, and what can be done: `run` and
 * `conf` (-c FILE or NULL) go into the commands that are named.
 */
void client_complain(int error, const char *run, const char *conf);

#endif
