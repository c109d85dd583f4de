/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PROMPT_H
#define BASE_PROMPT_H

/*
 * Short turns for this thread, and those that it starts: no more of the
 * processor than before, but soon after a wake-up, also where everybody else
 * is at work (a slice of its own, Linux 6.12; older kernels do as they did).
 */
void prompt(void);

#endif
