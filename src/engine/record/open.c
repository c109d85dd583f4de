/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a name to a ledger that can be written: opened, checked, migrated, its
 * statements prepared. What is damaged is moved aside with its log, since the
 * road ahead must not wait for an admin; what is of a newer version is left
 * alone. A check costs time with the ledger's size, so a clean close leaves
 * `ledger.clean` with what stat(2) said of the file, and the next open believes
 * it if nothing changed since.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/record/ledger_private.h"
#include "engine/record/schema.h"
#include "engine/record/store.h"
#include "engine/record/vfs.h"

#define CLEAN_NAME "ledger.clean"
#define WAL_NAME LEDGER_NAME "-wal"
#define ASIDE_PREFIX LEDGER_NAME ".corrupt-"

#define CHECK_MAX_MS 3000	/* a start must not wait longer for the check */
#define CHECK_STEPS 20000	/* virtual machine steps between looks at the clock */
#define BUSY_MS 5000		/* another engine's transaction, at a reload */

/*
 * First, before anything touches the file. No mmap of the data: a disk error
 * would be a SIGBUS. An exclusive lock keeps the index of the log in memory
 * rather than in a file of 32 KB that a full disk has no room for.
 */
#define PRAGMA_EXCLUSIVE "PRAGMA locking_mode = EXCLUSIVE;"
#define PRAGMAS \
	"PRAGMA temp_store = MEMORY;" \
	"PRAGMA mmap_size = 0;" \
	"PRAGMA cache_size = -16384;" \
	"PRAGMA trusted_schema = OFF;" \
	"PRAGMA cell_size_check = ON;" \
	"PRAGMA journal_mode = WAL;" \
	"PRAGMA synchronous = FULL;" \
	"PRAGMA wal_autocheckpoint = 8000;" \
	"PRAGMA journal_size_limit = 33554432;"

bool ledger_may_recover(int error)
{
	return error == -ENOSPC || error == -EDQUOT || error == -EFBIG ||
	       error == -EIO || error == -EROFS || error == -EBUSY;
}

/* What `ledger.clean` holds for the ledger as it lies there now. */
static int describe(char *buf, size_t size)
{
	struct stat st;

	if (fstatat(AT_FDCWD, LEDGER_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return snprintf(buf, size, "%llu %lld %lld.%09ld\n",
			(unsigned long long)st.st_ino, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Was the last close a clean one, and nothing written since? Asked once. */
static bool take_clean(void)
{
	_cleanup_(close_fd) int fd = -1;
	char now[100], then[100];
	struct stat st;
	ssize_t n;
	int len;

	fd = openat(AT_FDCWD, CLEAN_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
		    O_NONBLOCK);
	if (fd < 0)
		return false;
	n = read(fd, then, sizeof(then));
	unlinkat(AT_FDCWD, CLEAN_NAME, 0);
	len = describe(now, sizeof(now));
	if (len < 0 || n != len || memcmp(now, then, (size_t)len) != 0)
		return false;
	return fstatat(AT_FDCWD, WAL_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       st.st_size == 0;
}

/* A hint only: if it cannot be written, the next open checks. */
static void put_clean(void)
{
	_cleanup_(close_fd) int fd = -1;
	char now[100];
	struct stat st;
	int len;

	/* The log is there still: another engine has the ledger open. */
	if (fstatat(AT_FDCWD, WAL_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	len = describe(now, sizeof(now));
	if (len < 0)
		return;
	fd = openat(AT_FDCWD, CLEAN_NAME, O_WRONLY | O_CREAT | O_TRUNC |
		    O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && write(fd, now, (size_t)len) != len)
		unlinkat(AT_FDCWD, CLEAN_NAME, 0);
}

/*
 * Created by us, so that nobody else reads mail logs out of it; the log and
 * its index take the ledger's mode. Never opened by us later: closing would
 * drop SQLite's POSIX locks on it.
 */
static int create(void)
{
	struct stat st;
	int fd;

	if (fstatat(AT_FDCWD, LEDGER_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(st.st_mode) ? 0 : -EINVAL;
	fd = openat(AT_FDCWD, LEDGER_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

static int too_long(void *deadline)
{
	return clock_mono().ms > *(int64_t *)deadline;
}

/* -EBADMSG: damaged. Out of time: nothing found is good enough. */
static int check(sqlite3 *db)
{
	int64_t deadline = clock_mono().ms + CHECK_MAX_MS;
	sqlite3_stmt *stmt;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return ledger_errno(db, rc);
	sqlite3_progress_handler(db, CHECK_STEPS, too_long, &deadline);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
		r = -EBADMSG;
	else if (rc != SQLITE_ROW && rc != SQLITE_INTERRUPT)
		r = ledger_errno(db, rc);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	sqlite3_finalize(stmt);
	return r;
}

/*
 * Where the ids of a new ledger begin. One in place of a lost ledger does not
 * begin at 1 again, since the runner's journal knows what it did by id:
 * seconds since the epoch are more than all there can have been. Told by what
 * lies there, so that a crash or a full disk between the move and the new
 * ledger changes nothing.
 */
static int64_t first_id(void)
{
	DIR *dir = opendir(".");
	const struct dirent *e;
	bool lost = !dir;

	while (!lost && (e = readdir(dir)))
		lost = strncmp(e->d_name, ASIDE_PREFIX, strlen(ASIDE_PREFIX)) == 0;
	if (dir)
		closedir(dir);
	return lost ? clock_wall().ms / 1000 : 0;
}

static int open_db(struct ledger *l, bool clean, int *ret_version)
{
	int rc, r = create();

	if (r < 0)
		return r;
	rc = sqlite3_open_v2(LEDGER_NAME, &l->db, SQLITE_OPEN_READWRITE |
			     SQLITE_OPEN_NOMUTEX, LEDGER_VFS);
	if (rc != SQLITE_OK)
		return ledger_errno(l->db, rc);
	/* What SQLite may not write it opens for reading, and says nothing. */
	if (sqlite3_db_readonly(l->db, "main") == 1 && !l->trouble)
		return access(LEDGER_NAME, W_OK) < 0 ? -errno : -EROFS;
	sqlite3_extended_result_codes(l->db, 1);
	sqlite3_busy_timeout(l->db, BUSY_MS);
	sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	rc = sqlite3_exec(l->db, l->trouble ? PRAGMA_EXCLUSIVE PRAGMAS : PRAGMAS,
			  NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return ledger_errno(l->db, rc);
	r = clean ? 0 : check(l->db);
	if (r == 0)
		r = schema_migrate(l->db, first_id(), ret_version);
	if (r == 0)
		r = ledger_prepare(l);
	return r;
}

static void discard(struct ledger **l)
{
	if (!*l)
		return;
	ledger_finalize(*l);
	sqlite3_close((*l)->db);
	free(*l);
	*l = NULL;
}

/* trouble: only for reading, because of that. */
static int try_open(struct ledger **ret, int trouble, bool clean,
		    int *ret_version)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->trouble = trouble;
	r = open_db(l, clean, ret_version);
	if (r < 0) {
		discard(&l);
		/* SQLite tried several ways to open and tells the last one's errno. */
		if (r == -ENOENT && access(".", W_OK) < 0)
			r = -errno;
		return r;
	}
	*ret = l;
	return 0;
}

/* The log belongs to the ledger: it goes along, named as SQLite looks for it. */
static int move_aside(char *why, size_t size)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char from[40], to[100], stamp[32];
	int64_t now = clock_wall().ms;
	int r = 0;

	clock_print(now, stamp, sizeof(stamp));
	for (int i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), LEDGER_NAME "%s", suffix[i]);
		snprintf(to, sizeof(to), ASIDE_PREFIX "%s.%03d%s", stamp,
			 (int)(now % 1000), suffix[i]);
		if (renameat(AT_FDCWD, from, AT_FDCWD, to) < 0 && i == 0)
			r = -errno;
	}
	snprintf(why, size, LEDGER_NAME " was damaged and moved to "
		 ASIDE_PREFIX "%s.%03d", stamp, (int)(now % 1000));
	return r;
}

static void explain(int error, int version, char *why, size_t size)
{
	if (error == -ENOTSUP)
		snprintf(why, size, LEDGER_NAME " is of version %d, made by a newer "
			 "bailiff; this one knows versions up to %d",
			 version, schema_newest);
	else
		snprintf(why, size, LEDGER_NAME ": %s", strerror(-error));
}

int ledger_open(struct ledger **ret, enum ledger_open_how how, bool *moved,
		char *why, size_t why_size)
{
	struct ledger *l = NULL;
	int version = 0, r = ledger_vfs_register();
	bool trust = (take_clean() && how == LEDGER_CHECK) || how == LEDGER_TRUST;

	*moved = false;
	if (r == 0)
		r = how == LEDGER_DAMAGED ? -EBADMSG :
		    try_open(&l, 0, trust, &version);
	if (r == -EBADMSG) {
		r = move_aside(why, why_size);
		*moved = r == 0;
		if (r == 0)
			r = try_open(&l, 0, true, &version);
	}
	if (ledger_may_recover(r) && try_open(&l, r, trust, &version) == 0)
		r = 0;
	if (r == 0)
		*ret = l;
	else if (!*moved)
		explain(r, version, why, why_size);
	return r;
}

void ledger_close(struct ledger **l, bool clean)
{
	bool believe = clean && *l && !(*l)->trouble;

	discard(l);
	if (believe)
		put_clean();
}

void store_init(void)
{
	unsigned char seed[8];

	/* Nobody asks how much memory it has, and a lock at each malloc is a tenth of its time. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_initialize();
	sqlite3_randomness(sizeof(seed), seed);
}
