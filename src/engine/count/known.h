/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_COUNT_KNOWN_H
#define ENGINE_COUNT_KNOWN_H

#include "bailiff/addr.h"
#include "bailiff/clock.h"
#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Who succeeded from where: what tells the owner's office from the thief's
 * botnet when the addresses of a stolen account are banned. An address (IPv6:
 * its /64) remembers the four accounts that succeeded there last; 65536
 * addresses at most, the one silent longest goes (known_forgotten()).
 */
struct known;

int known_new(struct known **ret);
void known_free(struct known **k);

/* `account` (canonical) succeeded from `from` at `when`. */
void known_add(struct known *k, const struct addr *from, struct span account,
	       struct event_time when);

enum known_as {
	KNOWN_NOT,
	KNOWN_OWN,	/* the account itself succeeded there a day ago or more */
	KNOWN_OTHERS,	/* another account succeeded there within a day */
};
enum known_as known_ask(const struct known *k, const struct addr *from,
			struct span account, struct event_time now);

/* Has the account succeeded there, as far as is remembered? */
bool known_has(const struct known *k, const struct addr *from, struct span account);

uint64_t known_forgotten(const struct known *k);
void known_save(const struct known *k, struct buf *out);
int known_restore(struct known *k, struct reader *in);

#endif
