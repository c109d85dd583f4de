/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_POSTFIX_H
#define PRIVILEGED_RUNNER_POSTFIX_H

#include "privileged/runner/job.h"
#include "privileged/runner/queue.h"

/*
 * The Postfix instances of this host, as one job sees them: the main one, and
 * those of helpers.instances. A struct postfix is the first member of the work
 * of a job that uses it. One that does not answer keeps the others from nothing.
 */
#define POSTFIX_MAX 17
#define POSTFIX_LIFETIME_S (5 * 86400)	/* Postfix's own default */

struct postfix_instance {
	char dir[ORDER_NAME_MAX];	/* "": the main one, and no -c */
	uint32_t home, name;		/* as in struct queued */
	int64_t lifetime_s;		/* maximal_queue_lifetime */
	int listing;			/* memfd of its last listing; -1: it gave none */
};

struct postfix {
	size_t n;
	struct postfix_instance v[POSTFIX_MAX];
	char why[TEMPLATE_WHY_MAX];	/* "": every one was listed */
	struct mono listed;		/* when */
	/* postfix.c's own */
	size_t at;
	void (*then)(struct job *j);
};

void postfix_init(struct postfix *p, const struct config *c);
void postfix_close(struct postfix *p);
/* The listings of `from`, if it is of the same instances. false: it is not. */
bool postfix_borrow(struct postfix *p, const struct postfix *from);

/* Ask postconf for the names and lifetimes; what it does not tell stays. Then `then`. */
void postfix_learn(struct job *j, void (*then)(struct job *j));
/* List every queue, then `then`. */
void postfix_list(struct job *j, void (*then)(struct job *j));

/* Map what an instance said; {NULL, 0} where it said nothing. -errno. */
int postfix_map(const struct postfix_instance *i, struct span *ret);
void postfix_unmap(struct span listing);

/* Which instance a listing is of; `others` has room for POSTFIX_MAX. */
struct queue_of postfix_of(const struct postfix *p, size_t i, uint32_t *others);

/* The home for a manifest: 0 where there is one instance only. */
uint32_t postfix_home(const struct postfix *p, size_t i);

/* A helper with the instance's -c and these words, then `step`. */
void postfix_run(struct job *j, const struct postfix_instance *i, const struct strings *helper,
		 const char *const *words, struct command_spec spec,
		 void (*step)(struct job *j, const struct command_result *r));

/* "5d": weeks, days (also without a letter), hours, minutes, seconds; -1: none. */
int64_t postfix_span(struct span text);

#endif
