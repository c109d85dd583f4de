/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From lines to verdicts, as DESIGN 4 says: each row is a configuration, some
 * lines and the verdicts they must lead to.
 */
#include "world.h"

#define NO_MAIN ""
#define FAIL(ms, ip) #ms " postfix/smtpd: warning: unknown[" ip "]: SASL LOGIN authentication failed: x\n"
#define SENT(ms, ip, user) \
	#ms " postfix/smtpd: 4F1C: client=unknown[" ip "], sasl_method=PLAIN, sasl_username=" user "\n"

#define SASL_MATCH "log: mail\nprogram: 'postfix*'\n" \
	"match: 'warning: <host>\\[<ip>\\]: SASL \\S+ authentication failed'\n"
#define SASL(count, then) SASL_MATCH \
	"limit: {count: " #count ", per: ip, within: 10m}\nthen:\n  - " then "\n"
#define SENT_MATCH "log: mail\nprogram: 'postfix*'\n" \
	"match: '<qid>: client=<host>\\[<ip>\\], sasl_method=[^,\\s]+, sasl_username=<user>(?:,|$)'\n"
#define BAN "ban: {for: 10m, scope: mail}"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X300 X50 X50 X50 X50 X50 X50
static const struct row {
	const char *name, *main_yaml;
	const char *jails[7];	/* name, text, ... */
	const char *script, *want;
} rows[] = {
	/* ---- count: [t - within, t], both ends in it, to the millisecond */
	{ "the fifth", NO_MAIN, { "sasl.yaml", SASL(5, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9") FAIL(2, "203.0.113.9") FAIL(3, "203.0.113.9")
	  FAIL(600000, "203.0.113.9"),
	  "600000 sasl 203.0.113.9 5: ban 203.0.113.9 600\n" },
	{ "a millisecond too late", NO_MAIN, { "sasl.yaml", SASL(5, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9") FAIL(2, "203.0.113.9") FAIL(3, "203.0.113.9")
	  FAIL(600001, "203.0.113.9"), "" },
	{ "four are not five", NO_MAIN, { "sasl.yaml", SASL(5, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9") FAIL(2, "203.0.113.9") FAIL(3, "203.0.113.9"), "" },
	{ "each address for itself", NO_MAIN, { "sasl.yaml", SASL(2, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.10") FAIL(2, "203.0.113.11") FAIL(3, "203.0.113.10"),
	  "3 sasl 203.0.113.10 2: ban 203.0.113.10 600\n" },
	{ "all at one moment", NO_MAIN, { "sasl.yaml", SASL(3, BAN) },
	  FAIL(7, "203.0.113.9") FAIL(7, "203.0.113.9") FAIL(7, "203.0.113.9"),
	  "7 sasl 203.0.113.9 3: ban 203.0.113.9 600\n" },
	{ "a limit of one", NO_MAIN, { "sasl.yaml", SASL(1, BAN) }, FAIL(5, "203.0.113.9"),
	  "5 sasl 203.0.113.9 1: ban 203.0.113.9 600\n" },
	{ "the window slides", NO_MAIN, { "sasl.yaml", SASL(3, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(500000, "203.0.113.9") FAIL(600001, "203.0.113.9")
	  FAIL(1100000, "203.0.113.9"),
	  "1100000 sasl 203.0.113.9 3: ban 203.0.113.9 600\n" },
	{ "another program's line", NO_MAIN, { "sasl.yaml", SASL(1, BAN) },
	  "0 sshd: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x\n", "" },
	{ "a program with slashes", NO_MAIN, { "sasl.yaml", SASL(1, BAN) },
	  "0 postfix/submission/smtpd: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x\n",
	  "0 sasl 203.0.113.9 1: ban 203.0.113.9 600\n" },
	{ "an address that is none", NO_MAIN, { "sasl.yaml", SASL(1, BAN) }, FAIL(0, "300.1.1.1"), "" },
	{ "IPv4 within IPv6 is IPv4", NO_MAIN, { "sasl.yaml", SASL(2, BAN) },
	  FAIL(0, "::ffff:203.0.113.9") FAIL(1, "203.0.113.9"),
	  "1 sasl 203.0.113.9 2: ban 203.0.113.9 600\n" },

	/* ---- message repeated N times is N */
	{ "repeated", NO_MAIN, { "sasl.yaml", SASL(5, BAN) },
	  FAIL(0, "203.0.113.9")
	  "1000 postfix/smtpd: message repeated 4 times: [ warning: unknown[203.0.113.9]: SASL LOGIN "
	  "authentication failed: x]\n",
	  "1000 sasl 203.0.113.9 5: ban 203.0.113.9 600\n" },
	{ "repeated, not enough", NO_MAIN, { "sasl.yaml", SASL(5, BAN) },
	  "1000 postfix/smtpd: message repeated 4 times: [ warning: unknown[203.0.113.9]: SASL LOGIN "
	  "authentication failed: x]\n", "" },

	/* ---- weights */
	{ "a weight that is a number", NO_MAIN, { "w.yaml", SASL_MATCH
	  "limit: {count: 6, weight: 3, per: ip, within: 10m}\nthen:\n  - " BAN "\n" },
	  FAIL(0, "203.0.113.9") FAIL(9, "203.0.113.9"), "9 w 203.0.113.9 6: ban 203.0.113.9 600\n" },
	{ "a weight that the line tells", NO_MAIN, { "dovecot.yaml", "log: mail\nprogram: dovecot\n"
	  "match: 'imap-login: .*\\(auth failed, <attempts> attempts in .*rip=<ip>,'\n"
	  "limit: {count: 10, weight: attempts, per: ip, within: 10m}\nthen:\n  - " BAN "\n" },
	  "0 dovecot: imap-login: Disconnected (auth failed, 9 attempts in 60 secs): user=<joe>, rip=203.0.113.9, x\n"
	  "1 dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<joe>, rip=203.0.113.9, x\n",
	  "1 dovecot 203.0.113.9 10: ban 203.0.113.9 600\n" },
	{ "a weight of nothing adds nothing", NO_MAIN, { "dovecot.yaml", "log: mail\nprogram: dovecot\n"
	  "match: 'imap-login: .*\\(auth failed, <attempts> attempts in .*rip=<ip>,'\n"
	  "limit: {count: 1, weight: attempts, per: ip, within: 10m}\nthen:\n  - " BAN "\n" },
	  "0 dovecot: imap-login: Disconnected (auth failed, 0 attempts in 60 secs): user=<joe>, rip=203.0.113.9, x\n", "" },
	{ "repeated weights", NO_MAIN, { "w.yaml", SASL_MATCH
	  "limit: {count: 12, weight: 3, per: ip, within: 10m}\nthen:\n  - " BAN "\n" },
	  "1000 postfix/smtpd: message repeated 4 times: [ warning: unknown[203.0.113.9]: SASL LOGIN "
	  "authentication failed: x]\n", "1000 w 203.0.113.9 12: ban 203.0.113.9 600\n" },

	/* ---- from a verdict until its end the subject is quiet; the window begins anew */
	{ "quiet until the ban ends", NO_MAIN, { "sasl.yaml", SASL(2, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9") FAIL(2, "203.0.113.9") FAIL(3, "203.0.113.9")
	  FAIL(600000, "203.0.113.9") FAIL(600001, "203.0.113.9") FAIL(600002, "203.0.113.9"),
	  "1 sasl 203.0.113.9 2: ban 203.0.113.9 600\n"
	  "600002 sasl 203.0.113.9 2: ban 203.0.113.9 600\n" },
	{ "without an end of its own: for `within`", NO_MAIN, { "n.yaml", SASL(2, "notify") },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9") FAIL(2, "203.0.113.9") FAIL(3, "203.0.113.9")
	  FAIL(600000, "203.0.113.9") FAIL(600001, "203.0.113.9") FAIL(600002, "203.0.113.9"),
	  "1 n 203.0.113.9 2: notify 203.0.113.9\n600002 n 203.0.113.9 2: notify 203.0.113.9\n" },
	{ "an account: until the incident is closed", NO_MAIN, { "b.yaml", SENT_MATCH
	  "limit: {count: 2, per: user, within: 10m}\nthen: lock\n" },
	  SENT(0, "203.0.113.9", "joe") SENT(1, "203.0.113.9", "joe") SENT(2, "203.0.113.9", "joe")
	  SENT(3, "203.0.113.9", "joe") SENT(900000000, "203.0.113.9", "joe")
	  SENT(900000001, "203.0.113.9", "joe"),
	  "1 b joe 2: lock joe\n" },

	/* ---- grow */
	{ "grows to its most", NO_MAIN, { "g.yaml", SASL(1, "ban: {for: 10m, grow: 2, max: 30m, scope: mail}") },
	  FAIL(0, "203.0.113.9") FAIL(600000, "203.0.113.9") FAIL(1800000, "203.0.113.9")
	  FAIL(3600000, "203.0.113.9") FAIL(3600001, "203.0.113.10"),
	  "0 g 203.0.113.9 1: ban 203.0.113.9 600\n600000 g 203.0.113.9 1: ban 203.0.113.9 1200\n"
	  "1800000 g 203.0.113.9 1: ban 203.0.113.9 1800\n3600000 g 203.0.113.9 1: ban 203.0.113.9 1800\n"
	  "3600001 g 203.0.113.10 1: ban 203.0.113.10 600\n" },
	{ "remembers 4 times its most, and no longer", NO_MAIN,
	  { "g.yaml", SASL(1, "ban: {for: 10m, grow: 2, max: 20m, scope: mail}") },
	  FAIL(0, "203.0.113.9") FAIL(4800000, "203.0.113.9")
	  FAIL(0, "203.0.113.8") FAIL(4800000, "203.0.113.8")
	  "~0 postfix/smtpd: warning: unknown[203.0.113.7]: SASL LOGIN authentication failed: x\n"
	  "~4800001 postfix/smtpd: warning: unknown[203.0.113.7]: SASL LOGIN authentication failed: x\n",
	  "0 g 203.0.113.9 1: ban 203.0.113.9 600\n4800000 g 203.0.113.9 1: ban 203.0.113.9 1200\n"
	  "4800000 g 203.0.113.8 1: ban 203.0.113.8 600\n"
	  "0 g 203.0.113.7 1: ban 203.0.113.7 600\n4800001 g 203.0.113.7 1: ban 203.0.113.7 600\n" },

	/* ---- sum: more than; distinct: different values */
	{ "a sum must be more", NO_MAIN, { "s.yaml", "log: mail\n"
	  "match: '<qid>: from=<<sender>>, size=<size>, nrcpt=<nrcpt> '\n"
	  "limit: {sum: nrcpt, over: 100, per: sender_domain, within: 10m}\nthen: notify\n" },
	  "0 postfix/qmgr: 4F1C: from=<a@b.example>, size=1, nrcpt=99 (queue active)\n"
	  "1 postfix/qmgr: 4F1D: from=<c@B.example>, size=1, nrcpt=1 (queue active)\n"
	  "2 postfix/qmgr: 4F1E: from=<a@other.example>, size=1, nrcpt=50 (queue active)\n"
	  "3 postfix/qmgr: 4F1F: from=<d@b.example>, size=1, nrcpt=1 (queue active)\n",
	  "3 s b.example 101: notify b.example\n" },
	{ "a sum's window", NO_MAIN, { "s.yaml", "log: mail\n"
	  "match: '<qid>: from=<<sender>>, size=<size>, nrcpt=<nrcpt> '\n"
	  "limit: {sum: nrcpt, over: 100, per: sender, within: 10m}\nthen: notify\n" },
	  "0 postfix/qmgr: 4F1C: from=<a@b>, size=1, nrcpt=60 (queue active)\n"
	  "600001 postfix/qmgr: 4F1D: from=<a@b>, size=1, nrcpt=60 (queue active)\n"
	  "1200001 postfix/qmgr: 4F1E: from=<a@b>, size=1, nrcpt=41 (queue active)\n",
	  "1200001 s a@b 101: notify a@b\n" },
	{ "different values", NO_MAIN, { "d.yaml", "log: mail\n"
	  "match: 'imap-login: .*user=<<user>>.*rip=<ip>,'\n"
	  "limit: {distinct: user, count: 3, per: ip, within: 10m}\nthen:\n  - " BAN "\n" },
	  "0 dovecot: imap-login: x user=<joe>, rip=203.0.113.9, y\n"
	  "1 dovecot: imap-login: x user=<JOE>, rip=203.0.113.9, y\n"
	  "2 dovecot: imap-login: x user=<ann>, rip=203.0.113.9, y\n"
	  "3 dovecot: imap-login: x user=<joe>, rip=203.0.113.9, y\n"
	  "4 dovecot: imap-login: x user=<eve>, rip=203.0.113.8, y\n"
	  "5 dovecot: imap-login: x user=<eve>, rip=203.0.113.9, y\n",
	  "5 d 203.0.113.9 3: ban 203.0.113.9 600\n" },
	{ "different networks of one account", NO_MAIN, { "d.yaml", SENT_MATCH
	  "limit: {distinct: net, count: 2, per: user, within: 10m}\nthen: notify\n" },
	  SENT(0, "203.0.113.9", "joe") SENT(1, "203.0.113.10", "joe") SENT(2, "198.51.100.1", "joe"),
	  "2 d joe 2: notify joe\n" },

	/* ---- per */
	{ "a list of two", NO_MAIN, { "p.yaml", SENT_MATCH
	  "limit: {count: 2, per: [ip, user], within: 10m}\nthen: [lock, " BAN "]\n" },
	  SENT(0, "203.0.113.9", "joe") SENT(1, "203.0.113.9", "ann") SENT(2, "203.0.113.8", "joe")
	  SENT(3, "203.0.113.9", "Ann"),
	  "3 p ip=203.0.113.9 user=ann 2: lock ann, ban 203.0.113.9 600\n" },
	{ "long texts count, and are told apart", NO_MAIN, { "p.yaml", "log: mail\nprogram: x\nmatch: 'get <path> from <ip>$'\n"
	  "limit: {distinct: path, count: 2, per: ip, within: 10m}\nthen: [" BAN "]\n" },
	  "0 x: get /" X300 "a from 203.0.113.9\n1 x: get /" X300 "a from 203.0.113.9\n"
	  "2 x: get /" X300 "b from 203.0.113.9\n",
	  "2 p 203.0.113.9 2: ban 203.0.113.9 600\n" },
	{ "long addresses, in whatever case", NO_MAIN, { "p.yaml", "log: mail\nprogram: x\nmatch: 'from <sender> by <ip>$'\n"
	  "limit: {distinct: sender, count: 2, per: ip, within: 10m}\nthen: [" BAN "]\n" },
	  "0 x: from " X300 "a@b.example by 203.0.113.9\n1 x: from " X300 "A@B.example by 203.0.113.9\n"
	  "2 x: from " X300 "b@b.example by 203.0.113.9\n",
	  "2 p 203.0.113.9 2: ban 203.0.113.9 600\n" },
	{ "IPv6 by its /64", NO_MAIN, { "sasl.yaml", SASL(2, BAN) },
	  FAIL(0, "2001:db8:1:2::9") FAIL(1, "2001:db8:1:3::9") FAIL(2, "2001:db8:1:2:ffff::1"),
	  "2 sasl 2001:db8:1:2::/64 2: ban 2001:db8:1:2::/64 600\n" },
	{ "IPv6 by the address", NO_MAIN, { "v.yaml", SASL_MATCH
	  "limit: {count: 2, per: ip, within: 10m, v6: 128}\nthen:\n"
	  "  - ban: {for: 10m, scope: mail, v6: 128}\n" },
	  FAIL(0, "2001:db8:1:2::9") FAIL(1, "2001:db8:1:2::a") FAIL(2, "2001:db8:1:2::9"),
	  "2 v 2001:db8:1:2::9 2: ban 2001:db8:1:2::9 600\n" },
	{ "a wider ban", NO_MAIN, { "v.yaml", SASL(1, "ban: {for: 10m, scope: mail, v4: 24, v6: 48}") },
	  FAIL(0, "203.0.113.9") FAIL(1, "2001:db8:1:2::9"),
	  "0 v 203.0.113.9 1: ban 203.0.113.0/24 600\n1 v 2001:db8:1:2::/64 1: ban 2001:db8:1::/48 600\n" },
	{ "accounts in one form", "accounts: {default_domain: Example.com, strip_tag: yes}\n",
	  { "b.yaml", SENT_MATCH "limit: {count: 4, per: user, within: 10m}\nthen: notify\n" },
	  SENT(0, "203.0.113.9", "joe") SENT(1, "203.0.113.9", "JOE@example.com")
	  SENT(2, "203.0.113.9", "joe+spam@EXAMPLE.com") SENT(3, "203.0.113.9", "joe@example.org")
	  SENT(4, "203.0.113.9", "Joe+x"),
	  "4 b joe@example.com 4: notify joe@example.com\n" },
	{ "no account's name counts for nobody", NO_MAIN, { "b.yaml", SENT_MATCH
	  "limit: {count: 1, per: user, within: 10m}\nthen: notify\n" },
	  SENT(0, "203.0.113.9", "-x") SENT(1, "203.0.113.9", "a/b") SENT(2, "203.0.113.9", "@"), "" },
	{ "only the first name is the account", NO_MAIN, { "b.yaml", SENT_MATCH
	  "limit: {count: 1, per: user, within: 10m}\nthen: notify\n" },
	  SENT(0, "203.0.113.9", "joe, sasl_sender=x,sasl_username=boss"), "0 b joe 1: notify joe\n" },

	/* ---- time */
	{ "five seconds late", NO_MAIN, { "sasl.yaml", SASL(3, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(600000, "203.0.113.9")
	  "~595000 postfix/smtpd: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x\n",
	  "595000 sasl 203.0.113.9 3: ban 203.0.113.9 600\n" },
	{ "late, and before the window of those after it", NO_MAIN, { "sasl.yaml", SASL(3, BAN) },
	  FAIL(600001, "203.0.113.9") FAIL(600002, "203.0.113.9")
	  "~0 postfix/smtpd: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x\n", "" },
	{ "within a source time does not run back", NO_MAIN, { "sasl.yaml", SASL(2, BAN) },
	  FAIL(700000, "203.0.113.9") FAIL(0, "203.0.113.9"),
	  "700000 sasl 203.0.113.9 2: ban 203.0.113.9 600\n" },

	/* ---- modes */
	{ "shadow: the same verdicts, and quiet as well", NO_MAIN, { "sasl.yaml", "mode: shadow\n" SASL(2, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9") FAIL(2, "203.0.113.9") FAIL(3, "203.0.113.9"),
	  "1 sasl 203.0.113.9 2 shadow: ban 203.0.113.9 600\n" },
	{ "off", NO_MAIN, { "sasl.yaml", "mode: off\n" SASL(1, BAN) }, FAIL(0, "203.0.113.9"), "" },
	{ "set in bailiff.yaml", "jails: {sasl: {limit: {count: 1}}, other: off}\n",
	  { "sasl.yaml", SASL(5, BAN), "other.yaml", SASL(1, BAN) },
	  FAIL(0, "203.0.113.9"), "0 sasl 203.0.113.9 1: ban 203.0.113.9 600\n" },
	{ "ignore", NO_MAIN, { "sasl.yaml", SASL(1, BAN)
	  "ignore: '.*authentication failed: Connection lost'\n" },
	  "0 postfix/smtpd: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: Connection lost\n"
	  FAIL(1, "203.0.113.8"), "1 sasl 203.0.113.8 1: ban 203.0.113.8 600\n" },
	{ "nothing follows but a record", NO_MAIN, { "log.yaml", SASL_MATCH
	  "limit: {count: 1, per: ip, within: 10m}\nthen: []\n" }, FAIL(0, "203.0.113.9"),
	  "0 log 203.0.113.9 1: \n" },
	{ "two jails, each its verdict", NO_MAIN, { "a.yaml", SASL(1, BAN), "b.yaml", SASL(2, "notify") },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9"),
	  "0 a 203.0.113.9 1: ban 203.0.113.9 600\n1 b 203.0.113.9 2: notify 203.0.113.9\n" },

	/* ---- the brake */
	{ "the brake", NO_MAIN, { "b.yaml", SASL(1, BAN) "brake: {bans: 2, within: 1m}\n" },
	  FAIL(0, "203.0.113.1") FAIL(60001, "203.0.113.2") FAIL(60002, "203.0.113.3")
	  FAIL(60003, "203.0.113.4") FAIL(9999999, "203.0.113.5"),
	  "0 b 203.0.113.1 1: ban 203.0.113.1 600\n60001 b 203.0.113.2 1: ban 203.0.113.2 600\n"
	  "60002 b 203.0.113.3 1: ban 203.0.113.3 600\n60003 b 203.0.113.4 1 shadow: ban 203.0.113.4 600\n"
	  "9999999 b 203.0.113.5 1 shadow: ban 203.0.113.5 600\n" },
	{ "the brake, and bans that are refused anyway", "allow: [198.51.100.0/24]\n",
	  { "b.yaml", SASL(1, BAN) "brake: {bans: 1, within: 1m}\n" },
	  FAIL(0, "198.51.100.1") FAIL(1, "10.0.0.1") FAIL(2, "198.51.100.2") FAIL(3, "203.0.113.1") FAIL(4, "203.0.113.2"),
	  "0 b 198.51.100.1 1: ban 198.51.100.1 600\n1 b 10.0.0.1 1: ban 10.0.0.1 600\n"
	  "2 b 198.51.100.2 1: ban 198.51.100.2 600\n3 b 203.0.113.1 1: ban 203.0.113.1 600\n"
	  "4 b 203.0.113.2 1 shadow: ban 203.0.113.2 600\n" },

	/* ---- whom: seen */
	{ "the addresses seen, and those spared",
	  "allow: [198.51.100.0/24]\n",
	  { "b.yaml", SENT_MATCH "limit: {count: 8, per: user, within: 2d}\n"
	    "then: [contain, ban: {whom: seen, for: 6h, scope: mail}, notify]\n" },
	  SENT(0, "203.0.113.1", "joe")			/* his office, since long */
	  SENT(1, "192.0.2.77", "ann")			/* long ago: spares nothing now */
	  SENT(86400001, "203.0.113.1", "joe")
	  SENT(86400002, "203.0.113.2", "joe")
	  SENT(86400003, "203.0.113.3", "ann")		/* another's, too */
	  SENT(86400004, "203.0.113.3", "joe")
	  SENT(86400005, "192.168.1.1", "joe")
	  SENT(86400006, "198.51.100.7", "joe")
	  SENT(86400007, "192.0.2.77", "joe")
	  SENT(86400008, "2001:db8:1:2::3", "joe"),
	  "86400008 b joe 8: contain joe, ban 2001:db8:1:2::/64 21600, ban 192.0.2.77 21600, "
	  "ban 203.0.113.2 21600, notify joe"
	  "; 198.51.100.7 spared: allowed; 192.168.1.1 spared: a private address"
	  "; 203.0.113.3 spared: another account was used from there within a day"
	  "; 203.0.113.1 spared: the account was used from there before\n" },
	{ "seen: only what lies in the window", NO_MAIN, { "b.yaml", SENT_MATCH
	    "limit: {count: 2, per: user, within: 10m}\nthen: [ban: {whom: seen, for: 6h, scope: mail}]\n" },
	  SENT(0, "203.0.113.1", "joe") SENT(700000, "203.0.113.2", "joe") SENT(700001, "203.0.113.3", "joe"),
	  "700001 b joe 2: ban 203.0.113.3 21600, ban 203.0.113.2 21600\n" },
	{ "seen: private ones only where the jail may", NO_MAIN, { "b.yaml", SENT_MATCH
	    "limit: {count: 2, per: user, within: 10m}\nban_private: yes\n"
	    "then: [ban: {whom: seen, for: 6h, scope: mail}]\n" },
	  SENT(0, "10.0.0.1", "joe") SENT(1, "127.0.0.1", "joe"),
	  "1 b joe 2: ban 10.0.0.1 21600; 127.0.0.1 spared: loopback or reserved\n" },

	/* ---- verdicts are events, too */
	{ "recidive", NO_MAIN,
	  { "sasl.yaml", SASL(1, BAN),
	    "recidive.yaml", "log: verdicts\nlimit: {count: 3, per: ip, within: 1d}\n"
	    "then:\n  - ban: {for: 1w, scope: all}\n" },
	  FAIL(0, "203.0.113.9") FAIL(600000, "203.0.113.9") FAIL(600001, "203.0.113.8")
	  FAIL(1200000, "203.0.113.9"),
	  "0 sasl 203.0.113.9 1: ban 203.0.113.9 600\n600000 sasl 203.0.113.9 1: ban 203.0.113.9 600\n"
	  "600001 sasl 203.0.113.8 1: ban 203.0.113.8 600\n1200000 sasl 203.0.113.9 1: ban 203.0.113.9 600\n"
	  "1200000 recidive 203.0.113.9 3: ban 203.0.113.9 604800\n" },
	{ "recidive: shadow verdicts don't count, nor its own", NO_MAIN,
	  { "sasl.yaml", "mode: shadow\n" SASL(1, BAN),
	    "recidive.yaml", "log: verdicts\nlimit: {count: 1, per: ip, within: 1d}\n"
	    "then:\n  - ban: {for: 1w, scope: all}\n" },
	  FAIL(0, "203.0.113.9"), "0 sasl 203.0.113.9 1 shadow: ban 203.0.113.9 600\n" },
	{ "recidive of different jails", NO_MAIN,
	  { "a.yaml", SASL(1, BAN), "b.yaml", SASL(2, BAN),
	    "recidive.yaml", "log: verdicts\nlimit: {distinct: jail, count: 2, per: ip, within: 1d}\n"
	    "then:\n  - ban: {for: 1w, scope: all}\n" },
	  FAIL(0, "203.0.113.9") FAIL(1, "203.0.113.9"),
	  "0 a 203.0.113.9 1: ban 203.0.113.9 600\n1 b 203.0.113.9 2: ban 203.0.113.9 600\n"
	  "1 recidive 203.0.113.9 2: ban 203.0.113.9 604800\n" },
	{ "recidive: a repeated line's verdict fell once", NO_MAIN,
	  { "sasl.yaml", SASL(2, BAN),
	    "recidive.yaml", "log: verdicts\nlimit: {count: 2, per: ip, within: 1d}\n"
	    "then:\n  - ban: {for: 1w, scope: all}\n" },
	  "0 postfix/smtpd: message repeated 5 times: [ warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x]\n",
	  "0 sasl 203.0.113.9 5: ban 203.0.113.9 600\n" },
	{ "recidive: an account's verdict is not its last address's", NO_MAIN,
	  { "sent.yaml", SENT_MATCH "limit: {count: 1, per: user, within: 10m}\nthen: notify\n",
	    "recidive.yaml", "log: verdicts\nlimit: {count: 1, per: ip, within: 1d}\nthen: notify\n",
	    "users.yaml", "log: verdicts\nlimit: {count: 1, per: user, within: 1d}\nthen: notify\n" },
	  SENT(0, "203.0.113.9", "joe"), "0 sent joe 1: notify joe\n0 users joe 1: notify joe\n" },
	{ "recidive: an address that is only told about was not caught", NO_MAIN,
	  { "tell.yaml", SASL(1, "notify"),
	    "recidive.yaml", "log: verdicts\nlimit: {count: 1, per: ip, within: 1d}\n"
	    "then:\n  - ban: {for: 1w, scope: all}\n" },
	  FAIL(0, "203.0.113.9"), "0 tell 203.0.113.9 1: notify 203.0.113.9\n" },
	{ "again: not before that time is over", NO_MAIN, { "tell.yaml", "again: 1h\n" SASL(1, "notify") },
	  FAIL(0, "203.0.113.9") FAIL(600001, "203.0.113.9") FAIL(3600001, "203.0.113.9"),
	  "0 tell 203.0.113.9 1: notify 203.0.113.9\n3600001 tell 203.0.113.9 1: notify 203.0.113.9\n" },
	{ "again: what lasts longer does", NO_MAIN, { "ban.yaml", "again: 1m\n" SASL(1, BAN) },
	  FAIL(0, "203.0.113.9") FAIL(60001, "203.0.113.9"), "0 ban 203.0.113.9 1: ban 203.0.113.9 600\n" },
	{ "a signal is told to scores alone", NO_MAIN,
	  { "sign.yaml", "signal: yes\n" SENT_MATCH "limit: {count: 1, per: user, within: 10m}\nthen: []\n",
	    "risk.yaml", "log: verdicts\nscore: {sign: 10}\nlimit: {score: 10, per: user, within: 1h}\nthen: notify\n" },
	  SENT(0, "203.0.113.9", "joe"), "0 risk joe 10: notify joe\n" },
	{ "verdicts by pattern", NO_MAIN,
	  { "a.yaml", SASL(1, BAN), "b.yaml", SASL(1, BAN),
	    "only-b.yaml", "log: verdicts\nmatch: 'jail=b ip=<ip>$'\n"
	    "limit: {count: 1, per: ip, within: 1d}\nthen: notify\n" },
	  FAIL(0, "203.0.113.9"),
	  "0 a 203.0.113.9 1: ban 203.0.113.9 600\n0 b 203.0.113.9 1: ban 203.0.113.9 600\n"
	  "0 only-b 203.0.113.9 1: notify 203.0.113.9\n" },
};

static void verdicts(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;

		world_begin(&w, rows[i].main_yaml, rows[i].jails);
		world_run(&w, rows[i].script);
		wrong += world_differs(&w, rows[i].name, rows[i].want);
		world_end(&w);
	}
	assert_int_equal(wrong, 0);
}

/* ---- threads: the jail of DESIGN 4 */

#define RECIPIENTS \
	"about: recipients per account, joined by queue id\nlog: mail\nprogram: 'postfix*'\n" \
	"thread: {by: qid, keep: 5d}\nmatch:\n" \
	"  - remember: '<qid>: client=<host>\\[<ip>\\](?::\\d+)?, sasl_method=[^,\\s]+, sasl_username=<user>(?:,|$)'\n" \
	"  - count: '<qid>: from=<<sender>>, size=<size>, nrcpt=<nrcpt> '\n" \
	"  - join: '<qid>: to=<[^>]*>, .*status=sent \\(250 .*queued as <qid2>\\)$'\n" \
	"limit: {sum: nrcpt, over: 1000, per: user, within: 1h}\nthen: [contain, notify]\n"
#define CLIENT(ms, id, user) \
	#ms " postfix/smtpd: " #id ": client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=" user "\n"
#define QMGR(ms, id, n) #ms " postfix/qmgr: " #id ": from=<x@y>, size=10, nrcpt=" #n " (queue active)\n"
#define QUEUED(ms, id, as) #ms " postfix/smtp: " #id ": to=<a@b>, relay=127.0.0.1[127.0.0.1]:10024, " \
	"delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as " #as ")\n"

static const struct { const char *name, *script, *want; } threads[] = {
	{ "the account of the message", CLIENT(0, 4F1C, "joe") QMGR(1, 4F1C, 1001),
	  "1 r joe 1001: contain joe, notify joe\n" },
	{ "over, not at", CLIENT(0, 4F1C, "joe") QMGR(1, 4F1C, 1000), "" },
	{ "two messages", CLIENT(0, 4F1C, "joe") CLIENT(1, 4F1D, "joe") QMGR(2, 4F1C, 500) QMGR(3, 4F1D, 501),
	  "3 r joe 1001: contain joe, notify joe\n" },
	{ "two accounts", CLIENT(0, 4F1C, "joe") CLIENT(1, 4F1D, "ann") QMGR(2, 4F1C, 1000) QMGR(3, 4F1D, 1000), "" },
	{ "mail from elsewhere has no account", QMGR(0, 4F1C, 5000), "" },
	{ "once a thread: the queue manager tells it again",
	  CLIENT(0, 4F1C, "joe") QMGR(1, 4F1C, 600) QMGR(2, 4F1C, 600) QMGR(3, 4F1C, 600), "" },
	{ "through a content filter it is the same message",
	  CLIENT(0, 4F1C, "joe") QMGR(1, 4F1C, 600) QUEUED(2, 4F1C, 5A2B) QMGR(3, 5A2B, 600), "" },
	{ "known only through the filter",
	  CLIENT(0, 4F1C, "joe") QUEUED(2, 4F1C, 5A2B) QMGR(3, 5A2B, 1001),
	  "3 r joe 1001: contain joe, notify joe\n" },
	{ "the count comes before the account is told: it waits, with its own time",
	  QMGR(0, 4F1C, 1001) CLIENT(5, 4F1C, "joe"), "0 r joe 1001: contain joe, notify joe\n" },
	{ "a queue id used again is another message",
	  CLIENT(0, 4F1C, "joe") QMGR(1, 4F1C, 600) CLIENT(2, 4F1C, "ann") QMGR(3, 4F1C, 600), "" },
	{ "used again by the same account",
	  CLIENT(0, 4F1C, "joe") QMGR(1, 4F1C, 600) CLIENT(2, 4F1C, "joe") QMGR(3, 4F1C, 600),
	  "3 r joe 1200: contain joe, notify joe\n" },
	{ "another instance's queue id is another's",
	  "0 postfix-out/smtpd: 4F1C: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=joe\n"
	  QMGR(1, 4F1C, 1001), "" },
	{ "after `keep` the thread is gone",
	  CLIENT(0, 4F1C, "joe") QMGR(432000001, 4F1C, 1001), "" },
	{ "long in the queue, still known",
	  CLIENT(0, 4F1C, "joe") QMGR(431999999, 4F1C, 1001), "431999999 r joe 1001: contain joe, notify joe\n" },
	{ "a forged account in a sender's address",
	  CLIENT(0, 4F1C, "joe")
	  "1 postfix/qmgr: 4F1C: from=<\"x>, size=1, nrcpt=9999 \"@y>, size=10, nrcpt=1 (queue active)\n", "" },
};

static void joined_by_an_id(void **state)
{
	static const char *const jails[] = { "r.yaml", RECIPIENTS, NULL };
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++) {
		struct world w;

		world_begin(&w, "", jails);
		world_run(&w, threads[i].script);
		wrong += world_differs(&w, threads[i].name, threads[i].want);
		world_end(&w);
	}
	assert_int_equal(wrong, 0);
}

static const struct { const char *name, *script, *want; } sessions[] = {
	{ "failures that no success follows", "0 sshd: a1: failed from 203.0.113.9\n0 sshd: a1: for joe\n",
	  "0 s 203.0.113.9 1: ban 203.0.113.9 600\n" },
	{ "a success drops what waits", "0 sshd: a1: failed from 203.0.113.9\n1 sshd: a1: accepted\n2 sshd: a1: for joe\n", "" },
	{ "an end takes the thread away", "0 sshd: a1: failed from 203.0.113.9\n1 sshd: a1: closed\n2 sshd: a1: for joe\n", "" },
	{ "each counts every time",
	  "0 sshd: a1: for joe\n1 sshd: a1: each 203.0.113.8\n2 sshd: a1: each 203.0.113.8\n",
	  "1 s 203.0.113.8 1: ban 203.0.113.8 600\n" },
};

static void other_verbs(void **state)
{
	static const char *const jails[] = { "s.yaml",
		"log: mail\nprogram: sshd\nthread: {by: session, keep: 1h}\nmatch:\n"
		"  - remember: '<session>: for <user>'\n"
		"  - count: '<session>: failed from <ip>'\n"
		"  - count: '<session>: each <ip>'\n    each: true\n"
		"  - gained: '<session>: accepted'\n"
		"  - forget: '<session>: closed'\n"
		"limit: {distinct: user, count: 1, per: ip, within: 10m}\nthen:\n  - " BAN "\n", NULL };
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(sessions); i++) {
		struct world w;

		world_begin(&w, "", jails);
		world_run(&w, sessions[i].script);
		wrong += world_differs(&w, sessions[i].name, sessions[i].want);
		world_end(&w);
	}
	assert_int_equal(wrong, 0);
}

/* ---- what is set while it runs */

static const char *const one_jail[] = { "sasl.yaml", SASL(2, BAN), NULL };

static void modes_at_run_time(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, "", one_jail);
	assert_int_equal(world_run(&w, FAIL(0, "203.0.113.1")), 1);
	core_set_mode(w.core, 0, MODE_OFF);
	assert_int_equal(world_run(&w, FAIL(1, "203.0.113.1")), 0);
	core_set_mode(w.core, 0, MODE_SHADOW);
	world_run(&w, FAIL(2, "203.0.113.1"));
	assert_int_equal(world_differs(&w, "shadow", "2 sasl 203.0.113.1 2 shadow: ban 203.0.113.1 600\n"), 0);
	core_set_mode(w.core, 0, MODE_ON);
	world_run(&w, FAIL(3, "203.0.113.2") FAIL(4, "203.0.113.2"));
	assert_int_equal(world_differs(&w, "on", "4 sasl 203.0.113.2 2: ban 203.0.113.2 600\n"), 0);
	core_set_mode(w.core, 0, MODE_PROPOSE);
	world_run(&w, FAIL(5, "203.0.113.3") FAIL(6, "203.0.113.3"));
	assert_int_equal(world_differs(&w, "propose", "6 sasl 203.0.113.3 2: ban 203.0.113.3 600\n"), 0);
	assert_int_equal(w.core->jails[0].hits, 6);
	assert_int_equal(w.core->jails[0].verdicts, 3);
	world_end(&w);
}

/* An account that was watched only is contained when the jail acts, also over a restart. */
static void watched_then_on(void **state)
{
	static const char *const jails[] = { "b.yaml", SENT_MATCH "limit: {count: 2, per: user, within: 1m}\n"
					     "then: [contain]\nmode: shadow\n", NULL };
	struct buf saved = { 0 };
	struct reader in;
	struct world w;

	(void)state;
	world_begin(&w, "", jails);
	world_run(&w, SENT(0, "203.0.113.1", "joe") SENT(1, "203.0.113.1", "joe") SENT(9999999, "203.0.113.1", "joe")
		  SENT(9999999, "203.0.113.1", "joe"));
	assert_int_equal(world_differs(&w, "shadow", "1 b joe 2 shadow: contain joe\n"), 0);
	history_save(w.core->history, &saved);
	core_set_mode(w.core, 0, MODE_ON);
	world_run(&w, SENT(19999999, "203.0.113.1", "joe") SENT(19999999, "203.0.113.1", "joe")
		  SENT(29999999, "203.0.113.1", "joe") SENT(29999999, "203.0.113.1", "joe"));
	assert_int_equal(world_differs(&w, "on", "19999999 b joe 2: contain joe\n"), 0);
	world_end(&w);
	world_begin(&w, "jails: {b: on}\n", jails);
	in = (struct reader){ .p = saved.p, .n = saved.n };
	assert_int_equal(history_restore(w.core->history, &in), 0);
	world_run(&w, SENT(19999999, "203.0.113.1", "joe") SENT(19999999, "203.0.113.1", "joe"));
	assert_int_equal(world_differs(&w, "restored", "19999999 b joe 2: contain joe\n"), 0);
	world_end(&w);
	buf_free(&saved);
}

/* Behind the brake, and in a pause, an account is quiet as in shadow; what comes after is acted on. */
static void held_back(void **state)
{
	static const char *const jails[] = { "b.yaml", SENT_MATCH "limit: {count: 1, per: user, within: 1m}\n"
					     "then: [contain, {ban: {whom: seen, for: 1h, scope: mail}}]\n"
					     "brake: {bans: 1, within: 1m}\n", NULL };
	char key[SUBJECT_KEY_MAX];
	struct world w;
	size_t n;

	(void)state;
	world_begin(&w, "", jails);
	core_set_mode(w.core, 0, MODE_ON);
	world_run(&w, SENT(0, "203.0.113.1", "ann") SENT(1, "203.0.113.2", "joe") SENT(2, "203.0.113.2", "joe")
		  SENT(9999999, "203.0.113.2", "joe"));
	assert_int_equal(world_differs(&w, "braked", "0 b ann 1: contain ann, ban 203.0.113.1 3600\n"
				       "1 b joe 1 shadow: contain joe, ban 203.0.113.2 3600\n"), 0);
	brakes_release(w.core->brakes, 0);
	world_run(&w, SENT(10000000, "203.0.113.2", "joe"));
	assert_int_equal(world_differs(&w, "released", "10000000 b joe 1: contain joe, ban 203.0.113.2 3600\n"), 0);
	brakes_release(w.core->brakes, 0);
	w.core->paused_until_ms = T0 + 30000000;
	world_run(&w, SENT(20000000, "203.0.113.3", "bob"));
	assert_int_equal(core_key_of(w.core, w.core->config->jails, "bob", key, sizeof(key), &n), 0);
	history_watched(w.core->history, 0, (struct span){ key, n }, (struct event_time){ T0 + 20000000 });
	world_run(&w, SENT(20000001, "203.0.113.3", "bob") SENT(29999999, "203.0.113.3", "bob")
		  SENT(30000000, "203.0.113.3", "bob"));
	assert_int_equal(world_differs(&w, "paused", "20000000 b bob 1: contain bob, ban 203.0.113.3 3600\n"
				       "30000000 b bob 1: contain bob, ban 203.0.113.3 3600\n"), 0);
	world_end(&w);
}

/* The brake is for bans that happen: shadow ones don't trip it. */
static void brake_released(void **state)
{
	static const char *const jails[] = { "b.yaml", SASL(1, BAN) "brake: {bans: 1, within: 1m}\n", NULL };
	struct world w;

	(void)state;
	world_begin(&w, "", jails);
	core_set_mode(w.core, 0, MODE_SHADOW);
	world_run(&w, FAIL(0, "203.0.113.1") FAIL(1, "203.0.113.2") FAIL(2, "203.0.113.3"));
	assert_false(brakes_on(w.core->brakes, 0));
	core_set_mode(w.core, 0, MODE_ON);
	buf_clear(&w.verdicts);
	world_run(&w, FAIL(3, "203.0.113.4") FAIL(4, "203.0.113.5"));
	assert_int_equal(world_differs(&w, "trips", "3 b 203.0.113.4 1: ban 203.0.113.4 600\n"
				       "4 b 203.0.113.5 1 shadow: ban 203.0.113.5 600\n"), 0);
	assert_true(brakes_on(w.core->brakes, 0));
	brakes_release(w.core->brakes, 0);
	world_run(&w, FAIL(70000, "203.0.113.6"));
	assert_int_equal(world_differs(&w, "again", "70000 b 203.0.113.6 1: ban 203.0.113.6 600\n"), 0);
	world_end(&w);
}

/* `unban`: the window is empty and the quiet time over; earlier verdicts still grow the next. */
static void cleared(void **state)
{
	static const char *const jails[] = {
		"sasl.yaml", SASL(2, "ban: {for: 10m, grow: 2, max: 1w, scope: mail}"), NULL
	};
	char key[SUBJECT_KEY_MAX];
	struct world w;
	struct span k;

	(void)state;
	world_begin(&w, "", jails);
	world_run(&w, FAIL(0, "203.0.113.1") FAIL(1, "203.0.113.1") FAIL(2, "203.0.113.1"));
	k = world_key(&w, "sasl", "203.0.113.1", key);
	assert_true(history_quiet(w.core->history, 0, k, (struct event_time){ T0 + 3 }));
	assert_int_equal(windows_amount(w.core->windows, 0, k, (struct event_time){ T0 + 3 }), 0);
	history_clear(w.core->history, 0, k);
	windows_clear(w.core->windows, 0, k);
	buf_clear(&w.verdicts);
	world_run(&w, FAIL(3, "203.0.113.1"));
	assert_int_equal(windows_amount(w.core->windows, 0, k, (struct event_time){ T0 + 3 }), 1);
	world_run(&w, FAIL(4, "203.0.113.1"));
	assert_int_equal(world_differs(&w, "again", "4 sasl 203.0.113.1 2: ban 203.0.113.1 1200\n"), 0);
	world_end(&w);
}

/* The tail that is read again before the history begins counts for nothing. */
static void not_before(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, "", one_jail);
	w.core->not_before_ms = T0 + 10;
	world_run(&w, FAIL(8, "203.0.113.1") FAIL(9, "203.0.113.1") FAIL(10, "203.0.113.1"));
	assert_int_equal(world_differs(&w, "too early", ""), 0);
	world_run(&w, FAIL(11, "203.0.113.1"));
	assert_int_equal(world_differs(&w, "then", "11 sasl 203.0.113.1 2: ban 203.0.113.1 600\n"), 0);
	world_end(&w);
}

/* What a verdict hands on, beside what follows. */
static void what_a_verdict_knows(void **state)
{
	struct engine_page page = { .jail = ORDER_NO_JAIL };
	struct evidence_line lines[10];
	char key[SUBJECT_KEY_MAX];
	struct world w;
	struct span k;

	(void)state;
	world_begin(&w, "", one_jail);
	w.core->page = &page;
	w.trusted = false;
	world_run(&w, FAIL(0, "203.0.113.1") FAIL(1, "203.0.113.2") FAIL(2, "203.0.113.1"));
	assert_int_equal(page.jail, 0);
	assert_int_equal(w.cv.jail, 0);
	assert_int_equal(w.cv.pos.offset, 300);
	assert_false(w.cv.trusted);
	k = world_key(&w, "sasl", "203.0.113.1", key);
	assert_int_equal(evidence_find(w.core->evidence, 0, k, lines, 10), 2);
	assert_int_equal(lines[0].when.ms, T0 + 2);
	assert_int_equal(lines[1].when.ms, T0);
	assert_memory_equal(lines[1].line.p, "2026-08-21T10:00:00.000+00:00 mx postfix/smtpd[9]: warning: ", 60);
	/* What comes while it is quiet is kept for `why`, and counted for nothing. */
	world_run(&w, FAIL(3, "203.0.113.1"));
	assert_int_equal(evidence_find(w.core->evidence, 0, k, lines, 10), 3);
	assert_int_equal(w.core->jails[0].hits, 4);
	assert_int_equal(w.core->jails[0].verdicts, 1);
	world_end(&w);
}

/* Many at once: every one its own verdict, and no more memory than allowed. */
static void a_burst(void **state)
{
	static const char *const jails[] = { "sasl.yaml", SASL(5, BAN), NULL };
	char line[160];
	struct world w;

	(void)state;
	world_begin(&w, "tracked_max: 1000\n", jails);
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 900; i++) {
			snprintf(line, sizeof(line), "%d postfix/smtpd: warning: unknown[203.%d.%d.9]: "
				 "SASL LOGIN authentication failed: x\n", round * 900 + i, i / 250, i % 250);
			world_run(&w, line);
		}
	assert_int_equal(w.core->jails[0].verdicts, 900);
	assert_true(windows_used(w.core->windows) <= 1000);
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "%d postfix/smtpd: warning: unknown[198.51.%d.%d]: "
			 "SASL LOGIN authentication failed: x\n", 5000 + i, i / 250, i % 250);
		world_run(&w, line);
	}
	assert_true(windows_used(w.core->windows) <= 1000);
	assert_true(windows_forgotten(w.core->windows) >= 4000);
	world_end(&w);
}

/* ---- keys that people type */

static const struct { const char *jail, *text, *want; } typed[] = {
	{ "ip", "203.0.113.9", "203.0.113.9" },
	{ "ip", "::ffff:203.0.113.9", "203.0.113.9" },
	{ "ip", "2001:db8:1:2::9", "2001:db8:1:2::/64" },
	{ "ip", "2001:db8:1:2::/64", "2001:db8:1:2::/64" },
	{ "ip", "joe", NULL },
	{ "ip", "", NULL },
	{ "user", "JOE", "joe@example.com" },
	{ "user", "joe@Example.com", "joe@example.com" },
	{ "user", "-rf", NULL },
	{ "user", "a b", NULL },
	{ "both", "203.0.113.9", NULL },
};

/* What `postsuper -r` gave a new id stays the account's, where nobody else could have written that. */
static void requeued(void **state)
{
	static const char *const contain[] = {
		"burst", "log: mail\nmatch: ['<qid>: client=<host>\\[<ip>\\], sasl_username=<user>$']\n"
			 "limit: {count: 5, per: user, within: 10m}\nthen: [contain]\n", NULL
	};
	static const struct { const char *line; bool trusted, follows; } pickups[] = {
		{ "0 postfix/pickup: 9B2: uid=0 from=<a@b> orig_id=4F1C", true, true },
		{ "0 postfix/pickup: 9B2: uid=0 from=<> orig_id=4F1C", true, true },
		{ "0 postfix/pickup: 9B2: uid=0 from=<a@b> orig_id=4F1C", false, false },
		{ "0 postfix/smtpd: 9B2: uid=0 from=<a@b> orig_id=4F1C", true, false },
		{ "0 postfix-out/pickup: 9B2: uid=0 from=<a@b> orig_id=4F1C", true, false },
		{ "0 postfix/pickup: 9B2: uid=33 from=<x orig_id=4F1C>", true, false },
		{ "0 postfix/pickup: 9B2: uid=33 from=<a@b>", true, false },
		{ "0 postfix/pickup: 9B2: uid=33 from=<a@b> orig_id=", true, false },
		{ "0 postfix/pickup: -d: uid=0 from=<a@b> orig_id=4F1C", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pickups) / sizeof(pickups[0]); i++) {
		struct world w;
		struct queued v[4];

		world_begin(&w, "", contain);
		world_run(&w, "0 postfix/smtpd: 4F1C: client=x[192.0.2.7], sasl_username=joe\n");
		w.trusted = pickups[i].trusted;
		world_run(&w, pickups[i].line);
		if ((submitted_of(w.core->submitted, SPAN_LIT("joe"), true, v, 4) == 2) != pickups[i].follows)
			fail_msg("%zu: %s", i, pickups[i].line);
		world_end(&w);
	}
}

/* What came back from a filter is the account's, in a jail whose threads need not know the id. */
static void filtered(void **state)
{
	static const char *const contain[] = {
		"burst", "log: mail\nmatch: ['<qid>: client=<host>\\[<ip>\\], sasl_username=<user>$',"
			 " {join: '<qid>: to=<[^>]*>, .*status=sent \\(250 .*queued as <qid2>\\)$'}]\n"
			 "thread: {by: qid}\nlimit: {count: 5, per: user, within: 10m}\nthen: [contain]\n", NULL
	};
	struct world w;
	struct queued v[4];

	(void)state;
	world_begin(&w, "", contain);
	world_run(&w, "0 postfix/smtpd: 4F1C: client=x[192.0.2.7], sasl_username=joe\n"
		      "0 postfix/smtp: 4F1C: to=<a@b>, relay=x, status=sent (250 2.0.0 Ok: queued as 9B2C)\n"
		      "0 postfix/smtp: 4F1D: to=<a@b>, relay=x, status=sent (250 2.0.0 Ok: queued as 9B3C)\n");
	assert_int_equal(submitted_of(w.core->submitted, SPAN_LIT("joe"), true, v, 4), 2);
	assert_true(submitted_knows(w.core->submitted, SPAN_LIT("9B2C")));
	world_end(&w);
}

/* Whose message it is tells also a count that comes to nothing by itself. */
static void told_in_vain(void **state)
{
	static const char *const contain[] = {
		"burst", "log: mail\nmatch: [{remember: '<qid>: client=<ip>$'}, "
			 "{count: '<qid>: sasl_username=<user>$', at_once: true}]\n"
			 "thread: {by: qid}\nlimit: {count: 5, per: [user, ip], within: 10m}\nthen: [contain]\n", NULL
	};
	struct world w;

	(void)state;
	world_begin(&w, "", contain);
	world_run(&w, "0 postfix/smtpd: 4F1C: sasl_username=joe\n");
	assert_true(submitted_knows(w.core->submitted, SPAN_LIT("4F1C")));
	world_end(&w);
}

static void keys(void **state)
{
	static const char *const jails[] = {
		"ip.yaml", SENT_MATCH "limit: {count: 1, per: ip, within: 1m}\nthen: []\n",
		"user.yaml", SENT_MATCH "limit: {count: 1, per: user, within: 1m}\nthen: []\n",
		"both.yaml", SENT_MATCH "limit: {count: 1, per: [ip, user], within: 1m}\nthen: []\n", NULL
	};
	struct world w;

	(void)state;
	world_begin(&w, "accounts: {default_domain: example.com}\n", jails);
	for (size_t i = 0; i < COUNT(typed); i++) {
		const struct jail *j = config_jail(w.made.config, typed[i].jail);
		char key[SUBJECT_KEY_MAX];
		struct buf out = { 0 };
		struct subject s;
		size_t n;
		int r = core_key_of(w.core, j, typed[i].text, key, sizeof(key), &n);

		assert_int_equal(r, typed[i].want ? 0 : -EINVAL);
		if (r < 0)
			continue;
		assert_int_equal(subject_from_key(w.made.config, j, (struct span){ key, n }, &s), 0);
		subject_print(w.made.config, &s, &out);
		assert_string_equal(buf_cstr(&out), typed[i].want);
		buf_free(&out);
	}
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts), cmocka_unit_test(joined_by_an_id), cmocka_unit_test(other_verbs),
		cmocka_unit_test(modes_at_run_time), cmocka_unit_test(brake_released),
		cmocka_unit_test(watched_then_on), cmocka_unit_test(held_back),
		cmocka_unit_test(cleared), cmocka_unit_test(not_before),
		cmocka_unit_test(what_a_verdict_knows), cmocka_unit_test(a_burst), cmocka_unit_test(requeued), cmocka_unit_test(filtered),
		cmocka_unit_test(told_in_vain), cmocka_unit_test(keys),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
