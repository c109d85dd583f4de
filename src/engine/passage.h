/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PASSAGE_H
#define ENGINE_PASSAGE_H

#include <stddef.h>
#include <string.h>

#include "engine/core.h"

/*
 * One entry on its way through the core, and what is asked of its hits before
 * they are counted (measure.c): who is counted, how much, and what holds.
 */
struct passage {
	struct core *core;
	uint16_t log;
	const struct score *score;	/* a verdict on its way to a jail that scores it; else NULL */
	const struct entry *entry;
	struct span line;
	const struct position *pos;
	const struct clockwork *clock;
	bool trusted, timed;
	struct span noted[2];		/* ids last told to `submitted` */
	struct addr taught_from;	/* a success last told to what is known of accounts */
	struct span taught;		/* whose, in taught_name */
	struct event_time when;
	struct who {			/* whom a hit counted for last (measure_subject) */
		struct span raw;	/* the one value that told it, in raw_text; none: several did */
		uint8_t v6_len;
		struct subject subject;
		struct span key;	/* subject_key() */
	} who;
	/* What the above points into. Large, and cleared by nobody. */
	char taught_name[SUBJECT_TEXT_MAX];
	char raw_text[SUBJECT_TEXT_MAX];
	char text[SUBJECT_MAX_PARTS][SUBJECT_TEXT_MAX];	/* canonical values */
	char key[SUBJECT_KEY_MAX];
};

/* One more for the same line; it points into the buffers of the first until it has its own to say. */
static inline void passage_within(const struct passage *p, struct passage *ret)
{
	memcpy(ret, p, offsetof(struct passage, taught_name));
}

/* What a hit tells beside its subject; it points into the passage's line. */
struct facts {
	const struct hit *hit;
	const struct addr *from;	/* NULL: none */
	struct span user;		/* canonical; none: {NULL, 0} */
	const struct class *class;	/* NULL: in none */
	char buf[SUBJECT_TEXT_MAX];	/* behind `user` */
};

/* Count a hit whose time and captures are complete; arg is its passage. */
void core_count(void *arg, const struct hit *hit, struct event_time when);
/* Take a hit of a line, whatever its rule does. */
void core_hit(void *arg, const struct hit *hit);
/* Verdicts are events, too: to the jails that count them (retell.c). */
void retell(struct passage *p, const struct core_verdict *v);
/* ... and to those that score them. */
void retell_scored(struct passage *p, const struct core_verdict *v);

/* The first address that a hit captured; NULL: none. */
const struct addr *hit_address(const struct hit *hit);
/* What it captured as `field`; none: {NULL, 0}. */
struct span hit_captured(const struct hit *hit, int field);

/*
 * The account that a login names; it lives until another one is asked for.
 * false: it names none.
 */
bool measure_account(const struct core *core, struct span login, struct span *ret);
/* The form in which a value is compared. false: it counts for nobody. */
bool measure_canonical(const struct core *core, const struct capture *cap,
		       char buf[SUBJECT_TEXT_MAX], struct subject_part *ret);
/* The subject of a hit into p->who, which hits of one line share. false: it has none. */
bool measure_subject(struct passage *p, const struct hit *hit);
/* A captured number. false: there is none. */
bool measure_number(struct passage *p, const struct hit *hit, uint16_t field, uint64_t *ret);

void facts_of(const struct passage *p, const struct hit *hit, struct facts *ret);
/* The account among what is counted; none: {NULL, 0}. */
struct span subject_account(const struct subject *s);
/* Does the jail act on accounts? Then it counts what they did. */
bool jail_touches_accounts(const struct jail *j);
/* Is it in shadow, behind its brake, or in a pause of all? */
bool jail_only_watches(const struct core *core, uint16_t jail, struct event_time when);
/* Are its hits what accounts did, and no stranger's failures? */
bool jail_counts_successes(const struct jail *j);

/*
 * Does the hit count in its jail: conditions, its class? Where the class has
 * another limit, it is put into *bar, and w->bar points there.
 */
bool conditions_meet(struct passage *p, const struct facts *f, const struct subject *s,
		     struct window_hit *w, struct bar *bar);
/* The zones of the logs, if a jail asks for the time of day; before the sandbox. -ENOMEM. */
int zones_load(struct core *core, struct complaints *bad);
void zones_free(struct core *core);

/*
 * What the hit weighs, which values it brings and what holds for it: weight,
 * factor, aside, flags and value of *w, whose key and time are set. false:
 * there is nothing to count.
 */
bool measure(struct passage *p, const struct facts *f, struct window_hit *w);

/*
 * Does the mail's sender belong to somebody else than the account? Not an
 * empty sender, nor one with the account's own name before its @, nor one of
 * the account's domain, of ours or of the `senders` of its class (NULL: none).
 */
bool sender_is_foreign(const struct accounts *a, const struct class *class, struct span sender,
		       struct span user);

#endif
