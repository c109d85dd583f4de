/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_SANDBOX_H
#define ENGINE_SANDBOX_H

/*
 * Give up what the engine will not need, for good. After this no file opens
 * but below state_fd (-1: none at all), no program starts, no socket is made,
 * and no memory becomes executable: patterns must have been compiled.
 *
 * 0; -errno with *ret_what naming the step. Landlock missing in the kernel is
 * not an error (*ret_landlock says the ABI, 0 for none): seccomp, the user and
 * the missing capabilities hold all the same.
 */
int sandbox_enter(int state_fd, int *ret_landlock, const char **ret_what);

/*
 * Before that: what was compiled can be run but no longer be written, and so
 * neither be freed. -errno: /proc/self/maps cannot be read.
 */
int sandbox_seal_code(void);

#endif
