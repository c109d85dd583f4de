/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAILIFF_LINE_H
#define BAILIFF_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bailiff/span.h"

/*
 * Where a line stands, good over restarts and rotations. For a file the
 * fingerprint is a hash of its first KB (or of what there is), for a journal
 * `file` is 0 and `offset` a hash of the cursor.
 */
struct position {
	uint64_t dev;
	uint64_t ino;
	uint64_t fingerprint;
	uint64_t offset;	/* of the line's first byte */
};

/* One raw line without its newline; the bytes belong to the reader. */
struct line {
	struct span text;
	bool cut;		/* its end is not here: it was over line_max */
	struct position pos;
};

#endif
