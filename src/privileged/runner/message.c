/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first look at what comes over the socket: the form of an order is
 * settled by wire/order.c, that of our own messages here, before any field is
 * used.
 */
#include "privileged/runner/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "wire/order.h"
#include "wire/runner.h"

_Static_assert(MESSAGE_MAX > sizeof(struct order_hold), "no order is longer");

/* Orders that are bailiffd's own stop there. */
static bool for_runner(uint16_t type)
{
	switch (type) {
	case ORDER_LOCK: case ORDER_UNLOCK: case ORDER_PROTECT: case ORDER_UNDO:
	case ORDER_RUN: case ORDER_NOTIFY: case ORDER_DENY: case ORDER_PARK:
	case ORDER_KICK: case ORDER_HOLD: case ORDER_RELEASE: case ORDER_PURGE:
	case ORDER_LOOK:
	case ORDER_QUEUE_LIST: case ORDER_QUEUE_HOLD: case ORDER_QUEUE_RELEASE: case ORDER_QUEUE_PURGE:
		return true;
	default:
		return false;
	}
}

/* RFC 1123, section 2.1, and the underscore that people use. */
static bool is_host_name(const char *p, size_t size)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t n = strnlen(p, size);

	return n > 0 && n < size && p[0] != '-' && p[0] != '.' && strspn(p, set) == n;
}

static bool own_message(const struct runner_head *h, size_t n)
{
	if (h->zero != 0 || h->len != n)
		return false;
	if (h->type == RUNNER_RECONF)
		return n == sizeof(*h);
	if (h->type == RUNNER_START_ENGINE || h->type == RUNNER_KILL_ENGINE)
		return n == sizeof(struct runner_engine);
	if (h->type == RUNNER_START_SOURCE || h->type == RUNNER_KILL_SOURCE)
		return n == sizeof(struct runner_source);
	return h->type == RUNNER_RESOLVE && n == sizeof(struct runner_resolve) &&
	       is_host_name(((const struct runner_resolve *)h)->name, ORDER_NAME_MAX);
}

int message_check(const void *p, size_t n)
{
	const struct order_head *h = p;

	if (n < sizeof(*h))
		return -EBADMSG;
	if (!for_runner(h->type))
		return own_message(p, n) ? 0 : -EBADMSG;
	return h->id != 0 ? order_check(p, n) : -EBADMSG;
}
