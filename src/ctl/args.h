/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include "ctl/command.h"

/*
 * Read what was typed behind a command into call->request, each value checked
 * for its kind; options may stand anywhere, "--" ends them. -c, --json and
 * --help are taken here as well.
 * 0, or EXIT_USAGE with the reason on standard error; *help: it was asked for.
 */
int args_parse(struct call *call, bool *help);

/* "bailiff ban ADDR[/LEN] [--for TIME] ..." */
struct buf;
void args_usage(struct buf *out, const struct command *c);

#endif
