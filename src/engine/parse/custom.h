/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_PARSE_CUSTOM_H
#define ENGINE_PARSE_CUSTOM_H

#include "engine/parse/stamp.h"

/*
 * A log's own `time: {find, format}`.
 *
 * find    PCRE2 over bytes, searched in a line's first CUSTOM_REACH bytes. All
 *         that it matches is cut from the line; its first group, if it has
 *         one, else the whole match, is what `format` reads.
 * format  as in strptime(3), English names: %Y %y %m %d %e %H %I %p %M %S
 *         %f (fraction of a second) %b %B %h %a %A %z %Z %s %T %R %F %D %n %t
 *         %%. White space takes any amount of it. Must tell day, month and
 *         hour, or %s.
 */
struct custom;

#define CUSTOM_REACH 1024

/* Compiles both. -EINVAL: told in *bad, static, good until the next call. */
int custom_new(const char *find, const char *format, struct custom **ret,
	       const char **bad);
void custom_free(struct custom **c);

/* false: not found. Both spans lie within the line. */
bool custom_find(struct custom *c, struct span line, struct span *cut,
		 struct span *stamp);

/* -EINVAL: the text does not fit the format. */
int custom_read(const struct custom *c, struct span text, struct stamp *ret);

#endif
