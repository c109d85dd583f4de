/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A short list, asked only for failures that name an account. */
#include "engine/count/contained.h"

#include <errno.h>

#include "base/hash.h"

#define MAX (sizeof(((struct contained *)0)->v) / sizeof(((struct contained *)0)->v[0]))
#define AFTER_MS (48 * 3600000LL)

static void set(struct contained *c, uint64_t account, int64_t until_ms)
{
	size_t i = 0, first = 0;

	while (i < c->n && c->v[i].account != account)
		i++;
	if (i == MAX) {
		for (size_t k = 1; k < MAX; k++)
			if (c->v[k].until_ms < c->v[first].until_ms)
				first = k;
		i = first;
	}
	if (i == c->n)
		c->n++;
	c->v[i].account = account;
	c->v[i].until_ms = until_ms;
}

void contained_add(struct contained *c, struct span account)
{
	set(c, hash_fixed(account.p, account.n), INT64_MAX);
}

void contained_end(struct contained *c, struct span account, int64_t now_ms)
{
	uint64_t hash = hash_fixed(account.p, account.n);

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].account == hash)
			c->v[i].until_ms = now_ms + AFTER_MS;
}

bool contained_has(const struct contained *c, struct span account, struct event_time now)
{
	uint64_t hash = c->n ? hash_fixed(account.p, account.n) : 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].account == hash)
			return now.ms < c->v[i].until_ms;
	return false;
}

void contained_save(const struct contained *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		buf_put_u64(out, c->v[i].account);
		buf_put_u64(out, (uint64_t)c->v[i].until_ms);
	}
}

int contained_restore(struct contained *c, struct reader *in)
{
	while (in->at < in->n) {
		uint64_t account = reader_u64(in);
		int64_t until = (int64_t)reader_u64(in);

		if (in->error)
			return in->error;
		set(c, account, until);
	}
	return 0;
}
