/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `classes:`: members of three kinds, files, limits of jails, and every complaint. */
#include "setup.h"

#define WITH_JAIL LOG "match: '<ip> <user> <sender>'\nlimit: {count: 5, per: user, within: 1m, " \
	"with: foreign_sender, alone: 9}\nthen: notify\nsuccesses: yes\n"
#define SUM_JAIL LOG "match: '<user> <nrcpt>'\nlimit: {sum: nrcpt, over: 5, per: user, within: 1m}\nthen: notify\n"

static const struct { const char *name, *yaml, *list, *want; } rows[] = {
	{ "none", "classes: {}\n", NULL, "" },
	{ "a list", "classes: [a]\n", NULL, "main:1:10: 'classes' takes a map of classes, not a list\n" },
	{ "a text", "classes: {a: b}\n", NULL, "main:1:14: the class 'a' takes a map of keys, not text\n" },
	{ "a name", "classes: {'a b': {members: [joe]}}\n", NULL, "main:1:11: a class's name is made of letters, "
	  "digits, '_' and '-', at most 32 of them, not 'a b'\n" },
	{ "no members", "classes: {a: {never: yes}}\n", NULL,
	  "main:1:11: the class 'a' has no 'members' and no 'file'\n" },
	{ "a key", "classes: {a: {membrs: [joe]}}\n", NULL,
	  "main:1:15: unknown key 'membrs', did you mean 'members'?\n" },
	{ "members", "classes: {a: {members: [joe, JOE@x.example, '*@x.example', 'a?', 192.0.2.1, 192.0.2.0/24, "
	  "'2001:db8::/32', '::1']}}\n", NULL, "" },
	{ "neither", "classes: {a: {members: [joe, 300.1.1.1, 192.0.2.0/33, 'a b', 'a,*', '']}}\n", NULL,
	  "main:1:30: '300.1.1.1' is no account, no glob of accounts and no network\n"
	  "main:1:41: '192.0.2.0/33' is no account, no glob of accounts and no network\n"
	  "main:1:55: 'a b' is no account, no glob of accounts and no network\n"
	  "main:1:62: 'a,*' is no account, no glob of accounts and no network\n"
	  "main:1:69: '' is no account, no glob of accounts and no network\n" },
	{ "a file", "classes: {a: {file: list}}\n", "# all\njoe\n\n  ann@x.example  # she\n*@y.example\r\n10.0.0.0/8\n", "" },
	{ "a file without its last newline", "classes: {a: {file: list}}\n", "joe", "" },
	{ "a file that is not there", "classes: {a: {file: lost}}\n", NULL,
	  "main:1:21: cannot read /base/lost: No such file or directory\n" },
	{ "a file with something else", "classes: {a: {file: list}}\n", "joe\n  a b\nx/y # z\n",
	  "/base/list:2:3: 'a b' is no account, no glob of accounts and no network\n"
	  "/base/list:3:1: 'x/y' is no account, no glob of accounts and no network\n" },
	{ "senders", "classes: {a: {members: joe, senders: ['*@x.example', 'a b']}}\n", NULL, "main:1:54: 'senders' "
	  "takes addresses and globs of them ('*@brand.example'), not 'a b'\n" },
	{ "home", "classes: {a: {members: joe, home: [DE, no, DEU]}}\n", NULL,
	  "main:1:44: 'home' takes countries by their two letters (DE), not 'DEU'\n" },
	{ "pairs", "classes: {a: {members: joe, pairs: [[DE, CH], DE, [DE, DE], [DE]]}}\n", NULL,
	  "main:1:47: 'pairs' takes a list of pairs of countries: [[DE, CH], [DE, AT]]\n"
	  "main:1:51: a pair is of two countries, not DE twice\n"
	  "main:1:61: 'pairs' takes a list of pairs of countries: [[DE, CH], [DE, AT]]\n" },
	{ "ignore_asn", "classes: {a: {members: joe, ignore_asn: [8075, x, 0]}}\n", NULL,
	  "main:1:48: 'ignore_asn' takes a number, not 'x'\n"
	  "main:1:51: 'ignore_asn' is between 1 and 4294967295, not 0\n" },
	{ "limits", "classes: {a: {members: joe, limits: {w: {count: 20, alone: 90}, s: {over: 0}, d: off}}}\n", NULL, "" },
	{ "limits, list", "classes: {a: {members: joe, limits: [w]}}\n", NULL,
	  "main:1:37: 'limits' takes a map of jails, not a list\n" },
	{ "limits, on", "classes: {a: {members: joe, limits: {w: on}}}\n", NULL,
	  "main:1:41: the limit of 'w' is off, or {count or over: N, alone: N}\n" },
	{ "limits, nothing", "classes: {a: {members: joe, limits: {w: {}}}}\n", NULL,
	  "main:1:41: nothing is set here: 'count', 'over' or 'alone'\n" },
	{ "limits, both", "classes: {a: {members: joe, limits: {w: {count: 1, over: 2}}}}\n", NULL,
	  "main:1:41: 'count' and 'over' exclude each other\n" },
	{ "limits, an unknown jail", "classes: {a: {members: joe, limits: {ww: off}}}\n", NULL,
	  "main:1:38: no jail named 'ww'\n" },
	{ "limits, a jail that did not load", "classes: {a: {members: joe, limits: {broken: off}}}\n", NULL, "" },
	{ "limits, the other kind", "classes: {a: {members: joe, limits: {s: {count: 5}, w: {over: 7}}}}\n", NULL,
	  "main:1:38: the limit of 's' is by 'over', not by 'count'\n"
	  "main:1:53: the limit of 'w' is by 'count', not by 'over'\n" },
	{ "limits, alone of what has none", "classes: {a: {members: joe, limits: {s: {over: 5, alone: 7}}}}\n", NULL,
	  "main:1:38: the limit of 's' has no 'with', so nothing is 'alone'\n" },
	{ "limits, over alone", "classes: {a: {members: joe, limits: {w: {count: 10}}}}\n", NULL,
	  "main:1:38: 'count' is 10 here, and 'alone' is 9: set 'alone', too\n" },
};

static void test_rows(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct made m;

		made_begin(&m, rows[i].yaml);
		made_jail(&m, PACK_JAIL_ADMIN, "w.yaml", WITH_JAIL);
		made_jail(&m, PACK_JAIL_ADMIN, "s.yaml", SUM_JAIL);
		made_jail(&m, PACK_JAIL_ADMIN, "d.yaml", LOG MATCH LIMIT THEN);
		if (strstr(rows[i].yaml, "broken"))
			made_jail(&m, PACK_JAIL_ADMIN, "broken.yaml", "x: y\n");
		if (rows[i].list)
			made_jail(&m, PACK_LIST, "/base/list", rows[i].list);
		made_load(&m);
		if (strstr(rows[i].yaml, "broken"))
			assert_int_equal(m.err, 0);
		else
			wrong += differs(rows[i].name, buf_cstr(&m.text), rows[i].want);
		if (!strstr(rows[i].yaml, "broken") && (m.err == 0) != !*rows[i].want)
			fail_msg("%s: %d", rows[i].name, m.err);
		made_free(&m);
	}
	assert_int_equal(wrong, 0);
}

/* Accounts are kept as they are counted. */
static void test_canonical(void **state)
{
	struct made m;
	const struct class *c;

	(void)state;
	made_begin(&m, "accounts: {default_domain: x.example, strip_tag: yes}\n"
		   "classes: {a: {members: [JOE, Ann+tag@Y.example, 'B*@Z.example', '::ffff:192.0.2.1'], file: list}}\n");
	made_jail(&m, PACK_LIST, "/base/list", "bob\n");
	made_load(&m);
	assert_int_equal(m.err, 0);
	c = &m.config->classes[0];
	assert_int_equal(c->names.n, 3);
	assert_string_equal(c->names.v[0], "joe@x.example");
	assert_string_equal(c->names.v[1], "ann@y.example");
	assert_string_equal(c->names.v[2], "bob@x.example");
	assert_int_equal(c->globs.n, 1);
	assert_string_equal(c->globs.v[0], "b*@z.example");
	assert_int_equal(c->nnetworks, 1);
	assert_int_equal(c->networks[0].family, ADDR_V4);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_canonical) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
