/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `bailiff queue`: what is queued; and hold, release, purge. A deed is shown
 * first, with its count and some of the messages, and asked for on the
 * terminal; what is deleted or sent is then no more than what was there when
 * the question was put.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/grid.h"
#include "ctl/run.h"
#include "ctl/show.h"
#include "ctl/text.h"

#define RECIPIENTS_SHOWN 3

static const struct column message_columns[] = {
	{ "QUEUE", "queue", CELL_WORD }, { "ID", "id", CELL_TEXT }, { "ARRIVED", "arrival", CELL_WHEN },
	{ "SIZE", "size", CELL_BYTES }, { "SENDER", "sender", CELL_TEXT }, { "RECIPIENTS", "to", CELL_TEXT },
	{ "INSTANCE", "instance", CELL_TEXT }, { 0 }
};

static const char *string_at(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* The first of them and how many more there are; an empty sender is a bounce. */
static void shorten(json_t *message)
{
	const json_t *to = json_object_get(message, "recipients");
	size_t n = json_array_size(to);
	struct buf text = { 0 };

	for (size_t i = 0; i < n && i < RECIPIENTS_SHOWN; i++)
		buf_printf(&text, "%s%s", i ? ", " : "", json_string_value(json_array_get(to, i)));
	if (n > RECIPIENTS_SHOWN)
		buf_printf(&text, " and %zu more", n - RECIPIENTS_SHOWN);
	json_object_set_new(message, "to", json_string(buf_cstr(&text)));
	buf_free(&text);
	if (*string_at(message, "sender") == 0)
		json_object_set_new(message, "sender", json_string("<>"));
}

static void show_messages(json_t *messages)
{
	struct buf out = { 0 };
	json_t *one;
	size_t i;

	json_array_foreach(messages, i, one)
		shorten(one);
	grid_rows(&out, messages, message_columns, clock_wall());
	fputs(buf_cstr(&out), stdout);
	buf_free(&out);
}

/* "12 messages, 1.2 MB: 3 active, 9 deferred" */
static void say_sum(const json_t *answer)
{
	long long n = json_integer_value(json_object_get(answer, "n"));
	char size[40];
	struct buf text = { 0 };
	const char *queue;
	json_t *count;

	buf_printf(&text, "%lld message%s, %s", n, n == 1 ? "" : "s",
		   text_bytes((double)json_integer_value(json_object_get(answer, "bytes")), size, sizeof(size)));
	json_object_foreach(json_object_get(answer, "queues"), queue, count)
		buf_printf(&text, "%s %lld %s", text.p && memchr(text.p, ':', text.n) ? "," : ":",
			   (long long)json_integer_value(count), queue);
	text_say("%s", buf_cstr(&text));
	buf_free(&text);
}

/* What the admin should know of the listing itself. */
static void say_flaws(const json_t *answer)
{
	static const struct { const char *key, *text; } flaws[] = {
		{ "left_out", "more messages, not shown here" },
		{ "not_taken", "more messages than one deed may take: say it again" },
		{ "not_understood", "lines of the listing that were not understood" },
		{ "given_up", "addresses on which the expression took too long" },
	};
	const char *warning = json_string_value(json_object_get(answer, "warning"));

	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++)
		if (json_object_get(answer, flaws[i].key))
			text_complain("%lld %s", (long long)json_integer_value(json_object_get(answer, flaws[i].key)),
				      flaws[i].text);
	if (warning)
		text_complain("a queue could not be listed: %s", warning);
}

void show_queue(const json_t *request, const json_t *answer)
{
	if (json_object_get(request, "do")) {
		if (json_integer_value(json_object_get(answer, "n")) == 0)
			text_complain("no such message is queued");
		else
			show_steps(request, answer);
	} else {
		show_messages(json_object_get(answer, "messages"));
		say_sum(answer);
	}
	say_flaws(answer);
}

/* A queue that could not be listed, a step that was not done, nothing to do. */
int judge_queue(const json_t *request, const json_t *answer)
{
	bool nothing = json_integer_value(json_object_get(answer, "n")) == 0;

	if (json_object_get(answer, "warning") || json_object_get(answer, "not_taken") ||
	    (nothing && json_object_get(request, "do")))
		return EXIT_NOT_DONE;
	return judge_steps(request, answer);
}

/* ---- first the question ---- */

static bool is_yes(const char *deed)
{
	char line[16] = "";

	printf("%s %s? [y/N] ", deed, strcmp(deed, "purge") == 0 ? "(delete) these" : "these");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		putchar('\n');
	return line[0] == 'y' || line[0] == 'Y';
}

/* EXIT_DONE: go on. */
static int ask_first(struct call *call)
{
	const char *deed = string_at(call->request, "do");
	json_t *answer = NULL;
	int r;

	json_object_set_new(call->request, "dry_run", json_true());
	r = run_ask(call, &answer);
	json_object_del(call->request, "dry_run");
	if (r != EXIT_DONE)
		return r;
	show_messages(json_object_get(answer, "samples"));
	say_sum(answer);
	say_flaws(answer);
	if (json_integer_value(json_object_get(answer, "n")) == 0) {
		text_complain("no such message is queued");
		r = EXIT_NOT_DONE;
	} else if (!isatty(STDIN_FILENO)) {
		text_complain("nothing was done: without a terminal to ask on it needs --yes");
		r = EXIT_NOT_DONE;
	} else if (!is_yes(deed)) {
		text_complain("nothing was done");
		r = EXIT_NOT_DONE;
	}
	/* A hold may take what came since; what cannot be taken back may not. */
	if (strcmp(deed, "hold") != 0)
		json_object_set(call->request, "before", json_object_get(answer, "time"));
	json_decref(answer);
	return r;
}

int run_queue(struct call *call)
{
	bool yes = json_object_get(call->request, "yes") != NULL;
	bool deed = json_object_get(call->request, "do") != NULL;
	int r = EXIT_DONE;

	json_object_del(call->request, "yes");
	if (!deed && (yes || json_object_get(call->request, "no_copy"))) {
		text_complain("%s is about hold, release and purge", yes ? "--yes" : "--no-copy");
		return EXIT_USAGE;
	}
	if (deed && !yes)
		r = ask_first(call);
	return r == EXIT_DONE ? run_request(call) : r;
}
