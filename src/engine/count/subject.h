/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_SUBJECT_H
#define ENGINE_COUNT_SUBJECT_H

#include "bailiff/config.h"
#include "bailiff/subject.h"
#include "base/buf.h"

/*
 * The key of a subject: one byte string, equal for equal subjects, from which
 * the subject can be read again (subject_from_key), also in another process.
 * Addresses take 18 bytes plus a type byte. -E2BIG past SUBJECT_KEY_MAX.
 */
int subject_key(const struct subject *s, char *ret, size_t size, size_t *ret_n);
int subject_from_key(const struct config *c, struct span key, struct subject *ret);

/* For people: "192.0.2.7", "joe@example.com", "ip=192.0.2.7 user=joe". */
void subject_print(const struct config *c, const struct subject *s, struct buf *out);

#endif
