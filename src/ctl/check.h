/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "ctl/command.h"

/*
 * `check`: the configuration, by the engine; then the mail server, which is
 * told about and changes no exit status.
 */
int run_check(struct call *call);

#endif
