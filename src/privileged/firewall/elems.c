/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Set elements as messages of a batch. Written attribute by attribute with
 * libmnl instead of libnftnl's objects: nothing is allocated, and the length
 * of a nest, 16 bits that libnftnl lets wrap silently, stays in our hands.
 *
 * What one message does on newer kernels takes three on older ones: adding an
 * element that is there leaves its end as it was, and taking out one that is
 * not there (ENOENT) undoes the batch. So there the new end is NEW, DEL, NEW,
 * and taking out is NEW, DEL; within a batch nobody sees what is between.
 */
#include <endian.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>
#include <libmnl/libmnl.h>

#include "privileged/firewall/elems.h"

static size_t key_len(uint8_t family)
{
	return family == ADDR_V4 ? 4 : 16;
}

static struct nlmsghdr *open_message(struct nft *nl, uint16_t type, const char *table,
				     const char *set)
{
	uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;
	struct nlmsghdr *h = nft_put(nl, type, flags);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	return h;
}

static void put_key(struct nlmsghdr *h, const uint8_t *key, uint8_t family)
{
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);

	mnl_attr_put(h, NFTA_DATA_VALUE, key_len(family), key);
	mnl_attr_nest_end(h, nest);
}

static void put_counter(struct nlmsghdr *h)
{
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_SET_ELEM_EXPR);

	mnl_attr_put_strz(h, NFTA_EXPR_NAME, "counter");
	mnl_attr_nest_end(h, nest);
}

struct how {
	uint16_t type;
	bool timeout;
	bool expiration;
	bool counter;
};

static void put_elems(struct nft *nl, const struct how *how, const char *table,
		      const char *set, const struct elem *v, size_t n)
{
	struct nlmsghdr *h = open_message(nl, how->type, table, set);
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);

	for (size_t i = 0; i < n; i++) {
		struct nlattr *e = mnl_attr_nest_start(h, NFTA_LIST_ELEM);

		put_key(h, v[i].addr->b, v[i].addr->family);
		if (how->timeout && v[i].left_ms) {
			mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(v[i].left_ms));
			if (how->expiration)
				mnl_attr_put_u64(h, NFTA_SET_ELEM_EXPIRATION,
						 htobe64(v[i].left_ms));
		}
		if (how->counter)
			put_counter(h);
		mnl_attr_nest_end(h, e);
	}
	mnl_attr_nest_end(h, list);
	nft_end(nl, h);
}

static size_t part(size_t left)
{
	return left < NFT_ELEMS_PER_MESSAGE ? left : NFT_ELEMS_PER_MESSAGE;
}

void elems_add(struct nft *nl, const struct able *able, const char *table, const char *set,
	       const struct elem *v, size_t n, bool counters)
{
	const struct how add = { NFT_MSG_NEWSETELEM, true, able->renew, counters };
	const struct how del = { NFT_MSG_DELSETELEM, false, false, false };

	for (size_t k; n > 0; v += k, n -= k) {
		k = part(n);
		put_elems(nl, &add, table, set, v, k);
		if (able->renew)
			continue;
		put_elems(nl, &del, table, set, v, k);
		put_elems(nl, &add, table, set, v, k);
	}
}

void elems_drop(struct nft *nl, const struct able *able, const char *table, const char *set,
		const struct elem *v, size_t n)
{
	const struct how add = { NFT_MSG_NEWSETELEM, false, false, false };
	const struct how del = {
		able->destroy ? NFT_DESTROYSETELEM : NFT_MSG_DELSETELEM, false, false, false
	};

	for (size_t k; n > 0; v += k, n -= k) {
		k = part(n);
		if (!able->destroy)
			put_elems(nl, &add, table, set, v, k);
		put_elems(nl, &del, table, set, v, k);
	}
}

static void put_bound(struct nlmsghdr *h, const uint8_t *key, uint8_t family, bool end)
{
	struct nlattr *e = mnl_attr_nest_start(h, NFTA_LIST_ELEM);

	put_key(h, key, family);
	if (end)
		mnl_attr_put_u32(h, NFTA_SET_ELEM_FLAGS, htobe32(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(h, e);
}

void elems_replace(struct nft *nl, const char *table, const char *set, uint8_t family,
		   const struct range *v, size_t n)
{
	static const uint8_t zero[16];
	struct nlmsghdr *h = open_message(nl, NFT_MSG_DELSETELEM, table, set);

	nft_end(nl, h);		/* no list: all of them */
	/* nft closes the space before the first range, and expects it in lists. */
	for (size_t i = 0, k; i < n; i += k) {
		struct nlattr *list;

		k = part(n - i);
		h = open_message(nl, NFT_MSG_NEWSETELEM, table, set);
		list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
		if (i == 0 && memcmp(v[0].lo, zero, 16) != 0)
			put_bound(h, zero, family, true);
		for (size_t j = i; j < i + k; j++) {
			uint8_t end[16];

			put_bound(h, v[j].lo, family, false);
			if (range_end(&v[j], family, end))
				put_bound(h, end, family, true);
		}
		mnl_attr_nest_end(h, list);
		nft_end(nl, h);
	}
}
