/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_MONITOR_H
#define PRIVILEGED_MONITOR_H

#include <ev.h>

#include "bailiff/clock.h"
#include "bailiff/config.h"
#include "config/databases.h"
#include "config/pack.h"
#include "privileged/beside.h"
#include "privileged/firewall/firewall.h"
#include "privileged/firewall/own.h"
#include "privileged/hand.h"
#include "privileged/logs.h"
#include "privileged/places.h"
#include "wire/channel.h"
#include "wire/engine.h"
#include "wire/peer.h"

/* One configuration as it was sealed, with what is made of it. */
struct policy {
	unsigned users;		/* references */
	int pack_fd;
	struct config *config;
	struct peers *peers;
	bool last_good;		/* in place of one that is broken */
};

enum link_state { LINK_STARTING, LINK_READY, LINK_SPEAKING, LINK_STOPPING, LINK_CLOSED };

/* One engine process, by its channel. */
struct link {
	struct monitor *m;
	struct policy *policy;
	enum link_state state;
	uint64_t generation;
	int sock, inotify, page_fd;
	struct engine_page *page;
	struct outbox *out;
	ev_io readable, writable;
	ev_timer patience;	/* for READY, for the end after STOP, and for its status */
	bool ponged;
	unsigned unanswered;		/* pings, one a minute */
	bool restored;			/* it has answered since GO: it reads */
	bool ended, blamed;	/* the runner saw its end; we wanted it */
	int status;		/* ended: as waitpid(2) tells it */
};

/* A name of `allow:` and its last good answer. */
struct allowed_name {
	const char *name;	/* the policy's */
	size_t n;
	struct addr addr[32];
};

#define POISON_MAX 64
#define NOTES_KEPT 8

/* Deaths at one entry, or, with a jail's name, in that jail's hands. */
struct poison {
	struct position pos;
	char log[64], jail[64];
	unsigned deaths;
};

/* When the last mails went, a ring. */
#define MAILS_AN_HOUR 30
#define OTHERS_AN_HOUR 20
struct monitor_mails { size_t n; struct mono v[MAILS_AN_HOUR]; };

/* cuts.c: bans whose connections are still to be closed. */
struct cuts {
	struct firewall_ban *v;
	size_t n, cap;
	ev_timer timer;
};

struct monitor {
	struct ev_loop *loop;
	const char *conf_path;		/* NULL: the default one */
	const char *const *shipped;	/* directories of shipped jails */
	struct places places;
	struct identity engine_id;
	struct policy *policy;		/* what the speaking engine runs under */
	struct link *now, *next;
	uint64_t generation;
	unsigned failures;		/* starts that failed in a row */
	struct mono last_start;
	uint64_t reload_asked;		/* the order for which `next` was started, 0: none */
	bool stopping, reload_again;	/* asked for while one was under way */
	struct message_note last_good;	/* that it is used, for every engine under it */
	int exit_status;

	int runner;			/* socket */
	pid_t runner_pid;
	struct outbox *runner_out;
	ev_io runner_readable, runner_writable;
	struct beside beside;

	struct firewall *firewall;
	struct sockets *sockets;
	struct cuts cuts;
	struct own *own;
	int64_t own_read_ms;		/* when its files were read last */
	struct hand *hand;
	struct logs *logs;
	struct programs *programs;
	uint64_t source_runs;		/* begun so far */
	struct addr *allowed;
	size_t nallowed;
	ev_periodic allow_ends;		/* the next of those by hand */
	size_t nnames;
	struct allowed_name *names;

	struct poison poison[POISON_MAX];
	size_t npoison;
	struct message_note notes[NOTES_KEPT];	/* the last ones, a ring */
	size_t nnotes;			/* ever */
	struct monitor_mails mails, others;	/* all; those that are about no account */

	struct database_mark database[DATABASES];	/* what the last engine got */
	int databases_fd;		/* inotify */
	ev_io databases_readable;
	ev_timer databases_quiet;

	ev_io firewall_readable, own_readable, logs_readable, emergency_readable;
	ev_signal term, interrupt, hangup;
	ev_timer tick, again, doubt;
};

/* engines.c: the life of engines. */
int engines_start(struct monitor *m, struct policy *p);	/* becomes m->next */
void engines_stop(struct monitor *m);	/* at shutdown; the loop ends when it is gone */
void engines_ended(struct monitor *m, uint64_t generation, int status);
void engines_ping(struct monitor *m);
bool engines_alive(const struct monitor *m);
void link_send(struct link *l, const void *p, size_t n);
void link_send_fds(struct link *l, const void *p, size_t n, const int *fds, size_t nfds);

/* notes.c: what an admin must hear of, in the log, in `status`, and (alert) by mail. */
void link_note(struct monitor *m, bool alert, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One that is not kept among the last ones: the caller holds it. */
void note_make(struct message_note *note, bool alert, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void notes_send(struct link *l);	/* to an engine that was told to go */
void notes_mailed(struct monitor *m, uint64_t id);	/* the runner answered that order */

/* cuts.c: the connections of who was banned are closed soon, unless the ban is
 * lifted before that, or now all that wait. */
void cuts_init(struct monitor *m);
void cuts_change(struct monitor *m, const struct firewall_ban *ban);
void cuts_now(struct monitor *m);	/* before the scopes change */

/* programs.c: the commands that logs are read from. */
int programs_reconf(struct monitor *m, const struct config *before);	/* NULL: none was */
void programs_tick(struct monitor *m);	/* those that rested: has something happened? */
void programs_want(struct monitor *m, const struct message_want *w);
void programs_ended(struct monitor *m, uint64_t run, int error, const char *why);

/* databases.c: what an engine is born with; another look at it when something
 * came into its directories, and now and then. */
void databases_init(struct monitor *m);	/* when there is a loop */
int databases_open(struct monitor *m, const struct config *c, int ret[DATABASES]);
void databases_look(struct monitor *m);

/* poison.c: what engines died of. */
void poison_death(struct link *l);	/* it is gone, and how it ended is known */
void poison_send(struct link *l);	/* before it is told to go */
void poison_forget_jails(struct monitor *m);	/* at a reload: they may try again */

/* orders.c: what engines ask for. -EBADMSG: nonsense, the engine is replaced. */
int orders_take(struct link *l, const void *body, size_t n, int admin_fd);
void orders_outcome(struct monitor *m, const struct outcome *o);	/* from the runner */
struct runner_listing;
void orders_listing(struct monitor *m, const struct runner_listing *l, const int *fds, size_t nfds);
void orders_reloaded(struct monitor *m, const char *why);	/* NULL: done; if it was asked for */
int orders_ask(struct link *l, const struct message_ask *q, size_t n);
/* Rebuild the allow list from configuration, names and hand; tell the kernel;
 * and again when the next of those by hand ends. */
void orders_allow(struct monitor *m);

/* emergency.c: root's own socket. */
void emergency_start(struct monitor *m);

/* root.c: the runner, which stays root. */
int root_fork(struct monitor *m, int engine_fd);	/* before root is given up */
void root_watch(struct monitor *m);	/* from when there is a loop */
/* What it has no room for yet waits, descriptors too. */
int root_send(struct monitor *m, const void *p, size_t n, const int *fds, size_t nfds);
void root_resolve(struct monitor *m);	/* the names of `allow:` */
/* It ends with the channel, after the command that it is at: seconds at most. */
void root_leave(struct monitor *m);

/* sealed.c: the configuration. `why` (102 bytes) says what is wrong. */
int policy_read(const char *path, const char *const *shipped, struct policy **ret, char why[102]);
int policy_first(struct monitor *m);	/* FILE's, or the last good one's */
void policy_keep(struct monitor *m);	/* as the last good one */
void policy_unref(struct policy **p);

/* monitor.c */
void monitor_speaks(struct monitor *m);	/* an engine guards */
int monitor_reload(struct monitor *m, char why[102]);
void monitor_watch_firewall(struct monitor *m);	/* its descriptor may be another */
void monitor_teardown(struct monitor *m);
void monitor_quit(struct monitor *m, int status);

#endif
