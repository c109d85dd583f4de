/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every setting there is, once: its key, type, unit, range, default and a
 * sentence for people. Reading, printing, the manual pages and docs/jails.md
 * are loops over these rows.
 */
#include "config/schema.h"

#ifndef BAILIFF_SYSCONFDIR
#define BAILIFF_SYSCONFDIR "/etc"
#endif
#ifndef BAILIFF_STATEDIR
#define BAILIFF_STATEDIR "/var/lib/bailiff"
#endif
#ifndef BAILIFF_RUNDIR
#define BAILIFF_RUNDIR "/run/bailiff"
#endif

#define AT(type, member) \
	.offset = offsetof(type, member), .width = sizeof(((type *)0)->member)
#define SECOND	1000LL
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
#define WEEK	(7 * DAY)
#define YEAR	(53 * WEEK)
#define LONGEST	(5200 * WEEK)	/* a century: for good */
#define END	{ .key = NULL }

/* ---- a jail ---- */

static const struct choice modes[] = {
	{ "on", MODE_ON }, { "yes", MODE_ON }, { "true", MODE_ON },
	{ "off", MODE_OFF }, { "no", MODE_OFF }, { "false", MODE_OFF },
	{ "shadow", MODE_SHADOW }, { "propose", MODE_PROPOSE }, { NULL, 0 },
};

static const struct setting spread_keys[] = {
	{ "accounts", VALUE_NUMBER, AT(struct spread_draft, accounts), .min = 2, .max = 1000,
	  .help = "From so many different accounts in the window on ..." },
	{ "weight", VALUE_FACTOR, AT(struct spread_draft, weight), .min = 0, .max = 100,
	  .help = "... a hit weighs this times as much; two decimals." },
	END
};

static const struct setting limit_keys[] = {
	{ "count", VALUE_NUMBER, AT(struct limit_draft, count), .min = 1, .max = 1000000000,
	  .help = "Fires when this many hits, or their weights, lie within the time; with "
		  "`distinct` when this many different values do." },
	{ "sum", VALUE_TEXT, AT(struct limit_draft, sum),
	  .help = "A number that the patterns capture: its sum is compared with `over`." },
	{ "over", VALUE_BYTES, AT(struct limit_draft, over), .min = 0, .max = 1000000000000000,
	  .help = "With `sum` or `level`: fires when it is more than this." },
	{ "distinct", VALUE_TEXT, AT(struct limit_draft, distinct),
	  .help = "A capture whose different values are counted." },
	{ "per", VALUE_TEXTS, AT(struct limit_draft, per),
	  .help = "The subject: a capture or a list of up to four. What is counted is "
		  "counted for each of its values." },
	{ "within", VALUE_SPAN, AT(struct limit_draft, within_ms), .min = 1, .max = YEAR,
	  .help = "The time in which the hits must lie, by the stamps of the lines." },
	{ "weight", VALUE_TEXT, AT(struct limit_draft, weight), .def = "1",
	  .help = "With `count`: what a hit counts: a number, or a number that the patterns "
		  "capture (`attempts`)." },
	{ "further", VALUE_BOOL, AT(struct limit_draft, further), .def = "no",
	  .help = "After a verdict, and as long as what followed lasts, each further hit is a verdict on its own "
		  "address, with `ban: {whom: seen}`; spared ones are left alone." },
	{ "v6", VALUE_NUMBER, AT(struct limit_draft, v6_len), .min = 16, .max = 128, .def = "64",
	  .help = "IPv6 addresses are counted by prefixes of this length." },
	{ "ratio", VALUE_FACTOR, AT(struct limit_draft, ratio), .min = 0, .max = 1,
	  .help = "With `count`: fires when of at least so many hits this share or more came from "
		  "patterns with `part: true` beside them." },
	{ "score", VALUE_NUMBER, AT(struct limit_draft, score), .min = 1, .max = 1000000000,
	  .help = "With `log: verdicts`, `per: user` and the jail's own `score`: fires when the weights of the "
		  "verdicts that an account had within the time reach this." },
	{ "level", VALUE_TEXT, AT(struct limit_draft, level),
	  .help = "A number that the patterns capture and that is no event but a state, such as the "
		  "messages in a queue: fires when it is more than `over`, and then not again until it was "
		  "less than `under`. Needs no `within`; with one, so much time at least lies between two verdicts." },
	{ "under", VALUE_BYTES, AT(struct limit_draft, under), .min = 0, .max = 1000000000000000,
	  .def_words = "`over`", .help = "With `level`: less than this is well again." },
	{ "with", VALUE_NODE, AT(struct limit_draft, with), .print = config_print_with,
	  .shape = "list of foreign_sender, new_network, {distinct: CAPTURE, over: N}",
	  .help = "With `count`, `sum` or `distinct`: the amount alone does not fire; one of these must have held for "
		  "a hit in the window, or more than N different values been there." },
	{ "alone", VALUE_BYTES, AT(struct limit_draft, alone), .min = 1, .max = 1000000000000000,
	  .def_words = "never", .help = "Beside `with`: at this amount it fires without any of them." },
	{ "known", VALUE_FACTOR, AT(struct limit_draft, known), .min = 0, .max = 100, .def_words = "1",
	  .help = "With `count`: a hit weighs this times as much if it comes from a network that is "
		  "known-good for its account; two decimals." },
	{ "spread", VALUE_MAP, .sub = spread_keys, .offset = offsetof(struct limit_draft, spread),
	  .help = "With `count`: hits on several accounts of one subject weigh more." },
	END
};

static const struct setting thread_keys[] = {
	{ "by", VALUE_TEXT, AT(struct thread_draft, by),
	  .help = "The capture that joins the entries: `qid`, `session`; or `pid`, which is that of the tag "
		  "(`sshd[4711]:`) where no pattern captures one." },
	{ "keep", VALUE_SPAN, AT(struct thread_draft, keep_ms), .min = SECOND, .max = 8 * WEEK,
	  .def = "1d", .help = "A thread in which nothing happens is forgotten after this time." },
	END
};

static const struct setting brake_keys[] = {
	{ "bans", VALUE_NUMBER, AT(struct brake, bans), .min = 0, .max = 100000000, .def = "0",
	  .help = "With this many bans `within` the time the jail turns to shadow and the "
		  "admin is told; 0: never." },
	{ "within", VALUE_SPAN, AT(struct brake, within_ms), .min = SECOND, .max = DAY,
	  .def = "1m", .help = "The time for `bans`." },
	END
};

static const struct setting active_keys[] = {
	{ "days", VALUE_TEXTS, AT(struct active_draft, days), .def_words = "every day",
	  .help = "`mon-fri`, or a list of days and such spans. Where the hours go past midnight, the day on "
		  "which they begin." },
	{ "hours", VALUE_TEXT, AT(struct active_draft, hours), .def_words = "00:00-24:00",
	  .help = "`08:00-18:00`: from the first, up to and without the second; `22:00-06:00` goes into the next day." },
	END
};

static const struct choice wants[] = {
	{ "yes", WANT_YES }, { "on", WANT_YES }, { "true", WANT_YES },
	{ "no", WANT_NO }, { "off", WANT_NO }, { "false", WANT_NO }, { NULL, 0 },
};

#define IN_JAIL(member) AT(struct jail_draft, jail.member)
const struct setting schema_jail_keys[] = {
	{ "about", VALUE_TEXT, IN_JAIL(about), .help = "One line for people: what it guards against." },
	{ "log", VALUE_TEXTS, AT(struct jail_draft, log),
	  .help = "The log or the list of logs it reads; `verdicts` are bailiff's own: each "
		  "verdict is an entry that captures `jail`, and `ip` or `user` if it has one." },
	{ "program", VALUE_TEXTS, IN_JAIL(programs), .def_words = "any",
	  .help = "Globs for the entry's program; `*` takes `/` too (`postfix*`)." },
	{ "service", VALUE_TEXT, IN_JAIL(service), .def_words = "by `program`",
	  .help = "The service whose presence on the host starts a shipped jail." },
	{ "mode", VALUE_CHOICE, IN_JAIL(mode), .choices = modes, .def = "on",
	  .help = "`shadow` decides and records but does nothing; `propose` asks the admin." },
	{ "prefix", VALUE_TEXT, IN_JAIL(prefix),
	  .help = "A pattern that is matched first; `match` and `ignore` then see what its "
		  "`<content>` holds." },
	{ "match", VALUE_NODE, AT(struct jail_draft, match), .print = config_print_rules,
	  .shape = "list of patterns", .help = "Patterns (PCRE2), anchored at the start of the "
		  "entry's text; each bare or behind a verb. Setting it in bailiff.yaml drops the "
		  "jail's `tests`, as `ignore`, `prefix` and `program` do; setting `limit`, `thread` or a "
		  "condition there drops those with a `verdict`." },
	{ "ignore", VALUE_NODE, AT(struct jail_draft, ignore), .print = config_print_ignore,
	  .shape = "list of patterns", .help = "Entries that one of these matches are no hits." },
	{ "thread", VALUE_MAP, .sub = thread_keys, .offset = offsetof(struct jail_draft, thread),
	  .help = "Joins the entries of one conversation." },
	{ "limit", VALUE_MAP, .sub = limit_keys, .offset = offsetof(struct jail_draft, limit),
	  .help = "What is counted, and when it is too much." },
	{ "then", VALUE_NODE, AT(struct jail_draft, then), .print = config_print_then,
	  .shape = "list of actions",
	  .help = "What follows a verdict, in order; `[]`: it is only recorded." },
	{ "brake", VALUE_MAP, .sub = brake_keys, .offset = offsetof(struct jail_draft, jail.brake),
	  .help = "Stops a jail that bans too many at once, as in an outage of the resolver." },
	{ "again", VALUE_SPAN, IN_JAIL(again_ms), .min = SECOND, .max = 53 * WEEK, .def_words = "`within`",
	  .help = "A subject's next verdict falls no sooner than this; where something lasts longer, such as "
		  "a ban, not before it ends." },
	{ "signal", VALUE_BOOL, IN_JAIL(signal), .def = "no",
	  .help = "With `then: []`: its verdicts are counted by jails with a `score`, and are told nowhere else." },
	{ "ban_private", VALUE_BOOL, IN_JAIL(ban_private), .def = "no",
	  .help = "May it ban private and CGNAT addresses, and IPv4's link-local ones?" },
	{ "tests", VALUE_NODE, AT(struct jail_draft, tests), .print = config_print_tests,
	  .shape = "list of tests", .help = "Run at load; a jail whose tests fail is refused." },
	{ "active", VALUE_MAP, .sub = active_keys, .offset = offsetof(struct jail_draft, active),
	  .help = "Only hits at these times count, by the stamps of the lines in the zone of their log." },
	{ "country", VALUE_NODE, AT(struct jail_draft, country), .print = config_print_country,
	  .shape = "country or list of countries, {not: them}, or {not: home}",
	  .help = "Only hits count whose `<ip>` is in one of these countries, or with `not` in another. "
		  "`{not: home}`: in another than the `home` of its account's class; where a class has none, "
		  "nobody is away. An address that is in no country meets neither." },
	{ "known_good", VALUE_CHOICE, IN_JAIL(known_good), .choices = wants,
	  .help = "Only hits count whose `<ip>` is in a network that is known-good for their `<user>`; "
		  "`no`: that is in none." },
	{ "foreign_sender", VALUE_CHOICE, IN_JAIL(foreign_sender), .choices = wants,
	  .help = "Only hits count whose `<sender>` is foreign to their `<user>`; `no`: is not." },
	{ "score", VALUE_NODE, AT(struct jail_draft, score), .print = config_print_scores,
	  .shape = "map of jails to numbers",
	  .help = "With a limit by `score`: what a verdict of these jails counts for its account, also one of a "
		  "jail that is in shadow or does nothing." },
	{ "successes", VALUE_CHOICE, IN_JAIL(successes), .choices = wants,
	  .def_words = "yes where it acts on accounts, asks `with` or `foreign_sender`",
	  .help = "Are its hits successes of their `<user>`? They tell where accounts are at home. Never "
		  "say so of failures, which anybody can cause." },
	END
};

static const struct choice whoms[] = {
	{ "subject", WHOM_SUBJECT }, { "seen", WHOM_SEEN }, { NULL, 0 },
};

const struct setting schema_ban_keys[] = {
	{ "for", VALUE_SPAN, AT(struct action_draft, for_ms), .min = SECOND, .max = LONGEST,
	  .def = "10m", .help = "How long, from the time of the event." },
	{ "grow", VALUE_FACTOR, AT(struct action_draft, grow), .min = 1, .max = 1000, .def = "1",
	  .help = "Each earlier verdict on the subject multiplies the time by this." },
	{ "max", VALUE_SPAN, AT(struct action_draft, max_ms), .min = SECOND, .max = LONGEST,
	  .def_words = "`for`, or 1w if that is longer and `grow` is set",
	  .help = "The longest it grows to." },
	{ "remember", VALUE_SPAN, AT(struct action_draft, remember_ms), .min = SECOND,
	  .max = LONGEST, .def_words = "4 times `max`",
	  .help = "Earlier verdicts count for `grow` this long." },
	{ "scope", VALUE_TEXT, AT(struct action_draft, scope), .def_words = "that of the jail's log, or mail",
	  .help = "The ports that are closed to the address: a name from `scopes`. `all` also "
		  "cuts the replies to our own connections." },
	{ "whom", VALUE_CHOICE, AT(struct action_draft, whom), .choices = whoms, .def = "subject",
	  .help = "`seen`: the addresses that the hits in the window came from." },
	{ "v4", VALUE_NUMBER, AT(struct action_draft, v4_len), .min = 16, .max = 32, .def = "32",
	  .help = "IPv4 bans take a prefix of this length." },
	{ "v6", VALUE_NUMBER, AT(struct action_draft, v6_len), .min = 48, .max = 128, .def = "64",
	  .help = "IPv6 bans take a prefix of this length." },
	END
};

const struct setting schema_deny_keys[] = {
	{ "for", VALUE_SPAN, AT(struct action_draft, for_ms), .min = SECOND, .max = LONGEST,
	  .def_words = "until it is undone", .help = "How long." },
	{ "text", VALUE_TEXT, AT(struct action_draft, text), .help = "What the client is told." },
	END
};

const struct setting schema_park_keys[] = {
	{ "for", VALUE_SPAN, AT(struct action_draft, for_ms), .min = SECOND, .max = LONGEST,
	  .def_words = "until it is undone", .help = "How long." },
	END
};

const struct setting schema_no_keys[] = { END };

const struct action_row schema_actions[ACTION_KINDS] = {
	[ACTION_BAN] = { "ban", NEEDS_ADDRESS, schema_ban_keys, "Closes ports to the address." },
	[ACTION_PARK] = { "park", NEEDS_ACCOUNT, schema_park_keys,
		"New mail of the account is accepted and put on hold." },
	[ACTION_DENY] = { "deny", NEEDS_ACCOUNT, schema_deny_keys,
		"New mail and new logins of the account are refused." },
	[ACTION_LOCK] = { "lock", NEEDS_ACCOUNT, schema_no_keys, "Locks the account's password." },
	[ACTION_KICK] = { "kick", NEEDS_ACCOUNT, schema_no_keys, "Ends the account's sessions." },
	[ACTION_HOLD] = { "hold", NEEDS_ACCOUNT, schema_no_keys, "Holds the account's queued mail." },
	[ACTION_CONTAIN] = { "contain", NEEDS_ACCOUNT, schema_no_keys,
		"All that stops an account, in the right order." },
	[ACTION_NOTIFY] = { "notify", NEEDS_NOTHING, schema_no_keys, "Writes to the admin." },
	[ACTION_RUN] = { "run", NEEDS_NOTHING, NULL,
		"Starts a program: a list of words, each a text that may hold placeholders; "
		"`undo` beside it is the list that takes it back." },
};

const struct verb_row schema_verbs[VERBS] = {
	[VERB_MATCH] = { "match", "Counts; what a bare pattern means." },
	[VERB_REMEMBER] = { "remember", "Carries its captures on in the thread." },
	[VERB_COUNT] = { "count", "Counts with what the thread remembers, once a thread unless "
		"`each: true` stands beside it." },
	[VERB_FORGET] = { "forget", "Ends the thread." },
	[VERB_GAINED] = { "gained", "A success: what waited is dropped." },
	[VERB_JOIN] = { "join", "Makes the second id (`<qid2>`) another name of this thread." },
};

const struct setting schema_rule_keys[] = {
	{ "each", VALUE_BOOL, AT(struct rule_draft, each), .def = "no",
	  .help = "Beside `count`: counts every time, not once a thread." },
	{ "part", VALUE_BOOL, AT(struct rule_draft, part), .def = "no",
	  .help = "Beside `count` or `match`, where the limit is a `ratio`: one of the share." },
	{ "aside", VALUE_BOOL, AT(struct rule_draft, aside), .def = "no",
	  .help = "Beside `count` or `match`, where the limit has a `with`: what it captures is seen by "
		  "`with`, each time, and it is not counted." },
	{ "tells", VALUE_BOOL, AT(struct rule_draft, tells), .def = "no",
	  .help = "Beside `count`: the thread remembers what it captured, as with `remember`." },
	{ "at_once", VALUE_BOOL, AT(struct rule_draft, at_once), .def = "no",
	  .help = "Beside `count`: does not wait for a thread that has not told the subject, but is dropped; "
		  "cheap where most lines belong to nobody." },
	END
};

#define IN_LINE(member) AT(struct test_draft, line.member)
const struct setting schema_test_keys[] = {
	{ "line", VALUE_TEXT, IN_LINE(text),
	  .help = "One entry's text, as the patterns see it; with `hit`." },
	{ "program", VALUE_TEXT, IN_LINE(program),
	  .help = "Its program, or that of all `lines`; `sshd[4711]` tells a process id, too." },
	{ "host", VALUE_TEXT, IN_LINE(host), .help = "Its host, or that of all `lines`." },
	{ "hit", VALUE_NODE, AT(struct test_draft, hit), .shape = "map of captures, or none",
	  .help = "What must be captured, or `none`." },
	{ "lines", VALUE_NODE, AT(struct test_draft, lines), .shape = "list of lines",
	  .help = "Several entries, each a text or a map of `line`, `at`, `program`, "
		  "`host`; with `verdict`." },
	{ "verdict", VALUE_NODE, AT(struct test_draft, verdict), .shape = "map of captures, or none",
	  .help = "The subject of the verdict that must follow, or `none`." },
	{ "places", VALUE_NODE, AT(struct test_draft, places), .shape = "map of addresses to places",
	  .help = "Where addresses are for this test, whatever the databases say: "
		  "`{192.0.2.1: DE, 198.51.100.0/24: FR AS64500}`." },
	END
};

const struct setting schema_test_line_keys[] = {
	{ "line", VALUE_TEXT, AT(struct jail_test_line, text), .help = "The entry's text." },
	{ "at", VALUE_SPAN, AT(struct jail_test_line, at_ms), .min = 0, .max = YEAR,
	  .help = "When, after the first line." },
	{ "program", VALUE_TEXT, AT(struct jail_test_line, program), .help = "Its program." },
	{ "host", VALUE_TEXT, AT(struct jail_test_line, host), .help = "Its host." },
	END
};

/* ---- bailiff.yaml ---- */

static const struct choice prefers[] = {
	{ "files", PREFER_FILES }, { "journal", PREFER_JOURNAL }, { "command", PREFER_COMMAND },
	{ NULL, 0 },
};

static const struct setting journal_keys[] = {
	{ "units", VALUE_TEXTS, AT(struct log_draft, conf.units), .def_words = "all",
	  .help = "Globs for the units that are read, also ones that appear later." },
	{ "dir", VALUE_PATH, AT(struct log_draft, conf.journal_dir), .def_words = "the system's",
	  .help = "A directory of journal files." },
	END
};

static const struct setting time_keys[] = {
	{ "find", VALUE_TEXT, AT(struct log_draft, conf.time_find),
	  .help = "A regular expression that finds the stamp; it is cut before matching." },
	{ "format", VALUE_TEXT, AT(struct log_draft, conf.time_format),
	  .help = "How the stamp reads, as for strptime(3)." },
	END
};

static const struct choice forms[] = {
	{ "lines", FORM_LINES }, { "queue", FORM_QUEUE }, { NULL, 0 },
};

const struct setting schema_log_keys[] = {
	{ "prefer", VALUE_CHOICE, AT(struct log_draft, conf.prefer), .choices = prefers,
	  .def_words = "journal, then files, of what is given",
	  .help = "Which kind of source is read if there are several; decided at the start." },
	{ "files", VALUE_PATHS, AT(struct log_draft, conf.files),
	  .help = "Files or globs. A log for which bailiff.yaml names sources has just those: "
		  "one with only `files` is never read from the journal." },
	{ "journal", VALUE_MAP, .sub = journal_keys, .help = "The systemd journal." },
	{ "command", VALUE_ARGV, AT(struct log_draft, conf.command),
	  .help = "A program whose output is read, as a list of words: as root, without a shell. It is "
		  "started only while a jail reads the log." },
	{ "interval", VALUE_SPAN, AT(struct log_draft, conf.interval_ms), .min = SECOND, .max = DAY,
	  .def_words = "it runs on", .help = "The command is run again each time this is over, for a "
		  "minute and 64 MB of output at most. Without it the command follows something, and is "
		  "started again when it ends." },
	{ "skip_idle", VALUE_BOOL, AT(struct log_draft, conf.skip_idle), .def = "no",
	  .help = "With `interval`: a run is left out while no file or journal that is read has had a "
		  "line since the last one, so that an idle host is not woken." },
	{ "form", VALUE_CHOICE, AT(struct log_draft, conf.form), .choices = forms, .def = "lines",
	  .help = "`queue`: with `interval`, each run is a listing of `postqueue -j`, and is summed up to "
		  "entries about the whole queue and its biggest senders." },
	{ "time", VALUE_MAP, .sub = time_keys, .def_words = "known by itself",
	  .help = "A format of stamps that bailiff does not know." },
	{ "timezone", VALUE_TEXT, AT(struct log_draft, conf.timezone), .def_words = "that of all logs",
	  .help = "The zone of this log's stamps without one." },
	{ "trust", VALUE_BOOL, AT(struct log_draft, conf.trust), .def = "no",
	  .help = "No stranger can write to it: accounts may be acted on by its lines." },
	{ "scope", VALUE_TEXT, AT(struct log_draft, scope),
	  .help = "The scope of bans by jails of this log that name none." },
	END
};

static const struct choice acts[] = {
	{ "propose", ACT_PROPOSE }, { "yes", ACT_YES }, { "on", ACT_YES }, { "true", ACT_YES },
	{ "no", ACT_NO }, { "off", ACT_NO }, { "false", ACT_NO }, { NULL, 0 },
};

static const struct setting accounts_keys[] = {
	{ "act", VALUE_CHOICE, AT(struct accounts, act), .choices = acts, .def = "propose",
	  .help = "`propose`: the mail to the admin holds the command; `yes`: bailiff acts; "
		  "`no`: it only tells." },
	{ "local_domains", VALUE_TEXTS, AT(struct accounts, local_domains), .def = "[]",
	  .help = "Domains whose accounts are Unix accounts, as bare names are." },
	{ "default_domain", VALUE_TEXT, AT(struct accounts, default_domain),
	  .help = "Added to a login without a domain." },
	{ "strip_tag", VALUE_BOOL, AT(struct accounts, strip_tag), .def = "no",
	  .help = "Is joe+tag the account joe?" },
	{ "min_uid", VALUE_NUMBER, AT(struct accounts, min_uid), .min = 1, .max = 4294967294,
	  .def = "1000", .help = "No account with a lower user id is ever touched." },
	{ "protect", VALUE_TEXTS, AT(struct accounts, protect), .def = "[root, postmaster]",
	  .help = "Accounts that are never touched." },
	{ "max_per_hour", VALUE_NUMBER, AT(struct accounts, max_per_hour), .min = 0, .max = 100000,
	  .def = "5", .help = "After this many accounts in an hour bailiff only parks (ten times as "
			"many at most) and proposes." },
	{ "stale", VALUE_SPAN, AT(struct accounts, stale_ms), .min = MINUTE, .max = YEAR,
	  .def = "1h", .help = "On events older than this it only proposes." },
	{ "known_after", VALUE_SPAN, AT(struct accounts, known_after_ms), .min = 0, .max = 8 * WEEK,
	  .def = "4h", .help = "A network (IPv4 /24, IPv6 /48) is known-good for an account when the account "
		  "succeeded there at least so long ago, and again within the last 60 days." },
	{ "lock", VALUE_ARGV, AT(struct accounts, lock), .def_words = "passwd -l and expiry",
	  .help = "The command that locks an account, `<user>` being its name." },
	{ "unlock", VALUE_ARGV, AT(struct accounts, unlock), .def_words = "what undoes that",
	  .help = "The command that unlocks it." },
	{ "force_change", VALUE_ARGV, AT(struct accounts, force_change), .def_words = "nothing",
	  .help = "When a theft is over (`undo` and `resolve`, not `--false-alarm`) the password must be "
		  "changed at the next login: `[chage]` by `chage -d 0`, which also stops mail logins "
		  "through PAM until it is; else the command that asks for it, `<user>` being its name." },
	{ "probation", VALUE_SPAN, AT(struct accounts, probation_ms), .min = 0, .max = YEAR, .def = "7d",
	  .help = "For this long after a theft (`undo` and `resolve`, not `--false-alarm`) the "
		  "limits of jails that act on accounts are lower for the account; `off`: they stay." },
	{ "probation_factor", VALUE_FACTOR, AT(struct accounts, probation_factor), .min = 0, .max = 1,
	  .def = "0.5", .help = "What `probation` multiplies them by." },
	{ "leftovers", VALUE_TEXTS, AT(struct accounts, leftovers),
	  .def = "[~/.forward, ~/.dovecot.sieve, ~/.procmailrc, ~/.ssh/authorized_keys, "
		 "/var/spool/cron/crontabs/<local>]",
	  .help = "What a thief may leave behind: after `contain` the times of these are told, and "
		  "nothing of them is read. `~` is the account's home; else `<user>`, `<local>` and "
		  "`<domain>` stand for its name: `/var/vmail/<domain>/<local>/.dovecot.sieve`." },
	{ "postfix_map", VALUE_PATH_OR_OFF, AT(struct accounts, postfix_map), .def = "/etc/postfix/bailiff",
	  .help = "The lmdb table of `check_sasl_access` in which denied and parked accounts stand, "
		  "without `lmdb:` and `.lmdb`; `bailiff setup mail` makes it. `off`: none." },
	{ "dovecot_deny", VALUE_PATH_OR_OFF, AT(struct accounts, dovecot_deny),
	  .def = "/etc/dovecot/bailiff-deny",
	  .help = "The file of Dovecot's deny passdb in which denied accounts stand; "
		  "`bailiff setup mail` makes it. `off`: none." },
	END
};

static const struct setting notify_keys[] = {
	{ "mail", VALUE_MAILBOX, AT(struct notify, mail), .def = "root",
	  .help = "Who gets mail about accounts and trouble; `off`: nobody." },
	{ "from", VALUE_MAILBOX, AT(struct notify, from), .def = "root", .help = "Its sender." },
	{ "digest", VALUE_CLOCK, AT(struct notify, digest_at_ms), .def = "07:00",
	  .help = "When the daily digest of bans is sent; `off`: never." },
	{ "run", VALUE_ARGV, AT(struct notify, run), .def_words = "nothing",
	  .help = "A program that is told of an alert before the mail goes out, whose queue may be "
		  "what is stuck: its words may hold `<subject>`, `<incident>`, `<user>` and `<host>`, "
		  "its standard input is the mail's text." },
	END
};

static const struct setting helpers_keys[] = {
	{ "passwd", VALUE_ARGV, AT(struct helpers, passwd), .def = "[passwd]",
	  .help = "How passwd(1) is started; arguments are added." },
	{ "chage", VALUE_ARGV, AT(struct helpers, chage), .def = "[chage]",
	  .help = "How chage(1) is started." },
	{ "sendmail", VALUE_ARGV, AT(struct helpers, sendmail), .def = "[sendmail]",
	  .help = "How sendmail(1) is started." },
	{ "postsuper", VALUE_ARGV, AT(struct helpers, postsuper), .def = "[postsuper]",
	  .help = "How postsuper(1) is started: `[docker, exec, mail, postsuper]`." },
	{ "postqueue", VALUE_ARGV, AT(struct helpers, postqueue), .def = "[postqueue]",
	  .help = "How postqueue(1) is started." },
	{ "postmap", VALUE_ARGV, AT(struct helpers, postmap), .def = "[postmap]",
	  .help = "How postmap(1) is started." },
	{ "postfix", VALUE_ARGV, AT(struct helpers, postfix), .def = "[postfix]",
	  .help = "How postfix(1) is started, by `setup`, to reload." },
	{ "doveconf", VALUE_ARGV, AT(struct helpers, doveconf), .def = "[doveconf]",
	  .help = "How doveconf(1) is started, by `bailiff check` and `setup`." },
	{ "doveadm", VALUE_ARGV, AT(struct helpers, doveadm), .def = "[doveadm]",
	  .help = "How doveadm(1) is started." },
	{ "postcat", VALUE_ARGV, AT(struct helpers, postcat), .def = "[postcat]",
	  .help = "How postcat(1) is started: it makes the copies of what is purged." },
	{ "postconf", VALUE_ARGV, AT(struct helpers, postconf), .def = "[postconf]",
	  .help = "How postconf(1) is started: it is asked for `maximal_queue_lifetime` and `syslog_name`, "
		  "and by `bailiff check` and `setup` for more." },
	{ "instances", VALUE_PATHS, AT(struct helpers, instances), .def = "[]",
	  .help = "Configuration directories of further Postfix instances, at most 16: their queues "
		  "are listed, held, released and purged as well, by `postqueue -c DIR` and `postsuper -c DIR`." },
	END
};

#define IN_CONFIG(member) AT(struct main_draft, config.member)
const struct setting schema_main_keys[] = {
	{ "allow", VALUE_NODE, AT(struct main_draft, allow), .print = config_print_allow,
	  .shape = "list of addresses, prefixes, host names",
	  .help = "Never banned, whatever a jail says." },
	{ "logs", VALUE_NODE, AT(struct main_draft, logs), .print = config_print_logs,
	  .shape = "map of logs", .def_words = "mail, auth, nginx, queue, disk",
	  .help = "What the lines that jails read come from; names that are built in merge key by key." },
	{ "timezone", VALUE_TEXT, IN_CONFIG(timezone), .def_words = "the host's",
	  .help = "The zone of stamps without one: `Europe/Berlin`." },
	{ "scopes", VALUE_NODE, AT(struct main_draft, scopes), .print = config_print_scopes,
	  .shape = "map of lists of ports", .def_words = "mail, ssh, web",
	  .help = "Names for sets of our own TCP and UDP ports; `all` is always there." },
	{ "accounts", VALUE_MAP, .sub = accounts_keys,
	  .offset = offsetof(struct main_draft, config.accounts), .help = "What may happen to accounts." },
	{ "contacts", VALUE_NODE, AT(struct main_draft, contacts), .print = config_print_contacts,
	  .shape = "map of accounts to a text", .def_words = "nobody",
	  .help = "How the owner of an account is reached, for the mail about it: "
		  "`{joe@example.com: '+49 30 1234'}`." },
	{ "notify", VALUE_MAP, .sub = notify_keys,
	  .offset = offsetof(struct main_draft, config.notify), .help = "Who is told." },
	{ "operators", VALUE_NODE, AT(struct main_draft, operators), .print = config_print_operators,
	  .shape = "map of users, or groups as '@group', to read, ban or all",
	  .help = "Who may use the command line beside root: `read`, also `ban` and `unban`, or `all`." },
	{ "helpers", VALUE_MAP, .sub = helpers_keys,
	  .offset = offsetof(struct main_draft, config.helpers),
	  .help = "How other programs are started." },
	{ "jails", VALUE_NODE, AT(struct main_draft, jails), .print = config_print_jail_modes,
	  .shape = "map of jails to on, off, shadow, propose or keys", .def_words = "{auto: on}",
	  .help = "`auto`: a shipped jail starts where its service is. A jail that is named here is on, "
		  "or as the `mode` set here says, with the keys set here merged into its own." },
	{ "jail_dirs", VALUE_PATHS, IN_CONFIG(jail_dirs), .def = "[" BAILIFF_SYSCONFDIR "/bailiff/jails]",
	  .help = "The admin's directories of jails; a jail there, `NAME.yaml`, replaces a shipped one of its name." },
	{ "state", VALUE_PATH, IN_CONFIG(state), .def = BAILIFF_STATEDIR,
	  .help = "Directory of the ledger, the snapshots and the journal." },
	{ "run", VALUE_PATH, IN_CONFIG(run), .def = BAILIFF_RUNDIR, .help = "Directory of the sockets." },
	{ "table", VALUE_TEXT, IN_CONFIG(table), .def = "bailiff",
	  .help = "Name of the nftables table (family inet); another bailiff needs another." },
	{ "user_engine", VALUE_TEXT, IN_CONFIG(user_engine), .def = "bailiff-engine",
	  .help = "The user that reads the logs' bytes." },
	{ "user_monitor", VALUE_TEXT, IN_CONFIG(user_monitor), .def = "bailiff",
	  .help = "The user of bailiffd." },
	{ "quarantine", VALUE_BYTES, IN_CONFIG(quarantine), .min = 0, .max = 1LL << 50, .def = "1G",
	  .help = "Bytes that the copies of purged mail may take in STATE/runner/quarantine; a purge that "
		  "would need more is refused, unless it is told to keep no copy." },
	{ "counters", VALUE_BOOL, IN_CONFIG(counters), .def = "no",
	  .help = "Does each ban count the packets it dropped?" },
	{ "own_table", VALUE_BOOL, IN_CONFIG(own_table), .def = "yes",
	  .help = "Own the table where the kernel can, so that no other flush reaches it." },
	{ "set_size", VALUE_NUMBER, IN_CONFIG(set_size), .min = 16, .max = 16777216, .def = "1048576",
	  .help = "Bans in one set at most; then the ban that ends first goes." },
	{ "tracked_max", VALUE_NUMBER, IN_CONFIG(tracked_max), .min = 16, .max = 100000000,
	  .def = "1000000",
	  .help = "Subjects that are counted at most; then the longest idle is forgotten." },
	{ "flow", VALUE_BOOL, IN_CONFIG(flow), .def = "yes",
	  .help = "Follow the messages of the last day, at most 200,000 of them and 128 MB, for "
		  "`bailiff top` and `trace`?" },
	{ "snapshot_every", VALUE_SPAN, IN_CONFIG(snapshot_every_ms), .min = SECOND, .max = DAY,
	  .def = "5m", .help = "How often counts and threads are saved." },
	{ "line_max", VALUE_BYTES, IN_CONFIG(line_max), .min = 256, .max = 65536, .def = "4096",
	  .help = "Bytes of a line that are matched; the rest is skipped." },
	{ "match_limit", VALUE_NUMBER, IN_CONFIG(match_limit), .min = 100, .max = 100000000,
	  .def = "100000", .help = "Steps that a pattern may take on a line (PCRE2's match limit)." },
	{ "classes", VALUE_NODE, AT(struct main_draft, classes), .print = config_print_classes,
	  .shape = "map of classes",
	  .help = "Accounts and networks for which jails are different; the first class that has a member is its class." },
	{ "country", VALUE_DATABASE, IN_CONFIG(country), .def = "auto",
	  .help = "A database of countries in MaxMind's format (`.mmdb`), for `<country>`. `auto`: the "
		  "first that exists of GeoLite2-Country, GeoIP2-Country and dbip-country-lite, each in "
		  "`/var/lib/GeoIP`, `/usr/share/GeoIP`, `/usr/local/share/GeoIP`. A new one that takes "
		  "its place is noticed within seconds." },
	{ "asn", VALUE_DATABASE, IN_CONFIG(asn), .def = "auto",
	  .help = "A database of autonomous systems, for `<asn>`. `auto`: the first that exists of "
		  "GeoLite2-ASN and dbip-asn-lite in the same directories." },
	END
};

static const struct choice rights[] = {
	{ "read", RIGHT_READ }, { "ban", RIGHT_BAN }, { "all", RIGHT_ALL }, { NULL, 0 },
};

const struct setting schema_asn_row = {
	.key = "ignore_asn", .type = VALUE_NUMBER, .width = sizeof(uint32_t), .min = 1, .max = 4294967295,
};
const struct setting schema_operator_row = {
	.type = VALUE_CHOICE, .width = sizeof(enum operator_right), .choices = rights,
};
const struct setting schema_score_row = {
	.type = VALUE_NUMBER, .width = sizeof(uint32_t), .min = 1, .max = 1000000,
};
const struct setting schema_mode_row = {
	.type = VALUE_CHOICE, .width = sizeof(enum jail_mode), .choices = modes,
};
const struct setting schema_auto_row = { .key = "auto", .type = VALUE_BOOL, .width = sizeof(bool) };
const struct setting schema_port_row = {
	.key = "port", .type = VALUE_NUMBER, .width = sizeof(uint16_t), .min = 1, .max = 65535,
};

const char schema_default_scopes[] =
	"mail: [25, 465, 587, 110, 143, 993, 995, 4190]\n"
	"ssh: [22]\n"
	"web: [80, 443]\n";

const char schema_default_logs[] =
	"mail: {prefer: journal, scope: mail, journal: {units: ['postfix*', 'dovecot*']},"
	" files: [/var/log/mail.log, /var/log/maillog]}\n"
	"auth: {prefer: journal, scope: ssh, journal: {units: ['ssh*']},"
	" files: [/var/log/auth.log, /var/log/secure]}\n"
	"nginx: {scope: web, files: [/var/log/nginx/access.log]}\n"
	"queue: {command: [postqueue, -j], interval: 1m, skip_idle: yes, form: queue}\n"
	"disk: {command: [df, -P, -k, /var/spool/postfix], interval: 1m, skip_idle: yes}\n";
