/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>

#include "bailiff/span.h"

/* `*` takes any bytes, `/` too; `?` takes one; all else is itself. */
bool glob_match(const char *glob, struct span text);

#endif
