/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSERS_H
#define ENGINE_PARSERS_H

#include "engine/core.h"

/*
 * A parser for each log, into ret[nlogs], the caller's to free. A log whose
 * time zone or format of stamps is none is told in *bad and gets one without;
 * its jails, which would count in the wrong time, are refused. -ENOMEM.
 */
int parsers_make(struct core *core, struct complaints *bad, struct prefix_parser **ret);

#endif
