/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate: what each jail, each hand and the ledger may order, and the
 * sentence that refuses the rest. An engine in a stranger's hands can send any
 * of these rows.
 */
#include "unit/config/setup.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/addr.h"
#include "privileged/check.h"
#include "unit/privileged/firewall/netns.h"

#define NOW INT64_C(1787306400000)
#define MIN 60000ll
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define SLACK MIN
#define GOOD INT64_MAX
#define OK NULL

#define MAIN \
	"accounts: {act: yes, local_domains: [example.com], protect: [postmaster]}\n" \
	"notify: {mail: root}\njails: {}\n"
#define SENT "log: mail\nmatch: '<ip> <user>$'\n"

static const char *const jails[] = {
	/* 0 */ "ban.yaml", SENT LIMIT "then:\n  - ban: {for: 10m, grow: 2, max: 1w, scope: mail}\n  - notify\n",
	/* 1 */ "cmd.yaml", SENT LIMIT "then:\n  - run: [/bin/true]\n    undo: [/bin/true]\n",
	/* 2 */ "contain.yaml", SENT "limit: {count: 5, per: user, within: 10m}\n"
		"then:\n  - contain\n  - ban: {whom: seen, for: 6h, scope: mail}\n",
	/* 3 */ "lock.yaml", SENT "limit: {count: 5, per: user, within: 10m}\nthen: [lock, deny, park, kick, hold]\n",
	/* 4 */ "wide.yaml", "ban_private: yes\n" SENT LIMIT
		"then:\n  - ban: {for: 1h, scope: web, v4: 16, v6: 48}\n",
};

enum { J_BAN, J_CMD, J_CONTAIN, J_LOCK, J_WIDE, J_NONE = ORDER_NO_JAIL };

static struct made made;
static struct hand *hand;
static struct addr allowed[4];
static char dir[] = "/tmp/check_testXXXXXX";
static int dir_fd;

static struct addr addr_of(const char *text)
{
	struct addr a;

	if (addr_parse(span_of(text), &a) < 0)
		fail_msg("'%s'", text);
	return a;
}

static void put(enum hand_kind kind, const char *addr, const char *name, int64_t until)
{
	struct hand_item i = { .kind = kind, .until_ms = until };

	if (addr)
		i.addr = addr_of(addr);
	snprintf(i.name, sizeof(i.name), "%s", name);
	assert_int_equal(hand_put(hand, &i, (struct wall){ NOW - DAY }), 0);
}

static int begin(void **state)
{
	size_t bad;

	(void)state;
	made_begin(&made, MAIN);
	for (size_t i = 0; i < COUNT(jails); i += 2)
		made_jail(&made, PACK_JAIL_ADMIN, jails[i], jails[i + 1]);
	made_load(&made);
	if (made.err || made.bad.n || made.config->njails != 5)
		fail_msg("%s", buf_cstr(&made.text));
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(hand_open(dir_fd, &hand, &bad), 0);
	allowed[0] = addr_of("192.0.2.0/24");
	allowed[1] = addr_of("198.51.100.7");
	allowed[2] = addr_of("2001:db8:a::/48");
	allowed[3] = addr_of("2001:db8:b:1::7");
	put(HAND_ALLOW, "198.51.100.77", "", NOW + 1);
	put(HAND_ALLOW, "198.51.100.78", "", NOW);
	put(HAND_BAN, "203.0.0.0/8", "all", GOOD);
	put(HAND_BAN, "2a00::/32", "mail", NOW + HOUR);
	put(HAND_BAN, "10.9.9.9", "all", GOOD);
	put(HAND_BAN, "198.0.0.0/8", "mail", NOW);
	put(HAND_PROTECT, NULL, "ceo@example.com", GOOD);
	put(HAND_PROTECT, NULL, "once@example.com", NOW);
	return 0;
}

static int end(void **state)
{
	(void)state;
	hand_free(&hand);
	unlinkat(dir_fd, "hand", 0);
	close(dir_fd);
	made_free(&made);
	return rmdir(dir);
}

static struct check check(enum operator_right right)
{
	return (struct check){
		.config = made.config, .hand = hand, .allowed = allowed, .nallowed = COUNT(allowed),
		.now = { NOW }, .admin = true, .right = right,
	};
}

static uint16_t scope(const char *name)
{
	int s = config_scope(made.config, name);

	return s < 0 ? 999 : (uint16_t)s;
}

/* ---- bans ---- */

struct ban_row {
	const char *name;
	enum order_origin origin;
	unsigned jail, action;
	const char *addr, *host;	/* host NULL: addr itself */
	const char *scope;
	int64_t length;			/* ms from now, or GOOD */
	const char *want;		/* the address banned; NULL: refused */
	const char *why;
};

#define BY_JAIL(addr, want, why) \
	{ addr, ORIGIN_JAIL, J_BAN, 0, addr, NULL, "mail", 10 * MIN, want, why }
#define WIDE(addr, host, want, why) \
	{ addr " of " host, ORIGIN_JAIL, J_WIDE, 0, addr, host, "web", HOUR, want, why }
#define BY_HAND(addr, want, why) \
	{ addr " by hand", ORIGIN_HAND, J_NONE, 0, addr, NULL, "all", GOOD, want, why }
#define LEDGER(addr, scope, length, want, why) \
	{ addr " of the ledger, " scope, ORIGIN_LEDGER, J_NONE, 0, addr, NULL, scope, length, want, why }

#define NEVER "loopback, multicast or reserved: never banned"
#define LINK_LOCAL "link-local (fe80::/10), which neighbour discovery needs: never banned"
#define PRIVATE "a private address (ban_private: yes would allow it)"
#define LONGER "longer than the jail may ban"
#define WIDER "wider than the jail may ban"
#define WIDE_JAIL "wider than /16 (IPv6 /48)"
#define WIDE_HAND "wider than /8 (IPv6 /32)"
#define NO_JAIL "no jail may ban like this, or not any more"

static const struct ban_row bans[] = {
	/* what is no client's */
	BY_JAIL("203.0.113.9", "203.0.113.9", OK),
	BY_JAIL("0.0.0.0", NULL, NEVER), BY_JAIL("0.255.255.255", NULL, NEVER), BY_JAIL("1.0.0.0", "1.0.0.0", OK),
	BY_JAIL("126.255.255.255", "126.255.255.255", OK), BY_JAIL("127.0.0.1", NULL, NEVER),
	BY_JAIL("127.255.255.255", NULL, NEVER), BY_JAIL("128.0.0.0", "128.0.0.0", OK),
	BY_JAIL("223.255.255.255", "223.255.255.255", OK), BY_JAIL("224.0.0.1", NULL, NEVER),
	BY_JAIL("240.0.0.1", NULL, NEVER), BY_JAIL("255.255.255.255", NULL, NEVER),
	BY_JAIL("::1", NULL, NEVER), BY_JAIL("::", NULL, NEVER), BY_JAIL("ff02::1", NULL, NEVER),
	BY_JAIL("::2", "::2", OK),
	BY_HAND("127.0.0.1", NULL, NEVER), BY_HAND("127.0.0.0/8", NULL, NEVER), BY_HAND("::1", NULL, NEVER),
	BY_HAND("224.0.0.0/8", NULL, NEVER), BY_HAND("255.255.255.255", NULL, NEVER),
	LEDGER("127.0.0.1", "mail", 10 * MIN, NULL, NEVER),
	BY_HAND("fe80::1", NULL, LINK_LOCAL), BY_HAND("fe80::/64", NULL, LINK_LOCAL),
	BY_HAND("febf:ffff::/32", NULL, LINK_LOCAL), BY_HAND("fe80::/10", NULL, LINK_LOCAL),
	BY_HAND("fe80::/9", NULL, WIDE_HAND), BY_HAND("fe7f:ffff::/32", "fe7f:ffff::/32", OK),
	BY_JAIL("fe80::/64", NULL, LINK_LOCAL), BY_JAIL("febf:ffff::/64", NULL, LINK_LOCAL),
	BY_JAIL("fec0::/64", "fec0::/64", OK), WIDE("fe80::/48", "fe80::1", NULL, LINK_LOCAL),
	LEDGER("fe80::1", "mail", 10 * MIN, NULL, LINK_LOCAL),
	{ "loopback behind a prefix", ORIGIN_JAIL, J_BAN, 0, "::/64", "::1", "mail", MIN, NULL, NEVER },

	/* private ones: by a jail only where it may */
	BY_JAIL("9.255.255.255", "9.255.255.255", OK), BY_JAIL("10.0.0.0", NULL, PRIVATE),
	BY_JAIL("10.255.255.255", NULL, PRIVATE), BY_JAIL("11.0.0.0", "11.0.0.0", OK),
	BY_JAIL("172.15.255.255", "172.15.255.255", OK), BY_JAIL("172.16.0.0", NULL, PRIVATE),
	BY_JAIL("172.31.255.255", NULL, PRIVATE), BY_JAIL("172.32.0.0", "172.32.0.0", OK),
	BY_JAIL("192.168.0.1", NULL, PRIVATE), BY_JAIL("192.169.0.0", "192.169.0.0", OK),
	BY_JAIL("100.63.255.255", "100.63.255.255", OK), BY_JAIL("100.64.0.0", NULL, PRIVATE),
	BY_JAIL("100.127.255.255", NULL, PRIVATE), BY_JAIL("100.128.0.0", "100.128.0.0", OK),
	BY_JAIL("169.254.1.1", NULL, PRIVATE),
	BY_JAIL("fc00::/64", NULL, PRIVATE), BY_JAIL("fdff:ffff::/64", NULL, PRIVATE),
	WIDE("10.1.0.0/16", "10.1.2.3", "10.1.0.0/16", OK), WIDE("fd00::/48", "fd00::1", "fd00::/48", OK),
	BY_HAND("10.1.2.3", "10.1.2.3", OK), BY_HAND("192.168.0.0/16", "192.168.0.0/16", OK),

	/* how wide */
	BY_JAIL("203.0.113.8/31", NULL, WIDER), BY_JAIL("2001:db8:1:2::/64", "2001:db8:1:2::/64", OK),
	BY_JAIL("2001:db8:1:2::/63", NULL, WIDER), BY_JAIL("2001:db8:1:2::9", "2001:db8:1:2::9", OK),
	BY_JAIL("0.0.0.0/0", NULL, WIDER), BY_JAIL("::/0", NULL, WIDER),
	WIDE("203.0.0.0/16", "203.0.113.9", "203.0.0.0/16", OK), WIDE("203.0.0.0/15", "203.0.113.9", NULL, WIDER),
	WIDE("2001:db8:1::/48", "2001:db8:1::9", "2001:db8:1::/48", OK),
	WIDE("2001:db8:2::/47", "2001:db8:2::9", NULL, WIDER),
	BY_HAND("203.0.0.0/8", "203.0.0.0/8", OK), BY_HAND("202.0.0.0/7", NULL, WIDE_HAND),
	BY_HAND("2a00::/32", "2a00::/32", OK), BY_HAND("2a00::/31", NULL, WIDE_HAND),
	BY_HAND("0.0.0.0/0", NULL, WIDE_HAND), BY_HAND("::/0", NULL, WIDE_HAND),
	BY_HAND("64:ff9b::/96", "64:ff9b::/96", OK),

	/* allowed: the configuration's, and by hand */
	BY_JAIL("192.0.2.7", NULL, "192.0.2.0/24 is allowed"), BY_JAIL("192.0.3.0", "192.0.3.0", OK),
	BY_JAIL("198.51.100.7", NULL, "198.51.100.7 is allowed"), BY_JAIL("198.51.100.8", "198.51.100.8", OK),
	BY_JAIL("2001:db8:a:1::/64", NULL, "2001:db8:a::/48 is allowed"),
	BY_JAIL("198.51.100.77", NULL, "198.51.100.77 is allowed by hand"),
	BY_JAIL("198.51.100.78", "198.51.100.78", OK),
	BY_HAND("192.0.2.7", NULL, "192.0.2.0/24 is allowed"),
	BY_HAND("192.0.0.0/8", NULL, "192.0.2.0/24 is allowed"),
	BY_HAND("198.51.100.77", NULL, "198.51.100.77 is allowed by hand"),

	/* a prefix that holds something protected is narrowed to the host behind it */
	WIDE("198.51.0.0/16", "198.51.100.9", "198.51.100.9", OK),
	WIDE("198.51.0.0/16", "198.51.100.7", NULL, "198.51.100.7 is allowed"),
	WIDE("198.51.0.0/16", "198.51.100.77", NULL, "198.51.100.77 is allowed by hand"),
	WIDE("2001:db8:b::/48", "2001:db8:b:1::8", "2001:db8:b:1::8", OK),
	WIDE("2001:db8:a::/48", "2001:db8:a:1::8", NULL, "2001:db8:a::/48 is allowed"),
	{ "the /64 of an allowed host", ORIGIN_JAIL, J_BAN, 0, "2001:db8:b:1::/64", "2001:db8:b:1::8", "mail", MIN,
	  "2001:db8:b:1::8", OK },
	{ "no single host behind it", ORIGIN_JAIL, J_WIDE, 0, "198.51.0.0/16", "198.51.0.0/24", "web", HOUR, NULL,
	  "198.51.100.7 is allowed" },
	{ "no host behind it by hand", ORIGIN_HAND, J_NONE, 0, "198.51.0.0/16", NULL, "all", GOOD, NULL,
	  "198.51.100.7 is allowed" },
	{ "a typed IPv6 address by hand", ORIGIN_HAND, J_NONE, 0, "2001:db8:b:1::/64", "2001:db8:b:1::8", "all", GOOD,
	  "2001:db8:b:1::8", OK },
	{ "another's host", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", "203.0.113.8", "mail", MIN, NULL,
	  "the prefix does not hold its host" },
	{ "a host that is wider", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", "203.0.113.0/24", "mail", MIN, NULL,
	  "the prefix does not hold its host" },

	/* the jail's own action, scope and length */
	{ "at its longest, with a clock's slack", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "mail",
	  7 * DAY + SLACK, "203.0.113.9", OK },
	{ "a millisecond longer", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "mail", 7 * DAY + SLACK + 1, NULL, LONGER },
	{ "for good", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "mail", GOOD, NULL, LONGER },
	{ "past: nothing to refuse", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "mail", -DAY, "203.0.113.9", OK },
	{ "without grow: `for`", ORIGIN_JAIL, J_WIDE, 0, "203.0.113.9", NULL, "web", HOUR + SLACK + 1, NULL, LONGER },
	{ "another scope", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "ssh", MIN, NULL, "not the scope of the jail's ban" },
	{ "scope all", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "all", MIN, NULL, "not the scope of the jail's ban" },
	{ "no such scope", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "none", MIN, NULL, "no such scope" },
	{ "no such scope by hand", ORIGIN_HAND, J_NONE, 0, "203.0.113.9", NULL, "none", MIN, NULL, "no such scope" },
	{ "no such jail", ORIGIN_JAIL, 5, 0, "203.0.113.9", NULL, "mail", MIN, NULL, "no such jail or action" },
	{ "no jail", ORIGIN_JAIL, J_NONE, 0, "203.0.113.9", NULL, "mail", MIN, NULL, "no such jail or action" },
	{ "no such action", ORIGIN_JAIL, J_BAN, 2, "203.0.113.9", NULL, "mail", MIN, NULL, "no such jail or action" },
	{ "a notify", ORIGIN_JAIL, J_BAN, 1, "203.0.113.9", NULL, "mail", MIN, NULL, "the jail's action is no ban" },
	{ "a contain", ORIGIN_JAIL, J_CONTAIN, 0, "203.0.113.9", NULL, "all", GOOD, NULL, "the jail's action is no ban" },
	{ "a command", ORIGIN_JAIL, J_CMD, 0, "203.0.113.9", NULL, "all", MIN, NULL, "the jail's action is no ban" },
	{ "a ban beside a contain", ORIGIN_JAIL, J_CONTAIN, 1, "203.0.113.9", NULL, "mail", 6 * HOUR, "203.0.113.9", OK },
	{ "by hand in any scope, for good", ORIGIN_HAND, J_NONE, 0, "203.0.113.9", NULL, "ssh", GOOD, "203.0.113.9", OK },

	/* added again at a start: what a jail could, or what was set by hand */
	LEDGER("203.0.113.9", "mail", 7 * DAY, "203.0.113.9", OK),
	LEDGER("203.0.113.9", "mail", 7 * DAY + SLACK + 1, NULL, NO_JAIL),
	LEDGER("203.0.113.9", "mail", GOOD, NULL, NO_JAIL), LEDGER("203.0.113.9", "all", MIN, NULL, NO_JAIL),
	LEDGER("203.0.113.9", "ssh", MIN, NULL, NO_JAIL), LEDGER("203.0.113.9", "none", MIN, NULL, "no such scope"),
	LEDGER("10.1.2.3", "mail", MIN, NULL, NO_JAIL), LEDGER("10.1.2.3", "web", MIN, "10.1.2.3", OK),
	LEDGER("203.0.113.0/24", "mail", MIN, NULL, NO_JAIL), LEDGER("203.0.0.0/16", "web", MIN, "203.0.0.0/16", OK),
	LEDGER("203.0.0.0/8", "all", GOOD, "203.0.0.0/8", OK), LEDGER("203.0.0.0/8", "mail", MIN, NULL, NO_JAIL),
	LEDGER("10.9.9.9", "all", GOOD, "10.9.9.9", OK), LEDGER("2a00::/32", "mail", MIN, "2a00::/32", OK),
	LEDGER("2a00::/33", "mail", MIN, NULL, NO_JAIL),
	LEDGER("198.0.0.0/8", "mail", MIN, NULL, NO_JAIL),	/* set by hand, and past */
	LEDGER("198.51.100.7", "mail", MIN, NULL, "198.51.100.7 is allowed"),
	LEDGER("198.51.0.0/16", "web", MIN, NULL, "198.51.100.7 is allowed"),	/* of no single host */
};

static struct order_ban ban_order(const struct ban_row *row)
{
	struct order_ban o = {
		.head = { .id = 1, .type = ORDER_BAN, .origin = (uint16_t)row->origin,
			  .jail = (uint16_t)row->jail, .action = (uint16_t)row->action },
		.addr = addr_of(row->addr), .host = addr_of(row->host ? row->host : row->addr),
		.scope = scope(row->scope), .until_ms = row->length == GOOD ? GOOD : NOW + row->length,
	};

	return o;
}

static int judge(const struct check *c, const struct ban_row *row)
{
	struct order_ban o = ban_order(row);
	char why[102] = "", got[ADDR_TEXT_MAX] = "refused";
	struct addr addr;
	int r = check_ban(c, &o, &addr, why);

	if (r == 0)
		addr_print(&addr, got);
	else
		assert_int_equal(r, row->why == NULL || strcmp(row->why, NO_JAIL) != 0 ? -EPERM : -ESTALE);
	return differs(row->name, got, row->want ? row->want : "refused") ||
	       (r < 0 && differs(row->name, why, row->why ? row->why : ""));
}

static void ban_rows(void **state)
{
	struct check c = check(RIGHT_ALL);
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(bans); i++)
		wrong += judge(&c, &bans[i]);
	assert_int_equal(wrong, 0);
}

/* ---- who stands behind an order by hand ---- */

#define NO_SOCKET "no admin's connection came with the order"
#define NO_RIGHT "the operator's rights do not reach this"
#define NO_ADMIN "only an admin may order this"

static const struct {
	const char *name;
	uint16_t type;
	enum order_origin origin;
	bool admin;
	enum operator_right right;
	const char *why;
} hands[] = {
	{ "ban", ORDER_BAN, ORIGIN_HAND, true, RIGHT_BAN, OK },
	{ "ban, to read", ORDER_BAN, ORIGIN_HAND, true, RIGHT_READ, NO_RIGHT },
	{ "unban", ORDER_UNBAN, ORIGIN_HAND, true, RIGHT_BAN, OK },
	{ "unban, to read", ORDER_UNBAN, ORIGIN_HAND, true, RIGHT_READ, NO_RIGHT },
	{ "unban by a jail", ORDER_UNBAN, ORIGIN_JAIL, true, RIGHT_ALL, NO_ADMIN },
	{ "unban of the ledger", ORDER_UNBAN, ORIGIN_LEDGER, true, RIGHT_ALL, NO_ADMIN },
	{ "unban, nobody there", ORDER_UNBAN, ORIGIN_HAND, false, RIGHT_ALL, NO_SOCKET },
	{ "allow", ORDER_ALLOW, ORIGIN_HAND, true, RIGHT_ALL, OK },
	{ "allow, to ban", ORDER_ALLOW, ORIGIN_HAND, true, RIGHT_BAN, NO_RIGHT },
	{ "allow by a jail", ORDER_ALLOW, ORIGIN_JAIL, true, RIGHT_ALL, NO_ADMIN },
	{ "disallow", ORDER_DISALLOW, ORIGIN_HAND, true, RIGHT_ALL, OK },
	{ "disallow, to ban", ORDER_DISALLOW, ORIGIN_HAND, true, RIGHT_BAN, NO_RIGHT },
	{ "disallow, nobody there", ORDER_DISALLOW, ORIGIN_HAND, false, RIGHT_ALL, NO_SOCKET },
	{ "reload", ORDER_RELOAD, ORIGIN_HAND, true, RIGHT_ALL, OK },
	{ "reload, to ban", ORDER_RELOAD, ORIGIN_HAND, true, RIGHT_BAN, NO_RIGHT },
	{ "reload by a jail", ORDER_RELOAD, ORIGIN_JAIL, true, RIGHT_ALL, NO_ADMIN },
	{ "teardown", ORDER_TEARDOWN, ORIGIN_HAND, true, RIGHT_ALL, OK },
	{ "teardown, to ban", ORDER_TEARDOWN, ORIGIN_HAND, true, RIGHT_BAN, NO_RIGHT },
	{ "teardown by the engine", ORDER_TEARDOWN, ORIGIN_JAIL, false, RIGHT_READ, NO_ADMIN },
	{ "teardown, nobody there", ORDER_TEARDOWN, ORIGIN_HAND, false, RIGHT_ALL, NO_SOCKET },
};

static void hand_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hands); i++) {
		struct order_head h = { .type = hands[i].type, .origin = (uint16_t)hands[i].origin, .jail = ORDER_NO_JAIL };
		struct check c = check(hands[i].right);
		char why[102] = "";
		int r;

		c.admin = hands[i].admin;
		r = check_hand(&c, &h, why);
		if (r != (hands[i].why ? -EPERM : 0) || strcmp(why, hands[i].why ? hands[i].why : "") != 0)
			fail_msg("%s: %d %s", hands[i].name, r, why);
	}
}

/* Every type but a ban, its end, and a look at the queue takes all rights; none is forgotten in the table. */
static void rights_of_every_type(void **state)
{
	(void)state;
	for (uint16_t type = ORDER_NONE + 1; type < ORDER_TYPES; type++) {
		bool by_ban = type == ORDER_BAN || type == ORDER_UNBAN;
		bool by_read = type == ORDER_QUEUE_LIST;
		struct order_head h = { .type = type, .origin = ORIGIN_HAND };
		struct check c = check(RIGHT_READ);
		char why[102];

		assert_int_equal(check_hand(&c, &h, why), by_read ? 0 : -EPERM);
		c.right = RIGHT_BAN;
		assert_int_equal(check_hand(&c, &h, why), by_ban || by_read ? 0 : -EPERM);
		c.right = RIGHT_ALL;
		assert_int_equal(check_hand(&c, &h, why), 0);
		c.admin = false;
		assert_int_equal(check_hand(&c, &h, why), -EPERM);
	}
}

static void bans_by_whom(void **state)
{
	struct ban_row row = BY_HAND("203.0.113.9", "203.0.113.9", OK);
	struct check c = check(RIGHT_BAN);

	(void)state;
	assert_int_equal(judge(&c, &row), 0);
	c.right = RIGHT_READ;
	row.want = NULL;
	row.why = NO_RIGHT;
	assert_int_equal(judge(&c, &row), 0);
	c.right = RIGHT_ALL;
	c.admin = false;
	row.why = NO_SOCKET;
	assert_int_equal(judge(&c, &row), 0);
}

/* ---- accounts ---- */

#define PROTECTED "the account is on `protect`"
#define BY_HAND_PROTECTED "the account was protected by hand"
#define NO_NAME "not an account's canonical name"
#define STALE "the evidence is older than accounts.stale"

struct account_row {
	const char *label;
	uint16_t type;
	enum order_origin origin;
	unsigned jail, action;
	const char *name;
	int64_t ago;		/* the evidence's age, ms */
	const char *why;
};

static const struct account_row accounts[] = {
	{ "lock", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, OK },
	{ "lock of a contain", ORDER_LOCK, ORIGIN_JAIL, J_CONTAIN, 0, "joe@example.com", 0, OK },
	{ "deny", ORDER_DENY, ORIGIN_JAIL, J_LOCK, 1, "joe", 0, OK },
	{ "park", ORDER_PARK, ORIGIN_JAIL, J_LOCK, 2, "joe", 0, OK },
	{ "kick", ORDER_KICK, ORIGIN_JAIL, J_LOCK, 3, "joe", 0, OK },
	{ "hold", ORDER_HOLD, ORIGIN_JAIL, J_LOCK, 4, "joe", 0, OK },
	{ "deny of a contain", ORDER_DENY, ORIGIN_JAIL, J_CONTAIN, 0, "joe", 0, OK },
	{ "hold of a contain", ORDER_HOLD, ORIGIN_JAIL, J_CONTAIN, 0, "joe", 0, OK },
	{ "lock, by a deny", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 1, "joe", 0, "the jail's action is no lock" },
	{ "deny, by a lock", ORDER_DENY, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, "the jail's action is no deny" },
	{ "park in place of a lock", ORDER_PARK, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, OK },
	{ "park in place of a deny", ORDER_PARK, ORIGIN_JAIL, J_LOCK, 1, "joe", 0, OK },
	{ "park, by a kick", ORDER_PARK, ORIGIN_JAIL, J_LOCK, 3, "joe", 0, "the jail's action is no park" },
	{ "kick, by a lock", ORDER_KICK, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, "the jail's action is no kick" },
	{ "hold, by a lock", ORDER_HOLD, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, "the jail's action is no hold" },
	{ "lock, by a ban", ORDER_LOCK, ORIGIN_JAIL, J_BAN, 0, "joe", 0, "the jail's action is no lock" },
	{ "lock, by a notify", ORDER_LOCK, ORIGIN_JAIL, J_BAN, 1, "joe", 0, "the jail's action is no lock" },
	{ "lock, no such jail", ORDER_LOCK, ORIGIN_JAIL, 5, 0, "joe", 0, "the jail's action is no lock" },
	{ "lock, no such action", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 5, "joe", 0, "the jail's action is no lock" },
	{ "lock of the ledger", ORDER_LOCK, ORIGIN_LEDGER, J_LOCK, 0, "joe", 0, NO_ADMIN },
	{ "unlock by a jail", ORDER_UNLOCK, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, NO_ADMIN },
	{ "protect by a jail", ORDER_PROTECT, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, NO_ADMIN },
	{ "undo by a jail", ORDER_UNDO, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, NO_ADMIN },
	{ "release by a jail", ORDER_RELEASE, ORIGIN_JAIL, J_CONTAIN, 0, "joe", 0, NO_ADMIN },
	{ "purge by a jail", ORDER_PURGE, ORIGIN_JAIL, J_CONTAIN, 0, "joe", 0, NO_ADMIN },
	{ "undo of the ledger", ORDER_UNDO, ORIGIN_LEDGER, J_LOCK, 0, "joe", 0, NO_ADMIN },

	/* how old the evidence may be */
	{ "as old as may be", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe", HOUR, OK },
	{ "older", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe", HOUR + 1, STALE },
	{ "of 1970", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe", NOW, STALE },
	{ "old, by hand", ORDER_LOCK, ORIGIN_HAND, J_NONE, 0, "joe", 30 * DAY, OK },

	/* the one form of a name */
	{ "upper case", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "Joe", 0, NO_NAME },
	{ "no name", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "", 0, NO_NAME },
	{ "an option", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "-u", 0, NO_NAME },
	{ "a path", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "../joe", 0, NO_NAME },
	{ "a blank", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe ann", 0, NO_NAME },
	{ "two lines", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe\nann", 0, NO_NAME },
	{ "two names", ORDER_HOLD, ORIGIN_JAIL, J_LOCK, 4, "joe,ann", 0, NO_NAME },
	{ "a passwd field", ORDER_LOCK, ORIGIN_HAND, J_NONE, 0, "joe:x", 0, NO_NAME },
	{ "protect, upper case", ORDER_PROTECT, ORIGIN_HAND, J_NONE, 0, "JOE", 0, NO_NAME },
	{ "undo names nobody", ORDER_UNDO, ORIGIN_HAND, J_NONE, 0, "", 0, OK },
	{ "purge names nobody", ORDER_PURGE, ORIGIN_HAND, J_NONE, 0, "", 0, OK },
	{ "release names nobody", ORDER_RELEASE, ORIGIN_HAND, J_NONE, 0, "", 0, OK },

	/* protected: for every step, and by hand as well */
	{ "protected", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "postmaster", 0, PROTECTED },
	{ "with its local domain", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "postmaster@example.com", 0, PROTECTED },
	{ "of another domain", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "postmaster@example.org", 0, OK },
	{ "protected, deny", ORDER_DENY, ORIGIN_JAIL, J_LOCK, 1, "postmaster", 0, PROTECTED },
	{ "protected, park", ORDER_PARK, ORIGIN_JAIL, J_LOCK, 2, "postmaster", 0, PROTECTED },
	{ "protected, kick", ORDER_KICK, ORIGIN_JAIL, J_LOCK, 3, "postmaster", 0, PROTECTED },
	{ "protected, hold", ORDER_HOLD, ORIGIN_JAIL, J_LOCK, 4, "postmaster", 0, PROTECTED },
	{ "protected, by hand", ORDER_LOCK, ORIGIN_HAND, J_NONE, 0, "postmaster", 0, PROTECTED },
	{ "by hand protected", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "ceo@example.com", 0, BY_HAND_PROTECTED },
	{ "by hand protected, by hand", ORDER_LOCK, ORIGIN_HAND, J_NONE, 0, "ceo@example.com", 0, BY_HAND_PROTECTED },
	{ "by hand protected, hold", ORDER_HOLD, ORIGIN_JAIL, J_CONTAIN, 0, "ceo@example.com", 0, BY_HAND_PROTECTED },
	{ "protected no longer", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "once@example.com", 0, OK },
	{ "unlocking is no harm", ORDER_UNLOCK, ORIGIN_HAND, J_NONE, 0, "postmaster", 0, OK },
	{ "lock by hand", ORDER_LOCK, ORIGIN_HAND, J_NONE, 0, "joe", 0, OK },
};

static int judge_account(const struct check *c, const struct account_row *row)
{
	struct order_account o = {
		.head = { .id = 1, .type = row->type, .origin = (uint16_t)row->origin,
			  .jail = (uint16_t)row->jail, .action = (uint16_t)row->action },
		.at_ms = NOW - row->ago,
	};
	char why[102] = "";
	int r;

	snprintf(o.name, sizeof(o.name), "%s", row->name);
	r = check_account(c, &o, why);
	assert_true(r == 0 || r == -EPERM);
	return differs(row->label, r ? why : "", row->why ? row->why : "");
}

static void account_rows(void **state)
{
	struct check c = check(RIGHT_ALL);
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(accounts); i++)
		wrong += judge_account(&c, &accounts[i]);
	assert_int_equal(wrong, 0);
}

/* Whatever `act` says, hands may; a jail only with `yes`. */
static void acts(void **state)
{
	static const struct { enum act act; const char *why; } rows[] = {
		{ ACT_YES, OK }, { ACT_PROPOSE, "accounts: act is not yes" }, { ACT_NO, "accounts: act is not yes" },
	};
	struct check c = check(RIGHT_ALL);
	struct config config = *made.config;

	(void)state;
	c.config = &config;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct account_row jail = { "jail", ORDER_LOCK, ORIGIN_JAIL, J_LOCK, 0, "joe", 0, rows[i].why };
		struct account_row by_hand = { "hand", ORDER_LOCK, ORIGIN_HAND, J_NONE, 0, "joe", 0, OK };

		config.accounts.act = rows[i].act;
		assert_int_equal(judge_account(&c, &jail), 0);
		assert_int_equal(judge_account(&c, &by_hand), 0);
	}
}

static void accounts_by_whom(void **state)
{
	static const uint16_t types[] = {
		ORDER_LOCK, ORDER_UNLOCK, ORDER_PROTECT, ORDER_UNDO, ORDER_DENY, ORDER_PARK, ORDER_KICK, ORDER_HOLD,
		ORDER_RELEASE, ORDER_PURGE,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct account_row row = { "whom", types[i], ORIGIN_HAND, J_NONE, 0, "joe", 0, OK };
		struct check c = check(RIGHT_ALL);

		assert_int_equal(judge_account(&c, &row), 0);
		c.right = RIGHT_BAN;
		row.why = NO_RIGHT;
		assert_int_equal(judge_account(&c, &row), 0);
		c.right = RIGHT_ALL;
		c.admin = false;
		row.why = NO_SOCKET;
		assert_int_equal(judge_account(&c, &row), 0);
	}
}

/* ---- sockets cut, commands, mails ---- */

static const struct ban_row cuts[] = {
	{ "of a contain", ORIGIN_JAIL, J_CONTAIN, 0, "203.0.113.9", NULL, "mail", 0, "", OK },
	{ "of a lock", ORIGIN_JAIL, J_LOCK, 0, "203.0.113.9", NULL, "mail", 0, NULL, "the jail's action is no contain" },
	{ "of a ban", ORIGIN_JAIL, J_BAN, 0, "203.0.113.9", NULL, "mail", 0, NULL, "the jail's action is no contain" },
	{ "no such jail", ORIGIN_JAIL, 5, 0, "203.0.113.9", NULL, "mail", 0, NULL, "the jail's action is no contain" },
	{ "of the ledger", ORIGIN_LEDGER, J_CONTAIN, 0, "203.0.113.9", NULL, "mail", 0, NULL,
	  "the jail's action is no contain" },
	{ "by hand", ORIGIN_HAND, J_NONE, 0, "203.0.113.9", NULL, "mail", 0, "", OK },
	{ "everything", ORIGIN_HAND, J_NONE, 0, "203.0.113.9", NULL, "all", 0, NULL, "no scope of a service" },
	{ "no such scope", ORIGIN_JAIL, J_CONTAIN, 0, "203.0.113.9", NULL, "none", 0, NULL, "no scope of a service" },
	{ "a prefix", ORIGIN_JAIL, J_CONTAIN, 0, "203.0.113.0/31", NULL, "mail", 0, NULL, "not one address" },
	{ "IPv6, a prefix", ORIGIN_JAIL, J_CONTAIN, 0, "2001:db8::/64", NULL, "mail", 0, NULL, "not one address" },
	{ "an allowed one", ORIGIN_JAIL, J_CONTAIN, 0, "192.0.2.7", NULL, "mail", 0, NULL, "192.0.2.0/24 is allowed" },
	{ "an allowed one, by hand", ORIGIN_HAND, J_NONE, 0, "198.51.100.77", NULL, "mail", 0, NULL,
	  "198.51.100.77 is allowed by hand" },
};

static void cut_rows(void **state)
{
	struct check c = check(RIGHT_ALL);
	struct config propose = *made.config;
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cuts); i++) {
		struct order_ban o = ban_order(&cuts[i]);
		char why[102] = "";
		int r;

		o.head.type = ORDER_CUT;
		r = check_cut(&c, &o, why);
		assert_true(r == 0 || r == -EPERM);
		wrong += differs(cuts[i].name, r ? why : "", cuts[i].why ? cuts[i].why : "");
		/* A jail's hands are bound where accounts are not acted on. */
		propose.accounts.act = ACT_PROPOSE;
		c.config = &propose;
		assert_int_equal(check_cut(&c, &o, why), cuts[i].why || cuts[i].origin != ORIGIN_HAND ? -EPERM : 0);
		c.config = made.config;
	}
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *name;
	enum order_origin origin;
	unsigned jail, action, undo;
	bool admin;
	const char *why;
} runs[] = {
	{ "by its jail", ORIGIN_JAIL, J_CMD, 0, 0, false, OK },
	{ "by another action", ORIGIN_JAIL, J_BAN, 0, 0, true, "the jail's action is no run" },
	{ "no such action", ORIGIN_JAIL, J_CMD, 1, 0, true, "the jail's action is no run" },
	{ "no such jail", ORIGIN_JAIL, 5, 0, 0, true, "the jail's action is no run" },
	{ "at a start", ORIGIN_LEDGER, J_CMD, 0, 0, true, "commands are not repeated at a start" },
	{ "undo by hand", ORIGIN_HAND, J_CMD, 0, 1, true, OK },
	{ "undo, nobody there", ORIGIN_HAND, J_CMD, 0, 1, false, NO_SOCKET },
	{ "undo by the jail", ORIGIN_JAIL, J_CMD, 0, 1, true, NO_ADMIN },
	{ "undo of the ledger", ORIGIN_LEDGER, J_CMD, 0, 1, true, NO_ADMIN },
};

static void run_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(runs); i++) {
		struct order_run o = {
			.head = { .type = ORDER_RUN, .origin = (uint16_t)runs[i].origin,
				  .jail = (uint16_t)runs[i].jail, .action = (uint16_t)runs[i].action },
			.undo = runs[i].undo,
		};
		struct check c = check(RIGHT_ALL);
		char why[102] = "";

		c.admin = runs[i].admin;
		assert_int_equal(check_run(&c, &o, why), runs[i].why ? -EPERM : 0);
		assert_int_equal(differs(runs[i].name, why, runs[i].why ? runs[i].why : ""), 0);
	}
}

static const struct { const char *name; bool mail; uint32_t alert; unsigned jail; const char *why; } mails[] = {
	{ "of a jail", true, 1, J_BAN, OK }, { "of none: the digest", true, 0, J_NONE, OK },
	{ "no such jail", true, 1, 5, "no such jail" },
	{ "nobody to write to: an alert goes to syslog", false, 1, J_BAN, OK },
	{ "nobody to write to, no alert", false, 0, J_NONE, "notify: mail is not set" },
};

static void mail_rows(void **state)
{
	struct check c = check(RIGHT_READ);
	struct config config = *made.config;

	(void)state;
	c.config = &config;
	for (size_t i = 0; i < COUNT(mails); i++) {
		struct order_mail o = {
			.head = { .type = ORDER_NOTIFY, .jail = (uint16_t)mails[i].jail }, .alert = mails[i].alert,
		};
		char why[102] = "";

		config.notify.mail = mails[i].mail ? made.config->notify.mail : NULL;
		assert_int_equal(check_mail(&c, &o, why), mails[i].why ? -EPERM : 0);
		assert_int_equal(differs(mails[i].name, why, mails[i].why ? mails[i].why : ""), 0);
	}
}

/* ---- this host's own addresses and gateways ---- */

#define OWN " is this host's own address"
static const struct ban_row owns[] = {
	BY_JAIL("203.0.113.5", NULL, "203.0.113.5" OWN),
	BY_JAIL("203.0.113.1", NULL, "203.0.113.1 is a gateway"),
	BY_JAIL("203.0.113.6", "203.0.113.6", OK),	/* a neighbour */
	BY_JAIL("2001:db8:77::/64", NULL, "2001:db8:77::5" OWN),
	BY_HAND("203.0.113.5", NULL, "203.0.113.5" OWN), BY_HAND("203.0.113.0/24", NULL, "203.0.113.1 is a gateway"),
	BY_HAND("203.0.113.4/30", NULL, "203.0.113.5" OWN), BY_HAND("203.0.0.0/8", NULL, "203.0.113.1 is a gateway"),
	LEDGER("203.0.113.5", "mail", MIN, NULL, "203.0.113.5" OWN),
	LEDGER("203.0.0.0/8", "all", GOOD, NULL, "203.0.113.1 is a gateway"),
	WIDE("203.0.0.0/16", "203.0.113.6", "203.0.113.6", OK),
	WIDE("203.0.0.0/16", "203.0.113.5", NULL, "203.0.113.5" OWN),
	WIDE("203.0.0.0/16", "203.0.113.1", NULL, "203.0.113.1 is a gateway"),
	WIDE("2001:db8:77::/48", "2001:db8:77::6", "2001:db8:77::6", OK),
	{ "a neighbour's /64 is ours", ORIGIN_JAIL, J_BAN, 0, "2001:db8:77::/64", "2001:db8:77::6", "mail", MIN,
	  "2001:db8:77::6", OK },
};

static void own_addresses(void **state)
{
	struct check c = check(RIGHT_ALL);
	int wrong = 0;

	(void)state;
	if (!netns_enter("check_test, own addresses"))
		skip();
	assert_int_equal(RUN("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"), 0);
	assert_int_equal(RUN("ip", "link", "set", "v0", "up"), 0);
	assert_int_equal(RUN("ip", "addr", "add", "203.0.113.5/24", "dev", "v0"), 0);
	assert_int_equal(RUN("ip", "addr", "add", "2001:db8:77::5/64", "dev", "v0", "nodad"), 0);
	assert_int_equal(RUN("ip", "route", "add", "default", "via", "203.0.113.1"), 0);
	assert_int_equal(own_open(&c.own), 0);
	for (size_t i = 0; i < COUNT(owns); i++)
		wrong += judge(&c, &owns[i]);
	own_close(&c.own);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ban_rows), cmocka_unit_test(hand_rows), cmocka_unit_test(rights_of_every_type),
		cmocka_unit_test(bans_by_whom), cmocka_unit_test(account_rows), cmocka_unit_test(acts),
		cmocka_unit_test(accounts_by_whom), cmocka_unit_test(cut_rows), cmocka_unit_test(run_rows),
		cmocka_unit_test(mail_rows), cmocka_unit_test(own_addresses),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
