/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_OFFLINE_H
#define ENGINE_OFFLINE_H

/*
 * replay, test, check and the documentation tables: the engine's own code
 * without a daemon, as the user who asks, in the same sandbox. argv[0] is the
 * command. Returns the exit status: 0, 1 not done or complaints, 2 usage.
 */
int offline_main(int argc, char **argv, const char *const *shipped);

#endif
