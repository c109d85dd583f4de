/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may happen to a ledger: damage, a newer version, kill -9, a second
 * engine, a directory that cannot be reached from the root.
 */
#include "engine/record/ledger.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "ask.h"

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
	sql("PRAGMA user_version = 2");
	s = open_store();
	assert_int_equal(bans_in(s), 10);
	store_close(&s);
}

/* One of the first version gets what is new, and keeps what it has. */
static void test_older(void **state)
{
	struct store *s;

	(void)state;
	make_ledger(10);
	sql("ALTER TABLE verdicts DROP COLUMN made; PRAGMA user_version = 1");
	s = open_store();
	assert_int_equal(bans_in(s), 10);
	store_close(&s);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(test_damage),
		PLACED(test_cut_short),
		PLACED(test_not_a_ledger),
		PLACED(test_not_a_file),
		PLACED(test_damage_while_running),
		PLACED(test_newer),
		PLACED(test_older),
		PLACED(test_private),
		PLACED(test_two),
		PLACED(test_kill),
		PLACED(test_unreachable),
	};

	return cmocka_run_group_tests(tests, start_hash, NULL);
}
