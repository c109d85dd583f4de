/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "bailiff/config.h"
#include "config/tree.h"

/*
 * What the rows of schema.c fill in: a configuration with names where the
 * finished one has indices, and nodes where it has arrays. Printing goes the
 * other way through the same drafts.
 */
struct limit_draft {
	uint64_t count;		/* 0: unset */
	char *sum, *distinct;
	int64_t over;		/* -1: unset */
	struct strings per;
	int64_t within_ms;	/* 0: unset */
	uint8_t v6_len;
	bool further;
	char *weight;		/* a number or a field's name */
	double ratio;		/* -1: unset */
	char *level;
	int64_t under;		/* -1: unset */
	uint64_t score;		/* 0: unset */
	const struct node *with;
	int64_t alone;		/* 0: unset */
	double known;		/* -1: unset */
	struct spread_draft {
		uint32_t accounts;	/* 0: unset */
		double weight;		/* -1: unset */
	} spread;
	/* for printing `with` */
	const struct limit *limit;
	const struct config *config;
};

/* Nothing is set yet. */
#define LIMIT_DRAFT_NONE { .over = -1, .under = -1, .ratio = -1, .known = -1, .spread.weight = -1 }

struct thread_draft {
	char *by;
	int64_t keep_ms;
};

struct active_draft {
	struct strings days;
	char *hours;
};

struct jail_draft {
	struct jail jail;	/* the members that need no second look */
	struct active_draft active;
	struct strings log;
	struct limit_draft limit;
	struct thread_draft thread;
	const struct node *match, *ignore, *then, *tests, *country, *score;
	const struct config *config;	/* for printing names */
};

struct action_draft {
	int64_t for_ms;
	double grow;
	int64_t max_ms, remember_ms;	/* 0: unset */
	char *scope;
	int whom;		/* enum whom */
	uint8_t v4_len, v6_len;
	char *text;
};

struct test_draft {
	struct jail_test_line line;	/* text NULL: several */
	const struct node *lines, *hit, *verdict, *places;
};

struct rule_draft {
	bool each, part, aside, tells, at_once;
};

struct class_draft {
	struct class class;
	const struct node *home, *pairs, *ignore_asn, *limits;
	const struct config *config;	/* for printing names */
};

struct class_limit_draft {
	uint32_t count;		/* 0: unset */
	int64_t over;		/* -1: unset */
	int64_t alone;		/* 0: unset */
};

struct log_draft {
	struct log_conf conf;
	char *scope;
	bool has_prefer;
};

struct main_draft {
	struct config config;
	const struct node *allow, *scopes, *logs, *operators, *jails, *contacts, *classes;
};

#endif
