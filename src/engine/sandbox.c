/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is given up, in which order, and why.
 *
 * 1. no_new_privs: no program could ever give back what was taken
 *    (and both filters below ask for it).
 * 2. not dumpable: the memory of one that reads logs is nobody's business.
 * 3. Landlock (landlock(7)): files only below the state directory. Paths
 *    above it may be closed to our user; we stand in it and use relative names.
 * 4. seccomp: the system calls that reading, counting and SQLite make. What
 *    an intruder would want first (a program, a socket, tracing, executable
 *    memory) ends the process; anything else unknown is refused with EPERM,
 *    so that a library's new habit is a fault that can be read in a log.
 */
#include "engine/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Newer than Debian 12's headers (6.1): linux/landlock.h of ABI 3 and 5. */
#define ACCESS_TRUNCATE (1ULL << 14)
#define ACCESS_IOCTL_DEV (1ULL << 15)
#define ACCESS_ABI1 ((1ULL << 13) - 1)
#define ACCESS_REFER (1ULL << 13)

/* The first mapping that is writable and executable; 0: none. */
static int find_code(uintptr_t *ret_at, size_t *ret_n)
{
	_cleanup_(close_file) FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], perms[5];

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, perms) == 3 &&
		    perms[1] == 'w' && perms[2] == 'x') {
			*ret_at = from;
			*ret_n = to - from;
			return 1;
		}
	return 0;
}

/*
 * PCRE2's JIT keeps a pool of memory that can be written and run. Each mapping
 * is looked for anew: one that changes may join its neighbour.
 */
int sandbox_seal_code(void)
{
	uintptr_t at;
	size_t n;
	int r;

	while ((r = find_code(&at, &n)) > 0)
		if (mprotect((void *)at, n, PROT_READ | PROT_EXEC) < 0)
			return -errno;
	return r;
}

static int enter_landlock(int state_fd, int *ret_abi)
{
	struct landlock_ruleset_attr attr = { 0 };
	struct landlock_path_beneath_attr below = { .parent_fd = state_fd };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd, r = 0;

	*ret_abi = abi > 0 ? (int)abi : 0;
	if (abi <= 0)
		return 0;
	attr.handled_access_fs = ACCESS_ABI1 | (abi >= 2 ? ACCESS_REFER : 0) |
				 (abi >= 3 ? ACCESS_TRUNCATE : 0) |
				 (abi >= 5 ? ACCESS_IOCTL_DEV : 0);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return -errno;
	below.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
			       LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
			       LANDLOCK_ACCESS_FS_REMOVE_FILE |
			       (abi >= 3 ? ACCESS_TRUNCATE : 0);
	if (state_fd >= 0 &&
	    syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
		r = -errno;
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	close(fd);
	return r;
}

#define S(name) SCMP_SYS(name)

static const int allowed[] = {
	/* descriptors we were given, and the ledger's files */
	S(read), S(readv), S(pread64), S(write), S(writev), S(pwrite64), S(lseek),
	S(close), S(fstat), S(newfstatat), S(stat), S(lstat), S(statx), S(fcntl),
	S(openat), S(open), S(unlink), S(unlinkat), S(rename), S(renameat), S(renameat2),
	S(ftruncate), S(fallocate), S(fsync), S(fdatasync), S(access), S(faccessat),
	S(faccessat2), S(getcwd), S(fstatfs), S(fchmod), S(fchown), S(utimensat),
	S(getdents64), S(readlink), S(readlinkat), S(dup),
	/* the loop */
	S(epoll_wait), S(epoll_pwait), S(epoll_pwait2), S(epoll_ctl), S(epoll_create1),
	S(poll), S(ppoll), S(select), S(pselect6), S(eventfd2),
	S(timerfd_create), S(timerfd_settime), S(inotify_rm_watch),
	S(recvmsg), S(recvfrom), S(sendmsg), S(sendto), S(accept4), S(accept),
	S(getsockopt), S(shutdown),
	/* memory and threads */
	S(munmap), S(mremap), S(madvise), S(brk), S(futex), S(set_robust_list), S(rseq),
	S(sched_yield), S(getcpu), S(sched_getaffinity), S(sched_getparam), S(sched_getscheduler),
	S(membarrier), S(exit), S(exit_group), S(rt_sigreturn), S(rt_sigprocmask),
	S(rt_sigaction), S(sigaltstack), S(restart_syscall), S(tgkill), S(gettid), S(getpid), S(getppid),
	S(getuid), S(geteuid), S(getgid), S(getegid), S(uname), S(sysinfo), S(getrusage),
	S(getrandom), S(prlimit64), S(getrlimit),
	/* time */
	S(clock_gettime), S(clock_getres), S(clock_nanosleep), S(nanosleep),
	S(gettimeofday), S(time),
};

/* Nothing of ours ever makes these: whoever does is not us. */
static const int deadly[] = {
	S(execve), S(execveat), S(fork), S(vfork), S(socket), S(socketpair), S(connect), S(bind),
	S(ptrace), S(process_vm_readv), S(process_vm_writev), S(bpf), S(userfaultfd),
	S(init_module), S(finit_module), S(kexec_load), S(mount), S(umount2), S(pivot_root),
	S(setns), S(unshare), S(keyctl), S(add_key), S(request_key), S(io_uring_setup),
	S(perf_event_open), S(open_by_handle_at), S(memfd_create),
};

static int add_rules(scmp_filter_ctx f)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; r == 0 && i < sizeof(deadly) / sizeof(deadly[0]); i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Threads, no processes. clone3's flags are out of reach: glibc falls back. */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), S(clone3), 0);
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOTTY), S(ioctl), 0);
	if (r == 0)	/* names of threads, and of memory (glibc) */
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	return r;
}

static int enter_seccomp(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!f)
		return -ENOMEM;
	seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	r = add_rules(f);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}

int sandbox_enter(int state_fd, int *ret_landlock, const char **ret_what)
{
	int r;

	*ret_what = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	*ret_what = "Landlock";
	r = enter_landlock(state_fd, ret_landlock);
	if (r < 0)
		return r;
	*ret_what = "seccomp";
	return enter_seccomp();
}
