/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A parsed command carried out: the request goes to the engine, the answer to
 * the screen, and the exit status says whether it was done. What root must be
 * able to do without an engine goes to bailiffd's own socket instead.
 */
#include "ctl/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "ctl/client.h"
#include "ctl/rundir.h"
#include "ctl/show.h"
#include "ctl/text.h"

#define RUN_MAX 512
#define REQUEST_MAX 65535	/* engine/control.h: 64 KB with the newline */

static void free_json(json_t **j)
{
	json_decref(*j);
}

/* -E2BIG: said. */
static int request_text(const struct call *call, struct buf *ret)
{
	char *text = json_dumps(call->request, JSON_COMPACT);

	ret->max = REQUEST_MAX;
	buf_puts(ret, text ? text : "");
	free(text);
	if (buf_error(ret))
		text_complain("what was typed is longer than a request may be (64 KB)");
	return buf_error(ret);
}

/*
 * 0: *ret is the engine's answer; -errno: it gave none, and `run` is where it
 * was asked; EXIT_USAGE, EXIT_NOT_DONE: it was not asked, which is said.
 */
static int ask(const struct call *call, char run[RUN_MAX], json_t **ret)
{
	unsigned patience = call->command->patience_s ? call->command->patience_s : PATIENCE_S;
	__attribute__((cleanup(buf_free))) struct buf text = { 0 };
	struct client c;
	int r;

	if (request_text(call, &text) < 0)
		return EXIT_USAGE;
	if (rundir_find(call->conf, run, RUN_MAX) < 0)
		return EXIT_NOT_DONE;
	r = client_open(run, "control.sock", patience, &c);
	if (r < 0)
		return r;
	r = client_ask(&c, buf_span(&text), ret);
	client_close(&c);
	return r;
}

/* An exit status, also of what could not be asked. */
static int status_of(const struct call *call, const char *run, int r)
{
	if (r >= 0)
		return r;
	client_complain(r, run, call->conf);
	return EXIT_NOT_DONE;
}

/* ---- answers ---- */

/* Statuses that leave something undone; see wire: enum outcome_status. */
int judge_steps(const json_t *request, const json_t *answer)
{
	static const char *const undone[] = {
		"refused", "failed", "unknown", "proposed", "waiting",
	};
	const json_t *steps = json_object_get(answer, "steps");

	if (json_is_true(json_object_get(request, "dry_run")))
		return EXIT_DONE;
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const char *status = json_string_value(
			json_object_get(json_array_get(steps, i), "status"));

		for (size_t k = 0; status && k < sizeof(undone) / sizeof(*undone); k++)
			if (strcmp(status, undone[k]) == 0)
				return EXIT_NOT_DONE;
	}
	return EXIT_DONE;
}

int judge_why(const json_t *request, const json_t *answer)
{
	static const char *const parts[] = {
		"bans", "quiet", "counts", "lines", "verdicts", "hand",
	};

	(void)request;
	if (json_object_get(answer, "probation"))
		return EXIT_DONE;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (json_array_size(json_object_get(answer, parts[i])) > 0)
			return EXIT_DONE;
	text_complain("nothing is known of it");
	return EXIT_NOT_DONE;
}

static int refusal(const json_t *answer)
{
	const char *why = json_string_value(json_object_get(answer, "error"));

	text_complain("%s", why ? why : "refused, and no reason was given");
	return json_integer_value(json_object_get(answer, "status")) == EXIT_USAGE ?
	       EXIT_USAGE : EXIT_NOT_DONE;
}

int run_answer(const struct call *call, json_t *answer)
{
	const struct command *c = call->command;
	const json_t *inner = c->inner ? json_object_get(answer, c->inner) : NULL;
	bool ok = json_is_true(json_object_get(answer, "ok"));

	json_object_del(answer, "ok");
	/* What was done before a step failed is told as well. */
	if (!ok && !json_object_get(answer, "steps"))
		return refusal(answer);
	if (call->json)
		show_json(inner ? inner : answer);
	else
		c->show(call->request, answer);
	if (!ok)
		return refusal(answer);
	return c->judge ? c->judge(call->request, answer) : EXIT_DONE;
}

/* ---- without an engine ---- */

bool emergency_line(const json_t *request, bool wide, char *ret, size_t size)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	const char *text = json_string_value(json_object_get(request, "addr"));
	char printed[ADDR_TEXT_MAX];
	struct addr a;

	if (cmd && strcmp(cmd, "teardown") == 0) {
		snprintf(ret, size, "teardown");
	} else if (json_object_get(request, "all")) {
		snprintf(ret, size, "unban --all");
	} else if (text && addr_parse(span_of(text), &a) == 0) {
		if (wide && !json_object_get(request, "exact"))
			a = addr_group(&a, 32, 64);
		snprintf(ret, size, "unban %s", addr_print(&a, printed));
	} else {
		return false;
	}
	return true;
}

/* What bailiffd said to the line: 0 with what an engine would have answered. */
static int emergency_answer(const struct call *call, const char *said, json_t **ret)
{
	const char *addr = json_string_value(json_object_get(call->request, "addr"));
	long long n = 0;

	if (strcmp(said, "none") == 0) {
		text_complain("%s is not banned", addr ? addr : "it");
		return -ENOENT;
	}
	if (strncmp(said, "ok", 2) != 0) {
		text_complain("bailiffd says: %s", said);
		return -EIO;
	}
	sscanf(said, "ok %lld", &n);
	*ret = json_pack("{s:b, s:b, s:[], s:I}", "ok", 1, "emergency", 1, "unbanned", "n",
			 (json_int_t)n);
	if (addr)
		json_array_append(json_object_get(*ret, "unbanned"),
				  json_object_get(call->request, "addr"));
	return *ret ? 0 : -ENOMEM;
}

/* Not root, not one of those, or bailiffd does not answer either: `error` stays. */
static int emergency(const struct call *call, const char *run, int error)
{
	__attribute__((cleanup(free_json))) json_t *answer = NULL;
	__attribute__((cleanup(buf_free))) struct buf said = { 0 };
	char line[ADDR_TEXT_MAX + 16];

	if (!call->command->emergency || geteuid() != 0 ||
	    !emergency_line(call->request, false, line, sizeof(line)))
		return error;
	if (client_emergency(run, line, &said) < 0)
		return error;
	if (strcmp(buf_cstr(&said), "none") == 0) {
		buf_clear(&said);
		emergency_line(call->request, true, line, sizeof(line));
		if (client_emergency(run, line, &said) < 0)
			return error;
	}
	text_complain("the engine is down; bailiffd was asked itself");
	if (emergency_answer(call, buf_cstr(&said), &answer) < 0)
		return EXIT_NOT_DONE;
	return run_answer(call, answer);
}

int run_request(struct call *call)
{
	__attribute__((cleanup(free_json))) json_t *answer = NULL;
	char run[RUN_MAX];
	int r = ask(call, run, &answer);

	if (r < 0 && client_is_down(r))
		r = emergency(call, run, r);
	else if (r == 0)
		r = run_answer(call, answer);
	return status_of(call, run, r);
}

int run_ask_all(const struct call *call, json_t **ret)
{
	char run[RUN_MAX];
	int r = ask(call, run, ret);

	if (r != 0)
		return status_of(call, run, r);
	return json_is_true(json_object_get(*ret, "ok")) ? EXIT_DONE : EXIT_NOT_DONE;
}

int run_ask(const struct call *call, json_t **ret)
{
	__attribute__((cleanup(free_json))) json_t *answer = NULL;
	int r = run_ask_all(call, &answer);

	if (r != EXIT_DONE)
		return answer ? refusal(answer) : r;
	*ret = answer;
	answer = NULL;
	return EXIT_DONE;
}

/* ---- watching ---- */

/* Ends only by its error, or with the exit status of a refusal. */
static int watch_events(struct client *c, bool json)
{
	__attribute__((cleanup(free_json))) json_t *answer = NULL;
	int r = client_ask(c, SPAN_LIT("{\"cmd\":\"watch\"}"), &answer);

	if (r == 0 && !json_is_true(json_object_get(answer, "ok")))
		return refusal(answer);
	if (r == 0)
		r = client_wait(c);
	while (r == 0) {
		__attribute__((cleanup(free_json))) json_t *event = NULL;

		r = client_object(c, &event);
		if (r == 0 && json)
			show_json(event);
		else if (r == 0)
			show_event(event);
	}
	return r == -ECONNRESET ? -ESHUTDOWN : r;
}

int run_watch(struct call *call)
{
	struct client c;
	char run[RUN_MAX];
	int r;

	if (rundir_find(call->conf, run, sizeof(run)) < 0)
		return EXIT_NOT_DONE;
	r = client_open(run, "control.sock", PATIENCE_S, &c);
	if (r == 0) {
		r = watch_events(&c, call->json);
		client_close(&c);
	}
	if (r == -ESHUTDOWN)
		text_complain("the engine ended; watch again to see what its successor does");
	else if (r < 0)
		client_complain(r, run, call->conf);
	return r < 0 ? EXIT_NOT_DONE : r;
}

/* ---- offline ---- */

#define OFFLINE_ARGS 1024

void run_engine_path(char *ret, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret, size - 32);
	char *slash;

	if (n > 0) {
		ret[n] = 0;
		slash = strrchr(ret, '/');
		strcpy(slash ? slash : ret, "/bailiff-engine");
		if (access(ret, X_OK) == 0)
			return;
	}
	snprintf(ret, size, "%s/bailiff-engine", BAILIFF_LIBEXECDIR);
}

int run_offline(struct call *call)
{
	char *argv[OFFLINE_ARGS], path[512];
	size_t n = 0;

	run_engine_path(path, sizeof(path));
	argv[n++] = (char *)"bailiff-engine";
	argv[n++] = (char *)"--offline";
	if (call->conf) {
		argv[n++] = (char *)"-c";
		argv[n++] = (char *)call->conf;
	}
	if (call->json)
		argv[n++] = (char *)"--json";
	argv[n++] = (char *)call->command->name;
	for (char **a = call->args; *a && n < OFFLINE_ARGS; a++)
		argv[n++] = *a;
	if (n == OFFLINE_ARGS) {
		text_complain("more than %d arguments", OFFLINE_ARGS - 8);
		return EXIT_USAGE;
	}
	argv[n] = NULL;
	execv(path, argv);
	text_complain("%s: %s", path, strerror(errno));
	return EXIT_NOT_DONE;
}
