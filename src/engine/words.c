/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits, and what crossed them, in words: the same for status, mail, log and replay. */
#include "engine/words.h"

#include "base/clock.h"
#include "config/load.h"

static const char *const with_words[] = {
	[WITH_FOREIGN_SENDER] = "foreign_sender", [WITH_NEW_NETWORK] = "new_network",
};

/* Those of the `with` whose bits are set. */
static void put_with(const struct config *c, const struct limit *l, uint32_t bits, const char *between,
		     struct buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < l->nwith; i++) {
		const struct with *w = &l->with[i];

		if (!(bits & 1u << i))
			continue;
		buf_puts(out, before);
		before = between;
		if (w->kind == WITH_DISTINCT)
			buf_printf(out, "more than %u different %s", w->over, c->fields[w->field].name);
		else
			buf_puts(out, with_words[w->kind]);
	}
}

static void put_within(const struct limit *l, struct buf *out)
{
	char span[40];

	if (l->within_ms)
		buf_printf(out, " within %s", clock_print_span(l->within_ms, span, sizeof(span)));
}

/* A number in units of 1/one, as 0.25. */
static void put_decimal(uint32_t v, uint32_t one, struct buf *out)
{
	buf_printf(out, "%.6g", (double)v / one);
}

static void put_amount(const struct config *c, const struct limit *l, struct buf *out)
{
	unsigned long long amount = l->amount;
	const char *value = c->fields[l->value].name;

	switch (l->kind) {
	case LIMIT_SUM:
		buf_printf(out, "sum of %s over %llu", value, amount);
		break;
	case LIMIT_DISTINCT:
		buf_printf(out, "%llu different %s", amount, value);
		break;
	case LIMIT_LEVEL:
		buf_printf(out, "%s over %llu, again after under %llu,", value, amount, (unsigned long long)l->under);
		break;
	case LIMIT_RATIO:
		buf_puts(out, "a share of ");
		put_decimal(l->ratio, LIMIT_RATIO_ONE, out);
		buf_printf(out, " of %llu hits", amount);
		break;
	case LIMIT_SCORE:
		buf_printf(out, "a score of %llu", amount);
		break;
	default:
		buf_printf(out, "%llu hits", amount);
	}
}

void words_limit(const struct config *c, const struct jail *j, struct buf *out)
{
	const struct limit *l = &j->limit;

	if (l->kind == LIMIT_NONE)
		return;
	put_amount(c, l, out);
	buf_puts(out, " per ");
	for (size_t i = 0; i < l->nper; i++)
		buf_printf(out, "%s%s", i ? "+" : "", c->fields[l->per[i]].name);
	put_within(l, out);
	if (l->nwith) {
		buf_puts(out, ", with ");
		put_with(c, l, UINT32_MAX, " or ", out);
	}
	if (l->alone)
		buf_printf(out, ", %llu alone", (unsigned long long)l->alone);
	if (l->known) {
		buf_puts(out, ", from known-good networks times ");
		put_decimal(l->known, LIMIT_FACTOR, out);
	}
	if (l->spread_accounts) {
		buf_printf(out, ", from %u accounts on times ", l->spread_accounts);
		put_decimal(l->spread_weight, LIMIT_FACTOR, out);
	}
}

/* ": signal-burst 30, 2 times signal-sender 40". */
static void put_signals(const struct verdict *v, struct buf *out)
{
	const char *before = ": ";

	for (size_t i = 0; i < v->jail->nscores; i++) {
		if (v->signal[i] == 0)
			continue;
		buf_puts(out, before);
		before = ", ";
		if (v->signal[i] > 1)
			buf_printf(out, "%u times ", v->signal[i]);
		buf_printf(out, "%s %u", v->jail->scores[i].name, v->jail->scores[i].weight);
	}
}

static void put_made(const struct config *c, const struct verdict *v, struct buf *out)
{
	const struct limit *l = &v->jail->limit;
	unsigned long long amount = v->amount;
	const char *value = c->fields[l->value].name;

	switch (l->kind) {
	case LIMIT_LEVEL:
		buf_printf(out, "%s is %llu", value, amount);
		return;
	case LIMIT_SUM:
		buf_printf(out, "sum of %s %llu", value, amount);
		break;
	case LIMIT_DISTINCT:
		buf_printf(out, "%llu different %s", amount, value);
		break;
	case LIMIT_RATIO:
		buf_printf(out, "%llu of %llu", (unsigned long long)v->part, amount);
		break;
	case LIMIT_SCORE:
		buf_printf(out, "score %llu", amount);
		break;
	default:
		buf_printf(out, "%llu", amount);
	}
	put_within(l, out);
	put_signals(v, out);
}

void words_verdict(const struct config *c, const struct verdict *v, struct buf *out)
{
	const struct limit *l = &v->jail->limit;

	put_made(c, v, out);
	if (v->with) {
		buf_puts(out, ", with: ");
		put_with(c, l, v->with, ", ", out);
	} else if (l->nwith) {
		buf_puts(out, ", alone");
	}
	if (v->class)
		buf_printf(out, ", limit of class %s", v->class);
}

void words_no_jail(const struct config *c, const char *typed, struct buf *out)
{
	const char *near = config_jail_near(c, typed);

	buf_printf(out, "there is no jail '%s'", typed);
	if (near)
		buf_printf(out, ", did you mean '%s'?", near);
}

bool words_needed(const struct verdict *v)
{
	const struct jail *j = v->jail;

	return v->class || j->limit.kind == LIMIT_LEVEL || j->limit.kind == LIMIT_RATIO ||
	       j->limit.kind == LIMIT_SCORE || j->limit.nwith;
}
