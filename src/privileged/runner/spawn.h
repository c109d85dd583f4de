/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_SPAWN_H
#define PRIVILEGED_RUNNER_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "privileged/drop.h"

/*
 * Start bailiff-engine as its own user, without capabilities, with the given
 * descriptors as numbers 3 and up and standard error kept. Executed by
 * descriptor (execveat(2)), so that the directories above it may be closed to
 * that user. *ret_pid: the caller reaps it.
 */
int spawn_engine(int engine_fd, struct identity who, const int *fds, size_t nfds,
		 pid_t *ret_pid);

#endif
