/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a pattern may match more in a detecting expression than by itself. That
 * expression only rules lines out, and what it lets through is tried again,
 * so there it pays to be simple: for the machine, and to begin like the
 * neighbours.
 */
#include "config/load.h"
#include "engine/match/lex.h"

/*
 * A queue id is read in two ways, short and long, and jails write it with and
 * without NOQUEUE. To tell that a line is none of theirs, any run of letters
 * and digits will do, and all of them then begin alike (factor.c).
 */
static const struct { const char *field, *regex; } loose[] = {
	{ "qid", LOOSE_ID }, { "qid2", LOOSE_ID },
};

/*
 * What matches more must not keep something behind it from matching, which
 * where there is no way back it could.
 */
bool loose_may_be(const char *source)
{
	static const char *const no_way_back[] = { "++", "*+", "?+", "}+", "(?>", "(?(", "(?|" };

	for (size_t k = 0; k < sizeof(no_way_back) / sizeof(*no_way_back); k++)
		if (strstr(source, no_way_back[k]))
			return false;
	return true;
}

static bool is_loose(const struct lex *s)
{
	return s->loose[s->depth] && !s->x[s->depth];
}

const char *loose_regex(const struct lex *s, const struct field *f)
{
	if (!is_loose(s) || s->out->traits.refers)
		return NULL;
	for (size_t k = 0; k < sizeof(loose) / sizeof(*loose); k++)
		if (strcmp(loose[k].field, f->name) == 0)
			return loose[k].regex;
	return NULL;
}

/* `(?:NOQUEUE|<qid>)` and `<qid>` become the same. `next`: what stands behind. */
void loose_emit(struct lex *s, const char *regex, char next)
{
	static const struct span either = { "(?:NOQUEUE|", 11 };
	struct buf *text = &s->out->text;

	if (text->n >= either.n &&
	    memcmp(text->p + text->n - either.n, either.p, either.n) == 0 &&
	    next == ')') {
		text->n -= either.n - 3;
		lex_emit_str(s, regex);
		return;
	}
	lex_emit_str(s, "(?:");
	lex_emit_str(s, regex);
	lex_emit_str(s, ")");
}

/* Does the pattern capture the name by a group of its own, too? */
static bool own_capture(const struct lex *s, struct span name)
{
	for (size_t k = 3; k + name.n < s->n; k++)
		if (memcmp(s->src + k, name.p, name.n) == 0 &&
		    ((s->src[k - 1] == '<' && (s->src[k - 2] == '?' || s->src[k - 2] == 'P')) ||
		     s->src[k - 1] == '\''))
			return true;
	return false;
}

/* What a placeholder captured is at least something that it could capture. */
bool loose_reference(struct lex *s, struct span name)
{
	int field = config_field(s->c, name);
	const char *regex = field < 0 ? NULL : s->c->fields[field].regex;

	if (!regex || !is_loose(s) || own_capture(s, name))
		return false;
	lex_emit_str(s, "(?:");
	lex_emit_str(s, regex);
	lex_emit_str(s, ")");
	lex_unfixed(s);
	return true;
}
