/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the systemd journal. libsystemd costs some microseconds an entry,
 * most of them for walking its fields; each sd_journal_get_data() walks them
 * anew, so they are walked once here and all that is wanted is picked up.
 *
 * Units are not given to sd_journal_add_match(): its matches name units in
 * full, so a unit that appears later would be noticed late and its first lines
 * lost, and entries without a unit cannot be asked for at all. Foreign entries
 * are cheap to pass by: their fields are walked only until the unit is met.
 *
 * libsystemd's data lives until its next call, so what an entry needs is
 * copied: values are as long as strangers like, and cut.
 */
#include "engine/read/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/glob.h"
#include "base/hash.h"

#define SMALL_MAX 256		/* identifier, unit, host name */
#define SEEN_MAX 50000		/* entries a call looks at, some 50 ms */
#define FILES_MAX 64

enum wanted { MESSAGE, IDENTIFIER, SYSLOG_PID, PID, COMM, HOSTNAME, UNIT, UID, WANTED };

static const struct span names[WANTED] = {
	[MESSAGE] = { "MESSAGE=", 8 },
	[IDENTIFIER] = { "SYSLOG_IDENTIFIER=", 18 },
	[SYSLOG_PID] = { "SYSLOG_PID=", 11 },
	[PID] = { "_PID=", 5 },
	[COMM] = { "_COMM=", 6 },
	[HOSTNAME] = { "_HOSTNAME=", 10 },
	[UNIT] = { "_SYSTEMD_UNIT=", 14 },
	[UID] = { "_UID=", 5 },
};

/* One field of the entry at hand; n 0 and !there: it has none. */
struct value {
	bool there;
	size_t n, max;
	char *p;
};

/* One that could not be opened with the others, as it was then. */
struct bad_file {
	int fd;
	int64_t size, mtime_ns;
};

struct journal {
	sd_journal *sd;		/* NULL: no files */
	int good[FILES_MAX];	/* copies, while there are bad ones */
	size_t ngood, nbad;
	struct bad_file bad[FILES_MAX];
	const struct strings *units;
	uint32_t line_max;
	bool pending;		/* the entry we stand at was not read yet */
	bool trusted;
	char *cursor;		/* what journal_cursor() last gave, or was sought */
	bool moved;		/* entries were read since */
	uid_t uid[4];
	unsigned nuid;
	struct journal_stats stats;
	struct value value[WANTED];
	char *memory;		/* of the values */
};

static void close_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/*
 * libsystemd closes the descriptors with the journal that it opened from them,
 * and leaves them alone when it could not (sd_journal_open_files_fd() in
 * src/libsystemd/sd-journal/sd-journal.c).
 */
static int files_open(const int *take_fds, size_t n, uint32_t line_max,
		      sd_journal **ret)
{
	sd_journal *sd = NULL;
	int r;

	if (n == 0) {
		*ret = NULL;
		return 0;
	}
	r = sd_journal_open_files_fd(&sd, (int *)take_fds, (unsigned)n, 0);
	if (r < 0) {
		close_fds(take_fds, n);
		return r == -ENOMEM ? r : -EBADMSG;
	}
	/* What it decompresses of one field, at most. */
	sd_journal_set_data_threshold(sd, line_max + SMALL_MAX);
	*ret = sd;
	return 0;
}

static int dup_fds(const int *fds, size_t n, int *ret)
{
	for (size_t i = 0; i < n; i++) {
		ret[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (ret[i] < 0) {
			int e = -errno;

			close_fds(ret, i);
			return e;
		}
	}
	return 0;
}

static bool is_journal(int fd)
{
	sd_journal *sd = NULL;
	int copy, r;

	if (dup_fds(&fd, 1, &copy) < 0)
		return false;
	r = sd_journal_open_files_fd(&sd, &copy, 1, 0);
	if (r < 0)
		close(copy);
	sd_journal_close(sd);
	return r >= 0;
}

static struct bad_file look_at(int fd)
{
	struct bad_file b = { .fd = fd };
	struct stat st;

	if (fstat(fd, &st) == 0) {
		b.size = st.st_size;
		b.mtime_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
	}
	return b;
}

static void forget_files(struct journal *j)
{
	close_fds(j->good, j->ngood);
	for (size_t i = 0; i < j->nbad; i++)
		close(j->bad[i].fd);
	j->ngood = j->nbad = 0;
}

/*
 * One file that is damaged, or so new that journald has not written its head
 * yet, would keep libsystemd from all of them: it is put aside, and tried
 * again when it has changed. Takes the fds; on failure all stays as it was.
 */
static int set_open(struct journal *j, const int *take_fds, size_t n, sd_journal **ret)
{
	int copies[FILES_MAX], good[FILES_MAX], r;
	struct bad_file bad[FILES_MAX];
	size_t ngood = 0, nbad = 0;

	if (n > FILES_MAX) {
		close_fds(take_fds, n);
		return -E2BIG;
	}
	r = dup_fds(take_fds, n, copies);
	if (r < 0) {
		close_fds(take_fds, n);
		return r;
	}
	r = files_open(copies, n, j->line_max, ret);
	if (r != -EBADMSG) {
		close_fds(take_fds, n);
		if (r == 0)
			forget_files(j);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		struct bad_file b = look_at(take_fds[i]);

		if (is_journal(take_fds[i]))
			good[ngood++] = take_fds[i];
		else
			bad[nbad++] = b;
	}
	r = dup_fds(good, ngood, copies);
	if (r == 0)
		r = files_open(copies, ngood, j->line_max, ret);
	if (r < 0) {
		close_fds(take_fds, n);
		return r;
	}
	forget_files(j);
	j->ngood = ngood;
	j->nbad = nbad;
	memcpy(j->good, good, ngood * sizeof(good[0]));
	memcpy(j->bad, bad, nbad * sizeof(bad[0]));
	return 0;
}

static void find_trusted(struct journal *j)
{
	static const char *const users[] = { "postfix", "dovecot", "dovenull" };

	j->uid[j->nuid++] = 0;
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		const struct passwd *pw = getpwnam(users[i]);

		if (pw)
			j->uid[j->nuid++] = pw->pw_uid;
	}
}

static int make_values(struct journal *j)
{
	size_t message = (size_t)j->line_max + 1;	/* + 1 tells a cut one */
	char *p = malloc(message + (WANTED - 1) * SMALL_MAX);

	if (!p)
		return -ENOMEM;
	j->memory = p;
	for (unsigned i = 0; i < WANTED; i++) {
		j->value[i].p = p;
		j->value[i].max = i == MESSAGE ? message : SMALL_MAX;
		p += j->value[i].max;
	}
	return 0;
}

int journal_open(const int *take_fds, size_t n, const struct strings *units,
		 uint32_t line_max, struct journal **ret)
{
	_cleanup_(journal_free) struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j) {
		close_fds(take_fds, n);
		return -ENOMEM;
	}
	j->units = units;
	j->line_max = line_max;
	r = set_open(j, take_fds, n, &j->sd);
	if (r < 0)
		return r;
	r = make_values(j);
	if (r < 0)
		return r;
	find_trusted(j);
	if (j->sd)
		sd_journal_seek_head(j->sd);
	*ret = j;
	j = NULL;
	return 0;
}

void journal_free(struct journal **j)
{
	if (!*j)
		return;
	forget_files(*j);
	sd_journal_close((*j)->sd);
	free((*j)->cursor);
	free((*j)->memory);
	free(*j);
	*j = NULL;
}

const struct journal_stats *journal_stats(const struct journal *j)
{
	return &j->stats;
}

/* ---- where we are ---- */

static int keep_cursor(struct journal *j, const char *cursor)
{
	char *copy = strdup(cursor);

	if (!copy)
		return -ENOMEM;
	free(j->cursor);
	j->cursor = copy;
	j->moved = false;
	return 0;
}

int journal_seek_cursor(struct journal *j, const char *cursor)
{
	int r = 1;

	if (j->sd)
		r = sd_journal_seek_cursor(j->sd, cursor);
	if (r >= 0)
		r = keep_cursor(j, cursor);
	j->pending = false;
	if (r < 0 || !j->sd)
		return r;
	r = sd_journal_next(j->sd);
	if (r < 0)
		return r;
	if (r > 0 && sd_journal_test_cursor(j->sd, j->cursor) > 0)
		return 0;
	j->pending = r > 0;
	return -ENOENT;
}

int journal_seek_end(struct journal *j)
{
	int r;

	j->pending = false;
	if (!j->sd)
		return 0;
	r = sd_journal_seek_tail(j->sd);
	if (r >= 0)
		r = sd_journal_previous(j->sd);
	if (r == 0)	/* empty: whatever comes is new */
		r = sd_journal_seek_head(j->sd);
	else if (r > 0)
		j->moved = true;
	return r < 0 ? r : 0;
}

int journal_seek_time(struct journal *j, int64_t ms)
{
	j->pending = false;
	if (!j->sd)
		return 0;
	return sd_journal_seek_realtime_usec(j->sd, (uint64_t)ms * 1000);
}

const char *journal_cursor(struct journal *j)
{
	char *cursor;

	if (j->moved && j->sd &&
	    sd_journal_get_cursor(j->sd, &cursor) >= 0) {
		free(j->cursor);
		j->cursor = cursor;
		j->moved = false;
	}
	return j->cursor;
}

int journal_reopen(struct journal *j, const int *take_fds, size_t n)
{
	const char *cursor = journal_cursor(j);
	sd_journal *sd;
	int r = set_open(j, take_fds, n, &sd);

	if (r < 0)
		return r;
	sd_journal_close(j->sd);
	j->sd = sd;
	j->pending = false;
	if (!j->sd)
		return 0;
	if (!cursor)
		return sd_journal_seek_head(j->sd);
	return journal_seek_cursor(j, cursor);
}

size_t journal_bad(const struct journal *j)
{
	return j->nbad;
}

/* All files once more, if a bad one is another than it was. */
static int try_again(struct journal *j)
{
	int fds[FILES_MAX], r;
	size_t n = j->ngood + j->nbad;
	bool changed = false;

	for (size_t i = 0; i < j->nbad; i++) {
		struct bad_file now = look_at(j->bad[i].fd);

		changed |= now.size != j->bad[i].size || now.mtime_ns != j->bad[i].mtime_ns;
		fds[j->ngood + i] = j->bad[i].fd;
	}
	if (!changed)
		return 0;
	memcpy(fds, j->good, j->ngood * sizeof(fds[0]));
	r = dup_fds(fds, n, fds);
	return r < 0 ? r : journal_reopen(j, fds, n);
}

/* ---- entries ---- */

/* The first of several fields of one name counts. */
static void take_value(struct journal *j, const char *data, size_t n)
{
	for (unsigned i = 0; i < WANTED; i++) {
		struct value *v = &j->value[i];

		if (n < names[i].n || v->there || data[0] != names[i].p[0] ||
		    memcmp(data, names[i].p, names[i].n) != 0)
			continue;
		v->there = true;
		v->n = n - names[i].n;
		if (v->n > v->max)
			v->n = v->max;
		memcpy(v->p, data + names[i].n, v->n);
		return;
	}
}

static struct span value_span(const struct journal *j, enum wanted i)
{
	const struct value *v = &j->value[i];

	return v->there ? (struct span){ v->p, v->n } : (struct span){ NULL, 0 };
}

static bool one_of_ours(const struct journal *j, struct span name)
{
	static const struct span service = { ".service", 8 };
	struct span stem = name;

	if (name.n > service.n &&
	    memcmp(name.p + name.n - service.n, service.p, service.n) == 0)
		stem.n -= service.n;
	for (size_t i = 0; i < j->units->n; i++)
		if (glob_match(j->units->v[i], name) ||
		    (stem.n != name.n && glob_match(j->units->v[i], stem)))
			return true;
	return false;
}

/* false: another unit's; walked no further than to that. */
static bool walk(struct journal *j)
{
	const void *data;
	size_t n;

	for (unsigned i = 0; i < WANTED; i++)
		j->value[i].there = false;
	sd_journal_restart_data(j->sd);
	while (sd_journal_enumerate_available_data(j->sd, &data, &n) > 0) {
		bool known = j->value[UNIT].there;

		take_value(j, data, n);
		if (!known && j->value[UNIT].there &&
		    !one_of_ours(j, value_span(j, UNIT)))
			return false;
	}
	return j->value[UNIT].there || one_of_ours(j, entry_program(value_span(j, IDENTIFIER)));
}

static bool digits(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static bool writer_trusted(const struct journal *j)
{
	struct span uid = value_span(j, UID);
	uint64_t v = 0;

	if (!j->value[UNIT].there || !digits(uid) || uid.n > 10)
		return false;
	for (size_t i = 0; i < uid.n; i++)
		v = v * 10 + (uint64_t)(uid.p[i] - '0');
	for (unsigned i = 0; i < j->nuid; i++)
		if (v == j->uid[i])
			return true;
	return false;
}

/*
 * The message as files would have it: no blanks before it, no newline after
 * it, no longer than line_max.
 */
static struct span message_text(struct journal *j)
{
	struct span s = value_span(j, MESSAGE);

	if (s.n > j->line_max) {
		j->stats.cut++;
		s.n = j->line_max;
	}
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

static int make_entry(struct journal *j, struct journal_entry *ret)
{
	struct { uint64_t real, mono, message; sd_id128_t boot; } key = { 0 };
	struct journal_entry e = { .entry = { .repeat = 1 } };
	int r = sd_journal_get_realtime_usec(j->sd, &key.real);

	if (r >= 0)
		r = sd_journal_get_monotonic_usec(j->sd, &key.mono, &key.boot);
	if (r < 0 && r != -ESTALE)	/* -ESTALE: of another boot, all is set */
		return r;
	e.entry.text = message_text(j);
	e.entry.program = entry_program(value_span(j, j->value[IDENTIFIER].there ? IDENTIFIER : COMM));
	e.entry.pid = value_span(j, j->value[SYSLOG_PID].there ? SYSLOG_PID : PID);
	if (!digits(e.entry.pid))
		e.entry.pid = (struct span){ NULL, 0 };
	e.entry.host = value_span(j, HOSTNAME);
	e.entry.when_us = (int64_t)key.real;
	key.message = hash_fixed(e.entry.text.p, e.entry.text.n);
	e.pos.offset = hash_fixed(&key, sizeof(key));
	*ret = e;
	return 0;
}

/* 1: we stand at an entry; 0: at the end. */
static int step(struct journal *j)
{
	if (!j->sd)
		return 0;
	if (j->pending) {
		j->pending = false;
		return 1;
	}
	return sd_journal_next(j->sd);
}

int journal_read(struct journal *j, size_t max, journal_fn *fn, void *arg,
		 bool *more)
{
	struct journal_entry e;
	int r;

	*more = false;
	if (j->nbad) {
		r = try_again(j);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	for (size_t given = 0, seen = 0; given < max && seen < SEEN_MAX; seen++) {
		r = step(j);
		if (r <= 0)
			return r;
		j->moved = true;
		j->stats.seen++;
		if (!walk(j) || !j->value[MESSAGE].there || make_entry(j, &e) < 0)
			continue;
		j->trusted = writer_trusted(j);
		j->stats.given++;
		given++;
		r = fn(arg, &e);
		j->trusted = false;
		if (r) {
			*more = r > 0;
			return r;
		}
	}
	*more = true;
	return 0;
}

bool journal_trusted(struct journal *j)
{
	return j->trusted;
}
