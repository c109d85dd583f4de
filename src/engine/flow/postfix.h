/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_POSTFIX_H
#define ENGINE_FLOW_POSTFIX_H

#include "bailiff/addr.h"
#include "bailiff/entry.h"

/* What one line of Postfix's says about one message. */
enum postfix_what {
	POSTFIX_NONE,
	POSTFIX_CLIENT,		/* smtpd: a message begins, over SMTP */
	POSTFIX_PICKUP,		/* pickup: a message begins, from this host */
	POSTFIX_MESSAGE_ID,	/* cleanup */
	POSTFIX_ACTIVE,		/* qmgr takes it up, also at each retry */
	POSTFIX_DELIVERY,	/* what became of one recipient */
	POSTFIX_REMOVED,
	POSTFIX_NOTE,		/* held, refused, expired, bounced: for people */
	POSTFIX_PROXY,		/* smtpd: a message without an id, on its way through a filter */
	POSTFIX_ACCEPT,		/* the same process: it got the id `other` */
};

enum postfix_status { STATUS_OTHER, STATUS_SENT, STATUS_BOUNCED, STATUS_DEFERRED };

/* The spans point into the entry; what a line does not tell is {NULL, 0}. */
struct postfix_event {
	enum postfix_what what;
	struct span instance;	/* of the program: "postfix", "postfix-out" */
	struct span daemon;	/* "smtpd" */
	struct span id;
	struct span other;	/* a queue id that the line ties to it */
	struct span client;	/* begin: host name */
	struct addr addr;	/* begin: family ADDR_NONE if none */
	struct span method, user;	/* begin: SASL */
	struct span uid;	/* pickup */
	struct span sender;	/* active, pickup: without brackets */
	struct span msgid;	/* without brackets */
	uint64_t size, nrcpt;
	struct span rcpt, orig_to, relay, dsn, text;	/* delivery; text: of a note, too */
	struct span status_word;
	enum postfix_status status;
};

/*
 * Read an entry by hand: the forms are few and fixed, and what strangers
 * write into them (senders, recipients, answers of other hosts) is kept apart
 * from the rest. false: it tells nothing of a message.
 */
bool postfix_read(const struct entry *e, struct postfix_event *ret);

#endif
