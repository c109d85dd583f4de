/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine reads the configuration and runs the jails' tests, sealed as
 * always; what the mail server says of itself is asked here, with the caller's
 * own rights. Whether the configuration is good is the exit status, whatever
 * the mail server is like.
 */
#include "ctl/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "ctl/mailcheck.h"
#include "ctl/program.h"
#include "ctl/run.h"
#include "ctl/setup.h"
#include "ctl/show.h"
#include "ctl/text.h"

#define ARGS_MAX 16

/* -c FILE and --json may stand behind the command, too. */
static void take_options(struct call *call)
{
	char **to = call->args;

	for (char **a = call->args; *a; a++) {
		if (strcmp(*a, "--json") == 0)
			call->json = true;
		else if (strcmp(*a, "-c") == 0 && a[1])
			call->conf = *++a;
		else
			*to++ = *a;
	}
	*to = NULL;
}

/* bailiff-engine --offline [-c FILE] [--json] check ...; -E2BIG. */
static int engine_words(const struct call *call, const char *path, const char *ret[ARGS_MAX])
{
	size_t n = 0;

	ret[n++] = path;
	ret[n++] = "--offline";
	if (call->conf) {
		ret[n++] = "-c";
		ret[n++] = call->conf;
	}
	if (call->json)
		ret[n++] = "--json";
	ret[n++] = "check";
	for (char **a = call->args; *a; a++) {
		if (n == ARGS_MAX - 1)
			return -E2BIG;
		ret[n++] = *a;
	}
	ret[n] = NULL;
	return 0;
}

static void tell(const struct call *call, const char *engine, json_t *mail)
{
	json_t *report = call->json ? json_loads(engine, 0, NULL) : NULL;

	if (report && mail)
		json_object_set(report, "mail", mail);
	if (report)
		show_json(report);
	else
		fputs(engine, stdout);	/* escaped where it was made */
	if (!call->json && mail)
		mailcheck_show(mail);
	json_decref(report);
}

int run_check(struct call *call)
{
	const char *words[ARGS_MAX];
	struct strings engine = { .n = 1 };
	struct config *config = NULL;
	struct buf out = { 0 };
	json_t *mail = NULL;
	char path[512], *first = path;
	int r;

	take_options(call);
	run_engine_path(path, sizeof(path));
	engine.v = &first;
	r = engine_words(call, path, words);
	if (r == 0)
		r = program_run(&engine, words + 1, false, &out);
	if (r < 0) {
		text_complain("%s: %s", path, strerror(-r));
		buf_free(&out);
		return EXIT_NOT_DONE;
	}
	if (r != EXIT_USAGE && setup_config(call->conf, &config) == 0)
		mail = mailcheck(config);
	tell(call, buf_cstr(&out), mail);
	json_decref(mail);
	config_free(&config);
	buf_free(&out);
	return r;
}
