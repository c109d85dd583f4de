/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_CONFIG_H
#define BAILIFF_CONFIG_H

/*
 * The whole configuration as both sides see it: plain const data, made by
 * config_load() (config/load.h) from one sealed pack of files, owned by the
 * struct config and freed with it. Every string is NUL-terminated UTF-8 or
 * bytes. Patterns are kept as text: only the engine compiles them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bailiff/addr.h"

/* Where something stands in a configuration file, for messages. */
struct place {
	const char *file;
	unsigned line;		/* from 1 */
	unsigned column;	/* from 1 */
};

struct strings {
	size_t n;
	char **v;
};

/* ---- fields: the names that placeholders capture and `per` counts ---- */

enum field_type {
	FIELD_TEXT,	/* any bytes */
	FIELD_ADDR,	/* an address that parsed */
	FIELD_NUMBER,	/* decimal digits */
	FIELD_ACCOUNT,	/* a login name: compared in canonical form */
	FIELD_ID,	/* a conversation's id: queue id, session */
	FIELD_MAIL,	/* a mail address as written, without brackets */
	FIELD_DOMAIN,	/* a domain name, compared in lower case */
};

/*
 * One row of the placeholder table (config/fields.c), or a capture that a
 * pattern named itself with (?<name>...): text, no set of its own.
 * Derived fields have no regex: they are made from `from`.
 */
struct field {
	const char *name;
	enum field_type type;
	const char *regex;	/* what <name> stands for; NULL: derived or own */
	const char *from;	/* derived: the field it is made from */
	const char *set;	/* the characters, in words, for the docs */
	const char *help;
};

/* ---- a jail ---- */

enum jail_mode { MODE_OFF, MODE_SHADOW, MODE_PROPOSE, MODE_ON };

/* What a rule does with an entry it matches. */
enum verb {
	VERB_MATCH,	/* counts (a bare pattern, no thread needed) */
	VERB_REMEMBER,	/* carries its captures on in the thread */
	VERB_COUNT,	/* counts with what the thread remembers */
	VERB_FORGET,	/* ends the thread */
	VERB_GAINED,	/* a success: drops what waited */
	VERB_JOIN,	/* makes the second id another name of this thread */
};

struct rule {
	enum verb verb;
	char *pattern;		/* as written, placeholders and all */
	bool each;		/* VERB_COUNT: counts every time */
	bool part;		/* LIMIT_RATIO: one of the share */
	bool aside;		/* seen by the limit's `with`, and not counted */
	bool tells;		/* VERB_COUNT: the thread remembers it, too */
	bool at_once;		/* VERB_COUNT: waits for no subject */
	struct place place;
};

enum limit_kind {
	LIMIT_NONE, LIMIT_COUNT, LIMIT_SUM, LIMIT_DISTINCT,
	LIMIT_RATIO,	/* `amount` hits, of which a share came from rules marked `part` */
	LIMIT_LEVEL,	/* a gauge: each hit tells what there is now */
	LIMIT_SCORE,	/* verdicts of other jails, each with its weight */
};

/* `with:` what must hold for one hit in the window, else `alone` decides. */
enum with_kind { WITH_FOREIGN_SENDER, WITH_NEW_NETWORK, WITH_DISTINCT };
struct with {
	enum with_kind kind;
	uint16_t field;		/* WITH_DISTINCT: more than `over` different ones */
	uint32_t over;
};
#define LIMIT_WITH_MAX 8
#define LIMIT_VALUES_MAX 3	/* WITH_DISTINCT among them */
#define LIMIT_FACTOR 100	/* factors are kept in hundredths */
#define LIMIT_RATIO_ONE 1000000	/* ratios in millionths */

struct limit {
	enum limit_kind kind;
	uint64_t amount;	/* count, ratio: fires at; sum, level: fires above */
	uint16_t value;		/* LIMIT_SUM, LIMIT_DISTINCT, LIMIT_LEVEL: field index */
	int64_t within_ms;
	size_t nper;		/* 1..4 */
	uint16_t per[4];	/* field indices */
	uint8_t v6_len;		/* IPv6 is counted by this prefix, 64 */
	bool further;		/* after a verdict each hit is one on its own address */
	int64_t weight;		/* 0: take weight_field; else a number, 1 */
	uint16_t weight_field;
	bool weighs;		/* weight_field holds */
	uint32_t ratio;		/* LIMIT_RATIO: in LIMIT_RATIO_ONE */
	uint64_t under;		/* LIMIT_LEVEL: armed again below this */
	size_t nwith;
	struct with with[LIMIT_WITH_MAX];
	uint64_t alone;		/* fires at (sum: above) this without any `with`; 0: never */
	uint32_t known;		/* weight of hits from a known-good network, in LIMIT_FACTOR; 0: as any */
	uint32_t spread_accounts;	/* 0: none; from so many accounts on ... */
	uint32_t spread_weight;	/* ... hits weigh this, in LIMIT_FACTOR */
	struct place place;
};

enum action_kind {
	ACTION_BAN, ACTION_PARK, ACTION_DENY, ACTION_LOCK, ACTION_KICK,
	ACTION_HOLD, ACTION_CONTAIN, ACTION_NOTIFY, ACTION_RUN,
};

enum whom { WHOM_SUBJECT, WHOM_SEEN };

struct action {
	enum action_kind kind;
	/* ban, deny, park */
	int64_t for_ms;		/* how long; 0 for lock and the like */
	double grow;		/* each earlier verdict multiplies, 1 = no */
	int64_t max_ms;
	int64_t remember_ms;	/* earlier verdicts count this long */
	uint16_t scope;		/* index into config.scopes, SCOPE_ALL */
	enum whom whom;
	uint8_t v4_len, v6_len;	/* 32, 64: the prefix that is banned */
	char *text;		/* deny: what the client is told */
	/* run */
	struct strings argv;	/* words may hold <field> placeholders */
	struct strings undo;
	struct place place;
};

#define SCOPE_ALL 0		/* config.scopes[0] is always `all`, no ports */

struct brake {
	uint32_t bans;		/* 0: none */
	int64_t within_ms;
};

struct jail_test_line {
	char *text;
	char *program;		/* NULL: none */
	char *host;		/* NULL */
	bool has_at;
	int64_t at_ms;		/* `at:` of a line in a several-line test */
	struct place place;
};

/* Where an address is, for one test. */
struct jail_test_place {
	struct addr addr;
	char country[3];	/* "" none */
	uint32_t asn;		/* 0 none */
};

/* One row of `tests:`. */
struct jail_test {
	size_t nlines;		/* 1: single line */
	struct jail_test_line *lines;
	bool none;		/* hit: none, or verdict: none */
	bool wants_verdict;
	size_t nwant;		/* hit: {field: value}: pairs */
	struct { char *name; char *value; } *want;
	size_t nplaces;
	struct jail_test_place *places;
	struct place place;
};

/* `country:` where a hit's address must be to count. */
enum country_rule {
	COUNTRY_ANY,
	COUNTRY_IN,	/* in one of `codes` */
	COUNTRY_NOT,	/* in another than these */
	COUNTRY_AWAY,	/* in another than the home countries of its class */
};
struct country_condition {
	enum country_rule rule;
	struct strings codes;	/* two letters in upper case */
};

/* A condition on a hit: it must be so, or must not. */
enum want { WANT_ANY, WANT_YES, WANT_NO };

/* What a verdict of another jail counts for its account. */
#define SCORES_MAX 32
struct score {
	char *name;
	uint16_t jail;		/* index into config.jails; SCORE_NO_JAIL: it did not load */
	uint32_t weight;
	struct place place;
};
#define SCORE_NO_JAIL 0xffff

/* When a jail counts: days, and minutes of the day, in the zone of the log. */
#define DAY_MINUTES 1440
struct active {
	uint8_t days;		/* bit 0: Monday; 0: always active */
	uint16_t from, to;	/* [from, to); to <= from: into the next day */
};

struct jail {
	char *name;
	char *about;
	bool shipped;		/* from the shipped directory */
	bool verdicts;		/* log: verdicts */
	size_t nlogs;
	uint16_t *logs;		/* indices into config.logs */
	struct strings programs;	/* globs; none: any */
	char *service;		/* `service:` the program whose presence starts it */
	char *prefix;		/* NULL: none */
	struct place prefix_place;
	size_t nrules;
	struct rule *rules;
	size_t nignore;
	struct rule *ignore;
	struct limit limit;
	bool threaded;
	uint16_t thread_by;	/* field index */
	int64_t thread_keep_ms;
	size_t nthen;
	struct action *then;
	enum jail_mode mode;
	bool mode_set;		/* bailiff.yaml said so: not `auto` */
	bool automatic;		/* starts only where its service is: shipped, `auto: on`, not named */
	int64_t again_ms;	/* from one verdict on a subject to the next at least */
	bool signal;		/* its verdicts are for scores alone */
	bool ban_private;
	size_t nscores;		/* LIMIT_SCORE */
	struct score *scores;
	struct active active;
	enum want known_good, foreign_sender;
	enum want successes;	/* do its hits tell where accounts are at home? */
	struct country_condition country;
	struct brake brake;
	bool match_replaced;	/* `match` came from a setting: no shipped tests */
	size_t ntests;
	struct jail_test *tests;
	struct place place;
};

/* ---- classes of accounts and networks ---- */

#define CLASS_NO_JAIL 0xffff	/* it did not load */
struct class_limit {
	char *name;
	uint16_t jail;		/* index into config.jails, or CLASS_NO_JAIL */
	bool off;		/* hits of members are not counted */
	bool has_amount;	/* else the jail's own */
	bool is_over;		/* it is an `over` */
	uint64_t amount;	/* as limit.amount */
	uint64_t alone;		/* 0: the jail's own */
	struct place place;
};

struct country_pair { char v[2][3]; };

struct class {
	char *name;
	struct strings members;	/* as written: accounts, globs of them, networks */
	char *file;		/* more of them, a line each; NULL */
	struct strings names;	/* accounts in canonical form, of both */
	struct strings globs;	/* lower case */
	size_t nnetworks;
	struct addr *networks;
	struct strings senders;	/* globs in lower case: not foreign for members */
	struct strings home;	/* countries, two letters in upper case */
	size_t npairs;
	struct country_pair *pairs;	/* countries that are fine together */
	size_t nignore_asn;
	uint32_t *ignore_asn;	/* where these are says nothing of where members are */
	bool never;		/* no jail acts on members */
	size_t nlimits;
	struct class_limit *limits;
	struct place place;
};

/* ---- logs ---- */

enum prefer { PREFER_FILES, PREFER_JOURNAL, PREFER_COMMAND };
/* What a command prints. */
enum log_form {
	FORM_LINES,	/* entries */
	FORM_QUEUE,	/* a listing of Postfix's queue, summed up to entries */
};

struct log_conf {
	char *name;
	enum prefer prefer;
	bool has_files, has_journal, has_command;
	struct strings files;		/* globs */
	struct strings units;		/* journal unit globs */
	char *journal_dir;		/* NULL: the system's */
	struct strings command;		/* argv */
	int64_t interval_ms;		/* command: 0 = it follows */
	bool skip_idle;			/* ... not run while no file or journal had a line */
	enum log_form form;
	char *time_find;		/* time: {find, format} */
	char *time_format;
	char *timezone;			/* the configuration's, if it has none; NULL: the host's */
	bool trust;			/* trust: yes */
	bool has_scope;			/* bans by its jails that name no scope */
	uint16_t scope;			/* ... go there: index into config.scopes */
	struct place place;
};

/* ---- the rest ---- */

struct scope {
	char *name;
	size_t nports;
	uint16_t *ports;	/* none for `all` */
};

struct allow {
	struct addr addr;	/* family ADDR_NONE: a host name */
	char *name;
	struct place place;
};

enum act { ACT_PROPOSE, ACT_YES, ACT_NO };

struct accounts {
	enum act act;
	struct strings local_domains;
	char *default_domain;	/* NULL */
	bool strip_tag;		/* strip `+tag` */
	uint32_t min_uid;	/* 1000 */
	struct strings protect;
	uint32_t max_per_hour;	/* 5 */
	int64_t stale_ms;	/* 1h */
	int64_t known_after_ms;	/* 4h: then a network is known-good for an account */
	struct strings lock;	/* argv template; none: passwd -l and expiry */
	struct strings unlock;
	struct strings force_change;	/* after a theft; none; [chage]: chage -d 0 */
	int64_t probation_ms;	/* 7d: lower limits after a theft; 0: none */
	double probation_factor;	/* 0.5 */
	struct strings leftovers;	/* paths: ~/x, or /dir/<local>/x */
	char *postfix_map;	/* lmdb:FILE that denied and parked accounts stand in; NULL */
	char *dovecot_deny;	/* file of a deny passdb; NULL */
};

struct contact {
	char *account;		/* canonical */
	char *text;		/* how its owner is reached: as the admin wrote it */
};

struct notify {
	char *mail;		/* NULL: no mail */
	char *from;		/* NULL: root */
	int64_t digest_at_ms;	/* time of day of the digest, -1 none */
	struct strings run;	/* argv that is told of an alert before the mail; none */
};

enum operator_right { RIGHT_READ, RIGHT_BAN, RIGHT_ALL };
struct operator_conf { char *who; /* user, or @group */ enum operator_right right; };

struct helpers {		/* argv templates */
	struct strings passwd, chage, sendmail, postsuper, postqueue, postmap, doveadm;
	struct strings postcat, postconf, postfix, doveconf;
	struct strings instances;	/* configuration directories of further Postfix instances */
};

struct config {
	size_t nallow;
	struct allow *allow;
	size_t nscopes;
	struct scope *scopes;	/* [0] is `all` */
	size_t nlogs;
	struct log_conf *logs;
	size_t njails;
	struct jail *jails;
	size_t nfields;
	struct field *fields;	/* the table, then own captures of patterns */
	bool auto_jails;	/* jails: {auto: on} */
	size_t nclasses;
	struct class *classes;	/* the first that has a member is its class */
	struct accounts accounts;
	size_t ncontacts;
	struct contact *contacts;
	struct notify notify;
	size_t noperators;
	struct operator_conf *operators;
	struct helpers helpers;
	char *state;		/* directories */
	char *run;
	char *timezone;		/* of logs; NULL: the host's */
	struct place timezone_at;
	char *table;
	struct strings jail_dirs;
	char *user_engine, *user_monitor;
	char *country, *asn;	/* databases of addresses: path, "auto"; NULL: off */
	bool counters;		/* per ban */
	bool own_table;		/* try OWNER|PERSIST */
	uint32_t set_size;	/* bans per set at most */
	bool flow;		/* follow messages, for top and trace */
	int64_t quarantine;	/* bytes of purged mail that are kept at most */
	uint32_t tracked_max;	/* subjects in the count table at most */
	int64_t snapshot_every_ms;
	uint32_t line_max;	/* bytes of a line that are matched, 4096 */
	uint32_t match_limit;	/* PCRE2 match limit of a pattern */
};

#endif
