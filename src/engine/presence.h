/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PRESENCE_H
#define ENGINE_PRESENCE_H

#include "bailiff/config.h"

/*
 * Is what a shipped jail guards on this host? By `service:`, else by the name
 * its `program:` begins with: a program of that name stands in one of the
 * usual directories, or the admin said where the jail's log is. Before the
 * sandbox. Jails that were named are not asked about: they are on.
 */
bool presence_of(const struct config *c, const struct jail *j);

#endif
