/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_RULE_H
#define PRIVILEGED_FIREWALL_RULE_H

#include "bailiff/addr.h"
#include "privileged/firewall/nft.h"

/*
 * Writes one rule into the batch, expression by expression, all through
 * register 1, as nft would have written it, so that it lists well.
 */
struct rule_writer {
	struct nft *nl;
	struct nftnl_rule *rule;
};

enum rule_type { RULE_ICMPV6_TYPE, RULE_PROTOCOL, RULE_PORT };

/* A number for a set within this batch. */
uint32_t rule_new_id(void);
/* A nameless set of one-byte keys, or of ports, for the next rule; its id. */
uint32_t rule_put_set(struct nft *nl, const char *table, enum rule_type type,
		      const uint8_t *v, size_t n);
uint32_t rule_put_ports(struct nft *nl, const char *table, const uint16_t *v, size_t n);

void rule_begin(struct rule_writer *w, struct nft *nl, const char *table, const char *chain);
void rule_from_loopback(struct rule_writer *w);
void rule_family(struct rule_writer *w, uint8_t family);	/* only this family goes on */
void rule_protocol(struct rule_writer *w, uint8_t protocol);	/* only this one goes on */
void rule_l4proto(struct rule_writer *w);			/* load it */
void rule_source(struct rule_writer *w, uint8_t family, uint8_t len);	/* load, masked */
void rule_transport(struct rule_writer *w, uint32_t offset, uint32_t len);	/* load */
void rule_equals(struct rule_writer *w, const void *v, uint32_t len);
void rule_lookup(struct rule_writer *w, const char *set, uint32_t id);
void rule_counter(struct rule_writer *w, uint64_t packets, uint64_t bytes);
void rule_verdict(struct rule_writer *w, int verdict);
void rule_end(struct rule_writer *w);

#endif
