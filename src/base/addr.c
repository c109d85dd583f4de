/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and prefixes: text in, canonical bytes out, and the questions
 * that the never-ban rules ask. Parsing is strict, because most of what it
 * reads was written by strangers: octets with leading zeros and spare characters
 * are refused, as inet_pton(3) does, and what it accepts is then folded into
 * one spelling (RFC 4291 section 2.5.5.2: ::ffff:a.b.c.d is IPv4).
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

uint8_t addr_bits(const struct addr *a)
{
	return a->family == ADDR_V4 ? 32 : 128;
}

bool addr_is_host(const struct addr *a)
{
	return a->len == addr_bits(a);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

struct addr addr_mask(const struct addr *a, uint8_t len)
{
	struct addr m = *a;

	if (len >= a->len)
		return m;
	m.len = len;
	if (len % 8)
		m.b[len / 8] &= (uint8_t)(0xff00u >> (len % 8));
	memset(m.b + (len + 7) / 8, 0, sizeof(m.b) - (len + 7) / 8);
	return m;
}

struct addr addr_group(const struct addr *a, uint8_t v4_len, uint8_t v6_len)
{
	if (a->family == ADDR_V4)
		return addr_mask(a, v4_len);
	if (a->len >= 96 && memcmp(a->b, nat64, sizeof(nat64)) == 0)
		return addr_mask(a, (uint8_t)(96 + v4_len));
	return addr_mask(a, v6_len);
}

/* IPv4-mapped IPv6 becomes IPv4, host bits are cleared. */
static struct addr canonical(struct addr a)
{
	uint8_t len = a.len;

	if (a.family == ADDR_V6 && len >= 96 &&
	    memcmp(a.b, mapped, sizeof(mapped)) == 0) {
		struct addr v4 = { .family = ADDR_V4, .len = 32 };

		memcpy(v4.b, a.b + 12, 4);
		return addr_mask(&v4, (uint8_t)(len - 96));
	}
	a.len = addr_bits(&a);
	return addr_mask(&a, len);
}

static int parse_len(const char *text, unsigned max, uint8_t *ret)
{
	unsigned v = 0;
	size_t n = strlen(text);

	if (n < 1 || n > 3 || (n > 1 && text[0] == '0'))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(*text - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

/* As inet_pton(3) takes it, in a tenth of the time: most of what is read is IPv4. */
static bool parse_v4(struct span s, uint8_t ret[4])
{
	const char *p = s.p, *end = s.p + s.n;

	for (unsigned i = 0; i < 4; i++) {
		const char *from = p;
		unsigned v = 0;

		while (p < end && *p >= '0' && *p <= '9' && p - from < 3)
			v = v * 10 + (unsigned)(*p++ - '0');
		if (p == from || v > 255 || (*from == '0' && p - from > 1))
			return false;
		if (i < 3 && (p == end || *p++ != '.'))
			return false;
		ret[i] = (uint8_t)v;
	}
	return p == end;
}

static int parse(struct span text, bool prefix, struct addr *ret)
{
	struct addr a = { 0 };
	char buf[80], *slash, *zone;

	if (text.n == 0 || text.n >= sizeof(buf) || memchr(text.p, 0, text.n))
		return -EINVAL;
	memcpy(buf, text.p, text.n);
	buf[text.n] = 0;

	slash = strchr(buf, '/');
	if (slash) {
		if (!prefix)
			return -EINVAL;
		*slash++ = 0;
	}
	if (strchr(buf, ':')) {
		zone = strchr(buf, '%');
		if (zone)
			*zone = 0;
		a.family = ADDR_V6;
		if (inet_pton(AF_INET6, buf, a.b) != 1)
			return -EINVAL;
	} else {
		a.family = ADDR_V4;
		if (!parse_v4(span_of(buf), a.b))
			return -EINVAL;
	}
	a.len = addr_bits(&a);
	if (slash && parse_len(slash, a.len, &a.len) < 0)
		return -EINVAL;
	*ret = canonical(a);
	return 0;
}

int addr_parse(struct span text, struct addr *ret)
{
	return parse(text, true, ret);
}

int addr_parse_host(struct span text, struct addr *ret)
{
	struct addr v4 = { .family = ADDR_V4, .len = 32 };

	if (text.n > 0 && parse_v4(text, v4.b)) {
		*ret = v4;
		return 0;
	}
	return parse(text, false, ret);
}

static char *print_byte(uint8_t v, char *p)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	*p = 0;
	return p;
}

static void print_v4(const uint8_t b[4], char *p)
{
	p = print_byte(b[0], p);
	for (unsigned i = 1; i < 4; i++) {
		*p++ = '.';
		p = print_byte(b[i], p);
	}
}

const char *addr_print(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	size_t n;

	if (a->family == ADDR_NONE) {
		snprintf(buf, ADDR_TEXT_MAX, "none");
		return buf;
	}
	if (a->family == ADDR_V4)
		print_v4(a->b, buf);
	else
		inet_ntop(AF_INET6, a->b, buf, ADDR_TEXT_MAX);
	if (!addr_is_host(a)) {
		n = strlen(buf);
		buf[n] = '/';
		print_byte(a->len, buf + n + 1);
	}
	return buf;
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret)
{
	struct addr a = { 0 };

	if (sa->sa_family == AF_INET) {
		a.family = ADDR_V4;
		a.len = 32;
		memcpy(a.b, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		a.family = ADDR_V6;
		a.len = 128;
		memcpy(a.b, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = canonical(a);
	return 0;
}

bool addr_contains(const struct addr *outer, const struct addr *inner)
{
	static const uint8_t none[sizeof(outer->b)];
	unsigned whole = outer->len / 8, rest = outer->len % 8, used = whole + (rest != 0);

	if (outer->family != inner->family || outer->len > inner->len)
		return false;
	if (outer->len == inner->len)
		return addr_equal(outer, inner);
	return memcmp(outer->b, inner->b, whole) == 0 &&
	       (!rest || outer->b[whole] == (inner->b[whole] & (0xff00u >> rest) & 0xff)) &&
	       memcmp(outer->b + used, none, sizeof(none) - used) == 0;
}

bool addr_overlaps(const struct addr *a, const struct addr *b)
{
	return addr_contains(a, b) || addr_contains(b, a);
}

struct known { uint8_t b[16]; uint8_t family, len; };

static bool in_any(const struct addr *a, const struct known *k, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct addr p = { .family = k[i].family, .len = k[i].len };

		if (p.family != a->family || p.len > a->len)
			continue;
		memcpy(p.b, k[i].b, sizeof(p.b));
		if (addr_contains(&p, a))
			return true;
	}
	return false;
}

/* IANA special-purpose registries, RFC 6890. */
static const struct known special[] = {
	{ { 0 }, ADDR_V4, 8 },
	{ { 127 }, ADDR_V4, 8 },
	{ { 224 }, ADDR_V4, 4 },
	{ { 240 }, ADDR_V4, 4 },
	{ { 0 }, ADDR_V6, 128 },
	{ { [15] = 1 }, ADDR_V6, 128 },
	{ { 0xff }, ADDR_V6, 8 },
};

static const struct known link_local6[] = {
	{ { 0xfe, 0x80 }, ADDR_V6, 10 },
};

static const struct known private_use[] = {
	{ { 10 }, ADDR_V4, 8 },
	{ { 172, 16 }, ADDR_V4, 12 },
	{ { 192, 168 }, ADDR_V4, 16 },
	{ { 100, 64 }, ADDR_V4, 10 },
	{ { 169, 254 }, ADDR_V4, 16 },
	{ { 0xfe, 0x80 }, ADDR_V6, 10 },
	{ { 0xfc }, ADDR_V6, 7 },
};

bool addr_is_special(const struct addr *a)
{
	return in_any(a, special, sizeof(special) / sizeof(*special));
}

bool addr_is_private(const struct addr *a)
{
	return in_any(a, private_use, sizeof(private_use) / sizeof(*private_use));
}

bool addr_is_link_local6(const struct addr *a)
{
	return in_any(a, link_local6, sizeof(link_local6) / sizeof(*link_local6));
}
