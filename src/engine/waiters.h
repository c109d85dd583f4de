/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_WAITERS_H
#define ENGINE_WAITERS_H

#include <stdbool.h>

/* Those who wait for something to end: a list that begins as NULL. */
struct waiter;

/* false: out of memory, and fn will not be told. */
bool waiters_add(struct waiter **list, void (*fn)(void *arg), void *arg);
/* Each is told once, the newest first. The list is empty by then, and fn may add to it. */
void waiters_tell(struct waiter **list);
/* None is told. */
void waiters_drop(struct waiter **list);

#endif
