/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files read once, sealed, and read again by the other side. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "setup.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, 256, "%s/%s", dir, name);
	return p;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bailiff-pack-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(in_dir("shipped"), 0700), 0);
	assert_int_equal(mkdir(in_dir("own"), 0700), 0);
	put("shipped/b.yaml", "B");
	put("shipped/a.yaml", "A");
	put("shipped/.hidden.yaml", "H");
	put("shipped/a.yaml~", "no");
	put("own/c.yaml", "C");
	return 0;
}

static int tear_down(void **state)
{

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		static const char *const names[] = {
			"shipped/a.yaml", "shipped/b.yaml", "shipped/.hidden.yaml", "shipped/a.yaml~",
			"own/c.yaml", "own/d.yaml", "own/f.yaml", "main",
			"own/e.yml", "own/.e.yml",
		};

		unlink(in_dir(names[i]));
	}
	rmdir(in_dir("shipped"));
	rmdir(in_dir("own"));
	return rmdir(dir);
}

/* "role:path-without-dir=text " of every record. */
static void describe(const struct pack *p, struct buf *out)
{
	size_t skip = strlen(dir) + 1;

	for (size_t i = 0; i < pack_count(p); i++) {
		const struct pack_file *f = pack_get(p, i);
		bool ours = strncmp(f->path, dir, strlen(dir)) == 0;

		buf_printf(out, "%d:%s=%.*s", (int)f->role, f->path + (ours ? skip : 0),
			   (int)f->text.n, f->text.p ? f->text.p : "");
		if (f->error)
			buf_printf(out, "!%s", strerrorname_np(-f->error));
		buf_putc(out, ' ');
	}
}

static void expect_pack(const struct pack *p, const char *want)
{
	struct buf b = { 0 };

	describe(p, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void expect_read(const char *main_yaml, const char *want)
{
	const char *const shipped[] = { in_dir("shipped"), NULL };
	struct pack *p = NULL, *q = NULL;
	int fd = -1;

	put("main", main_yaml);
	assert_int_equal(pack_read(in_dir("main"), shipped, &p), 0);
	assert_string_equal(pack_base(p), dir);
	expect_pack(p, want);
	assert_int_equal(pack_seal(p, &fd), 0);
	pack_free(&p);
	assert_null(p);
	assert_int_equal(pack_open(fd, &q), 0);
	assert_string_equal(pack_base(q), dir);
	expect_pack(q, want);
	pack_free(&q);
	close(fd);
}

static void test_read(void **state)
{
	(void)state;
	expect_read("jail_dirs: own\n", "0:main=jail_dirs: own\n 1:shipped/a.yaml=A 1:shipped/b.yaml=B "
		    "2:own/c.yaml=C ");
	expect_read("jail_dirs: [own, own/../own]\n", "0:main=jail_dirs: [own, own/../own]\n "
		    "1:shipped/a.yaml=A 1:shipped/b.yaml=B 2:own/c.yaml=C ");
	expect_read("jail_dirs: [shipped]\n", "0:main=jail_dirs: [shipped]\n "
		    "2:shipped/a.yaml=A 2:shipped/b.yaml=B ");
	expect_read("jail_dirs: []\n", "0:main=jail_dirs: []\n 1:shipped/a.yaml=A 1:shipped/b.yaml=B ");
	expect_read("jail_dirs: [gone]\n", "0:main=jail_dirs: [gone]\n 1:shipped/a.yaml=A "
		    "1:shipped/b.yaml=B 4:gone=!ENOENT ");
	/* A name that was meant to be one. */
	put("own/e.yml", "E");
	put("own/.e.yml", "E");
	expect_read("jail_dirs: own\n", "0:main=jail_dirs: own\n 1:shipped/a.yaml=A 1:shipped/b.yaml=B "
		    "2:own/c.yaml=C 5:own/e.yml= ");
	unlink(in_dir("own/e.yml"));
	unlink(in_dir("own/.e.yml"));
	/* Files of classes, each once. */
	expect_read("jail_dirs: []\nclasses: {a: {file: own/c.yaml}, b: {file: none}, c: {file: own/c.yaml}, d: 1}\n",
		    "0:main=jail_dirs: []\nclasses: {a: {file: own/c.yaml}, b: {file: none}, c: {file: own/c.yaml}, "
		    "d: 1}\n 1:shipped/a.yaml=A 1:shipped/b.yaml=B 3:own/c.yaml=C 3:none=!ENOENT ");
}

static void test_strange_files(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(in_dir("own/d.yaml"), 0600), 0);
	assert_int_equal(symlink("/nowhere", in_dir("own/f.yaml")), 0);
	expect_read("jail_dirs: own\n", "0:main=jail_dirs: own\n 1:shipped/a.yaml=A 1:shipped/b.yaml=B "
		    "2:own/c.yaml=C 2:own/d.yaml=!EINVAL 2:own/f.yaml=!ENOENT ");
}

static void make_large(const char *name, off_t size)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), size), 0);
	fclose(f);
}

/* A jail or a list that is too big is refused alone; the main file is all there is. */
static void test_large_files(void **state)
{
	const char *const shipped[] = { in_dir("shipped"), NULL };
	const struct pack_file *f;
	struct pack *p = NULL;
	unsigned refused = 0;

	(void)state;
	put("main", "jail_dirs: own\nclasses: {a: {file: big}}\n");
	make_large("own/d.yaml", PACK_JAIL_MAX + 1);
	make_large("own/f.yaml", PACK_JAIL_MAX);
	make_large("big", 17 * 1024 * 1024);
	assert_int_equal(pack_read(in_dir("main"), shipped, &p), 0);
	for (size_t i = 0; i < pack_count(p); i++) {
		f = pack_get(p, i);
		refused += f->error == -EFBIG;
		if (strstr(f->path, "f.yaml"))
			assert_int_equal(f->text.n, PACK_JAIL_MAX);
	}
	assert_int_equal(refused, 2);
	pack_free(&p);
	unlink(in_dir("own/d.yaml"));
	unlink(in_dir("own/f.yaml"));
	unlink(in_dir("big"));
}

static void test_main_errors(void **state)
{
	struct pack *p = NULL;

	(void)state;
	assert_int_equal(pack_read(in_dir("none"), NULL, &p), -ENOENT);
	assert_int_equal(pack_read("/nowhere/x/y", NULL, &p), -ENOENT);
	assert_int_equal(pack_read(dir, NULL, &p), -EISDIR);
	assert_int_equal(pack_read("/dev/null", NULL, &p), -EINVAL);
	make_large("main", 17 * 1024 * 1024);
	assert_int_equal(pack_read(in_dir("main"), NULL, &p), -EFBIG);
	assert_null(p);
	assert_int_equal(pack_read(NULL, NULL, &p), 0);
	expect_pack(p, "0:(built-in)= ");
	pack_free(&p);
}

static int memfd_of(const void *bytes, size_t n, unsigned seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Every cut of a good pack, and good bytes without seals, are no pack. */
static void test_damaged(void **state)
{
	struct pack *p = NULL, *q = NULL;
	char bytes[512];
	ssize_t n;
	int fd;

	(void)state;
	assert_int_equal(pack_new("/b", &p), 0);
	assert_int_equal(pack_add(p, PACK_MAIN, "m", 0, SPAN_LIT("text")), 0);
	assert_int_equal(pack_seal(p, &fd), 0);
	n = pread(fd, bytes, sizeof(bytes), 0);
	assert_true(n > 0 && n < (ssize_t)sizeof(bytes));
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	for (ssize_t k = 0; k < n; k++) {
		int err;

		fd = memfd_of(bytes, (size_t)k, ALL_SEALS);
		err = pack_open(fd, &q);
		if (err == 0)	/* cut between records: fewer of them */
			assert_int_equal(pack_count(q), 0);
		else
			assert_int_equal(err, -EBADMSG);
		pack_free(&q);
		close(fd);
	}
	fd = memfd_of(bytes, (size_t)n, ALL_SEALS & ~F_SEAL_SEAL);
	assert_int_equal(pack_open(fd, &q), -EBADMSG);
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(pack_open(fd, &q), -EBADMSG);
	close(fd);
	pack_free(&p);
	pack_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strange_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_main_errors, set_up, tear_down),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
