/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_REQUESTS_H
#define ENGINE_RECORD_REQUESTS_H

#include "engine/record/store.h"

/* A question, a sync or a snapshot on its way to the thread and back. */
enum request_kind { REQUEST_QUERY, REQUEST_SYNC, REQUEST_SNAPSHOT };

struct request {
	struct request *next;
	enum request_kind kind;
	uint64_t after;		/* records queued before it */
	store_answer_fn *fn;
	void *arg;
	enum store_query query;
	char *text;		/* the question, or a snapshot's name */
	struct snapshot_section section[STORE_SECTIONS_MAX];
	size_t nsections;
	int error;
	char *json;
};

/* In the order they came. Zeroed is empty. */
struct requests {
	struct request *first, *last;
	size_t n;
};

/* *ret: request_free(). `text` is copied, NULL is none. */
int request_new(enum request_kind kind, const char *text, store_answer_fn *fn,
		void *arg, struct request **ret);
void request_free(struct request **q);

/* q is the list's from here on. */
void requests_take(struct requests *l, struct request *q);
/* All of `from` goes to the end of `to`. */
void requests_move(struct requests *to, struct requests *from);
void requests_free(struct requests *l);

#endif
