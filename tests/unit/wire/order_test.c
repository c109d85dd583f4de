/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shape of orders: whole and sane, or nonsense; policy is for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/addr.h"
#include "wire/order.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

union any {
	struct order_head head;
	struct order_ban ban;
	struct order_account account;
	struct order_hold hold;
	struct order_run run;
	struct order_mail mail;
	char bytes[131072];
};

static union any o;

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

/* A good one of each type; the rest of the bytes is zero. */
static void good(uint16_t type)
{
	memset(&o, 0, sizeof(o));
	o.head = (struct order_head){ .id = 7, .type = type, .jail = 1 };
	if (type == ORDER_RUN) {
		o.run.len = 12;
		memcpy(o.run.values, "ip\0" "1.2.3.44", 12);
	} else if (type == ORDER_NOTIFY) {
		strcpy(o.mail.subject, "a subject");
		o.mail.len = 4;
		memcpy(o.mail.body, "hi!\n", 4);
	} else if (order_size(type) == sizeof(struct order_ban)) {
		o.ban.addr = addr_of("203.0.113.0/24");
		o.ban.host = addr_of("203.0.113.9");
		o.ban.until_ms = 1;
	} else if (type < ORDER_QUEUE_LIST || type > ORDER_QUEUE_PURGE) {
		strcpy(o.account.name, "joe");
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(order_name(ORDER_BAN), "ban");
	assert_string_equal(order_name(ORDER_UNDO), "undo");
	assert_string_equal(order_name(ORDER_NONE), "?");
	assert_string_equal(order_name(ORDER_TYPES), "?");
	assert_string_equal(order_name(0xffff), "?");
	assert_int_equal(order_size(ORDER_NONE), 0);
	assert_int_equal(order_size(ORDER_TYPES), 0);
	assert_int_equal(order_size(0xffff), 0);
	assert_string_equal(outcome_name(OUTCOME_DONE), "done");
	assert_string_equal(outcome_name(OUTCOME_PROPOSED), "proposed");
	assert_string_equal(outcome_name(OUTCOME_PROPOSED + 1), "?");
	for (uint16_t t = ORDER_NONE + 1; t < ORDER_TYPES; t++) {
		assert_int_not_equal(order_size(t), 0);
		assert_int_equal(order_size(t) % 8, 0);
		assert_string_not_equal(order_name(t), "?");
	}
}

/* Every type alone: good as it is; cut by any byte, or one too long, nonsense. */
static void sizes(void **state)
{
	(void)state;
	for (uint16_t t = ORDER_NONE + 1; t < ORDER_TYPES; t++) {
		good(t);
		if (order_check(&o, order_size(t)) != 0)
			fail_msg("%s", order_name(t));
		for (size_t n = 0; n < order_size(t); n += n < 32 ? 1 : 97)
			assert_int_equal(order_check(&o, n), -EBADMSG);
		assert_int_equal(order_check(&o, order_size(t) + 1), -EBADMSG);
		assert_int_equal(order_check(&o, 2 * order_size(t)), -EBADMSG);
	}
}

static void several(void **state)
{
	const size_t n = sizeof(struct order_ban) + sizeof(struct order_account);
	struct order_account lock;
	const struct order_head *h;
	size_t at = 0;

	(void)state;
	good(ORDER_LOCK);
	lock = o.account;
	good(ORDER_BAN);
	memcpy(o.bytes + sizeof(struct order_ban), &lock, sizeof(lock));
	assert_int_equal(order_next(&o, n, &at, &h), 1);
	assert_ptr_equal(h, &o);
	assert_int_equal(at, sizeof(struct order_ban));
	assert_int_equal(order_next(&o, n, &at, &h), 1);
	assert_int_equal(h->type, ORDER_LOCK);
	assert_int_equal(at, n);
	assert_int_equal(order_next(&o, n, &at, &h), 0);
	at = sizeof(struct order_ban);
	assert_int_equal(order_next(&o, n - 1, &at, &h), -EBADMSG);
	assert_int_equal(at, sizeof(struct order_ban));
	at = 0;
	assert_int_equal(order_next(&o, 0, &at, &h), 0);
}

static const struct { const char *name; struct addr addr; bool good; } addrs[] = {
	{ "host", { { 203, 0, 113, 9 }, ADDR_V4, 32 }, true },
	{ "prefix", { { 203, 0, 113 }, ADDR_V4, 24 }, true },
	{ "everything", { { 0 }, ADDR_V4, 0 }, true },
	{ "host bits set", { { 203, 0, 113, 9 }, ADDR_V4, 24 }, false },
	{ "one host bit set", { { 203, 0, 113, 1 }, ADDR_V4, 31 }, false },
	{ "bytes behind IPv4", { { 203, 0, 113, 9, 1 }, ADDR_V4, 32 }, false },
	{ "last byte behind IPv4", { { 203, 0, 113, 9, [15] = 1 }, ADDR_V4, 32 }, false },
	{ "too long for IPv4", { { 203, 0, 113, 9 }, ADDR_V4, 33 }, false },
	{ "no family", { { 203, 0, 113, 9 }, ADDR_NONE, 32 }, false },
	{ "another family", { { 203, 0, 113, 9 }, 5, 32 }, false },
	{ "IPv6", { { 0x20, 1, 0xd, 0xb8, [15] = 1 }, ADDR_V6, 128 }, true },
	{ "IPv6 prefix", { { 0x20, 1, 0xd, 0xb8 }, ADDR_V6, 32 }, true },
	{ "IPv6 host bits", { { 0x20, 1, 0xd, 0xb8, [15] = 1 }, ADDR_V6, 127 }, false },
	{ "too long for IPv6", { { 0x20, 1, 0xd, 0xb8 }, ADDR_V6, 129 }, false },
	{ "IPv4 in IPv6", { { [10] = 0xff, [11] = 0xff, 203, 0, 113, 9 }, ADDR_V6, 128 }, false },
	{ "all IPv4 in IPv6", { { [10] = 0xff, [11] = 0xff }, ADDR_V6, 96 }, false },
	{ "wider than that", { { [10] = 0xff, [11] = 0xfe }, ADDR_V6, 95 }, true },
};

static void addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addrs); i++) {
		good(ORDER_BAN);
		o.ban.addr = o.ban.host = addrs[i].addr;
		if (order_check(&o, sizeof(o.ban)) != (addrs[i].good ? 0 : -EBADMSG))
			fail_msg("addr: %s", addrs[i].name);
		good(ORDER_BAN);
		o.ban.host = addrs[i].addr;
		if (o.ban.host.family == ADDR_V6)
			o.ban.addr = addr_of("2001:db8::/32");
		if (order_check(&o, sizeof(o.ban)) != (addrs[i].good ? 0 : -EBADMSG))
			fail_msg("host: %s", addrs[i].name);
	}
	good(ORDER_BAN);
	o.ban.host = addr_of("2001:db8::1");
	assert_int_equal(order_check(&o, sizeof(o.ban)), -EBADMSG);
}

enum breakage {
	TYPE_NONE, TYPE_PAST, TYPE_BIG, ORIGIN_PAST, UNTIL_BEFORE, NAME_OPEN, AT_BEFORE, UNDO_2, VALUES_PAST,
	VALUES_OPEN, VALUES_ODD, BODY_PAST, BODY_NUL, ALERT_2, SUBJECT_OPEN,
	A_NAME, TOO_MANY, AN_OPTION, NO_ID, ID_OPEN,
};

static const struct { const char *name; uint16_t type; enum breakage how; } broken[] = {
	{ "type 0", ORDER_BAN, TYPE_NONE },
	{ "type past the last", ORDER_BAN, TYPE_PAST },
	{ "type 65535", ORDER_BAN, TYPE_BIG },
	{ "origin", ORDER_BAN, ORIGIN_PAST },
	{ "origin of an account step", ORDER_LOCK, ORIGIN_PAST },
	{ "an end before 1970", ORDER_BAN, UNTIL_BEFORE },
	{ "a name without end", ORDER_LOCK, NAME_OPEN },
	{ "a name without end", ORDER_UNDO, NAME_OPEN },
	{ "evidence before 1970", ORDER_LOCK, AT_BEFORE },
	{ "undo: 2", ORDER_RUN, UNDO_2 },
	{ "values past the field", ORDER_RUN, VALUES_PAST },
	{ "a value without end", ORDER_RUN, VALUES_OPEN },
	{ "a name without value", ORDER_RUN, VALUES_ODD },
	{ "body past the field", ORDER_NOTIFY, BODY_PAST },
	{ "NUL in the body", ORDER_NOTIFY, BODY_NUL },
	{ "alert: 2", ORDER_NOTIFY, ALERT_2 },
	{ "a subject without end", ORDER_NOTIFY, SUBJECT_OPEN },
	{ "whose queue", ORDER_QUEUE_LIST, A_NAME },
	{ "whose messages", ORDER_QUEUE_PURGE, A_NAME },
	{ "too many messages", ORDER_QUEUE_HOLD, TOO_MANY },
	{ "too many messages", ORDER_HOLD, TOO_MANY },
	{ "an id that is an option", ORDER_QUEUE_PURGE, AN_OPTION },
	{ "no id", ORDER_QUEUE_RELEASE, NO_ID },
	{ "an id without end", ORDER_QUEUE_HOLD, ID_OPEN },
};

static void break_it(enum breakage how)
{
	switch (how) {
	case TYPE_NONE: o.head.type = ORDER_NONE; break;
	case TYPE_PAST: o.head.type = ORDER_TYPES; break;
	case TYPE_BIG: o.head.type = 0xffff; break;
	case ORIGIN_PAST: o.head.origin = ORIGIN_LEDGER + 1; break;
	case UNTIL_BEFORE: o.ban.until_ms = -1; break;
	case NAME_OPEN: memset(o.account.name, 'a', sizeof(o.account.name)); break;
	case AT_BEFORE: o.account.at_ms = -1; break;
	case UNDO_2: o.run.undo = 2; break;
	case VALUES_PAST: o.run.len = sizeof(o.run.values) + 1; break;
	case VALUES_OPEN: o.run.len = 11; break;
	case VALUES_ODD: o.run.len = 3; break;
	case BODY_PAST: o.mail.len = sizeof(o.mail.body) + 1; break;
	case BODY_NUL: o.mail.len = 5; break;
	case ALERT_2: o.mail.alert = 2; break;
	case SUBJECT_OPEN: memset(o.mail.subject, 'a', sizeof(o.mail.subject)); break;
	case A_NAME: strcpy(o.account.name, "joe"); break;
	case TOO_MANY: o.hold.n = ORDER_QUEUED_MAX + 1; break;
	case AN_OPTION: strcpy(o.hold.v[0].id, "-d"); o.hold.n = 1; break;
	case NO_ID: o.hold.n = 1; break;
	case ID_OPEN: memset(o.hold.v[0].id, 'A', sizeof(o.hold.v[0].id)); o.hold.n = 1; break;
	}
}

static void nonsense(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		good(broken[i].type);
		break_it(broken[i].how);
		if (order_check(&o, order_size(broken[i].type)) != -EBADMSG)
			fail_msg("%s", broken[i].name);
	}
}

/* What only just fits its field. */
static void just_fits(void **state)
{
	(void)state;
	good(ORDER_LOCK);
	memset(o.account.name, 'a', sizeof(o.account.name) - 1);
	o.account.at_ms = INT64_MAX;
	assert_int_equal(order_check(&o, sizeof(o.account)), 0);
	good(ORDER_RUN);
	memset(o.run.values, 0, sizeof(o.run.values));
	o.run.len = sizeof(o.run.values);
	o.run.undo = 1;
	assert_int_equal(order_check(&o, sizeof(o.run)), 0);
	o.run.len = 0;
	assert_int_equal(order_check(&o, sizeof(o.run)), 0);
	good(ORDER_NOTIFY);
	memset(o.mail.subject, 'a', sizeof(o.mail.subject) - 1);
	memset(o.mail.body, 'a', sizeof(o.mail.body));
	o.mail.len = sizeof(o.mail.body);
	o.mail.alert = 1;
	assert_int_equal(order_check(&o, sizeof(o.mail)), 0);
	good(ORDER_BAN);
	o.ban.until_ms = INT64_MAX;
	o.ban.scope = ORDER_ANY_SCOPE;
	assert_int_equal(order_check(&o, sizeof(o.ban)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(sizes), cmocka_unit_test(several),
		cmocka_unit_test(addresses), cmocka_unit_test(nonsense), cmocka_unit_test(just_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
