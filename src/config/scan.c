/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be known of a configuration that does not load. */
#include "config/scan.h"

#include <stdio.h>
#include <string.h>

/* `key: value` at the start of this line? */
static bool value_of(struct span line, const char *key, char *ret, size_t size)
{
	size_t n = 0, len = strlen(key);
	const char *p = line.p + len + 1, *end = line.p + line.n;

	if (line.n <= len || memcmp(line.p, key, len) != 0 || line.p[len] != ':')
		return false;
	while (p < end && strchr(" \t\"'", *p))
		p++;
	while (p + n < end && !strchr(" \t\r\"'#", p[n]))
		n++;
	if (n == 0 || n >= size)
		return false;
	memcpy(ret, p, n);
	ret[n] = 0;
	return true;
}

bool scan_text(struct span text, const char *key, char *ret, size_t size)
{
	struct span line;

	while (span_line(&text, &line))
		if (value_of(line, key, ret, size))
			return true;
	return false;
}

bool scan_path(const struct pack *p, const char *key, char *ret, size_t size)
{
	char name[512];

	for (size_t i = 0; i < pack_count(p); i++) {
		const struct pack_file *f = pack_get(p, i);

		if (f->role != PACK_MAIN || !scan_text(f->text, key, name, sizeof(name)))
			continue;
		if (name[0] == '/')
			snprintf(ret, size, "%s", name);
		else
			snprintf(ret, size, "%s/%s", pack_base(p), name);
		return true;
	}
	return false;
}
