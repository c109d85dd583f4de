/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_JOB_H
#define PRIVILEGED_RUNNER_JOB_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bailiff/config.h"
#include "bailiff/order.h"
#include "privileged/runner/account.h"
#include "privileged/runner/command.h"
#include "privileged/runner/logbook.h"
#include "privileged/runner/runner.h"
#include "privileged/runner/template.h"
#include "wire/channel.h"
#include "wire/runner.h"

/* Each class has slots of its own: a hanging DNS server delays no lock. */
enum job_class { CLASS_ACCOUNT, CLASS_QUEUE, CLASS_RUN, CLASS_MAIL, CLASS_LOOKUP, JOB_CLASSES };

#define ENGINES_MAX 4

struct source_run;

struct postfix;

struct engine {
	struct runner *r;
	uint64_t generation;
	pid_t pid;			/* 0: this place is free */
	ev_child child;
};

/* Orders of a type that jails give: what they have used up of their hour. */
struct order_rate {
	int64_t used_ms;		/* the monotonic time at which nothing of it is used */
	uint64_t refused;		/* since the last one that was not */
};

struct runner {
	const struct runner_start *start;
	struct ev_loop *loop;
	struct config *config;
	struct logbook *journal;
	struct outbox *outbox;
	struct job *jobs;		/* in the order they came */
	unsigned running[JOB_CLASSES], waiting[JOB_CLASSES];
	uint64_t nonsense;		/* messages that were none */
	struct order_rate rates[ORDER_TYPES];	/* policy.c */
	struct engine engines[ENGINES_MAX];
	struct postfix *listed;		/* the queues as they were last seen, while orders wait; hold.c */
	struct source_run *sources;	/* commands of logs that run */
};

/*
 * One message on its way to its outcome: waits for a slot and for the jobs
 * before it that have the same key, begins, runs its commands one after the
 * other and ends with job_end().
 */
struct job {
	struct job *next;
	struct runner *r;
	const struct job_kind *kind;
	uint64_t key;			/* 0: waits for nobody */
	bool running;
	bool again;			/* a crash had left it open: `entry` is of then */
	bool journaled;
	struct logbook_entry entry;
	char **argv;			/* ORDER_RUN: expanded when it came */
	struct account_goal goal;
	unsigned tried;			/* enum account_step */
	uint64_t target;		/* undo: the order that is taken back */
	char why[TEMPLATE_WHY_MAX];	/* the last thing that went wrong */
	void *work;			/* of deny.c, kick.c, hold.c, look.c */
	void (*work_free)(void **work);
	void (*step)(struct job *j, const struct command_result *r);
	union {
		struct order_head head;
		struct order_account account;
		struct order_hold hold;
		struct order_run run;
		struct order_mail mail;
		struct runner_resolve resolve;
	} *order;			/* as long as its type says, checked */
};

/*
 * How an order of a type is handled. accept: at once, with the configuration
 * it was made for: 0, or an outcome_status with `why`. begin: in its turn;
 * must end the job, or start a command whose step does.
 */
struct job_kind {
	uint16_t type;
	enum job_class class;
	int (*accept)(struct job *j, char *why);
	void (*begin)(struct job *j);
};

int job_accept_step(struct job *j, char *why);	/* lock.c: all that touches an account */
int job_accept_name(struct job *j, char *why);
int job_accept_undo(struct job *j, char *why);
void job_lock(struct job *j);
void job_unlock(struct job *j);
void job_undo(struct job *j);
void job_protect(struct job *j);
/* The work of `e` is taken back, `text` says how: its entry, then the job's end. */
void job_end_undo(struct job *j, const struct logbook_entry *e, const char *text);
void job_deny(struct job *j);			/* deny.c; and ORDER_PARK */
void job_undo_deny(struct job *j, const struct logbook_entry *e);
/* Is it a deny or park whose time is over? And: order the end of all such. */
bool deny_is_due(const struct logbook_entry *e);
void deny_end_due(struct runner *r);
/* When the first of them ends, in ms of the wall clock; INT64_MAX: none has a time. */
int64_t deny_first_end(const struct runner *r);
void job_kick(struct job *j);			/* kick.c */
void job_hold(struct job *j);			/* hold.c */
void hold_forget_listing(struct runner *r);
/* held.c, for logbook_on_forget(): without its order in the journal a list is of no use. */
void held_forgot(void *runner, const struct logbook_entry *e);
void job_release(struct job *j);		/* and ORDER_PURGE */
void job_look(struct job *j);			/* look.c */
int job_accept_queue(struct job *j, char *why);	/* lock.c: by hand only */
void job_queue(struct job *j);			/* ORDER_QUEUE_* */
void job_queue_list(struct job *j);		/* list.c */
int job_accept_run(struct job *j, char *why);	/* run.c */
void job_run(struct job *j);
uint64_t run_what(const struct order_run *o, bool undo);	/* fingerprint */
int job_accept_mail(struct job *j, char *why);	/* mail.c */
void job_mail(struct job *j);
int job_accept_resolve(struct job *j, char *why);	/* resolve.c */
void job_resolve(struct job *j);
void resolve_failed(const struct job *j, int error);

/* runner.c: */

/* Tell the outcome, journal it if there was an intent, free the job. */
void job_end(struct job *j, enum outcome_status status, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Write the intent; on failure the job has ended and -errno is returned. */
int job_intent(struct job *j);
/* Run a command for the job, then `step`, also where it could not start. */
void job_command(struct job *j, const struct command_spec *spec,
		 void (*step)(struct job *j, const struct command_result *r));
/* This job is about that account: its key and the names in its entry. */
void job_about(struct job *j, const char *canonical);
/* The action of root's configuration that the order speaks of, or NULL. */
const struct action *job_action(const struct job *j);
void runner_send(struct runner *r, const void *p, size_t n);
void runner_send_fd(struct runner *r, const void *p, size_t n, int fd);	/* the caller keeps fd */
/* An outcome to bailiffd; the text is made fit. */
void runner_answer(struct runner *r, uint64_t id, uint16_t type, uint16_t status, int code, const char *text);
/* Take an order as if it had come from bailiffd. */
void runner_take(struct runner *r, const void *p, size_t n);

/* settle.c: the journal, when no other runner has it any more; and what it has open. */
int settle_open(int state_fd, struct logbook **ret);
void settle_all(struct runner *r);

/* engine.c: the end is told with RUNNER_ENGINE_ENDED, also of one that could
 * not be started. */
void engine_start(struct runner *r, uint64_t generation, const int *fds, size_t nfds);
void engine_kill(struct runner *r, uint64_t generation);

/*
 * source.c: a run of a log's command, its output into fd. Its end is told with
 * RUNNER_SOURCE_ENDED, also of one that could not be started.
 */
void source_start(struct runner *r, uint64_t id, uint16_t log, int fd);
void source_end(struct runner *r, uint64_t id);
void source_end_all(struct runner *r);	/* at once; nothing is told */

/*
 * policy.c: may this account be touched? Protections, min_uid and
 * max_per_hour (accounts, not steps; by hand as well), by root's own
 * configuration. 0, or -EPERM with `why`; -EDQUOT: max_per_hour is reached, of
 * parks ten times that; -ENOENT: no such Unix account, if it must be one.
 * again  it was counted already
 */
int policy_account(const struct runner *r, uint16_t type, const char *canonical, bool must_exist,
		   bool again, char *why);

/*
 * May a jail give one order of this type more? max_per_hour counts accounts;
 * this bounds what is asked about each. 0, or -EPERM with `why`.
 */
int policy_rate(struct runner *r, uint16_t type, char *why);

#endif
