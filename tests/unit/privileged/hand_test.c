/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What admins set by hand: kept over restarts, ended in time, never lost by a bad line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "privileged/hand.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))
#define GOOD INT64_MAX

static const struct wall now = { 1000 };
static char dir[32];
static int dir_fd;

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/hand_testXXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0;
}

static int end(void **state)
{
	(void)state;
	unlinkat(dir_fd, "hand", 0);
	unlinkat(dir_fd, "hand.new", 0);
	close(dir_fd);
	return rmdir(dir);
}

static void write_text(const char *text)
{
	int fd = openat(dir_fd, "hand", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static struct hand_item item(enum hand_kind kind, const char *addr, const char *name, int64_t until)
{
	struct hand_item i = { .kind = kind, .until_ms = until };

	if (addr)
		assert_int_equal(addr_parse(span_of(addr), &i.addr), 0);
	if (name)
		strcpy(i.name, name);
	return i;
}

static int put(struct hand *h, enum hand_kind kind, const char *addr, const char *name, int64_t until)
{
	struct hand_item i = item(kind, addr, name, until);

	return hand_put(h, &i, now);
}

/* All that holds, as text: "allow 192.0.2.1 1500;..." */
static const char *all(const struct hand *h)
{
	static char text[4096];
	const struct hand_item *i;
	size_t n = 0;

	text[0] = 0;
	for (int kind = 0; kind < HAND_KINDS; kind++) {
		size_t at = 0;

		while ((i = hand_next(h, (enum hand_kind)kind, now, &at))) {
			static const char *const words[] = { "allow", "ban", "protect" };
			char addr[ADDR_TEXT_MAX];

			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s%s%s %lld;", words[i->kind],
					      i->kind == HAND_PROTECT ? "" : addr_print(&i->addr, addr),
					      i->kind == HAND_BAN ? " " : "", i->name,
					      (long long)(i->until_ms == GOOD ? -1 : i->until_ms));
		}
	}
	return text;
}

static struct hand *opened(size_t want_bad)
{
	struct hand *h;
	size_t bad = 99;

	assert_int_equal(hand_open(dir_fd, &h, &bad), 0);
	assert_int_equal(bad, want_bad);
	return h;
}

static const struct { const char *name, *text, *want; size_t bad; } files[] = {
	{ "none", NULL, "", 0 },
	{ "empty", "", "", 0 },
	{ "one of each", "allow 192.0.2.0/24 1500 \nban 203.0.113.9 9223372036854775807 mail\nprotect joe@b 2000 \n",
	  "allow 192.0.2.0/24 1500;ban 203.0.113.9 mail -1;protect joe@b 2000;", 0 },
	{ "no newline at the end", "protect joe 2000", "protect joe 2000;", 0 },
	{ "what is past does not hold", "allow 192.0.2.1 1000 \nallow 192.0.2.2 1001 \n", "allow 192.0.2.2 1001;", 0 },
	{ "an unknown word", "forbid 192.0.2.1 2000\nprotect joe 2000\n", "protect joe 2000;", 1 },
	{ "no address", "allow 300.1.1.1 2000\nallow 192.0.2.1 2000\n", "allow 192.0.2.1 2000;", 1 },
	{ "no end", "allow 192.0.2.1\nallow 192.0.2.2 soon\nallow 192.0.2.3 2000x\n", "", 3 },
	{ "an end past all ends", "allow 192.0.2.3 99999999999999999999\n", "", 1 },
	{ "a ban without its scope", "ban 192.0.2.1 2000\n", "", 1 },
	{ "empty lines and garbage", "\n\x01\x02\n\nprotect joe 2000\n", "protect joe 2000;", 3 },
};

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct hand *h;

		if (files[i].text)
			write_text(files[i].text);
		h = opened(files[i].bad);
		if (strcmp(all(h), files[i].want) != 0)
			fail_msg("%s: %s", files[i].name, all(h));
		hand_free(&h);
		assert_null(h);
		hand_free(&h);
	}
}

static void long_line(void **state)
{
	char text[1200];
	struct hand *h;
	size_t bad;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "protect ", 8);
	memcpy(text + sizeof(text) - 19, "\nprotect ann 2000\n", 19);
	write_text(text);
	assert_int_equal(hand_open(dir_fd, &h, &bad), 0);
	assert_true(bad > 0);
	assert_string_equal(all(h), "protect ann 2000;");
	hand_free(&h);
}

/* Not through a link, not a directory: said, and nothing is handed out. */
static void not_a_file(void **state)
{
	struct hand *h = NULL;
	size_t bad;

	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", dir_fd, "hand"), 0);
	assert_int_equal(hand_open(dir_fd, &h, &bad), -ELOOP);
	assert_int_equal(unlinkat(dir_fd, "hand", 0), 0);
	assert_int_equal(mkdirat(dir_fd, "hand", 0700), 0);
	assert_int_equal(hand_open(dir_fd, &h, &bad), -EIO);
	assert_null(h);
	assert_int_equal(unlinkat(dir_fd, "hand", AT_REMOVEDIR), 0);
}

static void kept_over_restarts(void **state)
{
	struct hand *h = opened(0);
	struct stat st;

	(void)state;
	assert_int_equal(put(h, HAND_ALLOW, "2001:db8::/32", NULL, 5000), 0);
	assert_int_equal(put(h, HAND_BAN, "203.0.113.9", "mail", GOOD), 0);
	assert_int_equal(put(h, HAND_BAN, "203.0.113.9", "all", 6000), 0);
	assert_int_equal(put(h, HAND_PROTECT, NULL, "joe@example.com", GOOD), 0);
	hand_free(&h);
	assert_int_equal(fstatat(dir_fd, "hand", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(dir_fd, "hand.new", &st, 0), -1);
	h = opened(0);
	assert_string_equal(all(h), "allow 2001:db8::/32 5000;ban 203.0.113.9 mail -1;ban 203.0.113.9 all 6000;"
			    "protect joe@example.com -1;");
	hand_free(&h);
}

static void renews(void **state)
{
	struct hand *h = opened(0);

	(void)state;
	put(h, HAND_ALLOW, "192.0.2.1", NULL, 5000);
	put(h, HAND_ALLOW, "192.0.2.1", NULL, 9000);
	put(h, HAND_PROTECT, NULL, "joe", GOOD);
	put(h, HAND_PROTECT, NULL, "joe", GOOD);
	put(h, HAND_BAN, "192.0.2.1", "mail", 4000);
	put(h, HAND_BAN, "192.0.2.1", "mail", 3000);
	assert_string_equal(all(h), "allow 192.0.2.1 9000;ban 192.0.2.1 mail 3000;protect joe -1;");
	hand_free(&h);
}

static void removes(void **state)
{
	struct hand_item a = item(HAND_BAN, "192.0.2.1", NULL, 0), other = item(HAND_BAN, "192.0.2.0/24", NULL, 0);
	struct hand *h = opened(0);
	bool found;

	(void)state;
	put(h, HAND_ALLOW, "192.0.2.1", NULL, 5000);
	put(h, HAND_BAN, "192.0.2.1", "mail", 5000);
	put(h, HAND_BAN, "192.0.2.1", "ssh", 5000);
	put(h, HAND_BAN, "192.0.2.1", "all", 5000);
	put(h, HAND_PROTECT, NULL, "joe", 5000);
	assert_int_equal(hand_remove(h, HAND_BAN, &other.addr, NULL, &found), 0);
	assert_false(found);
	assert_int_equal(hand_remove(h, HAND_BAN, &a.addr, "ssh", &found), 0);
	assert_true(found);
	assert_int_equal(hand_remove(h, HAND_BAN, &a.addr, "ssh", &found), 0);
	assert_false(found);
	assert_int_equal(hand_remove(h, HAND_PROTECT, NULL, "ann", &found), 0);
	assert_false(found);
	hand_free(&h);
	h = opened(0);
	assert_string_equal(all(h), "allow 192.0.2.1 5000;ban 192.0.2.1 mail 5000;ban 192.0.2.1 all 5000;protect joe 5000;");
	/* In every scope. */
	assert_int_equal(hand_remove(h, HAND_BAN, &a.addr, NULL, &found), 0);
	assert_true(found);
	assert_int_equal(hand_remove(h, HAND_PROTECT, NULL, "joe", &found), 0);
	assert_true(found);
	assert_int_equal(hand_remove(h, HAND_ALLOW, &a.addr, NULL, &found), 0);
	assert_true(found);
	assert_string_equal(all(h), "");
	hand_free(&h);
}

static void knows_bans(void **state)
{
	struct hand_item a = item(HAND_BAN, "192.0.2.1", NULL, 0), b = item(HAND_BAN, "192.0.2.0/24", NULL, 0);
	struct hand *h = opened(0);

	(void)state;
	put(h, HAND_BAN, "192.0.2.1", "mail", 5000);
	put(h, HAND_ALLOW, "192.0.2.0/24", NULL, 5000);
	assert_true(hand_has_ban(h, &a.addr, "mail", (struct wall){ 4999 }));
	assert_false(hand_has_ban(h, &a.addr, "mail", (struct wall){ 5000 }));
	assert_false(hand_has_ban(h, &a.addr, "all", now));
	assert_false(hand_has_ban(h, &b.addr, "mail", now));
	hand_free(&h);
}

/* A thousand that end: what is past does not pile up. */
static void forgets(void **state)
{
	struct hand *h = opened(0);
	struct stat st;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char addr[32];
		struct hand_item one;

		snprintf(addr, sizeof(addr), "203.0.%d.%d", i / 250, i % 250);
		one = item(HAND_BAN, addr, "mail", i + 10);
		assert_int_equal(hand_put(h, &one, (struct wall){ i }), 0);
	}
	assert_int_equal(fstatat(dir_fd, "hand", &st, 0), 0);
	assert_true(st.st_size < 1000);
	hand_free(&h);
}

/* A disk that takes nothing: in force all the same, and said. */
static void cannot_write(void **state)
{
	struct hand_item a = item(HAND_BAN, "192.0.2.1", NULL, 0);
	struct hand *h;
	size_t bad;
	bool found;
	int r;

	(void)state;
	assert_int_equal(mkdirat(dir_fd, "hand.new", 0700), 0);
	assert_int_equal(hand_open(dir_fd, &h, &bad), 0);
	r = put(h, HAND_BAN, "192.0.2.1", "mail", 5000);
	assert_int_equal(r, -EISDIR);
	assert_string_equal(all(h), "ban 192.0.2.1 mail 5000;");
	assert_int_equal(hand_remove(h, HAND_BAN, &a.addr, NULL, &found), -EISDIR);
	assert_true(found);
	assert_string_equal(all(h), "");
	hand_free(&h);
	assert_int_equal(unlinkat(dir_fd, "hand.new", AT_REMOVEDIR), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads), TEST(long_line), TEST(not_a_file), TEST(kept_over_restarts), TEST(renews),
		TEST(removes), TEST(knows_bans), TEST(forgets), TEST(cannot_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
