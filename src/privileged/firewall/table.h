/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_TABLE_H
#define PRIVILEGED_FIREWALL_TABLE_H

#include "bailiff/config.h"
#include "privileged/firewall/nft.h"

#define TABLE_CHAIN "prerouting"
#define TABLE_ALLOW4 "allow4"
#define TABLE_ALLOW6 "allow6"
#define TABLE_NAME_MAX 128
/* Rules that stand before those of the ban sets. */
#define TABLE_FIXED_RULES 6

/* A set of bans: one scope, one family, one prefix length. */
struct banset {
	char name[TABLE_NAME_MAX];	/* "mail4_32"; "" = not in use */
	uint16_t scope;			/* index into the scopes */
	uint8_t family, len;
	bool made;			/* it and its rule are in the kernel */
	uint64_t packets, bytes;	/* what its rule's counter starts with */
};

/* "mail", 4, 32 -> "mail4_32". -ENAMETOOLONG. */
int table_set_name(const char *scope, uint8_t family, uint8_t len, char ret[TABLE_NAME_MAX]);
/* And back; false: no name of ours. *scope_len bytes of it are the scope. */
bool table_parse_set_name(const char *name, size_t *scope_len, uint8_t *family, uint8_t *len);

/* Each puts messages into the batch. What is there already stays. */
void table_put(struct nft *nl, const char *table, uint32_t flags);
void table_delete(struct nft *nl, const char *table);
void table_put_chain(struct nft *nl, const char *table);
void table_flush_chain(struct nft *nl, const char *table);
void table_put_allow_sets(struct nft *nl, const char *table);
void table_put_fixed_rules(struct nft *nl, const char *table);
void table_put_banset(struct nft *nl, const char *table, const struct banset *s,
		      uint32_t size);
void table_put_ban_rule(struct nft *nl, const char *table, const struct banset *s,
			const struct scope *scope);
void table_delete_set(struct nft *nl, const char *table, const char *set);

#endif
