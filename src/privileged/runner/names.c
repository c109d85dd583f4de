/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an account to its spellings. What is written into tables and handed to
 * doveadm goes through here, so here stands which bytes may.
 */
#include "privileged/runner/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/account.h"

static bool is_plain(const char *name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789._-+=@~!&'";
	size_t n = strlen(name), len;

	if (n == 0 || name[0] == '-')
		return false;
	for (size_t i = 0; i < n; i += len) {
		len = buf_utf8_len((const unsigned char *)name + i, n - i);
		if (len == 0 || (len == 1 && !strchr(set, name[i])))
			return false;
	}
	return true;
}

static void add(struct names *to, const char *local, const char *domain)
{
	char name[ORDER_NAME_MAX];
	int n = snprintf(name, sizeof(name), "%s%s%s", local, domain ? "@" : "", domain ? domain : "");

	if (n >= (int)sizeof(name) || to->n == NAMES_MAX)
		return;
	for (char *p = name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 32);
	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->v[i], name) == 0)
			return;
	if (is_plain(name))
		memcpy(to->v[to->n++], name, sizeof(name));
}

int names_of(const struct accounts *a, const char *canonical, struct names *ret)
{
	char local[ORDER_NAME_MAX];

	ret->n = 0;
	add(ret, canonical, NULL);
	if (ret->n == 0)
		return -EINVAL;
	if (account_unix_name(a, canonical, local, sizeof(local)) < 0)
		return 0;
	add(ret, local, NULL);
	if (a->default_domain)
		add(ret, local, a->default_domain);
	for (size_t i = 0; i < a->local_domains.n; i++)
		add(ret, local, a->local_domains.v[i]);
	return 0;
}
