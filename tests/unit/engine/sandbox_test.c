/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a sealed process can no longer do, each tried in a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/sandbox.h"

#define DENIED 40	/* the call was refused */
#define DONE 41		/* the call was carried out */

static int answer(bool done)
{
	return done ? DONE : DENIED;
}

static pcre2_code *code;

static int open_passwd(void)
{
	return answer(open("/etc/passwd", O_RDONLY) >= 0);
}

static int open_above(void)
{
	return answer(open("../escape", O_WRONLY | O_CREAT, 0600) >= 0);
}

static int write_here(void)
{
	int fd = open("here", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	return answer(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink("here") == 0);
}

static int make_socket(void)
{
	return answer(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static int make_unix_socket(void)
{
	return answer(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static int start_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return DENIED;
}

static int fork_child(void)
{
	return answer(fork() >= 0);
}

static int trace_parent(void)
{
	return answer(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0);
}

static int map_executable(void)
{
	return answer(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int make_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return answer(p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
}

static void *nothing(void *arg)
{
	return arg;
}

static int start_thread(void)
{
	pthread_t t;

	return answer(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
}

/* Compiled before the seal, as the engine does it. */
static int match_jit(void)
{
	pcre2_match_data *m = pcre2_match_data_create_from_pattern(code, NULL);

	return answer(pcre2_jit_match(code, (PCRE2_SPTR)"from 192.0.2.7", 14, 0, 0, m, NULL) > 0);
}

static const struct row {
	const char *name;
	int (*try)(void);
	int want;		/* exit status, or a signal as -SIGNAL */
} rows[] = {
	{ "open /etc/passwd", open_passwd, DENIED },
	{ "write above the state directory", open_above, DENIED },
	{ "write in it", write_here, DONE },
	{ "TCP socket", make_socket, -SIGSYS },
	{ "unix socket", make_unix_socket, -SIGSYS },
	{ "exec", start_program, -SIGSYS },
	{ "fork", fork_child, DENIED },
	{ "ptrace", trace_parent, -SIGSYS },
	{ "map executable memory", map_executable, DENIED },
	{ "make memory executable", make_executable, DENIED },
	{ "thread", start_thread, DONE },
	{ "JIT", match_jit, DONE },
};

static void compile_pattern(void)
{
	PCRE2_SIZE at;
	int error;

	code = pcre2_compile((PCRE2_SPTR)"from ([0-9.]+)", PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
	if (!code || pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0)
		_exit(98);
}

static int in_sandbox(const char *dir, int (*try)(void))
{
	const char *what;
	int fd, abi, status;
	pid_t pid = fork();

	if (pid == 0) {
		compile_pattern();
		fd = open(dir, O_RDONLY | O_DIRECTORY);
		if (fd < 0 || fchdir(fd) < 0 || sandbox_enter(fd, &abi, &what) < 0)
			_exit(97);
		_exit(try());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void sealed(void **state)
{
	char dir[] = "/tmp/bailiff-sandbox-XXXXXX";
	unsigned wrong = 0;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();		/* sanitizers make system calls that the seal refuses */
#endif
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = in_sandbox(dir, rows[i].try);

		if (got != rows[i].want) {
			print_error("%s: got %d, want %d\n", rows[i].name, got, rows[i].want);
			wrong++;
		}
	}
	rmdir(dir);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sealed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
