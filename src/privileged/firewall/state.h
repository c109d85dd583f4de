/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_STATE_H
#define PRIVILEGED_FIREWALL_STATE_H

#include "privileged/firewall/held.h"
#include "privileged/firewall/elems.h"
#include "privileged/firewall/firewall.h"
#include "privileged/firewall/nft.h"
#include "privileged/firewall/table.h"
#include "privileged/firewall/view.h"

#define FIREWALL_EVICTED_MAX 16384	/* remembered for firewall_evicted() */
#define FIREWALL_ALLOW_MAX 4096		/* ranges per family */

/* One element to take out or put in: which ban, in which set. */
struct step {
	int64_t until_ms;	/* the later of what it has and what it shall get */
	uint32_t entry;		/* index into the bans of this call */
	uint8_t set;
	bool drop;
	bool held;		/* when the batch was planned */
};

struct allowed {
	struct range *v;
	size_t n;
};

/* What firewall.c, build.c, apply.c and heal.c share. */
struct firewall {
	struct nft nl;		/* its socket owns the table */
	struct able able;
	int watch;		/* the listener, -1: none */

	char table[TABLE_NAME_MAX];
	const struct scope *scopes;
	size_t nscopes;
	bool own, counters;
	uint32_t set_size;

	bool owned;
	bool damaged;		/* a repair failed: try before all else */
	bool unsaid;		/* healed, and nobody was told */
	uint32_t suspect;	/* port id of who touched our table */
	uint64_t healed;
	char last_flush[64];

	struct banset sets[HELD_SETS_MAX];
	struct held *held;
	bool allow_known;	/* firewall_allow() was called */
	struct allowed allow4, allow6;

	struct firewall_ban *evicted;	/* FIREWALL_EVICTED_MAX */
	size_t nevicted;
	uint64_t evicted_total;

	struct view view;	/* as last read */
	struct step *steps;	/* scratch of one batch */
	size_t nsteps;
	struct elem *elems;
	uint64_t past_packets, past_bytes;	/* of rules that are gone */
};

/* ---- build.c: the frame ---- */

/* How many elements the kernel shall let into a set. */
uint32_t build_kernel_size(const struct firewall *f, unsigned set);
/*
 * Bring the table, the chain, the sets and the rules to what they shall be, in
 * one transaction; what the sets hold stays. Goes by f->view. `fresh`: delete
 * the table first. *ret_fresh: it was deleted, all elements are gone.
 */
int build_frame(struct firewall *f, bool fresh, bool *ret_fresh);
/* Is what f->view shows all that shall be there? */
bool build_is_whole(const struct firewall *f);
/* Delete sets in f->view with a name of ours that are not in use. */
void build_drop_stale(struct firewall *f);
/* Take counters from f->view over into f->sets. */
void build_keep_counters(struct firewall *f);
bool build_in_use(const struct firewall *f, unsigned set);
/* The slot of a set, -1: none. */
int build_find_set(const struct firewall *f, uint16_t scope, uint8_t family, uint8_t len);
/* The same, a new one if need be; -ENOSPC: too many different ones. */
int build_need_set(struct firewall *f, uint16_t scope, uint8_t family, uint8_t len);

/* ---- apply.c: bans ---- */

/* Take out the n bans of a set that end first. */
int apply_evict(struct firewall *f, unsigned set, size_t n);
/* Put everything that we hold for a set into it again. */
int apply_again(struct firewall *f, unsigned set, struct wall now);

/* ---- heal.c ---- */

int heal_listen(struct firewall *f);
void heal_deafen(struct firewall *f);
/*
 * Around what makes thousands of notifications of our own; after it the table
 * is looked at, since nobody listened.
 */
void heal_pause(struct firewall *f);
int heal_resume(struct firewall *f, struct wall now);
/* Look at the table and put back what is missing. */
int heal_table(struct firewall *f, struct wall now);

#endif
