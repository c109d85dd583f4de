/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_ACCOUNT_H
#define PRIVILEGED_RUNNER_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bailiff/clock.h"

/*
 * What /etc/shadow says of an account, without the hash. As it lies in the
 * journal; all zero: not known.
 */
struct account_state {
	uint64_t print;		/* salted fingerprint of the hash, lock flag cut off */
	int64_t expire;		/* in days since the epoch; -1: never */
	int64_t changed;	/* day of the last password change; -1: unknown */
	int64_t mtime_ms;	/* of /etc/shadow */
	uint32_t locked;	/* 1: the hash begins with `!` */
	uint32_t known;		/* 1 */
};
_Static_assert(sizeof(struct account_state) == 40, "account_state");

/* The day `chage -E` is given; 0 would read as "never" to some (shadow(5)). */
#define ACCOUNT_EXPIRED 1

/*
 * Read the files themselves: helpers work on them, and a name service that
 * hangs must not hang us.
 * -ENOENT: no such user in /etc/passwd; -ENOKEY: none in /etc/shadow;
 * -EBADMSG: its line is not one.
 */
int account_uid(const char *unix_name, uid_t *ret);
/* Its home, an absolute path, and what passwd(5) says of its owner. -ENAMETOOLONG. */
int account_home(const char *unix_name, char *ret, size_t size);
int account_gecos(const char *unix_name, char *ret, size_t size);
int account_read(const char *unix_name, uint64_t salt, struct account_state *ret);

/* What is to become of an account, as far as it is not so yet. */
/* In this order: who must change the password must so before it is unlocked. */
enum account_step { STEP_CHANGE = 1, STEP_LOCK = 2, STEP_UNLOCK = 4, STEP_EXPIRE = 8 };
struct account_goal {
	unsigned steps;		/* enum account_step, or'ed */
	int64_t expire;		/* STEP_EXPIRE: what it is to be */
};

/* Locked and expired, from `before`; already expired accounts stay as they are. */
struct account_goal account_goal_lock(const struct account_state *before, struct wall now);

/*
 * Back from `after` to `before`, but only what was changed between them and
 * is still as it was left. A hash that was replaced (chpasswd) has no lock
 * flag any more: nothing to unlock, while an expiry is still to be lifted.
 */
struct account_goal account_goal_undo(const struct account_state *before,
				      const struct account_state *after,
				      const struct account_state *now);

/* The steps of `goal` that `now` does not show done. */
unsigned account_unmet(const struct account_state *now, const struct account_goal *goal);

/*
 * A later lock that found the account as this one left it takes over what
 * there was before, so that the last undo restores it. True if it did.
 */
bool account_hand_over(const struct account_state *before, const struct account_state *after,
		       struct account_state *later_before);

#endif
