/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_REQUESTS_H
#define ENGINE_REQUESTS_H

#include <jansson.h>
#include <sys/types.h>

#include "bailiff/config.h"
#include "bailiff/order.h"

/* What the command line asks for; the protocol is told in control.h. */
struct serve;
struct client;

/* control.c: one connection. */
void client_answer(struct client *c, json_t *take_answer);	/* ends the request */
int client_sock(const struct client *c);
uid_t client_uid(const struct client *c);
enum operator_right client_right(const struct client *c);
void client_watch(struct client *c);

/* One request: it will end in one client_answer(). */
void request_take(struct serve *s, struct client *c, const char *text, size_t n);

/* One request under way, freed by its answer. */
struct request {
	struct serve *s;
	struct client *c;
	json_t *args;
	json_t *answer;		/* being made */
	unsigned waits;		/* outcomes or answers to come */
	uint64_t id;		/* its own: order and deed */
	bool done;
	json_t *incident;	/* undo: what is taken back when its accounts are; NULL */
};

void request_end(struct request *q);	/* answers with q->answer */
void request_fail(struct request *q, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void request_no_jail(struct request *q, const char *name);	/* fails, and names the nearest */
const char *request_text(const struct request *q, const char *key);	/* NULL: none */
void request_by(const struct request *q, char buf[32]);		/* "uid 0" */
/* {"do","target","status","text"} onto q->answer's "steps". */
void request_step(struct request *q, const char *what, const char *target,
		  const struct outcome *o);

void request_skip(struct request *q);	/* the last step is `skipped` */

/* requests_account.c: what is asked of one account. */
bool request_user(struct request *q, char name[ORDER_NAME_MAX]);	/* canonical; false: it has failed */
/* A deed by hand is an incident of its own: q->id. false: it has failed. */
bool request_by_hand(struct request *q, const char *what, char user[ORDER_NAME_MAX]);
void request_finish(struct request *q);	/* one of q->waits is over; with the last it ends */

/* The commands: each gets a request with its arguments and ends it, at once or later. */
typedef void request_fn(struct request *q);
request_fn request_status, request_bans, request_locks, request_incidents, request_show,
	   request_why, request_watch;				/* requests_tell.c */
request_fn request_top, request_trace;			/* requests_flow.c */
request_fn request_ban, request_unban, request_allow, request_disallow,
	   request_jail, request_pause, request_reload, request_teardown;	/* requests_do.c */
request_fn request_lock, request_unlock, request_protect,
	   request_undo, request_resolve;			/* requests_account.c */
request_fn request_contain;				/* requests_contain.c */
request_fn request_queue;					/* requests_queue.c */

#endif
