/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_H
#define PRIVILEGED_RUNNER_H

/*
 * The runner: the one process that stays root. Forked by bailiffd before any
 * netlink socket exists; takes orders from its socket (struct order_* one a
 * SEQPACKET message, `struct runner_config` messages with a pack descriptor),
 * answers each with one struct outcome, and ends when the socket closes.
 * Runs its own libev loop; a slow command never delays the next one's start
 * beyond `runner_slots` at a time.
 *
 * sock      connected SEQPACKET socket to bailiffd
 * state_fd  root-owned directory (0700) for the journal
 * pack_fd   the sealed configuration
 * Returns the exit status of the process.
 */
int runner_main(int sock, int state_fd, int pack_fd);

#endif
