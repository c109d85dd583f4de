/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an engine can do no more once it is sealed, and what it still must.
 * Each row is tried in a child of its own, which ends with the error it met
 * or by the kernel's hand (SIGSYS).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/sandbox.h"

#define DIES 1000	/* by SIGSYS */
#define NO_SEAL 99

static char dir[] = "/tmp/bailiff-sandbox-XXXXXX";
static int landlock_abi;
static FILE *maps;	/* of the child: nothing opens once it is sealed */

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* How a child ended that tried it. */
static int status_of(int (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const char *what;
		int fd = open(dir, O_RDONLY | O_DIRECTORY), abi;

		signal(SIGSEGV, SIG_DFL);	/* cmocka's own would speak for us */
		maps = fopen("/proc/self/maps", "r");
		if (fd < 0 || fchdir(fd) < 0 || sandbox_seal_code() < 0 ||
		    sandbox_enter(fd, &abi, &what) < 0)
			_exit(NO_SEAL);
		_exit(try() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* 0: it was allowed; an errno; DIES. */
static int sealed(int (*try)(void))
{
	int status = status_of(try);

	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return DIES;
	}
	assert_int_not_equal(WEXITSTATUS(status), NO_SEAL);
	return WEXITSTATUS(status);
}

/* ---- files */

static int read_passwd(void) { return open("/etc/passwd", O_RDONLY); }
static int read_parent(void) { return open("..", O_RDONLY | O_DIRECTORY); }
static int read_memory(void) { return open("/proc/self/mem", O_RDWR); }
static int write_tmp(void) { return open("/tmp/bailiff-sandbox-out", O_WRONLY | O_CREAT, 0600); }
static int rename_out(void) { return rename("state", "/tmp/bailiff-sandbox-out"); }
static int make_directory(void) { return mkdir("directory", 0700); }
static int make_link(void) { return symlink("/etc/passwd", "link"); }
static int make_hard_link(void) { return link("/etc/passwd", "link"); }
static int make_node(void) { return mknod("node", S_IFCHR, 0); }
static int change_root(void) { return chroot("."); }
static int change_mode(void) { return chmod("/etc/passwd", 0666); }

static int keep_state(void)
{
	int fd = open("state.new", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 || fsync(fd) < 0 ||
	    rename("state.new", "state") < 0 || unlink("state") < 0)
		return -1;
	return close(fd);
}

/* ---- programs and processes */

static int run_program(void)
{
	char *const argv[] = { (char *)"true", NULL };

	return execve("/bin/true", argv, NULL);
}

static int run_by_descriptor(void)
{
	char *const argv[] = { (char *)"true", NULL };

	return (int)syscall(SYS_execveat, 3, "", argv, NULL, AT_EMPTY_PATH);
}

static int fork_off(void) { return (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); }
#ifdef SYS_fork
static int fork_plain(void) { return (int)syscall(SYS_fork); }
#endif
static int fork_new(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	return (int)syscall(SYS_clone3, &args, sizeof(args));
}
static int kill_parent(void) { return kill(getppid(), SIGTERM); }
static int trace(void) { return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL); }
static int read_other(void) { return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0); }
static int become_root(void) { return setuid(0); }
static int be_dumpable(void) { return prctl(PR_SET_DUMPABLE, 1); }
static int leave_user(void) { return unshare(CLONE_NEWUSER); }
static int enter_namespace(void) { return setns(0, 0); }

/* ---- network */

static int ip_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int netlink_socket(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static int pair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}
static int connect_to(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	return connect(0, (struct sockaddr *)&sin, sizeof(sin));
}
static int bind_to(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	return bind(0, (struct sockaddr *)&sin, sizeof(sin));
}

/* ---- memory and the kernel */

static int map(int prot)
{
	return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static int map_code(void) { return map(PROT_READ | PROT_WRITE | PROT_EXEC); }
static int map_data(void) { return map(PROT_READ | PROT_WRITE); }
static int turn_to_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static int file_in_memory(void) { return (int)syscall(SYS_memfd_create, "x", 0); }
static int load_bpf(void)
{
	union bpf_attr attr = { 0 };

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}
static int use_io_uring(void) { return (int)syscall(SYS_io_uring_setup, 1, NULL); }
static int use_userfaultfd(void) { return (int)syscall(SYS_userfaultfd, 0); }
static int use_keys(void) { return (int)syscall(SYS_add_key, "user", "x", "x", 1, -3); }
static int type_in_terminal(void) { return ioctl(0, TIOCSTI, "x"); }
static int open_handle(void) { return (int)syscall(SYS_open_by_handle_at, 0, NULL, 0); }

#ifdef __x86_64__
/* getpid(2) as a program of 32 bits calls it. */
static int call_32_bit(void)
{
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return r < 0 ? -1 : 0;
}
#endif

static void *thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int start_thread(void)
{
	pthread_t t;
	int ran = 0;

	errno = EAGAIN;
	if (pthread_create(&t, NULL, thread, &ran) || pthread_join(t, NULL))
		return -1;
	return ran ? 0 : -1;
}

static const struct row {
	const char *name;
	int (*try)(void);
	int want;
	bool by_landlock;
} rows[] = {
	{ "its state", keep_state, 0, false },
	{ "memory", map_data, 0, false },
	{ "threads", start_thread, 0, false },
	{ "/etc/passwd", read_passwd, EACCES, true },
	{ "the directory above", read_parent, EACCES, true },
	{ "its own memory as a file", read_memory, EACCES, true },
	{ "a file elsewhere", write_tmp, EACCES, true },
	{ "a directory", make_directory, EPERM, false },
	{ "a symbolic link", make_link, EPERM, false },
	{ "a hard link", make_hard_link, EPERM, false },
	{ "a device", make_node, EPERM, false },
	{ "another root", change_root, EPERM, false },
	{ "another's mode", change_mode, EPERM, false },
	{ "a program", run_program, DIES, false },
	{ "a program by descriptor", run_by_descriptor, DIES, false },
	{ "a process", fork_off, EPERM, false },
#ifdef SYS_fork
	{ "a process by fork", fork_plain, DIES, false },
#endif
	{ "a process by clone3", fork_new, ENOSYS, false },
	{ "a signal", kill_parent, EPERM, false },
	{ "tracing", trace, DIES, false },
	{ "another's memory", read_other, DIES, false },
	{ "root", become_root, EPERM, false },
	{ "being looked at", be_dumpable, EPERM, false },
	{ "a user namespace", leave_user, DIES, false },
	{ "a namespace", enter_namespace, DIES, false },
	{ "an IP socket", ip_socket, DIES, false },
	{ "a unix socket", unix_socket, DIES, false },
	{ "a netlink socket", netlink_socket, DIES, false },
	{ "a pair of sockets", pair, DIES, false },
	{ "a connection", connect_to, DIES, false },
	{ "an address", bind_to, DIES, false },
	{ "memory with code", map_code, EPERM, false },
	{ "memory that becomes code", turn_to_code, EPERM, false },
	{ "a file in memory", file_in_memory, DIES, false },
	{ "bpf", load_bpf, DIES, false },
	{ "io_uring", use_io_uring, DIES, false },
	{ "userfaultfd", use_userfaultfd, DIES, false },
	{ "keys", use_keys, DIES, false },
	{ "a terminal", type_in_terminal, ENOTTY, false },
	{ "a file by its handle", open_handle, DIES, false },
#ifdef __x86_64__
	{ "a call of 32 bits", call_32_bit, DIES, false },
#endif
};

static void each(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got;

		if (rows[i].by_landlock && landlock_abi == 0)
			continue;
		got = sealed(rows[i].try);
		if (got != rows[i].want)
			fail_msg("%s: %s, not %d", rows[i].name, got == DIES ? "killed" : strerror(got),
				 rows[i].want);
	}
	unlink("/tmp/bailiff-sandbox-out");
}

/* A rename from the state directory to elsewhere: EXDEV by Landlock before ABI 2. */
static void nothing_leaves(void **state)
{
	(void)state;
	assert_int_not_equal(sealed(rename_out), 0);
	assert_int_equal(access("/tmp/bailiff-sandbox-out", F_OK), -1);
}

/* ---- PCRE2's JIT */

static pcre2_code *compile(void)
{
	int error;
	size_t at;

	return pcre2_compile((PCRE2_SPTR)"a+b", PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
}

static pcre2_code *before;

static int match_before(void)
{
	pcre2_match_data *m = pcre2_match_data_create(1, NULL);

	errno = EINVAL;
	return pcre2_jit_match(before, (PCRE2_SPTR)"xaaab", 5, 0, 0, m, NULL) > 0 ? 0 : -1;
}

static int compile_after(void)
{
	pcre2_code *late = compile();
	int r = pcre2_jit_compile(late, PCRE2_JIT_COMPLETE);

	errno = ENOMEM;
	return r < 0 ? -1 : 0;
}

/* Is any memory left that can be written and run? */
static int write_code(void)
{
	char line[512], perms[5];
	unsigned long from, to;

	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, perms) == 3 && perms[1] == 'w' && perms[2] == 'x')
			return 0;
	errno = EFAULT;
	return -1;
}

static void jit(void **state)
{
	(void)state;
	before = compile();
	assert_non_null(before);
	assert_int_equal(pcre2_jit_compile(before, PCRE2_JIT_COMPLETE), 0);
	assert_int_equal(sealed(match_before), 0);
	/* Its pool of memory for code takes nothing more: an error, or the end. */
	assert_int_not_equal(status_of(compile_after), 0);
	assert_int_equal(sealed(write_code), EFAULT);
	pcre2_code_free(before);
}

/* ---- what /proc says */

static void kernel_agrees(void **state)
{
	int to_child[2], from_child[2], status, abi = -1;
	char path[64], line[256], c = 0;
	bool filtered = false, no_new = false;
	const char *what;
	pid_t pid;
	FILE *f;

	(void)state;
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(from_child), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(dir, O_RDONLY | O_DIRECTORY);
		char done;

		close(to_child[1]);
		done = sandbox_enter(fd, &abi, &what) == 0 ? (char)abi : -1;
		if (write(from_child[1], &done, 1) != 1 || read(to_child[0], &done, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(to_child[0]);
	assert_int_equal(read(from_child[0], &c, 1), 1);
	assert_true(c >= 0);
	landlock_abi = c;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		filtered |= strcmp(line, "Seccomp:\t2\n") == 0;
		no_new |= strcmp(line, "NoNewPrivs:\t1\n") == 0;
	}
	fclose(f);
	assert_true(filtered && no_new);
	close(to_child[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_agrees),	/* first: it asks for Landlock */
		cmocka_unit_test(each), cmocka_unit_test(nothing_leaves), cmocka_unit_test(jit),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
