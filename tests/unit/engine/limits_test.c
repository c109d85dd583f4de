/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits that ask for more than an amount, from lines to verdicts: gauges,
 * shares, conditions, and weights by where and whom. A verdict is told as
 * "MS JAIL SUBJECT: what made it".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/passage.h"
#include "engine/words.h"
#include "unit/engine/world.h"

#define LOG "log: mail\n"

#define GAUGE LOG "match: 'queue=<host> messages=<count>'\n"
#define GAUGE_LINE(ms, n) #ms " queue: queue=all messages=" #n "\n"

#define SHARE LOG "match:\n  - match: '<user> sent'\n  - match: '<user> bounced'\n    part: yes\n"
#define SENT(ms) #ms " smtp: joe sent\n"
#define BOUNCED(ms) #ms " smtp: joe bounced\n"

/* The client's line, the sender's, a recipient's. */
#define MAIL LOG "thread: {by: qid}\nmatch:\n" \
	"  - remember: '<qid>: client=<ip>, user=<user>$'\n" \
	"  - count: '<qid>: from=<<sender>>'\n" \
	"  - count: '<qid>: to=<<rcpt>>'\n    aside: yes\n"
#define MSG(ms, qid, user, ip, sender) #ms " postfix/smtpd: " #qid ": client=" ip ", user=" user "\n" \
	#ms " postfix/qmgr: " #qid ": from=<" sender ">\n"
#define TO(ms, qid, rcpt) #ms " postfix/smtp: " #qid ": to=<" rcpt ">\n"
#define WITH(more) MAIL "limit: {count: 3, per: user, within: 10m, " more "}\nthen: notify\nsuccesses: yes\n"

#define FAILED LOG "match: 'failed <user> from <ip>'\n"
#define ONE FAILED "limit: {count: 1, per: ip, within: 10m}\nthen: notify\n"
#define SENT_AS LOG "match: '<user> <<sender>>'\nlimit: {count: 1, per: user, within: 10m}\nthen: notify\n"
#define ZONE(name) "logs: {mail: {timezone: " name "}}\n"
#define FAIL(ms, user, ip) #ms " auth: failed " user " from " ip "\n"

#define SIGNAL(name) LOG "match: '" name " <user>'\nlimit: {count: 1, per: user, within: 1m}\n"
#define SIGNALS { "a.yaml", SIGNAL("a") "then: []\nmode: shadow\n", "b.yaml", SIGNAL("b") "then: notify\n", \
	"c.yaml", SIGNAL("c") "then: []\n", "risk.yaml", "log: verdicts\nthen: notify\n" \
	"limit: {score: 70, per: user, within: 10m}\nscore: {a: 30, b: 40, c: 10}\n" }

static const struct row {
	const char *name, *main_yaml;
	const char *jails[9];
	const char *script, *want;
} rows[] = {
	/* ---- level */
	{ "more than, once until it was less than", NULL, { "q.yaml", GAUGE
	  "limit: {level: count, over: 200, under: 150, per: host}\nthen: notify\n" },
	  GAUGE_LINE(0, 200) GAUGE_LINE(1, 201) GAUGE_LINE(2, 500) GAUGE_LINE(3, 150) GAUGE_LINE(4, 201)
	  GAUGE_LINE(5, 149) GAUGE_LINE(6, 200) GAUGE_LINE(7, 201) GAUGE_LINE(8, 0) GAUGE_LINE(9, 400000000),
	  "1 q all: count is 201\n7 q all: count is 201\n9 q all: count is 400000000\n" },
	{ "without `under`", NULL, { "q.yaml", GAUGE "limit: {level: count, over: 200, per: host}\nthen: []\n" },
	  GAUGE_LINE(0, 201) GAUGE_LINE(1, 200) GAUGE_LINE(2, 201) GAUGE_LINE(3, 199) GAUGE_LINE(4, 201),
	  "0 q all: count is 201\n4 q all: count is 201\n" },
	{ "a late line changes nothing", NULL, { "q.yaml", GAUGE
	  "limit: {level: count, over: 200, per: host}\nthen: []\n" },
	  GAUGE_LINE(1000, 201) "~500 queue: queue=all messages=0\n" GAUGE_LINE(1001, 201), "1000 q all: count is 201\n" },
	{ "at least so much time between two", NULL, { "q.yaml", GAUGE
	  "limit: {level: count, over: 200, per: host, within: 1s}\nthen: notify\n" },
	  GAUGE_LINE(0, 201) GAUGE_LINE(1, 0) GAUGE_LINE(999, 201) GAUGE_LINE(1000, 202) GAUGE_LINE(1001, 203),
	  "0 q all: count is 201\n1000 q all: count is 202\n" },
	{ "each for itself", NULL, { "q.yaml", GAUGE "limit: {level: count, over: 1, per: host}\nthen: []\n" },
	  "0 queue: queue=a messages=2\n1 queue: queue=b messages=2\n2 queue: queue=a messages=2\n",
	  "0 q a: count is 2\n1 q b: count is 2\n" },

	/* ---- ratio */
	{ "the share, of enough", NULL, { "r.yaml", SHARE
	  "limit: {ratio: 0.5, count: 4, per: user, within: 10m}\nthen: notify\n" },
	  BOUNCED(0) BOUNCED(1) BOUNCED(2) SENT(3), "3 r joe: 3 of 4 within 10m\n" },
	{ "exactly the share", NULL, { "r.yaml", SHARE
	  "limit: {ratio: 0.3, count: 10, per: user, within: 10m}\nthen: notify\n" },
	  SENT(0) SENT(1) SENT(2) SENT(3) SENT(4) SENT(5) SENT(6) BOUNCED(7) BOUNCED(8) BOUNCED(9),
	  "9 r joe: 3 of 10 within 10m\n" },
	{ "a hit less than the share", NULL, { "r.yaml", SHARE
	  "limit: {ratio: 0.3, count: 10, per: user, within: 10m}\nthen: notify\n" },
	  SENT(0) SENT(1) SENT(2) SENT(3) SENT(4) SENT(5) SENT(6) SENT(7) BOUNCED(8) BOUNCED(9) BOUNCED(10),
	  "" },
	{ "old hits leave the share", NULL, { "r.yaml", SHARE
	  "limit: {ratio: 0.5, count: 2, per: user, within: 1s}\nthen: notify\n" },
	  SENT(0) SENT(1) SENT(2) SENT(3) BOUNCED(1003) BOUNCED(1004), "1003 r joe: 1 of 2 within 1s\n" },

	/* ---- with, alone */
	{ "nothing held", NULL, { "b.yaml", WITH("with: [foreign_sender]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "joe@x.example") MSG(1, A001, "joe@x.example", "192.0.2.1", "")
	  MSG(2, A002, "joe@x.example", "192.0.2.1", "ann@x.example")
	  MSG(3, A003, "joe@x.example", "192.0.2.1", "joe+a@else.example"), "" },
	{ "it held for the last", NULL, { "b.yaml", WITH("with: [foreign_sender]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "joe@x.example")
	  MSG(1, A001, "joe@x.example", "192.0.2.1", "joe@x.example")
	  MSG(2, A002, "joe@x.example", "192.0.2.1", "bob@else.example"),
	  "2 b joe@x.example: 3 within 10m, with: foreign_sender\n" },
	{ "it held for the first", NULL, { "b.yaml", WITH("with: [foreign_sender]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "bob@else.example")
	  MSG(1, A001, "joe@x.example", "192.0.2.1", "joe@x.example")
	  MSG(600000, A002, "joe@x.example", "192.0.2.1", "joe@x.example"),
	  "600000 b joe@x.example: 3 within 10m, with: foreign_sender\n" },
	{ "it held for one that left the window", NULL, { "b.yaml", WITH("with: [foreign_sender]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "bob@else.example")
	  MSG(1, A001, "joe@x.example", "192.0.2.1", "joe@x.example")
	  MSG(2, A002, "joe@x.example", "192.0.2.2", "joe@x.example")
	  MSG(600001, A003, "joe@x.example", "192.0.2.1", "joe@x.example"),
	  "2 b joe@x.example: 3 within 10m, with: foreign_sender\n" },
	{ "ours are not foreign", "accounts: {local_domains: [one.example], default_domain: two.example}\n",
	  { "b.yaml", WITH("with: [foreign_sender]") },
	  MSG(0, A000, "joe", "192.0.2.1", "a@ONE.example") MSG(1, A001, "joe", "192.0.2.1", "b@two.example")
	  MSG(2, A002, "joe", "192.0.2.1", "c"), "" },
	{ "alone", NULL, { "b.yaml", WITH("with: [foreign_sender], alone: 4") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "") MSG(1, A001, "joe@x.example", "192.0.2.1", "")
	  MSG(2, A002, "joe@x.example", "192.0.2.1", "") MSG(3, A003, "joe@x.example", "192.0.2.1", ""),
	  "3 b joe@x.example: 4 within 10m, alone\n" },
	{ "more than two domains, told aside", NULL,
	  { "b.yaml", WITH("with: [foreign_sender, {distinct: rcpt_domain, over: 2}]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "") MSG(1, A001, "joe@x.example", "192.0.2.1", "")
	  TO(2, A000, "a@one.example") TO(3, A000, "b@ONE.example") TO(4, A001, "c@two.example")
	  MSG(5, A002, "joe@x.example", "192.0.2.1", "") TO(6, A002, "d@three.example"),
	  "6 b joe@x.example: 3 within 10m, with: more than 2 different rcpt_domain\n" },
	{ "a sum, with", NULL, { "b.yaml", LOG "match: '<user> <sender> <size>'\n"
	  "limit: {sum: size, over: 100, alone: 200, per: user, within: 1m, with: foreign_sender}\nthen: notify\nsuccesses: yes\n" },
	  "0 x: joe@x.example joe@x.example 100\n1 x: joe@x.example joe@x.example 100\n"
	  "2 x: joe@x.example joe@x.example 1\n3 x: ann@x.example bob@y.example 100\n4 x: ann@x.example ann@x.example 1\n",
	  "2 b joe@x.example: sum of size 201 within 1m, alone\n"
	  "4 b ann@x.example: sum of size 101 within 1m, with: foreign_sender\n" },

	/* ---- new_network, known, spread: known-good from four hours after the first success on */
	{ "a new network", NULL, { "b.yaml", WITH("with: [new_network]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "") MSG(14400000, A001, "joe@x.example", "192.0.2.1", "")
	  MSG(14400001, A002, "joe@x.example", "192.0.2.99", "") MSG(14400002, A003, "joe@x.example", "192.0.2.1", "")
	  MSG(14400003, A004, "joe@x.example", "203.0.113.9", ""),
	  "14400003 b joe@x.example: 4 within 10m, with: new_network\n" },
	{ "all networks are new at first", NULL, { "b.yaml", WITH("with: [new_network]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "") MSG(14399997, A001, "joe@x.example", "192.0.2.1", "")
	  MSG(14399998, A002, "joe@x.example", "192.0.2.2", "") MSG(14399999, A003, "joe@x.example", "203.0.113.9", ""),
	  "14399999 b joe@x.example: 3 within 10m, with: new_network\n" },
	{ "one account's network is new to another", NULL, { "b.yaml", WITH("with: [new_network]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "") MSG(14400000, A001, "ann@x.example", "192.0.2.1", "")
	  MSG(14400001, A002, "ann@x.example", "192.0.2.1", "") MSG(14400002, A003, "ann@x.example", "192.0.2.1", ""),
	  "14400002 b ann@x.example: 3 within 10m, with: new_network\n" },
	{ "known after a day", "accounts: {known_after: 1d}\n", { "b.yaml", WITH("with: [new_network]") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "") MSG(86400000, A001, "joe@x.example", "192.0.2.1", "")
	  MSG(86400001, A002, "joe@x.example", "192.0.2.1", "") MSG(86400002, A003, "joe@x.example", "192.0.2.1", ""), "" },
	{ "failures from where it was at home weigh little", NULL, { "b.yaml", WITH("with: [new_network]"),
	  "f.yaml", FAILED "limit: {count: 2, per: ip, within: 10m, known: 0.5}\nthen: {ban: {scope: mail}}\n" },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "")
	  FAIL(14400000, "joe@x.example", "192.0.2.7") FAIL(14400001, "joe@x.example", "192.0.2.7")
	  FAIL(14400002, "joe@x.example", "192.0.2.7") FAIL(14400003, "joe@x.example", "192.0.2.7")
	  FAIL(14400004, "ann@x.example", "192.0.2.8") FAIL(14400005, "ann@x.example", "192.0.2.8"),
	  "14400003 f 192.0.2.7: 2 within 10m\n14400005 f 192.0.2.8: 2 within 10m\n" },
	{ "on three accounts they weigh double", NULL, { "f.yaml", FAILED
	  "limit: {count: 6, per: ip, within: 10m, spread: {accounts: 3, weight: 2}}\nthen: {ban: {scope: mail}}\n" },
	  FAIL(0, "joe", "192.0.2.7") FAIL(1, "ann", "192.0.2.7") FAIL(2, "bob", "192.0.2.7") FAIL(3, "joe", "192.0.2.7")
	  FAIL(4, "joe", "192.0.2.8") FAIL(5, "ann", "192.0.2.8") FAIL(6, "joe", "192.0.2.8") FAIL(7, "ann", "192.0.2.8")
	  FAIL(8, "ann", "192.0.2.8") FAIL(9, "ann", "192.0.2.8"),
	  "3 f 192.0.2.7: 6 within 10m\n9 f 192.0.2.8: 6 within 10m\n" },
	{ "the third left the window", NULL, { "f.yaml", FAILED
	  "limit: {count: 4, per: ip, within: 1s, spread: {accounts: 3, weight: 2}}\nthen: {ban: {scope: mail}}\n" },
	  FAIL(0, "joe", "192.0.2.7") FAIL(1, "ann", "192.0.2.7") FAIL(1001, "bob", "192.0.2.7")
	  FAIL(1002, "bob", "192.0.2.7") FAIL(1003, "bob", "192.0.2.7") FAIL(1004, "bob", "192.0.2.7"),
	  "1004 f 192.0.2.7: 4 within 1s\n" },

	/* ---- classes */
	{ "another amount for a member", "classes: {bulk: {members: [joe, '*@lists.example'], limits: {f: {count: 3}}}}\n",
	  { "f.yaml", FAILED "limit: {count: 2, per: user, within: 10m}\nthen: notify\n" },
	  FAIL(0, "JOE", "192.0.2.1") FAIL(1, "joe", "192.0.2.1") FAIL(2, "ann", "192.0.2.1") FAIL(3, "ann", "192.0.2.1")
	  FAIL(4, "joe", "192.0.2.1") FAIL(5, "x@lists.example", "192.0.2.1") FAIL(6, "x@lists.example", "192.0.2.1"),
	  "3 f ann: 2 within 10m\n4 f joe: 3 within 10m, limit of class bulk\n" },
	{ "much more for a member", "classes: {bulk: {members: joe, limits: {f: {count: 40000}}}}\n",
	  { "f.yaml", LOG "match: 'n=<attempts> <user>'\nlimit: {count: 2, weight: attempts, per: user, within: 10m}\n"
	  "then: notify\n" },
	  "0 x: n=39999 joe\n1 x: n=1 joe\n2 x: n=2 ann\n", "1 f joe: 40000 within 10m, limit of class bulk\n2 f ann: 2 within 10m\n" },
	{ "less for a member", "classes: {few: {members: joe, limits: {f: {count: 1}}}}\n",
	  { "f.yaml", FAILED "limit: {count: 2, per: user, within: 10m}\nthen: notify\n" },
	  FAIL(0, "joe", "192.0.2.1"), "0 f joe: 1 within 10m, limit of class few\n" },
	{ "off for a member, told by the address's jail, too", "classes: {bulk: {members: joe, limits: {f: off}}}\n",
	  { "f.yaml", FAILED "limit: {count: 2, per: ip, within: 10m}\nthen: notify\n" },
	  FAIL(0, "joe", "192.0.2.1") FAIL(1, "joe", "192.0.2.1") FAIL(2, "ann", "192.0.2.1") FAIL(3, "ann", "192.0.2.1"),
	  "3 f 192.0.2.1: 2 within 10m\n" },
	{ "by network, the first class wins",
	  "classes: {a: {members: 192.0.2.0/25}, b: {members: 192.0.2.0/24, limits: {f: off}}}\n",
	  { "f.yaml", FAILED "limit: {count: 1, per: ip, within: 10m}\nthen: notify\n" },
	  FAIL(0, "joe", "192.0.2.200") FAIL(1, "joe", "192.0.2.1"), "1 f 192.0.2.1: 1 within 10m\n" },
	{ "never", "classes: {a: {members: [joe, 192.0.2.0/24], never: yes}}\n",
	  { "f.yaml", FAILED "limit: {count: 1, per: user, within: 10m}\nthen: notify\n",
	    "g.yaml", FAILED "limit: {count: 1, per: ip, within: 10m}\nthen: notify\n" },
	  FAIL(0, "joe", "203.0.113.1") FAIL(1, "ann", "192.0.2.1"), "0 g 203.0.113.1: 1 within 10m\n" },
	{ "a gauge of a member", "classes: {a: {members: big, limits: {q: {over: 500}}}}\n", { "q.yaml", LOG
	  "match: '<user> messages=<count>'\nlimit: {level: count, over: 200, under: 150, per: user}\nthen: []\n" },
	  "0 x: big messages=300\n1 x: big messages=501\n2 x: big messages=150\n3 x: big messages=501\n"
	  "4 x: big messages=149\n5 x: big messages=501\n6 x: joe messages=300\n",
	  "1 q big: count is 501, limit of class a\n5 q big: count is 501, limit of class a\n6 q joe: count is 300\n" },
	{ "its senders, and what is alone", "classes: {a: {members: '*@x.example', senders: ['*@BRAND.example'], "
	  "limits: {b: {count: 4, alone: 5}}}}\n", { "b.yaml", WITH("with: [foreign_sender], alone: 3") },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "ann@Brand.example")
	  MSG(1, A001, "joe@x.example", "192.0.2.1", "ann@brand.example")
	  MSG(2, A002, "joe@x.example", "192.0.2.1", "ann@brand.example")
	  MSG(3, A003, "joe@x.example", "192.0.2.1", "ann@brand.example")
	  MSG(4, A004, "joe@x.example", "192.0.2.1", "ann@brand.example"),
	  "4 b joe@x.example: 5 within 10m, alone, limit of class a\n" },

	/* ---- conditions; T0 is Friday, 2026-08-21 10:00 UTC, noon in Berlin */
	{ "active: from, and up to", ZONE("UTC"), { "f.yaml", ONE "active: {days: mon-fri, hours: '10:00-18:00'}\n" },
	  FAIL(-1, "a", "192.0.2.1") FAIL(0, "b", "192.0.2.2") FAIL(28799999, "c", "192.0.2.3")
	  FAIL(28800000, "d", "192.0.2.4") FAIL(86400000, "e", "192.0.2.5"),
	  "0 f 192.0.2.2: 1 within 10m\n28799999 f 192.0.2.3: 1 within 10m\n" },
	{ "active: in the log's zone", ZONE("Europe/Berlin"), { "f.yaml", ONE "active: {hours: '12:00-13:00'}\n" },
	  FAIL(-1, "a", "192.0.2.1") FAIL(0, "b", "192.0.2.2") FAIL(3600000, "c", "192.0.2.3"),
	  "0 f 192.0.2.2: 1 within 10m\n" },
	{ "active: past midnight", ZONE("UTC"), { "f.yaml", ONE "active: {days: [fri], hours: '22:00-06:00'}\n" },
	  FAIL(-36000000, "a", "192.0.2.1")	/* Friday, 00:00: Thursday's night */
	  FAIL(43199999, "b", "192.0.2.2") FAIL(43200000, "c", "192.0.2.3")	/* Friday, 22:00 */
	  FAIL(71999999, "d", "192.0.2.4") FAIL(72000000, "e", "192.0.2.5")	/* Saturday, 06:00 */
	  FAIL(129600000, "g", "192.0.2.6"),	/* Saturday, 22:00 */
	  "43200000 f 192.0.2.3: 1 within 10m\n71999999 f 192.0.2.4: 1 within 10m\n" },
	{ "known_good", NULL, { "b.yaml", WITH("with: [new_network]"),
	  "f.yaml", ONE "known_good: no\n", "g.yaml", ONE "known_good: yes\n" },
	  MSG(0, A000, "joe@x.example", "192.0.2.1", "")
	  FAIL(1, "joe@x.example", "192.0.2.1") FAIL(14400001, "joe@x.example", "192.0.2.2")
	  FAIL(14400002, "joe@x.example", "192.0.3.2") FAIL(14400003, "ann@x.example", "192.0.2.3"),
	  "1 f 192.0.2.1: 1 within 10m\n14400001 g 192.0.2.2: 1 within 10m\n14400002 f 192.0.3.2: 1 within 10m\n"
	  "14400003 f 192.0.2.3: 1 within 10m\n" },
	{ "foreign_sender", "classes: {a: {members: ann@x.example, senders: '*@brand.example'}}\n",
	  { "f.yaml", SENT_AS "foreign_sender: yes\n", "g.yaml", SENT_AS "foreign_sender: no\n" },
	  "0 x: joe@x.example <a@y.example>\n1 x: bob@x.example <>\n2 x: ann@x.example <a@brand.example>\n"
	  "3 x: eve@x.example <a@brand.example>\n",
	  "0 f joe@x.example: 1 within 10m\n1 g bob@x.example: 1 within 10m\n2 g ann@x.example: 1 within 10m\n"
	  "3 f eve@x.example: 1 within 10m\n" },
	{ "what does not count teaches all the same", ZONE("UTC"), { "b.yaml", LOG "match: '<user> from <ip>'\n"
	  "limit: {count: 2, per: user, within: 10m}\nthen: lock\nactive: {hours: '14:00-15:00'}\n", "g.yaml", ONE "known_good: yes\n" },
	  "0 x: joe from 192.0.2.1\n1 x: joe from 192.0.2.1\n" FAIL(14400000, "joe", "192.0.2.9"),
	  "14400000 g 192.0.2.9: 1 within 10m\n" },

	/* ---- score */
	{ "signals add up, in shadow and without actions, too", NULL, SIGNALS,
	  "0 x: a joe\n1 x: a ann\n2 x: b joe\n3 x: b ann\n4 x: c ann\n",
	  "0 a joe: 1 within 1m\n1 a ann: 1 within 1m\n2 b joe: 1 within 1m\n"
	  "2 risk joe: score 70 within 10m: a 30, b 40\n"
	  "3 b ann: 1 within 1m\n3 risk ann: score 70 within 10m: a 30, b 40\n4 c ann: 1 within 1m\n" },
	{ "the same again, up to the end of the time", NULL, SIGNALS,
	  "0 x: a joe\n1 x: a joe\n60000 x: a joe\n600000 x: c joe\n600001 x: a joe\n",
	  "0 a joe: 1 within 1m\n60000 a joe: 1 within 1m\n600000 c joe: 1 within 1m\n"
	  "600000 risk joe: score 70 within 10m: 2 times a 30, c 10\n600001 a joe: 1 within 1m\n" },
	{ "one left the time", NULL, SIGNALS, "0 x: a joe\n60000 x: a joe\n600001 x: c joe\n",
	  "0 a joe: 1 within 1m\n60000 a joe: 1 within 1m\n600001 c joe: 1 within 1m\n" },
};

static void on_verdict(void *arg, const struct core_verdict *v)
{
	struct world *w = arg;

	buf_printf(&w->verdicts, "%" PRId64 " %s ", v->v->when.ms - T0, v->v->jail->name);
	subject_print(w->made.config, v->subject, &w->verdicts);
	buf_puts(&w->verdicts, ": ");
	words_verdict(w->made.config, v->v, &w->verdicts);
	buf_putc(&w->verdicts, '\n');
}

static void test_rows(void **state)
{
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world w;

		world_begin(&w, rows[i].main_yaml ? rows[i].main_yaml : "", rows[i].jails);
		w.core->fn = on_verdict;
		world_run(&w, rows[i].script);
		bad += world_differs(&w, rows[i].name, rows[i].want);
		world_end(&w);
	}
	assert_int_equal(bad, 0);
}

static const struct { const char *sender, *user; bool foreign; } senders[] = {
	{ "", "joe@x.example", false }, { "joe@x.example", "", false },
	{ "JOE@else.example", "joe@x.example", false }, { "joe+news@else.example", "joe@x.example", false },
	{ "joe@else.example", "joe+tag@x.example", false }, { "ann@X.EXAMPLE", "joe@x.example", false },
	{ "ann@sub.x.example", "joe@x.example", true }, { "ann@else.example", "joe@x.example", true },
	{ "ann@ours.example", "joe@x.example", false }, { "ann@else.example", "joe", true },
	{ "\"a@x.example\"@else.example", "joe@x.example", true }, { "+joe@else.example", "joe@x.example", true },
};

static void test_foreign(void **state)
{
	char *ours[] = { (char *)"ours.example" };
	struct accounts a = { .local_domains = { 1, ours } };

	(void)state;
	for (size_t i = 0; i < sizeof(senders) / sizeof(*senders); i++)
		if (sender_is_foreign(&a, NULL, span_of(senders[i].sender), span_of(senders[i].user)) != senders[i].foreign)
			fail_msg("%s %s", senders[i].sender, senders[i].user);
}

static const struct { const char *limit, *want; } words[] = {
	{ GAUGE "limit: {level: count, over: 200, under: 150, per: host}\n",
	  "count over 200, again after under 150, per host" },
	{ SHARE "limit: {ratio: 0.25, count: 50, per: user, within: 1h}\n",
	  "a share of 0.25 of 50 hits per user within 1h" },
	{ MAIL "limit: {count: 3, per: user, within: 10m, alone: 9, with: [new_network, {distinct: rcpt, over: 4}]}\nsuccesses: yes\n",
	  "3 hits per user within 10m, with new_network or more than 4 different rcpt, 9 alone" },
	{ FAILED "limit: {count: 3, per: ip, within: 10m, known: 0.2, spread: {accounts: 3, weight: 2}}\n",
	  "3 hits per ip within 10m, from known-good networks times 0.2, from 3 accounts on times 2" },
};

static void test_words(void **state)
{
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		char jail[2000];
		const char *jails[] = { "j.yaml", jail, NULL };
		struct world w;

		snprintf(jail, sizeof(jail), "%sthen: notify\n", words[i].limit);
		world_begin(&w, "", jails);
		words_limit(w.made.config, &w.made.config->jails[0], &w.verdicts);
		bad += world_differs(&w, words[i].limit, words[i].want);
		world_end(&w);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_foreign), cmocka_unit_test(test_words),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
