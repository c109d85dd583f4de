/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RUNNER_LABORATORY_H
#define TESTS_RUNNER_LABORATORY_H

/*
 * The runner as bailiffd sees it, over its socket, with the real passwd and
 * chage. All of it happens in a mount namespace with an /etc and a /dev of its
 * own: the host's accounts and its syslog are out of reach. Without root there
 * is nothing to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/pack.h"
#include "privileged/runner/runner.h"
#include "wire/channel.h"
#include "wire/order.h"
#include "wire/runner.h"

#define PATIENCE_MS 20000
#define ENGINE_ID 65533

static char dir[] = "/tmp/runner-test-XXXXXX";
static bool usable;
static int sock = -1;
static pid_t runner;
static uint64_t last_id;

/* ---- the laboratory ---- */

static inline void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void sh(const char *fmt, ...)
{
	char script[4096];
	va_list ap;
	int status;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(script, sizeof(script), fmt, ap);
	va_end(ap);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-ec", script, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (status != 0)
		fail_msg("status %d: %s", status, script);
}

/* An /etc that is a copy, in a namespace that dies with us. */
static inline int enter_laboratory(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(dir) ||
	    mount("tmpfs", dir, "tmpfs", 0, "mode=0755") < 0) {
		print_message("needs root and a mount namespace: skipped\n");
		return 0;
	}
	log_init("runner_test", LOG_LEVEL_ERR);
	sh("cp -a /etc %s/etc && mkdir %s/jails && mount --bind %s/etc /etc", dir, dir, dir);
	sh("cd %s; mkdir dev; for f in null zero random urandom; do"
	   " touch dev/$f; mount --bind /dev/$f dev/$f; done; mount --rbind dev /dev", dir);
	sh("rm -f /etc/*.lock; echo 'hosts: files' > /etc/nsswitch.conf");
	sh("echo '192.0.2.7 office.example.org' >> /etc/hosts;"
	   "echo '2001:db8::7 office.example.org' >> /etc/hosts");
	sh("for u in joe:2001 ann:2002 bob:2003 locked:2004 dated:2005 postmaster:2006 low:999; do"
	   " echo $u | sed 's|\\(.*\\):\\(.*\\)|\\1:x:\\2:2000::/nonexistent:/bin/false|' >> /etc/passwd;"
	   "done; cp /etc/shadow %s/shadow", dir);
	sh("cd %s; for u in joe ann bob postmaster low; do"
	   " echo $u':$6$salt$hash-'$u':19000:0:99999:7:::' >> shadow; done;"
	   "echo 'locked:!$6$salt$hash-locked:19000:0:99999:7:::' >> shadow;"
	   "echo 'dated:$6$salt$hash-dated:19000:0:99999:7::99999:' >> shadow", dir);
	sh("cat > %s/jails/guard.yaml <<'E'\n"
	   "about: a test\nlog: mail\nmatch: ['bad <user>']\n"
	   "limit: {count: 3, per: user, within: 10m}\n"
	   "then:\n"
	   "  - lock\n"
	   "  - run: [%s/run, did, --, <user>]\n"
	   "    undo: [%s/run, undid, --, <user>]\n"
	   "  - notify\n"
	   "  - run: [sleep, 3]\n"
	   "E\n", dir, dir, dir);
	sh("cd %s; printf '#!/bin/sh\\necho \"$*\" >> %s/ran\\n' > run;"
	   "printf '#!/bin/sh\\n(echo \"$*\"; cat) >> %s/mail\\n' > sendmail;"
	   "printf '#!/bin/sh\\necho begun >> %s/mail; echo $$ > %s/halfway; exec sleep 60\\n' > slowmail;"
	   "printf '#!/bin/sh\\necho $$ > %s/halfway; exec sleep 60\\n' > slowchage;"
	   "chmod 755 run sendmail slowmail slowchage", dir, dir, dir, dir, dir, dir);
	usable = true;
	return 0;
}

static inline int leave_laboratory(void **state)
{
	(void)state;
	if (!usable)
		return 0;
	umount2("/etc", MNT_DETACH);
	umount2("/dev", MNT_DETACH);
	umount2(dir, MNT_DETACH);
	return rmdir(dir);
}

/* Programs of the mail server: a test that needs them writes its own. */
static const char *const mail_helpers[] = { "postqueue", "postsuper", "postmap", "doveadm", "postcat", "postconf" };
static const char *instances = "[]";

static inline int seal_config(const char *more)
{
	char path[128];
	struct pack *p = NULL;
	int fd = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/bailiff.yaml", dir);
	f = fopen(path, "w");
	fprintf(f, "jail_dirs: [%s/jails]\nhelpers: {sendmail: [%s/sendmail]", dir, dir);
	for (size_t i = 0; i < sizeof(mail_helpers) / sizeof(*mail_helpers); i++)
		fprintf(f, ", %s: [%s/%s]", mail_helpers[i], dir, mail_helpers[i]);
	fprintf(f, ", instances: %s}\n%s", instances, more);
	fclose(f);
	assert_int_equal(pack_read(path, NULL, &p), 0);
	assert_int_equal(pack_seal(p, &fd), 0);
	pack_free(&p);
	return fd;
}

#define ACCOUNTS "accounts: {act: yes, local_domains: [example.com], protect: [postmaster]"
#define STANDARD ACCOUNTS ", max_per_hour: 100}\nnotify: {mail: root}\n"

static inline void start_runner(const char *config)
{
	char state_dir[128];
	int pair[2];

	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	mkdir(state_dir, 0700);
	assert_int_equal(channel_pair(pair), 0);
	runner = fork();
	if (runner == 0) {
		struct runner_start s = { .sock = pair[1], .engine_id = { ENGINE_ID, ENGINE_ID } };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		s.state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		s.pack_fd = seal_config(config);
		s.engine_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		_exit(runner_main(&s));
	}
	close(pair[1]);
	sock = pair[0];
}

static inline void reap(int want)
{
	int status;

	waitpid(runner, &status, 0);
	assert_int_equal(status, want);
}

static inline void stop_runner(void)
{
	close(sock);
	reap(0);
}

static inline void kill_runner(void)
{
	kill(runner, SIGKILL);
	reap(SIGKILL);
	close(sock);
}

static inline int fresh(void **state)
{
	(void)state;
	if (!usable)
		return 0;
	sh("cd %s; rm -rf state ran mail halfway; install -m 640 -g shadow shadow /etc/shadow", dir);
	return 0;
}

/* ---- talking to it ---- */

static inline size_t receive(void *p, size_t size)
{
	struct pollfd poll_fd = { sock, POLLIN, 0 };
	int fds[CHANNEL_MAX_FDS];
	size_t n, nfds;

	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	assert_int_equal(channel_recv(sock, p, size, &n, fds, &nfds), 0);
	return n;
}

static inline void ready(unsigned open)
{
	struct runner_ready r;

	assert_int_equal(receive(&r, sizeof(r)), sizeof(r));
	assert_int_equal(r.head.type, RUNNER_READY);
	assert_int_equal(r.open, open);
	assert_int_equal(r.bad, 0);
}

static inline void launch(const char *config)
{
	start_runner(config);
	ready(0);
}

static inline struct outcome answer(void)
{
	struct outcome o;

	assert_int_equal(receive(&o, sizeof(o)), sizeof(o));
	return o;
}

static inline void send_order(const void *p, size_t n)
{
	assert_int_equal(channel_send(sock, p, n, NULL, 0), 0);
}

static inline void expect(const char *what, enum outcome_status status, const char *text)
{
	struct outcome o = answer();

	if (o.status != status || o.id != last_id || (text && strcmp(o.text, text) != 0))
		fail_msg("%s: %s '%s' (order %llu of %llu)", what, outcome_name(o.status), o.text,
			 (unsigned long long)o.id, (unsigned long long)last_id);
}

static inline struct order_account account_order(enum order_type type, const char *name)
{
	struct order_account o = {
		.head = { .id = ++last_id, .type = (uint16_t)type, .origin = ORIGIN_HAND,
			  .jail = ORDER_NO_JAIL },
		.at_ms = clock_wall().ms,
	};

	snprintf(o.name, sizeof(o.name), "%s", name);
	return o;
}

static inline uint64_t by_hand(enum order_type type, const char *name, enum outcome_status status,
			const char *text)
{
	struct order_account o = account_order(type, name);

	send_order(&o, sizeof(o));
	expect(name, status, text);
	return o.head.id;
}

static inline uint64_t lock_it(const char *name)
{
	return by_hand(ORDER_LOCK, name, OUTCOME_DONE, NULL);
}

static inline void undo_it(uint64_t ref, bool false_alarm, enum outcome_status status, const char *text)
{
	struct order_account o = account_order(ORDER_UNDO, "");

	o.ref = ref;
	o.head.action = false_alarm ? UNDO_FALSE_ALARM : 0;
	send_order(&o, sizeof(o));
	expect("undo", status, text);
}

/* The line of /etc/shadow, without the name. */
static inline void shadow_is(const char *name, const char *want)
{
	char line[512];
	FILE *f = fopen("/etc/shadow", "r");
	size_t n = strlen(name);

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			break;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line + n + 1, want) != 0)
		fail_msg("%s is %s, want %s", name, line + n + 1, want);
}

static inline void file_is(const char *name, const char *want)
{
	char path[128], text[4096];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = 0;
	assert_string_equal(text, want);
}

static inline bool wait_for(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (int i = 0; i < 500; i++, usleep(10000))
		if (access(path, F_OK) == 0)
			return true;
	return false;
}

static inline void from_jail(struct order_head head, const char *name, int64_t age_ms,
		      enum outcome_status status)
{
	struct order_account o = account_order((enum order_type)head.type, name);

	o.head.origin = head.origin;
	o.head.jail = head.jail;
	o.head.action = head.action;
	o.at_ms -= age_ms;
	o.ref = last_id - 1;
	send_order(&o, sizeof(o));
	expect(name, status, NULL);
}

static inline void in_laboratory(void **state)
{
	void (*test)(void) = (void (*)(void))(uintptr_t)*state;

	if (!usable)
		skip();
	test();
}

#define ROW(f) { #f, in_laboratory, fresh, NULL, (void *)(uintptr_t)f }

#endif
