/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_PROBE_H
#define PRIVILEGED_FIREWALL_PROBE_H

#include "privileged/firewall/elems.h"

/*
 * Find out what the kernel can, in a scratch table "<table>-probe-<pid>" that
 * is gone afterwards. -EPERM: no CAP_NET_ADMIN here; -EOPNOTSUPP: no nf_tables.
 */
int probe_kernel(struct nft *nl, const char *table, struct able *ret);

#endif
