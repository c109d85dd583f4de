/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is opened for the engine, when, and what never is. */
#include "unit/config/setup.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privileged/logs.h"
#include "unit/privileged/firewall/netns.h"	/* RUN */

static char dir[32];

/* All that was handed over, as text. */
struct host {
	struct made made;
	struct logs *logs;
	struct buf told;
	int inotify;
	int stop_at;	/* the n-th message cannot be sent; 0: all can */
};

static int on_send(void *arg, const struct message_source *m, const int *fds, size_t nfds)
{
	struct host *h = arg;
	const char *name = h->made.config->logs[m->log].name;
	size_t skip = strncmp(m->path, dir, strlen(dir)) == 0 ? strlen(dir) + 1 : 0;

	if (h->stop_at && --h->stop_at == 0)
		return -EPIPE;
	assert_int_equal(m->head.count, m->head.type == MSG_JOURNAL ? nfds : 0);
	if (m->head.type == MSG_JOURNAL) {
		buf_printf(&h->told, "%s journal %s %zu\n", name, m->path + skip, nfds);
		return 0;
	}
	assert_int_equal(m->head.type, MSG_SOURCE);
	if (m->flags & SOURCE_FAILED) {
		assert_int_equal(nfds, 0);
		buf_printf(&h->told, "%s %s: %s\n", name, m->path + skip, strerror(-m->wd));
		return 0;
	}
	assert_int_equal(nfds, 1);
	assert_true(m->wd > 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	buf_printf(&h->told, "%s %s%s\n", name, m->path + skip, m->flags & SOURCE_APPEARED ? " appeared" : "");
	return 0;
}

static const char *path(const char *name)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", dir, name);
	return text;
}

static void make_file(const char *name, const char *text)
{
	int fd = open(path(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void rename_file(const char *from, const char *to)
{
	char old[128];

	strcpy(old, path(from));
	assert_int_equal(rename(old, path(to)), 0);
}

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/logs_testXXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return RUN("rm", "-rf", dir);
}

/* %D stands for the directory. */
static void host_begin(struct host *h, const char *main_yaml)
{
	struct buf yaml = { 0 };

	memset(h, 0, sizeof(*h));
	for (const char *p = main_yaml; *p; p++) {
		if (p[0] == '%' && p[1] == 'D') {
			buf_puts(&yaml, dir);
			p++;
		} else {
			buf_putc(&yaml, *p);
		}
	}
	made_begin(&h->made, buf_cstr(&yaml));
	made_jail(&h->made, PACK_JAIL_ADMIN, "j.yaml", "log: mine\n" MATCH LIMIT "then: []\n");
	made_load(&h->made);
	if (h->made.err || h->made.bad.n)
		fail_msg("%s", buf_cstr(&h->made.text));
	h->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	assert_int_equal(logs_new(h->made.config, on_send, h, &h->logs), 0);
	buf_free(&yaml);
}

static void host_end(struct host *h)
{
	logs_free(&h->logs);
	assert_null(h->logs);
	logs_free(&h->logs);
	close(h->inotify);
	buf_free(&h->told);
	made_free(&h->made);
}

static void told(struct host *h, const char *want)
{
	assert_string_equal(buf_cstr(&h->told), want);
	buf_clear(&h->told);
}

static uint16_t mine(const struct host *h)
{
	return (uint16_t)config_log(h->made.config, "mine");
}

/* A directory event is there, and read. */
static void event(struct host *h)
{
	struct pollfd p = { .fd = logs_fd(h->logs), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(logs_event(h->logs), 0);
}

static void files(void **state)
{
	struct host h;

	(void)state;
	make_file("a.log", "one\n");
	make_file("b.log", "");
	make_file("c.txt", "no\n");
	host_begin(&h, "logs: {mine: {files: ['%D/*.log']}, unread: {files: ['%D/c.txt']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine a.log\nmine b.log\n");
	assert_int_equal(logs_rescan(h.logs), 0);
	told(&h, "");
	make_file("d.log", "new\n");
	event(&h);
	told(&h, "mine d.log appeared\n");
	/* A new engine gets all of them; what was there then has not appeared now. */
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine a.log\nmine b.log\nmine d.log\n");
	host_end(&h);
}

/* The file that moves is known; the one in its place is new. */
static void rotated_by_rename(void **state)
{
	struct host h;

	(void)state;
	make_file("mail.log", "one\n");
	host_begin(&h, "logs: {mine: {files: ['%D/mail.log', '%D/*.1']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine mail.log\n");
	rename_file("mail.log", "mail.log.1");
	event(&h);
	told(&h, "");
	make_file("mail.log", "two\n");
	event(&h);
	told(&h, "mine mail.log appeared\n");
	host_end(&h);
}

/* Not there yet, nor its directory. */
static void appears_later(void **state)
{
	struct host h;

	(void)state;
	host_begin(&h, "logs: {mine: {files: ['%D/sub/deep/mail.log']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "");
	assert_int_equal(mkdir(path("sub"), 0755), 0);
	event(&h);
	assert_int_equal(mkdir(path("sub/deep"), 0755), 0);
	event(&h);
	make_file("sub/deep/mail.log", "one\n");
	event(&h);
	told(&h, "mine sub/deep/mail.log appeared\n");
	host_end(&h);
}

/* Each is refused, once, and the others are read. */
static void no_regular_files(void **state)
{
	struct host h;

	(void)state;
	make_file("z.log", "one\n");
	assert_int_equal(symlink("/etc/passwd", path("link.log")), 0);
	assert_int_equal(mkfifo(path("fifo.log"), 0644), 0);
	assert_int_equal(mkdir(path("dir.log"), 0755), 0);
	host_begin(&h, "logs: {mine: {files: ['%D/*.log']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine dir.log: Is a directory\nmine fifo.log: Invalid argument\n"
	     "mine link.log: Too many levels of symbolic links\nmine z.log\n");
	assert_int_equal(logs_rescan(h.logs), 0);
	told(&h, "");
	/* One that went out of the way. */
	assert_int_equal(unlink(path("fifo.log")), 0);
	make_file("fifo.log", "two\n");
	assert_int_equal(logs_rescan(h.logs), 0);
	told(&h, "mine fifo.log appeared\n");
	host_end(&h);
}

static void nobody_listens(void **state)
{
	struct host h;

	(void)state;
	make_file("a.log", "one\n");
	make_file("b.log", "one\n");
	host_begin(&h, "logs: {mine: {files: ['%D/*.log']}}\n");
	assert_int_equal(logs_rescan(h.logs), 0);	/* no engine yet */
	told(&h, "");
	h.stop_at = 2;
	assert_int_equal(logs_send_all(h.logs, h.inotify), -EPIPE);
	told(&h, "mine a.log\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine a.log\nmine b.log\n");
	/* The engine went: what comes now waits for the next. */
	logs_detach(h.logs);
	make_file("c.log", "one\n");
	event(&h);
	told(&h, "");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine a.log\nmine b.log\nmine c.log\n");
	host_end(&h);
}

/* A directory that a wildcard stands for, too. */
static void globbed_directories(void **state)
{
	struct host h;

	(void)state;
	host_begin(&h, "logs: {mine: {files: ['%D/*/mail.log']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	assert_int_equal(mkdir(path("site"), 0755), 0);
	event(&h);
	make_file("site/mail.log", "one\n");
	event(&h);
	told(&h, "mine site/mail.log appeared\n");
	host_end(&h);
}

/* ---- rotated parts */

static void touch(const char *name, time_t at)
{
	const struct timespec times[2] = { { at, 0 }, { at, 0 } };

	make_file(name, name);
	assert_int_equal(utimensat(AT_FDCWD, path(name), times, 0), 0);
}

static void finds_parts(void **state)
{
	static const char *const want[] = {
		"mail-2025.log.gz", "mail.log.3.gz", "mail.log-2026", "mail.log.1", "mail.log.old",
	};
	struct host h;
	char text[64];
	size_t n;
	int fds[32];

	(void)state;
	touch("mail.log", 5000);
	host_begin(&h, "logs: {mine: {files: ['%D/mail.log']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	touch("mail.log.1", 4000);
	touch("mail.log.3.gz", 2000);
	touch("mail.log-2026", 3000);
	touch("mail-2025.log.gz", 1000);
	touch("mail.log.old", 6000);
	touch("mail.log.offset", 1000);
	touch("mail.log.", 1000);
	touch("mail.err", 1000);
	touch("mail.err.1", 1000);
	touch("other.log.1", 1000);
	touch("amail.log.1", 1000);
	assert_int_equal(symlink("/etc/passwd", path("mail.log.9")), 0);
	assert_int_equal(mkfifo(path("mail.log.8"), 0644), 0);
	assert_int_equal(logs_find(h.logs, mine(&h), path("mail.log"), fds, &n), 0);
	assert_int_equal(n, COUNT(want));
	for (size_t i = 0; i < n; i++) {
		ssize_t got = read(fds[i], text, sizeof(text) - 1);

		text[got > 0 ? got : 0] = 0;
		assert_string_equal(text, want[i]);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	host_end(&h);
}

/* An engine may not ask for other places. */
static void finds_nothing_else(void **state)
{
	static const char *const paths[] = {
		"/etc/passwd", "mail.log", "", "/", "%D/other.log", "%D/mail.log/", "%D/sub/deeper/x.log",
		"%D/../x.log", "%D/sub/../../x.log", "%D/./x.log", "%D/.hidden/x.log", "%D/sub/.x.log",
	};
	struct host h;
	size_t n;
	int fds[32];

	(void)state;
	host_begin(&h, "logs: {mine: {files: ['%D/mail.log', '%D/*/*.log']}, web: {files: ['%D/w.log']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		bool ours = strncmp(paths[i], "%D", 2) == 0;

		if (logs_find(h.logs, mine(&h), ours ? path(paths[i] + 3) : paths[i], fds, &n) != -EPERM)
			fail_msg("%s", paths[i]);
		assert_int_equal(n, 0);
	}
	assert_int_equal(logs_find(h.logs, mine(&h), path("w.log"), fds, &n), -EPERM);
	assert_int_equal(logs_find(h.logs, 99, path("mail.log"), fds, &n), -EPERM);
	/* Named, but not there (any more): its parts may be. */
	make_file("mail.log.1", "x");
	assert_int_equal(logs_find(h.logs, mine(&h), path("mail.log"), fds, &n), 0);
	assert_int_equal(n, 1);
	close(fds[0]);
	assert_int_equal(logs_find(h.logs, mine(&h), path("sub/x.log"), fds, &n), -ENOENT);
	host_end(&h);
}

/* The newest of them, oldest first. */
static void many_parts(void **state)
{
	struct host h;
	char name[32];
	size_t n;
	int fds[32];

	(void)state;
	make_file("mail.log", "x");
	host_begin(&h, "logs: {mine: {files: ['%D/mail.log']}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "mail.log.%d", i);
		touch(name, 1000 + i * 37 % 50);
	}
	assert_int_equal(logs_find(h.logs, mine(&h), path("mail.log"), fds, &n), 0);
	assert_int_equal(n, LOGS_FOUND_MAX);
	for (size_t i = 0; i < n; i++) {
		struct stat st;

		assert_int_equal(fstat(fds[i], &st), 0);
		assert_int_equal(st.st_mtim.tv_sec, 1000 + 50 - LOGS_FOUND_MAX + (int)i);
		close(fds[i]);
	}
	host_end(&h);
}

/* ---- the journal, or files */

static void make_journal(void)
{
	assert_int_equal(mkdir(path("journal"), 0755), 0);
	assert_int_equal(mkdir(path("journal/machine"), 0755), 0);
	make_file("journal/machine/system.journal", "x");
	make_file("journal/machine/system@1.journal", "x");
	make_file("journal/machine/user-1000.journal", "x");
	make_file("journal/machine/system.journal~", "x");
	make_file("journal/remote.journal", "x");
	make_file("journal/machine/x.txt", "x");
}

#define BOTH "logs: {mine: {%s, files: ['%%D/mail.log'], journal: {dir: '%%D/journal'}}}\n"

static const struct { const char *name, *prefer; bool journal, file; const char *want; } kinds[] = {
	{ "both, prefer the journal", "prefer: journal", true, true, "mine journal journal 4\n" },
	{ "both, prefer files", "prefer: files", true, true, "mine mail.log\n" },
	{ "no journal", "prefer: journal", false, true, "mine mail.log\n" },
	{ "no file", "prefer: files", true, false, "mine journal journal 4\n" },
	{ "nothing yet, files wait", "prefer: files", false, false, "" },
};

static void one_kind_of_source(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct buf yaml = { 0 };
		struct host h;

		if (kinds[i].journal)
			make_journal();
		if (kinds[i].file)
			make_file("mail.log", "x");
		buf_printf(&yaml, BOTH, kinds[i].prefer);
		host_begin(&h, buf_cstr(&yaml));
		assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
		assert_int_equal(differs(kinds[i].name, buf_cstr(&h.told), kinds[i].want), 0);
		host_end(&h);
		buf_free(&yaml);
		assert_int_equal(end(NULL), 0);
		assert_int_equal(begin(NULL), 0);
	}
}

/* All files of a journal come again when there is a new one: they are one journal. */
static void journal_grows(void **state)
{
	struct host h;

	(void)state;
	make_journal();
	host_begin(&h, "logs: {mine: {journal: {dir: '%D/journal'}}}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "mine journal journal 4\n");
	assert_int_equal(logs_rescan(h.logs), 0);
	told(&h, "");
	make_file("journal/machine/user-1001.journal", "x");
	assert_int_equal(logs_rescan(h.logs), 0);
	told(&h, "");
	make_file("journal/machine/system@2.journal", "x");
	event(&h);
	told(&h, "mine journal journal 5\n");
	host_end(&h);
}

/* A log that no jail names, or only jails that are off, is left alone. */
static void only_what_is_used(void **state)
{
	struct host h;

	(void)state;
	make_file("a.log", "x");
	host_begin(&h, "logs: {mine: {files: ['%D/a.log']}}\njails: {j: off}\n");
	assert_int_equal(logs_send_all(h.logs, h.inotify), 0);
	told(&h, "");
	host_end(&h);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files), TEST(rotated_by_rename), TEST(appears_later), TEST(no_regular_files),
		TEST(nobody_listens), TEST(globbed_directories), TEST(finds_parts), TEST(finds_nothing_else), TEST(many_parts), TEST(one_kind_of_source),
		TEST(journal_grows), TEST(only_what_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
