/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that the daemon answers from what it saw, and that answer just so
 * from old logs: then an engine of our own gets the request, in its sandbox,
 * and its answer comes through a pipe instead of the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "ctl/run.h"
#include "ctl/text.h"

#define ANSWER_MAX (256u << 20)
#define FIXED_ARGS 12

/* Its exit status; what it prints goes to `out`. -errno: it could not be started. */
static int capture(char **argv, struct buf *out)
{
	_cleanup_(close_fd) int from = -1;
	posix_spawn_file_actions_t actions;
	char block[16384];
	int ends[2], status, r;
	ssize_t n;
	pid_t pid;

	out->max = ANSWER_MAX;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	r = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (r != 0)
		return -r;
	while ((n = read(from, block, sizeof(block))) > 0)
		buf_put(out, block, (size_t)n);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* The words of an engine that reads these logs; what they point to stays the caller's. */
static char **engine_words(const struct call *call, const json_t *logs, char *path, char *request,
			   char year[16])
{
	char **argv = calloc(json_array_size(logs) + FIXED_ARGS, sizeof(*argv));
	const json_t *y = json_object_get(call->request, "year");
	size_t n = 0;

	if (!argv)
		return NULL;
	argv[n++] = path;
	argv[n++] = (char *)"--offline";
	if (call->conf) {
		argv[n++] = (char *)"-c";
		argv[n++] = (char *)call->conf;
	}
	if (y) {
		snprintf(year, 16, "%lld", (long long)json_integer_value(y) % 1000000);
		argv[n++] = (char *)"--year";
		argv[n++] = year;
	}
	argv[n++] = (char *)"--";
	argv[n++] = (char *)call->command->name;
	argv[n++] = request;
	for (size_t i = 0; i < json_array_size(logs); i++)
		argv[n++] = (char *)json_string_value(json_array_get(logs, i));
	return argv;
}

static int run_engine(const struct call *call, const json_t *logs, struct buf *out)
{
	char path[512], year[16], *request = json_dumps(call->request, JSON_COMPACT), **argv;
	int r;

	run_engine_path(path, sizeof(path));
	argv = engine_words(call, logs, path, request, year);
	r = argv && request ? capture(argv, out) : -ENOMEM;
	if (r < 0)
		text_complain("%s: %s", path, strerror(-r));
	free(argv);
	free(request);
	return r;
}

static int ask_of_logs(struct call *call, const json_t *logs)
{
	struct buf out = { 0 };
	json_t *answer = NULL;
	int r = run_engine(call, logs, &out), shown;

	if (r >= 0 && out.n > 0)
		answer = json_loadb(out.p, out.n, 0, NULL);
	if (!answer && r == 0)
		text_complain("the engine's answer is none");
	if (answer) {
		shown = run_answer(call, answer);
		r = r ? r : shown;
	}
	json_decref(answer);
	buf_free(&out);
	return r < 0 ? EXIT_NOT_DONE : answer ? r : r ? r : EXIT_NOT_DONE;
}

int run_flow(struct call *call)
{
	const json_t *logs = json_object_get(call->request, "logs");

	return logs ? ask_of_logs(call, logs) : run_request(call);
}
