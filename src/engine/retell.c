/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdicts as events: a jail with `log: verdicts` counts them, another adds up
 * their weights. Both see a verdict where it falls, within the entry that
 * crossed the limit, so that replay and live cannot differ.
 */
#include "base/hash.h"
#include "engine/count/subject.h"
#include "engine/passage.h"

static bool only_tells(const struct verdict *v)
{
	for (size_t i = 0; i < v->nactions; i++)
		if (v->action[i].action->kind != ACTION_NOTIFY)
			return false;
	return true;
}

/*
 * The captures of the line that crossed the limit. A verdict on an account
 * alone is none on the address that was the last: it may be everybody's office.
 * Nor has anybody caught an address that the admin is just told about: it may be
 * his own web server.
 */
static struct hit hit_of_verdict(const struct config *c, const struct core_verdict *v,
				 const struct jail *j, int name)
{
	struct hit hit = *v->hit;
	bool on_addr = !subject_account(v->subject).n;

	for (size_t i = 0; i < v->subject->n; i++)
		on_addr |= v->subject->part[i].type == FIELD_ADDR;
	on_addr &= !only_tells(v->v);
	hit.jail = j;
	hit.rule = NULL;
	hit.ncaptures = 0;
	for (unsigned i = 0; i < v->hit->ncaptures; i++)
		if (on_addr || v->hit->capture[i].type != FIELD_ADDR)
			hit.capture[hit.ncaptures++] = v->hit->capture[i];
	if (name >= 0 && hit.ncaptures < HIT_MAX_CAPTURES)
		hit.capture[hit.ncaptures++] = (struct capture){
			.field = (uint16_t)name, .type = FIELD_TEXT,
			.raw = span_of(c->jails[v->jail].name),
		};
	return hit;
}

/*
 * Verdicts are events, too: a jail with `log: verdicts` and no pattern takes
 * each one as a hit; with patterns, they match "jail=NAME field=value ...".
 */
void retell(struct passage *p, const struct core_verdict *v)
{
	const struct config *c = p->core->config;
	struct buf text = { 0 }, who = { 0 };
	struct entry e = { .repeat = 1 }, once = *p->entry;
	int name = config_field(c, SPAN_LIT("jail"));
	struct passage inner;

	once.repeat = 1;	/* of the line; the verdict fell once */
	for (uint16_t i = 0; i < c->njails; i++) {
		const struct jail *j = &c->jails[i];
		struct hit hit;

		if (!j->verdicts || j->nscores || p->core->mode[i] == MODE_OFF)
			continue;
		passage_within(p, &inner);
		if (j->nrules == 0) {
			hit = hit_of_verdict(c, v, j, name);
			inner.entry = &once;
			core_count(&inner, &hit, v->v->when);
			continue;
		}
		if (text.n == 0) {
			buf_printf(&text, "jail=%s", c->jails[v->jail].name);
			for (size_t k = 0; k < v->subject->n; k++) {
				struct subject one = { .n = 1, .part = { v->subject->part[k] } };

				buf_clear(&who);
				subject_print(c, &one, &who);
				buf_printf(&text, " %s=%s", c->fields[one.part[0].field].name, buf_cstr(&who));
			}
		}
		e.text = buf_span(&text);
		inner.entry = &e;
		inner.line = e.text;
		inner.timed = true;
		inner.when = v->v->when;
		matcher_run_jail(p->core->matcher, j, &e, core_hit, &inner);
	}
	buf_free(&text);
	buf_free(&who);
}

/* A hit on the account alone, and where its last line came from. */
static struct hit hit_of_signal(const struct core_verdict *v, const struct jail *j, uint16_t user,
				struct span account)
{
	struct hit hit = { .jail = j };

	for (unsigned i = 0; i < v->hit->ncaptures && hit.ncaptures < HIT_MAX_CAPTURES - 1; i++)
		if (v->hit->capture[i].type == FIELD_ADDR)
			hit.capture[hit.ncaptures++] = v->hit->capture[i];
	hit.capture[hit.ncaptures++] = (struct capture){
		.field = user, .type = FIELD_ACCOUNT, .raw = account,
	};
	return hit;
}

/* "signal-burst counts 30: LINE": what the incident will list. */
static void score_one(struct passage *p, const struct core_verdict *v, const struct jail *j,
		      const struct score *s, struct span account)
{
	struct hit hit = hit_of_signal(v, j, (uint16_t)p->core->user, account);
	struct passage inner;
	struct entry once = *p->entry;
	struct buf line = { 0 };

	buf_printf(&line, "%s counts %u: ", s->name, s->weight);
	buf_put(&line, p->line.p, p->line.n);
	once.repeat = 1;
	passage_within(p, &inner);
	inner.entry = &once;
	inner.line = buf_span(&line);
	inner.score = s;
	core_count(&inner, &hit, v->v->when);
	buf_free(&line);
}

void retell_scored(struct passage *p, const struct core_verdict *v)
{
	const struct config *c = p->core->config;
	struct span account = subject_account(v->subject);

	for (size_t i = 0; account.n && i < c->njails; i++) {
		const struct jail *j = &c->jails[i];

		for (size_t k = 0; k < j->nscores && p->core->mode[i] != MODE_OFF; k++)
			if (j->scores[k].jail == v->jail)
				score_one(p, v, j, &j->scores[k], account);
	}
}
