/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Help, written out of the table of commands, so that it cannot tell of an
 * option that is not there.
 */
#include "ctl/help.h"

#include "ctl/args.h"

void help_overview(struct buf *out)
{
	buf_puts(out, "usage: bailiff [-c FILE] [--json] COMMAND ...\n");
	for (const struct command *c = commands; c->name; c++) {
		if (c->group)
			buf_printf(out, "\n%s\n", c->group);
		buf_printf(out, "  %-10s %s\n", c->name, c->help);
	}
	buf_puts(out,
		 "\n"
		 "  -c FILE    talk to the daemon that FILE configures\n"
		 "  --json     print for programs\n"
		 "  --help     with a command: its options and an example\n"
		 "  --version\n"
		 "\n"
		 "Exit status: 0 done, 1 not done or not found, 2 not understood.\n"
		 "bailiff(1), bailiff.yaml(5), bailiff-jail(5)\n");
}

void help_command(struct buf *out, const struct command *c)
{
	buf_puts(out, "usage: ");
	args_usage(out, c);
	buf_printf(out, "\n\n%s", c->help);
	if (c->alias)
		buf_printf(out, " (also: %s)", c->alias);
	buf_puts(out, "\n");
	for (size_t i = 0; i < PARAMS_MAX && c->params[i].name; i++) {
		const struct param *p = &c->params[i];
		char name[64];

		snprintf(name, sizeof(name), "%s%s%s", p->name, p->value ? " " : "",
			 p->value ? p->value : "");
		buf_printf(out, "%s  %-16s  %s\n", i == 0 ? "\n" : "", name, p->help);
	}
	buf_printf(out, "\n%s\n", c->more);
}

/* "a|b|c" as words. */
static void put_choices(struct buf *out, const char *words)
{
	buf_putc(out, ' ');
	for (; *words; words++)
		buf_putc(out, *words == '|' ? ' ' : *words);
}

static void put_words(struct buf *out, const struct param *p)
{
	if (p->name[0] == '-')
		buf_printf(out, " %s", p->name);
	if (p->kind == PARAM_CHOICE)
		put_choices(out, p->value ? p->value : p->name);
}

void help_words(struct buf *out)
{
	for (const struct command *c = commands; c->name; c++) {
		buf_puts(out, c->name);
		for (size_t i = 0; i < PARAMS_MAX && c->params[i].name; i++)
			put_words(out, &c->params[i]);
		buf_puts(out, " --json --help\n");
	}
}
