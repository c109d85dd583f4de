/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_READ_LISTING_H
#define ENGINE_READ_LISTING_H

#include <stdint.h>

#include "bailiff/span.h"
#include "base/buf.h"

/*
 * One listing of Postfix's queue, as `postqueue -j` prints it: a JSON object a
 * line. Lines come from a program, but senders in them from strangers.
 */
struct listing;

#define LISTING_LINE_MAX (64u << 10)	/* the rest of a line is not needed */
#define LISTING_SENDERS_TOLD 20

int listing_new(struct listing **ret);
void listing_free(struct listing **l);

/* Forget all lines; what the last listing summed up to is kept for `growth`. */
void listing_begin(struct listing *l);
void listing_line(struct listing *l, struct span line);
uint64_t listing_bad(const struct listing *l);	/* lines that were no entries */

/*
 * The entries that the listing makes, each ended by a newline: one of the whole
 * queue and one of each of the biggest senders. None, and -EBADMSG: there were
 * lines, and not one was an entry. now_s: wall clock.
 */
int listing_end(struct listing *l, int64_t now_s, struct buf *out);

#endif
