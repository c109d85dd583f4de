/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading what is in the kernel: the table, the names and counts of its sets,
 * the rules with their counters, and single elements by their key. Never the
 * elements of a set as a whole: the kernel walks a hash set anew for each
 * buffer of a dump, which takes 88 s of CPU at a million.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include "privileged/firewall/view.h"

#define TRIES 10	/* a dump that was disturbed begins anew */

static void fill_table(struct nlmsghdr *h, const void *table)
{
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
}

static void fill_chain(struct nlmsghdr *h, const void *table)
{
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, TABLE_CHAIN);
}

static void fill_sets(struct nlmsghdr *h, const void *table)
{
	mnl_attr_put_strz(h, NFTA_SET_TABLE, table);
}

static void fill_rules(struct nlmsghdr *h, const void *table)
{
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, TABLE_CHAIN);
}

static int see_table(const struct nlmsghdr *h, void *arg)
{
	struct view *v = arg;
	const struct nlattr *a;

	v->table = true;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS)
			v->flags = be32toh(mnl_attr_get_u32(a));
	}
	return 0;
}

static int see_chain(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_CHAIN_HOOK)
			((struct view *)arg)->chain = true;
	}
	return 0;
}

static struct view_set *find(struct view *v, const char *set)
{
	for (size_t i = 0; i < v->nsets; i++) {
		if (strcmp(v->sets[i].name, set) == 0)
			return &v->sets[i];
	}
	return NULL;
}

const struct view_set *view_find(const struct view *v, const char *set)
{
	return find((struct view *)v, set);
}

/* The attribute `type` within `in`; NULL: it has none. */
static const struct nlattr *within(const struct nlattr *in, uint16_t type)
{
	const struct nlattr *a;

	if (!in)
		return NULL;
	mnl_attr_for_each_nested(a, in) {
		if (mnl_attr_get_type(a) == type)
			return a;
	}
	return NULL;
}

static int see_set(const struct nlmsghdr *h, void *arg)
{
	const char *name = "";
	struct view *v = arg;
	size_t count = SIZE_MAX, room = 0;
	const struct nlattr *a, *size;
	uint32_t flags = 0;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		switch (mnl_attr_get_type(a)) {
		case NFTA_SET_NAME:
			name = mnl_attr_get_str(a);
			break;
		case NFTA_SET_FLAGS:
			flags = be32toh(mnl_attr_get_u32(a));
			break;
		case NFTA_SET_DESC:
			size = within(a, NFTA_SET_DESC_SIZE);
			room = size ? be32toh(mnl_attr_get_u32(size)) : 0;
			break;
		case NFT_SET_COUNT_ATTR:
			if (mnl_attr_get_payload_len(a) == sizeof(uint32_t))
				count = be32toh(mnl_attr_get_u32(a));
			break;
		}
	}
	if ((flags & NFT_SET_ANONYMOUS) || v->nsets == VIEW_SETS_MAX ||
	    strlen(name) >= TABLE_NAME_MAX)
		return 0;
	strcpy(v->sets[v->nsets].name, name);
	v->sets[v->nsets].size = room;
	v->sets[v->nsets++].count = count;
	return 0;
}

struct rule_seen {
	struct view *view;
	struct view_set *set;
	uint64_t packets, bytes;
};

static int see_expr(struct nftnl_expr *e, void *arg)
{
	const char *kind = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	struct rule_seen *seen = arg;

	if (strcmp(kind, "lookup") == 0 && !seen->set) {
		seen->set = find(seen->view, nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET));
	} else if (strcmp(kind, "counter") == 0) {
		seen->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
		seen->bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	}
	return MNL_CB_OK;
}

static int see_rule(const struct nlmsghdr *h, void *arg)
{
	struct rule_seen seen = { .view = arg };
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		return -ENOMEM;
	seen.view->nrules++;
	if (nftnl_rule_nlmsg_parse(h, r) == 0)
		nftnl_expr_foreach(r, see_expr, &seen);
	nftnl_rule_free(r);
	if (seen.set) {
		seen.set->ruled = true;
		seen.set->packets += seen.packets;
		seen.set->bytes += seen.bytes;
	}
	return 0;
}

static int read_once(struct nft *nl, const char *table, struct view *v)
{
	int r;

	memset(v, 0, sizeof(*v));
	r = nft_ask(nl, NFT_MSG_GETTABLE, 0, fill_table, table, see_table, v);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = nft_ask(nl, NFT_MSG_GETCHAIN, 0, fill_chain, table, see_chain, v);
	if (r == 0 || r == -ENOENT)
		r = nft_ask(nl, NFT_MSG_GETSET, NLM_F_DUMP, fill_sets, table, see_set, v);
	if (r == 0 && v->chain)
		r = nft_ask(nl, NFT_MSG_GETRULE, NLM_F_DUMP, fill_rules, table, see_rule, v);
	return r;
}

int view_read(struct nft *nl, const char *table, struct view *ret)
{
	int r;

	for (unsigned i = 0; i < TRIES; i++) {
		r = read_once(nl, table, ret);
		if (r != -EINTR)
			break;
	}
	return r;
}

struct elem_key {
	const char *table, *set;
	const struct addr *addr;
};

static void fill_elem(struct nlmsghdr *h, const void *arg)
{
	const struct elem_key *k = arg;
	struct nlattr *list, *elem, *key;

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, k->table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, k->set);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	key = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, k->addr->family == ADDR_V4 ? 4 : 16, k->addr->b);
	mnl_attr_nest_end(h, key);
	mnl_attr_nest_end(h, elem);
	mnl_attr_nest_end(h, list);
}

static uint64_t get_be64(const struct nlattr *a)
{
	if (!a || mnl_attr_get_payload_len(a) < sizeof(uint64_t))
		return 0;
	return be64toh(mnl_attr_get_u64(a));
}

static int see_elem(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a, *e = NULL, *counter;
	struct view_elem *ret = arg;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_SET_ELEM_LIST_ELEMENTS)
			e = within(a, NFTA_LIST_ELEM);
	}
	if (!e)
		return -ENOENT;
	ret->timeout_ms = get_be64(within(e, NFTA_SET_ELEM_TIMEOUT));
	ret->left_ms = get_be64(within(e, NFTA_SET_ELEM_EXPIRATION));
	counter = within(within(e, NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA);
	ret->packets = get_be64(within(counter, NFTA_COUNTER_PACKETS));
	ret->bytes = get_be64(within(counter, NFTA_COUNTER_BYTES));
	return 0;
}

int view_elem(struct nft *nl, const char *table, const char *set, const struct addr *a,
	      struct view_elem *ret)
{
	struct elem_key key = { table, set, a };

	return nft_ask(nl, NFT_MSG_GETSETELEM, 0, fill_elem, &key, see_elem, ret);
}
