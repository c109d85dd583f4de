/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts commands for the runner and hears of their end. Takes an argv, what
 * to feed it and how long it may take; gives its exit status and the first
 * bytes it printed. The end is that of the child, never that of the pipe: a
 * daemon that a helper starts (postfix start, docker exec) inherits the pipe
 * and holds it open for good. Input is a memfd, so that nobody has to feed a
 * slow reader.
 */
#include "privileged/runner/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define TERM_GRACE_S 2.0
#define KILL_GRACE_S 5.0
#define READS_AT_ONCE 16	/* a flood must not keep the loop from others */

enum stage { RUNNING, TERMINATED, KILLED };

struct command {
	struct ev_loop *loop;
	ev_child child;
	ev_io out;
	ev_timer timer;
	int fd;
	pid_t pid;
	enum stage stage;
	command_done_fn *done;
	void *arg;
	size_t n;
	char output[COMMAND_OUTPUT_MAX];
};

static char *const environment[] = {
	(char []){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char []){ "LANG=C" }, NULL
};

/*
 * Not execvp(3): that hands a file without a #! line to a shell.
 */
static void exec_in_path(char *const *argv)
{
	static const char *const path[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
	char full[4096];

	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, environment);
		return;
	}
	for (size_t i = 0; i < sizeof(path) / sizeof(*path); i++) {
		if (snprintf(full, sizeof(full), "%s/%s", path[i], argv[0]) >= (int)sizeof(full))
			continue;
		execve(full, argv, environment);
		if (errno != ENOENT && errno != ENOTDIR)
			return;
	}
}

/* All of the child's life before the command's own; never returns. */
__attribute__((noreturn))
static void become(const struct command_spec *s, int in, int out)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	setsid();
	if (s->output_fd > 0)
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ COMMAND_FILE_MAX, COMMAND_FILE_MAX });
	if (dup2(in, 0) < 0 || dup2(s->output_fd > 0 ? s->output_fd : out, 1) < 0 || dup2(out, 2) < 0 ||
	    close_range(3, ~0U, 0) < 0 || chdir("/") < 0)
		_exit(126);
	umask(022);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (s->call)
		_exit(s->call(s->arg));
	exec_in_path(s->argv);
	dprintf(2, "%s: %s\n", s->argv[0], strerror(errno));
	_exit(127);
}

static int make_input(struct span input, int *ret)
{
	_cleanup_(close_fd) int fd = -1;

	if (input.n == 0)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < input.n;) {
		ssize_t n = pwrite(fd, input.p + at, input.n - at, (off_t)at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	*ret = fd;
	fd = -1;
	return 0;
}

/* With every signal held back, so that no handler of ours runs in the child. */
static pid_t fork_child(const struct command_spec *s, int in, int out)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(s, in, out);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* What fits is kept, the rest is read and dropped: the child never blocks. */
static void read_output(struct command *c)
{
	char spare[4096];

	for (int i = 0; i < READS_AT_ONCE; i++) {
		bool full = c->n == sizeof(c->output);
		ssize_t n = full ? read(c->fd, spare, sizeof(spare)) :
			    read(c->fd, c->output + c->n, sizeof(c->output) - c->n);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			ev_io_stop(c->loop, &c->out);
			return;
		}
		if (!full)
			c->n += (size_t)n;
	}
}

static void finish(struct command *c, int status)
{
	struct command_result r = {
		.status = status,
		.timed_out = c->stage != RUNNING,
	};

	if (ev_is_active(&c->out))
		read_output(c);
	ev_io_stop(c->loop, &c->out);
	ev_timer_stop(c->loop, &c->timer);
	ev_child_stop(c->loop, &c->child);
	close(c->fd);
	r.output = (struct span){ c->output, c->n };
	c->done(c->arg, &r);
	free(c);
}

static void on_child(struct ev_loop *loop, ev_child *w, int revents)
{
	struct command *c = w->data;

	(void)loop;
	(void)revents;
	if (c->stage != RUNNING)	/* what it started and ignores SIGTERM */
		kill(-c->pid, SIGKILL);
	finish(c, w->rstatus);
}

static void on_output(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	read_output(w->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct command *c = w->data;

	(void)revents;
	ev_timer_stop(loop, w);
	if (c->stage == KILLED) {
		/* Beyond the reach of signals (a dead disk): leave it behind. */
		finish(c, SIGKILL);
		return;
	}
	kill(-c->pid, c->stage == RUNNING ? SIGTERM : SIGKILL);
	ev_timer_set(w, c->stage == RUNNING ? TERM_GRACE_S : KILL_GRACE_S, 0.);
	c->stage++;
	ev_timer_start(loop, w);
}

void command_end(struct command *c)
{
	if (c->stage == RUNNING)
		on_timer(c->loop, &c->timer, 0);
}

void command_kill(struct command **cp)
{
	struct command *c = *cp;

	*cp = NULL;
	kill(-c->pid, SIGKILL);
	ev_io_stop(c->loop, &c->out);
	ev_timer_stop(c->loop, &c->timer);
	ev_child_stop(c->loop, &c->child);
	close(c->fd);
	free(c);
}

static void watch(struct command *c, unsigned timeout_ms)
{
	ev_child_init(&c->child, on_child, c->pid, 0);
	ev_io_init(&c->out, on_output, c->fd, EV_READ);
	ev_timer_init(&c->timer, on_timer, timeout_ms / 1000., 0.);
	c->child.data = c->out.data = c->timer.data = c;
	ev_child_start(c->loop, &c->child);
	ev_io_start(c->loop, &c->out);
	ev_now_update(c->loop);
	if (timeout_ms)
		ev_timer_start(c->loop, &c->timer);
}

int command_start(struct ev_loop *loop, const struct command_spec *spec,
		  command_done_fn *done, void *arg)
{
	_cleanup_(close_fd) int in = -1;
	_cleanup_(close_fd) int from = -1;
	_cleanup_(close_fd) int to = -1;
	_cleanup_(free_ptr) struct command *c = calloc(1, sizeof(*c));
	int ends[2], ret;

	if (!c)
		return -ENOMEM;
	ret = make_input(spec->input, &in);
	if (ret < 0)
		return ret;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	to = ends[1];
	if (fcntl(from, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	c->pid = fork_child(spec, in, to);
	if (c->pid < 0)
		return -errno;
	c->loop = loop;
	c->fd = from;
	c->done = done;
	c->arg = arg;
	watch(c, spec->timeout_ms);
	if (spec->ret_command)
		*spec->ret_command = c;
	from = -1;
	c = NULL;
	return 0;
}

int command_judge(const struct command_result *r, const char *name,
		  char *why, size_t size)
{
	struct buf b = { 0 };
	struct span rest = r->output, said = { 0 };
	int ret = -EIO;

	if (r->error == 0 && !r->timed_out && r->status == 0)
		return 0;
	buf_printf(&b, "%s: ", name);
	if (r->error) {
		ret = r->error;
		buf_printf(&b, "not started: %s", strerror(-r->error));
	} else if (r->timed_out) {
		ret = -ETIMEDOUT;
		buf_puts(&b, "took too long and was ended");
	} else if (WIFSIGNALED(r->status)) {
		buf_printf(&b, "killed by signal %d", WTERMSIG(r->status));
	} else {
		buf_printf(&b, "exit %d", WEXITSTATUS(r->status));
	}
	if (span_line(&rest, &said) && said.n > 0) {
		buf_puts(&b, ": ");
		buf_put_escaped(&b, said);
	}
	snprintf(why, size, "%s", buf_cstr(&b));
	buf_free(&b);
	return ret;
}
