/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

/* Exit statuses of bailiff. */
enum { EXIT_DONE = 0, EXIT_NOT_DONE = 1, EXIT_USAGE = 2 };

/* What stands behind a command, and how it goes into the request. */
enum param_kind {
	PARAM_TEXT,
	PARAM_ADDR,	/* an address or prefix; "exact": true when a length was typed */
	PARAM_ADDR_OR_NAME,
	PARAM_NUMBER,
	PARAM_SPAN,	/* seconds; "ever": null */
	PARAM_MODE,
	PARAM_CHOICE,	/* one of the words that its name, or its value, lists: "a|b" */
	PARAM_FILES,	/* all that are left: an array */
	PARAM_FLAG,	/* true */
};

struct param {
	const char *name;	/* "USER", or an option: "--for" */
	const char *value;	/* what an option's value is called, NULL: a flag */
	enum param_kind kind;
	const char *key;	/* in the request */
	bool required;
	const char *help;
};

#define PARAMS_MAX 10

/* One command as it was typed. */
struct call {
	const struct command *command;
	const char *conf;	/* -c FILE, or NULL */
	bool json;
	char **args;		/* as typed behind the command, NULL-terminated */
	json_t *request;	/* {"cmd":..., KEY: value}, NULL for raw commands */
};

struct command {
	const char *name;
	const char *alias;	/* as a fail2ban user types it */
	const char *group;	/* the headline that begins with this command */
	const char *help;	/* one line */
	const char *more;	/* what else to know, with an example */
	struct param params[PARAMS_MAX];
	const char *raw;	/* arguments go on as they are; how they are written */
	int (*run)(struct call *call);	/* an exit status */

	/* For those that ask the engine one thing: */
	unsigned patience_s;	/* how long an answer may take; 0: PATIENCE_S */
	const char *agree;	/* which params make sense together, see args_agree() */
	const char *inner;	/* the member of the answer that --json prints */
	void (*show)(const json_t *request, const json_t *answer);
	int (*judge)(const json_t *request, const json_t *answer);	/* an exit status */
	bool emergency;		/* root can do it without the engine */
};

#define PATIENCE_S 5

extern const struct command commands[];	/* ends with one without a name */

/* By name or alias; NULL: none. */
const struct command *command_find(const char *name);

#endif
