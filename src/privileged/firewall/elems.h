/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_ELEMS_H
#define PRIVILEGED_FIREWALL_ELEMS_H

#include "bailiff/addr.h"
#include "privileged/firewall/nft.h"
#include "privileged/firewall/ranges.h"

/* What this kernel can do, found out by trying (probe.c). */
struct able {
	bool own;	/* a table may be OWNER and PERSIST */
	bool destroy;	/* NFT_MSG_DESTROYSETELEM */
	bool renew;	/* NEWSETELEM gives an element a new end */
};

struct elem {
	const struct addr *addr;
	uint64_t left_ms;	/* 0: for good */
};

/*
 * Put messages into the batch that add the elements, or take them out. Both
 * say what shall be, whatever was there: an element that is there gets its new
 * end, one that is not there may be taken out.
 */
void elems_add(struct nft *nl, const struct able *able, const char *table, const char *set,
	       const struct elem *v, size_t n, bool counters);
void elems_drop(struct nft *nl, const struct able *able, const char *table, const char *set,
		const struct elem *v, size_t n);

/* The interval set then holds these ranges and nothing else. */
void elems_replace(struct nft *nl, const char *table, const char *set, uint8_t family,
		   const struct range *v, size_t n);

#endif
