/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_PLACES_H
#define PRIVILEGED_PLACES_H

#include "privileged/drop.h"

/*
 * The directories and sockets of one bailiffd, made while it is root:
 *   STATE/engine   the engine's (ledger, snapshots)
 *   STATE/monitor  bailiffd's own (what was set by hand, last good pack)
 *   STATE/runner   root's journal
 *   RUN/control.sock    the command line speaks to the engine
 *   RUN/bailiffd.sock   the emergency socket: root only
 */
struct places {
	int lock_fd;	/* held for life: one daemon a run directory */
	int engine_fd, monitor_fd, runner_fd;
	int control_fd, emergency_fd;	/* listening */
};

/*
 * -EWOULDBLOCK: another bailiffd holds RUN (its pid in *ret_pid); -errno with
 * the path at fault in *ret_what (static or an argument).
 */
int places_open(const char *state, const char *run, struct identity monitor,
		struct identity engine, struct places *ret,
		const char **ret_what, int *ret_pid);

#endif
