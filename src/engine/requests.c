/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of the command line: who may ask, which command, and how each ends
 * in one answer. The commands themselves are rows of a table.
 */
#include "engine/requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/serve.h"
#include "engine/words.h"
#include "wire/order.h"

static const struct command {
	const char *name;
	enum operator_right right;
	request_fn *fn;
} commands[] = {
	{ "status", RIGHT_READ, request_status },
	{ "bans", RIGHT_READ, request_bans },
	{ "locks", RIGHT_READ, request_locks },
	{ "incidents", RIGHT_READ, request_incidents },
	{ "show", RIGHT_READ, request_show },
	{ "why", RIGHT_READ, request_why },
	{ "watch", RIGHT_READ, request_watch },
	{ "top", RIGHT_READ, request_top },
	{ "trace", RIGHT_READ, request_trace },
	{ "queue", RIGHT_READ, request_queue },		/* what it does: RIGHT_ALL */
	{ "ban", RIGHT_BAN, request_ban },
	{ "unban", RIGHT_BAN, request_unban },
	{ "allow", RIGHT_ALL, request_allow },
	{ "disallow", RIGHT_ALL, request_disallow },
	{ "protect", RIGHT_ALL, request_protect },
	{ "lock", RIGHT_ALL, request_lock },
	{ "unlock", RIGHT_ALL, request_unlock },
	{ "contain", RIGHT_ALL, request_contain },
	{ "undo", RIGHT_ALL, request_undo },
	{ "resolve", RIGHT_ALL, request_resolve },
	{ "jail", RIGHT_ALL, request_jail },
	{ "pause", RIGHT_ALL, request_pause },
	{ "reload", RIGHT_ALL, request_reload },
	{ "teardown", RIGHT_ALL, request_teardown },
};

void request_end(struct request *q)
{
	client_answer(q->c, q->answer);
	json_decref(q->args);
	json_decref(q->incident);
	free(q);
}

void request_fail(struct request *q, int status, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_set_new(q->answer, "ok", json_false());
	json_object_set_new(q->answer, "error", json_string(text));
	json_object_set_new(q->answer, "status", json_integer(status));
	request_end(q);
}

void request_no_jail(struct request *q, const char *name)
{
	struct buf text = { 0 };

	words_no_jail(q->s->config, name, &text);
	request_fail(q, 1, "%s", buf_cstr(&text));
	buf_free(&text);
}

const char *request_text(const struct request *q, const char *key)
{
	return json_string_value(json_object_get(q->args, key));
}

void request_by(const struct request *q, char buf[32])
{
	snprintf(buf, 32, "uid %u", (unsigned)client_uid(q->c));
}

void request_step(struct request *q, const char *what, const char *target,
		  const struct outcome *o)
{
	json_t *steps = json_object_get(q->answer, "steps");

	if (!steps) {
		steps = json_array();
		json_object_set_new(q->answer, "steps", steps);
	}
	json_array_append_new(steps, json_pack("{s:s,s:s,s:s,s:s}", "do", what, "target", target,
					       "status", outcome_name(o->status), "text", o->text));
}

void request_skip(struct request *q)
{
	json_t *steps = json_object_get(q->answer, "steps");

	json_object_set_new(json_array_get(steps, json_array_size(steps) - 1), "status", json_string("skipped"));
}

void request_take(struct serve *s, struct client *c, const char *text, size_t n)
{
	const struct command *found = NULL;
	struct request *q = calloc(1, sizeof(*q));
	const char *name;

	if (!q) {
		client_answer(c, json_pack("{s:b,s:s,s:i}", "ok", 0, "error", "out of memory", "status", 1));
		return;
	}
	q->s = s;
	q->c = c;
	q->answer = json_pack("{s:b}", "ok", 1);
	q->args = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	name = request_text(q, "cmd");
	for (size_t i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			found = &commands[i];
	if (!json_is_object(q->args) || !name)
		request_fail(q, 2, "a request is one JSON object with a \"cmd\"");
	else if (!found)
		request_fail(q, 2, "there is no command '%s'", name);
	else if (client_right(c) < found->right)
		request_fail(q, 1, "permission denied: '%s' needs root, or an operator's right", name);
	else
		found->fn(q);
}
