/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_FAULT_H
#define ENGINE_FAULT_H

/*
 * The build for tests (make FAULT=1) has faults: these words in a line end the
 * engine where it stands.
 */
#define FAULT_ENTRY "bailiff-test-crash"	/* before it is parsed */
#define FAULT_JAIL "bailiff-test-jail-crash"	/* in a jail's hands */

#ifdef BAILIFF_FAULT
#include <stdlib.h>
#include <string.h>

#include "bailiff/span.h"

static inline void fault(struct span line, const char *words)
{
	if (line.n && memmem(line.p, line.n, words, strlen(words)))
		abort();
}
#else
#define fault(line, words) ((void)0)
#endif

#endif
