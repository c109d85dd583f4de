/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jails of one service have patterns that begin alike: a queue id, `warning:
 * ` and a client, `NOQUEUE: reject: RCPT from`. As plain alternatives each
 * would read that again before it fails. Here common beginnings are taken
 * out, token by token (pattern.c tells where an atom with its quantifier
 * begins), so that the expression is a tree and reads them once. What is left
 * of a pattern is atomic: that it matches is all there is to know, so the way
 * back from its callout leads to the next pattern and not through it again.
 */
#include "engine/match/factor.h"

#include <errno.h>
#include <stdlib.h>

#define NUMBER_MAX 255

struct branch {
	const struct pattern *p;
	size_t index;		/* of the pattern */
};

struct factoring {
	struct buf *out;
	struct branch *spare;	/* as many as there are patterns */
};

/* Do both have a token k, and the same? */
static bool same_token(const struct pattern *a, const struct pattern *b, size_t k)
{
	return !a->whole && !b->whole && k < pattern_tokens(a) && k < pattern_tokens(b) &&
	       span_eq(pattern_token(a, k), pattern_token(b, k));
}

/* Bring those that share the first one's token k to the front; how many. */
static size_t gather(struct factoring *f, struct branch *v, size_t n, size_t k)
{
	size_t same = 1, other = 0;

	for (size_t i = 1; i < n; i++) {
		if (same_token(v[0].p, v[i].p, k))
			v[same++] = v[i];
		else
			f->spare[other++] = v[i];
	}
	memcpy(v + same, f->spare, other * sizeof(*v));
	return same;
}

static void put_branches(struct factoring *f, struct branch *v, size_t n, size_t k);

/* The first token from k on that the branches don't share. */
static size_t shared_end(const struct branch *v, size_t n, size_t k)
{
	for (k++;; k++)
		for (size_t i = 1; i < n; i++)
			if (!same_token(v[0].p, v[i].p, k))
				return k;
}

static void put_rest(struct factoring *f, const struct branch *b, size_t k)
{
	struct span text = pattern_tokens_text(b->p, k, pattern_tokens(b->p));

	if (text.n > 0) {
		buf_puts(f->out, "(?>");
		buf_put(f->out, text.p, text.n);
		buf_puts(f->out, ")");
	}
	/* a number is quicker read than text, and goes no further */
	buf_printf(f->out, b->index <= NUMBER_MAX ? "(?C%zu)" : "(?C{%zu})", b->index);
}

/* What is left, from token k on, of branches that share that token. */
static void put_bundle(struct factoring *f, struct branch *v, size_t n, size_t k)
{
	struct span text;
	size_t end;

	if (n == 1) {
		put_rest(f, v, k);
		return;
	}
	end = shared_end(v, n, k);
	text = pattern_tokens_text(v[0].p, k, end);
	buf_put(f->out, text.p, text.n);
	buf_puts(f->out, "(?:");
	put_branches(f, v, n, end);
	buf_puts(f->out, ")");
}

static void put_branches(struct factoring *f, struct branch *v, size_t n, size_t k)
{
	for (size_t at = 0, same; at < n; at += same) {
		same = gather(f, v + at, n - at, k);
		if (at > 0)
			buf_puts(f->out, "|");
		put_bundle(f, v + at, same, k);
	}
}

int factor_put(const struct pattern *const *p, size_t n, size_t skip, struct buf *out)
{
	struct branch *v = calloc(2 * n + 1, sizeof(*v));
	struct factoring f = { .out = out };

	if (!v)
		return -ENOMEM;
	f.spare = v + n;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct branch){ p[i], i };
	put_branches(&f, v, n, skip);
	free(v);
	return buf_error(out);
}
