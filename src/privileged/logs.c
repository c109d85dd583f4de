/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening logs. A path may be made by others than root (a web server's own
 * log directory), so what is opened is checked after the open: no link in the
 * last component, a regular file, and O_NONBLOCK so that a FIFO cannot hold
 * us. The engine gets descriptors only; its inotify gets the watches, since
 * adding one needs the right to read the file.
 *
 * One inotify of our own watches directories. Any event there leads to a look
 * at that log's globs, which is cheap, needs no path arithmetic, and is right
 * also when events were lost.
 */
#include "privileged/logs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "wire/channel.h"

#define DIR_MASK (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_MASK (IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB)
#define OPENED_MAX 1024

/* One file, also after its inode number went to another. */
struct identity_of_file {
	dev_t dev;
	ino_t ino;
	int64_t born_ns;	/* statx(2) stx_btime, 0 where there is none */
};

/* A file the engine has. */
struct opened {
	uint16_t log;
	struct identity_of_file file;
	int wd;
	char path[SOURCE_PATH_MAX];
};

/* A path that could not be opened, so that it is said once. */
struct refused {
	uint16_t log;
	int error;
	char path[SOURCE_PATH_MAX];
};

struct logs {
	const struct config *config;
	logs_send_fn *send;
	void *arg;
	int dirs;		/* our inotify */
	int content;		/* the engine's, borrowed; -1 none */
	bool *journal;		/* per log: the journal serves */
	bool late;		/* what is found now appeared while we ran */
	size_t nopened, nrefused;
	struct opened opened[OPENED_MAX];
	struct refused refused[64];
};

static const char *const journal_dirs[] = { "/var/log/journal", "/run/log/journal", NULL };

/* ---- what is there */

static int open_regular(const char *path, int *ret, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int e = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) < 0)
		e = -errno;
	else if (S_ISDIR(st->st_mode))
		e = -EISDIR;
	else if (!S_ISREG(st->st_mode))
		e = -EINVAL;
	if (e < 0) {
		close(fd);
		return e;
	}
	*ret = fd;
	return 0;
}

static struct identity_of_file identify(int fd, const struct stat *st)
{
	struct identity_of_file f = { st->st_dev, st->st_ino, 0 };
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) == 0 && (x.stx_mask & STATX_BTIME))
		f.born_ns = x.stx_btime.tv_sec * 1000000000LL + x.stx_btime.tv_nsec;
	return f;
}

static struct opened *find_opened(struct logs *l, uint16_t log, struct identity_of_file f)
{
	for (size_t i = 0; i < l->nopened; i++) {
		struct opened *o = &l->opened[i];

		if (o->log == log && o->file.dev == f.dev && o->file.ino == f.ino &&
		    o->file.born_ns == f.born_ns)
			return o;
	}
	return NULL;
}

/* The oldest of a path goes when the table is full: the engine still has it. */
static struct opened *new_opened(struct logs *l)
{
	if (l->nopened == OPENED_MAX)
		memmove(&l->opened[0], &l->opened[1], --l->nopened * sizeof(l->opened[0]));
	return &l->opened[l->nopened++];
}

static void say_refused(struct logs *l, uint16_t log, const char *path, int error)
{
	struct message_source m = {
		.head = { .type = MSG_SOURCE }, .log = log,
		.flags = SOURCE_FAILED, .wd = error,
	};
	struct refused *r;

	for (size_t i = 0; i < l->nrefused; i++)
		if (l->refused[i].log == log && l->refused[i].error == error &&
		    strcmp(l->refused[i].path, path) == 0)
			return;
	if (l->nrefused == sizeof(l->refused) / sizeof(l->refused[0]))
		l->nrefused = 0;
	r = &l->refused[l->nrefused++];
	r->log = log;
	r->error = error;
	snprintf(r->path, sizeof(r->path), "%s", path);
	log_err("log %s: %s: %s", l->config->logs[log].name, path,
		error == -ELOOP ? "is a symbolic link, not followed" :
		error == -EINVAL ? "not a regular file" : strerror(-error));
	snprintf(m.path, sizeof(m.path), "%s", path);
	l->send(l->arg, &m, NULL, 0);
}

static int send_file(struct logs *l, uint16_t log, const char *path)
{
	struct message_source m = {
		.head = { .type = MSG_SOURCE }, .log = log,
		.flags = l->late ? SOURCE_APPEARED : 0,
	};
	_cleanup_(close_fd) int fd = -1;
	char proc[32];
	struct identity_of_file file;
	struct opened *o;
	struct stat st;
	int r;

	if (strlen(path) >= sizeof(m.path)) {
		say_refused(l, log, path, -ENAMETOOLONG);
		return 0;
	}
	r = open_regular(path, &fd, &st);
	if (r < 0) {
		if (r != -ENOENT)
			say_refused(l, log, path, r);
		return 0;
	}
	file = identify(fd, &st);
	o = find_opened(l, log, file);
	if (o) {
		snprintf(o->path, sizeof(o->path), "%s", path);
		return 0;
	}
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	m.wd = inotify_add_watch(l->content, proc, FILE_MASK);
	if (m.wd < 0)
		log_warning("log %s: cannot watch %s: %m", l->config->logs[log].name, path);
	o = new_opened(l);
	*o = (struct opened){ .log = log, .file = file, .wd = m.wd };
	snprintf(o->path, sizeof(o->path), "%s", path);
	snprintf(m.path, sizeof(m.path), "%s", path);
	return l->send(l->arg, &m, &fd, 1);
}

/* ---- journals */

struct journal_files {
	size_t n;
	struct { int fd; int64_t mtime; struct identity_of_file file; } v[CHANNEL_MAX_FDS];
};

/* Only the newest CHANNEL_MAX_FDS: what is older is older than any window. */
static void add_journal_file(struct journal_files *f, const char *path)
{
	struct stat st;
	size_t at = f->n;
	int fd;

	if (open_regular(path, &fd, &st) < 0)
		return;
	if (f->n == CHANNEL_MAX_FDS) {
		at = 0;
		for (size_t i = 1; i < f->n; i++)
			if (f->v[i].mtime < f->v[at].mtime)
				at = i;
		if (f->v[at].mtime > st.st_mtime) {
			close(fd);
			return;
		}
		close(f->v[at].fd);
	} else {
		f->n++;
	}
	f->v[at].fd = fd;
	f->v[at].mtime = st.st_mtime;
	f->v[at].file = identify(fd, &st);
}

/* journald renames a file that a crash left open to *.journal~ (sd_journal_open(3)). */
static bool is_journal(const char *name)
{
	size_t n = strlen(name);

	return strncmp(name, "user-", 5) != 0 &&
	       ((n > 8 && strcmp(name + n - 8, ".journal") == 0) ||
		(n > 9 && strcmp(name + n - 9, ".journal~") == 0));
}

/* The journals in dir, and one level deeper (the machine id), but no user's. */
static void scan_journals(struct logs *l, const char *dir, bool deeper, struct journal_files *f)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[PATH_MAX];

	if (!d)
		return;
	inotify_add_watch(l->dirs, dir, DIR_MASK);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (is_journal(e->d_name)) {
			add_journal_file(f, path);
		} else if (deeper && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN)) {
			scan_journals(l, path, false, f);
		}
	}
	closedir(d);
}

static const char *journal_dir(struct logs *l, const struct log_conf *conf, struct journal_files *f)
{
	if (conf->journal_dir) {
		scan_journals(l, conf->journal_dir, true, f);
		return conf->journal_dir;
	}
	for (size_t i = 0; journal_dirs[i]; i++) {
		scan_journals(l, journal_dirs[i], true, f);
		if (f->n > 0)
			return journal_dirs[i];
	}
	return journal_dirs[0];
}

static int send_journal(struct logs *l, uint16_t log)
{
	struct message_source m = { .head = { .type = MSG_JOURNAL }, .log = log, .wd = -1 };
	struct journal_files f = { 0 };
	int fds[CHANNEL_MAX_FDS];
	const char *dir = journal_dir(l, &l->config->logs[log], &f);
	bool fresh = false;
	int r = 0;

	snprintf(m.path, sizeof(m.path), "%s", dir);
	for (size_t i = 0; i < f.n; i++) {
		char proc[32];

		fds[i] = f.v[i].fd;
		if (find_opened(l, log, f.v[i].file))
			continue;
		fresh = true;
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fds[i]);
		inotify_add_watch(l->content, proc, IN_MODIFY);
		*new_opened(l) = (struct opened){ .log = log, .file = f.v[i].file, .wd = -1 };
	}
	m.head.count = (uint32_t)f.n;
	if (fresh)
		r = l->send(l->arg, &m, fds, f.n);
	for (size_t i = 0; i < f.n; i++)
		close(fds[i]);
	return r;
}

/* ---- files */

/* The deepest directory above a glob that exists and holds no wildcard. */
static void watch_above(struct logs *l, const char *pattern)
{
	char dir[PATH_MAX];
	size_t wild = strcspn(pattern, "*?[");
	char *slash;

	if (strlen(pattern) >= sizeof(dir))
		return;
	strcpy(dir, pattern);
	dir[wild] = 0;
	while ((slash = strrchr(dir, '/'))) {
		*slash = 0;
		if (inotify_add_watch(l->dirs, dir[0] ? dir : "/", DIR_MASK) >= 0 || !dir[0])
			return;
	}
}

/* Directories that a wildcard stands for, also while no log is in them yet. */
static void watch_globbed(struct logs *l, const char *pattern)
{
	char dir[PATH_MAX];
	size_t wild = strcspn(pattern, "*?[");

	if (strlen(pattern) >= sizeof(dir))
		return;
	for (const char *slash = strchr(pattern + wild, '/'); slash; slash = strchr(slash + 1, '/')) {
		glob_t g;

		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - pattern), pattern);
		if (glob(dir, GLOB_ONLYDIR, NULL, &g) != 0)
			return;
		for (size_t i = 0; i < g.gl_pathc; i++)
			inotify_add_watch(l->dirs, g.gl_pathv[i], DIR_MASK);
		globfree(&g);
	}
}

static int send_files(struct logs *l, uint16_t log)
{
	const struct strings *files = &l->config->logs[log].files;
	int r = 0;

	for (size_t i = 0; i < files->n && r == 0; i++) {
		glob_t g;

		/* Watched first, looked at then: what comes in between is an event. */
		watch_above(l, files->v[i]);
		watch_globbed(l, files->v[i]);
		if (glob(files->v[i], 0, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc && r == 0; k++)
			r = send_file(l, log, g.gl_pathv[k]);
		globfree(&g);
	}
	return r;
}

/* ---- the log's one kind of source */

static bool any_journal(struct logs *l, const struct log_conf *conf)
{
	struct journal_files f = { 0 };

	journal_dir(l, conf, &f);
	for (size_t i = 0; i < f.n; i++)
		close(f.v[i].fd);
	return f.n > 0;
}

static bool any_file(const struct log_conf *conf)
{
	for (size_t i = 0; i < conf->files.n; i++) {
		glob_t g;
		int r = glob(conf->files.v[i], 0, NULL, &g);

		globfree(&g);
		if (r == 0)
			return true;
	}
	return false;
}

static bool choose_journal(struct logs *l, const struct log_conf *conf)
{
	if (!conf->has_journal)
		return false;
	if (!conf->has_files)
		return true;
	if (conf->prefer == PREFER_JOURNAL)
		return any_journal(l, conf);
	return !any_file(conf) && any_journal(l, conf);
}

/* No jail names it: neither opened nor watched. */
static bool used(const struct config *c, uint16_t log)
{
	if (c->logs[log].prefer == PREFER_COMMAND)
		return false;	/* programs.c's */
	for (size_t i = 0; i < c->njails; i++)
		for (size_t k = 0; k < c->jails[i].nlogs; k++)
			if (c->jails[i].logs[k] == log && !(c->jails[i].mode == MODE_OFF && c->jails[i].mode_set))
				return true;
	return false;
}

int logs_new(const struct config *c, logs_send_fn *send, void *arg, struct logs **ret)
{
	struct logs *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->config = c;
	l->send = send;
	l->arg = arg;
	l->content = -1;
	l->dirs = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	l->journal = calloc(c->nlogs ? c->nlogs : 1, sizeof(*l->journal));
	if (l->dirs < 0 || !l->journal) {
		int e = l->dirs < 0 ? -errno : -ENOMEM;

		logs_free(&l);
		return e;
	}
	for (size_t i = 0; i < c->nlogs; i++)
		l->journal[i] = choose_journal(l, &c->logs[i]);
	*ret = l;
	return 0;
}

void logs_free(struct logs **l)
{
	if (!*l)
		return;
	close_fd(&(*l)->dirs);
	free((*l)->journal);
	free(*l);
	*l = NULL;
}

int logs_rescan(struct logs *l)
{
	int r = 0;

	if (l->content < 0)
		return 0;
	for (size_t i = 0; i < l->config->nlogs && r == 0; i++) {
		if (!used(l->config, (uint16_t)i))
			continue;
		r = l->journal[i] ? send_journal(l, (uint16_t)i) : send_files(l, (uint16_t)i);
	}
	return r;
}

int logs_send_all(struct logs *l, int engine_inotify)
{
	int r;

	l->content = engine_inotify;
	l->nopened = l->nrefused = 0;
	l->late = false;
	r = logs_rescan(l);
	l->late = true;
	for (size_t i = 0; i < l->config->nlogs; i++) {
		bool found = false;

		for (size_t k = 0; k < l->nopened; k++)
			found |= l->opened[k].log == i;
		if (!found && used(l->config, (uint16_t)i))
			log_warning("log %s: nothing to read yet, waiting for it", l->config->logs[i].name);
	}
	return r;
}

void logs_detach(struct logs *l)
{
	l->content = -1;
}

int logs_fd(const struct logs *l)
{
	return l->dirs;
}

int logs_event(struct logs *l)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(l->dirs, buf, sizeof(buf)) > 0)
		;
	return logs_rescan(l);
}

/* ---- rotated parts */

struct candidate { int fd; int64_t mtime_ns; };

static int older(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->mtime_ns > y->mtime_ns) - (x->mtime_ns < y->mtime_ns);
}

/* Only what the configuration names may be asked about. */
static bool is_configured(const struct logs *l, uint16_t log, const char *path)
{
	const struct strings *files = &l->config->logs[log].files;

	for (size_t i = 0; i < files->n; i++)
		if (fnmatch(files->v[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
			return true;
	return false;
}

/* "1", "20260821.gz", "old": what stands where a rotation was numbered. */
static bool is_numbered(const char *p)
{
	return strchr(".-_", *p) && *p && (isdigit((unsigned char)p[1]) || strncmp(p + 1, "old", 3) == 0);
}

/*
 * mail.log.1, mail.log-20260821.gz, mail-20260821.log (logrotate's `extension`).
 * No mail.log.offset, and no mail.err beside a log that is called mail.
 */
static bool is_rotated(const char *name, const char *base)
{
	const char *dot = strrchr(base, '.');
	size_t stem = dot ? (size_t)(dot - base) : 0;

	if (strncmp(name, base, strlen(base)) == 0)
		return is_numbered(name + strlen(base));
	return stem > 0 && strncmp(name, base, stem) == 0 && is_numbered(name + stem) &&
	       strstr(name + stem + 1, dot);
}

/* The newest are kept: what is older than 32 parts is older than any window. */
static void keep(struct candidate *found, size_t *n, struct candidate c)
{
	if (*n < LOGS_FOUND_MAX) {
		found[(*n)++] = c;
		return;
	}
	qsort(found, *n, sizeof(found[0]), older);
	if (found[0].mtime_ns >= c.mtime_ns) {
		close(c.fd);
		return;
	}
	close(found[0].fd);
	found[0] = c;
}

int logs_find(struct logs *l, uint16_t log, const char *path, int fds[LOGS_FOUND_MAX], size_t *ret_n)
{
	struct candidate found[LOGS_FOUND_MAX];
	char dir[SOURCE_PATH_MAX], full[PATH_MAX];
	const char *base = strrchr(path, '/');
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	*ret_n = 0;
	if (log >= l->config->nlogs || !base || !is_configured(l, log, path))
		return -EPERM;
	snprintf(dir, sizeof(dir), "%.*s", (int)(base - path), path);
	base++;
	d = opendir(dir[0] ? dir : "/");
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		struct stat st;
		int fd;

		if (!is_rotated(e->d_name, base) ||
		    snprintf(full, sizeof(full), "%s/%s", dir, e->d_name) >= (int)sizeof(full) ||
		    open_regular(full, &fd, &st) < 0)
			continue;
		keep(found, &n, (struct candidate){
			fd, st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec
		});
	}
	closedir(d);
	qsort(found, n, sizeof(found[0]), older);
	for (size_t i = 0; i < n; i++)
		fds[i] = found[i].fd;
	*ret_n = n;
	return 0;
}
