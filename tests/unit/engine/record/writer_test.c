/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's thread when the disk is full, read-only or too small, when more
 * comes than may wait, and within a sandbox.
 */
#include "engine/record/writer.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "ask.h"

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
		PLACED(test_fills_while_running),
		PLACED(test_full_at_start),
		PLACED(test_full_and_empty),
		PLACED(test_read_only),
		PLACED(test_limited),
		PLACED(test_queue_full),
		PLACED(test_sealed),
	};

	return cmocka_run_group_tests(tests, start_hash, NULL);
}
