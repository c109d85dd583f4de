/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_EVIDENCE_H
#define ENGINE_EVIDENCE_H

#include "bailiff/clock.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * The recent hits' lines, in one ring of bytes: what a verdict shows and what
 * `why` tells. Old ones go as new ones come; nothing here decides anything.
 */
struct evidence;

int evidence_new(size_t bytes, struct evidence **ret);
void evidence_free(struct evidence **e);

/* Keep one line (its first 512 bytes) under (jail, key). */
void evidence_add(struct evidence *e, uint16_t jail, struct span key,
		  struct event_time when, struct span line);

/* Newest first, at most `max`; the spans live until the next add. */
struct evidence_line {
	uint16_t jail;
	struct event_time when;
	struct span line;
};
size_t evidence_find(const struct evidence *e, uint16_t jail, struct span key,
		     struct evidence_line *ret, size_t max);
/* Of all jails, for one key's bytes. */
size_t evidence_find_any(const struct evidence *e, struct span key,
			 struct evidence_line *ret, size_t max);

/* A JSON array of the newest `max` lines, oldest first, escaped: not UTF-8 is \xNN. */
void evidence_json(const struct evidence *e, uint16_t jail, struct span key,
		   size_t max, struct buf *out);

/* One string with its quotes, as JSON, of bytes that may be anything. */
void json_put_bytes(struct buf *out, struct span s);

#endif
