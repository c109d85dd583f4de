/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal after a crash at every byte, after damage, and when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privileged/runner/logbook.h"

#define RECORD 544

static char dir[] = "/tmp/logbook-test-XXXXXX";
static int dir_fd = -1;

static int setup(void **state)
{
	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {
		"runner.journal", "runner.journal.new", "runner.journal.damaged", "runner.lock",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlinkat(dir_fd, files[i], 0);
	close(dir_fd);
	return rmdir(dir);
}

static struct logbook *reopen(void)
{
	struct logbook *j = NULL;

	assert_int_equal(logbook_open(dir_fd, &j), 0);
	return j;
}

static struct logbook_entry entry(uint64_t id, enum logbook_phase phase)
{
	struct logbook_entry e = {
		.id = id, .phase = (uint16_t)phase, .type = ORDER_LOCK, .at_ms = (int64_t)id,
		.before = { .print = id * 3, .expire = -1, .known = 1 },
	};

	snprintf(e.name, sizeof(e.name), "user%u", (unsigned)id);
	return e;
}

static void put(struct logbook *j, uint64_t id, enum logbook_phase phase)
{
	struct logbook_entry e = entry(id, phase);

	assert_int_equal(logbook_put(j, &e), 0);
}

static size_t read_file(const char *name, char *p, size_t size)
{
	int fd = openat(dir_fd, name, O_RDONLY);
	ssize_t n = read(fd, p, size);

	assert_true(fd >= 0 && n >= 0);
	close(fd);
	return (size_t)n;
}

static void write_file(const char *name, const char *p, size_t n)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void test_last_record_wins(void **state)
{
	struct logbook *j = reopen();
	uint64_t salt = logbook_salt(j);

	(void)state;
	put(j, 7, LOGBOOK_INTENT);
	put(j, 8, LOGBOOK_INTENT);
	put(j, 7, LOGBOOK_ENDED);
	logbook_close(&j);
	j = reopen();
	assert_int_equal(logbook_count(j), 2);
	assert_int_equal(logbook_get(j, 7)->phase, LOGBOOK_ENDED);
	assert_int_equal(logbook_get(j, 8)->phase, LOGBOOK_INTENT);
	assert_int_equal(logbook_get(j, 8)->before.print, 24);
	assert_string_equal(logbook_at(j, 0)->name, "user7");
	assert_null(logbook_get(j, 9));
	assert_true(salt != 0 && salt == logbook_salt(j));
	logbook_close(&j);
}

static void test_one_at_a_time(void **state)
{
	struct logbook *j = reopen(), *other = NULL;

	(void)state;
	assert_int_equal(logbook_open(dir_fd, &other), -EWOULDBLOCK);
	logbook_close(&j);
}

/* Whole records before the cut are there, a torn one is not; then it goes on. */
static void check_cut(const char *bytes, size_t cut)
{
	size_t whole = cut / RECORD, entries = whole > 0 ? whole - 1 : 0;
	struct logbook *j;

	write_file("runner.journal", bytes, cut);
	j = reopen();
	assert_int_equal(logbook_bad(j), 0);
	assert_int_equal(logbook_count(j), entries);
	for (uint64_t id = 1; id <= entries; id++)
		assert_int_equal(logbook_get(j, id)->at_ms, id);
	put(j, 99, LOGBOOK_INTENT);
	logbook_close(&j);
	j = reopen();
	assert_int_equal(logbook_count(j), entries + 1);
	assert_non_null(logbook_get(j, 99));
	assert_int_equal(logbook_bad(j), 0);
	logbook_close(&j);
}

static void test_cut_at_every_byte(void **state)
{
	static char bytes[8 * RECORD];
	struct logbook *j = reopen();
	size_t n;

	(void)state;
	for (uint64_t id = 1; id <= 4; id++)
		put(j, id, LOGBOOK_ENDED);
	logbook_close(&j);
	n = read_file("runner.journal", bytes, sizeof(bytes));
	assert_int_equal(n, 5 * RECORD);
	for (size_t cut = 0; cut <= n; cut++)
		check_cut(bytes, cut);
}

/* One wrong bit costs one record, is counted, and the file is kept. */
static void test_damage(void **state)
{
	static char bytes[8 * RECORD], damaged[8 * RECORD], kept[8 * RECORD];
	struct logbook *j = reopen();
	size_t n;

	(void)state;
	for (uint64_t id = 1; id <= 3; id++)
		put(j, id, LOGBOOK_ENDED);
	logbook_close(&j);
	n = read_file("runner.journal", bytes, sizeof(bytes));
	for (size_t at = RECORD; at < n; at += 13) {
		memcpy(damaged, bytes, n);
		damaged[at] ^= 4;
		write_file("runner.journal", damaged, n);
		j = reopen();
		assert_int_equal(logbook_bad(j), 1);
		assert_int_equal(logbook_count(j), 2);
		assert_null(logbook_get(j, at / RECORD));
		logbook_close(&j);
		assert_int_equal(read_file("runner.journal.damaged", kept, sizeof(kept)), n);
		assert_memory_equal(kept, damaged, n);
		j = reopen();
		assert_int_equal(logbook_bad(j), 0);
		assert_int_equal(logbook_count(j), 2);
		logbook_close(&j);
	}
}

static void test_garbage_file(void **state)
{
	static char bytes[5000];
	struct logbook *j;

	(void)state;
	memset(bytes, 0x55, sizeof(bytes));
	write_file("runner.journal", bytes, sizeof(bytes));
	j = reopen();
	assert_int_equal(logbook_count(j), 0);
	assert_int_equal(logbook_bad(j), sizeof(bytes) / RECORD);
	put(j, 1, LOGBOOK_INTENT);
	logbook_close(&j);
	j = reopen();
	assert_int_equal(logbook_count(j), 1);
	logbook_close(&j);
}

static void test_compaction(void **state)
{
	struct logbook *j = reopen();
	struct stat st;

	(void)state;
	for (int i = 0; i < 3000; i++)
		put(j, 1 + (uint64_t)i % 5, LOGBOOK_ENDED);
	assert_int_equal(fstatat(dir_fd, "runner.journal", &st, 0), 0);
	assert_true(st.st_size < 1200 * RECORD);
	logbook_close(&j);
	j = reopen();
	assert_int_equal(logbook_count(j), 5);
	logbook_close(&j);
}

/* Full: what nobody can undo goes first, a lock in force stays. */
static void test_full(void **state)
{
	struct logbook *j = reopen();
	struct logbook_entry e = entry(1, LOGBOOK_ENDED);

	(void)state;
	put(j, 1, LOGBOOK_ENDED);
	for (uint64_t id = 2; id < LOGBOOK_MAX + 100; id++) {
		e = entry(id, LOGBOOK_ENDED);
		e.type = ORDER_RUN;
		assert_int_equal(logbook_put(j, &e), 0);
	}
	assert_int_equal(logbook_count(j), LOGBOOK_MAX);
	assert_non_null(logbook_get(j, 1));
	assert_null(logbook_get(j, 2));
	assert_non_null(logbook_get(j, LOGBOOK_MAX + 99));
	logbook_close(&j);
	j = reopen();
	assert_int_equal(logbook_count(j), LOGBOOK_MAX);
	assert_non_null(logbook_get(j, 1));
	logbook_close(&j);
}

static void note_forgotten(void *arg, const struct logbook_entry *e)
{
	uint64_t *last = arg;

	*last = e->id;
}

/* A flood of holds pushes out no lock, and whoever keeps something for one hears of its end. */
static void test_full_of_holds(void **state)
{
	struct logbook *j = reopen();
	struct logbook_entry e = entry(1, LOGBOOK_ENDED);
	uint64_t forgotten = 0;

	(void)state;
	logbook_on_forget(j, note_forgotten, &forgotten);
	put(j, 1, LOGBOOK_ENDED);
	e.type = ORDER_HOLD;
	e.status = OUTCOME_DONE;
	for (e.id = 2; e.id <= LOGBOOK_MAX; e.id++) {
		e.code = e.id != 500;	/* that one found nothing to hold */
		assert_int_equal(logbook_put(j, &e), 0);
	}
	assert_int_equal(forgotten, 0);
	assert_int_equal(logbook_put(j, &e), 0);
	assert_int_equal(forgotten, 500);
	e.id++;
	assert_int_equal(logbook_put(j, &e), 0);
	assert_int_equal(forgotten, 2);
	assert_non_null(logbook_get(j, 1));
	logbook_close(&j);
}

/* A symbolic link or a device in its place is not followed. */
static void test_not_a_file(void **state)
{
	struct logbook *j = NULL;

	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", dir_fd, "runner.journal"), 0);
	assert_int_equal(logbook_open(dir_fd, &j), -ELOOP);
	unlinkat(dir_fd, "runner.journal", 0);
	assert_int_equal(mkfifoat(dir_fd, "runner.journal", 0600), 0);
	assert_int_equal(logbook_open(dir_fd, &j), -EINVAL);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_last_record_wins), ROW(test_one_at_a_time), ROW(test_cut_at_every_byte),
		ROW(test_damage), ROW(test_garbage_file), ROW(test_compaction), ROW(test_full),
		ROW(test_full_of_holds), ROW(test_not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
