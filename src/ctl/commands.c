/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands, one row each: what is typed, what help says, how it is
 * carried out. Arguments, help, shell completion and the check of the manual
 * page are loops over this table.
 */
#include <string.h>

#include "ctl/command.h"
#include "ctl/run.h"
#include "ctl/check.h"
#include "ctl/setup.h"
#include "ctl/show.h"
#include "ctl/show_flow.h"

/* For what the ledger or the runner must do first. */
#define SLOW 60
/* Copies are made one message after the other. */
#define VERY_SLOW 900

#define ADDR { "ADDR[/LEN]", NULL, PARAM_ADDR, "addr", true, "address or prefix" }
#define USER { "USER", NULL, PARAM_TEXT, "user", true, "account, as it logs in or in full" }
#define ID { "ID", NULL, PARAM_NUMBER, "id", true, "incident, as bailiff incidents lists it" }
#define HOW_LONG \
	{ "--for", "TIME", PARAM_SPAN, "for", false, "how long: 10m, 1h30m, 2d; without it for good" }
#define REASON \
	{ "--reason", "TEXT", PARAM_TEXT, "reason", false, "kept with it, for whoever asks later" }
#define INCIDENT \
	{ "--incident", "ID", PARAM_NUMBER, "incident", false, "the incident that this answers" }
#define FALSE_ALARM \
	{ "--false-alarm", NULL, PARAM_FLAG, "false_alarm", false, \
	  "nothing was stolen: the old password may stay" }

#define YEAR \
	{ "--year", "N", PARAM_NUMBER, "year", false, "of LOG's first line, where stamps have none" }
#define LOGS { "LOG", NULL, PARAM_FILES, "logs", false, "old logs, instead of the daemon" }

const struct command commands[] = {
	{ .name = "status", .group = "Look",
	  .help = "sources, jails, bans wanted and in the kernel",
	  .more = "With the name of a jail: that jail alone, and whom it has banned.\n"
		  "  bailiff status postfix-sasl",
	  .params = { { "JAIL", NULL, PARAM_TEXT, "jail", false, "one jail" } },
	  .run = run_request, .inner = "jail", .show = show_status },
	{ .name = "bans", .help = "who is banned, why and until when",
	  .more = "  bailiff bans --jail postfix-sasl\n  bailiff bans --json | jq -r '.[].addr'",
	  .params = { { "--jail", "JAIL", PARAM_TEXT, "jail", false, "bans of one jail; hand: by hand" } },
	  .run = run_request, .inner = "bans", .show = show_bans },
	{ .name = "locks", .help = "accounts that bailiff has locked",
	  .more = "  bailiff unlock USER gives one back.",
	  .run = run_request, .inner = "locks", .show = show_locks },
	{ .name = "incidents", .help = "what happened, the newest first",
	  .more = "  bailiff incidents --open\n  bailiff show 17",
	  .params = { { "--limit", "N", PARAM_NUMBER, "limit", false, "at most so many (100), and never more than 10000" },
		      { "--open", NULL, PARAM_FLAG, "open", false, "only those not yet closed" } },
	  .run = run_request, .patience_s = SLOW, .inner = "incidents", .show = show_incidents },
	{ .name = "show", .help = "one incident: evidence, orders, outcomes",
	  .more = "  bailiff show 17",
	  .params = { ID },
	  .run = run_request, .patience_s = SLOW, .inner = "incident", .show = show_incident },
	{ .name = "why", .help = "what is known of an address or an account",
	  .more = "The lines that counted, the counts as they stand, the verdicts, the bans.\n"
		  "  bailiff why 192.0.2.7\n  bailiff why joe",
	  .params = { { "ADDR|USER", NULL, PARAM_TEXT, "subject", true, "an address, a prefix or an account" } },
	  .run = run_request, .patience_s = SLOW, .show = show_why, .judge = judge_why },
	{ .name = "top", .help = "who sends most: by messages, recipients, bytes, bounces",
	  .more = "Live from the daemon, or of old logs. LOG is plain, .gz, .zst or -.\n"
		  "  bailiff top\n  bailiff top senders --by rcpts --since 1h\n"
		  "  bailiff top domains --by bounces /var/log/mail.log.1 /var/log/mail.log",
	  .params = { { "users|senders|clients|domains", NULL, PARAM_CHOICE, "what", false, "users, if nothing is said" },
		      { "--by", "msgs|rcpts|bytes|addresses|countries|bounces", PARAM_CHOICE, "by", false, "what to sort by (msgs)" },
		      { "--since", "TIME", PARAM_SPAN, "since", false, "only what began so long ago, or before the log's end" },
		      { "--limit", "N", PARAM_NUMBER, "limit", false, "at most so many (20)" },
		      YEAR, LOGS },
	  .run = run_flow, .patience_s = SLOW, .show = show_top },
	{ .name = "trace", .help = "the life of a message, or an account's last ones",
	  .more = "Live from the daemon, or of old logs. Exits 1 when nothing is found.\n"
		  "  bailiff trace 4F1C2A3B99\n  bailiff trace joe --limit 3\n"
		  "  bailiff trace '<20261130.1@example.org>' /var/log/mail.log",
	  .params = { { "QUEUEID|MESSAGE-ID|USER", NULL, PARAM_TEXT, "of", true, "what is known of it" },
		      { "--limit", "N", PARAM_NUMBER, "limit", false, "the last so many messages (10)" },
		      YEAR, LOGS },
	  .run = run_flow, .patience_s = SLOW, .show = show_trace, .judge = judge_trace },
	{ .name = "watch", .help = "events as they happen, until interrupted",
	  .more = "  bailiff watch\n  bailiff watch --json | jq 'select(.event == \"ban\")'",
	  .run = run_watch },

	{ .name = "ban", .alias = "banip", .group = "Addresses",
	  .help = "ban an address or a prefix",
	  .more = "An IPv6 address takes its /64 with it, since that is what one customer gets;\n"
		  "ADDR/128 is exact. Protected addresses (own, allowed, a live admin session)\n"
		  "are refused. Without --scope the mail ports are closed to it; --scope all closes\n"
		  "every port, and cuts the replies to our own connections to it, too.\n"
		  "  bailiff ban 192.0.2.7 --for 1h --reason 'guesses passwords'\n"
		  "  bailiff ban 2001:db8::/48 --for 1w --scope mail",
	  .params = { ADDR, HOW_LONG,
		      { "--scope", "NAME", PARAM_TEXT, "scope", false, "the ports: mail, ssh, web, all or one of `scopes:`" },
		      REASON },
	  .run = run_request, .show = show_banned },
	{ .name = "unban", .alias = "unbanip", .help = "end a ban, those of a jail, or all",
	  .more = "Counts start anew. Root can do this while the engine is down, too, other than\n"
		  "with --jail.\n"
		  "  bailiff unban 192.0.2.7\n  bailiff unban --jail postfix-sasl",
	  .params = { { "ADDR[/LEN]", NULL, PARAM_ADDR, "addr", false, "as bailiff bans lists it" },
		      { "--jail", "JAIL", PARAM_TEXT, "jail", false, "all bans of one jail" },
		      { "--all", NULL, PARAM_FLAG, "all", false, "every ban" } },
	  .agree = "addr jail all", .emergency = true,
	  .run = run_request, .show = show_unbanned },
	{ .name = "allow", .help = "no ban reaches an address, from now on",
	  .more = "What shall stay allowed belongs into `allow:` in bailiff.yaml.\n"
		  "  bailiff allow 198.51.100.20 --for 1d --reason 'pentest'\n"
		  "  bailiff allow office.example.org",
	  .params = { { "ADDR|NAME", NULL, PARAM_ADDR_OR_NAME, "addr", true, "address, prefix or host name" },
		      HOW_LONG, REASON },
	  .run = run_names, .patience_s = SLOW, .show = show_allowed },
	{ .name = "disallow", .help = "take back an allow",
	  .more = "  bailiff disallow 198.51.100.20",
	  .params = { { "ADDR|NAME", NULL, PARAM_ADDR_OR_NAME, "addr", true, "as it was allowed" } },
	  .run = run_names, .show = show_disallowed },

	{ .name = "lock", .group = "Accounts", .help = "lock an account",
	  .more = "  bailiff lock joe --reason 'phished'\nEach step is told with its outcome.",
	  .params = { USER, REASON, INCIDENT },
	  .run = run_request, .patience_s = SLOW, .show = show_steps, .judge = judge_steps },
	{ .name = "unlock", .help = "unlock an account that bailiff locked",
	  .more = "It gets back the state that it had before. What else an incident did to it\n"
		  "(deny, park, hold) stays and is told, with the undo that takes it back.\n"
		  "  bailiff unlock joe",
	  .params = { USER },
	  .run = run_request, .patience_s = SLOW, .show = show_steps, .judge = judge_steps },
	{ .name = "contain", .help = "stop what a stolen account does",
	  .more = "--dry-run tells the steps and does none.\n"
		  "  bailiff contain joe --dry-run\n  bailiff contain joe --incident 17",
	  .params = { USER,
		      { "--dry-run", NULL, PARAM_FLAG, "dry_run", false, "tell the steps, do none" },
		      INCIDENT },
	  .run = run_request, .patience_s = SLOW, .show = show_steps, .judge = judge_steps },
	{ .name = "protect", .help = "an account that is never touched",
	  .more = "  bailiff protect postmaster",
	  .params = { USER },
	  .run = run_request, .show = show_protected },

	{ .name = "queue", .group = "Mail", .help = "what is queued; hold, release or purge it",
	  .more = "USER is the account that handed the mail in, whatever its sender says. What is\n"
		  "to be done is shown first, and asked for. A purge keeps copies, and old mail is\n"
		  "requeued rather than released, so that nothing bounces. queue hold --all stops\n"
		  "all mail; bailiff undo ID --release-mail lets it go again.\n"
		  "  bailiff queue joe\n  bailiff queue hold --all --yes\n"
		  "  bailiff queue purge --match '@(mail|post)-win\\.example$'",
	  .params = { { "hold|release|purge", NULL, PARAM_CHOICE, "do", false, "without it the queue is told" },
		      { "USER", NULL, PARAM_TEXT, "user", false, "mail that this account handed in" },
		      { "--all", NULL, PARAM_FLAG, "all", false, "all mail" },
		      { "--sender", "ADDR", PARAM_TEXT, "sender", false, "mail of this sender; <>: bounces" },
		      { "--domain", "NAME", PARAM_TEXT, "domain", false, "mail from or to this domain" },
		      { "--match", "REGEX", PARAM_TEXT, "match", false, "mail with a sender or recipient like this" },
		      { "--yes", NULL, PARAM_FLAG, "yes", false, "do it without asking" },
		      { "--no-copy", NULL, PARAM_FLAG, "no_copy", false, "purge without keeping copies" },
		      REASON },
	  .agree = "user all sender domain match",
	  .run = run_queue, .patience_s = VERY_SLOW, .show = show_queue, .judge = judge_queue },

	{ .name = "undo", .group = "Incidents", .help = "take back exactly what an incident did",
	  .more = "Only where the state is still what the incident left.\n"
		  "Mail that it put on hold stays there unless told to go.\n"
		  "--jail and --since take back all of one jail, for the night a limit was wrong.\n"
		  "  bailiff undo 17 --false-alarm --release-mail\n"
		  "  bailiff undo --jail sasl-burst --since 8h --false-alarm",
	  .params = { { "ID", NULL, PARAM_NUMBER, "id", false, "incident, as bailiff incidents lists it" },
		      { "--jail", "JAIL", PARAM_TEXT, "jail", false, "all incidents of this jail that are open" },
		      { "--since", "TIME", PARAM_SPAN, "since", false, "... and as young: 1h" }, FALSE_ALARM,
		      { "--release-mail", NULL, PARAM_FLAG, "release_mail", false, "send what it put on hold" } },
	  .agree = "id jail",
	  .run = run_undo, .patience_s = SLOW, .show = show_steps, .judge = judge_steps },
	{ .name = "resolve", .help = "close an incident for good",
	  .more = "What the incident did is taken back; the mail that it put on hold is deleted\n"
		  "with --purge, sent with --release, and else stays.\n"
		  "  bailiff resolve 17 --purge",
	  .params = { ID, FALSE_ALARM,
		      { "--purge", NULL, PARAM_FLAG, "purge", false, "delete what it put on hold" },
		      { "--release", NULL, PARAM_FLAG, "release", false, "send what it put on hold" },
		      { "--no-copy", NULL, PARAM_FLAG, "no_copy", false, "purge without keeping copies" } },
	  .run = run_request, .patience_s = VERY_SLOW, .show = show_steps, .judge = judge_steps },

	{ .name = "jail", .group = "The daemon", .help = "turn a jail on, to shadow, or off",
	  .more = "A jail in shadow decides and records, and does nothing.\n"
		  "  bailiff jail postfix-reject shadow",
	  .params = { { "NAME", NULL, PARAM_TEXT, "jail", true, "the jail" },
		      { "on|shadow|off", NULL, PARAM_MODE, "mode", true, "what it is to do" } },
	  .run = run_request, .show = show_mode },
	{ .name = "pause", .help = "jails act on nothing for a while",
	  .more = "Bans that stand stay. pause 0 ends it.\n  bailiff pause 1h",
	  .params = { { "TIME", NULL, PARAM_SPAN, "for", true, "how long: 10m, 1h; 0 ends it" } },
	  .run = run_request, .show = show_pause },
	{ .name = "reload", .help = "read the configuration anew",
	  .more = "A broken one is refused, and the running one stays; bailiff check tells before.",
	  .run = run_request, .patience_s = SLOW, .show = show_reload },
	{ .name = "teardown", .help = "remove the table with all bans, and end",
	  .more = "Root can do this while the engine is down, too; bailiffd --teardown does when\n"
		  "nothing runs.",
	  .emergency = true,
	  .run = run_request, .patience_s = SLOW, .show = show_teardown },

	{ .name = "test", .group = "Without the daemon",
	  .help = "what a jail would match in a log, capture by capture",
	  .more = "JAIL is a name or a YAML file that you are writing; - is standard input.\n"
		  "  bailiff test postfix-sasl /var/log/mail.log",
	  .raw = "[-c FILE] [--json] JAIL [NAME=]LOG...", .run = run_offline },
	{ .name = "replay", .help = "the verdicts over old logs, in event time",
	  .more = "LOG is plain, .gz, .zst or - and stands for every log that a jail names, or\n"
		  "for one: mail=LOG. --year is that of the first line, where stamps have none.\n"
		  "  bailiff replay mail=/var/log/mail.log.1 mail=/var/log/mail.log",
	  .raw = "[-c FILE] [--json] [--year N] [NAME=]LOG...", .run = run_offline },
	{ .name = "suggest", .help = "limits that fit what accounts did in old logs",
	  .more = "YAML to paste, and in its comments what it is made of: of each account the most that\n"
		  "lay in a jail's time, their 99.9th percentile, three times that.\n"
		  "  bailiff suggest /var/log/mail.log.2.gz /var/log/mail.log.1 /var/log/mail.log",
	  .params = { YEAR, { "LOG", NULL, PARAM_FILES, "logs", true, "old logs, the more days the better" } },
	  .run = run_flow, .show = show_suggest },
	{ .name = "check", .help = "the configuration, the jails, their tests, the mail server",
	  .more = "The exit status is that of the configuration. Of Postfix and Dovecot it tells whether\n"
		  "deny and park hold there, whether they relay for anybody, and whom `allow` lacks.\n"
		  "  bailiff check && bailiff reload",
	  .raw = "[-c FILE] [--json]", .run = run_check },
	{ .name = "setup", .help = "what the mail server needs for deny and park",
	  .more = "Prints the lines for Postfix and Dovecot; --apply makes them. --remove, before\n"
		  "bailiff is uninstalled, takes them away.\n"
		  "  bailiff setup mail --apply",
	  .raw = "[-c FILE] mail [--remove] [--apply]", .run = run_setup },
	{ .name = NULL }
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0 || (c->alias && strcmp(c->alias, name) == 0))
			return c;
	return NULL;
}
