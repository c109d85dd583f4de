/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Login names in the one form in which they are counted, compared, protected
 * and acted on, so that JOE, joe and joe+x@example.com are one account to
 * every part of the program.
 */
#include "config/account.h"

#include <errno.h>
#include <strings.h>

/* Bytes that stand in no account's name but mean something to passwd(5), maps and argv. */
static bool is_bad(unsigned char c)
{
	return c < 0x21 || c == 0x7f || c == '/' || c == ',' || c == ':';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The @ that ends the local part, or NULL. */
static const char *at_sign(struct span s)
{
	return s.n ? memrchr(s.p, '@', s.n) : NULL;
}

static int join(struct span local, struct span domain, char *ret, size_t size)
{
	size_t n = local.n + (domain.n ? 1 + domain.n : 0);

	if (n >= size)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < local.n; i++)
		ret[i] = lower(local.p[i]);
	if (domain.n)
		ret[local.n] = '@';
	for (size_t i = 0; i < domain.n; i++)
		ret[local.n + 1 + i] = lower(domain.p[i]);
	ret[n] = 0;
	return 0;
}

int account_canonical(const struct accounts *a, struct span login,
		      char *ret, size_t size)
{
	struct span local = login, domain = { NULL, 0 };
	const char *at, *plus;

	if (login.n == 0 || login.p[0] == '-')
		return -EINVAL;
	for (size_t i = 0; i < login.n; i++)
		if (is_bad((unsigned char)login.p[i]))
			return -EINVAL;
	at = at_sign(login);
	if (at) {
		local.n = (size_t)(at - login.p);
		domain = (struct span){ at + 1, login.n - local.n - 1 };
		if (domain.n == 0)
			return -EINVAL;
	} else if (a->default_domain) {
		domain = span_of(a->default_domain);
	}
	plus = a->strip_tag && local.n ? memchr(local.p, '+', local.n) : NULL;
	if (plus)
		local.n = (size_t)(plus - local.p);
	if (local.n == 0)
		return -EINVAL;
	return join(local, domain, ret, size);
}

static bool is_local(const struct accounts *a, const char *domain)
{
	if (a->default_domain && strcasecmp(a->default_domain, domain) == 0)
		return true;
	for (size_t i = 0; i < a->local_domains.n; i++)
		if (strcasecmp(a->local_domains.v[i], domain) == 0)
			return true;
	return false;
}

int account_unix_name(const struct accounts *a, const char *canonical,
		      char *ret, size_t size)
{
	const char *at = strrchr(canonical, '@');
	size_t n = at ? (size_t)(at - canonical) : strlen(canonical);

	if (n == 0 || (at && !is_local(a, at + 1)))
		return -ENOENT;
	if (n >= size)
		return -ENAMETOOLONG;
	memcpy(ret, canonical, n);
	ret[n] = 0;
	return 0;
}

bool account_parks_for(enum action_kind kind)
{
	return kind == ACTION_DENY || kind == ACTION_LOCK || kind == ACTION_CONTAIN;
}

/* An entry of `protect` names an account as people do: bare or with a domain. */
bool account_is_protected(const struct accounts *a, const char *canonical)
{
	char form[512], unix_name[512], form_unix[512];
	bool is_unix = account_unix_name(a, canonical, unix_name, sizeof(unix_name)) == 0;

	for (size_t i = 0; i < a->protect.n; i++) {
		const char *name = a->protect.v[i];

		if (strcasecmp(name, canonical) == 0)
			return true;
		if (is_unix && strcasecmp(name, unix_name) == 0)
			return true;
		if (account_canonical(a, span_of(name), form, sizeof(form)) != 0)
			continue;
		if (strcmp(form, canonical) == 0)
			return true;
		if (is_unix && account_unix_name(a, form, form_unix, sizeof(form_unix)) == 0 &&
		    strcmp(form_unix, unix_name) == 0)
			return true;
	}
	return false;
}
