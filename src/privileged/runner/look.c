/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORDER_LOOK: what a thief may have left behind in an account, for people to
 * read before they unlock it. Changes nothing and opens nothing for reading:
 * one path of accounts.leftovers an order, of which the time and the size are
 * told, the owner's entry in passwd(5), and which Sieve scripts doveadm calls
 * active.
 *
 * What lies below the part of a path that the account's name is in belongs to
 * a stranger: it is looked up beneath that part only (openat2(2)), so that no
 * link leads root elsewhere, and in a child, since it may lie on a disk that
 * does not answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "config/words.h"
#include "privileged/runner/job.h"
#include "privileged/runner/names.h"

#define TIMEOUT_MS 5000
#define NOT_THERE 2	/* exit status of the child */
#define TOUCHED_S 60	/* a file whose inode changed later than this was dated back, or moved */

struct look {
	char name[48];			/* as it is told: the end of a long path */
	char base[4096];		/* trusted: opened as it is */
	char rest[4096];		/* beneath it */
};

/* ---- the child ---- */

static int open_beneath(int dir, const char *path, unsigned flags)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static void tell(const struct look *l, const struct stat *st, const char *more)
{
	char changed[32], touched[32], late[48] = "";

	if (st->st_ctim.tv_sec > st->st_mtim.tv_sec + TOUCHED_S)
		snprintf(late, sizeof(late), ", touched %s",
			 clock_print(st->st_ctim.tv_sec * 1000LL, touched, sizeof(touched)));
	printf("%s: %schanged %s, %lld bytes%s\n", l->name, more,
	       clock_print(st->st_mtim.tv_sec * 1000LL, changed, sizeof(changed)),
	       (long long)st->st_size, late);
}

static int look_at(const void *arg)
{
	const struct look *l = arg;
	_cleanup_(close_fd) int dir = open(l->base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(close_fd) int fd = dir < 0 ? -errno : open_beneath(dir, l->rest, O_NOFOLLOW);
	_cleanup_(close_fd) int to = -1;
	struct stat st;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return NOT_THERE;
	if (fd < 0 || fstat(fd, &st) < 0) {
		printf("%s: %s\n", l->name, fd == -EXDEV ? "a link leads elsewhere" :
		       strerror(fd < 0 ? -fd : errno));
		fflush(stdout);
		return 1;
	}
	if (S_ISLNK(st.st_mode)) {
		to = open_beneath(dir, l->rest, 0);
		if (to < 0 || fstat(to, &st) < 0)
			tell(l, &st, "a link to elsewhere, ");
		else
			tell(l, &st, "a link, ");
	} else {
		tell(l, &st, S_ISDIR(st.st_mode) ? "a directory, " : "");
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- paths ---- */

/* "." and ".." are names that lead upwards. */
static bool is_plain(const char *part)
{
	return *part && strcmp(part, ".") != 0 && strcmp(part, "..") != 0;
}

/* The account's name in a path is one component of it, or none. */
static bool split_name(const char *canonical, char local[ORDER_NAME_MAX], const char **domain)
{
	const char *at = strrchr(canonical, '@');
	size_t n = at ? (size_t)(at - canonical) : strlen(canonical);

	memcpy(local, canonical, n);
	local[n] = 0;
	*domain = at ? at + 1 : "";
	return is_plain(local) && is_plain(canonical) && (!at || is_plain(*domain));
}

static int fill_path(const struct job *j, const char *template, const char *from, char *to, size_t size)
{
	char local[ORDER_NAME_MAX];
	const char *domain;
	struct buf out = { .max = size - 1 };
	int ret = 0;

	if (!split_name(j->entry.name, local, &domain) || (!*domain && strstr(template, "<domain>")))
		return -ENOENT;
	words_fill(from, (const struct word_value[]){
		{ "user", j->entry.name }, { "local", local }, { "domain", domain }, { NULL, NULL },
	}, &out);
	if (buf_error(&out))
		ret = -ENAMETOOLONG;
	else
		snprintf(to, size, "%s", buf_cstr(&out));
	buf_free(&out);
	return ret;
}

/* "~/x" is x beneath the home; else the last `/` before the first name parts them. */
static int place(const struct job *j, const char *template, struct look *l)
{
	const char *first = strchr(template, '<'), *cut;
	struct buf whole = { 0 };
	int ret;

	if (template[0] == '~') {
		ret = j->entry.unix_name[0] ? account_home(j->entry.unix_name, l->base, sizeof(l->base)) : -ENOENT;
		cut = template + 2;
	} else {
		cut = first;
		while (cut && cut > template && cut[-1] != '/')
			cut--;
		ret = cut ? snprintf(l->base, sizeof(l->base), "%.*s", (int)(cut - template), template) < 0 : -EINVAL;
	}
	if (ret == 0)
		ret = fill_path(j, template, cut, l->rest, sizeof(l->rest));
	if (ret < 0)
		return ret;
	buf_printf(&whole, "%s%s", template[0] == '~' ? "~/" : l->base, l->rest);
	snprintf(l->name, sizeof(l->name), "%s", buf_cstr(&whole) +
		 (whole.n < sizeof(l->name) ? 0 : whole.n - sizeof(l->name) + 1));
	ret = buf_error(&whole);
	buf_free(&whole);
	return ret;
}

static void after_path(struct job *j, const struct command_result *r)
{
	const struct look *l = j->work;
	char why[TEMPLATE_WHY_MAX];
	int n = (int)strcspn(r->output.n ? r->output.p : "", "\n");
	bool ended = r->error == 0 && !r->timed_out && WIFEXITED(r->status);

	if (n > (int)r->output.n)
		n = (int)r->output.n;
	if (ended && WEXITSTATUS(r->status) == NOT_THERE)
		job_end(j, OUTCOME_DONE, -ENOENT, "%s is not there", l->name);
	else if (ended && WEXITSTATUS(r->status) <= 1 && n > 0)
		job_end(j, WEXITSTATUS(r->status) ? OUTCOME_FAILED : OUTCOME_DONE, WEXITSTATUS(r->status) ? -EIO : 1,
			"%.*s", n, r->output.p);
	else
		job_end(j, OUTCOME_FAILED, command_judge(r, l->name, why, sizeof(why)), "%s", why);
}

static void look_free(void **work)
{
	free(*work);
	*work = NULL;
}

static void look_path(struct job *j, const char *template)
{
	struct command_spec spec = { .call = look_at, .timeout_ms = TIMEOUT_MS };
	struct look *l = calloc(1, sizeof(*l));
	int ret = l ? place(j, template, l) : -ENOMEM;

	j->work = l;
	j->work_free = look_free;
	spec.arg = l;
	if (ret == -ENOENT)
		job_end(j, OUTCOME_DONE, ret, "%s: not for this account", template);
	else if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s: %s", template, strerror(-ret));
	else
		job_command(j, &spec, after_path);
}

/* ---- the owner ---- */

static void look_owner(struct job *j)
{
	char text[128];
	int ret = j->entry.unix_name[0] ? account_gecos(j->entry.unix_name, text, sizeof(text)) : -ENOENT;

	if (ret < 0 || !text[strspn(text, ", ")])
		job_end(j, OUTCOME_DONE, -ENOENT, "passwd(5) does not tell whose it is");
	else
		job_end(j, OUTCOME_DONE, 1, "owner, by passwd(5): %s", text);
}

/* ---- Sieve ---- */

static void after_sieve(struct job *j, const struct command_result *r)
{
	static const struct span active = SPAN_LIT(" ACTIVE");
	struct span rest = r->output, line;
	struct buf names = { 0 };

	if (r->error || r->timed_out || r->status != 0) {
		job_end(j, OUTCOME_DONE, -ENOENT, "doveadm tells of no Sieve scripts");
		return;
	}
	while (span_line(&rest, &line))
		if (line.n > active.n && memcmp(line.p + line.n - active.n, active.p, active.n) == 0)
			buf_printf(&names, "%s'%.*s'", names.n ? ", " : "", (int)(line.n - active.n), line.p);
	if (names.n == 0)
		job_end(j, OUTCOME_DONE, -ENOENT, "no Sieve script is active");
	else
		job_end(j, OUTCOME_DONE, 1, "an active Sieve script: %s", buf_cstr(&names));
	buf_free(&names);
}

static void look_sieve(struct job *j)
{
	const char *words[] = { "sieve", "list", "-u", j->entry.name, NULL };
	struct command_spec spec = { .timeout_ms = TIMEOUT_MS };
	struct names names;	/* -u takes a mask, and none is wanted */
	int ret = names_of(&j->r->config->accounts, j->entry.name, &names);

	if (ret == 0)
		ret = argv_make(&j->r->config->helpers.doveadm, words, &j->argv);
	spec.argv = j->argv;
	if (ret < 0)
		after_sieve(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, after_sieve);
}

/* ---- the order ---- */

void job_look(struct job *j)
{
	const struct strings *paths = &j->r->config->accounts.leftovers;
	uint64_t which = j->order->account.ref;
	char why[TEMPLATE_WHY_MAX];
	int ret = policy_account(j->r, j->kind->type, j->entry.name, false, true, why);

	if (ret < 0)
		job_end(j, OUTCOME_REFUSED, ret, "%s", why);
	else if (which < paths->n)
		look_path(j, paths->v[which]);
	else if (which == paths->n)
		look_sieve(j);
	else if (which == paths->n + 1)
		look_owner(j);
	else
		job_end(j, OUTCOME_REFUSED, -EINVAL, "there is no such thing to look at");
}
