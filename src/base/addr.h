/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "bailiff/addr.h"
#include "bailiff/span.h"

/*
 * Read an address or a prefix ("192.0.2.7", "2001:db8::/32") into canonical
 * form: ::ffff:a.b.c.d becomes IPv4 (::ffff:a.b.c.d/120 becomes /24), a zone
 * id (%eth0) is cut, host bits are cleared.
 *
 * -EINVAL  not an address: octets over 255 or with leading zeros, spare
 *          characters, a length out of range
 */
int addr_parse(struct span text, struct addr *ret);

/* The same, but a prefix length in the text is -EINVAL. For log lines. */
int addr_parse_host(struct span text, struct addr *ret);

/* Write it as text with "/len" unless it is a single host; returns buf. */
const char *addr_print(const struct addr *a, char buf[ADDR_TEXT_MAX]);

/* From a socket address; -EAFNOSUPPORT if it is neither IPv4 nor IPv6. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret);

/* *a with its prefix length cut to len (never widened); a no-op if longer. */
struct addr addr_mask(const struct addr *a, uint8_t len);

/*
 * *a as one of many that are counted or banned as one: IPv4 by v4_len, IPv6 by
 * v6_len. Behind 64:ff9b::/96 (NAT64) each IPv4 host is another: those go by
 * 96 + v4_len, or a /64 would be the whole of IPv4.
 */
struct addr addr_group(const struct addr *a, uint8_t v4_len, uint8_t v6_len);

/* Longest prefix length of the family: 32 or 128. */
uint8_t addr_bits(const struct addr *a);

bool addr_is_host(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);

/* Does `outer` hold all of `inner`? Equal prefixes do. */
bool addr_contains(const struct addr *outer, const struct addr *inner);

/* Have they an address in common? */
bool addr_overlaps(const struct addr *a, const struct addr *b);

/* 127/8, ::1, 0/8, ::, multicast, 240/4 and 255.255.255.255: no client's. */
bool addr_is_special(const struct addr *a);

/* RFC 1918, RFC 6598 (CGNAT), 169.254/16, fe80::/10, fc00::/7. */
bool addr_is_private(const struct addr *a);

/* fe80::/10: neighbour discovery, and the routers behind it (RFC 4861). */
bool addr_is_link_local6(const struct addr *a);

#endif
