/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_SUBJECT_H
#define BAILIFF_SUBJECT_H

#include <stdint.h>

#include "bailiff/addr.h"
#include "bailiff/span.h"

#define SUBJECT_MAX_PARTS 4
#define SUBJECT_TEXT_MAX 256
#define SUBJECT_KEY_MAX 640

/*
 * What is counted: one value for each name in `per`. Text is already in its
 * canonical form (accounts folded, addresses masked). A subject owns nothing;
 * its key (subject_key) is what tables copy and the ledger stores.
 */
struct subject_part {
	uint16_t field;		/* index into config.fields */
	uint8_t type;		/* enum field_type */
	struct addr addr;	/* FIELD_ADDR */
	struct span text;	/* all other types */
};

struct subject {
	unsigned n;
	struct subject_part part[SUBJECT_MAX_PARTS];
};

#endif
