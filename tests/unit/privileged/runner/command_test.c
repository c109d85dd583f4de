/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real commands, good and bad ones: floods, deaf ones, ones that leave daemons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "privileged/runner/command.h"

static struct {
	int error;
	char why[128];
	char output[COMMAND_OUTPUT_MAX + 1];
	size_t n;
	bool timed_out;
} got;

static void on_done(void *arg, const struct command_result *r)
{
	got.error = command_judge(r, arg, got.why, sizeof(got.why));
	got.n = r->output.n;
	got.timed_out = r->timed_out;
	memcpy(got.output, r->output.p, r->output.n);
	got.output[r->output.n] = 0;
	ev_break(ev_default_loop(0), EVBREAK_ALL);
}

static int64_t run(const struct command_spec *spec)
{
	struct ev_loop *loop = ev_default_loop(0);
	int64_t start = clock_mono().ms;
	char name[] = "cmd";

	memset(&got, 0, sizeof(got));
	assert_int_equal(command_start(loop, spec, on_done, name), 0);
	ev_run(loop, 0);
	return clock_mono().ms - start;
}

static void test_rows(void **state)
{
	static const struct row {
		const char *name;
		const char *argv[4];
		const char *input;
		int want;
		const char *output;	/* NULL: any */
		const char *why;
	} rows[] = {
		{ "works", { "true" }, NULL, 0, "", "" },
		{ "fails", { "false" }, NULL, -EIO, "", "cmd: exit 1" },
		{ "says why", { "sh", "-c", "echo no\\\\such; exit 3" }, NULL, -EIO, NULL,
		  "cmd: exit 3: no\\\\such" },
		{ "dies", { "sh", "-c", "kill -9 $$" }, NULL, -EIO, "", "cmd: killed by signal 9" },
		{ "missing", { "no-such-command" }, NULL, -EIO, NULL,
		  "cmd: exit 127: no-such-command: No such file or directory" },
		{ "no shell for a file without #!", { "/etc/passwd" }, NULL, -EIO, NULL, NULL },
		{ "environment", { "env" }, NULL, 0,
		  "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\n", "" },
		{ "root directory", { "pwd" }, NULL, 0, "/\n", "" },
		{ "three descriptors and ls's own", { "ls", "/proc/self/fd" }, NULL, 0,
		  "0\n1\n2\n3\n", "" },
		{ "empty input", { "cat" }, NULL, 0, "", "" },
		{ "input", { "cat" }, "one\ntwo\n", 0, "one\ntwo\n", "" },
		/* 32 and 33 are glibc's own: posix_spawn(3), by which make starts
		 * us, leaves them ignored, and sigaction(2) refuses them. */
		{ "no signal ignored", { "grep", "-cE", "SigIgn:.0000000[01][08]0000000$",
		  "/proc/self/status" }, NULL, 0, "1\n", "" },
		{ "no signal blocked", { "grep", "SigBlk", "/proc/self/status" }, NULL, 0,
		  "SigBlk:\t0000000000000000\n", "" },
		{ "stderr too", { "sh", "-c", "echo a; echo b >&2" }, NULL, 0, "a\nb\n", "" },
	};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct command_spec spec = {
			.argv = (char *const *)(uintptr_t)r->argv, .timeout_ms = 5000,
			.input = span_of(r->input),
		};

		run(&spec);
		if (got.error != r->want || (r->output && strcmp(got.output, r->output)) ||
		    (r->why && strcmp(got.why, r->why)))
			fail_msg("%s: %d '%s' '%s'", r->name, got.error, got.why, got.output);
	}
}

static void shell(const char *script, unsigned timeout_ms, struct command_spec *ret)
{
	static const char *argv[4] = { "sh", "-c" };

	argv[2] = script;
	*ret = (struct command_spec){
		.argv = (char *const *)(uintptr_t)argv, .timeout_ms = timeout_ms,
	};
}

static void test_flood(void **state)
{
	struct command_spec spec;

	(void)state;
	shell("head -c 3000000 /dev/zero | tr '\\0' x", 10000, &spec);
	run(&spec);
	assert_int_equal(got.error, 0);
	assert_int_equal(got.n, COMMAND_OUTPUT_MAX);
	shell("exec yes", 300, &spec);
	assert_true(run(&spec) < 2000);
	assert_int_equal(got.error, -ETIMEDOUT);
}

static void test_large_input(void **state)
{
	struct command_spec spec;
	static char input[200000];

	(void)state;
	memset(input, 'a', sizeof(input));
	shell("sleep 0.2; wc -c", 5000, &spec);
	spec.input = (struct span){ input, sizeof(input) };
	run(&spec);
	assert_string_equal(got.output, "200000\n");
	shell("exit 0", 5000, &spec);	/* never reads it */
	spec.input = (struct span){ input, sizeof(input) };
	run(&spec);
	assert_int_equal(got.error, 0);
}

static void test_deaf_to_term(void **state)
{
	struct command_spec spec;
	int64_t took;

	(void)state;
	shell("trap '' TERM; echo here; while :; do sleep 0.1; done", 200, &spec);
	took = run(&spec);
	assert_int_equal(got.error, -ETIMEDOUT);
	assert_string_equal(got.why, "cmd: took too long and was ended: here");
	assert_in_range(took, 2000, 4000);
}

static void test_group_dies(void **state)
{
	struct command_spec spec;
	pid_t child;

	(void)state;
	shell("(trap '' TERM; sleep 60) & echo $!; wait", 200, &spec);
	run(&spec);
	assert_int_equal(got.error, -ETIMEDOUT);
	child = atoi(got.output);
	assert_true(child > 1);
	for (int i = 0; i < 50 && kill(child, 0) == 0; i++)
		usleep(20000);
	/* An orphan may still wait for init to reap it. */
	if (kill(child, 0) == 0) {
		char path[64], line[256] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", child);
		f = fopen(path, "r");
		assert_true(!f || (fgets(line, sizeof(line), f) && strstr(line, ") Z ")));
		if (f)
			fclose(f);
	}
}

/* A daemon that a helper starts keeps the pipe open for good. */
static void test_daemon_keeps_pipe(void **state)
{
	struct command_spec spec;
	pid_t daemon_pid;

	(void)state;
	shell("sleep 30 & echo $!", 10000, &spec);
	assert_true(run(&spec) < 2000);
	assert_int_equal(got.error, 0);
	daemon_pid = atoi(got.output);
	assert_int_equal(kill(daemon_pid, 0), 0);	/* and it is left alone */
	kill(daemon_pid, SIGKILL);
	shell("yes & echo $!; sleep 0.2", 10000, &spec);	/* one that floods */
	assert_true(run(&spec) < 2000);
	assert_int_equal(got.error, 0);
}

static int call_me(const void *arg)
{
	return printf("%s", (const char *)arg) > 0 && fflush(stdout) == 0 ? 7 : 1;
}

static void test_call(void **state)
{
	struct command_spec spec = { .call = call_me, .arg = "hello", .timeout_ms = 1000 };

	(void)state;
	run(&spec);
	assert_string_equal(got.output, "hello");
	assert_string_equal(got.why, "cmd: exit 7: hello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_flood),
		cmocka_unit_test(test_large_input), cmocka_unit_test(test_deaf_to_term),
		cmocka_unit_test(test_group_dies), cmocka_unit_test(test_daemon_keeps_pipe),
		cmocka_unit_test(test_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
