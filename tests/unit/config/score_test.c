/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `score`: what is wrong with it is said, and a jail that is wrong is left out. */
#include "setup.h"

#define RISK "log: verdicts\nlimit: {score: 100, per: user, within: 1h}\n"
#define TELL "then: notify\n"

static const struct { const char *name, *yaml, *want; } rows[] = {
	{ "fine", RISK "score: {burst: 30, 'quiet': 40}\n" TELL, "" },
	{ "no signals", RISK TELL, "risk:2:16: 'score' is missing: which jails' verdicts count how much, as in "
	  "'score: {sasl-burst: 40}'\n" },
	{ "a list", RISK "score: [burst]\n" TELL, "risk:3:8: 'score' is missing: which jails' verdicts count how "
	  "much, as in 'score: {sasl-burst: 40}'\n" },
	{ "a weight", RISK "score: {burst: 0}\n" TELL, "risk:3:16: 'burst' is between 1 and 1000000, not 0\n" },
	{ "a log", LOG "match: '<user>'\nlimit: {score: 100, per: user, within: 1h}\nscore: {burst: 1}\n" TELL,
	  "risk:3:16: a limit by 'score' goes with 'log: verdicts'\n"
	  "risk:2:8: a limit by 'score' takes no 'match': it counts the verdicts of the jails that 'score' names\n" },
	{ "per address", "log: verdicts\nlimit: {score: 100, per: ip, within: 1h}\nscore: {burst: 1}\n" TELL,
	  "risk:2:26: a score is counted 'per: user'\n" },
	{ "score and count", "log: verdicts\nlimit: {score: 100, count: 5, per: user, within: 1h}\nscore: {burst: 1}\n" TELL,
	  "risk:2:16: 'score' is a limit of its own: it goes with 'per' and 'within' alone\n" },
	{ "signals without a score", "log: verdicts\nlimit: {count: 5, per: user, within: 1h}\nscore: {burst: 1}\n" TELL,
	  "risk:3:1: 'score' goes with a limit by score: {score: 100, per: user, within: 1h}\n" },
	{ "a slip", RISK "score: {brust: 30}\n" TELL, "risk:3:9: no jail named 'brust', did you mean 'burst'?\n" },
	{ "one that counts addresses", RISK "score: {guess: 30}\n" TELL,
	  "risk:3:9: 'guess' counts no accounts ('per: user'), so its verdicts are on none\n" },
	{ "itself", RISK "score: {risk: 30}\n" TELL, "risk:3:9: 'risk' counts verdicts itself, so it is no signal\n" },
	{ "one that did not load", RISK "score: {broken: 30, burst: 9}\n" TELL,
	  "risk:3:9: warning: the jail 'broken' did not load, so it gives no signal\n" },
};

static void test_rows(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool fine = !*rows[i].want || strstr(rows[i].want, "warning");
		struct buf ours = { 0 };
		struct made m;

		made_begin(&m, "");
		made_jail(&m, PACK_JAIL_ADMIN, "broken", "x: y\n");
		made_jail(&m, PACK_JAIL_ADMIN, "burst", LOG "match: '<ip> <user>'\nlimit: {count: 5, per: [user, ip], within: 1m}\n" TELL);
		made_jail(&m, PACK_JAIL_ADMIN, "guess", LOG MATCH LIMIT TELL);
		made_jail(&m, PACK_JAIL_ADMIN, "quiet", LOG "match: '<user>'\nlimit: {count: 5, per: user, within: 1m}\nthen: []\n");
		made_jail(&m, PACK_JAIL_ADMIN, "risk", rows[i].yaml);
		made_load(&m);
		assert_int_equal(m.err, 0);
		for (size_t k = 0; k < m.bad.n; k++)
			if (strcmp(m.bad.v[k].place.file, "risk") == 0) {
				complaint_print(&m.bad.v[k], &ours);
				buf_putc(&ours, '\n');
			}
		wrong += differs(rows[i].name, buf_cstr(&ours), rows[i].want);
		assert_int_equal(m.config->njails, fine ? 4 : 3);
		assert_true(fine == (config_jail(m.config, "risk") != NULL));
		if (strcmp(rows[i].name, "fine") == 0)
			assert_string_equal(m.config->jails[config_jail(m.config, "risk")->scores[1].jail].name, "quiet");
		buf_free(&ours);
		made_free(&m);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
