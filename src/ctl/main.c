/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bailiff, the command line: finds the command's row and has it carried out.
 * Everything else is in the table (commands.c) and in what its rows name.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/nearest.h"
#include "ctl/args.h"
#include "ctl/help.h"
#include "ctl/text.h"

static int print(struct buf *out, FILE *to, int status)
{
	fputs(buf_cstr(out), to);
	buf_free(out);
	return status;
}

static int overview(FILE *to, int status)
{
	struct buf out = { 0 };

	help_overview(&out);
	return print(&out, to, status);
}

static int help(const struct command *c)
{
	struct buf out = { 0 };

	help_command(&out, c);
	return print(&out, stdout, EXIT_DONE);
}

static int words(void)
{
	struct buf out = { 0 };

	help_words(&out);
	return print(&out, stdout, EXIT_DONE);
}

static int unknown_command(const char *name)
{
	struct nearest near = { 0 };

	for (const struct command *c = commands; c->name; c++)
		nearest_try(&near, name, c->name);
	text_complain("there is no command '%s'%s%s%s; see bailiff --help", name,
		      near.name ? ", did you mean " : "", near.name ? near.name : "",
		      near.name ? "?" : "");
	return EXIT_USAGE;
}

static int dispatch(struct call *call, const char *name)
{
	bool asks_help = call->args[0] && strcmp(call->args[0], "--help") == 0;
	int r;

	call->command = command_find(name);
	if (!call->command)
		return unknown_command(name);
	if (call->command->raw)
		return asks_help ? help(call->command) : call->command->run(call);
	call->request = json_pack("{s:s}", "cmd", call->command->name);
	r = args_parse(call, &asks_help);
	if (asks_help)
		r = help(call->command);
	else if (r == 0)
		r = call->command->run(call);
	json_decref(call->request);
	return r;
}

/* What may stand before the command; true: *status is the end of it. */
static bool take_global(struct call *call, char ***at, int *status)
{
	const char *text = **at;

	if (strcmp(text, "--json") == 0) {
		call->json = true;
	} else if (strcmp(text, "-c") == 0 && (*at)[1]) {
		call->conf = *++*at;
	} else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
		*status = overview(stdout, EXIT_DONE);
		return true;
	} else if (strcmp(text, "--version") == 0) {
		*status = puts("bailiff " BAILIFF_VERSION) < 0;
		return true;
	} else if (strcmp(text, "--commands") == 0) {
		*status = words();
		return true;
	} else {
		text_complain("unknown option %s, or its value is missing; see bailiff --help", text);
		*status = EXIT_USAGE;
		return true;
	}
	return false;
}

static int run(int argc, char **argv)
{
	struct call call = { 0 };
	char **at = argv + (argc > 0);
	int status = EXIT_DONE;

	for (; *at && (*at)[0] == '-'; at++)
		if (take_global(&call, &at, &status))
			return status;
	if (!*at)
		return overview(stderr, EXIT_USAGE);
	if (strcmp(*at, "help") == 0 && (!at[1] || command_find(at[1])))
		return at[1] ? help(command_find(at[1])) : overview(stdout, EXIT_DONE);
	call.args = at + 1;
	return dispatch(&call, *at);
}

int main(int argc, char **argv)
{
	int status;

	text_init(STDOUT_FILENO);
	status = run(argc, argv);
	/* What nobody can read is not done. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	text_complain("what is printed cannot be written");
	return status == EXIT_DONE ? EXIT_NOT_DONE : status;
}
