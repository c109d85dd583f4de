/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_LOGS_H
#define PRIVILEGED_LOGS_H

#include "bailiff/config.h"
#include "wire/engine.h"

/*
 * Opens what the engine reads: regular files by their globs, journal files
 * by directory. Watches the directories for what appears later. Never reads
 * a byte of a log.
 */
struct logs;

/* Hands one source over; fds are closed by logs afterwards. -errno stops. */
typedef int logs_send_fn(void *arg, const struct message_source *m,
			 const int *fds, size_t nfds);

/*
 * Decide for each log between files, journal (`prefer`, and what is there),
 * and begin to watch. `inotify_fd` is the engine's: watches for content are
 * added there.
 */
int logs_new(const struct config *c, logs_send_fn *send, void *arg, struct logs **ret);
void logs_free(struct logs **l);

/* A new engine, with its own inotify: everything is sent (again). */
int logs_send_all(struct logs *l, int engine_inotify);
/* That engine is gone, and its inotify with it: nothing is sent until the next. */
void logs_detach(struct logs *l);
int logs_fd(const struct logs *l);	/* readable: logs_event() */
/* Directory events: send what is new. */
int logs_event(struct logs *l);
/* The same without an event: the safety net, once a minute. */
int logs_rescan(struct logs *l);

/*
 * Candidates for the rotated parts of a source, oldest first: regular files
 * beside `path` whose names say that they are (mail.log.1, mail.log-DATE.gz,
 * mail-DATE.log); of more than LOGS_FOUND_MAX the newest. -EPERM: `path` is
 * none that the configuration names. *ret_n fds, the caller's.
 */
#define LOGS_FOUND_MAX 32
int logs_find(struct logs *l, uint16_t log, const char *path,
	      int fds[LOGS_FOUND_MAX], size_t *ret_n);

#endif
