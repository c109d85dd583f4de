/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the table holds, as messages of a batch: the table, its one chain, the
 * allow sets, the ban sets, and the rules in their order. rule.c writes rules
 * expression by expression; this file says which. As nft lists it:
 *
 *	iif "lo" accept
 *	icmpv6 type { packet-too-big, mld-*, nd-* } accept
 *	ip6 saddr fe80::/10 accept
 *	icmp type destination-unreachable icmp code frag-needed accept
 *	ip saddr @allow4 accept
 *	ip6 saddr @allow6 accept
 *	ip saddr @mail4_32 meta l4proto { tcp, udp } th dport { 25, ... } counter drop
 *	ip6 saddr & ffff:ffff:ffff:ffff:: == @mail6_64 ... counter drop
 *
 * ND comes before all else because a banned /64 may be the one we live in
 * (RFC 4861: solicitations come from the neighbour's global address); fragments
 * needed and packet too big because without them mail to a neighbour of a
 * banned router hangs (RFC 1191, RFC 8201). Ports are matched for UDP too: web
 * is also QUIC (RFC 9114).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "privileged/firewall/rule.h"
#include "privileged/firewall/table.h"

/* Data types as nft knows them (nftables, include/datatype.h): for listings. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8 };

static const uint8_t icmpv6_accepted[] = {
	2,			/* packet too big */
	130, 131, 132, 143,	/* MLD, MLDv2 */
	133, 134, 135, 136, 137,/* RS, RA, NS, NA, redirect */
};

int table_set_name(const char *scope, uint8_t family, uint8_t len, char ret[TABLE_NAME_MAX])
{
	int n = snprintf(ret, TABLE_NAME_MAX, "%s%u_%u", scope, family, len);

	return n < TABLE_NAME_MAX ? 0 : -ENAMETOOLONG;
}

bool table_parse_set_name(const char *name, size_t *scope_len, uint8_t *family, uint8_t *len)
{
	const char *cut = strrchr(name, '_');
	unsigned long bits;
	char *end;

	if (!cut || cut - name < 2 || cut[1] < '0' || cut[1] > '9' ||
	    (cut[1] == '0' && cut[2]) || (cut[-1] != '4' && cut[-1] != '6'))
		return false;
	bits = strtoul(cut + 1, &end, 10);
	if (*end || bits > (cut[-1] == '4' ? 32 : 128))
		return false;
	*family = cut[-1] == '4' ? ADDR_V4 : ADDR_V6;
	*len = (uint8_t)bits;
	*scope_len = (size_t)(cut - 1 - name);
	return true;
}

void table_put(struct nft *nl, const char *table, uint32_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(128);
	struct nlmsghdr *h;

	if (!t || !u) {
		nft_fail(nl, -ENOMEM);
	} else {
		nftnl_udata_put_strz(u, NFTNL_UDATA_TABLE_COMMENT,
				     "written by bailiffd, see bailiff(1)");
		nftnl_table_set_str(t, NFTNL_TABLE_NAME, table);
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, flags);
		nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u),
				     nftnl_udata_buf_len(u));
		h = nft_put(nl, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		nftnl_table_nlmsg_build_payload(h, t);
		nft_end(nl, h);
	}
	nftnl_udata_buf_free(u);
	nftnl_table_free(t);
}

void table_delete(struct nft *nl, const char *table)
{
	struct nlmsghdr *h = nft_put(nl, NFT_MSG_DELTABLE, 0);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
	nft_end(nl, h);
}

void table_put_chain(struct nft *nl, const char *table)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h;

	if (!c) {
		nft_fail(nl, -ENOMEM);
		return;
	}
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, TABLE_CHAIN);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_INET_PRE_ROUTING);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, NF_IP_PRI_RAW);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	h = nft_put(nl, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nftnl_chain_nlmsg_build_payload(h, c);
	nft_end(nl, h);
	nftnl_chain_free(c);
}

void table_flush_chain(struct nft *nl, const char *table)
{
	struct nlmsghdr *h = nft_put(nl, NFT_MSG_DELRULE, 0);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, TABLE_CHAIN);
	nft_end(nl, h);
}

static void put_set(struct nft *nl, const char *table, const char *name, uint8_t family,
		    uint32_t flags, uint32_t size, const char *comment)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(256);
	struct nlmsghdr *h;

	if (!s || !u) {
		nft_fail(nl, -ENOMEM);
	} else {
		nftnl_udata_put_strz(u, NFTNL_UDATA_SET_COMMENT, comment);
		nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
		nftnl_set_set_str(s, NFTNL_SET_NAME, name);
		nftnl_set_set_u32(s, NFTNL_SET_ID, rule_new_id());
		nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE,
				  family == ADDR_V4 ? TYPE_IPADDR : TYPE_IP6ADDR);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, family == ADDR_V4 ? 4 : 16);
		if (size)
			nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, size);
		nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u),
				   nftnl_udata_buf_len(u));
		h = nft_put(nl, NFT_MSG_NEWSET, NLM_F_CREATE);
		nftnl_set_nlmsg_build_payload(h, s);
		nft_end(nl, h);
	}
	nftnl_udata_buf_free(u);
	nftnl_set_free(s);
}

void table_put_allow_sets(struct nft *nl, const char *table)
{
	put_set(nl, table, TABLE_ALLOW4, ADDR_V4, NFT_SET_INTERVAL, 0, "never banned");
	put_set(nl, table, TABLE_ALLOW6, ADDR_V6, NFT_SET_INTERVAL, 0, "never banned");
}

void table_put_banset(struct nft *nl, const char *table, const struct banset *s, uint32_t size)
{
	char comment[64];

	snprintf(comment, sizeof(comment), "bans of %s",
		 s->family == ADDR_V4 ? "IPv4 hosts" : "IPv6 hosts");
	if (s->len != (s->family == ADDR_V4 ? 32 : 128))
		snprintf(comment, sizeof(comment), "bans of IPv%u networks, /%u each",
			 s->family, s->len);
	put_set(nl, table, s->name, s->family, NFT_SET_TIMEOUT, size, comment);
}

void table_delete_set(struct nft *nl, const char *table, const char *set)
{
	struct nlmsghdr *h = nft_put(nl, NFT_MSG_DELSET, 0);

	mnl_attr_put_strz(h, NFTA_SET_TABLE, table);
	mnl_attr_put_strz(h, NFTA_SET_NAME, set);
	nft_end(nl, h);
}

static void put_icmpv6_rule(struct nft *nl, const char *table)
{
	struct rule_writer w;
	uint32_t set = rule_put_set(nl, table, RULE_ICMPV6_TYPE, icmpv6_accepted,
				    sizeof(icmpv6_accepted));

	rule_begin(&w, nl, table, TABLE_CHAIN);
	rule_family(&w, ADDR_V6);
	rule_protocol(&w, IPPROTO_ICMPV6);
	rule_transport(&w, 0, 1);
	rule_lookup(&w, "__set%d", set);
	rule_verdict(&w, NF_ACCEPT);
	rule_end(&w);
}

static void put_frag_needed_rule(struct nft *nl, const char *table)
{
	static const uint8_t frag_needed[2] = { 3, 4 };	/* RFC 792: type, code */
	struct rule_writer w;

	rule_begin(&w, nl, table, TABLE_CHAIN);
	rule_family(&w, ADDR_V4);
	rule_protocol(&w, IPPROTO_ICMP);
	rule_transport(&w, 0, 2);
	rule_equals(&w, frag_needed, 2);
	rule_verdict(&w, NF_ACCEPT);
	rule_end(&w);
}

static void put_allow_rule(struct nft *nl, const char *table, uint8_t family, const char *set)
{
	struct rule_writer w;

	rule_begin(&w, nl, table, TABLE_CHAIN);
	rule_family(&w, family);
	rule_source(&w, family, family == ADDR_V4 ? 32 : 128);
	rule_lookup(&w, set, 0);
	rule_verdict(&w, NF_ACCEPT);
	rule_end(&w);
}

void table_put_fixed_rules(struct nft *nl, const char *table)
{
	static const uint8_t link_local[16] = { 0xfe, 0x80 };
	struct rule_writer w;

	rule_begin(&w, nl, table, TABLE_CHAIN);
	rule_from_loopback(&w);
	rule_verdict(&w, NF_ACCEPT);
	rule_end(&w);
	put_icmpv6_rule(nl, table);
	rule_begin(&w, nl, table, TABLE_CHAIN);
	rule_family(&w, ADDR_V6);
	rule_source(&w, ADDR_V6, 10);
	rule_equals(&w, link_local, 16);
	rule_verdict(&w, NF_ACCEPT);
	rule_end(&w);
	put_frag_needed_rule(nl, table);
	put_allow_rule(nl, table, ADDR_V4, TABLE_ALLOW4);
	put_allow_rule(nl, table, ADDR_V6, TABLE_ALLOW6);
}

void table_put_ban_rule(struct nft *nl, const char *table, const struct banset *s,
			const struct scope *scope)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	uint32_t proto_set = 0, port_set = 0;
	struct rule_writer w;

	if (scope->nports) {
		proto_set = rule_put_set(nl, table, RULE_PROTOCOL, protocols, sizeof(protocols));
		port_set = rule_put_ports(nl, table, scope->ports, scope->nports);
	}
	rule_begin(&w, nl, table, TABLE_CHAIN);
	rule_family(&w, s->family);
	rule_source(&w, s->family, s->len);
	rule_lookup(&w, s->name, 0);
	if (scope->nports) {
		rule_l4proto(&w);
		rule_lookup(&w, "__set%d", proto_set);
		rule_transport(&w, 2, 2);
		rule_lookup(&w, "__set%d", port_set);
	}
	rule_counter(&w, s->packets, s->bytes);
	rule_verdict(&w, NF_DROP);
	rule_end(&w);
}
