/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the groups of a match hold, as values of their fields' types, and the
 * values that are made from others. A value of the wrong kind is no hit: the
 * bytes come from strangers, and a pattern that took something else for an
 * address has matched something else.
 */
#include "engine/match/capture.h"

#include <stdio.h>

#include "base/addr.h"
#include "config/account.h"

#define NET_V4 24
#define NET_V6 48

static bool number(struct span s, int64_t *ret)
{
	int64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	*ret = v;
	return true;
}

static bool value(struct capture *c)
{
	if (c->type == FIELD_ADDR)
		return addr_parse_host(c->raw, &c->addr) == 0;
	if (c->type == FIELD_NUMBER)
		return number(c->raw, &c->number);
	return true;
}

bool capture_add(const struct config *c, const struct expr *x,
		 pcre2_match_data *data, struct span s, struct hit *h)
{
	const struct expr_ends ends = expr_ends(data);

	for (unsigned i = 0; i < x->ngroups; i++) {
		uint16_t field = x->group[i].field;
		struct span raw;
		struct capture *one;

		if (!expr_ends_group(&ends, s, x->group[i].group, &raw) || hit_find(h, field))
			continue;
		if (h->ncaptures == HIT_MAX_CAPTURES)
			return false;
		one = &h->capture[h->ncaptures];
		one->field = field;
		one->type = (uint8_t)c->fields[field].type;
		one->raw = raw;
		if (!value(one))
			return false;
		h->ncaptures++;
	}
	return true;
}

void capture_pid(uint16_t field, struct span pid, struct hit *h)
{
	struct capture one = { .field = field, .type = FIELD_NUMBER, .raw = pid };

	if (!hit_find(h, field) && h->ncaptures < HIT_MAX_CAPTURES && value(&one))
		h->capture[h->ncaptures++] = one;
}

/* ---- derived */

static bool derive_domain(const struct config *c, const struct capture *from,
			  char *buf, struct capture *ret)
{
	struct span s = from->raw;
	const char *at;

	if (from->type == FIELD_ACCOUNT) {
		if (account_canonical(&c->accounts, s, buf, DERIVED_MAX) < 0)
			return false;
		s = span_of(buf);
	}
	at = s.n ? memrchr(s.p, '@', s.n) : NULL;
	if (!at || at + 1 == s.p + s.n)
		return false;
	ret->raw = (struct span){ at + 1, s.n - (size_t)(at + 1 - s.p) };
	return true;
}

static bool derive_net(const struct capture *from, char *buf, struct capture *ret)
{
	if (from->type != FIELD_ADDR)
		return false;
	ret->addr = addr_group(&from->addr, NET_V4, NET_V6);
	ret->raw = span_of(addr_print(&ret->addr, buf));
	return true;
}

static bool derive_place(const struct geo *geo, const char *name, const struct capture *from,
			 char *buf, struct capture *ret)
{
	uint32_t asn;

	if (from->type != FIELD_ADDR)
		return false;
	if (strcmp(name, "country") == 0) {
		if (!geo_country(geo, &from->addr, buf))
			return false;
	} else {
		if (!geo_asn(geo, &from->addr, &asn))
			return false;
		snprintf(buf, DERIVED_MAX, "%u", asn);
	}
	ret->raw = span_of(buf);
	return true;
}

bool capture_get(const struct config *c, const struct geo *geo, const struct hit *h, uint16_t field,
		 int base, char buf[DERIVED_MAX], struct capture *ret)
{
	const struct capture *have = hit_find(h, field), *from;
	const struct field *f = &c->fields[field];
	struct capture made = { .field = field, .type = (uint8_t)f->type };

	if (have) {
		*ret = *have;
		return true;
	}
	from = base < 0 ? NULL : hit_find(h, base);
	if (!from)
		return false;
	if (f->type == FIELD_DOMAIN ? !derive_domain(c, from, buf, &made) :
	    f->type == FIELD_ADDR ? !derive_net(from, buf, &made) :
	    !derive_place(geo, f->name, from, buf, &made))
		return false;
	*ret = made;
	return true;
}
