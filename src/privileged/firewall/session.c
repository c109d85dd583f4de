/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is logged in from elsewhere and administers this host: utmp(5), and the
 * sessions of systemd-logind for systems that have given utmp up (its files
 * /run/systemd/sessions/ID hold what sd_session_get_remote_host(3) returns).
 * Names are looked up in /etc/passwd and /etc/group alone: a directory service
 * that hangs must not hold up a ban.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utmp.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "privileged/firewall/session.h"

#define GROUPS_MAX 8
#define LINE_MAX_LOGIND 512

const struct session_files session_system_files = {
	"/etc/passwd", "/etc/group", "/run/utmp", "/run/systemd/sessions",
};

static const char *const admin_groups[] = { "sudo", "wheel", "bailiff-admin" };

static bool is_admin_group(const char *name)
{
	for (size_t i = 0; i < sizeof(admin_groups) / sizeof(admin_groups[0]); i++) {
		if (strcmp(name, admin_groups[i]) == 0)
			return true;
	}
	return false;
}

static bool is_member(const struct group *g, const char *user, gid_t gid)
{
	if (g->gr_gid == gid)
		return true;
	for (char **m = g->gr_mem; *m; m++) {
		if (strcmp(*m, user) == 0)
			return true;
	}
	return false;
}

static bool is_admin(const struct session_files *files, const char *user)
{
	_cleanup_(close_file) FILE *passwd = fopen(files->passwd, "re");
	_cleanup_(close_file) FILE *group = fopen(files->group, "re");
	gid_t gid = (gid_t)-1;
	struct passwd *p;
	struct group *g;

	while (passwd && (p = fgetpwent(passwd))) {
		if (strcmp(p->pw_name, user) != 0)
			continue;
		if (p->pw_uid == 0)
			return true;
		gid = p->pw_gid;
	}
	while (group && (g = fgetgrent(group))) {
		if (is_admin_group(g->gr_name) && is_member(g, user, gid))
			return true;
	}
	return strcmp(user, "root") == 0;
}

static bool utmp_from(const struct utmp *u, struct addr *ret)
{
	static const int32_t none[4];
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct span host = { u->ut_host, strnlen(u->ut_host, sizeof(u->ut_host)) };

	if (memcmp(u->ut_addr_v6, none, sizeof(none)) == 0)
		return addr_parse_host(host, ret) == 0;
	memcpy(&sin.sin_addr, u->ut_addr_v6, sizeof(sin.sin_addr));
	memcpy(&sin6.sin6_addr, u->ut_addr_v6, sizeof(sin6.sin6_addr));
	/* utmp(5): an IPv4 address is in the first word alone */
	if (memcmp(u->ut_addr_v6 + 1, none, 3 * sizeof(int32_t)) == 0)
		return addr_from_sockaddr((void *)&sin, ret) == 0;
	return addr_from_sockaddr((void *)&sin6, ret) == 0;
}

static size_t read_utmp(const struct session_files *files, struct session *ret, size_t max)
{
	_cleanup_(close_file) FILE *f = fopen(files->utmp, "re");
	struct utmp u;
	size_t n = 0;

	while (f && n < max && fread(&u, sizeof(u), 1, f) == 1) {
		char user[sizeof(u.ut_user) + 1] = "";

		memcpy(user, u.ut_user, sizeof(u.ut_user));
		if (u.ut_type != USER_PROCESS || !utmp_from(&u, &ret[n].from) ||
		    !is_admin(files, user))
			continue;
		ret[n++].pid = u.ut_pid;
	}
	return n;
}

/* "KEY=value" lines; a value too long for its place counts as none. */
static bool take_value(const char *line, const char *key, char *ret, size_t size)
{
	size_t k = strlen(key);

	if (strncmp(line, key, k) != 0 || line[k] != '=')
		return false;
	line += k + 1;
	if (strlen(line) < size)
		strcpy(ret, line);
	return true;
}

static bool read_logind_file(const struct session_files *files, int dir, const char *name,
			     struct session *ret)
{
	char user[64] = "", host[64] = "", leader[16] = "", line[LINE_MAX_LOGIND];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(close_file) FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f && fd >= 0)
		close(fd);
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!take_value(line, "USER", user, sizeof(user)) &&
		    !take_value(line, "REMOTE_HOST", host, sizeof(host)))
			take_value(line, "LEADER", leader, sizeof(leader));
	}
	if (addr_parse_host(span_of(host), &ret->from) < 0 || !is_admin(files, user))
		return false;
	ret->pid = (pid_t)strtol(leader, NULL, 10);
	return true;
}

static size_t read_logind(const struct session_files *files, struct session *ret, size_t max)
{
	DIR *d = opendir(files->logind);
	struct dirent *e;
	size_t n = 0;

	while (d && n < max && (e = readdir(d))) {
		/* "ID.ref" is a FIFO that holds the session open */
		if (isalnum((unsigned char)e->d_name[0]) && !strchr(e->d_name, '.'))
			n += read_logind_file(files, dirfd(d), e->d_name, &ret[n]);
	}
	if (d)
		closedir(d);
	return n;
}

size_t session_read(const struct session_files *files, struct session *ret, size_t max)
{
	size_t n = read_utmp(files, ret, max);

	return n + read_logind(files, ret + n, max - n);
}
