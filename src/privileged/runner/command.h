/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_COMMAND_H
#define PRIVILEGED_RUNNER_COMMAND_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "bailiff/span.h"

/*
 * One child process: an argv, or a function of ours, run apart from the loop.
 * It gets PATH=/usr/sbin:/usr/bin:/sbin:/bin and LANG=C and no more of an
 * environment, `/` to stand in, a session and process group of its own, no
 * descriptor but 0, 1 and 2, and never a shell.
 */
struct command;

struct command_spec {
	char *const *argv;		/* NULL-terminated */
	int (*call)(const void *arg);	/* instead of argv: returns the exit status */
	const void *arg;
	struct span input;		/* its standard input, copied; none: /dev/null */
	int output_fd;			/* > 0: its standard output, COMMAND_FILE_MAX at most */
	unsigned timeout_ms;		/* then SIGTERM, then SIGKILL, to the group; 0: never */
	struct command **ret_command;	/* NULL, or what command_end() takes until `done` */
};

#define COMMAND_OUTPUT_MAX 4096
#define COMMAND_FILE_MAX (256u << 20)

struct command_result {
	int error;		/* -errno: it was not even started; else 0 */
	int status;		/* as waitpid(2) gives it */
	bool timed_out;
	struct span output;	/* its first bytes on 1 and 2, until the return */
};

typedef void command_done_fn(void *arg, const struct command_result *r);

/*
 * Start it; `done` is called once, from the loop, when the child has ended
 * (or 5 s after a SIGKILL that did not help). What the child started and left
 * behind is not waited for, even if it holds the pipe open.
 * loop  the default loop: the only one that hears of children
 * -errno: not started, `done` will not be called.
 */
int command_start(struct ev_loop *loop, const struct command_spec *spec,
		  command_done_fn *done, void *arg);

/* As if its time were over. */
void command_end(struct command *c);
/* At once, for one that will not be waited for: `done` is not called. */
void command_kill(struct command **c);

/*
 * 0 if it ended with exit status 0; else -errno, and in `why` one sentence:
 * "passwd: exit 3: passwd: file in use".
 */
int command_judge(const struct command_result *r, const char *name,
		  char *why, size_t size);

#endif
