/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include <ev.h>

#include "bailiff/addr.h"
#include "bailiff/config.h"
#include "bailiff/order.h"
#include "base/buf.h"

struct serve;

/*
 * What is done to one account, step by step in DESIGN's order: the next one
 * goes out when the last one's outcome is in. A step that fails stops no
 * other.
 */
#define PLAN_STEPS_MAX 32
#define PLAN_FROM_MAX 64

struct plan_step {
	uint16_t type;		/* enum order_type */
	uint16_t action;	/* of the jail: index into then */
	bool again;		/* a second pass: after a while */
	bool over;
	uint16_t status;	/* enum outcome_status, when it is over */
	int32_t code;
	uint64_t order;
	char text[102];
};

struct plan {
	struct serve *s;
	uint64_t incident;
	uint16_t jail;		/* ORDER_NO_JAIL: by hand */
	int admin_fd;		/* by hand: the admin's; else -1 */
	int64_t at_ms;		/* of the evidence */
	char user[ORDER_NAME_MAX];
	size_t nfrom;
	struct addr from[PLAN_FROM_MAX];	/* whose sockets are cut */
	size_t nsteps, next;
	struct plan_step step[PLAN_STEPS_MAX];
	void (*told)(void *arg, struct plan_step *step);	/* one is over */
	void (*done)(void *arg);				/* all are */
	void *arg;

	/* plan.c's own */
	struct plan *next_plan;		/* of all that are under way */
	struct waiter *waiters;
	bool running, ended;
	char limited[102];	/* why no more than a park is done; "": all is */
	ev_timer pause;
	unsigned waits;		/* outcomes of the step's orders to come */
	unsigned parts;
	struct outcome sum;
	struct { unsigned held, active, left, before; } held;	/* of a hold's parts */
	char why[64];		/* of the last part that failed */
	struct buf found;	/* what a look tells: lines, printable */
};

/* The name of a step, as people read it: "hold". */
const char *plan_step_name(const struct plan_step *step);

/* Append one step, or all of `contain`. false: no room, nothing is appended. */
bool plan_add(struct plan *p, uint16_t type, uint16_t action, bool again, uint64_t order);
/* order(arg, k) draws the id of its k-th step. */
bool plan_add_contain(struct plan *p, uint16_t action, uint64_t (*order)(void *arg, unsigned k), void *arg);
/* The order type of an action that is one step; ORDER_NONE. */
uint16_t plan_type_of(enum action_kind kind);

/* In contain's order: for steps that come from elsewhere. */
void plan_sort(struct plan *p);
void plan_run(struct plan *p);
void plan_stop(struct plan *p);		/* before it is freed, early or not */

bool plans_under_way(const struct serve *s, uint64_t incident);

/*
 * What that incident does is to be taken back. true: it is under way, and fn is
 * called when it is over, which is soon if `cut_short`: the steps that have not
 * begun are refused then.
 */
bool plans_end(struct serve *s, uint64_t incident, bool cut_short, void (*fn)(void *arg), void *arg);

#endif
