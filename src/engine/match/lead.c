/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a pattern begins with, where that is plain enough to be compared
 * without an expression: fixed bytes, or a few of which one is there, at the
 * start or behind a queue id or the name of a process. A mail server's lines
 * differ in just that, so nearly all of them are ruled out by it, and the
 * expressions begin behind it (group.c).
 *
 * An id is looked for as loosely as detecting expressions read it (loose.c).
 * Neither an id nor a word has a colon, so where they end does not depend on
 * what comes before or after.
 */
#include "engine/match/lead.h"

#include "engine/match/lex.h"

#define ID_MIN 4
#define ID_MAX 30
#define WORD_MAX 32
#define WORD "[A-Za-z0-9_.-]{1,32}"
#define HEAD_MAX (WORD_MAX + LEAD_TAIL_MAX)

/* A pattern being read, up to token k. */
struct reading {
	const struct pattern *p;
	struct leads *out;
	size_t k;
};

/* One byte that stands for itself, at the beginning; how many bytes it is written with, or 0. */
static size_t fixed_byte(struct span s, char *ret)
{
	if (s.n > 1 && s.p[0] == '\\' && !is_letter(s.p[1]) && !is_digit(s.p[1])) {
		*ret = s.p[1];
		return 2;
	}
	if (s.n == 0 || strchr("\\.*+?{}|^$()[]", s.p[0]))
		return 0;
	*ret = s.p[0];
	return 1;
}

/* Is token k such a byte and nothing else? */
static bool token_byte(const struct pattern *p, size_t k, char *ret)
{
	struct span token = k < pattern_tokens(p) ? pattern_token(p, k) : (struct span){ "", 0 };
	size_t n = fixed_byte(token, ret);

	return n > 0 && n == token.n;
}

static bool token_is(const struct pattern *p, size_t k, char c)
{
	char have;

	return token_byte(p, k, &have) && have == c;
}

#define IN_WORD 1
#define IN_ID 2
static const uint8_t sets[256] = {
	['0' ... '9'] = IN_WORD | IN_ID, ['A' ... 'Z'] = IN_WORD | IN_ID, ['a' ... 'z'] = IN_WORD | IN_ID,
	['.'] = IN_WORD, ['_'] = IN_WORD, ['-'] = IN_WORD,
};

static bool is_word_byte(char c)
{
	return sets[(unsigned char)c] & IN_WORD;
}

static void add_byte(struct lead *l, char c)
{
	if (l->n < LEAD_MAX)
		l->bytes[l->n++] = c;
}

static bool is_token(const struct pattern *p, const char *text)
{
	return span_eq(pattern_token(p, 0), span_of(text));
}

/* A word, what it ends with, a colon and a space. */
static size_t word_head(const struct pattern *p, struct lead *l)
{
	size_t k = 1;
	char c;

	for (; l->ntail < LEAD_TAIL_MAX && token_byte(p, k, &c) && is_word_byte(c); k++)
		l->tail[l->ntail++] = c;
	if (!token_is(p, k, ':') || !token_is(p, k + 1, ' '))
		return 0;
	l->head = LEAD_WORD;
	return k + 2;
}

/* Heads as patterns write them, or none. */
static void read_heads(struct reading *r)
{
	struct lead *l = r->out->v;

	r->out->n = 1;
	if (pattern_tokens(r->p) == 0)
		return;
	if ((is_token(r->p, LOOSE_ID) || is_token(r->p, "(?:" LOOSE_ID ")")) &&
	    token_is(r->p, 1, ':') && token_is(r->p, 2, ' ')) {
		l->head = LEAD_ID;
		r->k = 3;
	} else if (is_token(r->p, "(?:(?:" LOOSE_ID "): )?")) {
		/* `abcd: ab` can be read in either way */
		r->out->whole = true;
		r->out->n = 2;
		l[1].head = LEAD_ID;
		r->k = 1;
	} else if (is_token(r->p, WORD) || is_token(r->p, "(?:" WORD ")")) {
		r->k = word_head(r->p, l);
		if (r->k == 0)
			*l = (struct lead){ 0 };
	}
}

/* Tokens that are fixed bytes, for all ways. */
static size_t read_bytes(struct reading *r)
{
	size_t n = 0;

	for (char c; token_byte(r->p, r->k, &c); r->k++, n++)
		for (size_t i = 0; i < r->out->n; i++)
			add_byte(&r->out->v[i], c);
	return n;
}

/* One more way: the first one, and the bytes of an alternative. */
static bool add_way(struct leads *all, const struct lead *begin, struct span alternative)
{
	struct lead *l = &all->v[all->n];
	size_t n;
	char c;

	if (all->n == LEADS_MAX)
		return false;
	*l = *begin;
	for (; alternative.n > 0; alternative.p += n, alternative.n -= n) {
		n = fixed_byte(alternative, &c);
		if (n == 0)
			return false;
		add_byte(l, c);
	}
	all->n++;
	return true;
}

/* (?:one|another) of fixed bytes: as many ways. */
static bool read_alternatives(struct reading *r)
{
	struct span token = r->k < pattern_tokens(r->p) ? pattern_token(r->p, r->k) : (struct span){ "", 0 };
	struct leads all = *r->out;

	if (r->out->n != 1 || token.n < 4 || memcmp(token.p, "(?:", 3) != 0 || token.p[token.n - 1] != ')')
		return false;
	all.n = 0;
	for (const char *p = token.p + 3, *end = token.p + token.n - 1; p <= end;) {
		const char *bar = memchr(p, '|', (size_t)(end - p));

		bar = bar ? bar : end;
		/* \| and \) are no ends */
		if (bar > p && bar[-1] == '\\')
			return false;
		if (!add_way(&all, &r->out->v[0], (struct span){ p, (size_t)(bar - p) }))
			return false;
		p = bar + 1;
	}
	*r->out = all;
	r->k++;
	return true;
}

static void set_word(struct lead *l)
{
	static const char ones[sizeof(l->word)] = { -1, -1, -1, -1, -1, -1, -1, -1 };

	if (l->n > sizeof(l->word)) {
		memcpy(&l->word, l->bytes + l->n - sizeof(l->word), sizeof(l->word));
	} else {
		memcpy(&l->word, l->bytes, l->n);
		memcpy(&l->mask, ones, l->n);
	}
}

/* Of more bytes than are compared the others are looked at again. */
static void note_skipped(struct reading *r, size_t n)
{
	size_t most = n < LEAD_MAX ? n : LEAD_MAX;

	if (r->out->whole)
		return;
	r->out->bytes = (uint8_t)most;
	r->out->tokens = (uint8_t)(r->k - n + most);
}

void leads_of(const struct pattern *p, struct leads *ret)
{
	struct reading r = { .p = p, .out = ret };

	*ret = (struct leads){ 0 };
	/* a capture that is referred to must not go; \G is where a run begins */
	if (p->whole || p->traits.refers ||
	    (p->text.n > 1 && memmem(p->text.p, p->text.n, "\\G", 2)))
		return;
	read_heads(&r);
	note_skipped(&r, read_bytes(&r));
	while (read_alternatives(&r))
		read_bytes(&r);
	for (size_t i = 0; i < ret->n; i++) {
		if (ret->v[i].head == LEAD_PLAIN && ret->v[i].n == 0) {
			*ret = (struct leads){ 0 };
			return;
		}
		set_word(&ret->v[i]);
	}
}

static bool lead_equal(const struct lead *a, const struct lead *b)
{
	return a->head == b->head && a->ntail == b->ntail && a->n == b->n &&
	       memcmp(a->tail, b->tail, a->ntail) == 0 && memcmp(a->bytes, b->bytes, a->n) == 0;
}

bool leads_equal(const struct leads *a, const struct leads *b)
{
	if (a->n != b->n || a->tokens != b->tokens || a->bytes != b->bytes || a->whole != b->whole)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!lead_equal(&a->v[i], &b->v[i]))
			return false;
	return true;
}

/* An id and a word may be the same. */
static bool excludes(const struct lead *a, const struct lead *b)
{
	return (a->head == LEAD_PLAIN) == (b->head == LEAD_PLAIN) &&
	       memcmp(a->bytes, b->bytes, a->n < b->n ? a->n : b->n) != 0;
}

bool leads_exclude(const struct leads *a, const struct leads *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (!excludes(&a->v[i], &b->v[k]))
				return false;
	return a->n > 0 && b->n > 0;
}

struct head head_of(struct span text)
{
	size_t n = 0, most = text.n < HEAD_MAX ? text.n : HEAD_MAX;
	uint8_t all = IN_ID;
	struct head h;

	while (n < most && sets[(unsigned char)text.p[n]])
		all &= sets[(unsigned char)text.p[n++]];
	h = (struct head){ .n = n, .id = all && n >= ID_MIN && n <= ID_MAX };
	if (n > 0 && n + 2 <= text.n && text.p[n] == ':' && text.p[n + 1] == ' ')
		h.end = n + 2;
	return h;
}

bool head_fits(const struct head *h, const struct lead *l, struct span text)
{
	if (l->head == LEAD_ID)
		return h->id;
	return l->head == LEAD_WORD && h->n > l->ntail && h->n <= WORD_MAX + (size_t)l->ntail &&
	       memcmp(text.p + h->n - l->ntail, l->tail, l->ntail) == 0;
}
