/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `undo --jail J --since T`: for the night that a limit was wrong. Each incident
 * of the jail since then that nobody has closed is taken back as `undo ID`
 * would, and told; one that fails keeps the others from nothing, and the same
 * command again tries it once more.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/run.h"
#include "ctl/show.h"
#include "ctl/text.h"

#define INCIDENTS_MAX 100000

static const char *string_at(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* Ask another thing on the way; as run_ask(). */
static int ask(const struct call *call, json_t *take_request, json_t **ret)
{
	struct call other = *call;
	int r;

	other.request = take_request;
	r = run_ask(&other, ret);
	json_decref(take_request);
	return r;
}

/* Is it open still, and which one is it: for the headline. */
static bool is_open(const struct call *call, json_int_t id)
{
	json_t *answer = NULL;
	bool open = ask(call, json_pack("{s:s,s:I}", "cmd", "show", "id", id), &answer) == EXIT_DONE &&
		    json_is_null(json_object_get(json_object_get(answer, "incident"), "closed"));

	json_decref(answer);
	return open;
}

/* One incident; EXIT_DONE if all of it was taken back. */
static int take_back(const struct call *call, const json_t *incident, json_t *answers)
{
	json_t *request = json_copy(call->request), *answer = NULL;
	struct call other = *call;
	int r;

	json_object_del(request, "jail");
	json_object_del(request, "since");
	json_object_set(request, "id", json_object_get(incident, "id"));
	other.request = request;
	r = run_ask_all(&other, &answer);
	if (answer && !call->json) {
		text_say("incident %lld, %s:", (long long)json_integer_value(json_object_get(incident, "id")),
			 string_at(incident, "subject"));
		show_steps(request, answer);
		if (!json_is_true(json_object_get(answer, "ok")))
			text_complain("incident %lld: %s", (long long)json_integer_value(json_object_get(incident, "id")),
				      string_at(answer, "error"));
	}
	if (answer) {
		json_object_set(answer, "id", json_object_get(incident, "id"));
		json_array_append(answers, answer);
	}
	json_decref(request);
	json_decref(answer);
	return r;
}

static int take_back_all(const struct call *call, const json_t *incidents)
{
	const char *jail = string_at(call->request, "jail");
	double since = (double)clock_wall().ms / 1000 - json_number_value(json_object_get(call->request, "since"));
	json_t *answers = json_array();
	size_t done = 0, failed = 0;

	for (size_t i = 0; i < json_array_size(incidents); i++) {
		const json_t *one = json_array_get(incidents, i);

		if (strcmp(string_at(one, "jail"), jail) != 0 ||
		    json_number_value(json_object_get(one, "time")) < since ||
		    !is_open(call, json_integer_value(json_object_get(one, "id"))))
			continue;
		if (take_back(call, one, answers) == EXIT_DONE)
			done++;
		else
			failed++;
	}
	if (call->json)
		show_json(answers);
	else if (done + failed > 0)
		text_say("%zu of %zu taken back", done, done + failed);
	json_decref(answers);
	if (done + failed == 0)
		text_complain("jail %s has no open incident since then", jail);
	return failed || done == 0 ? EXIT_NOT_DONE : EXIT_DONE;
}

int run_undo(struct call *call)
{
	json_t *answer = NULL;
	bool jail = json_object_get(call->request, "jail") != NULL;
	int r;

	if (jail != (json_object_get(call->request, "since") != NULL)) {
		text_complain("undo: --jail and --since go together");
		return EXIT_USAGE;
	}
	if (!jail)
		return run_request(call);
	r = ask(call, json_pack("{s:s,s:i}", "cmd", "incidents", "limit", INCIDENTS_MAX), &answer);
	if (r == EXIT_DONE)
		r = take_back_all(call, json_object_get(answer, "incidents"));
	json_decref(answer);
	return r;
}
