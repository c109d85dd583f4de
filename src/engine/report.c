/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An account incident in plain words. First one sentence on what happened and
 * one on what stopped it, then what to do, each command on a line of its own
 * to be copied; the lines of the log, the steps and the addresses come after
 * it. All names are escaped: a stranger may have chosen them.
 */
#include "engine/report.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "wire/order.h"
#include "engine/words.h"

static const struct plan_step *find_step(const struct report *r, uint16_t type)
{
	for (size_t i = 0; i < r->plan->nsteps; i++)
		if (r->plan->step[i].type == type)
			return &r->plan->step[i];
	return NULL;
}

static bool was_done(const struct report *r, uint16_t type)
{
	for (size_t i = 0; i < r->plan->nsteps; i++)
		if (r->plan->step[i].type == type && r->plan->step[i].status == OUTCOME_DONE)
			return true;
	return false;
}

/* What all steps of a type came to: messages held, connections closed. */
static int sum_of(const struct report *r, uint16_t type)
{
	int n = 0;

	for (size_t i = 0; i < r->plan->nsteps; i++) {
		const struct plan_step *st = &r->plan->step[i];

		if (st->type == type && st->status == OUTCOME_DONE && st->code > 0)
			n += st->code;
	}
	return n;
}

static const char *headline(const struct report *r)
{
	bool stopped = was_done(r, ORDER_DENY) || was_done(r, ORDER_PARK);

	if (r->propose_why)
		return "needs your word";
	if (was_done(r, ORDER_LOCK))
		return "locked";
	if (find_step(r, ORDER_LOCK))
		return stopped ? "denied, but it could not be locked" : "could not be locked";
	return was_done(r, ORDER_DENY) ? "denied" : was_done(r, ORDER_PARK) ? "parked" : "misused";
}

void report_subject(const struct report *r, struct buf *out)
{
	buf_puts(out, "account ");
	buf_put_escaped(out, span_of(r->plan->user));
	buf_printf(out, " %s (incident %llu)", headline(r), (unsigned long long)r->incident);
}

/* ---- what happened */

static void put_count(const struct report *r, struct buf *out)
{
	const struct limit *l = &r->config->jails[r->jail].limit;
	unsigned long long n = r->amount, most = l->amount;
	char span[40];

	if (r->made.n > 0) {
		buf_put(out, r->made.p, r->made.n);
		buf_puts(out, "; the limit is ");
		words_limit(r->config, &r->config->jails[r->jail], out);
		return;
	}
	clock_print_span(l->within_ms, span, sizeof(span));
	if (l->kind == LIMIT_SUM)
		buf_printf(out, "%s %llu within %s, the limit is %llu",
			   r->config->fields[l->value].name, n, span, most);
	else if (l->kind == LIMIT_DISTINCT)
		buf_printf(out, "%llu different %s within %s, the limit is %llu", n,
			   r->config->fields[l->value].name, span, most);
	else
		buf_printf(out, "%llu hits within %s, the limit is %llu", n, span, most);
}

void report_put_where(const struct report *r, struct buf *out)
{
	char when[32];

	buf_printf(out, "  jail     %s on %s\n  when     %s\n", r->config->jails[r->jail].name, r->host,
		   clock_print(r->when.ms, when, sizeof(when)));
	if (r->seen.n > 0) {
		buf_puts(out, "  from     ");
		buf_put(out, r->seen.p, r->seen.n);
		buf_putc(out, '\n');
	}
}

static void put_what(const struct report *r, struct buf *out)
{
	const struct jail *j = &r->config->jails[r->jail];

	buf_puts(out, "The account ");
	buf_put_escaped(out, span_of(r->plan->user));
	buf_puts(out, " was misused");
	if (j->about) {
		buf_puts(out, ": ");
		buf_put_escaped(out, span_of(j->about));
	}
	buf_puts(out, ".\n  count    ");
	put_count(r, out);
	buf_putc(out, '\n');
	report_put_where(r, out);
}

static void put_contact(const struct report *r, struct buf *out)
{
	for (size_t i = 0; i < r->config->ncontacts; i++) {
		if (strcmp(r->config->contacts[i].account, r->plan->user) != 0)
			continue;
		buf_puts(out, "  owner    ");
		buf_put_escaped(out, span_of(r->config->contacts[i].text));
		buf_putc(out, '\n');
	}
}

/* ---- what stopped it */

static void point(struct buf *out, bool said, const char *text)
{
	if (said)
		buf_printf(out, "  - %s\n", text);
}

static void put_stopped(const struct report *r, struct buf *out)
{
	char held[64], cut[64];
	size_t before;

	snprintf(held, sizeof(held), "%d queued messages are on hold", sum_of(r, ORDER_HOLD));
	snprintf(cut, sizeof(cut), "%d connections were closed", sum_of(r, ORDER_CUT));
	buf_puts(out, "STOPPED:\n");
	before = out->n;
	point(out, was_done(r, ORDER_DENY), "new mail and logins are refused");
	point(out, was_done(r, ORDER_PARK), "new mail is put on hold");
	point(out, was_done(r, ORDER_LOCK), "the password is locked");
	point(out, sum_of(r, ORDER_HOLD) > 0, held);
	point(out, sum_of(r, ORDER_CUT) > 0, cut);
	point(out, was_done(r, ORDER_KICK), "its sessions are ended");
	point(out, out->n == before, "nothing");
}

/* Was it done, or said to be missing, before this step? */
static bool is_repeat(const struct report *r, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (r->plan->step[i].type == r->plan->step[at].type &&
		    r->plan->step[i].status == r->plan->step[at].status)
			return true;
	return false;
}

static void put_missed(const struct report *r, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < r->plan->nsteps; i++) {
		const struct plan_step *st = &r->plan->step[i];

		if (st->status == OUTCOME_DONE || is_repeat(r, i))
			continue;
		if (!any)
			buf_puts(out, "NOT DONE:\n");
		any = true;
		buf_printf(out, "  - %s: %s\n", plan_step_name(st),
			   st->text[0] ? st->text : outcome_name(st->status));
	}
}

static void put_state(const struct report *r, struct buf *out)
{
	if (r->propose_why) {
		buf_printf(out, "%s: %s.\n", was_done(r, ORDER_PARK) ? "ONLY PARKED, new mail is put on hold" :
			   "NOTHING WAS DONE to the account", r->propose_why);
		return;
	}
	if (r->plan->nsteps == 0) {
		buf_puts(out, "NOTHING WAS DONE to the account: the jail only tells.\n");
		return;
	}
	put_stopped(r, out);
	put_missed(r, out);
}

/* ---- what to do */

/* As a shell takes it, whatever a stranger called himself. */
static void put_quoted(struct buf *out, const char *s)
{
	buf_putc(out, '\'');
	for (; *s; s++)
		buf_puts(out, *s == '\'' ? "'\\''" : (char []){ *s, 0 });
	buf_putc(out, '\'');
}

static void put_proposal(const struct report *r, struct buf *out)
{
	buf_puts(out, "  Stop it, all steps at once (this works once):\n    bailiff contain ");
	put_quoted(out, r->plan->user);
	buf_printf(out, " --incident %llu\n", (unsigned long long)r->incident);
}

static void put_advice(const struct report *r, struct buf *out)
{
	unsigned long long id = r->incident;

	buf_puts(out, "\nWhat to do\n");
	put_contact(r, out);
	if (r->propose_why)
		put_proposal(r, out);
	if (find_step(r, ORDER_HOLD) || was_done(r, ORDER_LOCK) || was_done(r, ORDER_DENY))
		buf_printf(out, "  Stolen, and the held mail is spam: give the account a new password, then\n"
			   "    bailiff resolve %llu --purge\n"
			   "  Stolen, but the held mail is honest: a new password, then\n"
			   "    bailiff resolve %llu --release\n", id, id);
	buf_printf(out, "  All of it back, held mail stays held: a new password, then\n"
		   "    bailiff undo %llu\n"
		   "  Nothing was stolen: all of it back, and the held mail goes out\n"
		   "    bailiff undo %llu --false-alarm --release-mail\n"
		   "  To look closer\n    bailiff show %llu\n    bailiff why ", id, id, id);
	put_quoted(out, r->plan->user);
	buf_putc(out, '\n');
}

/* ---- the details */

static void put_steps(const struct report *r, struct buf *out)
{
	for (size_t i = 0; i < r->plan->nsteps; i++) {
		const struct plan_step *st = &r->plan->step[i];

		buf_printf(out, "  %-8s %s%s%s%s\n", plan_step_name(st), st->again ? "again " : "",
			   outcome_name(st->status), st->text[0] ? ": " : "", st->text);
	}
}

void report_put_bans(const struct report *r, struct buf *out)
{
	char addr[ADDR_TEXT_MAX], when[32];
	size_t at = 0;
	const struct ban *b;

	while (r->bans && (b = bans_next(r->bans, &at))) {
		if (b->incident != r->incident)
			continue;
		buf_printf(out, "  ban      %s: %s in scope %s until %s\n",
			   b->state == BAN_IN_FORCE ? "done" : "sent", addr_print(&b->addr, addr),
			   r->config->scopes[b->scope].name, clock_print(b->until_ms, when, sizeof(when)));
	}
}

/* What may let a thief in again, or take mail away, when the password is new. */
static void put_leftovers(const struct report *r, struct buf *out)
{
	struct span rest = r->found, line;

	if (r->propose_why || !find_step(r, ORDER_LOOK))
		return;
	buf_puts(out, "\nLook at these before you unlock (nothing was changed)\n");
	while (span_line(&rest, &line))
		buf_printf(out, "  - %.*s\n", (int)line.n, line.p);
	buf_puts(out, "  - filters, forwards, identities and application passwords set in the webmail,\n"
		 "    aliases that point away, and what the thief has read\n");
}

void report_text(const struct report *r, struct buf *out)
{
	put_what(r, out);
	buf_putc(out, '\n');
	put_state(r, out);
	put_advice(r, out);
	buf_puts(out, "\nThe last lines that counted\n");
	buf_put(out, r->evidence.p, r->evidence.n);
	buf_printf(out, "\n%s\n", r->propose_why ? "What is proposed" : "What was done, and what was not");
	put_steps(r, out);
	report_put_bans(r, out);
	buf_put(out, r->spared.p, r->spared.n);
	put_leftovers(r, out);
}
