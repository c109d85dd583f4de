/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an order may look like, whoever sent it. The privileged side calls
 * this before it reads a field: sizes, enums, termination and canonical
 * addresses are settled here, so the checks behind it can speak of policy.
 */
#include "wire/order.h"

#include <errno.h>
#include <string.h>

static bool terminated(const char *p, size_t n)
{
	return memchr(p, 0, n) != NULL;
}

static bool address_ok(const struct addr *a)
{
	static const uint8_t none[sizeof(a->b)];
	unsigned bits = a->family == ADDR_V4 ? 32 : 128, used = (a->len + 7u) / 8;

	if (a->family != ADDR_V4 && a->family != ADDR_V6)
		return false;
	if (a->len > bits)
		return false;
	if (a->len % 8 && a->b[used - 1] & (0xffu >> (a->len % 8)))
		return false;
	if (memcmp(a->b + used, none, sizeof(none) - used) != 0)
		return false;
	/* ::ffff:0:0/96 has a name of its own: IPv4. */
	return !(a->family == ADDR_V6 && a->len >= 96 &&
		 memcmp(a->b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0);
}

static bool ban_ok(const void *p)
{
	const struct order_ban *o = p;

	return address_ok(&o->addr) && address_ok(&o->host) &&
	       o->addr.family == o->host.family && o->until_ms >= 0;
}

static bool bare_ok(const void *p)
{
	(void)p;
	return true;
}

static bool account_ok(const void *p)
{
	const struct order_account *o = p;

	return terminated(o->name, sizeof(o->name)) && o->at_ms >= 0;
}

static bool queue_id_ok(const char id[ORDER_QUEUE_ID_MAX])
{
	size_t n = strnlen(id, ORDER_QUEUE_ID_MAX);

	for (size_t i = 0; i < n; i++)
		if (!(id[i] >= '0' && id[i] <= '9') && !((id[i] | 32) >= 'a' && (id[i] | 32) <= 'z'))
			return false;
	return n > 0 && n < ORDER_QUEUE_ID_MAX;
}

static bool hold_ok(const void *p)
{
	const struct order_hold *o = p;

	if (!account_ok(&o->account) || o->n > ORDER_QUEUED_MAX)
		return false;
	for (uint32_t i = 0; i < o->n; i++)
		if (!queue_id_ok(o->v[i].id))
			return false;
	return true;
}

/* By hand on messages, not on an account: who handed them in is not named. */
static bool nobody_ok(const void *p)
{
	const struct order_account *o = p;

	return account_ok(p) && o->name[0] == 0;
}

static bool queue_ok(const void *p)
{
	return nobody_ok(p) && hold_ok(p);
}

static bool run_ok(const void *p)
{
	const struct order_run *o = p;
	size_t ends = 0;

	if (o->undo > 1 || o->len > sizeof(o->values))
		return false;
	for (uint32_t i = 0; i < o->len; i++)
		ends += o->values[i] == 0;
	return ends % 2 == 0 && (o->len == 0 || o->values[o->len - 1] == 0);
}

static bool mail_ok(const void *p)
{
	const struct order_mail *o = p;

	return o->len <= sizeof(o->body) && o->alert <= 1 &&
	       terminated(o->subject, sizeof(o->subject)) &&
	       terminated(o->user, sizeof(o->user)) &&
	       !memchr(o->body, 0, o->len);
}

static const struct form {
	const char *name;
	size_t size;
	bool (*ok)(const void *p);
} forms[ORDER_TYPES] = {
	[ORDER_BAN]	 = { "ban", sizeof(struct order_ban), ban_ok },
	[ORDER_UNBAN]	 = { "unban", sizeof(struct order_ban), ban_ok },
	[ORDER_ALLOW]	 = { "allow", sizeof(struct order_ban), ban_ok },
	[ORDER_DISALLOW] = { "disallow", sizeof(struct order_ban), ban_ok },
	[ORDER_LOCK]	 = { "lock", sizeof(struct order_account), account_ok },
	[ORDER_UNLOCK]	 = { "unlock", sizeof(struct order_account), account_ok },
	[ORDER_PROTECT]	 = { "protect", sizeof(struct order_account), account_ok },
	[ORDER_UNDO]	 = { "undo", sizeof(struct order_account), account_ok },
	[ORDER_RUN]	 = { "run", sizeof(struct order_run), run_ok },
	[ORDER_NOTIFY]	 = { "notify", sizeof(struct order_mail), mail_ok },
	[ORDER_RELOAD]	 = { "reload", sizeof(struct order_ban), bare_ok },
	[ORDER_TEARDOWN] = { "teardown", sizeof(struct order_ban), bare_ok },
	[ORDER_DENY]	 = { "deny", sizeof(struct order_account), account_ok },
	[ORDER_PARK]	 = { "park", sizeof(struct order_account), account_ok },
	[ORDER_KICK]	 = { "kick", sizeof(struct order_account), account_ok },
	[ORDER_HOLD]	 = { "hold", sizeof(struct order_hold), hold_ok },
	[ORDER_RELEASE]	 = { "release", sizeof(struct order_account), account_ok },
	[ORDER_PURGE]	 = { "purge", sizeof(struct order_account), account_ok },
	[ORDER_CUT]	 = { "cut", sizeof(struct order_ban), ban_ok },
	[ORDER_LOOK]	 = { "look", sizeof(struct order_account), account_ok },
	[ORDER_QUEUE_LIST]    = { "queue-list", sizeof(struct order_account), nobody_ok },
	[ORDER_QUEUE_HOLD]    = { "queue-hold", sizeof(struct order_hold), queue_ok },
	[ORDER_QUEUE_RELEASE] = { "queue-release", sizeof(struct order_hold), queue_ok },
	[ORDER_QUEUE_PURGE]   = { "queue-purge", sizeof(struct order_hold), queue_ok },
};

static const char *const statuses[] = {
	[OUTCOME_DONE] = "done", [OUTCOME_REFUSED] = "refused",
	[OUTCOME_FAILED] = "failed", [OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_PROPOSED] = "proposed",
};

size_t order_size(uint16_t type)
{
	return type < ORDER_TYPES ? forms[type].size : 0;
}

const char *order_name(uint16_t type)
{
	return order_size(type) ? forms[type].name : "?";
}

const char *outcome_name(uint16_t status)
{
	return status < sizeof(statuses) / sizeof(*statuses) ? statuses[status] : "?";
}

int order_next(const void *p, size_t n, size_t *at, const struct order_head **ret)
{
	const struct order_head *h;
	size_t size;

	if (*at == n)
		return 0;
	if (n - *at < sizeof(*h))
		return -EBADMSG;
	h = (const struct order_head *)((const char *)p + *at);
	size = order_size(h->type);
	if (size == 0 || size > n - *at || h->origin > ORIGIN_LEDGER || !forms[h->type].ok(h))
		return -EBADMSG;
	*at += size;
	*ret = h;
	return 1;
}

int order_check(const void *p, size_t n)
{
	const struct order_head *h;
	size_t at = 0;
	int r = order_next(p, n, &at, &h);

	return r == 1 && at == n ? 0 : -EBADMSG;
}
