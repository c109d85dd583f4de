/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a service is here: by its program, since a log may not be there yet. */
#include "engine/presence.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const dirs[] = {
	"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin",
	"/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/opt/sbin",
};

static bool log_is_set(const struct config *c, const struct jail *j)
{
	for (size_t i = 0; i < j->nlogs; i++)
		if (c->logs[j->logs[i]].place.line > 0)
			return true;
	return false;
}

bool presence_of(const struct config *c, const struct jail *j)
{
	char name[64], path[160];
	size_t n;

	if (j->verdicts || log_is_set(c, j))
		return true;
	if (j->service)
		snprintf(name, sizeof(name), "%s", j->service);
	else if (j->programs.n > 0)
		snprintf(name, sizeof(name), "%s", j->programs.v[0]);
	else
		return true;
	n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (n == 0)
		return true;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%.*s", dirs[i], (int)n, name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}
