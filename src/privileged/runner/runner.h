/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_H
#define PRIVILEGED_RUNNER_H

#include "privileged/drop.h"

struct runner_start {
	int sock;	/* connected SEQPACKET socket to bailiffd */
	int state_fd;	/* root-owned directory (0700) for the journal */
	int pack_fd;	/* the sealed configuration */
	int engine_fd;	/* bailiff-engine, for execveat(2); -1: starts none */
	struct identity engine_id;	/* whom it runs as */
};

/*
 * The runner: the one process that stays root. Forked by bailiffd before any
 * netlink socket exists; takes orders and the messages of wire/runner.h from
 * its socket, answers each with one outcome, and ends when the socket closes:
 * at once, or when the commands that run have ended, within ten seconds.
 * Runs its own libev loop (the default loop of its process). Commands run side
 * by side, each kind of order in slots of its own; those for one account go
 * one after the other.
 * Returns the exit status of the process.
 */
int runner_main(const struct runner_start *start);

#endif
