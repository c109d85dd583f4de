/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the main thread wants to hear back of: questions, syncs, snapshots. Made
 * there, answered in the ledger's thread, handed back in lists; each is owned
 * by the one list it is in.
 */
#include "engine/record/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int request_new(enum request_kind kind, const char *text, store_answer_fn *fn,
		void *arg, struct request **ret)
{
	struct request *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->kind = kind;
	q->fn = fn;
	q->arg = arg;
	q->text = text ? strdup(text) : NULL;
	if (text && !q->text) {
		free(q);
		return -ENOMEM;
	}
	*ret = q;
	return 0;
}

void request_free(struct request **q)
{
	if (!*q)
		return;
	free((*q)->text);
	free((*q)->json);
	free(*q);
	*q = NULL;
}

void requests_take(struct requests *l, struct request *q)
{
	q->next = NULL;
	if (l->last)
		l->last->next = q;
	else
		l->first = q;
	l->last = q;
	l->n++;
}

void requests_move(struct requests *to, struct requests *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->n += from->n;
	*from = (struct requests){ 0 };
}

void requests_free(struct requests *l)
{
	struct request *q, *next;

	for (q = l->first; q; q = next) {
		next = q->next;
		request_free(&q);
	}
	*l = (struct requests){ 0 };
}
