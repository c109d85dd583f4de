/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_ORDER_H
#define BAILIFF_ORDER_H

/*
 * Orders and outcomes as they cross the process boundary. Both ends are one
 * build on one host, so they cross as they lie in memory: fixed width, no
 * padding, sizes asserted. Every string is NUL-terminated within its field.
 */

#include <stdint.h>

#include "bailiff/addr.h"

enum order_type {
	ORDER_NONE,
	ORDER_BAN,	/* struct order_ban */
	ORDER_UNBAN,	/* struct order_ban: addr and scope, SCOPE any = 0xffff */
	ORDER_ALLOW,	/* struct order_ban: addr, until */
	ORDER_DISALLOW,	/* struct order_ban: addr */
	ORDER_LOCK,	/* struct order_account */
	ORDER_UNLOCK,	/* struct order_account */
	ORDER_PROTECT,	/* struct order_account */
	ORDER_UNDO,	/* struct order_account: undo what order `ref` did */
	ORDER_RUN,	/* struct order_run */
	ORDER_NOTIFY,	/* struct order_mail */
	ORDER_RELOAD,	/* struct order_ban, nothing but the head */
	ORDER_TEARDOWN,	/* struct order_ban, nothing but the head */
	ORDER_DENY,	/* struct order_account */
	ORDER_PARK,	/* struct order_account */
	ORDER_KICK,	/* struct order_account */
	ORDER_HOLD,	/* struct order_hold */
	ORDER_RELEASE,	/* struct order_account: what order `ref` holds goes out */
	ORDER_PURGE,	/* struct order_account: what order `ref` holds is deleted */
	ORDER_CUT,	/* struct order_ban: close the sockets of addr in scope */
	ORDER_LOOK,	/* struct order_account: tell of leftover number `ref`, change nothing */
	ORDER_QUEUE_LIST,	/* struct order_account, no name: the listings of all mail */
	ORDER_QUEUE_HOLD,	/* struct order_hold, no name: these messages, whose ever */
	ORDER_QUEUE_RELEASE,	/* struct order_hold, no name */
	ORDER_QUEUE_PURGE,	/* struct order_hold, no name */
	ORDER_TYPES
};

/* Whose wish an order is. */
enum order_origin {
	ORIGIN_JAIL,	/* a verdict of jail `jail` */
	ORIGIN_HAND,	/* an admin: the frame carries the admin's own socket */
	ORIGIN_LEDGER,	/* added again at a start */
};

#define ORDER_NO_JAIL 0xffff
#define ORDER_ANY_SCOPE 0xffff

struct order_head {
	uint64_t id;		/* unique over restarts; the ledger's */
	uint16_t type;		/* enum order_type */
	uint16_t origin;	/* enum order_origin */
	uint16_t jail;		/* index into config.jails or ORDER_NO_JAIL */
	uint16_t action;	/* index into jail.then, 0 for hand orders */
};
_Static_assert(sizeof(struct order_head) == 16, "order_head");

struct order_ban {
	struct order_head head;
	struct addr addr;	/* as it is to be banned */
	uint16_t scope;		/* index into config.scopes */
	uint32_t pad;		/* 0 */
	int64_t until_ms;	/* wall clock; INT64_MAX: for good */
	struct addr host;	/* the one address behind a prefix, or addr again */
	uint8_t pad2[6];	/* 0 */
};
_Static_assert(sizeof(struct order_ban) == 72, "order_ban");

#define ORDER_LOOK_MORE 2	/* active Sieve scripts, the owner */
#define ORDER_NAME_MAX 256	/* longest account name with NUL */

struct order_account {
	struct order_head head;
	uint64_t ref;		/* ORDER_UNDO: the order whose work is undone; ORDER_PURGE,
				   ORDER_RELEASE: that held; ORDER_LOOK: index into
				   accounts.leftovers, then ORDER_LOOK_MORE others */
	int64_t at_ms;		/* event time of the evidence; ORDER_PURGE and
				   ORDER_QUEUE_PURGE: the incident's number */
	char name[ORDER_NAME_MAX];	/* canonical login */
};
_Static_assert(sizeof(struct order_account) == 288, "order_account");

/*
 * A queued message that an account submitted. Short queue ids are used again,
 * so it is this message only if it arrived between `from_s` and `to_s`. Where
 * there are several Postfix instances it is in the one that logs as `name`, or
 * has its configuration in `home`, as far as these are known.
 */
#define ORDER_QUEUE_ID_MAX 24	/* longest queue id with NUL */
struct queued {
	char id[ORDER_QUEUE_ID_MAX];	/* letters and digits */
	uint32_t from_s, to_s;		/* wall clock */
	uint32_t name, home;		/* hash_fixed(), cut; 0: not known */
};
_Static_assert(sizeof(struct queued) == 40, "queued");

/* head.action of an ORDER_PURGE, ORDER_QUEUE_PURGE: no copy is kept. */
#define PURGE_NO_COPY 1

#define ORDER_QUEUED_MAX 3200
struct order_hold {
	struct order_account account;
	uint32_t n;		/* used in v */
	uint32_t pad;		/* 0 */
	struct queued v[ORDER_QUEUED_MAX];
};
_Static_assert(sizeof(struct order_hold) == 128296, "order_hold");

#define ORDER_VALUES_MAX 2048
struct order_run {
	struct order_head head;
	uint32_t undo;		/* 1: the undo argv */
	uint32_t len;		/* bytes used in values */
	char values[ORDER_VALUES_MAX];	/* name NUL value NUL ... */
};
_Static_assert(sizeof(struct order_run) == 2072, "order_run");

#define ORDER_SUBJECT_MAX 128
#define ORDER_BODY_MAX 16384
struct order_mail {
	struct order_head head;
	uint32_t len;		/* bytes used in body */
	uint32_t alert;		/* 1: an account incident, also to syslog and notify.run */
	uint64_t incident;	/* 0: it is about none */
	char subject[ORDER_SUBJECT_MAX];
	char user[ORDER_NAME_MAX];	/* canonical login it is about, "" */
	char body[ORDER_BODY_MAX];	/* lines ended by \n */
};
_Static_assert(sizeof(struct order_mail) == 16800, "order_mail");

enum outcome_status {
	OUTCOME_DONE,
	OUTCOME_REFUSED,	/* policy says no; `text` says why */
	OUTCOME_FAILED,		/* tried, did not work; `code` is -errno */
	OUTCOME_UNKNOWN,	/* a crash left it open */
	OUTCOME_PROPOSED,	/* waits for the admin's word */
};

struct outcome {
	uint64_t id;		/* the order's */
	uint16_t type;		/* the order's type */
	uint16_t status;	/* enum outcome_status */
	int32_t code;
	struct addr addr;	/* bans: what was really banned (narrowed) */
	char text[102];		/* one sentence, escaped */
};
_Static_assert(sizeof(struct outcome) == 136, "outcome");

#endif
