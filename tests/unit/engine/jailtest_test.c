/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tests that stand beside a jail's patterns: what passes, and what is said if not. */
#include "world.h"

#include "engine/jailtest.h"

#define JAIL "log: mail\nprogram: 'postfix*'\nmatch: 'fail <host>\\[<ip>\\] <user>(?: <count>)?$'\n" \
	"limit: {count: 2, per: ip, within: 10m}\nthen:\n  - ban: {for: 10m, scope: mail}\n"

static const struct { const char *name, *tests, *want; } rows[] = {
	{ "none", "", "" },
	{ "a hit", "tests:\n- {line: 'fail a.example[203.0.113.9] joe', hit: {ip: 203.0.113.9, user: joe}}\n", "" },
	{ "any hit", "tests:\n- {line: 'fail a.example[203.0.113.9] joe', hit: {}}\n", "" },
	{ "no hit", "tests:\n- {line: 'fail a.example[300.1.1.1] joe', hit: none}\n", "" },
	{ "addresses are compared as such",
	  "tests:\n- {line: 'fail a[2001:db8::1] joe', hit: {ip: '2001:0db8:0::1'}}\n", "" },
	{ "and derived captures are captures",
	  "tests:\n- {line: 'fail a[203.0.113.9] joe@b.example', hit: {user_domain: b.example, net: 203.0.113.0/24}}\n", "" },
	{ "numbers", "tests:\n- {line: 'fail a[203.0.113.9] joe 7', hit: {count: 7}}\n", "" },
	{ "another program",
	  "tests:\n- {line: 'fail a[203.0.113.9] joe', program: sshd, hit: none}\n"
	  "- {line: 'fail a[203.0.113.9] joe', program: postfix/submission/smtpd, hit: {ip: 203.0.113.9}}\n", "" },
	{ "a hit, none wanted", "tests:\n- {line: 'fail a[203.0.113.9] joe', hit: none}\n",
	  "j.yaml:8:3: test failed: it is a hit, none is wanted\n" },
	{ "no hit, one wanted", "tests:\n- {line: 'fail a[300.1.1.1] joe', hit: {ip: 203.0.113.9}}\n",
	  "j.yaml:8:3: test failed: no pattern matches, a hit is wanted\n" },
	{ "another value", "tests:\n- {line: 'fail a[203.0.113.9] joe', hit: {user: ann}}\n",
	  "j.yaml:8:3: test failed: user is 'joe', 'ann' is wanted\n" },
	{ "another address", "tests:\n- {line: 'fail a[203.0.113.9] joe', hit: {ip: 203.0.113.8}}\n",
	  "j.yaml:8:3: test failed: ip is '203.0.113.9', '203.0.113.8' is wanted\n" },
	{ "no value", "tests:\n- {line: 'fail a[203.0.113.9] joe', hit: {count: 7}}\n",
	  "j.yaml:8:3: test failed: count was not captured, '7' is wanted\n" },
	{ "each that fails is told",
	  "tests:\n- {line: 'x', hit: {}}\n- {line: 'fail a[203.0.113.9] joe', hit: {}}\n- {line: 'y', hit: {}}\n",
	  "j.yaml:8:3: test failed: no pattern matches, a hit is wanted\n"
	  "j.yaml:10:3: test failed: no pattern matches, a hit is wanted\n" },

	{ "a verdict",
	  "tests:\n- lines: ['fail a[203.0.113.9] joe', {line: 'fail a[203.0.113.9] ann', at: 10m}]\n"
	  "  verdict: {ip: 203.0.113.9}\n", "" },
	{ "a verdict not yet",
	  "tests:\n- lines: ['fail a[203.0.113.9] joe', {line: 'fail a[203.0.113.9] ann', at: 10m1ms}]\n"
	  "  verdict: none\n", "" },
	{ "a verdict, none wanted",
	  "tests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe']\n  verdict: none\n",
	  "j.yaml:8:3: test failed: a verdict fell, none is wanted\n" },
	{ "no verdict, one wanted",
	  "tests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.8] joe']\n  verdict: {ip: 203.0.113.8}\n",
	  "j.yaml:8:3: test failed: no verdict fell, one is wanted\n" },
	{ "of another subject",
	  "tests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe']\n  verdict: {ip: 203.0.113.8}\n",
	  "j.yaml:8:3: test failed: the verdict fell on 203.0.113.9\n" },
	{ "one of several",
	  "tests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe', 'fail a[203.0.113.8] joe',"
	  " 'fail a[203.0.113.8] joe']\n  verdict: {ip: 203.0.113.9}\n", "" },
	{ "places", "tests:\n- {line: 'fail a[203.0.113.9] joe', places: {203.0.113.9: DE AS64500}, "
	  "hit: {country: DE, asn: 64500}}\n", "" },
	{ "another place", "tests:\n- {line: 'fail a[203.0.113.9] joe', places: {203.0.113.9: DE}, "
	  "hit: {country: FR}}\n", "j.yaml:8:3: test failed: country is 'DE', 'FR' is wanted\n" },
	{ "in a country", "country: [FR, US]\ntests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: {ip: 203.0.113.9}\n", "" },
	{ "in another", "country: [FR, US]\ntests:\n- lines: ['fail a[192.0.2.9] joe', 'fail a[192.0.2.9] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: none\n", "" },
	{ "in none", "country: [FR, US]\ntests:\n- lines: ['fail a[198.51.100.9] joe', 'fail a[198.51.100.9] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: none\n", "" },
	{ "not in a country", "country: {not: de}\ntests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: {ip: 203.0.113.9}\n", "" },
	{ "not in that one", "country: {not: [US, DE]}\ntests:\n- lines: ['fail a[192.0.2.9] joe', 'fail a[192.0.2.9] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: none\n", "" },
	{ "nowhere is not elsewhere", "country: {not: DE}\ntests:\n- lines: ['fail a[198.51.100.9] joe', 'fail a[198.51.100.9] joe', 'fail a[10.0.0.1] joe', 'fail a[10.0.0.1] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: none\n", "" },
	{ "nobody is away without a class", "country: {not: home}\ntests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe']\n"
	  "  places: {192.0.2.0/24: DE AS64500, 203.0.113.0/24: FR, 198.51.100.0/24: AS64501}\n  verdict: none\n", "" },
};

static void tests(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct complaints bad = { 0 };
		struct buf yaml = { 0 }, said = { 0 };
		struct world w;
		unsigned refused;

		buf_printf(&yaml, "%s%s", JAIL, rows[i].tests);
		world_begin(&w, "", (const char *const []){ "j.yaml", buf_cstr(&yaml), NULL });
		refused = jailtest_all(w.core, &bad);
		for (size_t k = 0; k < bad.n; k++) {
			assert_string_equal(bad.v[k].jail, "j");
			assert_false(bad.v[k].warning);
			complaint_print(&bad.v[k], &said);
			buf_putc(&said, '\n');
		}
		wrong += differs(rows[i].name, buf_cstr(&said), rows[i].want);
		/* Refused is off; and no test leaves a trace. */
		assert_int_equal(refused, rows[i].want[0] != 0);
		assert_int_equal(w.core->mode[0], refused ? MODE_OFF : MODE_ON);
		assert_int_equal(w.core->jails[0].hits, 0);
		assert_int_equal(windows_used(w.core->windows), 0);
		world_run(&w, "0 postfix/smtpd: fail a[203.0.113.9] joe\n1 postfix/smtpd: fail a[203.0.113.9] joe\n");
		/* And no place: without a database nobody is in a country. */
		assert_int_equal(w.core->jails[0].verdicts, !refused && strncmp(rows[i].tests, "country", 7) != 0);
		complaints_free(&bad);
		buf_free(&yaml);
		buf_free(&said);
		world_end(&w);
	}
	assert_int_equal(wrong, 0);
}

/* Bare names in a test hold whatever domain they belong to here. */
static void of_accounts(void **state)
{
	static const char *const jails[] = {
		"j.yaml", "log: mail\nmatch: 'ok <user> '\nlimit: {count: 2, per: user, within: 10m}\nthen: []\ntests:\n"
		"- lines: ['ok joe ', 'ok JOE@example.org ']\n  verdict: {user: joe}\n"
		"- lines: ['ok joe ', 'ok joe ']\n  verdict: {user: Joe@example.org}\n"
		"- {line: 'ok joe ', hit: {user: joe}}\n"
		"- lines: ['ok joe ', 'ok joe ']\n  verdict: {user: joe@example.com}\n", NULL
	};
	struct complaints bad = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, "accounts: {default_domain: example.org}\n", jails);
	assert_int_equal(jailtest_all(w.core, &bad), 1);
	assert_int_equal(bad.n, 1);
	assert_string_equal(bad.v[0].text, "test failed: the verdict fell on joe@example.org");
	complaints_free(&bad);
	world_end(&w);
}

/* One jail's failure is its own; a jail that is off is tested, and stays off. */
static void others_start(void **state)
{
	static const char *const jails[] = {
		"a.yaml", JAIL "tests:\n- {line: x, hit: {}}\n",
		"b.yaml", JAIL "tests:\n- {line: x, hit: none}\n",
		"c.yaml", "mode: off\n" JAIL "tests:\n- {line: x, hit: none}\n",
		"d.yaml", "mode: shadow\n" JAIL, NULL
	};
	struct complaints bad = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, "", jails);
	assert_int_equal(jailtest_all(w.core, &bad), 1);
	assert_int_equal(bad.n, 1);
	assert_int_equal(w.core->mode[0], MODE_OFF);
	assert_int_equal(w.core->mode[1], MODE_ON);
	assert_int_equal(w.core->mode[2], MODE_OFF);
	assert_int_equal(w.core->mode[3], MODE_SHADOW);
	complaints_free(&bad);
	world_end(&w);
}

/* Several lines of a jail in shadow, with threads, of verdicts. */
static void of_every_kind(void **state)
{
	static const char *const jails[] = {
		"s.yaml", "mode: shadow\n" JAIL
		"tests:\n- lines: ['fail a[203.0.113.9] joe', 'fail a[203.0.113.9] joe']\n"
		"  verdict: {ip: 203.0.113.9}\n",
		"t.yaml", "log: mail\nprogram: 'postfix*'\nthread: {by: qid}\nmatch:\n"
		"  - remember: '<qid>: client=<host>\\[<ip>\\]'\n  - count: '<qid>: removed'\n"
		"limit: {count: 1, per: ip, within: 1m}\nthen: []\n"
		"tests:\n- lines: [{line: '4F1C: client=a[203.0.113.9]', program: postfix/smtpd},"
		" {line: '4F1C: removed', program: postfix/qmgr}]\n  verdict: {ip: 203.0.113.9}\n"
		"- lines: [{line: '4F1C: client=a[203.0.113.9]', program: postfix/smtpd},"
		" {line: '4F1D: removed', program: postfix/qmgr}]\n  verdict: none\n", NULL
	};
	struct complaints bad = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, "", jails);
	assert_int_equal(jailtest_all(w.core, &bad), 0);
	assert_int_equal(bad.n, 0);
	complaints_free(&bad);
	world_end(&w);
}

/* One process, one thread: the tag tells it, unless the pattern does. */
static void by_process(void **state)
{
	static const char *const jails[] = {
		"p.yaml", "log: mail\nprogram: 'sshd*'\nthread: {by: pid}\nmatch:\n"
		"  - remember: 'Connection from <ip>'\n  - {count: 'failed', each: yes}\n"
		"limit: {count: 2, per: ip, within: 1m}\nthen: []\ntests:\n"
		"- lines: ['Connection from 203.0.113.9', failed, failed]\n  program: 'sshd[7]'\n"
		"  verdict: {ip: 203.0.113.9}\n"
		"- lines: [{line: 'Connection from 203.0.113.9', program: 'sshd[7]'},"
		" {line: failed, program: 'sshd[8]'}, {line: failed, program: 'sshd[8]'}]\n  verdict: none\n"
		"- lines: ['Connection from 203.0.113.9', failed, failed]\n  verdict: none\n"
		"- line: 'Connection from 203.0.113.9'\n  program: 'sshd-session[0042]'\n  hit: {pid: 42}\n",
		"q.yaml", "log: mail\nthread: {by: pid}\nmatch:\n"
		"  - remember: 'opened by <pid> from <ip>'\n  - count: '<pid> failed'\n"
		"limit: {count: 1, per: ip, within: 1m}\nthen: []\ntests:\n"
		"- lines: ['opened by 9 from 203.0.113.9', '9 failed']\n  program: 'sshd[7]'\n"
		"  verdict: {ip: 203.0.113.9}\n"
		"- line: 'opened by 9 from 203.0.113.9'\n  program: 'sshd[7]'\n  hit: {pid: 9}\n", NULL
	};
	struct complaints bad = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, "", jails);
	assert_int_equal(jailtest_all(w.core, &bad), 0);
	for (size_t i = 0; i < bad.n; i++)
		print_error("%s\n", bad.v[i].text);
	assert_int_equal(bad.n, 0);
	complaints_free(&bad);
	world_end(&w);
}

/* All tests share a core: what one counted, told or learned is nothing to the next, nor to another jail's. */
static void on_their_own(void **state)
{
	static const char *const jails[] = {
		"l.yaml", "log: mail\nmatch: '(?<jail>q) <count>'\nlimit: {level: count, over: 5, per: jail}\nthen: []\ntests:\n"
		"- lines: ['q 6', 'q 7']\n  verdict: {jail: q}\n- lines: ['q 8']\n  verdict: {jail: q}\n",
		"n.yaml", "log: mail\nmatch: 'ok <user> <ip>'\nknown_good: yes\nsuccesses: yes\n"
		"limit: {count: 1, per: user, within: 1h}\nthen: []\ntests:\n"
		"- lines: ['ok joe 192.0.2.1', {line: 'ok joe 192.0.2.1', at: 5h}, {line: 'ok joe 192.0.2.1', at: 6h}]\n"
		"  verdict: {user: joe}\n"
		"- lines: ['ok joe 192.0.2.1']\n  verdict: none\n",
		"s.yaml", "log: mail\nmatch: 'ok <user> <ip>'\nlimit: {count: 2, per: ip, within: 1w}\nsignal: yes\n"
		"then: []\ntests:\n"
		"- lines: ['ok joe 192.0.2.1']\n  verdict: none\n- lines: ['ok joe 192.0.2.1']\n  verdict: none\n"
		"- lines: ['ok joe 192.0.2.1', 'ok joe 192.0.2.1']\n  verdict: {ip: 192.0.2.1}\n"
		"- lines: ['ok joe 192.0.2.1', 'ok joe 192.0.2.1']\n  verdict: {ip: 192.0.2.1}\n",
		"t.yaml", "log: mail\nthread: {by: qid}\nmatch:\n"
		"  - remember: '<qid>: client=<host>\\[<ip>\\]'\n  - count: '<qid>: removed'\n"
		"limit: {count: 1, per: ip, within: 1m}\nthen: []\ntests:\n"
		"- lines: ['4F1C: client=a[203.0.113.9]']\n  verdict: none\n"
		"- lines: ['4F1C: removed']\n  verdict: none\n", NULL
	};
	struct complaints bad = { 0 };
	struct world w;

	(void)state;
	world_begin(&w, "", jails);
	assert_int_equal(jailtest_all(w.core, &bad), 0);
	assert_int_equal(bad.n, 0);
	/* And the core that serves takes up its matcher as it left it. */
	world_run(&w, "0 x: 4F1C: client=a[203.0.113.9]\n1 x: 4F1C: removed\n2 x: ok joe 192.0.2.7\n");
	assert_int_equal(w.core->jails[0].hits + w.core->jails[3].verdicts, 1);
	assert_int_equal(w.core->jails[1].hits + w.core->jails[2].hits, 2);
	complaints_free(&bad);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(tests), cmocka_unit_test(of_accounts), cmocka_unit_test(others_start),
		cmocka_unit_test(of_every_kind), cmocka_unit_test(by_process),
		cmocka_unit_test(on_their_own),
	};

	hash_init();
	return cmocka_run_group_tests(all, NULL, NULL);
}
