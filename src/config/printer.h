/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_PRINTER_H
#define CONFIG_PRINTER_H

#include "base/buf.h"
#include "config/schema.h"

/* YAML in block style, two columns a level. */
struct printer {
	struct buf *out;
	unsigned indent;	/* levels */
	bool dash;		/* the next line begins an item of a list */
};

/* Every setting of a draft that is set, by the rows of its table. */
void printer_table(struct printer *p, const struct setting *keys, const void *draft);

/* The start of a line: indentation, a dash if one is due, "key:". */
void printer_key(struct printer *p, const char *key);
/* " value" and the end of the line, quoted as needed. */
void printer_text(struct printer *p, const char *text);
/* "key: value". */
void printer_pair(struct printer *p, const char *key, const char *value);
/* "key: [a, b]". */
void printer_list(struct printer *p, const char *key, const struct strings *v);
/* "- value", at the current level. */
void printer_item(struct printer *p, const char *text);
/* The first name of a value. */
const char *printer_choice(const struct choice *c, int value);

#endif
