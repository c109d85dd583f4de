/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "base/buf.h"
#include "ctl/command.h"

void help_overview(struct buf *out);
void help_command(struct buf *out, const struct command *c);

/* For shell completion: "ban --for --scope --reason --json --help" a line. */
void help_words(struct buf *out);

#endif
