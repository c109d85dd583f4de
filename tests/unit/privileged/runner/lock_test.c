/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accounts locked, unlocked and restored to the letter, whatever was before
 * and whatever others do meanwhile; what must not be touched; crashes halfway.
 */
#include "unit/privileged/runner/laboratory.h"

#define JOE "$6$salt$hash-joe:19000:0:99999:7:::"
#define JOE_LOCKED "!$6$salt$hash-joe:19000:0:99999:7::1:"

/* ---- lock and undo ---- */

static void test_lock_and_undo(void)
{
	uint64_t id;

	launch(STANDARD);
	id = by_hand(ORDER_LOCK, "joe@example.com", OUTCOME_DONE,
		     "joe@example.com: password locked, account expired");
	shadow_is("joe", JOE_LOCKED);
	undo_it(id, false, OUTCOME_REFUSED, NULL);	/* the password is the old one */
	shadow_is("joe", JOE_LOCKED);
	undo_it(id, true, OUTCOME_DONE, "joe@example.com: password unlocked, expiry as before");
	shadow_is("joe", JOE);
	undo_it(id, true, OUTCOME_DONE, "joe@example.com: undone before");
	undo_it(12345, true, OUTCOME_REFUSED, NULL);
	stop_runner();
}

static void test_locked_before(void)
{
	uint64_t id;

	launch(STANDARD);
	id = by_hand(ORDER_LOCK, "locked", OUTCOME_DONE,
		     "locked: password was locked already, account expired");
	shadow_is("locked", "!$6$salt$hash-locked:19000:0:99999:7::1:");
	undo_it(id, true, OUTCOME_DONE, "locked: expiry as before, password left as it is");
	shadow_is("locked", "!$6$salt$hash-locked:19000:0:99999:7:::");
	sh("chage -E 2 locked");
	id = by_hand(ORDER_LOCK, "locked", OUTCOME_DONE, "locked was locked and expired already");
	undo_it(id, false, OUTCOME_DONE, NULL);
	shadow_is("locked", "!$6$salt$hash-locked:19000:0:99999:7::2:");
	stop_runner();
}

static void test_expiry_before(void)
{
	uint64_t id;

	launch(STANDARD);
	id = lock_it("dated");
	shadow_is("dated", "!$6$salt$hash-dated:19000:0:99999:7::1:");
	undo_it(id, true, OUTCOME_DONE, NULL);
	shadow_is("dated", "$6$salt$hash-dated:19000:0:99999:7::99999:");
	stop_runner();
}

/* chpasswd leaves no lock flag: not tampering, and the expiry must still go. */
static void test_password_changed(void)
{
	uint64_t id;

	launch(STANDARD);
	id = lock_it("joe");
	sh("echo 'joe:$6$new$hash' | chpasswd -e; chage -d 19500 joe");
	shadow_is("joe", "$6$new$hash:19500:0:99999:7::1:");
	undo_it(id, false, OUTCOME_DONE, "joe: expiry as before, password left as it is");
	shadow_is("joe", "$6$new$hash:19500:0:99999:7:::");
	id = lock_it("joe");
	sh("echo 'joe:!$6$newer$hash' | chpasswd -e; chage -d 19500 joe");	/* the admin's own lock */
	undo_it(id, false, OUTCOME_DONE, NULL);
	shadow_is("joe", "!$6$newer$hash:19500:0:99999:7:::");
	stop_runner();
}

/* When a theft is over the password must be changed; a false alarm asks nobody to. */
static void test_force_change(void)
{
	uint64_t id;
	char config[512];

	launch(ACCOUNTS ", max_per_hour: 100, force_change: [chage]}\n");
	id = lock_it("joe");
	sh("echo 'joe:$6$new$hash' | chpasswd -e; chage -d 19500 joe");
	undo_it(id, false, OUTCOME_DONE, "joe: expiry as before, password left as it is; it must be changed at the next login");
	shadow_is("joe", "$6$new$hash:0:0:99999:7:::");
	id = lock_it("ann");
	undo_it(id, false, OUTCOME_REFUSED, NULL);	/* the old password */
	undo_it(id, true, OUTCOME_DONE, "ann: password unlocked, expiry as before");
	shadow_is("ann", "$6$salt$hash-ann:19000:0:99999:7:::");
	stop_runner();
	snprintf(config, sizeof(config), ACCOUNTS ", max_per_hour: 100, force_change: [%s/run, must, <user>]}\n", dir);
	launch(config);
	id = lock_it("bob");
	sh("echo 'bob:$6$new$hash' | chpasswd -e; chage -d 19500 bob");
	undo_it(id, false, OUTCOME_DONE, NULL);
	shadow_is("bob", "$6$new$hash:19500:0:99999:7:::");
	file_is("ran", "must bob\n");
	stop_runner();
	launch(ACCOUNTS ", max_per_hour: 100, force_change: ['false', <user>]}\n");
	id = lock_it("bob");
	sh("echo 'bob:$6$newer$hash' | chpasswd -e; chage -d 19500 bob");
	undo_it(id, false, OUTCOME_FAILED, "bob is unlocked, but: false: exit 1");
	shadow_is("bob", "$6$newer$hash:19500:0:99999:7:::");
	stop_runner();
}

static void test_changed_by_others(void)
{
	uint64_t id;

	launch(STANDARD);
	id = lock_it("joe");
	sh("chage -E 30000 joe");
	undo_it(id, true, OUTCOME_DONE, "joe: password unlocked");
	shadow_is("joe", "$6$salt$hash-joe:19000:0:99999:7::30000:");
	id = lock_it("ann");
	sh("passwd -qu ann; chage -E -1 ann");
	undo_it(id, false, OUTCOME_DONE, NULL);
	shadow_is("ann", "$6$salt$hash-ann:19000:0:99999:7:::");
	id = lock_it("bob");
	sh("sed -i /^bob:/d /etc/shadow /etc/passwd");
	undo_it(id, true, OUTCOME_DONE, "bob: no such user any more");
	sh("echo bob:x:2003:2000::/nonexistent:/bin/false >> /etc/passwd");
	stop_runner();
}

static void test_two_orders(void)
{
	uint64_t first, second;

	launch(STANDARD);
	first = lock_it("joe");
	second = lock_it("joe");
	undo_it(first, true, OUTCOME_DONE, NULL);
	shadow_is("joe", JOE_LOCKED);
	undo_it(second, true, OUTCOME_DONE, NULL);
	shadow_is("joe", JOE);
	first = lock_it("joe");
	lock_it("joe");
	by_hand(ORDER_UNLOCK, "joe", OUTCOME_DONE, "joe: password unlocked, expiry as before");
	shadow_is("joe", JOE);
	by_hand(ORDER_UNLOCK, "joe", OUTCOME_REFUSED, "joe was not locked by bailiff");
	undo_it(first, true, OUTCOME_DONE, "joe: undone before");
	stop_runner();
}

static void test_refused(void)
{
	static const struct { const char *name, *text; } rows[] = {
		{ "nobody-here", "nobody-here: no such user" },
		{ "low", "low: uid 999 is below min_uid 1000" },
		{ "root", "root: uid 0 is below min_uid 1000" },
		{ "postmaster", "postmaster is protected" },
		{ "PostMaster@Example.COM", "postmaster@example.com is protected" },
		{ "joe@elsewhere.example", "joe@elsewhere.example: not a Unix account" },
		{ "-l", "not the name of an account" },
		{ "joe:x", "not the name of an account" },
		{ "../joe", "not the name of an account" },
		{ "", "not the name of an account" },
	};
	uint64_t id;

	launch(STANDARD);
	sh("cp /etc/shadow %s/before", dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		by_hand(ORDER_LOCK, rows[i].name, OUTCOME_REFUSED, rows[i].text);
	id = by_hand(ORDER_PROTECT, "joe", OUTCOME_DONE, "joe is protected");
	by_hand(ORDER_LOCK, "joe@example.com", OUTCOME_REFUSED, "joe@example.com is protected");
	stop_runner();
	launch(STANDARD);
	by_hand(ORDER_LOCK, "joe", OUTCOME_REFUSED, "joe is protected");
	sh("cmp /etc/shadow %s/before", dir);
	undo_it(id, false, OUTCOME_DONE, NULL);
	lock_it("joe");
	stop_runner();
}

static void test_rate(void)
{
	uint64_t id;

	launch(ACCOUNTS ", max_per_hour: 2}\n");
	id = lock_it("joe");
	lock_it("ann");
	by_hand(ORDER_LOCK, "bob", OUTCOME_REFUSED, "bob: max_per_hour of 2 accounts is reached");
	lock_it("joe");			/* no further account */
	undo_it(id, true, OUTCOME_DONE, NULL);
	stop_runner();
	launch(ACCOUNTS ", max_per_hour: 2}\n");
	by_hand(ORDER_LOCK, "bob", OUTCOME_REFUSED, NULL);
	shadow_is("bob", "$6$salt$hash-bob:19000:0:99999:7:::");
	stop_runner();
}

static void test_jail_orders(void)
{
	launch("accounts: {act: propose}\n");
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 0 }, "joe", 0, OUTCOME_PROPOSED);
	stop_runner();
	launch("accounts: {act: no}\n");
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 0 }, "joe", 0, OUTCOME_REFUSED);
	stop_runner();
	shadow_is("joe", JOE);
	launch(STANDARD);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 1 }, "joe", 0, OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 9 }, "joe", 0, OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 7, 0 }, "joe", 0, OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_LEDGER, ORDER_NO_JAIL, 0 }, "joe", 0,
		  OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 0 }, "joe", 7200000,
		  OUTCOME_PROPOSED);
	shadow_is("joe", JOE);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 0 }, "joe", 0, OUTCOME_DONE);
	from_jail((struct order_head){ 0, ORDER_UNDO, ORIGIN_JAIL, 0, 0 }, "", 0, OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_UNLOCK, ORIGIN_JAIL, 0, 0 }, "joe", 0, OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_UNLOCK, ORIGIN_LEDGER, 0, 0 }, "joe", 0, OUTCOME_REFUSED);
	from_jail((struct order_head){ 0, ORDER_PROTECT, ORIGIN_JAIL, 0, 0 }, "ann", 0, OUTCOME_REFUSED);
	shadow_is("joe", JOE_LOCKED);
	stop_runner();
}

static void test_repeated_id(void)
{
	struct order_account o;
	uint64_t id;

	launch(STANDARD);
	o = account_order(ORDER_LOCK, "joe");
	id = o.head.id;
	send_order(&o, sizeof(o));
	send_order(&o, sizeof(o));	/* on its way: one outcome answers both */
	expect("first", OUTCOME_DONE, NULL);
	undo_it(id, true, OUTCOME_DONE, NULL);
	send_order(&o, sizeof(o));
	last_id = id;
	expect("again", OUTCOME_DONE, "joe: password locked, account expired");
	shadow_is("joe", JOE);		/* told, not done again */
	snprintf(o.name, sizeof(o.name), "ann");
	send_order(&o, sizeof(o));
	expect("another's", OUTCOME_REFUSED, "this id is another order's");
	last_id = id + 10;
	stop_runner();
}

/* ---- crashes ---- */

/* Killed between `passwd -l` and the expiry: told, finished, and still undone. */
static void test_crash_halfway(void)
{
	struct order_account o;

	sh("mount --bind %s/slowchage /usr/bin/chage", dir);
	launch(STANDARD);
	o = account_order(ORDER_LOCK, "joe");
	send_order(&o, sizeof(o));
	assert_true(wait_for("halfway"));
	shadow_is("joe", "!$6$salt$hash-joe:19000:0:99999:7:::");
	kill_runner();
	sh("kill $(cat %s/halfway); umount -l /usr/bin/chage", dir);
	start_runner(STANDARD);
	expect("told", OUTCOME_UNKNOWN, "a crash left it open");
	ready(1);
	send_order(&o, sizeof(o));
	expect("finished", OUTCOME_DONE, "joe: password locked, account expired");
	shadow_is("joe", JOE_LOCKED);
	undo_it(o.head.id, true, OUTCOME_DONE, NULL);
	shadow_is("joe", JOE);
	stop_runner();
}

/* Accounts that live elsewhere: the admin's own argv. */
static void test_lock_by_helper(void)
{
	char config[512];
	uint64_t id;

	snprintf(config, sizeof(config), ACCOUNTS ", lock: [%s/run, lock, <user>, <user_domain>],"
		 " unlock: [%s/run, unlock, <user>]}\n", dir, dir);
	launch(config);
	id = by_hand(ORDER_LOCK, "joe@elsewhere.example", OUTCOME_DONE, NULL);
	by_hand(ORDER_LOCK, "postmaster@example.com", OUTCOME_REFUSED, NULL);
	by_hand(ORDER_LOCK, "root", OUTCOME_REFUSED, NULL);
	undo_it(id, false, OUTCOME_DONE, "joe@elsewhere.example: unlocked by accounts.unlock");
	file_is("ran", "lock joe@elsewhere.example elsewhere.example\nunlock joe@elsewhere.example\n");
	stop_runner();
}

static void test_failing_helper(void)
{
	launch(STANDARD);
	sh("mount --bind /bin/false /usr/bin/passwd");
	by_hand(ORDER_LOCK, "joe", OUTCOME_FAILED, "joe: passwd: exit 1");
	sh("umount /usr/bin/passwd");
	shadow_is("joe", "$6$salt$hash-joe:19000:0:99999:7::1:");	/* the other step was done */
	undo_it(last_id, true, OUTCOME_DONE, NULL);
	shadow_is("joe", JOE);
	stop_runner();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_lock_and_undo), ROW(test_locked_before), ROW(test_expiry_before),
		ROW(test_password_changed), ROW(test_force_change), ROW(test_changed_by_others), ROW(test_two_orders),
		ROW(test_refused), ROW(test_rate), ROW(test_jail_orders), ROW(test_repeated_id),
		ROW(test_crash_halfway), ROW(test_lock_by_helper), ROW(test_failing_helper),
	};

	return cmocka_run_group_tests(tests, enter_laboratory, leave_laboratory);
}
