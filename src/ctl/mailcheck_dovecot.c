/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dovecot's side: is the deny file asked, first, and can auth read it? A deny
 * file that is there and cannot be read stops every login.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/mailcheck.h"
#include "ctl/program.h"

#define GROUPS_MAX 256

/* Does the user have this right (4: read, 1: pass) on what `st` tells of? */
static bool may(const struct stat *st, uid_t uid, const gid_t *groups, int n, unsigned right)
{
	if (uid == 0)
		return true;
	if (st->st_uid == uid)
		return st->st_mode >> 6 & right;
	for (int i = 0; i < n; i++)
		if (groups[i] == st->st_gid)
			return st->st_mode >> 3 & right;
	return st->st_mode & right;
}

void mailcheck_readable(const char *path, const char *user, char why[256])
{
	const struct passwd *pw = getpwnam(user);
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	char part[4096];
	struct stat st;

	why[0] = 0;
	if (!pw || getgrouplist(user, pw->pw_gid, groups, &n) < 0) {
		snprintf(why, 256, "there is no user %.60s", user);
		return;
	}
	for (size_t i = 1; i <= strlen(path) && i < sizeof(part); i++) {
		bool whole = !path[i];

		if (!whole && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (stat(part, &st) < 0) {
			snprintf(why, 256, "%.150s: %s", part, strerror(errno));
			return;
		}
		if (!may(&st, pw->pw_uid, groups, n, whole ? 4 : 1)) {
			snprintf(why, 256, "%.150s (mode %04o) is closed to %.60s", part,
				 (unsigned)st.st_mode & 07777, user);
			return;
		}
	}
}

/* Who Dovecot's auth process runs as. */
static void auth_user(const struct config *c, char *ret, size_t size)
{
	struct buf out = { 0 };
	const char *text;

	snprintf(ret, size, "dovecot");
	if (program_run(&c->helpers.doveconf, (const char *[]){ "-h", "default_internal_user", NULL }, true, &out) == 0) {
		text = buf_cstr(&out);
		if (strcspn(text, "\n") > 0)
			snprintf(ret, size, "%.*s", (int)strcspn(text, "\n"), text);
	}
	buf_free(&out);
}

static void check_file(const struct config *c, const char *file, json_t *out)
{
	char user[64], why[256];
	struct stat st;

	if (!program_is_here(&c->helpers.doveconf))
		return;
	if (stat(file, &st) < 0) {
		mailcheck_add(out, "dovecot", errno == ENOENT ? "bad" : "note", "%s: %s", file,
			      errno == ENOENT ? "it is not there: nobody is denied (bailiff setup mail --apply makes it)" :
			      "not looked at, ask as root");
		return;
	}
	auth_user(c, user, sizeof(user));
	mailcheck_readable(file, user, why);
	if (why[0])
		mailcheck_add(out, "dovecot", "bad", "its auth process cannot read the deny file, which stops EVERY "
			      "login: %s", why);
	else
		mailcheck_add(out, "dovecot", "ok", "%s can read %s", user, file);
}

void mailcheck_dovecot(const struct config *c, const char *text, json_t *findings)
{
	const char *file = c->accounts.dovecot_deny;
	const char *first = strstr(text, "\npassdb"), *at = file ? strstr(text, file) : NULL, *block, *end;
	char body[2048];

	if (!file) {
		mailcheck_add(findings, "dovecot", "note", "accounts.dovecot_deny is off: logins of denied accounts go on");
		return;
	}
	if (!at || !first) {
		mailcheck_add(findings, "dovecot", "bad", "it does not ask %s: denied accounts still log in "
			      "(bailiff setup mail)", file);
		return;
	}
	block = first;
	for (const char *p = first; p && p < at; p = strstr(p + 1, "\npassdb"))
		block = p;
	end = strstr(block, "\n}");
	snprintf(body, sizeof(body), "%.*s", (int)(end ? end - block : 0), block);
	if (!strstr(body, file) || !strstr(body, "deny = yes"))
		mailcheck_add(findings, "dovecot", "bad", "%s is named, but not by a passdb with deny = yes", file);
	else if (block != first)
		mailcheck_add(findings, "dovecot", "bad", "another passdb stands before that of %s: whom it knows is let in", file);
	else
		mailcheck_add(findings, "dovecot", "ok", "it asks %s first", file);
	check_file(c, file, findings);
}
