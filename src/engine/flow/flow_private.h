/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_PRIVATE_H
#define ENGINE_FLOW_PRIVATE_H

/* The table of messages as flow.c, block.c and take.c keep it and others read it. */

#include "engine/flow/flow.h"
#include "engine/flow/postfix.h"
#include "engine/flow/slots.h"

#define FLOW_NAMES_MAX 4096
#define FLOW_BLOCK_MAX (1u << 20)
#define FLOW_TEXT_MAX 512		/* bytes of one text that are kept */

/* One thing that befell a message; the texts are offsets into its block, 0: none. */
struct step {
	int64_t ms;		/* of the last try */
	uint64_t rcpt_hash;
	uint32_t next;		/* offset; 0: the last */
	uint32_t rcpt, orig_to, relay, dsn, word, text;
	uint32_t tries;
	uint8_t status;		/* enum postfix_status */
	uint8_t note;		/* no delivery: `relay` is the daemon */
};

/*
 * Links to other messages are an index + 1, 0: none. The block holds the
 * texts, each ended by a NUL, and the steps; its first byte is a NUL.
 */
struct message {
	int64_t begun_ms, removed_ms;	/* removed: 0 if it is not */
	uint64_t hash;			/* of host and id */
	uint64_t size;
	char *block;
	uint32_t used, room;
	uint32_t self;
	uint32_t older;			/* the same id before */
	uint32_t prev, next;		/* by age */
	uint32_t parent, child, sibling, nchildren;	/* two generations, no more */
	uint32_t first, last;		/* steps */
	uint32_t id, account, method, sender, client, msgid;	/* texts */
	uint32_t uid, serial;
	uint32_t nrcpt, rounds;		/* rounds: how often qmgr took it up */
	uint32_t sent, bounced;		/* sent: not to a filter that handed it in again */
	uint32_t deferred;		/* recipients that are now */
	uint32_t lost;			/* steps for which there was no room */
	uint16_t host, instance;	/* names */
	struct addr addr;		/* family ADDR_NONE: none */
	bool live, begun, pickup, settled, kept;
};

/* Messages in the order of their age. */
struct flow_list { uint32_t first, last; };

#define FLOW_CHUNK 1024u
struct flow {
	struct flow_options o;
	const struct accounts *accounts;
	struct message **chunk;		/* FLOW_CHUNK messages each */
	size_t nchunks;
	uint32_t free;			/* list by `next` */
	struct flow_list all, kept;
	size_t n, bytes;
	uint32_t serial;
	uint64_t forgotten, begun;	/* so far */
	int64_t newest_ms, oldest_ms;	/* of what began; oldest_ms 0: nothing did */
	struct slots ids;		/* host and id: the newest such message */
	struct slots deferred;		/* message and recipient: the step */
	struct slots names;
	struct proxy *proxy;		/* proxy.c; NULL: there is no such filter */
	char *name[FLOW_NAMES_MAX];	/* hosts and instances; [0] is "" */
	size_t nnames;
	uint16_t last_host, last_instance;
};

static inline struct message *flow_at(const struct flow *f, uint32_t link)
{
	return link ? &f->chunk[(link - 1) / FLOW_CHUNK][(link - 1) % FLOW_CHUNK] : NULL;
}

static inline const char *message_text(const struct message *m, uint32_t at)
{
	return at ? m->block + at : "";
}

static inline struct step message_step(const struct message *m, uint32_t at)
{
	struct step s;

	memcpy(&s, m->block + at, sizeof(s));
	return s;
}

/* flow.c */
uint16_t flow_name(struct flow *f, struct span name);
uint64_t flow_hash(uint16_t host, struct span id);
uint64_t flow_step_hash(const struct message *m, uint64_t rcpt_hash);
struct message *flow_make(struct flow *f);		/* NULL: out of memory */
void flow_enter(struct flow *f, struct message *m);	/* hash, host and instance are set */
void flow_append(struct flow *f, struct flow_list *l, struct message *m);
void flow_unlink(struct flow *f, struct flow_list *l, struct message *m);
struct message *flow_find(struct flow *f, uint64_t hash, uint16_t instance);
/* The newest of that id, of whatever instance, but not `but`. */
struct message *flow_find_any(struct flow *f, uint64_t hash, const struct message *but);
struct message *flow_root(const struct flow *f, struct message *m);
/* m becomes part of the message that `parent` is, or is part of. */
void flow_join(struct flow *f, struct message *m, struct message *parent);
void flow_drop(struct flow *f, struct message *m);	/* with what is part of it */
void flow_shrink(struct flow *f);			/* to the bounds */

/* proxy.c: a filter before the queue. */
void flow_proxy_client(struct flow *f, uint16_t host, const struct entry *entry,
		       const struct postfix_event *e, const char *account, int64_t ms);
void flow_proxy_accept(struct flow *f, uint16_t host, const struct entry *entry, const struct postfix_event *e);
void flow_proxy_free(struct flow *f);

/* answer.c: a time as JSON, null for 0. */
json_t *flow_seconds(int64_t ms);

/* block.c: texts and steps of one message; 0: no room. */
uint32_t message_put(struct flow *f, struct message *m, struct span text);
/* In place of the text at `at`, if it fits there. */
uint32_t message_replace(struct flow *f, struct message *m, uint32_t at, struct span text);
uint32_t message_add_step(struct flow *f, struct message *m, const struct step *s);
void message_set_step(struct message *m, uint32_t at, const struct step *s);

#endif
