/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sent how much, and what became of a message: tables, as in show.c. */
#include "ctl/show_flow.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/grid.h"
#include "ctl/text.h"

static const struct column top_columns[] = {
	{ "NAME", "name", CELL_TEXT }, { "MSGS", "msgs", CELL_NUMBER },
	{ "RCPTS", "rcpts", CELL_NUMBER }, { "BYTES", "bytes", CELL_BYTES },
	{ "ADDRESSES", "addresses", CELL_NUMBER }, { "COUNTRIES", "countries", CELL_NUMBER },
	{ "BOUNCES", "bounces", CELL_NUMBER }, { 0 }
};

static const struct column message_facts[] = {
	{ "Message", "id", CELL_TEXT }, { "Began", "time", CELL_WHEN },
	{ "Instance", "instance", CELL_TEXT }, { "Host", "host", CELL_TEXT },
	{ "User", "user", CELL_TEXT }, { "Method", "method", CELL_TEXT },
	{ "Local user id", "uid", CELL_TEXT }, { "Client", "client", CELL_TEXT },
	{ "Address", "addr", CELL_TEXT }, { "Message-ID", "message_id", CELL_TEXT },
	{ "Sender", "sender", CELL_TEXT }, { "Size", "size", CELL_BYTES },
	{ "Recipients", "nrcpt", CELL_TEXT }, { "Tried", "rounds", CELL_TEXT },
	{ "Removed", "removed", CELL_WHEN }, { 0 }
};

static const struct column part_columns[] = {
	{ "CAME BACK AS", "id", CELL_TEXT }, { "WHEN", "time", CELL_WHEN },
	{ "FROM", "addr", CELL_TEXT }, { "INSTANCE", "instance", CELL_TEXT },
	{ "REMOVED", "removed", CELL_WHEN }, { 0 }
};

static const struct column delivery_columns[] = {
	{ "WHEN", "time", CELL_WHEN }, { "ID", "id", CELL_TEXT },
	{ "RECIPIENT", "rcpt", CELL_TEXT }, { "FOR", "orig_to", CELL_TEXT },
	{ "RELAY", "relay", CELL_TEXT }, { "DSN", "dsn", CELL_TEXT },
	{ "STATUS", "status", CELL_WORD }, { "TRIES", "tries", CELL_NUMBER },
	{ "ANSWER", "text", CELL_TEXT }, { 0 }
};

static const struct column note_columns[] = {
	{ "WHEN", "time", CELL_WHEN }, { "ID", "id", CELL_TEXT },
	{ "BY", "by", CELL_TEXT }, { "NOTE", "text", CELL_TEXT }, { 0 }
};

static const struct column short_columns[] = {
	{ "WHEN", "time", CELL_WHEN }, { "ID", "id", CELL_TEXT },
	{ "USER", "user", CELL_TEXT }, { "ADDRESS", "addr", CELL_TEXT },
	{ "SENDER", "sender", CELL_TEXT }, { "SIZE", "size", CELL_BYTES },
	{ "RCPTS", "nrcpt", CELL_NUMBER }, { "SENT", "sent", CELL_NUMBER },
	{ "BOUNCED", "bounced", CELL_NUMBER }, { "DEFERRED", "deferred", CELL_NUMBER },
	{ "REMOVED", "removed", CELL_WHEN }, { 0 }
};

static void print_rows(const json_t *array, const struct column *columns)
{
	struct buf out = { 0 };

	grid_rows(&out, array, columns, clock_wall());
	fputs(buf_cstr(&out), stdout);
	buf_free(&out);
}

static void say_period(const char *what, const json_t *answer)
{
	const json_t *from = json_object_get(answer, "from"), *until = json_object_get(answer, "until");
	char a[80], b[80];

	if (json_is_number(from) && json_is_number(until))
		text_say("%s that began from %s to %s", what,
			 text_when(grid_ms(from), clock_wall(), a, sizeof(a)),
			 text_when(grid_ms(until), clock_wall(), b, sizeof(b)));
}

static void say_forgotten(const json_t *answer)
{
	long long n = (long long)json_integer_value(json_object_get(answer, "forgotten"));
	long long uncounted = (long long)json_integer_value(json_object_get(answer, "uncounted"));

	if (n > 0)
		text_say("%lld older messages are not in it: there was no room for them", n);
	if (uncounted > 0)
		text_say("%lld figures are not in it: there was no room for them", uncounted);
}

void show_top(const json_t *request, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "rows"), *keys = json_object_get(answer, "keys");
	const char *what = json_string_value(json_object_get(answer, "what"));
	char headline[64];

	(void)request;
	snprintf(headline, sizeof(headline), "%lld messages",
		 (long long)json_integer_value(json_object_get(answer, "messages")));
	say_period(headline, answer);
	print_rows(rows, top_columns);
	if (json_array_size(rows) == 0)
		text_say("no %s", what ? what : "rows");
	else if ((size_t)json_integer_value(keys) > json_array_size(rows))
		text_say("%zu of %lld %s", json_array_size(rows), (long long)json_integer_value(keys),
			 what ? what : "rows");
	say_forgotten(answer);
}

/* A headline and a table, where there is one. */
static void show_part(const char *headline, const json_t *array, const struct column *columns)
{
	if (json_array_size(array) == 0)
		return;
	printf("\n%s%s%s\n", text_bold(), headline, text_plain());
	print_rows(array, columns);
}

static void show_life(const json_t *message)
{
	long long left = (long long)json_integer_value(json_object_get(message, "left_out"));
	struct buf out = { 0 };

	grid_facts(&out, message, message_facts, clock_wall());
	fputs(buf_cstr(&out), stdout);
	buf_free(&out);
	show_part("Content filter, or queued again", json_object_get(message, "parts"), part_columns);
	show_part("Deliveries", json_object_get(message, "deliveries"), delivery_columns);
	show_part("Notes", json_object_get(message, "notes"), note_columns);
	if (left > 0)
		text_say("%lld more deliveries are not shown", left);
}

/* Of an account a table; of one message, or of all that had an id, everything. */
void show_trace(const json_t *request, const json_t *answer)
{
	const json_t *messages = json_object_get(answer, "messages");
	const char *by = json_string_value(json_object_get(answer, "by"));
	size_t n = json_array_size(messages);
	long long found = (long long)json_integer_value(json_object_get(answer, "found"));

	(void)request;
	if (n > 1 && by && strcmp(by, "user") == 0) {
		print_rows(messages, short_columns);
		text_say("bailiff trace ID tells the whole of one");
	} else {
		for (size_t i = 0; i < n; i++) {
			if (i > 0)
				putchar('\n');
			show_life(json_array_get(messages, i));
		}
	}
	if (found > (long long)n)
		text_say("the last %zu of %lld messages; --limit tells more", n, found);
	say_forgotten(answer);
}

int judge_trace(const json_t *request, const json_t *answer)
{
	(void)request;
	if (json_array_size(json_object_get(answer, "messages")) > 0)
		return EXIT_DONE;
	text_complain("no such message is known");
	return EXIT_NOT_DONE;
}

/* ---- suggest */

static const struct column suggest_columns[] = {
	{ "JAIL", "jail", CELL_TEXT }, { "CLASS", "class", CELL_TEXT },
	{ "COUNTS", "of", CELL_TEXT }, { "WITHIN", "within", CELL_SPAN },
	{ "ACCOUNTS", "accounts", CELL_NUMBER }, { "WINDOWS", "steps", CELL_NUMBER },
	{ "99.9%", "usual", CELL_NUMBER }, { "MOST", "most", CELL_NUMBER },
	{ "NOW", "limit", CELL_NUMBER }, { "ALONE", "alone", CELL_NUMBER },
	{ "SUGGESTED", "suggest", CELL_NUMBER }, { "ALONE", "suggest_alone", CELL_NUMBER }, { 0 }
};

/* Text that is fit for a terminal, each line behind a "#". */
static void put_comment(const char *text)
{
	for (size_t n; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		printf(n ? "# %.*s\n" : "#%.*s\n", (int)n, text);
	}
}

/* "# sasl-burst today: joe@example.org (812), ann (307); 12 in all" */
static void say_accounts(const json_t *row, const char *what, const json_t *accounts)
{
	const json_t *first = json_object_get(accounts, "first");
	long long n = (long long)json_integer_value(json_object_get(accounts, "n"));
	const char *class = json_string_value(json_object_get(row, "class"));
	struct buf line = { 0 };

	if (n == 0)
		return;
	buf_printf(&line, "%s%s%s %s:", json_string_value(json_object_get(row, "jail")), class ? ", class " : "",
		   class ? class : "", what);
	for (size_t i = 0; i < json_array_size(first); i++) {
		const json_t *a = json_array_get(first, i);

		buf_printf(&line, "%s %s (%lld)", i ? "," : "", json_string_value(json_object_get(a, "user")) ?: "?",
			   (long long)json_integer_value(json_object_get(a, "most")));
	}
	if (n > (long long)json_array_size(first))
		buf_printf(&line, "; %lld in all", n);
	text_say("# %s", buf_cstr(&line));
	buf_free(&line);
}

static void say_all_accounts(const json_t *jails, const char *headline, const char *what, const char *key)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(jails); i++)
		any |= json_integer_value(grid_get(json_array_get(jails, i), key)) > 0;
	if (any)
		put_comment(headline);
	for (size_t i = 0; i < json_array_size(jails); i++)
		say_accounts(json_array_get(jails, i), what, json_object_get(json_array_get(jails, i), what));
}

void show_suggest(const json_t *request, const json_t *answer)
{
	const json_t *jails = json_object_get(answer, "jails");
	const char *yaml = json_string_value(json_object_get(answer, "yaml"));
	long long uncounted = (long long)json_integer_value(json_object_get(answer, "uncounted"));
	struct buf out = { 0 };

	(void)request;
	if (json_array_size(jails) == 0) {
		put_comment("No account did anything that a jail counts.\n");
		return;
	}
	grid_rows(&out, jails, suggest_columns, clock_wall());
	put_comment(buf_cstr(&out));
	buf_free(&out);
	say_all_accounts(jails, "\nWith the limits of today these would have been acted on:\n", "fired", "fired.n");
	say_all_accounts(jails, "\nThese reach even the suggested ones. Look at them first: a thief among them makes\n"
			 "the suggestion too high.\n", "reached", "reached.n");
	if (uncounted > 0)
		text_say("# %lld hits are not in it: there was no room for their accounts", uncounted);
	for (size_t n; yaml && *yaml; yaml += n + (yaml[n] == '\n')) {
		n = strcspn(yaml, "\n");
		text_say("%.*s", (int)n, yaml);
	}
}
