/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FLOW_ANSWER_H
#define ENGINE_FLOW_ANSWER_H

#include "engine/flow/top.h"
#include "engine/flow/trace.h"

/* What was asked, live or of old logs. */
struct flow_request {
	bool trace;
	enum top_what what;
	enum top_by by;
	int64_t since_ms;		/* 0: all there is */
	size_t limit;
	const struct top_places *places;	/* the caller's; NULL: no countries */
	char of[512];			/* trace */
};

/* `places` is set before. -EINVAL: *why says what is wrong with it; -ENOENT: what is missing here. */
int flow_request_read(const json_t *args, bool trace, struct flow_request *ret,
		      char *why, size_t size);

/* "from" and "until" of what began, and "forgotten": messages that had to go, if that counts. */
void flow_tell_bounds(const struct flow *f, bool forgets, json_t *out);

#endif
