/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_JSONTEXT_H
#define ENGINE_JSONTEXT_H

#include <jansson.h>

#include "base/buf.h"

/* Bytes of a log as a JSON string, those that are not UTF-8 written \xNN; the caller's reference. */
static inline json_t *json_text(struct span text)
{
	struct buf b = { 0 };
	json_t *j;

	buf_put_text(&b, text);
	j = json_stringn(b.p ? b.p : "", b.n);
	buf_free(&b);
	return j;
}

#endif
