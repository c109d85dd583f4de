/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_SUBJECT_H
#define ENGINE_COUNT_SUBJECT_H

#include "bailiff/config.h"
#include "bailiff/subject.h"
#include "base/buf.h"

/*
 * The key of a subject: one byte string, equal for equal subjects, from which
 * the subject can be read again (subject_from_key), also in another process.
 * Addresses take 18 bytes plus a type byte. It holds values only, no field
 * numbers, so that it outlives a changed configuration: the names come from
 * the jail it belongs to.
 * -E2BIG past `size` or SUBJECT_KEY_MAX; -EINVAL: no parts, or too many.
 */
int subject_key(const struct subject *s, char *ret, size_t size, size_t *ret_n);

/*
 * The subject behind a key of jail `j`; its texts point into the key.
 * -EINVAL: no key, or not one of this jail as it is configured now.
 */
int subject_from_key(const struct config *c, const struct jail *j,
		     struct span key, struct subject *ret);

/* For people: "192.0.2.7", "joe@example.com", "ip=192.0.2.7 user=joe". */
void subject_print(const struct config *c, const struct subject *s, struct buf *out);

#endif
