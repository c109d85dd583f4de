/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deny, park, kick and hold as bailiffd sees them, with a mail server of
 * scripts: a queue that is a file, a table that writes down what it is told.
 */
#include "laboratory.h"

#define MAIL ACCOUNTS ", max_per_hour: 100, postfix_map: %s/map, dovecot_deny: %s/deny}\n"
#define LINE(queue, id) "{\"queue_name\": \"" queue "\", \"queue_id\": \"" id "\", \"arrival_time\": 1000, \"sender\": \"x\"}\n"

static void launch_mail(void)
{
	char config[512];

	snprintf(config, sizeof(config), MAIL, dir, dir);
	launch(config);
}

static void write_text(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

/* "$moved" of them go to the place that the option names, then `last` runs. */
static void write_postsuper(const char *moved, const char *last)
{
	char script[1024];

	snprintf(script, sizeof(script), "#!/bin/sh\ncd %s\necho $1 >> asked\ncase $1 in -h) to=hold;; -H) to=deferred;; -d|-r) to=;; esac\n"
		 "head -n %s | while read id; do\n"
		 " if [ \"$to\" ]; then sed -i \"/\\\"$id\\\"/s/\\\"queue_name\\\": \\\"[a-z]*/\\\"queue_name\\\": \\\"$to/\" queue\n"
		 " else sed -i \"/\\\"$id\\\"/d\" queue; fi\ndone\n%s\n", dir, moved, last);
	write_text("postsuper", script, 0755);
}

static int server(void **state)
{
	char script[512];

	fresh(state);
	if (!usable)
		return 0;
	sh("cd %s; rm -f deny map.lmdb told halfway asked", dir);
	snprintf(script, sizeof(script), "#!/bin/sh\ncat %s/queue\n", dir);
	write_text("postqueue", script, 0755);
	write_postsuper("99", "exit 0");
	/* The messages are of 1970. */
	write_text("postcat", "#!/bin/sh\necho $*\n", 0755);
	write_text("postconf", "#!/bin/sh\necho postfix; echo 40000d\n", 0755);
	snprintf(script, sizeof(script), "#!/bin/sh\n(echo \"$*\"; cat) | sed 's|%s/||' >> %s/told\n", dir, dir);
	write_text("postmap", script, 0755);
	snprintf(script, sizeof(script), "#!/bin/sh\necho \"$*\" >> %s/told\n[ $1 = auth ] || [ \"$2\" = joe ] || exit 68\n", dir);
	write_text("doveadm", script, 0755);
	write_text("queue", LINE("active", "A1") LINE("deferred", "B2") LINE("hold", "C3") LINE("deferred", "D4"), 0644);
	return 0;
}

static struct order_hold hold_order(void)
{
	struct order_hold o = { .n = 4, .v = {
		{ "A1", 990, 1010, 0, 0 }, { "B2", 990, 1010, 0, 0 }, { "C3", 990, 1010, 0, 0 },
		{ "E5", 990, 1010, 0, 0 },
	} };

	o.account = account_order(ORDER_HOLD, "joe");
	return o;
}

static uint64_t hold(enum outcome_status status, const char *text)
{
	struct order_hold o = hold_order();

	send_order(&o, sizeof(o));
	expect("hold", status, text);
	return o.account.head.id;
}

static void take_back(enum order_type type, uint64_t ref, enum outcome_status status, const char *text)
{
	struct order_account o = account_order(type, "");

	o.ref = ref;
	o.at_ms = 5;	/* a purge: the incident */
	send_order(&o, sizeof(o));
	expect(order_name((uint16_t)type), status, text);
}

static void test_hold(void **state)
{
	uint64_t id;

	(void)state;
	if (!usable)
		skip();
	launch_mail();
	id = hold(OUTCOME_DONE, "2 held (1 in delivery, may be out), 1 left before, 1 held before");
	file_is("queue", LINE("hold", "A1") LINE("hold", "B2") LINE("hold", "C3") LINE("deferred", "D4"));
	take_back(ORDER_RELEASE, id, OUTCOME_DONE, "2 released, 0 were not on hold any more");
	file_is("queue", LINE("deferred", "A1") LINE("deferred", "B2") LINE("hold", "C3") LINE("deferred", "D4"));
	take_back(ORDER_RELEASE, id, OUTCOME_DONE, "it held nothing");
	id = hold(OUTCOME_DONE, "2 held (0 in delivery, may be out), 1 left before, 1 held before");
	take_back(ORDER_PURGE, id, OUTCOME_DONE, "2 deleted, 0 were not on hold any more; copies: quarantine/5");
	file_is("queue", LINE("hold", "C3") LINE("deferred", "D4"));
	take_back(ORDER_RELEASE, 12345, OUTCOME_REFUSED, "order 12345 held no mail");
	stop_runner();
}

/* What failed half way is told, and a second try completes it. */
static void test_half(void **state)
{
	uint64_t one, two;

	(void)state;
	if (!usable)
		skip();
	launch_mail();
	write_postsuper("1", "echo 'postsuper: fatal: no space'; exit 1");
	one = hold(OUTCOME_FAILED, "1 held, 1 not: postsuper: exit 1: postsuper: fatal: no space");
	write_postsuper("99", "exit 0");
	two = hold(OUTCOME_DONE, "1 held (0 in delivery, may be out), 1 left before, 2 held before");
	take_back(ORDER_RELEASE, one, OUTCOME_DONE, "2 released, 0 were not on hold any more");
	take_back(ORDER_RELEASE, two, OUTCOME_DONE, "0 released, 1 were not on hold any more");
	file_is("queue", LINE("deferred", "A1") LINE("deferred", "B2") LINE("hold", "C3") LINE("deferred", "D4"));
	write_text("postqueue", "#!/bin/sh\nexit 1\n", 0755);
	hold(OUTCOME_FAILED, "postqueue: exit 1");
	stop_runner();
}

/* kill -9 within postsuper: the same order again finds what is ours, also if it names no message. */
static void crash(uint32_t known)
{
	struct order_hold o = hold_order();
	char last[128];

	launch_mail();
	snprintf(last, sizeof(last), "echo > %s/halfway; exec sleep 60", dir);
	write_postsuper("99", last);
	send_order(&o, sizeof(o));
	assert_true(wait_for("halfway"));
	kill_runner();
	write_postsuper("99", "exit 0");
	start_runner(STANDARD);
	assert_int_equal(answer().status, OUTCOME_UNKNOWN);
	ready(1);
	o.n = known;
	send_order(&o, sizeof(o));
	expect("again", OUTCOME_DONE, known ? "2 held (0 in delivery, may be out), 1 left before, 1 held before" :
	       "2 held (0 in delivery, may be out), 0 left before, 0 held before");
	take_back(ORDER_RELEASE, o.account.head.id, OUTCOME_DONE, "2 released, 0 were not on hold any more");
	file_is("queue", LINE("deferred", "A1") LINE("deferred", "B2") LINE("hold", "C3") LINE("deferred", "D4"));
	stop_runner();
}

#define NAMES(line) "joe" line "\njoe@example.com" line "\n"
#define REJECTS NAMES(" REJECT 5.7.1 This account is blocked, please contact your postmaster")

static void test_crash(void **state)
{
	(void)state;
	if (!usable)
		skip();
	crash(4);
}

static void test_crash_forgotten(void **state)
{
	(void)state;
	if (!usable)
		skip();
	crash(0);
}

static void test_deny(void **state)
{
	uint64_t one, two;

	(void)state;
	if (!usable)
		skip();
	launch_mail();
	by_hand(ORDER_DENY, "joe", OUTCOME_REFUSED, "not set up (bailiff setup mail)");
	by_hand(ORDER_PARK, "joe", OUTCOME_REFUSED, "not set up (bailiff setup mail)");
	write_text("deny", "ann\n", 0640);
	one = by_hand(ORDER_DENY, "joe", OUTCOME_DONE,
		      "new logins are refused, but not mail of open sessions: not set up (bailiff setup mail)");
	file_is("deny", "ann\n" NAMES("::::bailiff"));
	undo_it(one, false, OUTCOME_DONE, "joe: let in again");
	file_is("deny", "ann\n");
	write_text("map.lmdb", "", 0644);
	one = by_hand(ORDER_DENY, "joe@example.com", OUTCOME_DONE, "new mail and new logins are refused");
	file_is("told", "-i -r lmdb:map\njoe@example.com REJECT 5.7.1 This account is blocked, please contact your "
		"postmaster\njoe REJECT 5.7.1 This account is blocked, please contact your postmaster\n");
	two = by_hand(ORDER_DENY, "joe@example.com", OUTCOME_DONE, NULL);
	undo_it(one, false, OUTCOME_DONE, NULL);	/* the other one keeps it */
	file_is("deny", "ann\njoe@example.com::::bailiff\njoe::::bailiff\n");
	undo_it(two, false, OUTCOME_DONE, "joe@example.com: let in again");
	file_is("deny", "ann\n");
	write_text("postmap", "#!/bin/sh\necho 'postmap: fatal: no space'; exit 1\n", 0755);
	by_hand(ORDER_PARK, "joe", OUTCOME_FAILED, "Postfix: postmap: exit 1: postmap: fatal: no space");
	by_hand(ORDER_DENY, "postmaster", OUTCOME_REFUSED, "postmaster is protected");
	by_hand(ORDER_DENY, "low", OUTCOME_REFUSED, NULL);
	by_hand(ORDER_DENY, "j*@example.net", OUTCOME_REFUSED, "j*@example.net: a name that no table can hold");
	stop_runner();
}

/* A park opens no door that a deny has shut, and what of the two stays longer stays. */
static void test_deny_and_park(void **state)
{
	uint64_t deny, park;
	char text[64];

	(void)state;
	if (!usable)
		skip();
	launch_mail();
	write_text("deny", "", 0640);
	write_text("map.lmdb", "", 0644);
	park = by_hand(ORDER_PARK, "joe", OUTCOME_DONE, "new mail is put on hold");
	deny = by_hand(ORDER_DENY, "joe", OUTCOME_DONE, "new mail and new logins are refused");
	file_is("deny", NAMES("::::bailiff"));
	sh("rm %s/told", dir);
	undo_it(deny, false, OUTCOME_DONE, "joe: may log in again, its mail stays parked");
	file_is("deny", "");
	file_is("told", "-i -r lmdb:map\n" NAMES(" HOLD parked by bailiff"));
	deny = by_hand(ORDER_DENY, "joe", OUTCOME_DONE, NULL);
	snprintf(text, sizeof(text), "joe: stays denied by order %llu", (unsigned long long)deny);
	undo_it(park, false, OUTCOME_DONE, text);
	snprintf(text, sizeof(text), "stays denied by order %llu", (unsigned long long)deny);
	sh("rm %s/told", dir);
	park = by_hand(ORDER_PARK, "joe", OUTCOME_DONE, text);
	file_is("told", "");
	undo_it(deny, false, OUTCOME_DONE, "joe: may log in again, its mail stays parked");
	file_is("told", "-i -r lmdb:map\n" NAMES(" HOLD parked by bailiff"));
	sh("rm %s/told", dir);
	undo_it(park, false, OUTCOME_DONE, "joe: let in again");
	file_is("told", "-d - lmdb:map\n" NAMES(""));
	stop_runner();
}

static void test_kick(void **state)
{
	(void)state;
	if (!usable)
		skip();
	launch_mail();
	by_hand(ORDER_KICK, "joe", OUTCOME_DONE, "its sessions are ended");
	file_is("told", "kick joe\nkick joe@example.com\nauth cache flush joe joe@example.com\n");
	write_text("doveadm", "#!/bin/sh\n[ $1 = auth ] || exit 68\n", 0755);
	by_hand(ORDER_KICK, "eve@example.net", OUTCOME_DONE, "nobody was on");
	write_text("doveadm", "#!/bin/sh\necho broken; exit 75\n", 0755);
	by_hand(ORDER_KICK, "joe", OUTCOME_FAILED, "doveadm: exit 75: broken");
	sh("rm %s/doveadm", dir);
	by_hand(ORDER_KICK, "joe", OUTCOME_REFUSED, "no Dovecot here: there is no doveadm");
	by_hand(ORDER_KICK, "*", OUTCOME_REFUSED, NULL);
	stop_runner();
}

/* What no jail's action is, is refused, whatever bailiffd says. */
static void test_jails(void **state)
{
	struct order_account o;

	(void)state;
	if (!usable)
		skip();
	launch_mail();
	for (uint16_t type = ORDER_DENY; type <= ORDER_KICK; type++) {
		if (type == ORDER_PARK)
			continue;	/* may stand for a lock */
		o = account_order((enum order_type)type, "joe");
		o.head.origin = ORIGIN_JAIL;
		o.head.jail = 0;
		o.head.action = 0;	/* a lock */
		send_order(&o, sizeof(o));
		expect("by a jail", OUTCOME_REFUSED, "no action of a jail that does this");
	}
	stop_runner();
}

/*
 * What a jail may ask about accounts in an hour has an end that no containment
 * reaches; and an admin goes on.
 */
static void flood(enum order_type type, unsigned most, const char *text)
{
	static struct order_hold o;
	size_t size = type == ORDER_HOLD ? sizeof(o) : sizeof(o.account);

	memset(&o, 0, sizeof(o));
	o.account = account_order(type, "joe");
	o.account.head.origin = ORIGIN_JAIL;
	o.account.head.jail = 0;
	o.account.ref = 1;	/* a look: none of these is here */
	for (unsigned i = 0; i < most; i++, o.account.head.id = ++last_id) {
		send_order(&o, size);
		expect("within the rate", OUTCOME_DONE, NULL);
	}
	send_order(&o, size);
	expect("over the rate", OUTCOME_REFUSED, text);
	o.account.head.id = ++last_id;
	o.account.head.origin = ORIGIN_HAND;
	send_order(&o, size);
	expect("by hand", OUTCOME_DONE, NULL);
}

/* A park is what is left when no account more may be touched, and is none that counts. */
static void test_parks_beyond_the_rate(void **state)
{
	char name[32], config[512];

	(void)state;
	if (!usable)
		skip();
	snprintf(config, sizeof(config), ACCOUNTS ", max_per_hour: 1, postfix_map: %s/map, dovecot_deny: off}\n", dir);
	launch(config);
	write_text("map.lmdb", "", 0644);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "user%d@example.net", i);
		by_hand(ORDER_PARK, name, OUTCOME_DONE, "new mail is put on hold");
	}
	by_hand(ORDER_PARK, "more@example.net", OUTCOME_REFUSED, "more@example.net: max_per_hour of 1 accounts is reached");
	by_hand(ORDER_DENY, "user0@example.net", OUTCOME_DONE, NULL);
	by_hand(ORDER_DENY, "user1@example.net", OUTCOME_REFUSED, "user1@example.net: max_per_hour of 1 accounts is reached");
	stop_runner();
}

static void test_rates(void **state)
{
	(void)state;
	if (!usable)
		skip();
	sh("cd %s/jails; sed 's/- lock/- contain/' guard.yaml > contain.yaml; mv guard.yaml ..", dir);
	launch(ACCOUNTS ", max_per_hour: 1, leftovers: ['~/x']}\nlogs: {mail: {trust: yes}}\n");
	flood(ORDER_HOLD, 128, "more than 128 hold orders of jails within the hour");
	flood(ORDER_LOOK, 48, "more than 48 look orders of jails within the hour");
	stop_runner();
	sh("cd %s/jails; rm contain.yaml; mv ../guard.yaml .", dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_hold, server), cmocka_unit_test_setup(test_half, server),
		cmocka_unit_test_setup(test_crash, server), cmocka_unit_test_setup(test_crash_forgotten, server), cmocka_unit_test_setup(test_deny, server),
		cmocka_unit_test_setup(test_kick, server), cmocka_unit_test_setup(test_deny_and_park, server), cmocka_unit_test_setup(test_jails, server),
		cmocka_unit_test_setup(test_parks_beyond_the_rate, server), cmocka_unit_test_setup(test_rates, server),
	};

	return cmocka_run_group_tests(tests, enter_laboratory, leave_laboratory);
}
