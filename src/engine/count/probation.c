/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A short list, asked only for hits of jails that act on accounts. */
#include "engine/count/probation.h"

#include "base/hash.h"

#define MAX (sizeof(((struct probation *)0)->v) / sizeof(((struct probation *)0)->v[0]))

static void set(struct probation *p, uint64_t account, int64_t until_ms)
{
	size_t i = 0, first = 0;

	while (i < p->n && p->v[i].account != account)
		i++;
	if (i == MAX) {
		for (size_t k = 1; k < MAX; k++)
			if (p->v[k].until_ms < p->v[first].until_ms)
				first = k;
		i = first;
	}
	if (i == p->n)
		p->n++;
	p->v[i].account = account;
	p->v[i].until_ms = until_ms;
}

void probation_begin(struct probation *p, struct span account, int64_t until_ms)
{
	set(p, hash_fixed(account.p, account.n), until_ms);
}

void probation_end(struct probation *p, struct span account)
{
	uint64_t hash = hash_fixed(account.p, account.n);

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].account == hash)
			p->v[i] = p->v[--p->n];
}

int64_t probation_until(const struct probation *p, struct span account, struct event_time now)
{
	uint64_t hash = p->n ? hash_fixed(account.p, account.n) : 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].account == hash)
			return now.ms < p->v[i].until_ms ? p->v[i].until_ms : 0;
	return 0;
}

size_t probation_count(const struct probation *p, struct event_time now)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += now.ms < p->v[i].until_ms;
	return n;
}

/* In thousandths, so that 30 times 0.1 is 3; no amount is above 10^15. */
static uint64_t lowered(uint64_t amount, bool sum, double factor)
{
	uint64_t product = amount * (uint64_t)(factor * 1000 + 0.5);

	if (sum)
		return product / 1000;
	return product <= 1000 ? 1 : (product + 999) / 1000;
}

struct bar probation_bar(const struct bar *bar, const struct limit *l, double factor)
{
	bool sum = l->kind == LIMIT_SUM;

	return (struct bar){
		.amount = lowered(bar->amount, sum, factor),
		.alone = bar->alone ? lowered(bar->alone, sum, factor) : 0,
		.pairs = bar->pairs,
	};
}

void probation_save(const struct probation *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		buf_put_u64(out, p->v[i].account);
		buf_put_u64(out, (uint64_t)p->v[i].until_ms);
	}
}

int probation_restore(struct probation *p, struct reader *in)
{
	while (in->at < in->n) {
		uint64_t account = reader_u64(in);
		int64_t until = (int64_t)reader_u64(in);

		if (in->error)
			return in->error;
		set(p, account, until);
	}
	return 0;
}
