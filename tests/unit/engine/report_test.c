/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the admin reads about an account, word for word. */
#include "world.h"

#include "engine/report.h"
#include "wire/order.h"

static const char *const jails[] = {
	"burst.yaml", "about: sends more than its owner would\nlog: mail\nprogram: x\nmatch: '<ip> <user>$'\n"
	"limit: {count: 3, per: user, within: 10m}\nthen: [contain, notify]\n",
	"volume.yaml", "log: mail\nprogram: x\nmatch: '<ip> <user> <size>$'\n"
	"limit: {sum: size, over: 1000, per: user, within: 1h}\nthen: [contain, notify]\n",
	"places.yaml", "log: mail\nprogram: x\nmatch: '<ip> <user>$'\n"
	"limit: {distinct: ip, count: 3, per: user, within: 1m}\nthen: [contain, notify]\n", NULL
};
static const char config[] = "contacts: {JOE: '+49 30 1234, mornings'}\n";

static void step(struct plan *p, uint16_t type, bool again, uint16_t status, int code, const char *text)
{
	struct plan_step *st = &p->step[p->nsteps++];

	*st = (struct plan_step){ .type = type, .again = again, .over = true, .status = status, .code = code };
	snprintf(st->text, sizeof(st->text), "%s", text);
}

static struct plan contained(const char *user)
{
	struct plan p = { .nsteps = 0 };

	snprintf(p.user, sizeof(p.user), "%s", user);
	step(&p, ORDER_DENY, false, OUTCOME_DONE, 0, "");
	step(&p, ORDER_CUT, false, OUTCOME_DONE, 2, "2 connections closed");
	step(&p, ORDER_HOLD, false, OUTCOME_DONE, 40, "40 held");
	step(&p, ORDER_KICK, false, OUTCOME_REFUSED, -ENOENT, "no Dovecot here: there is no doveadm");
	step(&p, ORDER_LOCK, false, OUTCOME_DONE, 0, "");
	step(&p, ORDER_KICK, true, OUTCOME_REFUSED, -ENOENT, "no Dovecot here: there is no doveadm");
	step(&p, ORDER_HOLD, true, OUTCOME_DONE, 1, "1 held");
	step(&p, ORDER_LOOK, false, OUTCOME_DONE, 2, "2 found");
	return p;
}

static struct report report(const struct world *w, const struct plan *p, const char *jail)
{
	const struct config *c = w->made.config;

	return (struct report){
		.config = c, .host = "mx", .incident = 42, .jail = (uint16_t)(config_jail(c, jail) - c->jails),
		.amount = 3, .when = { 1700000000000 }, .plan = p, .evidence = SPAN_LIT("  a line\n"),
		.found = SPAN_LIT("~/.forward: changed\nowner: Joe\n"), .seen = SPAN_LIT("203.0.113.9"), .spared = SPAN_LIT("  spared   192.0.2.7: allowed\n"),
	};
}

static void has(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("missing:\n%s\nin:\n%s", want, text);
}

static void acted(void **state)
{
	struct plan p = contained("joe");
	struct buf out = { 0 };
	struct world w;
	struct report r;
	const char *text;

	(void)state;
	world_begin(&w, config, jails);
	r = report(&w, &p, "burst");
	report_subject(&r, &out);
	assert_string_equal(buf_cstr(&out), "account joe locked (incident 42)");
	buf_clear(&out);
	report_text(&r, &out);
	text = buf_cstr(&out);
	has(text, "The account joe was misused: sends more than its owner would.\n"
	    "  count    3 hits within 10m, the limit is 3\n  jail     burst on mx\n");
	has(text, "\n  from     203.0.113.9\n\nSTOPPED:\n  - new mail and logins are refused\n  - the password is locked\n"
	    "  - 41 queued messages are on hold\n  - 2 connections were closed\n"
	    "NOT DONE:\n  - kick: no Dovecot here: there is no doveadm\n\nWhat to do\n  owner    +49 30 1234, mornings\n"
	    "  Stolen, and the held mail is spam: give the account a new password, then\n"
	    "    bailiff resolve 42 --purge\n");
	assert_true(strstr(text, "resolve 42 --purge") < strstr(text, "resolve 42 --release"));
	assert_true(strstr(text, "resolve 42 --release") < strstr(text, "undo 42\n"));
	has(text, "\nThe last lines that counted\n  a line\n\nWhat was done, and what was not\n  deny     done\n");
	has(text, "  kick     refused: no Dovecot here: there is no doveadm\n");
	has(text, "  hold     again done: 1 held\n  look     done: 2 found\n  spared   192.0.2.7: allowed\n\n"
	    "Look at these before you unlock (nothing was changed)\n  - ~/.forward: changed\n  - owner: Joe\n  - filters");
	buf_free(&out);
	world_end(&w);
}

static void proposed(void **state)
{
	struct plan p = { .nsteps = 0 };
	struct buf out = { 0 };
	struct world w;
	struct report r;

	(void)state;
	world_begin(&w, "", jails);
	snprintf(p.user, sizeof(p.user), "joe';reboot;'");
	step(&p, ORDER_DENY, false, OUTCOME_PROPOSED, 0, "");
	r = report(&w, &p, "burst");
	r.propose_why = "accounts: act is not yes";
	report_subject(&r, &out);
	has(buf_cstr(&out), "needs your word (incident 42)");
	buf_clear(&out);
	report_text(&r, &out);
	has(buf_cstr(&out), "\nNOTHING WAS DONE to the account: accounts: act is not yes.\n\nWhat to do\n"
	    "  Stop it, all steps at once (this works once):\n"
	    "    bailiff contain 'joe'\\'';reboot;'\\''' --incident 42\n");
	assert_null(strstr(buf_cstr(&out), "STOPPED"));
	assert_null(strstr(buf_cstr(&out), "--purge"));
	buf_free(&out);
	world_end(&w);
}

static void counts(void **state)
{
	static const struct { const char *jail, *want; } rows[] = {
		{ "volume", "  count    size 3 within 1h, the limit is 1000\n" },
		{ "places", "  count    3 different ip within 1m, the limit is 3\n" },
	};
	struct plan p = contained("eve@example.net");
	struct world w;

	(void)state;
	world_begin(&w, config, jails);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct report r = report(&w, &p, rows[i].jail);
		struct buf out = { 0 };

		report_text(&r, &out);
		has(buf_cstr(&out), rows[i].want);
		assert_null(strstr(buf_cstr(&out), "  owner "));
		buf_free(&out);
	}
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acted), cmocka_unit_test(proposed), cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
