/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Remarks on patterns, for `check`: what one costs, and where a client could
 * write what the pattern takes for the server's words (a login name or a HELO
 * may hold nearly anything, see the tests of jails/postfix-sasl.yaml).
 */
#include "engine/match/remark.h"

#include <errno.h>

#define LITERAL_MIN 3

int remark_make(enum pattern_place place, const struct pattern_traits *t, char **ret)
{
	struct buf b = { 0 };

	if (place == PATTERN_RULE && t->searches)
		buf_puts(&b, "begins with free text: every line of its programs is searched "
			 "to the end, ten times the work of a pattern that begins with "
			 "what the line begins with; ");
	if (t->literal < LITERAL_MIN)
		buf_puts(&b, "has no fixed text of three bytes or more, by which "
			 "other lines are ruled out; ");
	if (t->forged)
		buf_printf(&b, "<%s> is taken after free text: a client that can write into "
			   "this line (a login name, a HELO) can put in a <%s> of its choice; ",
			   t->forged, t->forged);
	if (place == PATTERN_IGNORE && !t->tied)
		buf_puts(&b, "searches the whole text: a client that can write these words "
			 "into the line goes unseen (^ ties it to the start); ");
	if (b.n > 0) {
		b.n -= 2;
		buf_cstr(&b);
	}
	if (buf_error(&b)) {
		buf_free(&b);
		return -ENOMEM;
	}
	*ret = b.p;
	return 0;
}
