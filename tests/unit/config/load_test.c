/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every kind of bad input with its exact message, and what good input becomes. */
#include "setup.h"

/* ---- bailiff.yaml: one row, one complaint; all are -EINVAL unless a warning ---- */

static const struct { const char *name, *yaml, *want; } main_rows[] = {
	{ "empty", "", "" },
	{ "comments only", "# nothing\n", "" },
	{ "unknown key", "allow: []\nalow: []\n",
	  "main:2:1: unknown key 'alow', did you mean 'allow'?\n" },
	{ "swapped letters", "talbe: x\n", "main:1:1: unknown key 'talbe', did you mean 'table'?\n" },
	{ "unknown key, none near", "zzzzzz: 1\n", "main:1:1: unknown key 'zzzzzz'\n" },
	{ "unknown key in a map", "accounts: {acts: yes}\n",
	  "main:1:12: unknown key 'acts', did you mean 'act'?\n" },
	{ "every error is told", "alow: 1\nset_size: x\n",
	  "main:1:1: unknown key 'alow', did you mean 'allow'?\n"
	  "main:2:11: 'set_size' takes a number, not 'x'\n" },
	{ "not a map", "- a\n- b\n", "main:1:1: a configuration is a map of keys, not a list\n" },
	{ "no YAML", "a: [1, 2\n",
	  "main:2:1: not YAML: did not find expected ',' or ']', while parsing a flow sequence\n" },
	{ "tab", "accounts:\n\tact: yes\n", "main:2:1: not YAML: found character that cannot start "
	  "any token, while scanning for the next token\n" },
	{ "bad bytes", "table: \xff\n",
	  "main:1:1: not readable as YAML: invalid leading UTF-8 octet (at byte 7)\n" },
	{ "duplicate key", "run: /a\nstate: /b\nrun: /c\n",
	  "main:3:1: key 'run' is here twice, first in line 1\n" },
	{ "anchor", "allow: &a [192.0.2.1]\n", "main:1:8: anchors and aliases ('&', '*') are not used "
	  "here; quote the text if it is one\n" },
	{ "alias", "logs: {mail: {files: [*x]}}\n", "main:1:23: anchors and aliases ('&', '*') are not "
	  "used here; quote the text if it is one\n" },
	{ "tag", "table: !!str x\n",
	  "main:1:8: tags ('!') are not used here; quote the text if it is one\n" },
	{ "merge key", "<<: {run: /x}\n", "main:1:1: merge keys ('<<') are not used here\n" },
	{ "key no word", "[a]: b\n", "main:1:1: a key must be a word, not a list\n" },
	{ "second document", "run: /a\n---\nrun: /b\n", "main:2:1: a second document in one file\n" },
	{ "NUL", "table: \"a\\0b\"\n", "main:1:8: a text may not hold a NUL byte\n" },
	{ "no value", "table:\n", "main:1:7: 'table' has no value\n" },
	{ "map without keys is fine", "accounts:\nlogs:\njails:\nallow:\nscopes:\n", "" },
	{ "text, got list", "table: [a]\n", "main:1:8: 'table' takes one text, not a list\n" },
	{ "map, got text", "accounts: yes\n", "main:1:11: 'accounts' takes a map of keys, not 'yes'\n" },
	{ "map, got list", "notify: [x]\n", "main:1:9: 'notify' takes a map of keys, not a list\n" },
	{ "table", "table: 'a b'\n", "main:1:8: 'table' is made of letters, digits, '_' and '-', "
	  "a letter first, at most 32 of them, not 'a b'\n" },

	{ "number, got text", "set_size: many\n", "main:1:11: 'set_size' takes a number, not 'many'\n" },
	{ "number, in quotes", "set_size: '99'\n",
	  "main:1:11: 'set_size' takes a number, not the text '99'\n" },
	{ "number, with a unit", "set_size: 10m\n",
	  "main:1:11: 'set_size' takes a number without a unit, not '10m'\n" },
	{ "number, negative", "set_size: -1\n", "main:1:11: 'set_size' takes a number, not '-1'\n" },
	{ "number, list", "set_size: [1]\n", "main:1:11: 'set_size' takes a number, not a list\n" },
	{ "number, nothing", "set_size:\n", "main:1:10: 'set_size' takes a number, not nothing\n" },
	{ "number, too small", "set_size: 3\n",
	  "main:1:11: 'set_size' is between 16 and 16777216, not 3\n" },
	{ "number, too big", "accounts: {max_per_hour: 99999999}\n",
	  "main:1:26: 'max_per_hour' is between 0 and 100000, not 99999999\n" },
	{ "number, huge", "set_size: 99999999999999999999999\n",
	  "main:1:11: 'set_size' takes a number, not '99999999999999999999999'\n" },
	{ "bytes", "line_max: 4X\n",
	  "main:1:11: 'line_max' takes a number, or one with K, M or G, not '4X'\n" },
	{ "bytes, range", "line_max: 1M\n", "main:1:11: 'line_max' is between 256 and 65536, not 1M\n" },
	{ "bytes, huge", "line_max: 999999999999999999G\n",
	  "main:1:11: 'line_max' is between 256 and 65536, not 999999999999999999G\n" },
	{ "bool", "counters: maybe\n", "main:1:11: 'counters' takes yes or no, not 'maybe'\n" },
	{ "bool in quotes", "counters: 'yes'\n", "" },
	{ "bool, list", "counters: []\n", "main:1:11: 'counters' takes yes or no, not a list\n" },
	{ "span without unit", "snapshot_every: 10\n",
	  "main:1:17: 'snapshot_every' needs a unit: 10s, 10m, 10h or 10d, not 10\n" },
	{ "span, wrong unit", "snapshot_every: 10 minutes\n", "main:1:17: 'snapshot_every' takes a time "
	  "such as 500ms, 90s, 10m, 1h30m, 1d or 2w, not '10 minutes'\n" },
	{ "span, text", "snapshot_every: often\n", "main:1:17: 'snapshot_every' takes a time "
	  "such as 500ms, 90s, 10m, 1h30m, 1d or 2w, not 'often'\n" },
	{ "span, range", "snapshot_every: 2w\n",
	  "main:1:17: 'snapshot_every' is between 1s and 1d, not 2w\n" },
	{ "span, zero", "snapshot_every: 0\n",
	  "main:1:17: 'snapshot_every' is between 1s and 1d, not 0\n" },
	{ "span, over a century", "accounts: {stale: 9999999999w}\n",
	  "main:1:19: 'stale' is between 1m and 53w, not 9999999999w\n" },
	{ "choice", "accounts: {act: propos}\n",
	  "main:1:17: 'act' is propose, yes or no, not 'propos', did you mean 'propose'?\n" },
	{ "choice, list", "accounts: {act: []}\n",
	  "main:1:17: 'act' is propose, yes or no, not a list\n" },
	{ "clock", "notify: {digest: 7}\n",
	  "main:1:18: 'digest' takes a time of day such as 07:00, or off, not '7'\n" },
	{ "clock, range", "notify: {digest: '25:00'}\n",
	  "main:1:18: 'digest' is between 00:00 and 23:59, not 25:00\n" },
	{ "mailbox", "notify: {mail: 'a@b, c@d'}\n",
	  "main:1:16: 'mail' takes one mail address or off, not 'a@b, c@d'\n" },
	{ "mailbox, newline", "notify: {mail: \"a@b\\nBcc: x\"}\n",
	  "main:1:16: 'mail' takes one mail address or off, not 'a@b\\x0ABcc: x'\n" },
	{ "mailbox, option", "notify: {mail: -oQ/tmp}\n",
	  "main:1:16: 'mail' takes one mail address or off, not '-oQ/tmp'\n" },
	{ "force_change", "accounts: {force_change: [chage]}\n", "" },
	{ "force_change, whose", "accounts: {force_change: [sql, -q]}\n",
	  "main:1:26: no word here is or holds <user>: whose account is it?\n" },
	{ "probation", "accounts: {probation: off, probation_factor: 0.25}\n", "" },
	{ "probation, factor", "accounts: {probation_factor: 2}\n",
	  "main:1:30: 'probation_factor' is between 0 and 1, not 2\n" },
	{ "leftovers, fixed", "accounts: {leftovers: [/etc/passwd]}\n",
	  "main:1:24: 'leftovers' takes paths as ~/x or /dir/<local>/x, not '/etc/passwd'\n" },
	{ "leftovers, upwards", "accounts: {leftovers: [~/a/../b]}\n",
	  "main:1:24: 'leftovers' takes paths as ~/x or /dir/<local>/x, not '~/a/../b'\n" },
	{ "leftovers, name", "accounts: {leftovers: ['/v/<local>/<ip>']}\n",
	  "main:1:24: there is no <ip> here, only <user>, <local>, <domain>\n" },
	{ "notify.run, unknown", "notify: {run: [ntfy, '<subject> <ip>']}\n",
	  "main:1:22: there is no <ip> here, only <subject>, <incident>, <user>, <host>\n" },
	{ "notify.run, text", "notify: {run: ntfy}\n", "main:1:15: 'run' takes a list of words, "
	  "the program first: [program, word, ...]\n" },
	{ "contacts, list", "contacts: [joe]\n",
	  "main:1:11: 'contacts' takes a map of accounts to how their owner is reached, not a list\n" },
	{ "contacts, name", "contacts: {'a,b': x}\n", "main:1:12: 'a,b' is no account's name\n" },
	{ "contacts, value", "contacts: {joe: [x]}\n", "main:1:17: a contact takes one text, not a list\n" },
	{ "argv, text", "helpers: {sendmail: /usr/sbin/sendmail -t}\n", "main:1:21: 'sendmail' takes a "
	  "list of words, the program first: [program, word, ...]\n" },
	{ "argv, empty", "helpers: {sendmail: []}\n", "main:1:21: 'sendmail' takes a "
	  "list of words, the program first: [program, word, ...]\n" },
	{ "argv, no program", "helpers: {sendmail: ['', x]}\n",
	  "main:1:22: 'sendmail' needs the name of a program first\n" },
	{ "list in a list", "helpers: {sendmail: [a, [b]]}\n",
	  "main:1:25: 'sendmail' takes one text, not a list\n" },
	{ "databases", "country: /x.mmdb\nasn: off\n", "" },
	{ "databases, list", "asn: [a, b]\n", "main:1:6: 'asn' takes one text, not a list\n" },

	{ "port 0", "scopes: {ftp: [0]}\n", "main:1:16: 'port' is between 1 and 65535, not 0\n" },
	{ "port too big", "scopes: {ftp: [21, 70000]}\n",
	  "main:1:20: 'port' is between 1 and 65535, not 70000\n" },
	{ "port, word", "scopes: {ftp: ftp}\n", "main:1:15: 'port' takes a number, not 'ftp'\n" },
	{ "port twice", "scopes: {ftp: [21, 21]}\n", "main:1:20: port 21 is here twice\n" },
	{ "ports of a scope that the built-in logs name", "scopes: {mail: [25, x, 0]}\n",
	  "main:1:21: 'port' takes a number, not 'x'\nmain:1:24: 'port' is between 1 and 65535, not 0\n" },
	{ "no ports of mail", "scopes: {mail: {}}\n", "main:1:16: the scope 'mail' takes a list of 1 to 256 ports\n" },
	{ "database, yes", "country: yes\n", "main:1:10: 'country' takes a path, auto or off, not 'yes'\n" },
	{ "database, on", "asn: 'on'\n", "main:1:6: 'asn' takes a path, auto or off, not 'on'\n" },
	{ "table of Postfix, true", "accounts: {postfix_map: true}\n",
	  "main:1:25: 'postfix_map' takes a path or off, not 'true'\n" },
	{ "no ports", "scopes: {ftp: []}\n", "main:1:15: the scope 'ftp' takes a list of 1 to 256 ports\n" },
	{ "scope all", "scopes: {all: [1]}\n",
	  "main:1:10: the scope 'all' is all ports and cannot be changed\n" },
	{ "scope name", "scopes: {'a b': [1]}\n", "main:1:10: a scope's name is made of letters, "
	  "digits, '_' and '-', at most 32 of them, not 'a b'\n" },
	{ "scopes, list", "scopes: [1]\n", "main:1:9: 'scopes' takes a map of lists of ports, not a list\n" },

	{ "log without source", "logs: {web: {trust: yes}}\n",
	  "main:1:8: the log 'web' has no source: set files, journal or command\n" },
	{ "log, prefer", "logs: {web: {files: /x, prefer: journal}}\n",
	  "main:1:33: the log 'web' prefers journal but has none\n" },
	{ "log, list", "logs: {mail: [/x]}\n", "main:1:14: the log 'mail' takes a map of keys, not a list\n" },
	{ "log, reserved", "logs: {verdicts: {files: /x}}\n",
	  "main:1:8: the log 'verdicts' is bailiff's own\n" },
	{ "log, time", "logs: {web: {files: /x, time: {find: x}}}\n",
	  "main:1:31: 'time' needs both 'find' and 'format'\n" },
	{ "log, form", "logs: {web: {files: /x, form: queue}}\n",
	  "main:1:31: 'form: queue' goes with 'command' and 'interval'\n" },
	{ "log, form of one that follows", "logs: {web: {command: [x], form: queue}}\n",
	  "main:1:34: 'form: queue' goes with 'command' and 'interval'\n" },
	{ "log, built-in command", "logs: {queue: {files: /x}, disk: {command: [df, /]}}\n", "" },
	{ "log, interval", "logs: {web: {files: /x, interval: 5s}}\n",
	  "main:1:35: 'interval' goes with 'command'\n" },
	{ "log, key", "logs: {mail: {file: /x}}\n",
	  "main:1:15: unknown key 'file', did you mean 'files'?\n" },
	{ "log, empty path", "logs: {mail: {files: ['']}}\n",
	  "main:1:22: 'files' takes paths, not an empty text\n" },
	{ "log, scope", "logs: {mail: {scope: mial}}\n",
	  "main:1:22: no scope named 'mial', did you mean 'mail'?\n" },

	{ "allow, no address", "allow: [300.1.1.1]\n",
	  "main:1:9: '300.1.1.1' is no address, prefix or host name\n" },
	{ "allow, bad prefix", "allow: [192.0.2.0/33]\n",
	  "main:1:9: '192.0.2.0/33' is no address, prefix or host name\n" },
	{ "allow, bad name", "allow: [-x.example]\n",
	  "main:1:9: '-x.example' is no address, prefix or host name\n" },
	{ "allow, map", "allow: {a: b}\n",
	  "main:1:8: 'allow' takes a list of addresses, prefixes and host names, not a map\n" },
	{ "allow, all", "allow: [0.0.0.0/0]\n",
	  "main:1:9: warning: '0.0.0.0/0' allows everybody: no ban will hold\n" },
	{ "operator, right", "operators: {joe: root}\n",
	  "main:1:18: 'joe' is read, ban or all, not 'root'\n" },
	{ "operator, name", "operators: {'a b': read}\n",
	  "main:1:13: 'a b' is no user and no '@group'\n" },
	{ "lock alone", "accounts: {lock: [x, <user>]}\n", "main:1:18: 'lock' and 'unlock' go together: "
	  "what is locked must be unlocked again\n" },
	{ "lock, nobody", "accounts: {lock: [x], unlock: [y, <user>]}\n",
	  "main:1:18: no word here is or holds <user>: whose account is it?\n" },
	{ "lock, placeholder", "accounts: {lock: [x, <user>, <ip>], unlock: [y, <user>]}\n",
	  "main:1:30: '<ip>' names 'ip', which no pattern captures\n" },

	{ "jails, list", "jails: [a]\n", "main:1:8: 'jails' takes a map of jails, not a list\n" },
	{ "jails, unknown", "jails: {autos: on}\n",
	  "main:1:9: no jail named 'autos', did you mean 'auto'?\n" },
	{ "jails, auto", "jails: {auto: shadow}\n", "main:1:15: 'auto' takes yes or no, not 'shadow'\n" },
};

static void test_main(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(main_rows); i++) {
		struct made m;
		bool fine = !*main_rows[i].want || strstr(main_rows[i].want, ": warning: ");

		made_begin(&m, main_rows[i].yaml);
		made_load(&m);
		wrong += differs(main_rows[i].name, buf_cstr(&m.text), main_rows[i].want);
		assert_int_equal(m.err, fine ? 0 : -EINVAL);
		made_free(&m);
	}
	assert_int_equal(wrong, 0);
}

/* ---- a jail: one row, one refused jail (or a warning) ---- */

#define LEVEL(limit) "match: '<host> <size>'\nlimit: {" limit "}\nthen: notify\n"
#define RATIO(limit, mark) "match: ['<host>', {match: 'x <host>'" mark "}]\nlimit: {" limit "}\nthen: notify\n"
#define WITH(more) "match: '<ip> <user> <sender> <rcpt>'\n" \
	"limit: {count: 5, per: user, within: 1m, " more "}\nthen: notify\nsuccesses: yes\n"
#define KNOWN(more) "match: '<ip> <user>'\nlimit: {count: 5, per: ip, within: 10m, " more "}\nthen: notify\n"
static const struct { const char *name, *yaml, *want; } jail_rows[] = {
	{ "good", LOG MATCH LIMIT THEN, "" },
	{ "empty", "", "j:1:1: 'log' is missing: which log does it read?\n"
	  "j:1:1: 'match' is missing: which lines count?\n"
	  "j:1:1: 'limit' is missing: how many are too many?\n"
	  "j:1:1: 'then' is missing: what follows? ([]: nothing but a record)\n" },
	{ "list", "- a\n", "j:1:1: a jail is a map of keys, not a list\n" },
	{ "unknown key", LOG MATCH LIMIT THEN "program: x\nprogramm: y\n",
	  "j:6:1: unknown key 'programm', did you mean 'program'?\n" },
	{ "classes", LOG MATCH LIMIT THEN "classes: {}\n", "j:5:1: unknown key 'classes'\n" },
	{ "mode", LOG MATCH LIMIT THEN "mode: shdow\n", "j:5:7: 'mode' is on, off, shadow or propose, "
	  "not 'shdow', did you mean 'shadow'?\n" },
	{ "log", "log: mial\n" MATCH LIMIT THEN, "j:1:6: no log named 'mial', did you mean 'mail'?\n" },
	{ "second log", "log: [mail, xyz]\n" MATCH LIMIT "then: notify\n",
	  "j:1:13: no log named 'xyz'\n" },
	{ "log twice", "log: [mail, mail]\n" MATCH LIMIT THEN, "j:1:6: the log 'mail' is here twice\n" },
	{ "verdicts and more", "log: [mail, verdicts]\n" MATCH LIMIT THEN,
	  "j:1:13: the log 'verdicts' stands alone\n" },
	{ "verdicts", "log: verdicts\n" LIMIT "then: {ban: {scope: all}}\n", "" },

	{ "placeholder", LOG "match: ['a <ip> <usr>']\n" LIMIT THEN, "j:2:9: unknown placeholder <usr> "
	  "at offset 7, did you mean <user>? (a literal < is written \\<)\n" },
	{ "placeholder, none near", LOG "match: ['a <ip> <blabla>']\n" LIMIT THEN, "j:2:9: unknown "
	  "placeholder <blabla> at offset 7 (a literal < is written \\<)\n" },
	{ "no placeholders", LOG "match: ['a <ip> <> \\<usr> [<usr>] <a b> \\Q<usr>\\E (?<=<)"
	  "(?<own>x)\\k<own>(?(<own>)y)(?P<z>.)(?#<usr>)']\n" LIMIT THEN, "" },
	{ "in brackets", LOG "match: ['a <ip> <<user>>']\n" LIMIT THEN, "" },
	{ "derived placeholder", LOG "match: ['a <ip> <net>']\n" LIMIT THEN,
	  "j:2:9: <net> at offset 7 is made from <ip> and cannot be captured\n" },
	{ "content", LOG "match: ['<content> <ip>']\n" LIMIT THEN, "j:2:9: <content> belongs into 'prefix'\n" },
	{ "prefix", LOG "prefix: 'x'\n" MATCH LIMIT THEN,
	  "j:2:9: 'prefix' needs a <content>: what the patterns see\n" },
	{ "prefix captures", LOG "prefix: '<ip> <content>'\nmatch: x\n" LIMIT THEN, "" },
	{ "verb", LOG "match: ['<ip>(*SKIP)']\n" LIMIT THEN,
	  "j:2:9: verbs and (*...) groups are refused (at offset 4)\n" },
	{ "\\K", LOG "match: ['<ip>\\K']\n" LIMIT THEN,
	  "j:2:9: \\K is refused: what matched must stay what was found (at offset 4)\n" },
	{ "\\C", LOG "match: ['<ip>\\C']\n" LIMIT THEN,
	  "j:2:9: \\C is refused: write . or \\N (at offset 4)\n" },
	{ "back-reference", LOG "match: ['<ip>(.)\\1']\n" LIMIT THEN, "j:2:9: numbered back-references "
	  "are refused: name the group and use \\k<name> (at offset 7)\n" },
	{ "\\g{-1}", LOG "match: ['<ip>(.)\\g{-1}']\n" LIMIT THEN, "j:2:9: numbered back-references "
	  "are refused: name the group and use \\k<name> (at offset 7)\n" },
	{ "recursion", LOG "match: ['<ip>(?R)']\n" LIMIT THEN, "j:2:9: recursion is refused (at offset 4)\n" },
	{ "recursion by number", LOG "match: ['<ip>(?-1)']\n" LIMIT THEN,
	  "j:2:9: recursion is refused (at offset 4)\n" },
	{ "recursion by name", LOG "match: ['<ip>\\g<ip>']\n" LIMIT THEN,
	  "j:2:9: recursion (\\g<...>) is refused (at offset 4)\n" },
	{ "condition", LOG "match: ['<ip>(?(1)a)']\n" LIMIT THEN, "j:2:9: numbered conditions are refused: "
	  "name the group, (?(<name>)...) (at offset 4)\n" },
	{ "callout", LOG "match: ['<ip>(?C1)']\n" LIMIT THEN, "j:2:9: callouts are refused (at offset 4)\n" },
	{ "options are fine", LOG "match: ['(?i)<ip>(?-i)[\\1(*] \\(*']\n" LIMIT THEN, "" },
	{ "ignore", LOG MATCH "ignore: ['<nope>']\n" LIMIT THEN, "j:3:10: unknown placeholder <nope> "
	  "at offset 0 (a literal < is written \\<)\n" },
	{ "empty pattern", LOG "match: ['', '<ip>']\n" LIMIT THEN,
	  "j:2:9: an empty pattern matches every line\n" },
	{ "empty list", LOG "match: []\n" LIMIT THEN, "j:2:8: 'match' is missing: which lines count?\n" },
	{ "too many captures", LOG "match: ['<ip>(?<a>.)(?<b>.)(?<c>.)(?<d>.)(?<e>.)(?<f>.)(?<g>.)(?<h>.)"
	  "(?<i>.)(?<j>.)(?<k>.)(?<l>.)(?<m>.)(?<n>.)(?<o>.)(?<p>.)(?<q>.)(?<r>.)(?<s>.)(?<t>.)(?<u>.)"
	  "(?<v>.)(?<w>.)(?<x>.)']\n" LIMIT THEN,
	  "j:2:9: a pattern and its prefix capture at most 24 values\n" },
	{ "pattern, number list", LOG "match: [[a]]\n" LIMIT THEN,
	  "j:2:9: an item of 'match' takes one text, not a list\n" },
	{ "verbs", LOG "match: [{cuont: '<ip>'}]\n" LIMIT THEN,
	  "j:2:10: unknown key 'cuont', did you mean 'count'?\n" },
	{ "two verbs", LOG "match: [{match: '<ip>', forget: '<ip>'}]\n" LIMIT THEN,
	  "j:2:25: one pattern has one verb: begin a new item with '- forget:'\n" },
	{ "no verb", LOG "match: ['<ip>', {each: yes}]\n" LIMIT THEN,
	  "j:2:17: a pattern is missing: write it bare or behind a verb\n" },
	{ "each", LOG "match: [{match: '<ip>', each: yes}]\n" LIMIT THEN,
	  "j:2:9: 'each' goes with 'count'\n" },

	{ "limit, text", LOG MATCH "limit: 5\n" THEN, "j:3:8: 'limit' takes a map of keys, not '5'\n" },
	{ "limit, nothing", LOG MATCH "limit: {}\n" THEN,
	  "j:3:8: 'limit' needs 'count', 'sum', 'distinct' or 'level'\n"
	  "j:3:8: 'limit' needs 'within': the time in which that many are too many\n"
	  "j:3:8: 'per' names what is counted: one to 4 captures, as in 'per: ip'\n" },
	{ "limit, count 0", LOG MATCH "limit: {count: 0, per: ip, within: 1m}\n" THEN,
	  "j:3:16: 'count' is between 1 and 1000000000, not 0\n" },
	{ "limit, within", LOG MATCH "limit: {count: 5, per: ip, within: 600}\n" THEN,
	  "j:3:36: 'within' needs a unit: 600s, 600m, 600h or 600d, not 600\n" },
	{ "per, not captured", LOG MATCH "limit: {count: 5, per: user, within: 1m}\n" "then: notify\n",
	  "j:3:24: 'per' names 'user', which no pattern captures\n"
	  },
	{ "per, slip", LOG MATCH "limit: {count: 5, per: [ip, ib], within: 1m}\n" THEN,
	  "j:3:24: 'per' names 'ib', which no pattern captures, did you mean 'ip'?\n" },
	{ "per, twice", LOG MATCH "limit: {count: 5, per: [ip, ip], within: 1m}\n" THEN,
	  "j:3:24: 'per' names 'ip' twice\n" },
	{ "per, derived", LOG MATCH "limit: {count: 5, per: net, within: 1m}\n" THEN, "" },
	{ "per, derived of nothing", LOG MATCH "limit: {count: 5, per: user_domain, within: 1m}\n"
	  "then: notify\n", "j:3:24: 'per' names 'user_domain', which is made from 'user', and no pattern "
	  "captures that\n" },
	{ "country", LOG MATCH "limit: {distinct: country, count: 5, per: [ip, asn], within: 1m}\n" THEN, "" },
	{ "country of nothing", LOG "match: '<user>'\nlimit: {distinct: country, count: 5, per: user, "
	  "within: 1m}\n" THEN, "j:3:19: 'distinct' names 'country', which is made from 'ip', and no pattern "
	  "captures that\n" },
	{ "countries", LOG MATCH LIMIT THEN "country: [NO, de]\n", "" },
	{ "countries, one", LOG MATCH LIMIT THEN "country: {not: DE}\n", "" },
	{ "countries, home", LOG MATCH LIMIT THEN "country: {not: home}\n", "" },
	{ "countries, words", LOG MATCH LIMIT THEN "country: [DE, Norway]\n",
	  "j:5:15: 'country' takes countries by their two letters (DE), not 'Norway'\n" },
	{ "countries, none", LOG MATCH LIMIT THEN "country: {not: []}\n", "j:5:16: 'country' takes a country "
	  "or a list of 1 to 300, or {not: them}, or {not: home}\n" },
	{ "countries, other", LOG MATCH LIMIT THEN "country: {in: DE}\n", "j:5:10: 'country' takes a country "
	  "or a list of 1 to 300, or {not: them}, or {not: home}\n" },
	{ "countries, more", LOG MATCH LIMIT THEN "country: {not: DE, also: FR}\n",
	  "j:5:20: 'not' stands alone in 'country'\n" },
	{ "countries of nothing", LOG "match: '<user>'\nlimit: {count: 5, per: user, within: 1m}\nthen: []\n"
	  "country: DE\n", "j:5:10: 'country' names 'country', which is made from 'ip', and no pattern captures "
	  "that\n" },
	{ "places", LOG MATCH LIMIT THEN "tests: [{line: 192.0.2.1, places: {192.0.2.1: Germany, x: DE, 192.0.2.2: DE AS1}, "
	  "hit: none}]\n", "j:5:47: a place is a country, a system or both: 'DE AS64500', not 'Germany'\n"
	  "j:5:56: 'x' is no address or prefix\n" },
	{ "places, list", LOG MATCH LIMIT THEN "tests: [{line: 192.0.2.1, places: [], hit: none}]\n",
	  "j:5:35: 'places' takes a map of at most 64 addresses\n" },
	{ "sum, text", LOG "match: '<ip> <host>'\nlimit: {sum: host, over: 5, per: ip, within: 1m}\n" THEN,
	  "j:3:14: 'sum' takes a capture that is a number; 'host' is not\n" },
	{ "sum, no over", LOG "match: '<ip> <size>'\nlimit: {sum: size, per: ip, within: 1m}\n" THEN,
	  "j:3:14: 'sum' needs 'over': more than how much?\n" },
	{ "sum and count", LOG "match: '<ip> <size>'\nlimit: {sum: size, over: 1, count: 5, per: ip, "
	  "within: 1m}\n" THEN, "j:3:14: 'sum' goes with 'over', not with 'count'\n" },
	{ "over and count", LOG MATCH "limit: {over: 1, count: 5, per: ip, within: 1m}\n" THEN,
	  "j:3:15: 'over' goes with 'sum' or 'level'\n" },
	{ "distinct, no count", LOG "match: '<ip> <user>'\nlimit: {distinct: user, per: ip, within: 1m}\n"
	  THEN, "j:3:19: 'distinct' needs 'count': how many different ones?\n" },
	{ "weight, text", LOG "match: '<ip> <user>'\nlimit: {count: 3, weight: user, per: ip, within: 1m}\n"
	  THEN, "j:3:27: 'weight' takes a capture that is a number; 'user' is not\n" },
	{ "weight, 0", LOG MATCH "limit: {count: 3, weight: 0, per: ip, within: 1m}\n" THEN,
	  "j:3:27: 'weight' is between 1 and 1000000, or a capture, not 0\n" },
	{ "weight and sum", LOG "match: '<ip> <size>'\nlimit: {sum: size, over: 1, weight: 2, per: ip, "
	  "within: 1m}\n" THEN, "j:3:37: 'weight' goes with 'count' alone\n" },
	{ "level", LOG LEVEL("level: size, over: 5, per: host"), "" },
	{ "level and within", LOG LEVEL("level: size, over: 5, under: 5, per: host, within: 1h"), "" },
	{ "level, no over", LOG LEVEL("level: size, per: host"),
	  "j:3:16: 'level' needs 'over': more than how much?\n" },
	{ "level, under over", LOG LEVEL("level: size, over: 5, under: 6, per: host"),
	  "j:3:38: 'under' is at most 'over', 5, not 6\n" },
	{ "level and sum", LOG LEVEL("level: size, sum: size, over: 5, per: host"),
	  "j:3:27: 'sum' goes with 'over', not with 'level'\n" },
	{ "level of a text", LOG LEVEL("level: host, over: 5, per: host"),
	  "j:3:16: 'level' takes a capture that is a number; 'host' is not\n" },
	{ "under and sum", LOG LEVEL("sum: size, over: 5, under: 3, per: host, within: 1m"),
	  "j:3:36: 'under' goes with 'level'\n" },
	{ "ratio", LOG RATIO("ratio: 0.3, count: 50, per: host, within: 1h", ", part: yes"), "" },
	{ "ratio of nothing", LOG RATIO("ratio: 0, count: 50, per: host, within: 1h", ", part: yes"),
	  "j:3:16: 'ratio' is more than 0: any hits are a share of nothing\n" },
	{ "ratio, more than all", LOG RATIO("ratio: 1.5, count: 50, per: host, within: 1h", ", part: yes"),
	  "j:3:16: 'ratio' is between 0 and 1, not 1.5\n" },
	{ "ratio, a hair", LOG RATIO("ratio: 0.1234567, count: 50, per: host, within: 1h", ", part: yes"),
	  "j:3:16: 'ratio' takes at most 6 decimals\n" },
	{ "ratio without part", LOG RATIO("ratio: 0.3, count: 50, per: host, within: 1h", ""),
	  "j:3:16: 'ratio' needs patterns with 'part: true' beside them: a share of what?\n" },
	{ "ratio without count", LOG RATIO("ratio: 0.3, per: host, within: 1h", ", part: yes"),
	  "j:3:16: 'ratio' needs 'count': of how many hits at least?\n" },
	{ "part without ratio", LOG RATIO("count: 50, per: host, within: 1h", ", part: yes"),
	  "j:2:27: 'part' goes with a limit that has a 'ratio'\n" },
	{ "part, slip", LOG "match: ['<ip>', {match: '<ip>', prat: yes}]\n" LIMIT THEN,
	  "j:2:33: unknown key 'prat', did you mean 'part'?\n" },
	{ "with", LOG WITH("with: [foreign_sender, new_network, {distinct: rcpt_domain, over: 20}], alone: 9"), "" },
	{ "with, one", LOG WITH("with: foreign_sender"), "" },
	{ "with, slip", LOG WITH("with: [foreign_sendr]"), "j:3:49: 'with' takes foreign_sender, "
	  "new_network or {distinct: CAPTURE, over: N}, not 'foreign_sendr', did you mean 'foreign_sender'?\n" },
	{ "with, nothing", LOG WITH("with: []"),
	  "j:3:48: 'with' is empty: leave it out, or say what must hold\n" },
	{ "with, twice", LOG WITH("with: [new_network, new_network]"), "j:3:62: 'with' names this twice\n" },
	{ "with, distinct without over", LOG WITH("with: [{distinct: rcpt_domain}]"),
	  "j:3:49: an item of 'with' that is a map is {distinct: CAPTURE, over: N}\n" },
	{ "with, distinct of nothing", LOG WITH("with: [{distinct: helo, over: 2}]"),
	  "j:3:60: 'distinct' names 'helo', which no pattern captures\n" },
	{ "with, nobody tells the sender", LOG MATCH "limit: {count: 5, per: ip, within: 1m, with: foreign_sender}\n"
	  THEN, "j:3:46: 'foreign_sender' needs <user>, which no pattern captures\n"
	  "j:3:46: 'foreign_sender' needs <sender>, which no pattern captures\n" },
	{ "with and distinct", LOG "match: '<ip> <user> <sender>'\n"
	  "limit: {distinct: ip, count: 5, per: user, within: 1m, with: foreign_sender}\nthen: notify\nsuccesses: yes\n", "" },
	{ "further without seen", LOG "match: '<ip> <user>'\n"
	  "limit: {count: 5, per: user, within: 1m, further: yes}\nthen: notify\n",
	  "j:3:51: 'further' goes with 'ban: {whom: seen}'\n" },
	{ "a signal that acts", "signal: yes\n" LOG "match: '<ip> <user>'\n"
	  "limit: {count: 5, per: user, within: 1m}\nthen: notify\n",
	  "j:1:9: 'signal' goes with 'then: []': nobody hears of it\n" },
	{ "with and level", LOG "match: '<ip> <user> <size> <sender>'\n"
	  "limit: {level: size, over: 5, per: user, within: 1m, with: foreign_sender}\nthen: notify\n",
	  "j:3:60: 'with' goes with 'count', 'sum' or 'distinct'\n" },
	{ "tells and at_once go with count", LOG "thread: {by: qid}\nmatch:\n"
	  "  - {remember: '<qid> <user>', tells: true}\n  - {count: '<qid> <size>', at_once: true, tells: true}\n"
	  "limit: {count: 5, per: user, within: 1m}\nthen: notify\n", "j:4:5: 'tells' goes with 'count'\n" },
	{ "alone without with", LOG MATCH "limit: {count: 5, per: ip, within: 1m, alone: 9}\n" THEN,
	  "j:3:47: 'alone' goes with 'with'\n" },
	{ "alone, less", LOG WITH("with: new_network, alone: 4"), "j:3:68: 'alone' is more than 'count', which is 5\n" },
	{ "aside without with", LOG "match: ['<ip>', {match: '<ip>', aside: yes}]\n" LIMIT THEN,
	  "j:2:25: 'aside' goes with a limit that has a 'with'\n" },
	{ "aside of nothing", LOG "thread: {by: qid}\nmatch: ['<ip>', {forget: '<ip> <qid>', aside: yes}]\n" LIMIT THEN,
	  "j:3:17: 'aside' goes with 'count' or 'match'\n" },
	{ "known", LOG KNOWN("known: 0.2, spread: {accounts: 3, weight: 2}"), "" },
	{ "known, more decimals", LOG KNOWN("known: 0.255"), "j:3:48: 'known' takes at most 2 decimals\n" },
	{ "known, nothing", LOG KNOWN("known: 0"),
	  "j:3:48: 'known' is more than 0; 'known_good: no' does not count such hits\n" },
	{ "known, nobody tells the account", LOG MATCH "limit: {count: 5, per: ip, within: 1m, known: 0.5}\n" THEN,
	  "j:3:47: 'known' needs <user>, which no pattern captures\n" },
	{ "spread, half", LOG KNOWN("spread: {accounts: 3}"), "j:3:49: 'spread' needs both 'accounts' and 'weight'\n" },
	{ "spread of one", LOG KNOWN("spread: {accounts: 1, weight: 2}"),
	  "j:3:60: 'accounts' is between 2 and 1000, not 1\n" },
	{ "active", LOG MATCH LIMIT THEN "active: {days: [mon-fri, Sun], hours: '08:00-18:00'}\n", "" },
	{ "active, nothing", LOG MATCH LIMIT THEN "active: {}\n",
	  "j:5:9: 'active' takes {days: mon-fri, hours: '08:00-18:00'}\n" },
	{ "active, a day", LOG MATCH LIMIT THEN "active: {days: [mon, fry]}\n",
	  "j:5:22: 'days' takes mon, tue, wed, thu, fri, sat, sun and spans as mon-fri, not 'fry'\n" },
	{ "active, hours", LOG MATCH LIMIT THEN "active: {hours: '8-18'}\n",
	  "j:5:17: 'hours' takes a span such as '08:00-18:00', not '8-18'\n" },
	{ "active, late hours", LOG MATCH LIMIT THEN "active: {hours: '08:00-24:01'}\n",
	  "j:5:17: 'hours' takes a span such as '08:00-18:00', not '08:00-24:01'\n" },
	{ "active, no hours", LOG MATCH LIMIT THEN "active: {hours: '08:00-08:00'}\n",
	  "j:5:17: 'hours' takes a span such as '08:00-18:00', not '08:00-08:00'\n" },
	{ "with, of failures", LOG "match: 'authentication failed <user> <ip>'\n"
	  "limit: {count: 5, per: user, within: 1m, with: [new_network]}\nthen: contain\n",
	  "j:3:48: warning: 'with' makes these hits tell where accounts are at home, and a pattern speaks of "
	  "failures, which strangers cause: say 'successes: no'\n" },
	{ "with, of who knows", LOG "match: 'AUTH <user> <ip>'\n"
	  "limit: {count: 5, per: user, within: 1m, with: [new_network]}\nthen: notify\n",
	  "j:3:48: warning: 'with' makes these hits tell where accounts are at home: say 'successes: no' "
	  "if strangers can cause them, else 'successes: yes'\n" },
	{ "with, acts", LOG "match: 'AUTH <user> <ip>'\n"
	  "limit: {count: 5, per: user, within: 1m, with: [new_network]}\nthen: contain\n", "" },
	{ "with, said", LOG "match: 'failed <user> <ip>'\n"
	  "limit: {count: 5, per: user, within: 1m, with: [new_network]}\nthen: notify\nsuccesses: no\n", "" },
	{ "known_good", LOG "match: '<ip> <user>'\n" LIMIT THEN "known_good: no\n", "" },
	{ "known_good, maybe", LOG "match: '<ip> <user>'\n" LIMIT THEN "known_good: maybe\n",
	  "j:5:13: 'known_good' is yes or no, not 'maybe'\n" },
	{ "known_good of nobody", LOG MATCH LIMIT THEN "known_good: yes\n",
	  "j:5:13: 'known_good' needs <user>, which no pattern captures\n" },
	{ "foreign_sender of nobody", LOG "match: '<ip> <user>'\n" LIMIT THEN "foreign_sender: yes\n",
	  "j:5:17: 'foreign_sender' needs <sender>, which no pattern captures\n" },
	{ "never counts", LOG "match: ['<ip> <user>', '<user>']\n" LIMIT THEN,
	  "j:2:24: warning: this pattern captures no 'ip', so it never counts\n" },

	{ "verb without thread", LOG "match: ['<ip>', {remember: '<qid> <ip>'}]\n" LIMIT THEN,
	  "j:2:28: 'remember' needs a thread, as in 'thread: {by: qid}'\n" },
	{ "thread without by", LOG MATCH LIMIT THEN "thread: {keep: 1d}\n",
	  "j:5:9: 'thread' needs 'by': the capture that joins its entries\n" },
	{ "thread, unknown", LOG MATCH LIMIT THEN "thread: {by: qid}\n",
	  "j:5:14: 'by' names 'qid', which no pattern captures\n" },
	{ "thread, rule without id", LOG "match: [{remember: '<ip> <qid>'}, {count: '<ip>'}]\n" LIMIT THEN
	  "thread: {by: qid}\n", "j:2:43: 'count' needs <qid>, by which the thread is joined\n" },
	{ "join", LOG "match: [{count: '<ip> <qid>'}, {join: '<qid>'}]\n" LIMIT THEN
	  "thread: {by: qid}\n", "j:2:39: 'join' needs <qid> and <qid2>, the thread's other name\n" },
	{ "nothing counts", LOG "match: [{remember: '<ip> <qid>'}]\n" LIMIT THEN "thread: {by: qid}\n",
	  "j:2:8: nothing counts here: no pattern is bare or stands behind 'count'\n" },

	{ "action", LOG MATCH LIMIT "then: bann\n", "j:4:7: unknown action 'bann', did you mean 'ban'?\n" },
	{ "action, map", LOG MATCH LIMIT "then: [{lokc: {}}]\n",
	  "j:4:9: unknown action 'lokc', did you mean 'lock'?\n" },
	{ "action, list", LOG MATCH LIMIT "then: [[ban]]\n", "j:4:8: an action is a word or a map, not a list\n" },
	{ "action, nothing", LOG MATCH LIMIT "then: [{}]\n", "j:4:8: an action is missing\n" },
	{ "two actions", LOG MATCH LIMIT "then: [{ban: {}, notify: {}}]\n",
	  "j:4:18: one item is one action: begin a new one with '- notify:'\n" },
	{ "takes no keys", LOG MATCH LIMIT "then: [{notify: {for: 1h}}]\n", "j:4:17: 'notify' takes no keys\n" },
	{ "ban, text", LOG MATCH LIMIT "then: [{ban: 10m}]\n", "j:4:14: 'ban' takes a map of keys, not text\n" },
	{ "ban, key", LOG MATCH LIMIT "then: [{ban: {fro: 10m}}]\n",
	  "j:4:15: unknown key 'fro', did you mean 'for'?\n" },
	{ "ban, scope", LOG MATCH LIMIT "then: [{ban: {scope: smpt}}]\n",
	  "j:4:22: no scope named 'smpt'\n" },
	{ "ban, no scope", "log: verdicts\n" LIMIT THEN,
	  "j:3:7: warning: 'ban' names no 'scope': it closes the mail ports; others are all, mail, ssh, web\n" },
	{ "ban, two logs", "log: [mail, auth]\n" MATCH LIMIT THEN,
	  "j:4:7: warning: 'ban' names no 'scope': it closes the mail ports; others are all, mail, ssh, web\n" },
	{ "ban, grow", LOG MATCH LIMIT "then: [{ban: {grow: x2}}]\n",
	  "j:4:21: 'grow' takes a number such as 2 or 1.5, not 'x2'\n" },
	{ "ban, grow range", LOG MATCH LIMIT "then: [{ban: {grow: 0.5}}]\n",
	  "j:4:21: 'grow' is between 1 and 1000, not 0.5\n" },
	{ "ban, max", LOG MATCH LIMIT "then: [{ban: {for: 2h, max: 1h}}]\n",
	  "j:4:29: 'max' is less than 'for'\n" },
	{ "ban, width", LOG MATCH LIMIT "then: [{ban: {v4: 8}}]\n",
	  "j:4:19: 'v4' is between 16 and 32, not 8\n" },
	{ "ban, whom", LOG MATCH LIMIT "then: [{ban: {whom: me}}]\n",
	  "j:4:21: 'whom' is subject or seen, not 'me'\n" },
	{ "ban of an account", LOG "match: '<ip> <user>'\nlimit: {count: 5, per: user, within: 1m}\n" THEN,
	  "j:4:7: 'ban' needs an address, and 'per' names none: count 'per: ip', or write "
	  "'ban: {whom: seen}'\n" },
	{ "ban, no address", LOG "match: '<user>'\nlimit: {count: 5, per: user, within: 1m}\n" THEN,
	  "j:4:7: 'ban' needs an address, and 'per' names none: count 'per: ip'\n" },
	{ "ban, none seen", LOG "match: '<user>'\nlimit: {count: 5, per: user, within: 1m}\n"
	  "then: [{ban: {whom: seen}}]\n",
	  "j:4:9: 'ban: {whom: seen}' needs addresses, and no pattern captures an <ip>\n" },
	{ "lock of an address", LOG MATCH LIMIT "then: [ban, lock]\n",
	  "j:4:13: 'lock' needs an account, and 'per' names none (per: user)\n" },
	{ "contain of an address", LOG MATCH LIMIT "then: contain\n",
	  "j:4:7: 'contain' needs an account, and 'per' names none (per: user)\n" },
	{ "run, word", LOG MATCH LIMIT "then: run\n",
	  "j:4:7: 'run' needs a list of words: 'run: [program, word, ...]'\n" },
	{ "run, text", LOG MATCH LIMIT "then: [{run: 'rm -rf'}]\n",
	  "j:4:14: 'run' takes a list of words, the program first: [program, word, ...]\n" },
	{ "run, placeholder", LOG MATCH LIMIT "then: [{run: [x, a=<user>]}]\n",
	  "j:4:18: 'a=<user>' names 'user', which no pattern captures\n" },
	{ "run, program", LOG MATCH LIMIT "then: [{run: ['<ip>']}]\n",
	  "j:4:15: 'run' needs the name of a program first\n" },
	{ "undo alone", LOG MATCH LIMIT "then: [{ban: {}, undo: [x]}]\n",
	  "j:4:8: 'undo' goes with 'run'\n" },
	{ "brake", LOG MATCH LIMIT THEN "brake: {bans: 10, within: 5}\n",
	  "j:5:27: 'within' needs a unit: 5s, 5m, 5h or 5d, not 5\n" },

	{ "tests, map", LOG MATCH LIMIT THEN "tests: {line: x}\n", "j:5:8: 'tests' takes a list, not a map\n" },
	{ "test, text", LOG MATCH LIMIT THEN "tests: [x]\n", "j:5:9: a test is a map of 'line' and 'hit', "
	  "or 'lines' and 'verdict', not text\n" },
	{ "test, no hit", LOG MATCH LIMIT THEN "tests: [{line: x}]\n",
	  "j:5:9: a test has 'line' and 'hit', or 'lines' and 'verdict'\n" },
	{ "test, both", LOG MATCH LIMIT THEN "tests: [{line: x, hit: none, verdict: none}]\n",
	  "j:5:9: a test has 'line' and 'hit', or 'lines' and 'verdict'\n" },
	{ "test, hit", LOG MATCH LIMIT THEN "tests: [{line: x, hit: yes}]\n",
	  "j:5:24: 'hit' is none or a map of captures, not 'yes'\n" },
	{ "test, capture", LOG MATCH LIMIT THEN "tests: [{line: x, hit: {user: joe}}]\n",
	  "j:5:25: 'hit' names 'user', which no pattern captures\n" },
	{ "test, at", LOG MATCH LIMIT THEN "tests: [{lines: [{line: x, at: 5}], verdict: none}]\n",
	  "j:5:32: 'at' needs a unit: 5s, 5m, 5h or 5d, not 5\n" },
	{ "test, back in time", LOG MATCH LIMIT THEN
	  "tests: [{lines: [{line: x, at: 5s}, {line: y, at: 4s}], verdict: none}]\n",
	  "j:5:37: 'at' is before the line before\n" },
	{ "test, no lines", LOG MATCH LIMIT THEN "tests: [{lines: [], verdict: none}]\n",
	  "j:5:17: 'lines' takes a list of 1 to 10000 lines\n" },
};

static void test_jails(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(jail_rows); i++) {
		bool fine = !*jail_rows[i].want || strstr(jail_rows[i].want, ": warning: ");
		struct made m;

		made_begin(&m, "");
		made_jail(&m, PACK_JAIL_ADMIN, "j", jail_rows[i].yaml);
		made_jail(&m, PACK_JAIL_ADMIN, "good", LOG MATCH LIMIT THEN);
		made_load(&m);
		wrong += differs(jail_rows[i].name, buf_cstr(&m.text), jail_rows[i].want);
		assert_int_equal(m.err, 0);
		assert_true((config_jail(m.config, "j") != NULL) == fine);
		assert_non_null(config_jail(m.config, "good"));
		for (size_t k = 0; k < m.bad.n; k++)
			assert_string_equal(m.bad.v[k].jail, "j");
		made_free(&m);
	}
	assert_int_equal(wrong, 0);
}

static void test_jail_near(void **state)
{
	struct made m;

	(void)state;
	made_begin(&m, "");
	made_jail(&m, PACK_JAIL_ADMIN, "good", LOG MATCH LIMIT THEN);
	made_load(&m);
	assert_string_equal(config_jail_near(m.config, "godo"), "good");
	assert_null(config_jail_near(m.config, "sshd"));
	made_free(&m);
}

/* ---- which jails there are ---- */

#define GOOD LOG MATCH LIMIT THEN

static const struct { const char *name, *main, *paths[4], *want, *jails; } set_rows[] = {
	{ "shipped and admin's", "", { "s/a.yaml", "+b.yaml" }, "", "a auto b on " },
	{ "auto: off", "jails: {auto: off}", { "s/a.yaml", "+b.yaml" }, "", "a off b on " },
	{ "named", "jails: {auto: off, a: on}", { "s/a.yaml" }, "", "a on " },
	{ "named off", "jails: {a: no}", { "s/a.yaml" }, "", "a off " },
	{ "shadow", "jails: {a: shadow}", { "s/a.yaml" }, "", "a shadow " },
	{ "propose", "jails: {a: {mode: propose}}", { "s/a.yaml" }, "", "a propose " },
	{ "keys", "jails: {a: {limit: {count: 7}}}", { "s/a.yaml" }, "", "a on " },
	{ "replaced", "", { "s/a.yaml", "+x/a.yaml" }, "", "a on " },
	{ "duplicate", "", { "+x/a.yaml", "+y/a.yaml", "+b.yaml" },
	  "x/a.yaml:1:1: duplicate jail 'a', it is also in y/a.yaml\n", "b on " },
	{ "reserved", "", { "+auto.yaml", "+All.yaml", "+verdicts.yaml" },
	  "auto.yaml:1:1: 'auto' is reserved and can be no jail's name\n"
	  "All.yaml:1:1: 'All' is reserved and can be no jail's name\n"
	  "verdicts.yaml:1:1: 'verdicts' is reserved and can be no jail's name\n", "" },
	{ "name", "", { "+a b.yaml" }, "a b.yaml:1:1: a jail's name, which is its file's, is made of "
	  "letters, digits, '_' and '-', at most 63 of them, not 'a b'\n", "" },
	{ "unknown", "jails: {postfx: on}", { "s/postfix.yaml" },
	  "main:1:9: no jail named 'postfx', did you mean 'postfix'?\n", NULL },
	{ "wrong mode", "jails: {a: shdow, b: on}", { "s/a.yaml", "s/b.yaml" }, "main:1:12: 'a' is on, off, "
	  "shadow or propose, not 'shdow', did you mean 'shadow'?\n", "b on " },
	{ "wrong key", "jails: {a: {limit: {cuont: 3}}, b: on}", { "s/a.yaml", "s/b.yaml" },
	  "main:1:21: unknown key 'cuont', did you mean 'count'?\n", "b on " },
	{ "sorted", "", { "s/c.yaml", "s/a.yaml", "s/b.yaml" }, "", "a auto b auto c auto " },
};

static void put_jails(const struct config *c, struct buf *out)
{
	static const char *const modes[] = { "off", "shadow", "propose", "on" };

	for (size_t i = 0; i < c->njails; i++)
		buf_printf(out, "%s %s ", c->jails[i].name,
			   c->jails[i].automatic ? "auto" : modes[c->jails[i].mode]);
}

static void test_sets(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(set_rows); i++) {
		struct buf jails = { 0 };
		struct made m;

		made_begin(&m, set_rows[i].main);
		for (size_t k = 0; k < 4 && set_rows[i].paths[k]; k++) {
			const char *path = set_rows[i].paths[k];
			bool admin = *path == '+';

			made_jail(&m, admin ? PACK_JAIL_ADMIN : PACK_JAIL_SHIPPED, path + admin, GOOD);
		}
		made_load(&m);
		wrong += differs(set_rows[i].name, buf_cstr(&m.text), set_rows[i].want);
		if (m.config)
			put_jails(m.config, &jails);
		assert_true((m.config == NULL) == (set_rows[i].jails == NULL));
		if (set_rows[i].jails)
			wrong += differs(set_rows[i].name, buf_cstr(&jails), set_rows[i].jails);
		buf_free(&jails);
		made_free(&m);
	}
	assert_int_equal(wrong, 0);
}

static void test_unreadable(void **state)
{
	struct made m;

	(void)state;
	made_begin(&m, "jail_dirs: [x]\njails: {a: on}\n");
	pack_add(m.pack, PACK_JAIL_ADMIN, "/d/a.yaml", -EACCES, (struct span){ 0 });
	pack_add(m.pack, PACK_PASSED_OVER, "/d/a.yml", 0, (struct span){ 0 });
	pack_add(m.pack, PACK_DIR, "/shipped", -ENOENT, (struct span){ 0 });
	made_load(&m);
	assert_int_equal(m.err, 0);
	assert_string_equal(buf_cstr(&m.text),
		"/d/a.yml: warning: is not read: the name of a jail's file ends in .yaml\n"
		"/shipped: warning: cannot read the directory: No such file or directory\n"
		"/d/a.yaml: cannot read it: Permission denied\n");
	made_free(&m);

	made_begin(&m, "jail_dirs: [x]\n");
	pack_add(m.pack, PACK_DIR, "/base/x", -ENOENT, (struct span){ 0 });
	made_load(&m);
	assert_int_equal(m.err, -EINVAL);
	assert_string_equal(buf_cstr(&m.text),
		"main:1:13: cannot read the directory /base/x: No such file or directory\n");
	made_free(&m);
}

/* ---- values ---- */

static void test_values(void **state)
{
	const struct jail *j;
	const struct log_conf *log;
	struct made m;

	(void)state;
	made_begin(&m,
		"allow: ['::ffff:192.0.2.7', 2001:db8::1/32, mail.example.org]\n"
		"logs: {mail: {files: [mail.log, /b]}, auth: {trust: on}, app: {command: [x, y], interval: 5m}}\n"
		"scopes: {ssh: 2222, ftp: [20, 21]}\n"
		"accounts: {act: on, strip_tag: true}\n"
		"notify: {mail: off, digest: 23:59}\n"
		"operators: {joe: ban, '@ops': read}\n"
		"state: var\nline_max: 8K\ncounters: YES\n"
		"jails: {j: {limit: {count: 9}, then: [notify]}}\n");
	made_jail(&m, PACK_JAIL_SHIPPED, "j", LOG
		"match: ['<ip> <attempts>']\nthen: [ban]\n"
		"limit: {count: 5, weight: attempts, per: [ip, net], within: 1h30m, v6: 56}\n"
		"tests: [{line: x, hit: none}, {lines: [a, {line: b, at: 2s}], verdict: {ip: 192.0.2.1}}]\n");
	made_jail(&m, PACK_JAIL_ADMIN, "k", "log: auth\nmatch: '<ip> (?<word>\\w+) (?<user>x)'\n" LIMIT
		"then:\n- ban: {for: 2w, grow: 1.5, v6: 48}\n- run: [a, 'b=<word>']\n  undo: [c]\n");
	made_load(&m);
	assert_string_equal(buf_cstr(&m.text), "");

	assert_int_equal(m.config->nallow, 3);
	assert_int_equal(m.config->allow[0].addr.family, ADDR_V4);
	assert_int_equal(m.config->allow[1].addr.len, 32);
	assert_string_equal(m.config->allow[2].name, "mail.example.org");
	log = &m.config->logs[config_log(m.config, "mail")];
	assert_int_equal(log->prefer, PREFER_FILES);
	assert_false(log->has_journal);
	assert_string_equal(log->files.v[0], "/base/mail.log");
	assert_string_equal(log->files.v[1], "/b");
	log = &m.config->logs[config_log(m.config, "auth")];
	assert_true(log->trust && log->has_journal && log->has_files);
	assert_int_equal(log->prefer, PREFER_JOURNAL);
	log = &m.config->logs[config_log(m.config, "app")];
	assert_int_equal(log->prefer, PREFER_COMMAND);
	assert_int_equal(log->interval_ms, 300000);
	assert_string_equal(m.config->scopes[SCOPE_ALL].name, "all");
	assert_int_equal(m.config->scopes[config_scope(m.config, "ssh")].ports[0], 2222);
	assert_int_equal(m.config->scopes[config_scope(m.config, "ftp")].nports, 2);
	assert_int_equal(m.config->accounts.act, ACT_YES);
	assert_true(m.config->accounts.strip_tag);
	assert_null(m.config->notify.mail);
	assert_int_equal(m.config->notify.digest_at_ms, (23 * 60 + 59) * 60000);
	assert_int_equal(m.config->noperators, 2);
	assert_int_equal(m.config->operators[0].right, RIGHT_BAN);
	assert_string_equal(m.config->state, "/base/var");
	assert_int_equal(m.config->line_max, 8192);
	assert_true(m.config->counters);

	j = config_jail(m.config, "j");
	assert_int_equal(j->limit.amount, 9);
	assert_int_equal(j->limit.within_ms, 5400000);
	assert_int_equal(j->limit.v6_len, 56);
	assert_true(j->limit.weighs);
	assert_int_equal(j->limit.nper, 2);
	assert_int_equal(j->nthen, 1);
	assert_int_equal(j->then[0].kind, ACTION_NOTIFY);
	assert_int_equal(j->ntests, 1);	/* its verdict was for another limit */
	assert_true(j->shipped && j->mode_set && !j->match_replaced);

	j = config_jail(m.config, "k");
	assert_int_equal(j->then[0].scope, config_scope(m.config, "ssh"));
	assert_int_equal(j->then[0].max_ms, 14 * 86400000LL);
	assert_int_equal(j->then[0].remember_ms, 56 * 86400000LL);
	assert_int_equal(j->then[0].v6_len, 48);
	assert_int_equal(j->then[0].v4_len, 32);
	assert_string_equal(j->then[1].undo.v[0], "c");
	assert_int_equal(m.config->fields[config_field(m.config, SPAN_LIT("word"))].type, FIELD_TEXT);
	made_free(&m);
}

/* Whatever says which lines are hits, or which hits count, leaves tests of that without a ground. */
static void test_settings_and_tests(void **state)
{
	static const struct { const char *settings; size_t ntests; } rows[] = {
		{ "mode: shadow", 2 }, { "then: []", 2 }, { "active: {days: mon}", 2 },
		{ "limit: {count: 9}", 1 }, { "known_good: no", 1 }, { "country: [DE]", 1 }, { "again: 1h", 1 },
		{ "program: [a, b]", 0 }, { "ignore: x", 0 }, { "prefix: 'a <content>'", 0 },
		{ "program: a, tests: [{line: x, hit: none}]", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[128];
		struct made m;

		snprintf(text, sizeof(text), "jails: {j: {%s}}\n", rows[i].settings);
		made_begin(&m, text);
		made_jail(&m, PACK_JAIL_SHIPPED, "j", LOG "match: 'x <ip> <user>'\n" LIMIT THEN
			  "tests: [{line: x, hit: none}, {lines: [x], verdict: none}]\n");
		made_load(&m);
		assert_string_equal(buf_cstr(&m.text), "");
		assert_int_equal(config_jail(m.config, "j")->ntests, rows[i].ntests);
		made_free(&m);
	}
}

/* A shipped `under` is made for the shipped `over`; one's own must fit. */
static void test_lower_level(void **state)
{
	struct made m;

	(void)state;
	for (int own = 0; own < 2; own++) {
		made_begin(&m, own ? "jails: {j: {limit: {over: 5, under: 6}}}\n" : "jails: {j: {limit: {over: 5}}}\n");
		made_jail(&m, PACK_JAIL_SHIPPED, "j", LOG "match: 'x <count> <ip>'\n"
			  "limit: {level: count, over: 20, under: 10, per: ip}\nthen: []\n");
		made_load(&m);
		assert_string_equal(buf_cstr(&m.text), own ? "main:1:37: 'under' is at most 'over', 5, not 6\n" : "");
		if (!own)
			assert_int_equal(config_jail(m.config, "j")->limit.under, 5);
		made_free(&m);
	}
}

/* One zone for all logs; a log's own comes first. */
static void test_timezone(void **state)
{
	struct made m;

	(void)state;
	made_begin(&m, "logs: {far: {files: x, timezone: Asia/Tokyo}, near: {files: y}}\ntimezone: Europe/Berlin\n");
	made_load(&m);
	assert_int_equal(m.err, 0);
	assert_string_equal(m.config->logs[config_log(m.config, "far")].timezone, "Asia/Tokyo");
	assert_string_equal(m.config->logs[config_log(m.config, "near")].timezone, "Europe/Berlin");
	assert_string_equal(m.config->logs[config_log(m.config, "mail")].timezone, "Europe/Berlin");
	assert_int_equal(m.config->timezone_at.line, 2);
	made_free(&m);
}

static void test_match_replaced(void **state)
{
	const struct jail *j;
	struct made m;

	(void)state;
	made_begin(&m, "jails: {j: {match: 'y <ip>'}}\n");
	made_jail(&m, PACK_JAIL_SHIPPED, "j", GOOD "tests: [{line: x, hit: none}]\n");
	made_load(&m);
	assert_string_equal(buf_cstr(&m.text), "");
	j = config_jail(m.config, "j");
	assert_true(j->match_replaced);
	assert_int_equal(j->ntests, 0);
	assert_string_equal(j->rules[0].pattern, "y <ip>");
	assert_string_equal(j->rules[0].place.file, "main");
	made_free(&m);
}

/* ---- too much ---- */

static void expect_main(const char *yaml, const char *want)
{
	struct made m;

	made_begin(&m, yaml);
	made_load(&m);
	assert_int_equal(m.err, -EINVAL);
	assert_string_equal(buf_cstr(&m.text), want);
	made_free(&m);
}

static void test_bombs(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_puts(&b, "allow: ");
	for (int i = 0; i < 20000; i++)
		buf_putc(&b, '[');
	expect_main(buf_cstr(&b), "main:1:39: nested deeper than 32 levels\n");
	buf_clear(&b);
	buf_puts(&b, "allow: [");
	for (int i = 0; i < 150000; i++)
		buf_puts(&b, "1,");
	buf_puts(&b, "1]\n");
	expect_main(buf_cstr(&b), "main:1:200003: more than 100000 values in one file\n");
	buf_clear(&b);
	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "k%d: 1\n", i);
	expect_main(buf_cstr(&b), "main:2001:1: more than 2000 keys in one map\n");
	buf_free(&b);
}

/* A thousand errors are two hundred complaints. */
static void test_many_complaints(void **state)
{
	struct buf b = { 0 };
	struct made m;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "k%d: 1\n", i);
	made_begin(&m, buf_cstr(&b));
	made_load(&m);
	assert_int_equal(m.bad.n, 200);
	assert_string_equal(m.bad.v[199].text, "and more; the rest is left out");
	made_free(&m);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_main), cmocka_unit_test(test_jails), cmocka_unit_test(test_jail_near),
		cmocka_unit_test(test_sets), cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_values), cmocka_unit_test(test_timezone), cmocka_unit_test(test_lower_level),
		cmocka_unit_test(test_settings_and_tests),
		cmocka_unit_test(test_match_replaced),
		cmocka_unit_test(test_bombs), cmocka_unit_test(test_many_complaints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
