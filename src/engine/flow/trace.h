/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_TRACE_H
#define ENGINE_FLOW_TRACE_H

#include "engine/flow/flow.h"

/*
 * Looks for messages by queue id, Message-ID (with or without its brackets) or
 * account, and tells their lives. What one of these words fits best wins: a
 * queue id before a Message-ID before an account.
 */
struct trace {
	char text[512];
	char account[256];	/* canonical, "" if it cannot be one */
	uint32_t uid;		/* "uid 33" */
	bool has_uid;
	size_t limit;
};

void trace_init(struct trace *t, const struct accounts *a, const char *text, size_t limit);

/* As flow_gone_fn with a struct trace: what fits stays, of each kind the last `limit`. */
bool trace_keeps(void *arg, struct flow *f, struct message *m);

/*
 * {"by": "id" | "message-id" | "user" | null, "found": N, "messages": [...]},
 * the last `limit` messages, oldest first.
 */
json_t *trace_json(const struct trace *t, const struct flow *f);

#endif
