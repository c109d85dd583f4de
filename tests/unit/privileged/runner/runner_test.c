/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mail, commands of jails, look-ups, and what the runner does with nonsense. */
#include "unit/privileged/runner/laboratory.h"

#include <sys/socket.h>
#include <sys/un.h>

/* ---- mail ---- */

static struct order_mail mail_order(unsigned alert)
{
	struct order_mail m = {
		.head = { .id = ++last_id, .type = ORDER_NOTIFY, .origin = ORIGIN_JAIL },
		.alert = alert, .subject = "joe is locked", .body = "lines\n", .len = 6,
	};

	return m;
}

static int open_syslog(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* 25: facility daemon, level alert (RFC 3164, section 4.1.1). */
static void alert_is(int fd, const char *want)
{
	struct pollfd poll_fd = { fd, POLLIN, 0 };
	char line[256];
	ssize_t n;

	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	n = read(fd, line, sizeof(line) - 1);
	line[n < 0 ? 0 : n] = 0;
	assert_int_equal(strncmp(line, "<25>", 4), 0);
	assert_string_equal(strstr(line, "bailiff: "), want);
	close(fd);
	unlink("/dev/log");
}

static void test_mail(void)
{
	struct order_mail m;
	char want[1024];
	int syslog_fd = open_syslog();

	launch(STANDARD);
	m = mail_order(1);
	send_order(&m, sizeof(m));
	expect("mail", OUTCOME_DONE, "handed to sendmail");
	alert_is(syslog_fd, "bailiff: joe is locked");
	send_order(&m, sizeof(m));
	expect("repeated", OUTCOME_DONE, "handed to sendmail");
	snprintf(want, sizeof(want), "-t -oi\nFrom: root\nTo: root\nSubject: joe is locked\n"
		 "Auto-Submitted: auto-generated\nX-Bailiff-Order: %llu\nMIME-Version: 1.0\n"
		 "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\nlines\n",
		 (unsigned long long)m.head.id);
	file_is("mail", want);
	stop_runner();
	syslog_fd = open_syslog();
	launch("notify: {mail: no}\n");
	m = mail_order(1);
	send_order(&m, sizeof(m));
	expect("nobody to tell", OUTCOME_REFUSED, "notify.mail is not set");
	alert_is(syslog_fd, "bailiff: joe is locked");
	stop_runner();
}

/* The second channel hears of it first, and its trouble stops no mail. */
static void test_notify_run(void)
{
	struct order_mail m;
	char yaml[512], want[128];

	snprintf(yaml, sizeof(yaml), "notify: {mail: no, run: [%s/run, '<incident>', '<user>', 'say:<subject>']}\n", dir);
	launch(yaml);
	m = mail_order(1);
	m.incident = 42;
	snprintf(m.user, sizeof(m.user), "joe");
	send_order(&m, sizeof(m));
	expect("told", OUTCOME_DONE, "told by notify.run");
	file_is("ran", "42 joe say:joe is locked\n");
	send_order(&m, sizeof(m));
	expect("not twice", OUTCOME_DONE, "told by notify.run");
	file_is("ran", "42 joe say:joe is locked\n");
	m = mail_order(0);
	send_order(&m, sizeof(m));
	expect("a digest is mail only", OUTCOME_REFUSED, "notify.mail is not set");
	m = mail_order(1);
	snprintf(m.user, sizeof(m.user), "joe/../x");
	send_order(&m, sizeof(m));
	expect("no account", OUTCOME_REFUSED, "not the name of an account");
	stop_runner();
	snprintf(yaml, sizeof(yaml), "notify: {run: [sh, -c, 'cat > %s/heard; exit 3']}\n", dir);
	launch(yaml);
	m = mail_order(1);
	snprintf(want, sizeof(want), "handed to sendmail; notify.run: sh: exit 3");
	send_order(&m, sizeof(m));
	expect("mail all the same", OUTCOME_DONE, want);
	file_is("heard", "lines\n");
	stop_runner();
}

/* A mail that a crash leaves open is never sent again. */
static void test_mail_crash(void)
{
	struct order_mail m;

	sh("mv %s/sendmail %s/goodmail; cp %s/slowmail %s/sendmail", dir, dir, dir, dir);
	launch(STANDARD);
	m = mail_order(0);
	send_order(&m, sizeof(m));
	assert_true(wait_for("halfway"));
	kill_runner();
	sh("kill $(cat %s/halfway); mv %s/goodmail %s/sendmail", dir, dir, dir);
	start_runner(STANDARD);
	expect("told", OUTCOME_UNKNOWN, "a crash left it open");
	ready(1);
	send_order(&m, sizeof(m));
	expect("not again", OUTCOME_UNKNOWN, "a crash left it open");
	file_is("mail", "begun\n");
	stop_runner();
	launch(STANDARD);
	send_order(&m, sizeof(m));
	expect("nor later", OUTCOME_UNKNOWN, NULL);
	file_is("mail", "begun\n");
	stop_runner();
}

/* ---- commands of jails ---- */

static void run_it(unsigned action, unsigned undo, unsigned origin, const char *user,
		   enum outcome_status status, const char *text)
{
	struct order_run o = {
		.head = { .id = ++last_id, .type = ORDER_RUN, .origin = (uint16_t)origin,
			  .action = (uint16_t)action },
		.undo = undo,
	};

	o.len = (uint32_t)snprintf(o.values, sizeof(o.values), "user%c%s", 0, user) + 1;
	send_order(&o, sizeof(o));
	expect(user, status, text);
}

static void test_run(void)
{
	launch(STANDARD);
	run_it(1, 0, ORIGIN_JAIL, "joe", OUTCOME_DONE, NULL);
	run_it(1, 1, ORIGIN_JAIL, "joe", OUTCOME_REFUSED, "only an admin may undo");
	run_it(1, 1, ORIGIN_HAND, "ann", OUTCOME_REFUSED, NULL);	/* there was no such run */
	run_it(1, 1, ORIGIN_HAND, "joe", OUTCOME_DONE, NULL);
	run_it(1, 1, ORIGIN_HAND, "joe", OUTCOME_REFUSED, NULL);
	run_it(1, 0, ORIGIN_JAIL, "postmaster", OUTCOME_REFUSED, "postmaster is protected");
	run_it(1, 0, ORIGIN_JAIL, "root", OUTCOME_REFUSED, NULL);
	run_it(1, 0, ORIGIN_JAIL, "--help", OUTCOME_REFUSED, "the value of <user> is not one");
	run_it(0, 0, ORIGIN_JAIL, "joe", OUTCOME_REFUSED, NULL);	/* that one locks */
	run_it(3, 1, ORIGIN_HAND, "joe", OUTCOME_REFUSED, NULL);	/* that one has no undo */
	file_is("ran", "did -- joe\nundid -- joe\n");
	stop_runner();
}

static void test_slow_delays_nobody(void)
{
	int64_t start = clock_mono().ms;
	struct order_run slow = {
		.head = { .type = ORDER_RUN, .origin = ORIGIN_JAIL, .action = 3 },
	};
	struct order_account o;
	struct outcome got;

	launch(STANDARD);
	for (uint64_t i = 0; i < 8; i++) {
		slow.head.id = 5000 + i;
		slow.len = (uint32_t)snprintf(slow.values, sizeof(slow.values), "helo%c%d", 0, (int)i) + 1;
		send_order(&slow, sizeof(slow));
	}
	o = account_order(ORDER_LOCK, "joe");
	send_order(&o, sizeof(o));
	got = answer();
	assert_int_equal(got.id, o.head.id);
	assert_int_equal(got.status, OUTCOME_DONE);
	assert_true(clock_mono().ms - start < 2500);
	for (int i = 0; i < 8; i++)
		assert_int_equal(answer().status, OUTCOME_DONE);
	stop_runner();
}

/* More than the queue holds: every one gets its answer. */
static void test_flood(void)
{
	unsigned done = 0, refused = 0;
	struct order_run o = {
		.head = { .type = ORDER_RUN, .origin = ORIGIN_JAIL, .action = 1 },
	};

	launch(STANDARD);
	o.len = (uint32_t)snprintf(o.values, sizeof(o.values), "user%cjoe", 0) + 1;
	for (uint64_t i = 0; i < 600; i++) {
		o.head.id = 7000 + i;
		send_order(&o, sizeof(o));
	}
	for (int i = 0; i < 600; i++) {
		struct outcome got = answer();

		done += got.status == OUTCOME_DONE;
		refused += got.status == OUTCOME_REFUSED;
	}
	assert_int_equal(done + refused, 600);
	assert_true(done >= 500);
	stop_runner();
}

/* ---- the rest ---- */

static void test_nonsense(void)
{
	static char bytes[20480];
	struct order_account o;

	launch(STANDARD);
	for (size_t n = 1; n < sizeof(bytes); n = n * 2 + 1) {
		memset(bytes, (int)n, sizeof(bytes));
		send_order(bytes, n);
		assert_int_equal(answer().status, OUTCOME_REFUSED);
	}
	o = account_order(ORDER_LOCK, "joe");
	send_order(&o, sizeof(o) - 1);
	expect("short", OUTCOME_REFUSED, "not a message");
	memset(o.name, 'a', sizeof(o.name));
	send_order(&o, sizeof(o));
	expect("no end", OUTCOME_REFUSED, "not a message");
	lock_it("joe");
	stop_runner();
}

static void test_resolve(void)
{
	static const struct { const char *name; int error; unsigned n; } rows[] = {
		{ "office.example.org", 0, 2 },
		{ "no-such-name.example.org", -ENOENT, 0 },
	};
	struct runner_resolved got;

	launch(STANDARD);
	for (size_t i = 0; i < 2; i++) {
		struct runner_resolve ask = { .head = { 70 + i, RUNNER_RESOLVE, 0, sizeof(ask) } };

		snprintf(ask.name, sizeof(ask.name), "%s", rows[i].name);
		send_order(&ask, sizeof(ask));
		assert_int_equal(receive(&got, sizeof(got)), sizeof(got));
		assert_int_equal(got.head.type, RUNNER_RESOLVED);
		assert_int_equal(got.head.id, 70 + i);
		assert_int_equal(got.error, rows[i].error);
		assert_int_equal(got.n, rows[i].n);
		for (unsigned k = 0; k < got.n; k++)
			assert_true(got.addr[k].family == ADDR_V4 || got.addr[k].family == ADDR_V6);
	}
	stop_runner();
}

static void test_reconf(void)
{
	struct runner_head head = { 5, RUNNER_RECONF, 0, sizeof(head) };
	int fd;

	launch("accounts: {act: propose}\n");
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 0 }, "joe", 0, OUTCOME_PROPOSED);
	fd = seal_config(STANDARD);
	assert_int_equal(channel_send(sock, &head, sizeof(head), &fd, 1), 0);
	assert_int_equal(answer().status, OUTCOME_DONE);
	from_jail((struct order_head){ 0, ORDER_LOCK, ORIGIN_JAIL, 0, 0 }, "joe", 0, OUTCOME_DONE);
	assert_int_equal(channel_send(sock, &head, sizeof(head), NULL, 0), 0);
	assert_int_equal(answer().status, OUTCOME_FAILED);
	close(fd);
	stop_runner();
}

/* ---- engines ---- */

/* This program as an engine: waits for the end of descriptor 3. */
static int be_engine(void)
{
	char c;

	if (getuid() != ENGINE_ID || setuid(0) == 0 || fcntl(4, F_GETFD) >= 0)
		return 1;
	return read(3, &c, 1) == 0 ? 5 : 2;
}

static int engine_end(uint64_t generation)
{
	struct runner_engine e;

	assert_int_equal(receive(&e, sizeof(e)), sizeof(e));
	assert_int_equal(e.head.type, RUNNER_ENGINE_ENDED);
	assert_int_equal(e.head.id, generation);
	return e.status;
}

static void test_engines(void)
{
	struct runner_engine e = { .head = { 1, RUNNER_START_ENGINE, 0, sizeof(e) } };
	int ends[2];

	launch(STANDARD);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(channel_send(sock, &e, sizeof(e), &ends[0], 1), 0);
	e.head.id = 2;
	assert_int_equal(channel_send(sock, &e, sizeof(e), &ends[0], 1), 0);
	e.head = (struct runner_head){ 2, RUNNER_KILL_ENGINE, 0, sizeof(e) };
	assert_int_equal(channel_send(sock, &e, sizeof(e), NULL, 0), 0);
	assert_int_equal(engine_end(2), SIGKILL);
	e.head.id = 7;		/* there is none: nothing happens */
	assert_int_equal(channel_send(sock, &e, sizeof(e), NULL, 0), 0);
	close(ends[1]);
	assert_int_equal(engine_end(1), 5 << 8);
	close(ends[0]);
	stop_runner();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(test_mail), ROW(test_notify_run), ROW(test_mail_crash), ROW(test_run), ROW(test_slow_delays_nobody),
		ROW(test_flood), ROW(test_nonsense), ROW(test_resolve), ROW(test_reconf), ROW(test_engines),
	};

	if (argc == 2 && strcmp(argv[1], "--serve") == 0)
		return be_engine();
	return cmocka_run_group_tests(tests, enter_laboratory, leave_laboratory);
}
