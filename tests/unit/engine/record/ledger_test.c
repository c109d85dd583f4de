/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may happen to a ledger: damage, a newer version, kill -9, a full disk,
 * a directory that cannot be reached from the root.
 */
#include "engine/record/ledger.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "ask.h"

static int count_ban(void *arg, const struct ban_row *b)
{
	(void)b;
	++*(unsigned *)arg;
	return 0;
}

static unsigned bans_in(struct store *s)
{
	unsigned n = 0;

	assert_int_equal(store_active_bans(s, 0, count_ban, &n), 0);
	return n;
}

static void put_bans(struct store *s, unsigned n)
{
	while (n-- > 0) {
		struct ban_row b = ban_of(store_next_id(s), "192.0.2.7", 5, INT64_MAX);

		store_ban(s, &b);
	}
}

static void make_ledger(unsigned bans)
{
	struct store *s = open_store();

	put_bans(s, bans);
	store_close(&s);
}

/* The test goes on in a child, so that what it gives up stays its own. */
static void in_child(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failure must not go on with the other tests here. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a process of its own: closing a descriptor drops our locks on the file. */
static off_t write_at, write_len;

static int write_garbage(void)
{
	int fd = open(LEDGER_NAME, O_WRONLY | O_CREAT, 0600);

	for (off_t i = 0; i < write_len; i++)
		if (pwrite(fd, "?", 1, write_at + i) != 1)
			return 1;
	return 0;
}

static void spoil(off_t at, off_t len)
{
	write_at = at;
	write_len = len;
	in_child(write_garbage);
}

static void sql(const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(LEDGER_NAME, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* ---- damage ---- */

static void assert_moved(void)
{
	struct store *s = NULL;
	bool moved = false;
	uint64_t id;

	assert_int_equal(store_open(&s, &moved), 0);
	assert_true(moved);
	assert_non_null(strstr(store_open_why(), LEDGER_NAME ".corrupt-2"));
	assert_true(place_count(LEDGER_NAME ".corrupt-") >= 1);
	assert_int_equal(bans_in(s), 0);
	id = store_next_id(s);
	assert_true(id > 1700000000 && id < 1ull << 40);
	put_bans(s, 3);
	store_close(&s);

	s = open_store();
	assert_int_equal(bans_in(s), 3);
	store_close(&s);
}

static void test_damage(void **state)
{
	static const struct {
		const char *name;
		off_t at, len;
	} rows[] = {
		{ "all of it", 0, 300000 },
		{ "the mark", 0, 16 },
		{ "the schema", 100, 3000 },
		{ "pages in the middle", 40960, 81920 },
		{ "a page header", 12 * 4096, 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_ledger(3000);
		spoil(rows[i].at, rows[i].len);
		print_message("%s\n", rows[i].name);
		assert_moved();
		assert_int_equal(unlink(LEDGER_NAME), 0);
	}
}

static void test_cut_short(void **state)
{
	(void)state;
	make_ledger(3000);
	assert_int_equal(truncate(LEDGER_NAME, 50000), 0);
	assert_moved();
}

static void test_not_a_ledger(void **state)
{
	(void)state;
	sql("CREATE TABLE notes (text)");
	assert_moved();
}

static void test_not_a_file(void **state)
{
	struct store *s = NULL;
	bool moved = false;

	(void)state;
	assert_int_equal(symlink("/tmp/elsewhere", LEDGER_NAME), 0);
	assert_int_equal(store_open(&s, &moved), -EINVAL);
	unlink(LEDGER_NAME);
	assert_int_equal(mkdir(LEDGER_NAME, 0700), 0);
	assert_int_equal(store_open(&s, &moved), -EINVAL);
	assert_null(s);
	rmdir(LEDGER_NAME);
}

static void test_damage_while_running(void **state)
{
	struct store *s;
	unsigned n = 0;

	(void)state;
	make_ledger(5000);
	s = open_store();
	spoil(40960, 100000);
	assert_int_equal(store_active_bans(s, 0, count_ban, &n), -EBADMSG);
	assert_int_equal(store_start(s), 0);
	put_bans(s, 7);
	sync_store(s);
	assert_true(store_moved(s));
	assert_false(store_moved(s));
	assert_int_equal(store_trouble(s), 0);
	store_close(&s);
	s = open_store();
	assert_int_equal(bans_in(s), 7);
	store_close(&s);
}

static void test_newer(void **state)
{
	struct store *s = NULL;
	bool moved = false;

	(void)state;
	make_ledger(10);
	sql("PRAGMA user_version = 99");
	assert_int_equal(store_open(&s, &moved), -ENOTSUP);
	assert_false(moved);
	assert_null(s);
	assert_non_null(strstr(store_open_why(), "version 99"));
	sql("PRAGMA user_version = 1");
	s = open_store();
	assert_int_equal(bans_in(s), 10);
	store_close(&s);
}

static void test_private(void **state)
{
	struct store *s = start_store();
	struct stat st;

	(void)state;
	put_bans(s, 1);
	sync_store(s);
	assert_int_equal(stat(LEDGER_NAME, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(LEDGER_NAME "-wal", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(&s);
	assert_int_equal(place_count(LEDGER_NAME "-"), 0);
}

/* ---- two engines at a reload ---- */

static void test_two(void **state)
{
	struct store *old = start_store(), *new = start_store();
	uint64_t a = store_next_id(old), b = store_next_id(new);

	(void)state;
	assert_true(b > a + 1000);
	for (int i = 0; i < 30; i++) {
		put_bans(old, 1000);
		put_bans(new, 1000);
		sync_store(i % 2 ? old : new);
	}
	store_close(&old);
	put_bans(new, 1);
	store_close(&new);
	new = open_store();
	assert_int_equal(bans_in(new), 60001);
	store_close(&new);
}

/* ---- kill -9 ---- */

struct progress {
	_Atomic uint64_t synced;	/* bans that were said to be committed */
	_Atomic uint64_t last_id;
};

static void write_until_killed(struct progress *p)
{
	struct store *s = start_store();

	for (;;) {
		put_bans(s, 50);
		p->last_id = store_next_id(s);
		sync_store(s);
		p->synced += 50;
	}
}

static void test_kill(void **state)
{
	struct progress *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	for (int i = 0; i < 15; i++) {
		pid_t pid = fork();
		struct store *s;
		unsigned bans;

		if (pid == 0)
			write_until_killed(p);
		usleep(30000 + (unsigned)rand() % 60000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		s = open_store();
		bans = bans_in(s);
		assert_true(bans >= p->synced && bans <= p->synced + 50);
		assert_true(store_next_id(s) > p->last_id);
		p->synced = bans;
		store_close(&s);
	}
	assert_true(p->synced > 0);
	munmap(p, sizeof(*p));
}

/* ---- a full disk ---- */

/* A file system of 2 MB, as root in namespaces of this process alone. */
static bool mount_small(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", ".", "tmpfs", 0, "size=2m,mode=700") == 0 &&
	       chdir(getcwd((char[4096]){ 0 }, 4096)) == 0;
}

static void fill_disk(void)
{
	int fd = open("filler", O_WRONLY | O_CREAT | O_APPEND, 0600);
	char block[512] = { 1 };

	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void await_trouble(const struct store *s, int want)
{
	for (int i = 0; i < 1000 && store_trouble(s) != want; i++)
		usleep(10000);
	assert_int_equal(store_trouble(s), want);
}

static int fills_while_running(void)
{
	const struct snapshot_section section = { "windows", SPAN_LIT("counts") };
	struct got g = { 0 }, snap = { 0 };
	struct store *s;
	json_t *a = NULL;

	if (!mount_small())
		return 77;
	s = start_store();
	put_bans(s, 100);
	sync_store(s);
	fill_disk();
	put_bans(s, 20000);
	assert_int_equal(store_sync(s, got_answer, &g), 0);
	await_trouble(s, -ENOSPC);
	assert_int_equal(store_waiting(s), 20000);
	assert_int_equal(ask_store(s, STORE_Q_INCIDENTS, "{}", &a), 0);
	json_decref(a);
	assert_int_equal(store_snapshot(s, "snap", &section, 1, got_answer, &snap), 0);
	assert_true(await(s, &snap, 10000));
	assert_int_equal(snap.error, -ENOSPC);
	assert_false(g.done);
	assert_int_equal(unlink("filler"), 0);
	mount(NULL, ".", NULL, MS_REMOUNT, "size=20m");
	assert_true(await(s, &g, 20000));
	assert_int_equal(store_trouble(s), 0);
	assert_int_equal(store_waiting(s), 0);
	assert_int_equal(store_dropped(s), 0);
	store_close(&s);
	s = open_store();
	assert_int_equal(bans_in(s), 20100);
	store_close(&s);
	return 0;
}

static int full_at_start(void)
{
	struct store *s = NULL;
	bool moved;

	if (!mount_small())
		return 77;
	make_ledger(1000);
	fill_disk();
	assert_int_equal(store_open(&s, &moved), 0);
	assert_false(moved);
	assert_int_equal(store_trouble(s), -ENOSPC);
	assert_int_equal(bans_in(s), 1000);
	assert_true(store_next_id(s) > 1ull << 40);
	assert_true(store_next_id(s) < 1ull << 53);
	assert_int_equal(store_start(s), 0);
	put_bans(s, 10);
	await_trouble(s, -ENOSPC);
	assert_int_equal(unlink("filler"), 0);
	sync_store(s);
	assert_int_equal(store_trouble(s), 0);
	assert_true(store_next_id(s) < 1ull << 40);
	store_close(&s);
	s = open_store();
	assert_int_equal(bans_in(s), 1010);
	store_close(&s);
	return 0;
}

static int full_and_empty(void)
{
	struct store *s = NULL;
	bool moved;

	if (!mount_small())
		return 77;
	fill_disk();
	assert_int_equal(store_open(&s, &moved), 0);
	assert_int_equal(store_trouble(s), -ENOSPC);
	assert_int_equal(bans_in(s), 0);
	assert_null(store_get_setting(s, "x"));
	put_bans(s, 10);
	assert_int_equal(store_start(s), 0);
	await_trouble(s, -ENOSPC);
	assert_int_equal(unlink("filler"), 0);
	sync_store(s);
	store_close(&s);
	s = open_store();
	assert_int_equal(bans_in(s), 10);
	store_close(&s);
	return 0;
}

static int read_only(void)
{
	struct store *s = NULL;
	bool moved;

	if (!mount_small())
		return 77;
	make_ledger(10);
	assert_int_equal(mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(store_open(&s, &moved), 0);
	assert_int_equal(store_trouble(s), -EROFS);
	put_bans(s, 10);
	assert_int_equal(store_start(s), 0);
	await_trouble(s, -EROFS);
	assert_int_equal(mount(NULL, ".", NULL, MS_REMOUNT, NULL), 0);
	sync_store(s);
	store_close(&s);
	s = open_store();
	assert_int_equal(bans_in(s), 20);
	store_close(&s);
	return 0;
}

static void test_read_only(void **state)
{
	(void)state;
	in_child(read_only);
}

static void test_fills_while_running(void **state)
{
	(void)state;
	in_child(fills_while_running);
}

static void test_full_at_start(void **state)
{
	(void)state;
	in_child(full_at_start);
}

static void test_full_and_empty(void **state)
{
	(void)state;
	in_child(full_and_empty);
}

/* The same without root, by a limit on the size of files. */
static int limited(void)
{
	struct rlimit small = { 200000, RLIM_INFINITY }, wide = { RLIM_INFINITY, RLIM_INFINITY };
	struct store *s = start_store();
	struct got g = { 0 };

	signal(SIGXFSZ, SIG_IGN);
	put_bans(s, 10);
	sync_store(s);
	setrlimit(RLIMIT_FSIZE, &small);
	put_bans(s, 20000);
	assert_int_equal(store_sync(s, got_answer, &g), 0);
	await_trouble(s, -EIO);
	setrlimit(RLIMIT_FSIZE, &wide);
	assert_true(await(s, &g, 20000));
	store_close(&s);
	s = open_store();
	assert_int_equal(bans_in(s), 20010);
	store_close(&s);
	return 0;
}

static void test_limited(void **state)
{
	(void)state;
	in_child(limited);
}

/* The queue is bounded, and what does not fit is counted. */
static void test_queue_full(void **state)
{
	struct store *s = open_store();
	char *line = malloc(1 << 20);
	struct verdict_row v;
	json_t *a = NULL;

	(void)state;
	memset(line, 'x', 1 << 20);
	line[(1 << 20) - 1] = '\0';
	for (uint64_t i = 0; i < 100; i++) {
		v = verdict_at(i + 1, 5, i);
		v.evidence = line;
		store_verdict(s, &v);
	}
	/* Verdicts have lost their evidence before any was dropped. */
	assert_int_equal(store_waiting(s), 100);
	for (uint64_t i = 0; i < 100; i++)
		store_hand(s, 1000 + i, "note", "x", line, NULL, 5);
	assert_int_equal(store_waiting(s) + store_dropped(s), 200);
	assert_in_range(store_waiting(s), 160, 165);
	assert_int_equal(store_start(s), 0);
	sync_store(s);
	v = verdict_at(200, 5, 200);
	store_verdict(s, &v);
	sync_store(s);
	assert_in_range(store_dropped(s), 35, 40);
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":100}", &a), 0);
	assert_true(json_is_null(json_object_get(a, "evidence")));
	json_decref(a);
	assert_int_equal(ask_store(s, STORE_Q_SHOW, "{\"id\":200}", &a), 0);
	assert_true(json_is_array(json_object_get(a, "evidence")));
	json_decref(a);
	store_close(&s);
	free(line);
}

/* ---- a directory of an unprivileged user below one that is closed ---- */

static int unreachable(void)
{
	struct store *s;
	struct stat st;
	bool moved;
	int dir;

	if (geteuid() != 0)
		return 77;
	assert_int_equal(mkdir("closed", 0700), 0);
	assert_int_equal(mkdir("closed/state", 0700), 0);
	assert_int_equal(chown("closed/state", 65534, 65534), 0);
	dir = open("closed/state", O_RDONLY | O_DIRECTORY);
	assert_int_equal(setresgid(65534, 65534, 65534), 0);
	assert_int_equal(setresuid(65534, 65534, 65534), 0);
	assert_int_equal(fchdir(dir), 0);
	close(dir);
	assert_int_equal(stat("../state", &st), -1);
	s = start_store();
	put_bans(s, 100);
	sync_store(s);
	store_close(&s);
	make_ledger(5);
	s = open_store();
	assert_int_equal(bans_in(s), 105);
	store_close(&s);
	assert_int_equal(chmod(LEDGER_NAME, 0400), 0);
	assert_int_equal(store_open(&s, &moved), -EACCES);
	assert_non_null(strstr(store_open_why(), "Permission denied"));
	assert_int_equal(chmod(LEDGER_NAME, 0600), 0);
	spoil(0, 5000);
	assert_moved();
	return 0;
}

static void test_unreachable(void **state)
{
	(void)state;
	in_child(unreachable);
	if (chdir("closed/state") == 0) {
		DIR *dir = opendir(".");
		const struct dirent *e;

		while ((e = readdir(dir)))
			unlink(e->d_name);
		closedir(dir);
		assert_int_equal(chdir("../.."), 0);
		rmdir("closed/state");
		rmdir("closed");
	}
}

/* ---- sealed ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static int sealed(void)
{
	return 77;	/* sanitizers need more than the engine has */
}
#else
/*
 * All that the thread may ask of the kernel, in what it does every day and in
 * moving a damaged ledger aside. The sandbox must allow these; the last group
 * is the main thread's and libc's own.
 */
static const char *const allowed[] = {
	"openat", "close", "read", "write", "pread64", "pwrite64", "fstat",
	"newfstatat", "lstat", "stat", "access", "faccessat", "faccessat2", "fcntl",
	"ftruncate", "fsync", "fdatasync", "unlink", "unlinkat", "renameat",
	"getdents64", "lseek", "mmap", "munmap", "mremap", "mprotect", "madvise",
	"brk", "futex", "clock_nanosleep", "clock_gettime", "geteuid", "getpid",
	"rt_sigprocmask", "rt_sigaction", "clone3", "clone", "rseq",
	"set_robust_list", "exit",
	"poll", "ppoll", "exit_group", "wait4", "sched_yield", "getcwd",
};

static bool seal(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		seccomp_rule_add(f, SCMP_ACT_ALLOW,
				 seccomp_syscall_resolve_name(allowed[i]), 0);
	return seccomp_load(f) == 0;
}

static int sealed(void)
{
	const struct snapshot_section section = { "windows", SPAN_LIT("counts") };
	struct got g = { 0 };
	struct store *s;
	json_t *a = NULL;
	unsigned n = 0;

	/* As root SQLite would chown(2), too. */
	if (geteuid() == 0 && (chown(".", 65534, 65534) < 0 ||
			       setresuid(65534, 65534, 65534) < 0))
		return 77;
	make_ledger(5000);
	s = open_store();
	spoil(40960, 100000);
	if (!seal())
		return 77;
	assert_int_equal(store_active_bans(s, 0, count_ban, &n), -EBADMSG);
	assert_int_equal(store_start(s), 0);
	for (int i = 0; i < 50; i++) {
		put_bans(s, 1000);
		sync_store(s);
	}
	assert_true(store_moved(s));
	for (int q = STORE_Q_INCIDENTS; q <= STORE_Q_DIGEST; q++) {
		ask_store(s, (enum store_query)q, "{\"id\":1,\"subject\":\"joe\"}", &a);
		json_decref(a);
	}
	assert_int_equal(store_snapshot(s, "snap", &section, 1, got_answer, &g), 0);
	assert_true(await(s, &g, 10000));
	assert_int_equal(g.error, 0);
	store_prune(s, 10);
	sync_store(s);
	store_close(&s);
	return 0;
}
#endif

static void test_sealed(void **state)
{
	(void)state;
	in_child(sealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(test_damage),
		PLACED(test_cut_short),
		PLACED(test_not_a_ledger),
		PLACED(test_not_a_file),
		PLACED(test_damage_while_running),
		PLACED(test_newer),
		PLACED(test_private),
		PLACED(test_two),
		PLACED(test_kill),
		PLACED(test_fills_while_running),
		PLACED(test_full_at_start),
		PLACED(test_full_and_empty),
		PLACED(test_read_only),
		PLACED(test_limited),
		PLACED(test_queue_full),
		PLACED(test_unreachable),
		PLACED(test_sealed),
	};

	return cmocka_run_group_tests(tests, start_hash, NULL);
}
