/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_THREAD_PRIVATE_H
#define ENGINE_COUNT_THREAD_PRIVATE_H

#include "engine/count/thread.h"
#include "engine/count/told.h"

#define THREAD_WAIT_MAX 64	/* hits of a jail that wait in one thread */
#define THREADS_WAIT_MAX 65536	/* in all */
#define THREAD_NAMES_MAX 64
#define THREAD_KEY_MAX 512	/* host, instance and id */
#define THREAD_NEEDS_MAX 5

/* Host, instance and id, by which a name is looked up. */
struct key {
	struct span text;	/* empty: there is no id, or it is too long */
	uint64_t hash;
};

/* An id of a thread. */
struct name {
	struct name *next;	/* in its bucket */
	struct name *more;	/* of the same thread, newer first */
	struct thread *thread;
	uint64_t hash;
	uint16_t n;
	bool joined;		/* it came by a join */
	bool ended;		/* forgotten: only a join may still ask for it */
	char key[];
};

/* A hit that waits for its subject. */
struct waiting {
	struct waiting *next;
	const struct rule *rule;
	int64_t when;
	struct told *told;
	uint16_t jail;
};

struct thread {
	struct thread *prev, *next;	/* in its list */
	struct name *names;
	struct told *told;
	struct waiting *waits;		/* oldest first */
	int64_t touched;		/* newest event time */
	uint64_t remembered;		/* bit per rule that told something */
	uint32_t counted;		/* bit per jail of the book */
	uint16_t book;
	uint16_t nwaits;
	uint8_t nnames;
	bool begun;			/* a `remember` told it something */
	bool busy;			/* a hit of it is being told: it stays */
};

/* Threads in the order of their last lines, oldest first. */
struct thread_list {
	struct thread *first, *last;
};

/* What a jail asks of its threads, worked out once. */
struct thread_jail {
	uint16_t need[THREAD_NEEDS_MAX];
	uint16_t base[THREAD_NEEDS_MAX];	/* where it is made from */
	unsigned nneeds;
	int64_t wait_ms;	/* of a hit that waits */
	uint32_t bit;		/* in thread.counted */
	uint16_t book;
};

/*
 * Jails that follow the same threads: what they remember, join and forget is
 * the same, and only what they count differs. One set of threads serves them.
 */
#define BOOK_JAILS_MAX 32
struct thread_book {
	const struct jail *first;	/* the others are like it */
	unsigned njails;
	uint16_t by2;		/* field of the second id, or TOLD_GONE */
	int64_t keep_ms;	/* of a thread that began or counted */
	int64_t wait_ms;	/* of one that only waits: its jails' longest */
	int64_t now;		/* newest event time */
	uint64_t line;		/* the last line that did something to a thread, */
	size_t rule;		/* and by which rule */
	struct asked {		/* the id that was looked for last */
		uint64_t line, changes;
		struct span id;
		struct name *name;
	} asked;
	uint8_t gate;		/* its column in threads.gate; the last is shared */
};

/*
 * How many ids of each book fall into a row, by a hash of the id alone; and
 * which do at all: one byte tells for a log line which of the books may know
 * its id.
 */
#define GATE_ROWS 16384	/* a power of two */
struct gate {
	uint8_t known[GATE_ROWS];		/* a bit a book */
	uint16_t ids[GATE_ROWS][THREADS_WHO];	/* stays where it is once full */
};
_Static_assert(THREADS_WHO <= 8, "bits of gate.known");

struct threads {
	const struct config *config;
	struct thread_jail *jail;
	struct thread_book *book;
	size_t nbooks;
	struct gate *gate;
	struct name **bucket;
	size_t nbuckets;	/* a power of two */
	size_t nnames;
	uint64_t changes;	/* of the names, so far */
	struct line_key {	/* of the id that was taken last: jails are told of the same */
		uint64_t line;
		struct span id;
		struct key key;
		char text[THREAD_KEY_MAX];
	} last;
	struct thread_list begun, pending;
	size_t n, max;
	size_t nwaits;
	size_t bytes, bytes_max;
	uint64_t forgotten;
};

/* thread_book.c: what jails ask, and which of them share. -ENOMEM */
int thread_books(struct threads *t);

/* thread_table.c: names, lists and bounds */
struct key thread_key(struct span host, struct span program, struct span id,
		      char buf[THREAD_KEY_MAX]);
struct key thread_key_saved(struct span text);
struct name *thread_find(struct threads *t, uint16_t book, struct key key);
int thread_begin(struct threads *t, uint16_t book, struct key key,
		 int64_t when, struct thread **ret);
int thread_add_name(struct threads *t, struct thread *th, struct key key,
		    bool joined);
/* Take a name away, and the thread if that was its last. */
void thread_drop_name(struct threads *t, struct name *n);
/* All that waits and, where there is room, the names that have not ended. */
void thread_move(struct threads *t, struct thread *from, struct thread *to);
void thread_drop(struct threads *t, struct thread *th);
void thread_drop_wait(struct threads *t, struct thread *th, struct waiting **w);
void thread_drop_waits(struct threads *t, struct thread *th);
/* Newest again; and into the right list, if `begun` has changed. */
void thread_touch(struct threads *t, struct thread *th, int64_t when);
void thread_set_told(struct threads *t, struct thread *th, struct told *told);
void thread_set_begun(struct threads *t, struct thread *th);
/* How many hits of one jail wait in it. */
unsigned thread_waits_of(const struct thread *th, uint16_t jail);
/* takes `told`. -ENOBUFS: bounded away; it was freed. */
int thread_wait(struct threads *t, struct thread *th, uint16_t jail,
		const struct rule *rule, int64_t when, struct told *told);
bool thread_is_expired(const struct threads *t, const struct thread *th,
		       int64_t now);
/* Drop it if nothing is left that a later line could use. */
void thread_drop_if_idle(struct threads *t, struct thread *th);
/* Keep the bounds; `spare` stays. */
void threads_trim(struct threads *t, const struct thread *spare);

#endif
