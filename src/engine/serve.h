/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_SERVE_H
#define ENGINE_SERVE_H

/*
 * The engine as bailiffd runs it. serve.c is the loop and what bailiffd says;
 * sources.c reads, act.c turns verdicts into orders and orders into outcomes,
 * incidents.c keeps account incidents until their mail is out, state.c saves
 * and restores, control.c and requests.c answer the command line.
 */

#include <ev.h>
#include <jansson.h>

#include "engine/bans.h"
#include "engine/control.h"
#include "engine/core.h"
#include "engine/locate.h"
#include "engine/record/store.h"
#include "wire/channel.h"
#include "wire/engine.h"
#include "wire/peer.h"

struct sources;
struct incidents;
struct queue_request;
struct running;

/* What an order's outcome is told to, once; frees itself. */
typedef void outcome_fn(void *arg, const struct outcome *o);

struct waiting_order {
	struct waiting_order *next;
	uint64_t id;
	outcome_fn *fn;
	void *arg;
};

struct waiting_answer {
	struct waiting_answer *next;
	uint64_t ticket;
	void (*fn)(void *arg, const struct message_answer *a);
	void *arg;
};

struct serve {
	struct ev_loop *loop;
	struct config *config;
	struct core *core;
	struct located located;			/* databases of addresses */
	struct peers *peers;
	struct prefix_parser **parsers;		/* one a log */
	struct complaints complaints;		/* for status */
	char host[64];

	bool speaking, stopping;
	struct wall started;
	struct outbox *out;			/* to bailiffd */
	ev_io readable, writable;
	struct engine_page *page;
	size_t npoison;
	struct message_poison poison[64];

	struct sources *sources;
	struct store *store;
	ev_io store_readable;
	struct bans *bans;
	struct incidents *incidents;
	struct plan *plans;			/* whose steps are under way */
	struct running *runs;			/* runs.c: commands that are */
	struct control *control;
	struct waiting_order *orders[1024];	/* by id */
	struct waiting_answer *answers;
	struct queue_request *queue_requests;	/* wait for listings */
	uint64_t ticket;

	bool *refused;				/* per jail: pattern or test */
	bool *poisoned;				/* per jail: killed engines */
	bool *absent;				/* per jail: its service is not here */
	uint64_t shadowed;			/* orders not sent for the pause */

	/* a frame of orders on its way */
	size_t frame_n;
	bool hurried;				/* one left at once since the loop last waited */
	bool unanswered;			/* no outcome came since orders left */
	_Alignas(16) char frame[CHANNEL_MAX_BYTES];
	ev_prepare flush;

	/* snapshots */
	ev_timer snapshot_timer;
	bool snapshot_running, snapshot_again, changed, stop_after_snapshot;
	struct buf flow_section;		/* flow_state.c */
	int64_t flow_saved_ms;			/* monotonic */
	void (*flow_saved)(struct serve *s);
	struct buf section[16];
	ev_timer digest_timer;
	int64_t troubles_from_ms;		/* monotonic: when they are told again */
	struct message_note notes[8];		/* the last ones, for status */
	size_t nnotes;
};

/* serve.c */
int serve_main(void);
/* Queue one order; fd of the admin who wants it, or -1. */
void serve_order(struct serve *s, const struct order_head *o, int admin_fd);
/* The same, and the first since the loop last waited does not wait for more, but for its answer. */
void serve_order_at_once(struct serve *s, const struct order_head *o);
/* serve_order(), and tell its outcome. */
void serve_order_told(struct serve *s, const struct order_head *o, int admin_fd,
		      outcome_fn *fn, void *arg);
bool serve_flush(struct serve *s);	/* true: there were orders to send */
/* For `status` and `watch`; an alert is mailed, too, under its own id at most once. */
void serve_note(struct serve *s, const struct message_note *n);
void serve_ask(struct serve *s, uint16_t kind, const struct addr *a, uint16_t scope,
	       void (*fn)(void *, const struct message_answer *), void *arg);
void serve_send(struct serve *s, const void *p, size_t n);

/* requests_queue.c: a queue's listing came; fd is taken. */
void queue_listing(struct serve *s, const struct message_listing *m, int fd);

/* sources.c */
int sources_new(struct serve *s, struct sources **ret);	/* before the sandbox */
void sources_free(struct sources **r);
void sources_add(struct sources *r, const struct message_source *m, const int *fds, size_t nfds);
void sources_found(struct sources *r, const struct message_find *m, const int *fds, size_t nfds);
void sources_start(struct sources *r, bool fresh);	/* positions are restored */
void sources_stop(struct sources *r);
void sources_save(const struct sources *r, struct buf *out);
int sources_restore(struct sources *r, struct reader *in);
json_t *sources_json(const struct sources *r);

/* commands.c */
void commands_want(struct serve *s);	/* tell bailiffd which commands jails read, if that changed */
void commands_ran(struct sources *r, const struct message_ran *m);

/* state.c */
int state_restore(struct serve *s, bool *ret_fresh);
void state_changed(struct serve *s);	/* arms the snapshot timer */
/* The account was shut out, or let in again: known over a crash, too. */
void state_contained(struct serve *s, const char *user, bool is);
/* It was stolen and is its owner's again, or it was not: limits are lower for a while, or not. */
void state_probation(struct serve *s, const char *user, bool stolen);
void state_snapshot(struct serve *s);	/* now; at a stop the engine ends after it */

/* act.c */
void act_verdict(void *arg, const struct core_verdict *v);
void act_outcome(struct serve *s, const struct outcome *o);
int act_restore(struct serve *s);	/* bans of the ledger: again */
uint64_t act_order_id(const struct core_verdict *v, unsigned action);
enum jail_mode act_mode(const struct serve *s, uint16_t jail);
/* One event for `watch`, from printf-like JSON made by jansson's pack format. */
void act_event(struct serve *s, json_t *take_event);

/* incidents.c */
int incidents_new(struct serve *s, struct incidents **ret);
void incidents_free(struct incidents **i);
/*
 * An account verdict: the steps wait for the ledger, the mail for the steps.
 * Opened before the verdict is recorded, started after.
 */
void incidents_open(struct incidents *i, uint64_t id, const struct core_verdict *v,
		    const char *user, const char *propose_why);
void incidents_start(struct incidents *i);
int incidents_restore(struct incidents *i);	/* what a crash left open; before store_start() */
void incidents_resume(struct incidents *i);	/* ... goes on */
/* A mail to the admin under this order's id; `about` NULL: no account's. */
struct mail_about { uint64_t incident; const char *user; };
void incidents_mail(struct serve *s, uint64_t order_id, bool alert, const struct mail_about *about,
		    const char *subject, const char *body, outcome_fn *fn, void *arg);

#endif
