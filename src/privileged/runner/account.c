/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a Unix account and what has to be done to it: pure decisions
 * over what /etc/shadow said before, after and now. `passwd -l` and `chage -E`
 * each change one field and each can be undone to the letter; usermod -L would
 * do, but `usermod -e` and a lock in one call could not be told apart when
 * only half of it worked.
 */
#include "privileged/runner/account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/hash.h"

#define FIELDS_MAX 9
enum { PASSWD_UID = 2, PASSWD_GECOS = 4, PASSWD_HOME = 5, PASSWD_FIELDS = 7 };
enum { SHADOW_HASH = 1, SHADOW_CHANGED = 2, SHADOW_EXPIRE = 7, SHADOW_FIELDS = 9 };

/* The line of `name`; the first, as shadow-utils takes it. */
static int find_line(const char *path, const char *name, char **line, struct stat *st)
{
	size_t n = strlen(name), size = 0;
	_cleanup_(close_file) FILE *f = NULL;

	if (strpbrk(name, ":\n"))
		return -ENOENT;
	f = fopen(path, "re");
	if (!f || fstat(fileno(f), st) < 0)
		return -errno;
	while (getline(line, &size, f) > 0)
		if (strncmp(*line, name, n) == 0 && (*line)[n] == ':')
			return 0;
	return ferror(f) ? -EIO : -ENOENT;
}

/* Cut a line at its colons; the number of fields. */
static int split(char *line, char *ret[FIELDS_MAX])
{
	int n = 0;

	line[strcspn(line, "\n")] = 0;
	for (char *p = line, *field; (field = strsep(&p, ":"));) {
		if (n == FIELDS_MAX)
			return -EBADMSG;
		ret[n++] = field;
	}
	return n;
}

/* A count of days; an empty field and a negative one are "none". */
static int parse_number(const char *text, int64_t *ret)
{
	char *end;
	long long v;

	if (!*text) {
		*ret = -1;
		return 0;
	}
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || *end)
		return -EBADMSG;
	*ret = v < 0 ? -1 : v;
	return 0;
}

static int passwd_text(const char *unix_name, int which, char *ret, size_t size)
{
	_cleanup_(free_ptr) char *line = NULL;
	char *field[FIELDS_MAX];
	struct stat st;
	int r = find_line("/etc/passwd", unix_name, &line, &st);

	if (r < 0)
		return r;
	if (split(line, field) != PASSWD_FIELDS)
		return -EBADMSG;
	if (strlen(field[which]) >= size)
		return -ENAMETOOLONG;
	memcpy(ret, field[which], strlen(field[which]) + 1);
	return 0;
}

int account_home(const char *unix_name, char *ret, size_t size)
{
	int r = passwd_text(unix_name, PASSWD_HOME, ret, size);

	return r < 0 || ret[0] == '/' ? r : -ENOENT;
}

int account_gecos(const char *unix_name, char *ret, size_t size)
{
	return passwd_text(unix_name, PASSWD_GECOS, ret, size);
}

int account_uid(const char *unix_name, uid_t *ret)
{
	_cleanup_(free_ptr) char *line = NULL;
	char *field[FIELDS_MAX];
	struct stat st;
	int64_t uid;
	int r = find_line("/etc/passwd", unix_name, &line, &st);

	if (r < 0)
		return r;
	if (split(line, field) != PASSWD_FIELDS || parse_number(field[PASSWD_UID], &uid) < 0 ||
	    uid < 0 || uid > UINT32_MAX)
		return -EBADMSG;
	*ret = (uid_t)uid;
	return 0;
}

static uint64_t fingerprint(const char *hash, uint64_t salt)
{
	_cleanup_(free_ptr) char *both = NULL;
	uint64_t print;

	hash += strspn(hash, "!");
	if (asprintf(&both, "%016llx%s", (unsigned long long)salt, hash) < 0)
		abort();
	print = hash_fixed(both, strlen(both));
	return print;
}

int account_read(const char *unix_name, uint64_t salt, struct account_state *ret)
{
	_cleanup_(free_ptr) char *line = NULL;
	struct account_state s = { .known = 1 };
	char *field[FIELDS_MAX];
	struct stat st;
	int r = find_line("/etc/shadow", unix_name, &line, &st);

	if (r < 0)
		return r == -ENOENT ? -ENOKEY : r;
	if (split(line, field) != SHADOW_FIELDS ||
	    parse_number(field[SHADOW_CHANGED], &s.changed) < 0 ||
	    parse_number(field[SHADOW_EXPIRE], &s.expire) < 0)
		return -EBADMSG;
	s.locked = field[SHADOW_HASH][0] == '!';
	s.print = fingerprint(field[SHADOW_HASH], salt);
	s.mtime_ms = st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1000000;
	*ret = s;
	return 0;
}

struct account_goal account_goal_lock(const struct account_state *before, struct wall now)
{
	int64_t today = now.ms / 86400000;
	bool expired = before->expire >= 0 && before->expire <= today;

	return (struct account_goal){
		.steps = STEP_LOCK | (expired ? 0u : (unsigned)STEP_EXPIRE),
		.expire = ACCOUNT_EXPIRED,
	};
}

struct account_goal account_goal_undo(const struct account_state *before,
				      const struct account_state *after,
				      const struct account_state *now)
{
	struct account_goal goal = { .expire = before->expire };

	if (after->locked && !before->locked && now->locked && now->print == after->print)
		goal.steps |= STEP_UNLOCK;
	if (after->expire != before->expire && now->expire == after->expire)
		goal.steps |= STEP_EXPIRE;
	return goal;
}

unsigned account_unmet(const struct account_state *now, const struct account_goal *goal)
{
	unsigned met = (now->locked ? STEP_LOCK : STEP_UNLOCK) |
		       (now->expire == goal->expire ? (unsigned)STEP_EXPIRE : 0u) |
		       (now->changed == 0 ? (unsigned)STEP_CHANGE : 0u);

	return goal->steps & ~met;
}

bool account_hand_over(const struct account_state *before, const struct account_state *after,
		       struct account_state *later_before)
{
	bool took = false;

	if (after->locked && !before->locked && later_before->locked &&
	    later_before->print == after->print) {
		later_before->locked = 0;
		took = true;
	}
	if (after->expire != before->expire && later_before->expire == after->expire) {
		later_before->expire = before->expire;
		took = true;
	}
	return took;
}
