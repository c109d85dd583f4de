/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule as a chain of expressions: load something into register 1, compare
 * it or look it up, count, give the verdict. The expressions and their order
 * are those that `nft --debug=netlink` shows for the same rule as text.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#include "privileged/firewall/rule.h"

#define LOOPBACK_IFINDEX 1	/* net/flow.h: in every network namespace */

/* Numbers of nft's data types (include/datatype.h), for listings. */
static const struct { uint32_t type, len; } types[] = {
	[RULE_ICMPV6_TYPE] = { 29, 1 },
	[RULE_PROTOCOL] = { 12, 1 },
	[RULE_PORT] = { 13, 2 },
};

uint32_t rule_new_id(void)
{
	static uint32_t id;

	return ++id;
}

static uint32_t put_set(struct nft *nl, const char *table, enum rule_type type,
			const void *keys, size_t n)
{
	struct nftnl_set *s = nftnl_set_alloc();
	uint32_t len = types[type].len;
	uint32_t id = rule_new_id();
	struct nlmsghdr *h;

	if (!s) {
		nft_fail(nl, -ENOMEM);
		return id;
	}
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, "__set%d");
	nftnl_set_set_u32(s, NFTNL_SET_ID, id);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, types[type].type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, len);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		struct nftnl_set_elem *e = nftnl_set_elem_alloc();

		if (!e) {
			nft_fail(nl, -ENOMEM);
			break;
		}
		nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, (const char *)keys + i * len, len);
		nftnl_set_elem_add(s, e);
	}
	h = nft_put(nl, NFT_MSG_NEWSET, NLM_F_CREATE);
	nftnl_set_nlmsg_build_payload(h, s);
	nft_end(nl, h);
	h = nft_put(nl, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nft_end(nl, h);
	nftnl_set_free(s);
	return id;
}

uint32_t rule_put_set(struct nft *nl, const char *table, enum rule_type type,
		      const uint8_t *v, size_t n)
{
	return put_set(nl, table, type, v, n);
}

uint32_t rule_put_ports(struct nft *nl, const char *table, const uint16_t *v, size_t n)
{
	uint16_t keys[256];

	if (n > sizeof(keys) / sizeof(keys[0])) {
		nft_fail(nl, -E2BIG);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		keys[i] = htons(v[i]);
	return put_set(nl, table, RULE_PORT, keys, n);
}

static struct nftnl_expr *add(struct rule_writer *w, const char *name)
{
	struct nftnl_expr *e = w->rule ? nftnl_expr_alloc(name) : NULL;

	if (e)
		nftnl_rule_add_expr(w->rule, e);
	else
		nft_fail(w->nl, -ENOMEM);
	return e;
}

void rule_begin(struct rule_writer *w, struct nft *nl, const char *table, const char *chain)
{
	w->nl = nl;
	w->rule = nftnl_rule_alloc();
	if (!w->rule) {
		nft_fail(nl, -ENOMEM);
		return;
	}
	nftnl_rule_set_str(w->rule, NFTNL_RULE_TABLE, table);
	nftnl_rule_set_str(w->rule, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(w->rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
}

static void load_meta(struct rule_writer *w, uint32_t key)
{
	struct nftnl_expr *e = add(w, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void load_payload(struct rule_writer *w, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *e = add(w, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

void rule_equals(struct rule_writer *w, const void *v, uint32_t len)
{
	struct nftnl_expr *e = add(w, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, v, len);
}

void rule_from_loopback(struct rule_writer *w)
{
	uint32_t lo = LOOPBACK_IFINDEX;

	load_meta(w, NFT_META_IIF);
	rule_equals(w, &lo, sizeof(lo));
}

void rule_family(struct rule_writer *w, uint8_t family)
{
	uint8_t v = family == ADDR_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	load_meta(w, NFT_META_NFPROTO);
	rule_equals(w, &v, 1);
}

void rule_l4proto(struct rule_writer *w)
{
	load_meta(w, NFT_META_L4PROTO);
}

void rule_protocol(struct rule_writer *w, uint8_t protocol)
{
	rule_l4proto(w);
	rule_equals(w, &protocol, 1);
}

void rule_source(struct rule_writer *w, uint8_t family, uint8_t len)
{
	uint32_t bytes = family == ADDR_V4 ? 4 : 16;
	uint8_t mask[16] = { 0 }, zero[16] = { 0 };
	struct nftnl_expr *e;

	/* RFC 791: source at 12; RFC 8200: source at 8 */
	load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, family == ADDR_V4 ? 12 : 8, bytes);
	if (len == bytes * 8)
		return;
	for (unsigned i = 0; i < len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	e = add(w, "bitwise");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, bytes);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, bytes);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, bytes);
}

void rule_transport(struct rule_writer *w, uint32_t offset, uint32_t len)
{
	load_payload(w, NFT_PAYLOAD_TRANSPORT_HEADER, offset, len);
}

void rule_lookup(struct rule_writer *w, const char *set, uint32_t id)
{
	struct nftnl_expr *e = add(w, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (id)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, id);
}

void rule_counter(struct rule_writer *w, uint64_t packets, uint64_t bytes)
{
	struct nftnl_expr *e = add(w, "counter");

	if (!e)
		return;
	nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_PACKETS, packets);
	nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_BYTES, bytes);
}

void rule_verdict(struct rule_writer *w, int verdict)
{
	struct nftnl_expr *e = add(w, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
}

void rule_end(struct rule_writer *w)
{
	struct nlmsghdr *h;

	if (!w->rule)
		return;
	h = nft_put(w->nl, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nftnl_rule_nlmsg_build_payload(h, w->rule);
	nft_end(w->nl, h);
	nftnl_rule_free(w->rule);
}
