/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_NFT_H
#define PRIVILEGED_FIREWALL_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>

/* Newer than the headers of Debian 12 (linux/netfilter/nf_tables.h). */
#define NFT_TABLE_OWNER		0x2u
#define NFT_TABLE_PERSIST	0x4u
#define NFT_DESTROYSETELEM	30	/* NFT_MSG_DESTROYSETELEM, 6.3 */
#define NFT_SET_COUNT_ATTR	20	/* NFTA_SET_COUNT, u32 */

/* Elements of a message: a nest's length is 16 bits and wraps silently. */
#define NFT_ELEMS_PER_MESSAGE	500

/*
 * A netlink socket for nftables and the batch that is being written for it.
 * Fields are for reading only. A batch keeps a sticky error: what is put in
 * after a failure goes nowhere, and nft_commit() tells.
 */
struct nft {
	int fd;
	uint32_t portid;
	uint32_t seq;
	char *buf;		/* the batch */
	size_t n;
	int error;
	uint32_t first, last;	/* sequence numbers of the batch */
	size_t last_at;		/* where its last message starts */
	size_t elems_max;	/* elements that a batch may hold */
	char *in;		/* what the kernel answers */
	char why[96];		/* its words on the last refusal, may be "" */
};

int nft_open(struct nft *nl);
void nft_close(struct nft *nl);

/* Begin a batch; what an earlier one held is gone. */
void nft_begin(struct nft *nl);
/*
 * Begin a message (NFT_MSG_...) in the batch; there is room for 64 KiB, so
 * attributes are put without asking. It ends with nft_end(). Never NULL.
 */
struct nlmsghdr *nft_put(struct nft *nl, uint16_t type, uint16_t flags);
void nft_end(struct nft *nl, struct nlmsghdr *h);
void nft_fail(struct nft *nl, int error);	/* the batch cannot be sent */
/*
 * Send the batch and wait for the kernel's word; all of it was done or nothing.
 * EINTR, EAGAIN, EBUSY and ENOBUFS are tried again for about 100 ms.
 */
int nft_commit(struct nft *nl);

/*
 * One request outside a batch. `fill` puts its attributes, `each` sees each
 * message of the answer and goes on while it returns 0. A dump that changed
 * under our eyes is -EINTR.
 */
int nft_ask(struct nft *nl, uint16_t type, uint16_t flags,
	    void (*fill)(struct nlmsghdr *h, const void *arg), const void *fill_arg,
	    int (*each)(const struct nlmsghdr *h, void *arg), void *each_arg);

#endif
