/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_LOAD_H
#define ENGINE_RECORD_LOAD_H

#include "engine/record/ledger.h"
#include "engine/record/recall.h"
#include "engine/record/store.h"

/* History read out of the ledger at a start; as store.h describes them. */
int load_active_bans(struct ledger *l, int64_t now_ms, store_ban_fn *fn, void *arg);
int load_verdicts(struct ledger *l, int64_t since_ms, store_verdict_fn *fn, void *arg);
int load_open_orders(struct ledger *l, store_order_fn *fn, void *arg);
int load_recall(struct ledger *l, struct recall **ret);
/* *ret: malloc'ed, or NULL when there is none. */
int load_setting(struct ledger *l, const char *key, char **ret);

#endif
