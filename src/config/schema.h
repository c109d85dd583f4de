/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/draft.h"

/*
 * Every key of bailiff.yaml and of a jail, as rows: what reads, checks, prints
 * and documents a setting all loop over these. A draft (draft.h) is what the
 * rows fill in; load.c and jail.c make the configuration of it.
 */
enum value_type {
	VALUE_TEXT,	/* char * */
	VALUE_TEXTS,	/* struct strings: a text or a list of them */
	VALUE_ARGV,	/* struct strings: a list, the program first */
	VALUE_PATH,	/* char *, from the file's directory if relative */
	VALUE_PATH_OR_OFF,	/* the same, NULL: off */
	VALUE_DATABASE,	/* the same, DATABASE_AUTO: the usual places */
	VALUE_PATHS,	/* struct strings */
	VALUE_BOOL,	/* bool */
	VALUE_NUMBER,	/* unsigned of any width, or int64_t */
	VALUE_BYTES,	/* the same, K, M, G allowed */
	VALUE_SPAN,	/* int64_t milliseconds */
	VALUE_FACTOR,	/* double */
	VALUE_CHOICE,	/* an enum */
	VALUE_CLOCK,	/* int64_t milliseconds after midnight, -1: off */
	VALUE_MAILBOX,	/* char *, NULL: off */
	VALUE_MAP,	/* rows of its own; offset is theirs */
	VALUE_NODE,	/* const struct node *: read by code of its own */
	VALUE_LATER,	/* known, but not in this version */
};

struct choice {
	const char *name;	/* the first of a value is the one printed */
	int value;
};

struct printer;

struct setting {
	const char *key;	/* NULL ends a table */
	enum value_type type;
	unsigned short offset, width;
	int64_t min, max;	/* numbers, bytes; spans in milliseconds */
	const char *def;	/* as written in YAML; NULL: unset */
	const struct choice *choices;
	const struct setting *sub;
	/* VALUE_NODE: from the draft; writes the value after "key:", or nothing */
	void (*print)(struct printer *p, const void *draft);
	const char *shape;	/* VALUE_NODE: what it looks like, for the docs */
	const char *def_words;	/* default that is no constant, for the docs */
	const char *help;
};

extern const struct setting schema_main_keys[], schema_jail_keys[], schema_log_keys[];
extern const struct setting schema_ban_keys[], schema_park_keys[], schema_deny_keys[];
extern const struct setting schema_no_keys[];
extern const struct setting schema_test_keys[], schema_test_line_keys[], schema_rule_keys[];
/* Rows for values whose key the admin makes up: `jails: {NAME: on}`. */
extern const struct setting schema_class_keys[], schema_class_limit_keys[], schema_asn_row, schema_score_row;
extern const struct setting schema_mode_row, schema_auto_row, schema_operator_row, schema_port_row;

/* Their `print` hooks (print_jail.c, print_main.c). */
struct printer;
void config_print_with(struct printer *p, const void *draft);
void config_print_rules(struct printer *p, const void *draft);
void config_print_ignore(struct printer *p, const void *draft);
void config_print_then(struct printer *p, const void *draft);
void config_print_country(struct printer *p, const void *draft);
void config_print_tests(struct printer *p, const void *draft);
void config_print_allow(struct printer *p, const void *draft);
void config_print_scopes(struct printer *p, const void *draft);
void config_print_scores(struct printer *p, const void *draft);
void config_print_classes(struct printer *p, const void *draft);
void config_print_home(struct printer *p, const void *draft);
void config_print_pairs(struct printer *p, const void *draft);
void config_print_asns(struct printer *p, const void *draft);
void config_print_class_limits(struct printer *p, const void *draft);
void config_print_logs(struct printer *p, const void *draft);
void config_print_operators(struct printer *p, const void *draft);
void config_print_contacts(struct printer *p, const void *draft);
void config_print_jail_modes(struct printer *p, const void *draft);

/* What stands there before bailiff.yaml is read: YAML of `logs` and `scopes`. */
extern const char schema_default_logs[], schema_default_scopes[];

/* One row each: the word, its rows, what must be among the subjects. */
enum needs { NEEDS_NOTHING, NEEDS_ADDRESS, NEEDS_ACCOUNT };
struct action_row {
	const char *name;
	enum needs needs;
	const struct setting *keys;	/* NULL: run, a list of words */
	const char *help;
};
extern const struct action_row schema_actions[];	/* by enum action_kind */
#define ACTION_KINDS (ACTION_RUN + 1)

struct verb_row { const char *name; const char *help; };
extern const struct verb_row schema_verbs[];	/* by enum verb */
#define VERBS (VERB_JOIN + 1)

/*
 * The documentation of the tables. `what`: "jail", "bailiff.yaml",
 * "placeholders" (Markdown), "man-jail", "man-bailiff.yaml",
 * "man-placeholders" (mdoc). -EINVAL: nothing of that name.
 */
struct buf;
int schema_document(struct buf *out, const char *what);

#endif
