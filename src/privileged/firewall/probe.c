/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can this kernel do? Found out by doing it in a scratch table, never by
 * version: distributions port features back. Most tries are one batch that
 * ends with the deletion of what it made, so that nobody ever sees it; only
 * the renewal of an element needs to be committed to be looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>

#include "privileged/firewall/probe.h"
#include "privileged/firewall/table.h"
#include "privileged/firewall/view.h"

static const struct addr sample = { { 192, 0, 2, 1 }, ADDR_V4, 32 };	/* RFC 5737 */
static const struct banset sample_set = { .name = "s4_32", .family = ADDR_V4, .len = 32 };

static int try_table(struct nft *nl, const char *name, uint32_t flags)
{
	nft_begin(nl);
	table_put(nl, name, flags);
	table_delete(nl, name);
	return nft_commit(nl);
}

static int try_destroy(struct nft *nl, const char *name)
{
	const struct able assumed = { .destroy = true };
	const struct elem e = { &sample, 0 };

	nft_begin(nl);
	table_put(nl, name, 0);
	table_put_banset(nl, name, &sample_set, 16);
	elems_drop(nl, &assumed, name, sample_set.name, &e, 1);
	table_delete(nl, name);
	return nft_commit(nl);
}

/* Make an element with a short end, give it a long one, look which it has. */
static int try_renew(struct nft *nl, const char *name, bool *ret)
{
	const struct able assumed = { .renew = true };
	const struct elem brief = { &sample, 60000 }, longer = { &sample, 3600000 };
	struct view_elem seen = { 0 };
	int r;

	nft_begin(nl);
	table_put(nl, name, 0);
	table_put_banset(nl, name, &sample_set, 16);
	elems_add(nl, &assumed, name, sample_set.name, &brief, 1, false);
	r = nft_commit(nl);
	if (r < 0)
		return r;
	nft_begin(nl);
	elems_add(nl, &assumed, name, sample_set.name, &longer, 1, false);
	r = nft_commit(nl);
	if (r == 0)
		r = view_elem(nl, name, sample_set.name, &sample, &seen);
	*ret = r == 0 && seen.timeout_ms == longer.left_ms && seen.left_ms > brief.left_ms;
	nft_begin(nl);
	table_delete(nl, name);
	return nft_commit(nl);
}

int probe_kernel(struct nft *nl, const char *table, struct able *ret)
{
	char name[TABLE_NAME_MAX + 32];
	struct able able = { 0 };
	int r;

	snprintf(name, sizeof(name), "%s-probe-%d", table, (int)getpid());
	r = try_table(nl, name, 0);
	if (r < 0)
		return r;
	able.own = try_table(nl, name, NFT_TABLE_OWNER | NFT_TABLE_PERSIST) == 0;
	able.destroy = try_destroy(nl, name) == 0;
	/* Without it everything works, only slower. */
	r = try_renew(nl, name, &able.renew);
	if (r < 0)
		able.renew = false;
	*ret = able;
	return 0;
}
