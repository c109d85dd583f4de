/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/waiters.h"

#include <stdlib.h>

struct waiter {
	struct waiter *next;
	void (*fn)(void *arg);
	void *arg;
};

bool waiters_add(struct waiter **list, void (*fn)(void *arg), void *arg)
{
	struct waiter *w = malloc(sizeof(*w));

	if (!w)
		return false;
	*w = (struct waiter){ *list, fn, arg };
	*list = w;
	return true;
}

void waiters_tell(struct waiter **list)
{
	struct waiter *w = *list, *next;

	*list = NULL;
	for (; w; w = next) {
		next = w->next;
		w->fn(w->arg);
		free(w);
	}
}

void waiters_drop(struct waiter **list)
{
	struct waiter *w;

	while ((w = *list)) {
		*list = w->next;
		free(w);
	}
}
