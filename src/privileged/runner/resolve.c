/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host names of `allow:`. getaddrinfo(3) waits, opens sockets and loads
 * modules, so it is called in a child that is nobody, has ten seconds, and
 * writes what it found to its standard output.
 */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/hash.h"
#include "privileged/runner/job.h"

#define RESOLVE_TIMEOUT_MS 10000
#define NOBODY 65534	/* the kernel's overflow id: owns nothing */

enum { NAME_FOUND, NAME_UNKNOWN, NAME_LATER };	/* exit status of the child */

static int drop_privileges(void)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int look_up(const void *arg)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;
	struct addr a;
	int ret;

	if (drop_privileges() < 0)
		return NAME_LATER;
	ret = getaddrinfo(arg, NULL, &hints, &all);
	if (ret == EAI_NONAME || ret == EAI_NODATA)
		return NAME_UNKNOWN;
	if (ret != 0)
		return NAME_LATER;
	for (struct addrinfo *i = all; i; i = i->ai_next)
		if (addr_from_sockaddr(i->ai_addr, &a) == 0 &&
		    write(1, &a, sizeof(a)) != (ssize_t)sizeof(a))
			return NAME_LATER;
	return NAME_FOUND;
}

static struct runner_resolved reply_to(const struct job *j, int error)
{
	struct runner_resolved a = {
		.head = { j->order->resolve.head.id, RUNNER_RESOLVED, 0, sizeof(a) },
		.error = error,
	};

	return a;
}

void resolve_failed(const struct job *j, int error)
{
	struct runner_resolved a = reply_to(j, error);

	runner_send(j->r, &a, sizeof(a));
}

static int judge(const struct command_result *r)
{
	if (r->error)
		return r->error;
	if (r->timed_out)
		return -ETIMEDOUT;
	if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) > NAME_UNKNOWN)
		return -EAGAIN;
	return WEXITSTATUS(r->status) == NAME_FOUND ? 0 : -ENOENT;
}

static void after_look_up(struct job *j, const struct command_result *r)
{
	struct runner_resolved a = reply_to(j, judge(r));
	size_t n = r->output.n / sizeof(struct addr);

	if (a.error == 0) {
		a.n = (uint32_t)(n < RUNNER_ADDRS_MAX ? n : RUNNER_ADDRS_MAX);
		memcpy(a.addr, r->output.p, a.n * sizeof(*a.addr));
	}
	runner_send(j->r, &a, sizeof(a));
	job_end(j, OUTCOME_DONE, 0, " ");
}

int job_accept_resolve(struct job *j, char *why)
{
	(void)why;
	j->key = hash_keyed(j->order->resolve.name, strlen(j->order->resolve.name)) | 1;
	return 0;
}

void job_resolve(struct job *j)
{
	struct command_spec spec = {
		.call = look_up, .arg = j->order->resolve.name,
		.timeout_ms = RESOLVE_TIMEOUT_MS,
	};

	job_command(j, &spec, after_look_up);
}
