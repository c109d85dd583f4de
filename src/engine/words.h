/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_WORDS_H
#define ENGINE_WORDS_H

#include "base/buf.h"
#include "engine/decide/decide.h"

/* "200 hits per user within 10m, with foreign_sender or new_network, 1000 alone". */
void words_limit(const struct config *c, const struct jail *j, struct buf *out);

/*
 * What made a verdict: "200 within 10m, with: foreign_sender", "30 of 60 within
 * 1h", "sum of nrcpt 1200 within 1h", "messages is 250".
 */
void words_verdict(const struct config *c, const struct verdict *v, struct buf *out);

/* "there is no jail 'sshdd', did you mean 'sshd'?" */
void words_no_jail(const struct config *c, const char *typed, struct buf *out);

/* Is there more to say of it than how many within how long? */
bool words_needed(const struct verdict *v);

#endif
