/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_RECORD_ANSWER_H
#define ENGINE_RECORD_ANSWER_H

#include "engine/record/ledger.h"
#include "engine/record/store.h"

/*
 * Answer one question out of the ledger: *ret is JSON text, malloc'ed.
 * -EINVAL: arg_json is not what the question takes; -ENOENT: no such id.
 */
int answer_make(struct ledger *l, enum store_query q, const char *arg_json,
		char **ret);

#endif
