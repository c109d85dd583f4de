/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_WORDS_H
#define CONFIG_WORDS_H

#include "bailiff/span.h"
#include "base/buf.h"

/*
 * Words of the configuration with names in them that no jail captures: what an
 * alert is about, whose file a path is. `<name>` is replaced by its value,
 * `\<` is a `<`, and a `<` that begins no name stays as it is.
 */
struct word_value {
	const char *name;	/* NULL ends an array */
	const char *value;
};

/* The first name in `word` that is none of these; n == 0: all are known. */
struct span words_unknown(const char *word, const struct word_value *known);

/* `word` with each known name replaced; unknown ones stay as they are written. */
void words_fill(const char *word, const struct word_value *values, struct buf *out);

#endif
