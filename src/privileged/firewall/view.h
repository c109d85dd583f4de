/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_VIEW_H
#define PRIVILEGED_FIREWALL_VIEW_H

#include "bailiff/addr.h"
#include "privileged/firewall/nft.h"
#include "privileged/firewall/table.h"

#define VIEW_SETS_MAX 256

struct view_set {
	char name[TABLE_NAME_MAX];
	bool ruled;			/* a rule of our chain looks it up */
	uint64_t packets, bytes;	/* of that rule */
	size_t count;			/* SIZE_MAX: the kernel does not say */
	size_t size;			/* room for so many; 0: no bound */
};

/* What is in the kernel: the table, its sets without elements, its rules. */
struct view {
	bool table;
	uint32_t flags;			/* of the table */
	bool chain;
	size_t nrules;			/* in our chain */
	size_t nsets;
	struct view_set sets[VIEW_SETS_MAX];
};

int view_read(struct nft *nl, const char *table, struct view *ret);
const struct view_set *view_find(const struct view *v, const char *set);

struct view_elem {
	uint64_t timeout_ms;		/* 0: for good */
	uint64_t left_ms;
	uint64_t packets, bytes;
};
/* One element of a set; -ENOENT. */
int view_elem(struct nft *nl, const char *table, const char *set, const struct addr *a,
	      struct view_elem *ret);

#endif
