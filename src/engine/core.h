/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_CORE_H
#define ENGINE_CORE_H

/*
 * The road from an entry to a verdict: match, count, decide. One piece of
 * code serves the daemon and `replay`, so that both give the same verdicts
 * for the same lines.
 */

#include "bailiff/config.h"
#include "bailiff/entry.h"
#include "bailiff/line.h"
#include "bailiff/subject.h"
#include "engine/classes.h"
#include "engine/count/contained.h"
#include "engine/count/known.h"
#include "engine/count/levels.h"
#include "engine/count/networks.h"
#include "engine/count/probation.h"
#include "engine/count/submitted.h"
#include "engine/count/thread.h"
#include "engine/count/window.h"
#include "engine/decide/decide.h"
#include "engine/evidence.h"
#include "engine/flow/flow.h"
#include "engine/match/match.h"
#include "engine/parse/prefix.h"
#include "wire/engine.h"

/* Tells the time of an entry when a hit asks for it, once. */
struct clockwork {
	struct prefix_parser *parser;	/* NULL: `when` is known (journal) */
	struct stamp_ctx ctx;
	struct event_time *last;	/* the source's */
	uint64_t *clamped;
};

/* A verdict with all that what follows may need; lives during the call. */
#define CORE_SEEN_MAX 64
struct core_verdict {
	const struct verdict *v;
	const struct subject *subject;
	struct span key;
	const struct hit *hit;
	struct position pos;
	uint16_t jail;
	size_t nseen;
	struct addr seen[CORE_SEEN_MAX];	/* newest first */
	const char *spared[CORE_SEEN_MAX];	/* why it is not banned, NULL: it is */
	bool trusted;		/* the line's writer: for account steps */
	bool braked;		/* it is the one that tripped the jail's brake */
};

typedef void core_fn(void *arg, const struct core_verdict *v);

/* What a hit adds up to, whether or not a limit is reached. */
struct core_counted {
	uint16_t jail;
	const struct subject *subject;
	const char *class;		/* NULL: in none */
	struct event_time when;
	uint64_t amount;
};
typedef void core_counted_fn(void *arg, const struct core_counted *c);

/* The login that was made an account last. */
struct login {
	size_t nraw, n;		/* n 0: it names none */
	char raw[SUBJECT_TEXT_MAX], text[SUBJECT_TEXT_MAX];
};

struct core {
	const struct config *config;
	struct core *first;		/* whose matcher it uses; NULL: it has its own */
	struct matcher *matcher;
	struct windows *windows;
	struct threads *threads;
	struct history *history;
	struct brakes *brakes;
	struct evidence *evidence;
	struct known *known;
	struct networks *networks;
	struct levels *levels;
	struct classes *classes;
	struct zone **zones;		/* of each log; NULL: no jail asks for the time of day */
	bool testing;			/* of jails: `active` is met, and signals are told */
	struct submitted *submitted;
	struct login *login;
	struct contained contained;
	struct flow *flow;		/* NULL: nobody follows messages */
	struct probation probation;
	int qid, qid2, user, sender, country;	/* fields; -1: no jail has it */
	enum jail_mode *mode;		/* per jail, as set at run time */
	struct core_jail {
		uint64_t hits, verdicts;
		bool accounts;		/* it acts on them */
		const char *lacks;	/* NULL; static: the database that it needs and has not */
	} *jails;
	const struct geo *geo;		/* NULL: addresses are nowhere */
	struct engine_page *page;	/* NULL offline */
	int64_t not_before_ms;		/* hits before this are passed over */
	int64_t paused_until_ms;	/* no verdict before this is acted on */
	core_fn *fn;
	core_counted_fn *counted;	/* NULL: nobody asks */
	void *arg;
};

/* Compile and make the tables. The caller sets fn, arg and page. */
int core_new(const struct config *c, bool reference, struct complaints *bad, struct core **ret);
void core_free(struct core **core);

/*
 * Another core over the same matcher, with tables of its own and all jails off.
 * Until core_free() entries are for this one only.
 * c    the first one's, with its very jails; what else it says may differ
 */
int core_beside(struct core *first, const struct config *c, struct core **ret);
/*
 * What was counted for this jail, its threads and its verdicts are forgotten (those of
 * others perhaps, too); what is known of accounts stays. -ENOMEM: only core_free() is left.
 */
int core_renew(struct core *core, uint16_t jail);

/* One entry of a log. Returns the number of hits. */
unsigned core_take(struct core *core, uint16_t log, const struct entry *e,
		   struct span line, const struct position *pos,
		   const struct clockwork *clock, bool trusted);

/* Change a jail's mode; matching follows. */
void core_set_mode(struct core *core, uint16_t jail, enum jail_mode mode);

/* Where addresses are, from now on. */
void core_place(struct core *core, const struct geo *geo);

/* An unban or an undo: the subject begins anew. */
void core_forget(struct core *core, uint16_t jail, struct span key);

/* The key of a subject text typed by a person for `per` of this jail; -EINVAL. */
int core_key_of(const struct core *core, const struct jail *j, const char *text,
		char *ret, size_t size, size_t *ret_n);

/* The prefix an address is banned by. */
struct addr core_ban_prefix(const struct action *a, const struct addr *host);

#endif
