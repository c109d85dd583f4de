/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load(print(c)) == c, over every YAML there is: rows here, the shipped jails,
 * the fuzzer's corpus. Equal is what every value says, places aside.
 */
#include <dirent.h>

#include "setup.h"

/* ---- equality, member by member ---- */

static void same_text(const char *a, const char *b)
{
	assert_true(!a == !b);
	if (a)
		assert_string_equal(a, b);
}

static void same_strings(const struct strings *a, const struct strings *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->v[i], b->v[i]);
}

#define SAME(m) assert_int_equal(a->m, b->m)
#define TEXT(m) same_text(a->m, b->m)
#define STRINGS(m) same_strings(&a->m, &b->m)

static void same_rule(const struct rule *a, const struct rule *b)
{
	SAME(verb);
	SAME(each);
	SAME(part);
	SAME(aside);
	TEXT(pattern);
}

static void same_action(const struct action *a, const struct action *b)
{
	SAME(kind);
	SAME(for_ms);
	SAME(max_ms);
	SAME(remember_ms);
	SAME(scope);
	SAME(whom);
	SAME(v4_len);
	SAME(v6_len);
	TEXT(text);
	STRINGS(argv);
	STRINGS(undo);
	assert_memory_equal(&a->grow, &b->grow, sizeof(a->grow));
}

static void same_limit(const struct limit *a, const struct limit *b)
{
	SAME(kind);
	SAME(amount);
	SAME(value);
	SAME(within_ms);
	SAME(nper);
	for (size_t i = 0; i < a->nper; i++)
		SAME(per[i]);
	SAME(v6_len);
	SAME(weight);
	SAME(weight_field);
	SAME(weighs);
	SAME(ratio);
	SAME(under);
	SAME(nwith);
	for (size_t i = 0; i < a->nwith; i++) {
		SAME(with[i].kind);
		SAME(with[i].field);
		SAME(with[i].over);
	}
	SAME(alone);
	SAME(known);
	SAME(spread_accounts);
	SAME(spread_weight);
}

static void same_test(const struct jail_test *a, const struct jail_test *b)
{
	SAME(nlines);
	SAME(none);
	SAME(wants_verdict);
	SAME(nwant);
	for (size_t i = 0; i < a->nlines; i++) {
		TEXT(lines[i].text);
		TEXT(lines[i].program);
		TEXT(lines[i].host);
		SAME(lines[i].has_at);
		SAME(lines[i].at_ms);
	}
	for (size_t i = 0; i < a->nwant; i++) {
		TEXT(want[i].name);
		TEXT(want[i].value);
	}
	SAME(nplaces);
	for (size_t i = 0; i < a->nplaces; i++)
		assert_memory_equal(&a->places[i], &b->places[i], sizeof(a->places[i]));
}

static void same_jail(const struct jail *a, const struct jail *b)
{
	TEXT(name);
	TEXT(about);
	TEXT(service);
	TEXT(prefix);
	STRINGS(programs);
	SAME(shipped);
	SAME(verdicts);
	SAME(mode);
	SAME(mode_set);
	SAME(automatic);
	SAME(ban_private);
	SAME(nscores);
	for (size_t i = 0; i < a->nscores; i++) {
		TEXT(scores[i].name);
		SAME(scores[i].jail);
		SAME(scores[i].weight);
	}
	SAME(active.days);
	SAME(active.from);
	SAME(active.to);
	SAME(known_good);
	SAME(foreign_sender);
	SAME(country.rule);
	STRINGS(country.codes);
	SAME(brake.bans);
	SAME(brake.within_ms);
	SAME(threaded);
	SAME(thread_by);
	SAME(thread_keep_ms);
	SAME(nlogs);
	SAME(nrules);
	SAME(nignore);
	SAME(nthen);
	SAME(ntests);
	for (size_t i = 0; i < a->nlogs; i++)
		SAME(logs[i]);
	for (size_t i = 0; i < a->nrules; i++)
		same_rule(&a->rules[i], &b->rules[i]);
	for (size_t i = 0; i < a->nignore; i++)
		same_rule(&a->ignore[i], &b->ignore[i]);
	for (size_t i = 0; i < a->nthen; i++)
		same_action(&a->then[i], &b->then[i]);
	for (size_t i = 0; i < a->ntests; i++)
		same_test(&a->tests[i], &b->tests[i]);
	same_limit(&a->limit, &b->limit);
}

static void same_class(const struct class *a, const struct class *b)
{
	TEXT(name);
	TEXT(file);
	STRINGS(members);
	STRINGS(names);
	STRINGS(globs);
	STRINGS(senders);
	STRINGS(home);
	SAME(nnetworks);
	SAME(npairs);
	SAME(nignore_asn);
	SAME(never);
	SAME(nlimits);
	for (size_t i = 0; i < a->nnetworks; i++)
		assert_memory_equal(&a->networks[i], &b->networks[i], sizeof(a->networks[i]));
	for (size_t i = 0; i < a->npairs; i++)
		assert_memory_equal(&a->pairs[i], &b->pairs[i], sizeof(a->pairs[i]));
	for (size_t i = 0; i < a->nignore_asn; i++)
		SAME(ignore_asn[i]);
	for (size_t i = 0; i < a->nlimits; i++) {
		TEXT(limits[i].name);
		SAME(limits[i].jail);
		SAME(limits[i].off);
		SAME(limits[i].has_amount);
		SAME(limits[i].is_over);
		SAME(limits[i].amount);
		SAME(limits[i].alone);
	}
}

static void same_log(const struct log_conf *a, const struct log_conf *b)
{
	TEXT(name);
	SAME(prefer);
	SAME(has_files);
	SAME(has_journal);
	SAME(has_command);
	STRINGS(files);
	STRINGS(units);
	STRINGS(command);
	TEXT(journal_dir);
	SAME(interval_ms);
	SAME(skip_idle);
	SAME(form);
	TEXT(time_find);
	TEXT(time_format);
	TEXT(timezone);
	SAME(trust);
	SAME(has_scope);
	SAME(scope);
}

static void same_places(const struct config *a, const struct config *b)
{
	SAME(nallow);
	SAME(nscopes);
	SAME(nlogs);
	SAME(noperators);
	for (size_t i = 0; i < a->nallow; i++) {
		assert_memory_equal(&a->allow[i].addr, &b->allow[i].addr, sizeof(struct addr));
		TEXT(allow[i].name);
	}
	for (size_t i = 0; i < a->nscopes; i++) {
		TEXT(scopes[i].name);
		SAME(scopes[i].nports);
		for (size_t k = 0; k < a->scopes[i].nports; k++)
			SAME(scopes[i].ports[k]);
	}
	for (size_t i = 0; i < a->nlogs; i++)
		same_log(&a->logs[i], &b->logs[i]);
	for (size_t i = 0; i < a->noperators; i++) {
		TEXT(operators[i].who);
		SAME(operators[i].right);
	}
}

static void same_config(const struct config *a, const struct config *b)
{
	same_places(a, b);
	SAME(auto_jails);
	SAME(accounts.act);
	STRINGS(accounts.local_domains);
	TEXT(accounts.default_domain);
	SAME(accounts.strip_tag);
	SAME(accounts.min_uid);
	STRINGS(accounts.protect);
	SAME(accounts.max_per_hour);
	SAME(accounts.stale_ms);
	STRINGS(accounts.lock);
	STRINGS(accounts.unlock);
	STRINGS(accounts.force_change);
	STRINGS(accounts.leftovers);
	SAME(accounts.probation_ms);
	assert_true(a->accounts.probation_factor == b->accounts.probation_factor);
	TEXT(notify.mail);
	TEXT(notify.from);
	SAME(notify.digest_at_ms);
	STRINGS(notify.run);
	SAME(ncontacts);
	for (size_t i = 0; i < a->ncontacts; i++) {
		TEXT(contacts[i].account);
		TEXT(contacts[i].text);
	}
	STRINGS(helpers.passwd);
	STRINGS(helpers.chage);
	STRINGS(helpers.sendmail);
	STRINGS(helpers.postsuper);
	STRINGS(helpers.postqueue);
	STRINGS(helpers.doveadm);
	STRINGS(helpers.postcat);
	STRINGS(helpers.postconf);
	STRINGS(helpers.instances);
	SAME(quarantine);
	STRINGS(helpers.postfix);
	STRINGS(helpers.doveconf);
	TEXT(country);
	TEXT(asn);
	TEXT(state);
	TEXT(run);
	TEXT(timezone);
	TEXT(table);
	STRINGS(jail_dirs);
	TEXT(user_engine);
	TEXT(user_monitor);
	SAME(counters);
	SAME(own_table);
	SAME(set_size);
	SAME(tracked_max);
	SAME(snapshot_every_ms);
	SAME(line_max);
	SAME(match_limit);
	SAME(nfields);
	for (size_t i = 0; i < a->nfields; i++)
		TEXT(fields[i].name);
	SAME(nclasses);
	for (size_t i = 0; i < a->nclasses; i++)
		same_class(&a->classes[i], &b->classes[i]);
	SAME(njails);
	for (size_t i = 0; i < a->njails; i++)
		same_jail(&a->jails[i], &b->jails[i]);
}

/* ---- there and back ---- */

#define LIST "# names\nann\n*@x.example # globs\n\n 2001:db8::/32\n"

static void add_printed_jails(struct made *m, const struct config *c)
{
	struct buf text = { 0 };
	char path[128];

	for (size_t i = 0; i < c->njails; i++) {
		const struct jail *j = &c->jails[i];

		buf_clear(&text);
		config_print_jail(c, j, &text);
		assert_int_equal(buf_error(&text), 0);
		snprintf(path, sizeof(path), "printed/%s.yaml", j->name);
		made_jail(m, j->shipped ? PACK_JAIL_SHIPPED : PACK_JAIL_ADMIN, path, buf_cstr(&text));
	}
	buf_free(&text);
}

static void there_and_back(const struct config *c)
{
	struct buf text = { 0 }, again = { 0 };
	struct made m;

	config_print(c, &text);
	made_begin(&m, buf_cstr(&text));
	add_printed_jails(&m, c);
	for (size_t i = 0; i < c->nclasses; i++)
		if (c->classes[i].file)
			made_jail(&m, PACK_LIST, c->classes[i].file, LIST);
	made_load(&m);
	if (m.err || m.config->njails != c->njails)
		fail_msg("%s\n%s", buf_cstr(&m.text), buf_cstr(&text));
	same_config(c, m.config);
	config_print(m.config, &again);
	assert_string_equal(buf_cstr(&text), buf_cstr(&again));
	buf_free(&text);
	buf_free(&again);
	made_free(&m);
}

static const char full_main[] =
	"allow: [192.0.2.0/24, 2001:db8::7, office.example.org]\n"
	"logs:\n"
	"  mail: {journal: {units: []}}\n"
	"  auth: {journal: , files: []}\n"
	"  nginx: {trust: yes, timezone: Europe/Berlin}\n"
	"  app: {command: [tail, -f, 'a b', \"\\x1b\"], interval: 90s, scope: web,"
	" time: {find: '^(\\S+)', format: '%s'}}\n"
	"  far: {journal: {dir: jj}, files: x, prefer: files}\n"
	"scopes: {odd: [1, 65535], mail: 25}\n"
	"accounts: {known_after: 3h, act: no, local_domains: [a.example, b.example], default_domain: a.example,"
	" strip_tag: yes, min_uid: 500, protect: [], max_per_hour: 0, stale: 90m,"
	" lock: [l, <user>], unlock: [u, <user>]}\n"
	"notify: {mail: off, from: 'bailiff@example.org', digest: off, run: [ntfy, '<subject>', '\\<x>']}\n"
	"contacts: {joe: '+49 30 1234', 'ann@example.com': 'no: such'}\n"
	"operators: {'@wheel': all, 'no': read, joe: ban}\n"
	"helpers: {postsuper: [docker, exec, mail, postsuper], sendmail: [\"\\\"'\\\\\"]}\n"
	"jails: {auto: off, full: {mode: propose}}\n"
	"jail_dirs: [a, /b]\nstate: s\nrun: /r\ntable: other\nuser_engine: e\nuser_monitor: m\n"
	"counters: yes\ntimezone: Asia/Tokyo\nown_table: no\nset_size: 99\ntracked_max: 1000\nsnapshot_every: 1h\n"
	"line_max: 1K\nmatch_limit: 500\n"
	"classes:\n"
	"  bulk: {members: [News@a.example, 'no*', 192.0.2.0/24, joe], file: list, senders: ['*@BRAND.example'],"
	" home: [no, DE], pairs: [[de, no], [DE, CH]], ignore_asn: [8075, 4294967295], never: yes,"
	" limits: {with: {count: 5000, alone: 9K}, level: {over: 0}, ratio: off, distinct: {count: 7}}}\n"
	"  'off': {file: /base/list}\n"
	"  more: {members: '*'}\n";

#define THEN_TELL "then: notify\n"

static const char full_jail[] =
	"about: \"a 'b' \\\"c\\\" \\u00e4 \\U0001F600 \\x85 \\u2028 #\"\n"
	"log: [mail, app]\n"
	"program: [a*, 'null', '~', '']\n"
	"service: 'no'\n"
	"mode: shadow\n"
	"prefix: '<host> (?<own>\\w+): <content>'\n"
	"match:\n"
	"  - '<ip> <user> <nrcpt>'\n"
	"  - remember: '<qid>: <ip> <user>'\n"
	"  - {count: '<qid>: nrcpt=<nrcpt>', each: true}\n"
	"  - count: '<qid>: \xc3\xa4=<nrcpt>'\n"
	"  - forget: '<qid>: removed'\n"
	"  - gained: '<qid>: ok'\n"
	"  - join: '<qid>: queued as <qid2>'\n"
	"ignore: ['.*ok', \"tab\\there\"]\n"
	"thread: {by: qid, keep: 5d}\n"
	"limit: {sum: nrcpt, over: 10K, per: [user, net], within: 1h, v6: 48}\n"
	"then:\n"
	"  - contain\n"
	"  - ban: {whom: seen, for: 6h, scope: all, grow: 1.1, max: 3d, remember: 2w, v4: 24, v6: 128}\n"
	"  - {deny: {for: 1h, text: 'call us'}}\n"
	"  - {deny: {}}\n"
	"  - park: {for: 1h}\n"
	"  - park\n"
	"  - lock\n"
	"  - kick\n"
	"  - hold\n"
	"  - notify\n"
	"  - {run: [x, '<user>-<own>'], undo: [y, '<ip>']}\n"
	"brake: {bans: 100, within: 2m}\n"
	"ban_private: yes\n"
	"tests:\n"
	"  - {line: 'x', hit: none}\n"
	"  - {line: 'x', program: p, host: h, hit: {user: joe, own: 'none', nrcpt: 5}}\n"
	"  - {line: '- y', hit: {}}\n"
	"  - {lines: [a, {line: b, at: 0s}, {line: c, at: 2h, program: q}], host: h, verdict: {user: joe}}\n"
	"  - {lines: [a], verdict: none}\n"
	"  - {line: z, hit: none, places: {192.0.2.1: DE, 2001:db8::/32: AS64500, 198.51.100.7: FR AS1}}\n";

static void test_full(void **state)
{
	struct made m;

	(void)state;
	made_begin(&m, full_main);
	made_jail(&m, PACK_LIST, "/base/list", LIST);
	made_jail(&m, PACK_JAIL_ADMIN, "full", full_jail);
	made_jail(&m, PACK_JAIL_SHIPPED, "weighed", "log: mail\nmatch: 'x <ip> <attempts>'\nthen: []\n"
		  "limit: {count: 5, weight: attempts, per: ip, within: 1m}\n");
	made_jail(&m, PACK_JAIL_SHIPPED, "heavy", LOG MATCH THEN
		  "limit: {count: 5, weight: 2, per: ip, within: 100ms}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "distinct", LOG "match: '<ip> <user>'\nmode: propose\n" THEN
		  "limit: {distinct: user_domain, count: 5, per: ip, within: 1w2d3h4m5s6ms}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "in", LOG MATCH THEN LIMIT "country: [no, DE]\n");
	made_jail(&m, PACK_JAIL_ADMIN, "not", LOG MATCH THEN LIMIT "country: {not: [on, nl]}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "away", LOG MATCH THEN LIMIT "country: {not: home}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "level", LOG "match: '<host> <count>'\n" THEN_TELL
		  "limit: {level: count, over: 2K, under: 5, per: host}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "when", LOG MATCH THEN LIMIT "active: {hours: '22:30-06:00'}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "whom", LOG "match: '<ip> <user> <sender>'\n" THEN LIMIT
		  "active: {days: [sat-mon, wed]}\nknown_good: no\nforeign_sender: yes\n");
	made_jail(&m, PACK_JAIL_ADMIN, "risk", "log: verdicts\n" THEN_TELL
		  "limit: {score: 100, per: user, within: 1h}\nscore: {with: 40, full: 1000000}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "ratio", LOG "match: ['<host>', {match: '<host>b', part: yes}]\n" THEN_TELL
		  "limit: {ratio: 0.333333, count: 20, per: host, within: 1h}\n");
	made_jail(&m, PACK_JAIL_ADMIN, "with", LOG "thread: {by: qid}\n" THEN_TELL
		  "match: ['<ip> <user> <sender>', {count: '<qid> <rcpt>', aside: yes}]\n"
		  "limit: {count: 20, per: user, within: 1h, alone: 1K, known: 0.07, spread: {accounts: 3, weight: 1.5},"
		  " with: [foreign_sender, new_network, {distinct: rcpt_domain, over: 20}]}\nsuccesses: yes\n");
	made_jail(&m, PACK_JAIL_ADMIN, "again", "log: verdicts\nthen: {ban: {scope: all, for: 5200w}}\n"
		  LIMIT);
	made_load(&m);
	assert_string_equal(buf_cstr(&m.text), "");
	assert_int_equal(m.config->njails, 14);
	there_and_back(m.config);
	made_free(&m);
}

static void test_defaults(void **state)
{
	struct made m;

	(void)state;
	made_begin(&m, "");
	made_load(&m);
	there_and_back(m.config);
	made_free(&m);
}

/* The DESIGN's own example, and every jail in the tree. */
static void test_shipped(void **state)
{
	const char *const dirs[] = { "jails", NULL };
	struct complaints bad = { 0 };
	struct config *c;
	struct pack *p;

	(void)state;
	assert_int_equal(pack_read(NULL, dirs, &p), 0);
	assert_int_equal(config_load(p, &bad, &c), 0);
	there_and_back(c);
	config_free(&c);
	complaints_free(&bad);
	pack_free(&p);
}

/* Whatever of the corpus loads, as bailiff.yaml or as a jail. */
static void test_corpus(void **state)
{
	static const char dir[] = "tests/fuzz/corpus/yaml";
	DIR *d = opendir(dir);
	struct dirent *e;

	(void)state;
	if (!d)
		skip();
	while ((e = readdir(d))) {
		struct complaints bad = { 0 };
		struct config *c = NULL;
		struct pack *p = NULL;
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (*e->d_name == '.' || pack_read(path, NULL, &p) < 0)
			continue;
		if (config_load(p, &bad, &c) == 0)
			there_and_back(c);
		config_free(&c);
		complaints_free(&bad);
		pack_free(&p);
	}
	closedir(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_shipped), cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
