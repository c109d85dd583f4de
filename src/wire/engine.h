/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WIRE_ENGINE_H
#define WIRE_ENGINE_H

/*
 * What bailiffd and bailiff-engine say to each other. Each message is one
 * struct message_head and a body of a fixed size, or of `count` fixed-size
 * items; anything else is nonsense, and the engine that sent it is replaced.
 *
 * A start: the engine is started with the descriptors below, reads the
 * configuration, compiles, seals itself and says READY. bailiffd then ends
 * the engine before it, if any (STOP, and its end), and sends the sources and
 * GO. Only then does the engine open the ledger, read and speak.
 */

#include <stdint.h>

#include "bailiff/line.h"
#include "bailiff/order.h"

/* Descriptors an engine is born with. */
enum engine_fd {
	ENGINE_FD_CHANNEL = 3,	/* SEQPACKET to bailiffd */
	ENGINE_FD_CONFIG,	/* sealed pack */
	ENGINE_FD_LISTEN,	/* control socket, listening */
	ENGINE_FD_PAGE,		/* struct engine_page, shared */
	ENGINE_FD_STATE,	/* state directory of the engine */
	ENGINE_FD_INOTIFY,	/* watches bailiffd adds on what we follow */
	ENGINE_FD_COUNTRY,	/* a database of countries; /dev/null: there is none */
	ENGINE_FD_ASN,		/* the same of autonomous systems; both closed before the seal */
	ENGINE_FD_END
};

enum message_type {
	/* engine to bailiffd */
	MSG_READY = 1,
	MSG_ORDERS,		/* orders; may carry the admin's socket */
	MSG_FIND,		/* struct message_find: rotated parts of a source */
	MSG_ASK,		/* struct message_ask x count */
	MSG_PONG,
	MSG_STOPPED,		/* saved up to P, about to exit */
	MSG_WANT,		/* struct message_want: commands that are to run, from now on */
	/* bailiffd to engine */
	MSG_POISON = 64,	/* struct message_poison x count, before GO */
	MSG_SOURCE,		/* struct message_source + one fd */
	MSG_JOURNAL,		/* struct message_source + fds of journal files */
	MSG_FOUND,		/* struct message_find + fds, oldest first */
	MSG_GO,
	MSG_STOP,
	MSG_OUTCOMES,		/* struct outcome x count */
	MSG_ANSWER,		/* struct message_answer x count */
	MSG_PING,
	MSG_NOTE,		/* struct message_note: for status and the log */
	MSG_OPEN_ORDERS,	/* outcomes of what a crash of the runner left open */
	MSG_LISTING,		/* struct message_listing + one fd, before its order's outcome */
	MSG_COMMAND,		/* struct message_source + the fd of a command's output */
	MSG_RAN,		/* struct message_ran: that command ended */
};

struct message_head {
	uint16_t type;
	uint16_t cpu;		/* orders: the processor they were made on, from 1; 0: not told */
	uint32_t count;
};
_Static_assert(sizeof(struct message_head) == 8, "message_head");

#define SOURCE_PATH_MAX 256

enum source_flags {
	SOURCE_APPEARED = 1,	/* came while we ran: read from its start */
	SOURCE_FAILED = 2,	/* could not be opened: wd is -errno, no fd */
};

struct message_source {
	struct message_head head;
	uint16_t log;
	uint16_t flags;
	int32_t wd;		/* its watch in ENGINE_FD_INOTIFY, -1 none */
	char path[SOURCE_PATH_MAX];	/* for people */
};

/* Bit i % 64 of logs[i / 64]: the command of config.logs[i]. */
struct message_want {
	struct message_head head;
	uint64_t logs[4];
};
_Static_assert(sizeof(struct message_want) == 40, "message_want");

struct message_ran {
	struct message_head head;
	uint16_t log;
	uint16_t pad;
	int32_t error;		/* 0: it ended well; else `why` says in one sentence */
	char why[120];
};
_Static_assert(sizeof(struct message_ran) == 136, "message_ran");

struct message_find {
	struct message_head head;
	uint16_t log;
	uint16_t pad[3];
	uint64_t ticket;	/* comes back in MSG_FOUND */
	struct position pos;
	char path[SOURCE_PATH_MAX];	/* the path it was followed under */
};

enum ask_kind {
	ASK_ELEMENT,		/* is this ban in the kernel, what did it count */
	ASK_FIREWALL,		/* totals */
};

struct message_ask {
	uint64_t ticket;
	uint16_t kind;
	uint16_t scope;
	struct addr addr;
	uint8_t pad[2];
};
_Static_assert(sizeof(struct message_ask) == 32, "message_ask");

struct message_answer {
	uint64_t ticket;
	int32_t error;		/* -ENOENT: not in the kernel */
	uint32_t flags;		/* ANSWER_* */
	uint64_t wanted, in_kernel;	/* ASK_FIREWALL; UINT64_MAX unknown */
	uint64_t packets, bytes;
	uint64_t healed;
	int64_t expires_ms;	/* ASK_ELEMENT: what is left */
	char text[64];		/* ASK_FIREWALL: who flushed last */
};
_Static_assert(sizeof(struct message_answer) == 128, "message_answer");
#define ANSWER_OWNED 1u
#define ANSWER_PERSISTENT 2u
#define ANSWER_HEALING 4u
#define ANSWER_RUNNER 8u	/* the runner is alive */

/* An entry to pass over, or a jail to leave off. */
struct message_poison {
	uint16_t log;
	uint16_t jail;		/* ORDER_NO_JAIL: an entry; else a jail to leave off */
	uint32_t pad;
	struct position pos;
};

struct message_note {
	struct message_head head;
	uint64_t id;		/* the order under which it is mailed, at most once */
	uint32_t alert;		/* an admin must hear of it: mail */
	uint32_t pad;
	char text[240];
};

/* The queue of one Postfix instance, as `postqueue -j` lists it. */
struct message_listing {
	struct message_head head;
	uint64_t order;
	uint32_t name, home;	/* as in struct queued; name 0: not known */
	char dir[ORDER_NAME_MAX];	/* its configuration directory, "": the main one's */
};

/*
 * The page both can read: what the engine was doing when it died. Written
 * before each entry that matches anything.
 */
struct engine_page {
	volatile uint32_t busy;	/* 1 while an entry is worked on */
	volatile uint16_t log;
	volatile uint16_t jail;	/* ORDER_NO_JAIL: not in a jail's hands yet */
	volatile struct position pos;
	volatile uint64_t lines;	/* read from files and journals */
};

#endif
